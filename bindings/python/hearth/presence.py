"""Who is in a room, by user, and what changes."""

from __future__ import annotations

import ctypes
import dataclasses
import enum
from typing import TYPE_CHECKING, Dict, Iterator, Tuple

from . import _abi
from ._library import check

if TYPE_CHECKING:
    from .connection import Connection
    from .room import Room


class PresenceKind(enum.Enum):
    JOINED = "joined"
    LEFT = "left"
    UPDATED = "updated"


@dataclasses.dataclass(frozen=True)
class PresenceChange:
    """A user joined or left a room, or has other data. Changes of a room have versions that grow by one."""

    room: "Room"
    user: str
    kind: PresenceKind
    version: int
    data: bytes


@dataclasses.dataclass(frozen=True)
class PresentUser:
    """A user in a room. Without connections: the last one was lost, and presence_grace runs, or the user is
    on other processes."""

    name: str
    connections: Tuple["Connection", ...]
    data: bytes
    joined_at_ms: int


@dataclasses.dataclass(frozen=True)
class Presence:
    """The users of a room, by name. Changes with a version up to that of the snapshot are in it."""

    version: int
    users: Dict[str, PresentUser]


def read_presence(room: "Room") -> Presence:
    server = room._server
    version = ctypes.c_uint64()
    size = 1024
    while True:
        words = (ctypes.c_uint64 * (size // 8))()
        function = server._functions.room_presence
        length = check(function(server._handle, room._key, ctypes.byref(version), words, size))
        if length <= size:
            break
        size = (length + 1024) & ~7
    users = {
        entry.name: entry for entry in _entries(room, memoryview(words).cast("B")[:length])
    }
    return Presence(version.value, users)


def _entries(room: "Room", view: memoryview) -> Iterator[PresentUser]:
    offset = 0
    head_size = ctypes.sizeof(_abi.hearth_presence)
    while offset < len(view):
        head = _abi.hearth_presence.from_buffer_copy(view, offset)
        start = offset + head_size
        end = start + 8 * head.connection_count
        ids = view[start:end].cast("Q")
        name = str(view[end : end + head.user_length], "utf-8")
        end += head.user_length + 1
        yield PresentUser(
            name,
            tuple(room._server._connection(ident) for ident in ids),
            bytes(view[end : end + head.data_length]),
            head.joined_at_ms,
        )
        offset += head.size
