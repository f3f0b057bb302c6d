"""The package for programs without asyncio: calls wait, sessions are threads.

    import hearth.sync

    server = hearth.sync.Server("127.0.0.1:8000")

    @server.route("/echo")
    def session(connection):
        for message in connection:
            connection.send(message)

    server.serve()

    with hearth.sync.connect("ws://127.0.0.1:8000/echo") as ws:
        ws.send("hello")
        print(ws.recv())
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from typing import TYPE_CHECKING, Any, Callable, Coroutine, Dict, Iterator, Optional, TypeVar

from . import connection as _connection
from . import server as _server
from ._background import background
from ._calls import ServerCalls
from ._dispatch import logger
from ._routes import Program, RouteOptions
from .channel import Carrier, Channel
from .client import Client as AsyncClient
from .client import ConnectOptions
from .client_state import ClientInfo, ClientState, ClosedError, StateChange
from .close_codes import CloseCode
from .connecting import connect as _connect
from .errors import GoneError
from .message import Message, Sendable, json_text
from .request import Headers

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._options import ServerOptions

__all__ = ["Client", "Connection", "Server", "connect"]

Session = Callable[["Connection"], Any]
SessionT = TypeVar("SessionT", bound=Session)


class Client:
    """A client whose calls wait. `connect` makes it; `close` ends it."""

    def __init__(self, url: str, **options: "Unpack[ConnectOptions]") -> None:
        """Raises: why the first attempt failed, and as hearth.Client."""
        self._client: Optional[AsyncClient] = None
        self._lock = threading.Lock()
        background.acquire()
        try:
            self._client = background.run(_opened(url, options))
        except BaseException:
            background.release()
            raise

    def send(self, data: Sendable, *, keep: bool = True, timeout: Optional[float] = None) -> int:
        """Sends text for str, binary for bytes, and waits until the system has it. Answers its number.

        Raises: TimeoutError if it has not left yet, it leaves when it can; DroppedError; ClosedError."""

        async def send() -> int:
            return await self._open_client.send(data, keep=keep)

        return background.run(send(), timeout)

    def send_json(self, value: Any, *, keep: bool = True, timeout: Optional[float] = None) -> int:
        """Sends a value as JSON in a text message, as send.

        Raises: ValueError for NaN and infinities, and as send."""
        return self.send(json_text(value), keep=keep, timeout=timeout)

    def recv(self, timeout: Optional[float] = None) -> Message:
        """The next message.

        Raises: TimeoutError if none came in time, none is lost; ClosedError if none will come."""
        return background.run(self._open_client.recv(), timeout)

    def recv_json(self, timeout: Optional[float] = None) -> Any:
        """The next message, read as JSON.

        Raises: ValueError if it is none, and as recv."""
        return self.recv(timeout).json()

    def __iter__(self) -> Iterator[Message]:
        """The messages, until the connection has ended as it should."""
        while True:
            try:
                yield background.run(_next(self._open_client))
            except _EndError:
                return

    def close(self, code: int = CloseCode.NORMAL, reason: str = "") -> None:
        """Closes, after what was sent, and waits for the end. Nothing happens if it is closed.

        Raises: InvalidError for a code that a program may not send."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            try:
                background.run(client.close(code, reason))
            finally:
                background.release()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The address that it connects to."""
        return self._open_client.url

    @property
    def state(self) -> StateChange:
        """What the client has come into last."""
        client = self._client
        return StateChange(ClientState.CLOSED) if client is None else client.state

    @property
    def is_connected(self) -> bool:
        """Whether it is open now."""
        return self.state.state is ClientState.OPEN

    @property
    def latency(self) -> Optional[float]:
        """The round trip of the last ping that was answered, in seconds; None before the first."""
        return self._open_client.latency

    @property
    def info(self) -> ClientInfo:
        """Its counts and times.

        Raises: ClosedError after close."""
        return self._open_client.info

    @property
    def subprotocol(self) -> Optional[str]:
        """What the server chose, None: nothing."""
        return self._open_client.subprotocol

    @property
    def headers(self) -> Headers:
        """Of the server's answer to the last handshake."""
        return self._open_client.headers

    @property
    def _open_client(self) -> AsyncClient:
        client = self._client
        if client is None:
            raise ClosedError(CloseCode.NORMAL, "the client was closed")
        return client


