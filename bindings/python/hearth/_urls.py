"""What a client gives a server in its request: the query and the headers."""

from __future__ import annotations

from typing import Any, Mapping, Optional, Sequence, Tuple, Union
from urllib.parse import urlencode

from .errors import InvalidError

HeaderFields = Union[Mapping[str, str], Sequence[Tuple[str, str]]]


def with_query(url: str, query: Optional[Mapping[str, Any]]) -> str:
    if not isinstance(url, str):
        raise TypeError(f"url takes a str, not {url!r}")
    if query is not None and not isinstance(query, Mapping):
        raise TypeError(f"query takes a mapping, not {query!r}")
    if not query:
        return url
    scheme, _, rest = url.partition(":")
    if scheme in ("unix", "ws+unix") and ":/" not in rest:
        url += ":/"  # Where the path of the socket ends.
    return url + ("&" if "?" in url else "?") + urlencode(query)


def header_lines(headers: HeaderFields) -> str:
    """Header fields as the library takes them. A line break in a value would be a field of its own."""
    fields = list(headers.items() if isinstance(headers, Mapping) else headers)
    if not all(isinstance(field, (tuple, list)) and len(field) == 2 for field in fields):
        raise TypeError(f"headers takes a mapping, or pairs of name and value, not {headers!r}")
    lines = []
    for name, value in fields:
        if any(character in f"{name}{value}" for character in "\r\n\0"):
            raise InvalidError(f"the header {name!r} contains a line break")
        lines.append(f"{name}: {value}\n")
    return "".join(lines)
