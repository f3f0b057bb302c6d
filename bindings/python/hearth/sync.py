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
from typing import Any, Callable, Dict, Iterator, List, Optional, TypeVar

from . import connection as _connection
from . import server as _server
from ._background import background
from ._engine import Value
from ._events import logger
from .client import Client as AsyncClient
from .client_state import ClientInfo, ClientState, ClosedError, StateChange
from .connecting import connect as _connect
from .errors import GoneError
from .message import NOTHING, Message, Sendable, json_text
from .request import Headers
from .room import Except, Room

__all__ = ["Client", "Connection", "Server", "connect"]

Session = Callable[["Connection"], Any]
SessionT = TypeVar("SessionT", bound=Session)
HandlerT = TypeVar("HandlerT", bound=Callable[..., Any])


class Client:
    """A client whose calls wait. `connect` makes it; `close` ends it."""

    def __init__(self, url: str, **arguments: Any) -> None:
        self._client: Optional[AsyncClient] = None
        self._lock = threading.Lock()
        background.acquire()
        try:
            self._client = background.run(_opened(url, arguments))
        except BaseException:
            background.release()
            raise

    def send(self, data: Sendable, *, keep: bool = True, timeout: Optional[float] = None) -> int:
        """Sends text for str, binary for bytes, and waits until the system has it. Answers its number.
        TimeoutError: it has not left yet; it leaves when it can."""

        async def send() -> int:
            return await self._open_client.send(data, keep=keep)

        return background.run(send(), timeout)

    def send_json(self, value: Any, *, keep: bool = True, timeout: Optional[float] = None) -> int:
        return self.send(json_text(value), keep=keep, timeout=timeout)

    def recv(self, timeout: Optional[float] = None) -> Message:
        """The next message. TimeoutError: none came in time, none is lost. ClosedError: none will come."""
        return background.run(self._open_client.recv(), timeout)

    def recv_json(self, timeout: Optional[float] = None) -> Any:
        return self.recv(timeout).json()

    def __iter__(self) -> Iterator[Message]:
        """The messages, until the connection has ended as it should."""
        while True:
            try:
                yield background.run(_next(self._open_client))
            except _EndError:
                return

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Closes, after what was sent, and waits for the end."""
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
        return self._open_client.url

    @property
    def state(self) -> StateChange:
        client = self._client
        return StateChange(ClientState.CLOSED) if client is None else client.state

    @property
    def is_connected(self) -> bool:
        return self.state.state is ClientState.OPEN

    @property
    def latency(self) -> Optional[float]:
        """The round trip of the last ping that was answered, in seconds; None before the first."""
        return self._open_client.latency

    @property
    def info(self) -> ClientInfo:
        return self._open_client.info

    @property
    def subprotocol(self) -> Optional[str]:
        return self._open_client.subprotocol

    @property
    def headers(self) -> Headers:
        return self._open_client.headers

    @property
    def _open_client(self) -> AsyncClient:
        client = self._client
        if client is None:
            raise ClosedError(1000, "the client was closed")
        return client


def connect(url: str, **arguments: Any) -> Client:
    """Connects, and waits until the connection is open; takes what hearth.connect takes."""
    return Client(url, **arguments)


class _EndError(Exception):
    """Stands for the end of an iteration, which a future cannot carry."""


async def _opened(url: str, arguments: Dict[str, Any]) -> AsyncClient:
    return await _connect(url, **arguments)


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
        """The next message. GoneError after the last, TimeoutError if none came in time."""
        return background.run(self._connection.receive(), timeout)

    def __iter__(self) -> Iterator[Message]:
        while True:
            try:
                message = self.receive()
            except GoneError:
                return
            yield message

    def wait_closed(self, timeout: Optional[float] = None) -> None:
        background.run(self._connection.wait_closed(), timeout)

    @property
    def id(self) -> int:
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


class Server:
    """A server whose sessions are plain functions, each in a thread of its own.

    It takes what hearth.Server takes. The engine has its own threads, so that heartbeats, relays and
    broadcasts go on whatever Python does. Handlers of on_... run in one thread, one after the other.
    sessions_max: who comes when so many sessions run is closed with 1013.
    """

    def __init__(
        self,
        listen: _server.Listen = None,
        *,
        driven: bool = False,
        sessions_max: int = 1000,
        environment_prefix: Optional[str] = None,
        **configuration: Value,
    ) -> None:
        self._server = _server.Server(
            listen, driven=driven, environment_prefix=environment_prefix, **configuration
        )
        self._places = threading.Semaphore(sessions_max)
        self._ended = threading.Event()
        self._is_started = False

    def route(self, pattern: str, **options: Any) -> Callable[[SessionT], SessionT]:
        """Adds a route, with the options of hearth.Server.route. As a decorator it names the session."""
        decorate_async = self._server.route(pattern, **options)

        def decorate(session: SessionT) -> SessionT:
            if not callable(session) or asyncio.iscoroutinefunction(session):
                raise TypeError("the session of a route of hearth.sync is a plain function")

            async def run(connection: _connection.Connection) -> None:
                await self._run_session(session, connection)

            decorate_async(run)
            return session

        return decorate

    async def _run_session(self, session: Session, connection: _connection.Connection) -> None:
        if not self._places.acquire(blocking=False):
            logger.warning("there are too many sessions: %r is closed", connection)
            connection.close(1013, "too many sessions")
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
                self._places.release()
                with contextlib.suppress(RuntimeError):  # The loop is closed.
                    loop.call_soon_threadsafe(finish, error)

        threading.Thread(target=run, name=f"hearth-session-{connection.id}", daemon=True).start()
        error = await ended
        if error is not None:
            raise error if isinstance(error, Exception) else RuntimeError("the session ended its thread")

    # -------------------------------------------------------------- life

    def start(self) -> None:
        """Listens and serves from now on."""
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

    def stop(self, reason: Optional[str] = None, *, grace: float = 10.0) -> None:
        """Closes all connections with 1001 and waits for the sessions, at most grace seconds."""
        if self._is_started:
            self._is_started = False
            self._ended.set()
            try:
                background.run(self._server.stop(reason, grace=grace))
            finally:
                background.release()

    def drain(self, farewell: Optional[Sendable] = None, *, why: str = "draining") -> None:
        """Stops so that clients can go elsewhere: see hearth.Server.drain."""
        if self._is_started:
            self._is_started = False
            self._ended.set()
            try:
                background.run(self._server.drain(farewell, why=why))
            finally:
                background.release()

    def serve(self) -> None:
        """Serves until SIGINT, SIGTERM or a `stop` in another thread."""
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

    # -------------------------------------------------------------- sending

    def room(self, name: str) -> Room:
        return self._server.room(name)

    def broadcast(self, data: Sendable, except_: Except = None) -> int:
        return self._server.broadcast(data, except_)

    def broadcast_json(self, value: Any, except_: Except = None) -> int:
        return self._server.broadcast_json(value, except_)

    def broadcast_event(self, name: str, data: Any = NOTHING, except_: Except = None) -> int:
        return self._server.broadcast_event(name, data, except_)

    def send_to_user(self, user: str, data: Sendable, except_: Except = None) -> int:
        return self._server.send_to_user(user, data, except_)

    def kick(self, user: str, code: int = 4505, reason: str = "") -> int:
        return self._server.kick(user, code, reason)

    # -------------------------------------------------------------- who and what is here

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def is_running(self) -> bool:
        return self._server.is_running

    @property
    def connection_count(self) -> int:
        return self._server.connection_count

    @property
    def connections(self) -> List[_connection.Connection]:
        return self._server.connections

    @property
    def users(self) -> List[str]:
        return self._server.users

    @property
    def rooms(self) -> List[str]:
        return self._server.rooms

    def __getattr__(self, name: str) -> Any:
        """What waits for nothing is that of hearth.Server: http, on_connect, on_message, stats, ..."""
        return getattr(self._server, name)


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
