"""Transports that the program brings: connections without a socket of the library's."""

from __future__ import annotations

import ctypes
import struct
from typing import Any, Callable, Iterable, List, Optional, Tuple

from . import _abi
from ._arguments import a_function, a_number, a_text, a_text_or_none
from ._engine import Engine
from ._library import check
from ._runtime import Runtime
from .close_codes import CloseCode
from .connection import Connection
from .errors import GoneError
from .message import Message, Sendable, payload_of

# The functions of the C interface that a program in Python does not need: it gets events instead.
_NOTHING = _abi.hearth_event_fn()
_UNCHECKED = _abi.hearth_channel_check_fn()

Carrier = Callable[[List[Connection], Message], Any]


class Channel:
    """A transport registered with `Server.channel`. Its connections are like any other.

    What is sent to them is given to the channel's function: send(connections, message), once for all
    connections that get the same. When the library closes one, its on_close says so.
    """

    def __init__(
        self, runtime: Runtime, name: str, send: Carrier, acknowledge: bool, liveness: bool
    ) -> None:
        self.name = name
        self.send = a_function("send", send)
        self._key = a_text("name", name)
        self._runtime = runtime
        self._options = f"acknowledge={'on' if acknowledge else 'off'},liveness={'on' if liveness else 'off'}"

    def _register(self, engine: Engine) -> None:
        register = engine.functions.server_channel
        options = self._options.encode()
        engine.check(register(engine.server, self._key, options, _NOTHING, _UNCHECKED, None))

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
        not: who connects has decided. To be called where the server was started.

        Raises: StateError unless the server runs, NotFoundError if no route matches, LimitError where a limit
        leaves no place, InvalidError for what no request may carry, TooLargeError."""
        peer = _abi.hearth_channel_peer(
            size=ctypes.sizeof(_abi.hearth_channel_peer),
            recipient=a_text("recipient", recipient),
            path=a_text("path", path),
            query=a_text("query", query),
            headers=a_text("headers", "".join(f"{name}: {value}\r\n" for name, value in headers)),
            user=a_text_or_none("user", user),
            address=a_text_or_none("address", address),
            subprotocol=a_text_or_none("subprotocol", subprotocol),
        )
        ident = ctypes.c_uint64()
        runtime = self._runtime
        engine = runtime.running_engine
        # It may wait for a thread of the engine, which may wait for Python's lock to log something.
        connect = engine.library.patient.server_connect_channel
        engine.check(connect(engine.server, self._key, ctypes.byref(peer), ctypes.byref(ident)))
        connection: Connection = runtime.announce(ident.value)
        runtime.wake()
        return connection

    def receive(self, connection: Connection, data: Sendable) -> None:
        """A message came from the connection.

        Raises: QueueFullError when the program does not keep up, GoneError, TooLargeError."""
        opcode, payload = payload_of(data)
        runtime = self._runtime
        runtime.call(runtime.functions.channel_receive, connection.id, opcode, payload, len(payload))

    def sent(self, connection: Connection, size: int) -> None:
        """The transport has let go of so many bytes, for acknowledge=True.

        Raises: GoneError, InvalidError for more than it was given."""
        function = self._runtime.functions.channel_sent
        self._runtime.call(function, connection.id, a_number("size", size))

    def alive(self, connection: Connection) -> None:
        """A sign of life, for liveness=True.

        Raises: GoneError."""
        check(self._runtime.functions.channel_alive(connection.id))

    def closed(self, connection: Connection, code: int = CloseCode.ABNORMAL, reason: str = "") -> None:
        """The transport has ended; on_close follows. Nothing happens if it has ended already.

        Raises: InvalidError for what is no close code."""
        function = self._runtime.functions.channel_closed
        try:
            self._runtime.call(function, connection.id, a_number("code", code), a_text("reason", reason))
        except GoneError:
            pass


def ids_of(info: bytes) -> Tuple[int, ...]:
    """The connections of a CHANNEL_SEND event."""
    return struct.unpack(f"<{len(info) // 8}Q", info)
