"""Messages: what a peer sent, and how a value becomes what is sent."""

from __future__ import annotations

import json
from typing import Any, Tuple, Union

from . import _abi

_TEXT = _abi.TEXT
_BINARY = _abi.BINARY


class Message:
    """One message of a peer. `data` is its payload, `opcode` 1 for text and 2 for binary."""

    __slots__ = ("data", "opcode")

    def __init__(self, data: bytes, opcode: int) -> None:
        if data.__class__ is not bytes:
            raise TypeError(f"the payload of a message is bytes, not {type(data).__name__}")
        self.data = data
        self.opcode = opcode

    @property
    def is_text(self) -> bool:
        return self.opcode == _TEXT

    @property
    def text(self) -> str:
        """The payload as text. Binary is decoded too: UnicodeDecodeError if it is no UTF-8."""
        return self.data.decode()

    def json(self) -> Any:
        """The payload read as JSON; raises ValueError if it is none."""
        return json.loads(self.data)

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
        return self.opcode == other.opcode and self.data == other.data

    def __hash__(self) -> int:
        return hash((self.opcode, self.data))

    def __repr__(self) -> str:
        kind = "text" if self.is_text else "binary"
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
    raise TypeError(f"a message is str or bytes, not {type(data).__name__}; send_json sends other values")


def json_text(value: Any) -> str:
    """The compact JSON of a value."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
