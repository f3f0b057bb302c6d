"""Who is in a room, by user, and what changes."""

from __future__ import annotations

import ctypes
import dataclasses
import enum
from typing import Dict, Iterator, Tuple

from . import _abi
from ._library import check
from ._runtime import Runtime
from .connection import Connection


class PresenceKind(enum.Enum):
    """What changed about a user in a room."""

    JOINED = "joined"
    LEFT = "left"
    UPDATED = "updated"


@dataclasses.dataclass(frozen=True)
class PresentUser:
    """A user in a room. Without connections: the last one was lost, and presence_grace runs, or the user is
    on other processes."""

    name: str
    connections: Tuple[Connection, ...]
    data: bytes
    joined_at_ms: int


@dataclasses.dataclass(frozen=True)
class Presence:
    """The users of a room, by name. Changes with a version up to that of the snapshot are in it."""

    version: int
    users: Dict[str, PresentUser]


def read_presence(runtime: Runtime, room: bytes) -> Presence:
    """The presence of a room of that name."""
    version = ctypes.c_uint64()
    size = 1024
    while True:
        words = (ctypes.c_uint64 * (size // 8))()
        function = runtime.functions.room_presence
        length = check(function(runtime.handle, room, ctypes.byref(version), words, size))
        if length <= size:
            break
        size = (length + 1024) & ~7
    entries = _entries(runtime, memoryview(words).cast("B")[:length])
    return Presence(version.value, {entry.name: entry for entry in entries})


def _entries(runtime: Runtime, view: memoryview) -> Iterator[PresentUser]:
    offset = 0
    while offset < len(view):
        head = _abi.hearth_presence.from_buffer_copy(view, offset)
        start = offset + head.head_size
        end = start + 8 * head.connection_count
        ids = view[start:end].cast("Q")
        name = str(view[end : end + head.user_length], "utf-8")
        end += head.user_length + 1
        yield PresentUser(
            name,
            tuple(runtime.connection(ident) for ident in ids),
            bytes(view[end : end + head.data_length]),
            head.joined_at_ms,
        )
        offset += head.size
