"""The server: what it listens to, its routes and handlers, and its life in an asyncio loop."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import inspect
import json
import signal
import threading
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Union

from . import _abi
from ._engine import Configuration, Engine, Value
from ._events import Dispatcher, logger
from ._library import (
    c_number, c_string, check, load, optional_c_string, raise_error, read_ids, read_names, read_pages,
    read_text,
)  # fmt: skip
from ._pump import Pump
from ._routes import HandlerT, Handlers, HTTPHandlerT, MessageHandlerT, Route, SessionT
from .channel import Carrier, Channel
from .connection import Connection
from .errors import NotFoundError
from .message import NOTHING, Sendable, event_data, json_text, payload_of
from .room import Except, Room, except_reference

Listen = Union[str, Sequence[str], None]


class Server:
    """A WebSocket server inside this process, carried by the asyncio loop that starts it.

        server = Server("127.0.0.1:8000", ping_interval=20)

    Keywords are configuration keys; a number is seconds or bytes. `environment_prefix="WS_"` also
    reads keys from the environment. `driven=True` runs the engine on the asyncio loop; `driven=False`
    gives it threads of its own, so that heartbeats, relays and broadcasts go on while Python is busy
    and handlers still run on the loop. By default it is driven unless `threads` asks for more than one.
    """

    def __init__(
        self,
        listen: Listen = None,
        *,
        driven: Optional[bool] = None,
        environment_prefix: Optional[str] = None,
        **configuration: Value,
    ) -> None:
        self._library = load()
        self._functions = self._library.quick
        self._configuration = Configuration(configuration, environment_prefix)
        if listen is not None:
            self._configuration.set("listen", listen)
        self._driven = self._configuration.get("threads") == "1" if driven is None else driven
        self._routes: List[Route] = []
        self._handlers = Handlers()
        self._channels: Dict[str, Channel] = {}
        self._engine: Optional[Engine] = None
        self._pump: Optional[Pump] = None
        self._dispatcher: Optional[Dispatcher] = None
        self._stopping: Optional["asyncio.Task[None]"] = None
        self._drains = False

    # -------------------------------------------------------------- routes and handlers

    def route(
        self,
        pattern: str,
        *,
        join: Optional[str] = None,
        relay: Optional[str] = None,
        event: Optional[bool] = None,
        accept: Optional[str] = None,
        subprotocols: Sequence[str] = (),
        dialect: Optional[str] = None,
        events: Sequence[str] = (),
        echo: Optional[bool] = None,
        rooms: Sequence[str] = (),
        auth: Optional[str] = None,
        scopes: Sequence[str] = (),
        claims: Optional[Mapping[str, str]] = None,
        tokens: Sequence[str] = (),
        reject: Optional[str] = None,
        inbox_messages_max: int = 1024,
        inbox_bytes_max: int = 4 * 1024 * 1024,
    ) -> Callable[[SessionT], SessionT]:
        """Adds a route. Its options are those of hearth_server_route; claims maps names to templates.

        As a decorator it names the session, a coroutine function that runs once for each connection;
        its return closes the connection. A peer that sends more than the session takes is closed with
        1013 when more than inbox_messages_max messages or inbox_bytes_max bytes wait.
        """
        self._forbid_running()
        lists = {
            "subprotocols": subprotocols, "events": events, "rooms": rooms, "scopes": scopes,
            "tokens": tokens,
        }  # fmt: skip
        for name, value in lists.items():
            if isinstance(value, str):
                raise TypeError(f"{name} is a list of names")
        route = Route(
            pattern, join, relay, event, accept, subprotocols, dialect, events, echo, rooms,
            auth=auth, scopes=scopes, claims=claims or {}, tokens=tokens, reject=reject,
            inbox_messages_max=inbox_messages_max, inbox_bytes_max=inbox_bytes_max,
        )  # fmt: skip
        self._routes.append(route)

        def decorate(session: SessionT) -> SessionT:
            is_coroutine: bool = inspect.iscoroutinefunction(session)
            if not is_coroutine:
                raise TypeError("the session of a route is a coroutine function: async def")
            route.session = session
            return session

        return decorate

    def http(self, pattern: str, methods: Sequence[str] = ("GET",)) -> Callable[[HTTPHandlerT], HTTPHandlerT]:
        """Answers requests that are no upgrade with what a function, plain or async, returns for them:
        a Response, text, bytes, something to send as JSON, or (status, one of these)."""
        self._forbid_running()
        if isinstance(methods, str):
            raise TypeError("methods is a list of names")
        names = [method.upper() for method in methods]
        if "GET" in names and "HEAD" not in names:
            names.append("HEAD")

        def decorate(handler: HTTPHandlerT) -> HTTPHandlerT:
            self._routes.append(Route(pattern, methods=names, answer=handler))
            return handler

        return decorate

    def on_connect(self, handler: HandlerT) -> HandlerT:
        """handler(connection) says whether to accept: None or True accepts, text accepts and names the
        user, a Principal its scopes and claims too, False refuses with 403, and it may raise Reject. With
        it, routes ask unless accept="auto"."""
        return self._handlers.register("connect", handler)

    def on_open(self, handler: HandlerT) -> HandlerT:
        """handler(connection) is called when a connection is open."""
        return self._handlers.register("open", handler)

    def on_message(self, handler: MessageHandlerT) -> MessageHandlerT:
        """handler(connection, message), a plain function, gets the messages on routes without a session."""
        return self._handlers.register("message", handler)

    def on(self, event: str) -> Callable[[HandlerT], HandlerT]:
        """@server.on("chat"): handler(connection, data), plain or async, gets the events of that name on
        routes with dialect="json", their data read as JSON, None for none. What no handler is for goes
        where other messages go, with its name in Message.event."""

        def decorate(handler: HandlerT) -> HandlerT:
            if not callable(handler):
                raise TypeError(f"an event takes a function, not {type(handler).__name__}")
            if event in self._handlers.events:
                raise ValueError(f"the event {event!r} has a handler already")
            self._handlers.events[event] = handler
            return handler

        return decorate

    def on_close(self, handler: HandlerT) -> HandlerT:
        """handler(connection) is called once when it has ended; see its close_code and close_reason."""
        return self._handlers.register("close", handler)

    def on_joined(self, handler: HandlerT) -> HandlerT:
        """handler(connection, room) is called when a connection has joined a room."""
        return self._handlers.register("joined", handler)

    def on_left(self, handler: HandlerT) -> HandlerT:
        """handler(connection, room) is called when a connection has left a room."""
        return self._handlers.register("left", handler)

    def on_user_joined(self, handler: HandlerT) -> HandlerT:
        """handler(room, user) is called when a user's first connection has joined a room."""
        return self._handlers.register("user_joined", handler)

    def on_user_left(self, handler: HandlerT) -> HandlerT:
        """handler(room, user) is called when a user's last connection has left a room."""
        return self._handlers.register("user_left", handler)

    def on_dropped(self, handler: HandlerT) -> HandlerT:
        """handler(connection, count) is called when messages to a slow connection were dropped."""
        return self._handlers.register("dropped", handler)

    def on_limited(self, handler: HandlerT) -> HandlerT:
        """handler(connection, key, dropped) is called when a peer sends more than a rate_limit key allows.

        dropped is 0 for the warning, then how many of its messages were dropped since the last call. key is
        "" where the peer is within its rates again."""
        return self._handlers.register("limited", handler)

    def on_presence(self, handler: HandlerT) -> HandlerT:
        """handler(change) is called with a PresenceChange for each user that joins or leaves a room, and for
        set_presence in each room of the user; see Room.presence."""
        return self._handlers.register("presence", handler)

    def channel(
        self, name: str, send: Carrier, *, acknowledge: bool = False, liveness: bool = False
    ) -> Channel:
        """Registers a transport that the program brings; send(connections, message) carries a message.

        acknowledge: at most 64 KiB of a connection are in its hands until it calls Channel.sent.
        liveness: a connection ends of which nothing is heard for ping_interval + ping_timeout."""
        self._forbid_running()
        if name in self._channels:
            raise ValueError(f"there is a channel {name!r} already")
        channel = self._channels[name] = Channel(self, name, send, acknowledge, liveness)
        return channel

    def on_expiring(self, handler: HandlerT) -> HandlerT:
        """handler(connection, seconds) is called while a connection has so many seconds left: time to ask
        the peer for a new token. See the keys expiry_notice_interval and expiry_notice_window."""
        return self._handlers.register("expiring", handler)

    def on_expired(self, handler: HandlerT) -> HandlerT:
        """handler(connection) is called when its time is over; then it is closed."""
        return self._handlers.register("expired", handler)

    # -------------------------------------------------------------- life

    async def start(self) -> None:
        """Listens and serves from now on, in the running asyncio loop."""
        if self._pump is not None and self._pump.loop.is_closed():
            self._cut()
        self._forbid_running()
        engine = Engine(self._configuration)
        try:
            if self._driven:
                engine.log_to(logger)
            self._dispatcher = Dispatcher(self, self._handlers, self._add_routes(engine))
            if self._driven:
                engine.drive()
            engine.check(engine.library.patient.server_start(engine.server))
            if not self._driven:
                engine.start_threads()
            self._pump = Pump(engine, self._dispatcher.deliver, self._driven)
        except BaseException:
            self._dispatcher = None
            engine.free()
            raise
        self._engine = engine

    def _add_routes(self, engine: Engine) -> Dict[int, Route]:
        """Tells the library the routes and answers them by number."""
        asks = self._handlers.connect is not None
        routes = list(self._routes)
        if asks and not any(not route.methods for route in routes):
            routes.append(Route("/{path*}"))
        numbered = {}
        for route in routes:
            if route.accept == "ask" and not asks:
                raise ValueError(f"the route {route.pattern!r} asks, but there is no on_connect handler")
            options = c_string(route.options(asks))
            number = engine.functions.server_route(engine.server, c_string(route.pattern), options)
            numbered[engine.check(number)] = route
        for channel in self._channels.values():
            channel._register(engine)
        return numbered

    async def stop(self, reason: Optional[str] = None, *, grace: float = 10.0) -> None:
        """Stops politely: closes all connections with 1001 and the reason, lets handlers end within
        grace seconds, and frees the engine. A second call waits for the first."""
        if self._engine is None:
            return
        self._forbid_other_loops()
        if self._stopping is None:
            self._stopping = asyncio.get_running_loop().create_task(self._stop(reason, grace))
        elif self._drains:
            self._functions.server_stop(self._engine.server, optional_c_string(reason))
            self._sent()
        await self._stopped(self._stopping)

    async def _stopped(self, stopping: "asyncio.Task[None]") -> None:
        """Waits for the end. A session that does so is not waited for in turn."""
        current = asyncio.current_task()
        if self._dispatcher is not None and current in self._dispatcher.tasks:
            self._dispatcher.tasks.discard(current)
        await asyncio.shield(stopping)

    async def drain(
        self, farewell: Optional[Sendable] = None, *, why: str = "draining", grace: float = 10.0
    ) -> None:
        """Stops so that clients can go elsewhere: takes nobody new, sends the farewell to all, closes one
        after the other over shutdown_spread with a hint when to come back, and frees the engine.
        A stop meanwhile closes the rest at once; both return when all is done."""
        if self._engine is None:
            return
        self._forbid_other_loops()
        options = _abi.hearth_drain(size=ctypes.sizeof(_abi.hearth_drain), why=c_string(why))
        if farewell is not None:
            options.opcode, payload = payload_of(farewell)
            kept = ctypes.create_string_buffer(payload, len(payload))
            options.data = ctypes.addressof(kept)
            options.length = len(payload)
        self._engine.check(self._functions.server_drain(self._engine.server, ctypes.byref(options)))
        self._sent()
        self._drains = True
        self._stopping = asyncio.get_running_loop().create_task(self._finish(grace))
        await self._stopped(self._stopping)

    async def _stop(self, reason: Optional[str], grace: float) -> None:
        engine = self._engine
        assert engine is not None
        try:
            engine.check(self._functions.server_stop(engine.server, optional_c_string(reason)))
            self._sent()
        except BaseException:
            self._cut()
            raise
        await self._finish(grace)

    async def _finish(self, grace: float) -> None:
        """Waits until every connection has ended, and ends everything."""
        dispatcher = self._dispatcher
        assert dispatcher is not None
        try:
            await dispatcher.stopped
            await dispatcher.finish(grace)
        finally:
            self._cut()

    def _cut(self) -> None:
        """Ends everything at once."""
        engine, pump, dispatcher = self._engine, self._pump, self._dispatcher
        self._engine = self._pump = self._dispatcher = self._stopping = None
        self._drains = False
        if pump is not None:
            pump.close()
        if engine is not None:
            engine.free()
        if dispatcher is not None:
            dispatcher.end_questions()

    async def serve(self) -> None:
        """Starts and serves until it is cancelled or the process gets SIGINT or SIGTERM, then stops
        politely. A second signal cuts what is still open."""
        if self._engine is None:
            await self.start()
        ended = asyncio.Event()
        with _signals(ended.set):
            try:
                await ended.wait()
            finally:
                ended.clear()
                stopping = asyncio.ensure_future(self.stop())
                cutting = asyncio.ensure_future(ended.wait())
                await asyncio.wait({stopping, cutting}, return_when=asyncio.FIRST_COMPLETED)
                cutting.cancel()
                if self._stopping is not None:
                    self._stopping.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await stopping

    def run(self) -> None:
        """Serves in an asyncio loop of its own until SIGINT or SIGTERM."""
        asyncio.run(self.serve())

    async def __aenter__(self) -> "Server":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # -------------------------------------------------------------- sending

    def reload_keys(self) -> None:
        """Reads the files with keys again. On failure the old keys stay, and the error says why."""
        result = self._functions.server_reload_keys(self._handle)
        if result < 0:
            raise_error(result, self._sentence())

    def room(self, name: str) -> Room:
        return Room(self, name)

    def broadcast(self, data: Sendable, except_: Except = None) -> int:
        """Sends to every open connection but the exception. Answers for how many it was queued."""
        opcode, payload = payload_of(data)
        result: int = self._functions.server_broadcast(
            self._handle, opcode, payload, len(payload), except_reference(except_)
        )
        self._sent()
        return check(result)

    def broadcast_json(self, value: Any, except_: Except = None) -> int:
        return self.broadcast(json_text(value), except_)

    def broadcast_event(self, name: str, data: Any = NOTHING, except_: Except = None) -> int:
        """Sends an event to every open connection but the exception: see Connection.send_event."""
        payload = event_data(data)
        result: int = self._functions.server_send_event(
            self._handle, c_string(name), payload, len(payload), except_reference(except_)
        )
        self._sent()
        return check(result)

    def send_event_to_user(
        self, user: str, name: str, data: Any = NOTHING, except_: Except = None
    ) -> int:
        """Sends an event to every connection of a user: see Connection.send_event."""
        payload = event_data(data)
        result: int = self._functions.user_send_event(
            self._handle, c_string(user), c_string(name), payload, len(payload), except_reference(except_)
        )
        self._sent()
        return check(result)

    def send_to_user(self, user: str, data: Sendable, except_: Except = None) -> int:
        """Sends to every connection of a user. Answers for how many it was queued; 0: not here."""
        opcode, payload = payload_of(data)
        result: int = self._functions.user_send(
            self._handle, c_string(user), opcode, payload, len(payload), except_reference(except_)
        )
        self._sent()
        return check(result)

    async def ask_room(self, name: str, timeout: float = 1.0) -> Dict[str, Any]:
        """Who is in a room, in all processes of the cluster: connections, users, the nodes that have answered
        and those that are missing. Without redis_url the scope is "local"."""
        return await self._ask(_abi.SUBJECT_ROOM, name, timeout)

    async def ask_user(self, name: str, timeout: float = 1.0) -> Dict[str, Any]:
        """How many connections a user has in all processes of the cluster, and its rooms, as ask_room."""
        return await self._ask(_abi.SUBJECT_USER, name, timeout)

    async def _ask(self, subject: int, name: str, timeout: float) -> Dict[str, Any]:
        function = self._functions.server_ask
        number = check(function(self._handle, subject, c_string(name), max(1, int(timeout * 1000))))
        dispatcher = self._dispatcher
        assert dispatcher is not None
        answer: "asyncio.Future[bytes]" = asyncio.get_running_loop().create_future()
        dispatcher.questions[number] = answer
        self._sent()
        result: Dict[str, Any] = json.loads(await answer)
        return result

    def kick(self, user: str, code: int = 4505, reason: str = "") -> int:
        """Sends all connections of a user away: they leave their rooms at once and are closed with the code.
        Answers how many they were; 0: not here."""
        result: int = self._functions.user_kick(
            self._handle, c_string(user), c_number(code), c_string(reason)
        )
        self._sent()
        return check(result)

    def set_presence(self, user: str, data: Union[str, bytes]) -> None:
        """What is shown with a user to the others in its rooms, at most max_metadata bytes."""
        content = data.encode() if isinstance(data, str) else bytes(data)
        result = self._functions.user_set_presence(self._handle, c_string(user), content, len(content))
        self._sent()
        check(result)

    def reload_tls(self) -> None:
        """Reads certificates, keys and authorities anew; connections that begin from now on get them.

        What cannot be used raises TlsError, which names the file and the reason, and changes nothing.
        """
        handle, engine = self._handle, self._engine
        assert engine is not None
        engine.check(engine.library.patient.server_reload_tls(handle))

    # -------------------------------------------------------------- who and what is here

    @property
    def port(self) -> int:
        """The port of the first TCP address; 0: there is none."""
        return check(self._functions.server_port(self._handle))

    @property
    def addresses(self) -> List[str]:
        """What it listens to, with the ports that it got."""
        found: List[str] = []
        while True:
            try:
                found.append(read_text(self._functions.server_address, self._handle, len(found)))
            except NotFoundError:
                return found

    @property
    def is_running(self) -> bool:
        return self._engine is not None

    @property
    def connection_count(self) -> int:
        return check(self._functions.server_connection_count(self._handle))

    @property
    def user_count(self) -> int:
        return check(self._functions.server_user_count(self._handle))

    @property
    def room_count(self) -> int:
        return check(self._functions.server_room_count(self._handle))

    @property
    def rooms(self) -> List[str]:
        return read_names(self._functions.server_rooms, self._handle)

    @property
    def connections(self) -> List[Connection]:
        ids = read_ids(self._functions.server_connections, self._handle)
        return [self._connection(ident) for ident in ids]

    def stats(self) -> Dict[str, Any]:
        """What was counted since the start: connections, messages, bytes, latencies, drops, closes …"""
        result: Dict[str, Any] = json.loads(read_text(self._functions.server_stats, self._handle))
        return result

    def metrics(self) -> str:
        """The same numbers in the text format of Prometheus, as metrics_path serves them."""
        return read_text(self._functions.server_metrics, self._handle)

    def health(self) -> Dict[str, Any]:
        """How the server is, as health_path serves it: "status" is ok, degraded or draining."""
        result: Dict[str, Any] = json.loads(read_text(self._functions.server_health, self._handle))
        return result

    @property
    def users(self) -> List[str]:
        """The users that have a connection, each once."""
        return list(read_pages(self._functions.server_list_users, self._handle))

    def user_connections(self, user: str) -> List[Connection]:
        ids = read_ids(self._functions.user_connections, self._handle, c_string(user))
        return [self._connection(ident) for ident in ids]

    # -------------------------------------------------------------- for the package itself

    @property
    def _handle(self) -> int:
        return self._running_engine().server

    def _running_engine(self) -> Engine:
        engine = self._engine
        if engine is None:
            raise_error(_abi.ERR_STATE, "the server is not running")
        return engine

    def _announce(self, ident: int) -> Connection:
        dispatcher = self._dispatcher
        return Connection(self, ident) if dispatcher is None else dispatcher.announce(ident)

    def _sentence(self) -> str:
        """What the engine says about its last error."""
        return "" if self._engine is None else self._engine.error()

    def _connection(self, ident: int) -> Connection:
        dispatcher = self._dispatcher
        return Connection(self, ident) if dispatcher is None else dispatcher.connection(ident)

    def _sent(self) -> None:
        """To be called after each call that may have something to send."""
        pump = self._pump
        if pump is not None and pump.idle:
            pump.wake()

    def _forbid_other_loops(self) -> None:
        if self._pump is not None and asyncio.get_running_loop() is not self._pump.loop:
            raise_error(_abi.ERR_STATE, "the server belongs to another event loop")

    def _forbid_running(self) -> None:
        if self._engine is not None:
            raise_error(_abi.ERR_STATE, "the server is running")


@contextlib.contextmanager
def _signals(notify: Callable[[], None]) -> Iterator[None]:
    """Calls notify for SIGINT and SIGTERM, where this thread may handle signals."""
    loop = asyncio.get_running_loop()
    numbers = []
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):
                loop.add_signal_handler(number, notify)
                numbers.append(number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