def connect(url: str, **options: "Unpack[ConnectOptions]") -> Client:
    """Connects, and waits until the connection is open; takes what hearth.connect takes.

    Raises: why the first attempt failed, and as hearth.Client."""
    return Client(url, **options)


class _EndError(Exception):
    """Stands for the end of an iteration, which a future cannot carry."""


async def _opened(url: str, options: ConnectOptions) -> AsyncClient:
    return await _connect(url, **options)


async def _next(client: AsyncClient) -> Message:
    try:
        return await client.__anext__()
    except StopAsyncIteration:
        raise _EndError from None


class Connection:
    """A connection as a session's thread sees it. What is not here is that of hearth.Connection."""

    def __init__(self, connection: _connection.Connection) -> None:
        self._connection = connection

    def receive(self, timeout: Optional[float] = None) -> Message:
        """The next message.

        Raises: GoneError after the last, TimeoutError if none came in time."""
        return background.run(self._connection.receive(), timeout)

    def __iter__(self) -> Iterator[Message]:
        while True:
            try:
                message = self.receive()
            except GoneError:
                return
            yield message

    def wait_closed(self, timeout: Optional[float] = None) -> None:
        """Waits until the connection has ended.

        Raises: TimeoutError."""
        background.run(self._connection.wait_closed(), timeout)

    @property
    def id(self) -> int:
        """Its number, as in the library."""
        return self._connection.id

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "_connection":
            object.__setattr__(self, name, value)
        else:
            setattr(self._connection, name, value)

    def __repr__(self) -> str:
        return repr(self._connection)


