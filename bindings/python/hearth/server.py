"""The server: what it listens to, its routes and handlers, and its life in an asyncio loop."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import inspect
import json
import signal
import threading
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Optional, Sequence, Union

from . import _abi
from ._arguments import a_text, a_text_or_none
from ._calls import ServerCalls
from ._dispatch import Dispatcher, logger
from ._engine import Configuration, Engine
from ._library import raise_error
from ._pump import Pump
from ._routes import Handlers, Program, Route, RouteOptions, SessionT, unheard_event
from ._runtime import Runtime
from .channel import Carrier, Channel
from .connection import Connection
from .errors import HearthError, StateError
from .message import Sendable, json_text, payload_of

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._options import ServerOptions

# Turns to wait for the ends of connections that were cut, about a second.
_CUT_TURNS_MAX = 200

Listen = Union[str, Sequence[str], None]


class Server(Program, ServerCalls):
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
        **configuration: "Unpack[ServerOptions]",
    ) -> None:
        """Raises: UnknownKeyError, InvalidValueError and TypeError, which name the key and what it takes."""
        self._runtime = Runtime(Connection)
        self._configuration = Configuration(configuration, environment_prefix)
        if listen is not None:
            self._configuration.set("listen", listen)
        self._driven = self._configuration.get("threads") == "1" if driven is None else driven
        self._routes: List[Route] = []
        self._handlers = Handlers()
        self._channels: Dict[str, Channel] = {}
        self._dispatcher: Optional[Dispatcher] = None
        self._stopping: Optional["asyncio.Task[None]"] = None
        self._ended: Optional[asyncio.Event] = None
        self._drains = False

    # -------------------------------------------------------------- routes and channels

    def route(self, pattern: str, **options: "Unpack[RouteOptions]") -> Callable[[SessionT], SessionT]:
        """Adds a route. Its options are those of RouteOptions; claims maps names to templates.

        As a decorator it names the session, a coroutine function that runs once for each connection, from
        when on_open is done; its return closes the connection. A peer that sends more than the session
        takes is closed with 1013 when more than max_inbox_messages messages or max_inbox_bytes bytes wait.

        Raises: TypeError and ValueError, which name the option and what it takes; ValueError for a route
        that is there already; StateError while the server runs."""
        route = Route(pattern, options)
        self._add_route(route)

        def decorate(session: SessionT) -> SessionT:
            is_coroutine: bool = inspect.iscoroutinefunction(session)
            if not is_coroutine:
                raise TypeError(f"the session of a route is an async def function, not {session!r}")
            if route.session is not None:
                raise ValueError(f"the route {pattern!r} has a session already")
            route.session = session
            return session

        return decorate

    def channel(
        self, name: str, send: Carrier, *, acknowledge: bool = False, liveness: bool = False
    ) -> Channel:
        """Registers a transport that the program brings; send(connections, message), plain or async, carries
        a message. What it is given is in order: an async one gets the next when it is done with the last.

        acknowledge: at most 64 KiB of a connection are in its hands until it calls Channel.sent.
        liveness: a connection ends of which nothing is heard for ping_interval + ping_timeout.

        Raises: ValueError for a name that is there already, StateError while the server runs."""
        self._forbid_running()
        if name in self._channels:
            raise ValueError(f"there is a channel {name!r} already")
        channel = self._channels[name] = Channel(self._runtime, name, send, acknowledge, liveness)
        return channel

    # -------------------------------------------------------------- life

    async def start(self) -> None:
        """Listens and serves from now on, in the running asyncio loop.

        Raises: StateError if it runs; AddressInUseError, AddressError, HearthPermissionError for an address
        that it cannot listen on; TlsError; InvalidValueError for a route that the library does not take;
        ValueError for a handler that would never be called."""
        pump = self._runtime.pump
        if pump is not None and pump.loop.is_closed():
            self._cut()
        self._forbid_running()
        engine = Engine(self._configuration)
        try:
            if self._driven:
                engine.log_to(logger)
            dispatcher = self._new_dispatcher(engine)
            if self._driven:
                engine.drive()
            engine.check(engine.library.patient.server_start(engine.server))
            if not self._driven:
                engine.start_threads()
            self._runtime.pump = Pump(engine, dispatcher.deliver, self._driven)
        except BaseException:
            self._dispatcher = None
            engine.free()
            raise
        self._dispatcher = dispatcher
        self._runtime.engine = engine
        self._ended = asyncio.Event()

    def _new_dispatcher(self, engine: Engine) -> Dispatcher:
        routes = self._tell_routes(engine)
        dispatcher = Dispatcher(self._runtime, self._handlers, routes, self._channels, self._driven)
        get = self._configuration.get
        key, data_key, is_flat = get("json_event_key"), get("json_data_key"), get("json_errors") == "flat"

        def send_error(connection: Connection, code: str, message: str) -> None:
            fields = {"code": code, "message": message}
            rest: Dict[str, Any] = fields if is_flat or not data_key else {data_key: fields}
            with contextlib.suppress(HearthError):
                connection.send(json_text({key: "error", **rest}))

        dispatcher.send_error = send_error
        return dispatcher

    def _tell_routes(self, engine: Engine) -> Dict[int, Route]:
        """Tells the library the routes and answers them by number."""
        asks = self._handlers.connect is not None
        routes = list(self._routes)
        if asks and not any(not route.methods for route in routes):
            routes.append(Route("/{path*}"))
        problem = unheard_event(self._handlers, routes, self._configuration.get("json_events"))
        if problem is not None:
            raise ValueError(problem)
        numbered = {}
        for route in routes:
            if route.options.get("accept") == "ask" and not asks:
                raise ValueError(f"the route {route.pattern!r} asks, but there is no on_connect handler")
            options = a_text("options", route.text(asks))
            number = engine.functions.server_route(engine.server, a_text("pattern", route.pattern), options)
            numbered[engine.check(number)] = route
        for channel in self._channels.values():
            channel._register(engine)
        return numbered

    async def stop(self, reason: Optional[str] = None, *, grace: float = 10.0) -> None:
        """Stops politely: closes all connections with 1001 and the reason, lets handlers end, and frees the
        engine. That takes at most grace seconds: a peer that does not answer in half of them is cut, and
        handlers that do not end in what is left are cancelled. A second call waits for the first.

        Raises: StateError in another event loop than that of start."""
        engine = self._runtime.engine
        if engine is None:
            return
        self._forbid_other_loops()
        text = a_text_or_none("reason", reason)
        if self._stopping is None:
            self._stopping = asyncio.get_running_loop().create_task(self._stop(engine, text, grace))
        elif self._drains:
            self._runtime.functions.server_stop(engine.server, text)
            self._runtime.wake()
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
        A stop meanwhile closes the rest at once; both return when all is done.

        Raises: StateError while it stops or drains already, and in another event loop."""
        engine = self._runtime.engine
        if engine is None:
            return
        self._forbid_other_loops()
        options = _abi.hearth_drain(size=ctypes.sizeof(_abi.hearth_drain), why=a_text("why", why))
        if farewell is not None:
            options.opcode, payload = payload_of(farewell)
            kept = ctypes.create_string_buffer(payload, len(payload))
            options.data = ctypes.addressof(kept)
            options.length = len(payload)
        engine.check(self._runtime.functions.server_drain(engine.server, ctypes.byref(options)))
        self._runtime.wake()
        self._drains = True
        self._stopping = asyncio.get_running_loop().create_task(self._finish(why, grace))
        await self._stopped(self._stopping)

    async def _stop(self, engine: Engine, reason: Optional[bytes], grace: float) -> None:
        try:
            engine.check(self._runtime.functions.server_stop(engine.server, reason))
            self._runtime.wake()
        except BaseException:
            self._cut()
            raise
        await self._finish("server shutdown" if reason is None else reason.decode(), grace, grace / 2)

    async def _finish(self, reason: str, grace: float, peers_grace: Optional[float] = None) -> None:
        """Waits until every connection has ended, and ends everything."""
        dispatcher, loop = self._dispatcher, asyncio.get_running_loop()
        assert dispatcher is not None
        dispatcher.stop_reason = reason
        begun = loop.time()
        try:
            await asyncio.wait({dispatcher.stopped}, timeout=peers_grace)
            if not dispatcher.stopped.done():
                await self._cut_peers(dispatcher)
            spent = 0.0 if peers_grace is None else loop.time() - begun
            await dispatcher.finish(max(grace - spent, 0))
        finally:
            self._cut()

    async def _cut_peers(self, dispatcher: Dispatcher) -> None:
        """Ends the connections that are left, and lets their handlers know."""
        engine, pump = self._runtime.engine, self._runtime.pump
        if engine is not None and pump is not None:
            engine.check(engine.library.patient.server_free(engine.server))
            for _ in range(_CUT_TURNS_MAX):
                pump.turn()
                if not dispatcher.connections:
                    break
                await asyncio.sleep(0.005)

    def _cut(self) -> None:
        """Ends everything at once."""
        dispatcher, ended = self._dispatcher, self._ended
        self._dispatcher = self._stopping = self._ended = None
        self._drains = False
        self._runtime.end()
        if dispatcher is not None:
            dispatcher.end_questions()
        if ended is not None:
            ended.set()

    async def serve(self, *, grace: float = 10.0) -> None:
        """Starts, and serves until a stop or drain has ended it, it is cancelled, or the process gets SIGINT
        or SIGTERM: then it stops politely, as stop does. A second signal cuts what is still open.

        Raises: as start."""
        if not self.is_running:
            await self.start()
        ended, signalled = self._ended, asyncio.Event()
        assert ended is not None
        with _signals(signalled.set):
            waiting = [asyncio.ensure_future(event.wait()) for event in (ended, signalled)]
            try:
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in waiting:
                    task.cancel()
                if not ended.is_set():
                    signalled.clear()
                    await self._stop_unless(signalled, grace)

    async def _stop_unless(self, again: asyncio.Event, grace: float) -> None:
        """Stops politely; a second signal cuts that short."""
        stopping = asyncio.ensure_future(self.stop(grace=grace))
        cutting = asyncio.ensure_future(again.wait())
        await asyncio.wait({stopping, cutting}, return_when=asyncio.FIRST_COMPLETED)
        cutting.cancel()
        if self._stopping is not None:
            self._stopping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await stopping

    def run(self, *, grace: float = 10.0) -> None:
        """Serves in an asyncio loop of its own, as serve.

        Raises: as start."""
        asyncio.run(self.serve(grace=grace))

    async def __aenter__(self) -> "Server":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # -------------------------------------------------------------- the cluster

    async def ask_room(self, name: str, timeout: float = 1.0) -> Dict[str, Any]:
        """Who is in a room, in all processes of the cluster: connections, users, the nodes that have answered
        and those that are missing. Without redis_url the scope is "local".

        Raises: StateError unless the server runs, or when it stops meanwhile."""
        return await self._ask(_abi.SUBJECT_ROOM, name, timeout)

    async def ask_user(self, name: str, timeout: float = 1.0) -> Dict[str, Any]:
        """How many connections a user has in all processes of the cluster, and its rooms, as ask_room.

        Raises: as ask_room."""
        return await self._ask(_abi.SUBJECT_USER, name, timeout)

    async def ready(self) -> None:
        """Returns when messages reach the other processes of the cluster; at once without redis_url. What is
        published before waits (max_broker_pending).

        Raises: StateError if the server stops first."""
        if not (await self._ask(_abi.SUBJECT_READY, "", None))["ready"]:
            raise StateError("the server has stopped")

    async def _ask(self, subject: int, name: str, timeout: Optional[float]) -> Dict[str, Any]:
        """timeout None: however long it takes."""
        runtime, milliseconds = self._runtime, 0 if timeout is None else max(1, int(timeout * 1000))
        function, about = runtime.functions.server_ask, a_text("name", name)
        number = runtime.call(function, runtime.handle, subject, about, milliseconds)
        dispatcher = self._dispatcher
        assert dispatcher is not None
        answer: "asyncio.Future[bytes]" = asyncio.get_running_loop().create_future()
        dispatcher.questions[number] = answer
        result: Dict[str, Any] = json.loads(await answer)
        return result

    # -------------------------------------------------------------- for the package itself

    def _forbid_other_loops(self) -> None:
        pump = self._runtime.pump
        if pump is not None and asyncio.get_running_loop() is not pump.loop:
            raise_error(_abi.ERR_STATE, "the server belongs to another event loop")

    def _forbid_running(self) -> None:
        if self._runtime.is_running:
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
