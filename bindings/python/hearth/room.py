"""Rooms: named sets of connections."""

from __future__ import annotations

import ctypes
import dataclasses
from typing import Any, List, Optional, Protocol, Union

from . import _abi
from ._arguments import a_text
from ._library import check, read_ids, read_names
from ._runtime import Runtime
from .connection import _SIZES, _SIZES_COUNT, Connection
from .message import NOTHING, Message, Sendable, event_data, json_text, payload_of
from .presence import Presence, PresenceKind, read_presence


class HasID(Protocol):
    """A connection, of this module or of hearth.sync."""

    @property
    def id(self) -> int: ...


# Who does not get a broadcast: a connection, or all connections of a user.
Except = Union[Connection, HasID, str, None]


def except_reference(except_: Except, local: bool = False) -> Any:
    """The C form of an exception, or None. local: other processes do not get it either."""
    if except_ is None and not local:
        return None
    entry = _abi.hearth_except(size=ctypes.sizeof(_abi.hearth_except))
    if local:
        entry.flags = _abi.EXCEPT_ELSEWHERE
    if except_ is None:
        pass
    elif isinstance(except_, str):
        entry.user = a_text("except_", except_)
    elif hasattr(except_, "id"):
        entry.connection = except_.id
    else:
        raise TypeError(f"except_ takes a connection or the name of a user, not {except_!r}")
    return ctypes.byref(entry)


class Room:
    """A room of a server. It exists in the library while it has members; this object only names it."""

    __slots__ = ("name", "_runtime", "_key")

    def __init__(self, runtime: Runtime, name: str) -> None:
        self._key = a_text("name", name)
        self.name = name
        self._runtime = runtime

    def broadcast(self, data: Sendable, except_: Except = None, *, local: bool = False) -> int:
        """Sends to every member but the exception. Answers for how many connections of this process it was
        queued. local: only to members in this process, where other processes of a cluster have some too.

        Raises: StateError unless the server runs, InvalidError for an empty name, TooLargeError."""
        if data.__class__ is Message:
            opcode, payload = data.opcode, data.data
        else:
            opcode, payload = payload_of(data)
        runtime = self._runtime
        engine = runtime.engine or runtime.running_engine
        length = len(payload)
        size = _SIZES[length] if length < _SIZES_COUNT else ctypes.c_size_t(length)
        left_out = None if except_ is None and not local else except_reference(except_, local)
        result: int = engine.bare_room_broadcast(
            engine.bare_server, self._key, opcode, payload, size, left_out
        )
        pump = runtime.pump
        if pump is not None and pump.idle:
            pump.wake()
        return result if result >= 0 else check(result)

    def broadcast_json(self, value: Any, except_: Except = None, *, local: bool = False) -> int:
        """Sends a value as JSON in a text message, as broadcast.

        Raises: ValueError for NaN and infinities, TypeError for what JSON has no form for, as broadcast."""
        return self.broadcast(json_text(value), except_, local=local)

    def broadcast_event(
        self, name: str, data: Any = NOTHING, except_: Except = None, *, local: bool = False
    ) -> int:
        """Sends an event to every member but the exception, each in its dialect: see Connection.send_event.
        Answers as broadcast.

        Raises: as broadcast_json."""
        payload = event_data(data)
        runtime = self._runtime
        function = runtime.functions.room_send_event
        event, left_out = a_text("name", name), except_reference(except_, local)
        return runtime.call(function, runtime.handle, self._key, event, payload, len(payload), left_out)

    @property
    def members(self) -> List[Connection]:
        """The connections in the room.

        Raises: StateError unless the server runs."""
        runtime = self._runtime
        ids = read_ids(runtime.functions.room_members, runtime.handle, self._key)
        return [runtime.connection(ident) for ident in ids]

    @property
    def users(self) -> List[str]:
        """The users in the room, each once however many connections they have.

        Raises: StateError unless the server runs."""
        return read_names(self._runtime.functions.room_users, self._runtime.handle, self._key)

    def presence(self) -> Presence:
        """Who is in the room, by user, with a version: changes given to on_presence with a version up to it
        are in it, those above it are not.

        Raises: StateError unless the server runs."""
        return read_presence(self._runtime, self._key)

    def __len__(self) -> int:
        none: Optional[Any] = None
        return check(self._runtime.functions.room_members(self._runtime.handle, self._key, none, 0))

    def __bool__(self) -> bool:
        return True

    def __contains__(self, connection: Connection) -> bool:
        return connection in self.members

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Room):
            return NotImplemented
        return self._runtime is other._runtime and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"<Room {self.name!r}>"


@dataclasses.dataclass(frozen=True)
class PresenceChange:
    """A user joined or left a room, or has other data. Changes of a room have versions that grow by one.

    is_local: it happened in this process, and not in another one of a cluster. Every process with a member in
    the room gets the change.
    """

    room: Room
    user: str
    kind: PresenceKind
    version: int
    data: bytes
    is_local: bool = True
