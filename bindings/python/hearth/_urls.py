"""What a client gives a server in its request: the query and the headers."""

from __future__ import annotations

from typing import Any, Mapping, Optional, Sequence, Tuple, Union
from urllib.parse import urlencode

from .errors import InvalidError

HeaderFields = Union[Mapping[str, str], Sequence[Tuple[str, str]]]


def with_query(url: str, query: Optional[Mapping[str, Any]]) -> str:
    if not query:
        return url
    scheme, _, rest = url.partition(":")
    if scheme in ("unix", "ws+unix") and ":/" not in rest:
        url += ":/"  # Where the path of the socket ends.
    return url + ("&" if "?" in url else "?") + urlencode(query)


def header_lines(headers: HeaderFields) -> str:
    """Header fields as the library takes them. A line break in a value would be a field of its own."""
    fields = headers.items() if isinstance(headers, Mapping) else headers
    lines = []
    for name, value in fields:
        if any(character in f"{name}{value}" for character in "\r\n\0"):
            raise InvalidError(f"the header {name!r} contains a line break")
        lines.append(f"{name}: {value}\n")
    return "".join(lines)
