"""The packed records of events, as hearth_engine_poll_packed in include/hearth.h describes them."""

from __future__ import annotations

import struct
from typing import List

from . import _abi

def _whole() -> struct.Struct:
    return struct.Struct("<" + "".join(letter for _, letter in _abi.PACKED_EVENT))


def _part(*names: str) -> struct.Struct:
    """Reads only the named fields of a record, in their order."""
    format_: List[str] = ["<"]
    for name, letter in _abi.PACKED_EVENT:
        format_.append(letter if name in names else f"{struct.calcsize('<' + letter)}x")
    return struct.Struct("".join(format_).rstrip("0123456789x"))


RECORD = _whole()
RECORD_SIZE = RECORD.size
# A message needs only some of the fields: of a server, and of a client.
MESSAGE_RECORD = _part("size", "type", "connection", "opcode", "data_length", "event_name_length")
CLIENT_MESSAGE_RECORD = _part("size", "type", "server", "opcode", "data_length")
# What is added to the number of a client, in the place of a server's.
CLIENT_BASE = 0x80000000


class Record:
    """One event of a server, other than a message."""

    __slots__ = (
        "kind", "flags", "connection", "code", "opcode", "route", "data", "room", "user", "path", "info",
    )  # fmt: skip

    def __init__(self, view: memoryview, offset: int) -> None:
        (_, self.kind, self.flags, self.connection, _, self.code, self.opcode, self.route,
         data, room, user, path, info, _, _) = RECORD.unpack_from(view, offset)  # fmt: skip
        start = offset + RECORD_SIZE
        self.data = bytes(view[start : start + data])
        start += data
        self.room = str(view[start : start + room], "utf-8")
        start += room
        self.user = str(view[start : start + user], "utf-8")
        start += user
        self.path = str(view[start : start + path], "utf-8", "replace")
        start += path
        self.info = bytes(view[start : start + info])


class ClientRecord:
    """One event of a client, other than a message."""

    __slots__ = (
        "kind", "flags", "message", "code", "state", "status", "error", "attempt", "delay_ms", "data", "path",
        "info",
    )  # fmt: skip

    def __init__(self, view: memoryview, offset: int) -> None:
        (_, self.kind, self.flags, self.message, _, self.code, opcode, self.error,
         data, room, user, path, info, _, _) = RECORD.unpack_from(view, offset)  # fmt: skip
        self.state = opcode & 0xFFFF
        self.status = opcode >> 16
        self.attempt = self.message >> 32
        self.delay_ms = self.message & 0xFFFFFFFF
        start = offset + RECORD_SIZE
        self.data = bytes(view[start : start + data])
        start += data + room + user
        self.path = str(view[start : start + path], "utf-8", "replace")
        start += path
        self.info = bytes(view[start : start + info])
