"""Rooms: named sets of connections."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, List, Optional, Protocol, Union

from . import _abi
from ._library import c_string, check, read_ids, read_names
from .connection import _SIZES, _SIZES_COUNT, Connection
from .message import NOTHING, Message, Sendable, event_data, json_text, payload_of
from .presence import Presence, read_presence

if TYPE_CHECKING:
    from .server import Server

class HasID(Protocol):
    """A connection, of this module or of hearth.sync."""

    @property
    def id(self) -> int: ...


# Who does not get a broadcast: a connection, or all connections of a user.
Except = Union[Connection, HasID, str, None]


def except_reference(except_: Except) -> Any:
    """The C form of an exception, or None."""
    if except_ is None:
        return None
    entry = _abi.hearth_except(size=ctypes.sizeof(_abi.hearth_except))
    if isinstance(except_, str):
        entry.user = c_string(except_)
    elif hasattr(except_, "id"):
        entry.connection = except_.id
    else:
        raise TypeError(f"who is left out is a connection or a user, not {type(except_).__name__}")
    return ctypes.byref(entry)


class Room:
    """A room of a server. It exists in the library while it has members; this object only names it."""

    __slots__ = ("name", "_server", "_key")

    def __init__(self, server: "Server", name: str) -> None:
        self.name = name
        self._server = server
        self._key = c_string(name)

    def broadcast(self, data: Sendable, except_: Except = None) -> int:
        """Sends to every member but the exception. Answers for how many it was queued."""
        if data.__class__ is Message:
            opcode, payload = data.opcode, data.data
        else:
            opcode, payload = payload_of(data)
        server = self._server
        engine = server._engine or server._running_engine()
        length = len(payload)
        size = _SIZES[length] if length < _SIZES_COUNT else ctypes.c_size_t(length)
        left_out = None if except_ is None else except_reference(except_)
        result: int = engine.bare_room_broadcast(
            engine.bare_server, self._key, opcode, payload, size, left_out
        )
        pump = server._pump
        if pump is not None and pump.idle:
            pump.wake()
        return result if result >= 0 else check(result)

    def broadcast_json(self, value: Any, except_: Except = None) -> int:
        return self.broadcast(json_text(value), except_)

    def broadcast_event(self, name: str, data: Any = NOTHING, except_: Except = None) -> int:
        """Sends an event to every member but the exception, each in its dialect: see Connection.send_event.
        Answers for how many it was queued."""
        payload = event_data(data)
        server = self._server
        result: int = server._functions.room_send_event(
            server._handle, self._key, c_string(name), payload, len(payload), except_reference(except_)
        )
        server._sent()
        return check(result)

    @property
    def members(self) -> List[Connection]:
        server = self._server
        ids = read_ids(server._functions.room_members, server._handle, self._key)
        return [server._connection(ident) for ident in ids]

    @property
    def users(self) -> List[str]:
        """The users in the room, each once however many connections they have."""
        return read_names(self._server._functions.room_users, self._server._handle, self._key)

    def presence(self) -> Presence:
        """Who is in the room, by user, with a version: changes given to on_presence with a version up to it
        are in it, those above it are not."""
        return read_presence(self)

    def __len__(self) -> int:
        none: Optional[Any] = None
        return check(self._server._functions.room_members(self._server._handle, self._key, none, 0))

    def __bool__(self) -> bool:
        return True

    def __contains__(self, connection: Connection) -> bool:
        return connection in self.members

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Room):
            return NotImplemented
        return self._server is other._server and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"<Room {self.name!r}>"
