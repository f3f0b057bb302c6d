"""Messages: what a peer sent, and how a value becomes what is sent."""

from __future__ import annotations

import json
from typing import Any, Optional, Tuple, Union

from . import _abi

_TEXT = _abi.TEXT
_BINARY = _abi.BINARY


class Message:
    """One message of a peer. `data` is its payload, `opcode` 1 for text and 2 for binary.

    On a route with dialect="json" a text is an event: `event` is its name, and `data` the JSON of its
    data, empty for none.
    """

    __slots__ = ("data", "opcode", "event")

    def __init__(self, data: bytes, opcode: int, event: Optional[str] = None) -> None:
        if data.__class__ is not bytes:
            raise TypeError(f"the payload of a message is bytes, not {type(data).__name__}")
        self.data = data
        self.opcode = opcode
        self.event = event

    @property
    def is_text(self) -> bool:
        """Whether it came as text."""
        return self.opcode == _TEXT

    @property
    def text(self) -> str:
        """The payload as text; binary is decoded too.

        Raises: UnicodeDecodeError if it is no UTF-8."""
        return self.data.decode()

    def json(self) -> Any:
        """The payload read as JSON.

        Raises: ValueError if it is none, or has a number of more digits than Python reads."""
        return json_value(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def __bool__(self) -> bool:
        return True

    def __bytes__(self) -> bytes:
        return self.data

    def __str__(self) -> str:
        return self.text

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Message):
            return NotImplemented
        return self.opcode == other.opcode and self.data == other.data and self.event == other.event

    def __hash__(self) -> int:
        return hash((self.opcode, self.data, self.event))

    def __repr__(self) -> str:
        kind = "text" if self.is_text else "binary"
        if self.event is not None:
            kind = f"event {self.event!r}"
        shown = self.data if len(self.data) <= 64 else self.data[:64] + b"..."
        return f"<Message {kind} {len(self.data)} bytes {shown!r}>"


Sendable = Union[str, bytes, bytearray, memoryview, Message]


def payload_of(data: Sendable) -> Tuple[int, bytes]:
    """Opcode and bytes of something to send: text for str, binary for bytes, a message as it came."""
    if isinstance(data, str):
        return _TEXT, data.encode()
    if isinstance(data, bytes):
        return _BINARY, data
    if isinstance(data, Message):
        return data.opcode, data.data
    if isinstance(data, (bytearray, memoryview)):
        return _BINARY, bytes(data)
    raise TypeError(f"data takes str or bytes, not {type(data).__name__}; send_json sends other values")


class _Nothing:
    """Stands for no data, which is another thing than null."""

    def __repr__(self) -> str:
        return "NOTHING"


NOTHING = _Nothing()


def event_data(value: Any) -> bytes:
    """The data of an event, as JSON; b"" for NOTHING."""
    return b"" if value is NOTHING else json_text(value).encode()


def _not_json(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


# Made once: json.dumps and json.loads make one for each call with options.
_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
_DECODE = json.JSONDecoder(parse_constant=_not_json).decode


def json_text(value: Any) -> str:
    """The compact JSON of a value. Raises ValueError for NaN and infinities, which JSON does not have."""
    return _ENCODE(value)


def json_value(text: Union[str, bytes]) -> Any:
    """What a JSON text says. Raises ValueError if it is none; NaN and Infinity, which Python's own reader
    takes, are none."""
    return _DECODE(text if text.__class__ is str else text.decode())  # type: ignore[union-attr]
