"""What a handshake or an HTTP request carries, and the answer to a request."""

from __future__ import annotations

import struct
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple, Union
from urllib.parse import parse_qsl

from .message import json_text, json_value

_LENGTHS = struct.Struct("<5I")


class Headers(Mapping[str, str]):
    """The headers of a request, looked up without regard to case. A repeated one is joined with commas."""

    __slots__ = ("_fields",)

    def __init__(self, pairs: List[Tuple[str, str]]) -> None:
        self._fields: Dict[str, str] = {}
        for name, value in pairs:
            key = name.lower()
            self._fields[key] = f"{self._fields[key]}, {value}" if key in self._fields else value

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        return f"Headers({self._fields!r})"


def _pairs(block: bytes) -> List[Tuple[str, str]]:
    """Reads name NUL value NUL …. A header value may be any bytes; what is not UTF-8 is read as Latin-1."""
    parts = block.split(b"\0")
    return [(_text(name), _text(value)) for name, value in zip(parts[0:-1:2], parts[1::2])]


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


class Head:
    """The head of a request as the library hands it over; its parts are read when they are asked for."""

    __slots__ = ("path", "_info", "_query", "_headers", "_captures", "_cookies")

    def __init__(self, path: str, info: bytes) -> None:
        self.path = path
        self._info = info
        self._query: Optional[Dict[str, str]] = None
        self._headers: Optional[Headers] = None
        self._captures: Optional[Dict[str, str]] = None
        self._cookies: Optional[Dict[str, str]] = None

    def _part(self, index: int) -> bytes:
        if len(self._info) < _LENGTHS.size:
            return b""
        lengths = _LENGTHS.unpack_from(self._info)
        start = _LENGTHS.size + sum(lengths[:index])
        return self._info[start : start + lengths[index]]

    @property
    def method(self) -> str:
        return _text(self._part(0))

    @property
    def query_string(self) -> str:
        return _text(self._part(1))

    @property
    def query(self) -> Dict[str, str]:
        if self._query is None:
            self._query = dict(parse_qsl(self.query_string, keep_blank_values=True))
        return self._query

    @property
    def address(self) -> str:
        return _text(self._part(2))

    @property
    def headers(self) -> Headers:
        if self._headers is None:
            self._headers = Headers(_pairs(self._part(3)))
        return self._headers

    @property
    def captures(self) -> Dict[str, str]:
        if self._captures is None:
            self._captures = dict(_pairs(self._part(4)))
        return self._captures

    @property
    def cookies(self) -> Dict[str, str]:
        if self._cookies is None:
            values = [value for name, value in _pairs(self._part(3)) if name == "cookie"]
            self._cookies = cookies_of(values)
        return self._cookies


def cookies_of(values: Iterable[str]) -> Dict[str, str]:
    """The cookies in the values of Cookie headers (RFC 6265 4.2.1). What is no pair is passed over; of a
    repeated name the first counts, as its path is the longest (5.4)."""
    found: Dict[str, str] = {}
    for value in values:
        for pair in value.split(";"):
            name, equals, content = pair.partition("=")
            name, content = name.strip(" \t"), content.strip(" \t")
            if len(content) >= 2 and content[0] == content[-1] == '"':
                content = content[1:-1]
            if equals and name:
                found.setdefault(name, content)
    return found


class Request:
    """An HTTP request that a handler of `Server.http` answers."""

    __slots__ = ("id", "body", "_head")

    def __init__(self, ident: int, head: Head, body: bytes) -> None:
        self.id = ident
        self.body = body
        self._head = head

    @property
    def method(self) -> str:
        """Such as "GET"."""
        return self._head.method

    @property
    def path(self) -> str:
        """The path of the request."""
        return self._head.path

    @property
    def captures(self) -> Dict[str, str]:
        """What stood in the places of {names} in the route's pattern."""
        return self._head.captures

    @property
    def query(self) -> Dict[str, str]:
        """The query's fields; of a repeated one, the last."""
        return self._head.query

    @property
    def query_string(self) -> str:
        """The query as it came, without the question mark."""
        return self._head.query_string

    @property
    def headers(self) -> Headers:
        """The headers of the request, looked up without regard to case."""
        return self._head.headers

    @property
    def cookies(self) -> Dict[str, str]:
        """The cookies of the request; of a repeated one, the first."""
        return self._head.cookies

    @property
    def address(self) -> str:
        """The peer's address, such as "127.0.0.1:51234", or "unix"."""
        return self._head.address

    @property
    def text(self) -> str:
        """The body as text.

        Raises: UnicodeDecodeError if it is no UTF-8."""
        return self.body.decode()

    def json(self) -> Any:
        """The body read as JSON.

        Raises: ValueError if it is none."""
        return json_value(self.body)

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path}>"


class Response:
    """The answer to a request. Text is sent as text/plain, bytes as they are, all else as JSON."""

    __slots__ = ("body", "status", "headers")

    def __init__(
        self, body: Any = b"", status: int = 200, headers: Optional[Mapping[str, str]] = None
    ) -> None:
        content_type: Optional[str]
        if isinstance(body, str):
            self.body, content_type = body.encode(), "text/plain; charset=utf-8"
        elif isinstance(body, (bytes, bytearray, memoryview)):
            self.body, content_type = bytes(body), "application/octet-stream"
        else:
            self.body, content_type = json_text(body).encode(), "application/json"
        self.status = status
        self.headers = dict(headers or {})
        if self.body and not any(name.lower() == "content-type" for name in self.headers):
            self.headers["Content-Type"] = content_type

    def header_lines(self) -> bytes:
        """The headers as the library takes them.

        Raises: ValueError for a line break in one, which would forge another."""
        for name, value in self.headers.items():
            if any(character in name + value for character in "\r\n\0"):
                raise ValueError(f"the header {name!r} contains a line break")
        return "".join(f"{name}: {value}\r\n" for name, value in self.headers.items()).encode()


Answer = Union[Response, str, bytes, Tuple[int, Any], Mapping[str, Any], List[Any], None]


def response_of(answer: Any) -> Response:
    """What a handler returned, as a response: (status, body) or a body; None is 204 without a body."""
    if isinstance(answer, Response):
        return answer
    if answer is None:
        return Response(b"", 204)
    if isinstance(answer, tuple):
        status, body = answer
        return Response(body, status)
    return Response(answer)
