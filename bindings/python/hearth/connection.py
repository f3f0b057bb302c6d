"""Connections: one WebSocket each, from the question whether to accept it to its end."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import datetime
import json
from typing import Any, Awaitable, Dict, List, NamedTuple, Optional, Tuple, Union

from . import _abi
from ._arguments import a_close_code, a_reason, a_reject_code, a_text, a_text_or_none
from ._inbox import Inbox
from ._library import check, raise_error, read_bytes, read_names, read_text
from ._outcome import DONE, DROPPED, QUEUED, Closing, Done, Queued
from ._runtime import Runtime
from .close_codes import CloseCode
from .errors import GoneError, InvalidError
from .message import NOTHING, Message, Sendable, event_data, json_text, payload_of
from .request import Head, Headers

_TEXT = _abi.TEXT
_GONE = _abi.ERR_GONE
_NO_HEAD = Head("", b"")

# Made once: a call with a ready object costs half of one that makes it.
_SIZES_COUNT = 4096
_SIZES = [ctypes.c_size_t(length) for length in range(_SIZES_COUNT)]


class Reject(Exception):
    """Raised by an on_connect handler to refuse a connection.

    A code of 400 to 599 is an HTTP status, sent in place of the upgrade; one of 1000 to 4999 accepts
    and closes with that close code, which browsers can read; its reason is shortened to the 123 bytes
    of a close frame. A refusal that cannot be given is logged, and the peer gets 500.
    """

    def __init__(self, code: int = 403, reason: str = "") -> None:
        """Raises: InvalidError for another code, TypeError for what is no text."""
        a_reject_code(code)
        a_text("reason", reason)
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class ConnectionInfo(NamedTuple):
    """What is known of a connection. Times are seconds since 1970, durations are seconds."""

    opened_at: float
    last_received_at: float
    latency: Optional[float]
    messages_received: int
    messages_sent: int
    outbox_bytes: int
    rooms: int
    is_open: bool


class Principal(NamedTuple):
    """Who a connection is, by its token or by what on_connect answered. `id` is its user, None for nobody."""

    id: Optional[str]
    scopes: Tuple[str, ...] = ()
    claims: Dict[str, Any] = {}


class Connection:
    """One WebSocket connection, the same object from its on_connect to its on_close.

    Its methods are plain functions that never wait; any thread may call them, and `await` before them does
    no harm. After the end of the connection they raise GoneError, apart from close; `state` and what the
    handshake carried stay readable. `state` is a dictionary for the program's own values.
    """

    __slots__ = (
        "id", "state", "close_code", "close_reason", "closed_cleanly", "closed_by_peer", "route",
        "_runtime", "_send", "_bare_id", "_head", "_subprotocol", "_user", "_inbox", "_verdict", "_closed",
        "_has_new_token",
        "__weakref__",
    )  # fmt: skip

    def __init__(
        self, runtime: Runtime, ident: int, head: Head = _NO_HEAD, route: int = -1
    ) -> None:
        self.id = ident
        self.state: Dict[str, Any] = {}
        self.route = route
        self.close_code: Optional[int] = None
        self.close_reason = ""
        self.closed_cleanly = False
        self.closed_by_peer = False
        self._runtime = runtime
        self._send = runtime.bare_send
        self._bare_id = ctypes.c_uint64(ident)
        self._head = head
        self._subprotocol: Optional[str] = None
        self._user: Optional[str] = None
        self._inbox: Optional[Inbox] = None
        self._verdict: Optional[bool] = None
        self._has_new_token = False
        self._closed: Optional["asyncio.Future[None]"] = None

    # -------------------------------------------------------------- what the handshake carried

    @property
    def path(self) -> str:
        """The path of the request."""
        return self._head.path

    @property
    def captures(self) -> Dict[str, str]:
        """What stood in the places of {names} in the route's pattern, percent-decoded."""
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
        """The cookies of the request; of a repeated one, the first. Values are as they came, without the
        quotes around one."""
        return self._head.cookies

    @property
    def offered_subprotocols(self) -> List[str]:
        """The subprotocols that the peer offers, in its order of preference."""
        offered = self._head.headers.get("sec-websocket-protocol") or ""
        return [name.strip() for name in offered.split(",") if name.strip()]

    @property
    def subprotocol(self) -> Optional[str]:
        """The subprotocol that was chosen; None: none, or not yet."""
        return self._subprotocol

    @property
    def address(self) -> str:
        """The peer's address, such as "127.0.0.1:51234", or "unix"."""
        return self._head.address

    @property
    def tls(self) -> Optional[Dict[str, str]]:
        """What TLS has agreed with the peer: version, cipher, resumed ("yes" or "no"), and the subject of
        its certificate, "" for none. None without TLS.

        Raises: GoneError."""
        facts = read_names(self._runtime.functions.connection_tls, self.id)
        return dict(zip(facts[::2], facts[1::2])) if facts else None

    @property
    def recipient(self) -> str:
        """The recipient that the program gave in Channel.connect.

        Raises: StateError if it is no connection of a channel, GoneError."""
        return read_text(self._runtime.functions.connection_recipient, self.id)

    # -------------------------------------------------------------- answering on_connect

    def accept(self, user: Optional[str] = None, subprotocol: Optional[str] = None) -> None:
        """Accepts the connection that on_connect asks about; user, if given, becomes its user.

        Raises: StateError if it was answered before, InvalidError for a subprotocol that was not offered,
        GoneError after open_timeout or when the peer has left."""
        runtime = self._runtime
        name, protocol = a_text_or_none("user", user), a_text_or_none("subprotocol", subprotocol)
        runtime.call(runtime.functions.connection_accept, self.id, name, protocol)
        self._verdict = True
        if user is not None:
            self._user = user

    def reject(self, code: int = 403, reason: str = "") -> None:
        """Refuses it, with an HTTP status or a close code as `Reject` does.

        Raises: InvalidError for another code, StateError if it was answered before, GoneError."""
        runtime = self._runtime
        status, text = a_reject_code(code), a_text("reason", reason) or None
        runtime.call(runtime.functions.connection_reject, self.id, status, text)
        self._verdict = False

    # -------------------------------------------------------------- sending and closing

    def send(self, data: Sendable) -> Queued:
        """Sends text for str, binary for bytes, and a Message as it came.

        Answers False if the message was dropped because the peer does not keep up.

        Raises: GoneError after its close has begun, TooLargeError, QueueFullError where slow_consumer keeps
        what is queued, TypeError for other data."""
        if data.__class__ is Message:
            opcode, payload = data.opcode, data.data
        elif data.__class__ is str:
            opcode, payload = _TEXT, data.encode()
        else:
            opcode, payload = payload_of(data)
        length = len(payload)
        size = _SIZES[length] if length < _SIZES_COUNT else ctypes.c_size_t(length)
        result: int = self._send(self._bare_id, opcode, payload, size)
        pump = self._runtime.pump
        if pump is not None and pump.idle:
            pump.wake()
        if result < 0:
            raise_error(result)
        return QUEUED if result else DROPPED

    def send_json(self, value: Any) -> Queued:
        """Sends a value as JSON in a text message.

        Raises: ValueError for NaN and infinities, TypeError for what JSON has no form for, and as send."""
        return self.send(json_text(value))

    def send_event(self, name: str, data: Any = NOTHING) -> Queued:
        """Sends an event with something as JSON for its data: in the envelope of the json dialect, or, to a
        connection of the raw dialect, the data alone. False: as for send.

        Raises: InvalidError for a name that is empty or has more than 255 bytes, and as send_json."""
        payload = event_data(data)
        runtime = self._runtime
        function = runtime.functions.connection_send_event
        result = runtime.call(function, self.id, a_text("name", name), payload, len(payload))
        return QUEUED if result else DROPPED

    def close(self, code: int = CloseCode.NORMAL, reason: str = "") -> Closing:
        """Begins the closing handshake; what was sent before goes out first. Awaiting what it returns waits
        for the end. Nothing happens if it is closing or closed already.

        Raises: InvalidError for a code that a program may not send, or a reason of more than 123 bytes."""
        runtime = self._runtime
        close_code, text = a_close_code(code), a_reason(reason)
        with contextlib.suppress(GoneError):
            runtime.call(runtime.functions.connection_close, self.id, close_code, text)
        return Closing(self.wait_closed)

    # -------------------------------------------------------------- receiving

    async def receive(self) -> Message:
        """The next message, for the session of a route.

        Raises: GoneError after the last, RuntimeError outside of a session."""
        inbox = self._inbox
        if inbox is None:
            raise RuntimeError("only the session of a route receives messages")
        try:
            return await inbox
        except StopAsyncIteration:
            raise_error(_GONE)

    def __aiter__(self) -> "Connection":
        return self

    def __anext__(self) -> Awaitable[Message]:
        inbox = self._inbox
        if inbox is None:
            raise RuntimeError("only the session of a route receives messages")
        return inbox

    async def wait_closed(self) -> None:
        """Waits until the connection has ended, in the event loop of its server."""
        if self.close_code is None:
            pump = self._runtime.pump
            if pump is None:
                return
            if self._closed is None:
                self._closed = pump.loop.create_future()
            await asyncio.shield(self._closed)

    # -------------------------------------------------------------- rooms, user, metadata

    def join(self, room: str) -> Done:
        """Joins a room; once more is the same as once.

        Raises: LimitError at max_rooms_per_connection, InvalidError for an empty name, GoneError."""
        runtime = self._runtime
        runtime.call(runtime.functions.connection_join, self.id, a_text("room", room))
        return DONE

    def leave(self, room: str) -> Done:
        """Leaves a room.

        Raises: NotFoundError when it is not in it, GoneError."""
        runtime = self._runtime
        runtime.call(runtime.functions.connection_leave, self.id, a_text("room", room))
        return DONE

    @property
    def rooms(self) -> List[str]:
        """The rooms that it is in.

        Raises: GoneError."""
        return read_names(self._runtime.functions.connection_rooms, self.id)

    @property
    def user(self) -> Optional[str]:
        """Its user, None for nobody. When it is set, its rooms see the old user leave and the new one join.

        Raises, when it is set: LimitError at max_connections_per_user, GoneError."""
        if self._has_new_token:
            with contextlib.suppress(GoneError):
                functions = self._runtime.functions
                self._user = read_bytes(functions.connection_user, self.id).decode() or None
        return self._user

    @user.setter
    def user(self, user: Optional[str]) -> None:
        runtime = self._runtime
        runtime.call(runtime.functions.connection_set_user, self.id, a_text_or_none("user", user))
        self._user = user

    @property
    def principal(self) -> Optional[Principal]:
        """Who it is by its token, None without one; readable from on_connect on. Setting it changes user,
        scopes and claims.

        Raises: GoneError; when it is set also ValueError for a scope with a space, TooLargeError for more
        than max_jwt_size bytes, StateError after the answer of on_connect and before it is open."""
        functions = self._runtime.functions
        claims = read_bytes(functions.connection_claims, self.id)
        if not claims:
            return None
        scopes = tuple(read_names(functions.connection_scopes, self.id))
        return Principal(self.user, scopes, json.loads(claims))

    @principal.setter
    def principal(self, principal: Principal) -> None:
        if any(not scope or " " in scope for scope in principal.scopes):
            raise ValueError("a scope is a word without spaces")
        runtime = self._runtime
        user, scopes = a_text_or_none("id", principal.id), a_text("scopes", " ".join(principal.scopes))
        claims = a_text("claims", json_text(principal.claims))
        runtime.call(runtime.functions.connection_set_principal, self.id, user, scopes, claims)
        if principal.id is not None:
            self._user = principal.id

    def authenticate(self, token: str) -> None:
        """Gives it a new token, which moves its expiry. When it raises, the connection stays as it was.

        Raises: TokenError, NotAllowedError for a good token that lacks what the route asks for or is another
        user's, GoneError."""
        runtime = self._runtime
        runtime.call_explained(runtime.functions.connection_authenticate, self.id, a_text("token", token))
        # It may be another user's, as soon as the loop has taken it over.
        self._has_new_token = True

    def set_expiry(self, when: Union[datetime.datetime, float, None]) -> None:
        """Sets when it expires: a time with a zone, seconds since 1970, or None for never.

        Raises: ValueError for a time without a zone, InvalidError for one out of range, GoneError."""
        if isinstance(when, datetime.datetime):
            if when.tzinfo is None:
                raise ValueError("when takes a time with a zone; without one it is no moment")
            when = when.timestamp()
        milliseconds = 0 if when is None else max(1, round(when * 1000))
        if milliseconds >= 2**60:
            raise InvalidError(f"when is out of range: {when}")
        runtime = self._runtime
        runtime.call(runtime.functions.connection_set_expiry, self.id, milliseconds)

    @property
    def metadata(self) -> bytes:
        """Bytes that the library keeps with the connection.

        Raises: GoneError; when it is set also TooLargeError for more than the key max_metadata."""
        return read_bytes(self._runtime.functions.connection_metadata, self.id)

    @metadata.setter
    def metadata(self, data: bytes) -> None:
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"metadata takes bytes, not {data!r}")
        kept = bytes(data)
        check(self._runtime.functions.connection_set_metadata(self.id, kept, len(kept)))

    # -------------------------------------------------------------- what is known of it

    @property
    def info(self) -> ConnectionInfo:
        """Its counts and times.

        Raises: GoneError."""
        info = _abi.hearth_connection_info(size=ctypes.sizeof(_abi.hearth_connection_info))
        check(self._runtime.functions.connection_get_info(self.id, ctypes.byref(info)))
        return ConnectionInfo(
            opened_at=info.opened_at_ms / 1000,
            last_received_at=info.last_received_at_ms / 1000,
            latency=None if info.latency_us < 0 else info.latency_us / 1_000_000,
            messages_received=info.messages_received,
            messages_sent=info.messages_sent,
            outbox_bytes=info.outbox_bytes,
            rooms=info.rooms,
            is_open=bool(info.is_open),
        )

    @property
    def latency(self) -> Optional[float]:
        """The round trip of the last ping that was answered, in seconds; None before the first.

        Raises: GoneError."""
        return self.info.latency

    @property
    def is_open(self) -> bool:
        """False from the beginning of its close on."""
        info = _abi.hearth_connection_info(size=ctypes.sizeof(_abi.hearth_connection_info))
        result = self._runtime.functions.connection_get_info(self.id, ctypes.byref(info))
        return bool(result == _abi.OK and info.is_open)

    def _open(self, head: Head, route: int) -> None:
        """Takes note of the OPEN event, where no CONNECT event came before."""
        if self._head is _NO_HEAD:
            self._head = head
            self.route = route

    def _end(self, code: int, reason: str, flags: int) -> None:
        """Takes note of the CLOSE event."""
        self.close_code = code
        self.close_reason = reason
        self.closed_cleanly = bool(flags & _abi.EVENT_CLEAN)
        self.closed_by_peer = bool(flags & _abi.EVENT_BY_PEER)
        if self._inbox is not None:
            self._inbox.end()
        if self._closed is not None and not self._closed.done():
            self._closed.set_result(None)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Connection) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<Connection {self.id} {self.path}>"
