"""Transports that the program brings: connections without a socket of the library's."""

from __future__ import annotations

import ctypes
import struct
from typing import TYPE_CHECKING, Any, Callable, Iterable, List, Optional, Tuple

from . import _abi
from ._library import c_number, c_string, check, optional_c_string
from .connection import Connection
from .message import Message, Sendable, payload_of

if TYPE_CHECKING:
    from ._engine import Engine
    from .server import Server

# The functions of the C interface that a program in Python does not need: it gets events instead.
_NOTHING = _abi.hearth_event_fn()
_UNCHECKED = _abi.hearth_channel_check_fn()

Carrier = Callable[[List[Connection], Message], Any]


class Channel:
    """A transport registered with `Server.channel`. Its connections are like any other.

    What is sent to them is given to the channel's function: send(connections, message), once for all
    connections that get the same. When the library closes one, its on_close says so.
    """

    def __init__(self, server: "Server", name: str, send: Carrier, acknowledge: bool, liveness: bool) -> None:
        self.name = name
        self.send = send
        self._server = server
        self._options = f"acknowledge={'on' if acknowledge else 'off'},liveness={'on' if liveness else 'off'}"

    def _register(self, engine: "Engine") -> None:
        register = engine.functions.server_channel
        options = c_string(self._options)
        engine.check(register(engine.server, c_string(self.name), options, _NOTHING, _UNCHECKED, None))

    def connect(
        self,
        path: str = "/",
        *,
        recipient: str = "",
        user: Optional[str] = None,
        query: str = "",
        headers: Iterable[Tuple[str, str]] = (),
        address: Optional[str] = None,
        subprotocol: Optional[str] = None,
    ) -> Connection:
        """A connection begins, on the route that the path matches; on_open is called soon. on_connect is
        not: who connects has decided. To be called where the server was started."""
        server = self._server
        peer = _abi.hearth_channel_peer(
            size=ctypes.sizeof(_abi.hearth_channel_peer),
            recipient=c_string(recipient),
            path=c_string(path),
            query=c_string(query),
            headers=c_string("".join(f"{name}: {value}\r\n" for name, value in headers)),
            user=optional_c_string(user),
            address=optional_c_string(address),
            subprotocol=optional_c_string(subprotocol),
        )
        ident = ctypes.c_uint64()
        engine = server._running_engine()
        # It may wait for a thread of the engine, which may wait for Python's lock to log something.
        connect = engine.library.patient.server_connect_channel
        engine.check(connect(engine.server, c_string(self.name), ctypes.byref(peer), ctypes.byref(ident)))
        connection = server._announce(ident.value)
        server._sent()
        return connection

    def receive(self, connection: Connection, data: Sendable) -> None:
        """A message came from the connection: QueueFullError means that the program does not keep up."""
        opcode, payload = payload_of(data)
        result = self._server._functions.channel_receive(connection.id, opcode, payload, len(payload))
        self._server._sent()
        check(result)

    def sent(self, connection: Connection, size: int) -> None:
        """The transport has let go of so many bytes, for acknowledge=True."""
        check(self._server._functions.channel_sent(connection.id, size))
        self._server._sent()

    def alive(self, connection: Connection) -> None:
        """A sign of life, for liveness=True."""
        check(self._server._functions.channel_alive(connection.id))

    def closed(self, connection: Connection, code: int = 1006, reason: str = "") -> None:
        """The transport has ended; on_close follows."""
        result = self._server._functions.channel_closed(connection.id, c_number(code), c_string(reason))
        self._server._sent()
        check(result)


def ids_of(info: bytes) -> Tuple[int, ...]:
    """The connections of a CHANNEL_SEND event."""
    return struct.unpack(f"<{len(info) // 8}Q", info)