class Server(Program, ServerCalls):
    """A server whose sessions are plain functions, each in a thread of its own.

    It takes what hearth.Server takes. The engine has its own threads, so that heartbeats, relays and
    broadcasts go on whatever Python does. Handlers of http, on and on_... run in one thread, that of the event
    loop: one that waits for long holds up the others, so they are short, or coroutine functions.
    max_sessions: who comes when so many sessions run is closed with 1013.
    """

    def __init__(
        self,
        listen: _server.Listen = None,
        *,
        driven: bool = False,
        max_sessions: int = 1000,
        environment_prefix: Optional[str] = None,
        **configuration: "Unpack[ServerOptions]",
    ) -> None:
        """Raises: as hearth.Server."""
        if max_sessions < 1:
            raise ValueError(f"max_sessions takes a number from 1 on, not {max_sessions}")
        self._server = _server.Server(
            listen, driven=driven, environment_prefix=environment_prefix, **configuration
        )
        self._runtime = self._server._runtime
        self._routes = self._server._routes
        self._handlers = self._server._handlers
        self._vacancies = threading.Semaphore(max_sessions)
        self._ended = threading.Event()
        self._is_started = False

    def _forbid_running(self) -> None:
        self._server._forbid_running()

    def route(self, pattern: str, **options: "Unpack[RouteOptions]") -> Callable[[SessionT], SessionT]:
        """Adds a route, with the options of hearth.Server.route. As a decorator it names the session.

        Raises: as hearth.Server.route; TypeError for a coroutine function."""
        decorate_async = self._server.route(pattern, **options)

        def decorate(session: SessionT) -> SessionT:
            if not callable(session) or asyncio.iscoroutinefunction(session):
                raise TypeError(f"the session of a route of hearth.sync is a plain function, not {session!r}")

            async def run(connection: _connection.Connection) -> None:
                await self._run_session(session, connection)

            decorate_async(run)
            return session

        return decorate

    def channel(
        self, name: str, send: Carrier, *, acknowledge: bool = False, liveness: bool = False
    ) -> Channel:
        """Registers a transport that the program brings: see hearth.Server.channel.

        Raises: as hearth.Server.channel."""
        return self._server.channel(name, send, acknowledge=acknowledge, liveness=liveness)

    async def _run_session(self, session: Session, connection: _connection.Connection) -> None:
        if not self._vacancies.acquire(blocking=False):
            logger.warning("there are too many sessions: %r is closed", connection)
            connection.close(CloseCode.TRY_AGAIN_LATER, "too many sessions")
            return
        loop = asyncio.get_running_loop()
        ended: "asyncio.Future[Optional[BaseException]]" = loop.create_future()

        def finish(error: Optional[BaseException]) -> None:
            if not ended.done():
                ended.set_result(error)

        def run() -> None:
            error: Optional[BaseException] = None
            try:
                session(Connection(connection))
            except BaseException as raised:
                error = raised
            finally:
                self._vacancies.release()
                with contextlib.suppress(RuntimeError):  # The loop is closed.
                    loop.call_soon_threadsafe(finish, error)

        threading.Thread(target=run, name=f"hearth-session-{connection.id}", daemon=True).start()
        error = await ended
        if error is not None:
            raise error if isinstance(error, Exception) else RuntimeError("the session ended its thread")

    # -------------------------------------------------------------- life

    def start(self) -> None:
        """Listens and serves from now on.

        Raises: RuntimeError if it runs, and as hearth.Server.start."""
        if self._is_started:
            raise RuntimeError("the server is running")
        background.acquire()
        try:
            background.run(self._server.start())
        except BaseException:
            background.release()
            raise
        self._ended.clear()
        self._is_started = True

    def ready(self) -> None:
        """Waits until messages reach the other processes of the cluster; see hearth.Server.ready."""
        background.run(self._server.ready())

    def stop(self, reason: Optional[str] = None, *, grace: float = 10.0) -> None:
        """Closes all connections with 1001 and waits for the sessions, at most grace seconds."""
        self._finish(self._server.stop(reason, grace=grace))

    def drain(
        self, farewell: Optional[Sendable] = None, *, why: str = "draining", grace: float = 10.0
    ) -> None:
        """Stops so that clients can go elsewhere: see hearth.Server.drain."""
        self._finish(self._server.drain(farewell, why=why, grace=grace))

    def _finish(self, ending: Coroutine[Any, Any, None]) -> None:
        if not self._is_started:
            ending.close()
            return
        self._is_started = False
        try:
            background.run(ending)
        finally:
            background.release()
            self._ended.set()

    def serve(self) -> None:
        """Serves until SIGINT, SIGTERM, or a stop or drain in another thread has ended it.

        Raises: as start."""
        if not self._is_started:
            self.start()
        try:
            with _sigterm():
                while not self._ended.wait(3600):
                    pass
        except (KeyboardInterrupt, _TerminatedError):
            pass
        finally:
            self.stop()

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -------------------------------------------------------------- the cluster

    def ask_room(self, name: str, timeout: float = 1.0) -> Dict[str, Any]:
        """Who is in a room, in all processes of the cluster: see hearth.Server.ask_room.

        Raises: StateError unless the server runs, or when it stops meanwhile."""
        return background.run(self._server.ask_room(name, timeout))

    def ask_user(self, name: str, timeout: float = 1.0) -> Dict[str, Any]:
        """How many connections a user has in all processes of the cluster, and its rooms, as ask_room.

        Raises: as ask_room."""
        return background.run(self._server.ask_user(name, timeout))


class _TerminatedError(BaseException):
    """SIGTERM came. Raised where the program waits, as an event that a handler set could wait for itself."""


def _terminated(*_: Any) -> None:
    raise _TerminatedError


@contextlib.contextmanager
def _sigterm() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
