"""The connection manager over sockets that a framework owns."""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import TYPE_CHECKING, Any, Awaitable, Callable, Dict, List, Optional, Set, Tuple, TypeVar, Union

from .._arguments import a_function
from .._options import ServerOptions
from ..close_codes import CloseCode
from ..connection import Connection
from ..errors import GoneError, HearthError, LimitError
from ..message import Message, Sendable, json_text
from ..server import Server
from ._entry import Entry
from .errors import ConnectionClosedError
from .models import ConnectionInfo

if TYPE_CHECKING:
    from typing_extensions import Unpack

logger = logging.getLogger("hearth")

Hook = Callable[..., Union[None, Awaitable[Any]]]
HookT = TypeVar("HookT", bound=Hook)

_CHANNEL = "asgi"


class ManagerOptions(ServerOptions, total=False):
    """What ConnectionManager takes: the keys of a server, and these."""

    heartbeat: Any
    """What is sent to everybody each ping_interval; None: nothing."""

    environment_prefix: Optional[str]
    """Keys come from the environment too, by this prefix; None: they do not. Default: WS_."""

    channel_prefix: str
    """The key redis_prefix."""


class ConnectionManager:
    """Users, rooms, limits and presence for the WebSockets of FastAPI, Starlette or any ASGI framework.

        manager = ConnectionManager(max_connections_per_user=5)

        @app.websocket("/ws/{user_id}")
        async def endpoint(websocket: WebSocket, user_id: str):
            await manager.connect(user_id, websocket)
            try:
                async for message in websocket.iter_json():
                    await manager.broadcast(message)
            finally:
                await manager.disconnect(user_id, websocket)

    The framework keeps its sockets; the library sees each as a connection of a channel. Keywords are
    configuration keys, which the environment names too: WS_MAX_CONNECTIONS_PER_USER. `heartbeat` is sent to
    everybody each ping_interval, and who answers nothing for ping_timeout more is closed. It starts with the
    first connection, in the event loop of that, and belongs to this loop until `stop`.

    A message is text, bytes, or anything that JSON can say. What was sent is queued and leaves by itself: a
    peer that does not keep up holds up nobody, and is treated as the key slow_consumer says.
    """

    def __init__(self, **options: "Unpack[ManagerOptions]") -> None:
        """Raises: UnknownKeyError, InvalidValueError and TypeError, which name the key and what it takes."""
        configuration: Dict[str, Any] = dict(options)
        heartbeat = configuration.pop("heartbeat", None)
        environment_prefix = configuration.pop("environment_prefix", "WS_")
        if "channel_prefix" in configuration:
            configuration["redis_prefix"] = configuration.pop("channel_prefix")
        self.server = Server("none", driven=True, environment_prefix=environment_prefix)
        for key, value in configuration.items():
            self.server._configuration.set(key, value)
        # What waits for a peer when its connection has ended may take so long.
        self._close_seconds = _seconds(self.server._configuration.get("close_timeout")) or 10.0
        self._heartbeat = None if heartbeat is None else _payload(heartbeat)
        self._channel = self.server.channel(
            _CHANNEL, self._carry, acknowledge=True, liveness=heartbeat is not None
        )
        self.server.on_message(self._received)
        self.server.on_close(self._over)
        self._has_route = False
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._entries: Dict[int, Entry] = {}
        self._sockets: Dict[int, Entry] = {}
        # Rooms that a user is in with every connection, also with those still to come.
        self._user_rooms: Dict[str, Set[str]] = {}
        self._connect_hooks: List[Hook] = []
        self._disconnect_hooks: List[Hook] = []
        self._tasks: Set["asyncio.Task[None]"] = set()
        self._beat: Optional["asyncio.Task[None]"] = None

    # -------------------------------------------------------------- life

    async def start(self) -> None:
        """Starts it in the running event loop, unless it runs there already."""
        loop = asyncio.get_running_loop()
        if self._loop is not None and self._loop is not loop and not self._loop.is_closed():
            raise RuntimeError("this ConnectionManager runs in another event loop")
        if self._loop is not loop:
            # What ran in an event loop that is closed has ended with it.
            self.server._cut()
            self._forget()
        if not self.server.is_running:
            if not self._has_route:
                self.server.route("/{path*}")
                self._has_route = True
            await self.server.start()
            self._loop = loop
            if self._heartbeat is not None:
                self._beat = loop.create_task(self._beat_on())

    async def stop(self, reason: str = "server shutdown") -> None:
        """Closes all connections with 1001 and ends. It can start again."""
        if self._loop is asyncio.get_running_loop() and self.server.is_running:
            entries = list(self._entries.values())
            await self.server.stop(reason)
            for entry in entries:
                await entry.flushed()
            if self._tasks:
                await asyncio.wait(set(self._tasks))
        self._forget()

    def _forget(self) -> None:
        if self._beat is not None and self._loop is not None and not self._loop.is_closed():
            self._beat.cancel()
        if self._loop is asyncio.get_running_loop():
            for entry in self._entries.values():
                entry.abandon()
        self._beat = self._loop = None
        self._entries.clear()
        self._sockets.clear()
        self._user_rooms.clear()
        self._tasks.clear()

    async def __aenter__(self) -> "ConnectionManager":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _beat_on(self) -> None:
        seconds = _seconds(self.server._configuration.get("ping_interval"))
        while seconds and self._heartbeat is not None:
            await asyncio.sleep(seconds)
            # Each process beats for itself.
            self.server.broadcast(self._heartbeat, local=True)

    # -------------------------------------------------------------- connections

    async def connect(
        self,
        user_id: str,
        websocket: Any,
        metadata: Optional[Dict[str, Any]] = None,
        *,
        accept: bool = True,
        subprotocol: Optional[str] = None,
    ) -> str:
        """Accepts the socket, unless that was done, makes it a connection of the user, and calls the
        on_connect hooks. Answers the connection's id.

        Where a limit leaves no place, the socket is closed with 4503 and ConnectionClosedError raised.
        """
        if id(websocket) in self._sockets:
            raise ValueError("this socket is connected already")
        await self.start()
        if accept and not _is_accepted(websocket):
            await websocket.accept(subprotocol=subprotocol)
        entry = Entry(self._turn, self._close_seconds, str(user_id), user_id, websocket, dict(metadata or {}))
        try:
            entry.attach(self._channel)
        except HearthError as error:
            code, reason = _code_of(error), str(error)[:120]
            await websocket.close(code=code, reason=reason)
            raise ConnectionClosedError(code, reason) from error
        connection = entry.connection
        self._entries[connection.id] = self._sockets[id(websocket)] = entry
        for room in self._user_rooms.get(entry.user_id, ()):
            connection.join(room)
        self._turn()
        try:
            await self._call(self._connect_hooks, entry)
        except BaseException:
            await self._end(entry, CloseCode.INTERNAL_ERROR, "internal error")
            raise
        return f"{connection.id:016x}"

    async def disconnect(
        self, user_id: str, websocket: Any = None, *, code: int = CloseCode.NORMAL, reason: str = ""
    ) -> None:
        """Ends a connection, or without a socket all of the user: closes the socket if it is open, leaves all
        rooms, and calls the on_disconnect hooks, once for each. Nothing happens for one that has ended."""
        if websocket is not None:
            entry = self._sockets.get(id(websocket))
            entries = [] if entry is None or entry.socket is not websocket else [entry]
        else:
            entries = self._entries_of(user_id)
        await asyncio.gather(*[self._end(entry, code, reason) for entry in entries])

    async def _end(self, entry: Entry, code: int, reason: str) -> None:
        if entry.told is None:
            entry.told = asyncio.get_running_loop().create_future()
        try:
            entry.connection.close(code, reason)
        except GoneError:
            pass
        else:
            self._turn()
        if entry.connection.id in self._entries or not entry.told.done():
            await entry.told
        await entry.flushed()

    # -------------------------------------------------------------- sending

    async def send_to_user(self, user_id: str, message: Any, *, local: bool = False) -> int:
        """Sends to all connections of the user. Answers for how many connections of this process it was
        queued: 0 also where only other processes have some, which send to them unless it is local.

        Raises: TooLargeError, ValueError for NaN and infinities, TypeError for what JSON has no form for."""
        payload = _payload(message)
        return self.server.send_to_user(str(user_id), payload, local=local) if self.server.is_running else 0

    async def broadcast(
        self, message: Any, exclude_user: Optional[str] = None, *, local: bool = False
    ) -> int:
        """Sends to everybody but a user; local: in this process. Answers for how many connections of this
        process it was queued.

        Raises: as send_to_user."""
        payload, excluded = _payload(message), _text(exclude_user)
        return self.server.broadcast(payload, excluded, local=local) if self.server.is_running else 0

    async def broadcast_to_room(
        self, room: str, message: Any, exclude_user: Optional[str] = None, *, local: bool = False
    ) -> int:
        """Sends to the members of a room but a user; local: in this process. Answers for how many connections
        of this process it was queued.

        Raises: as send_to_user."""
        payload = _payload(message)
        if not self.server.is_running:
            return 0
        return self.server.room(room).broadcast(payload, _text(exclude_user), local=local)

    # -------------------------------------------------------------- rooms

    async def join_room(self, user_id: str, room: str, websocket: Any = None) -> bool:
        """The user joins a room, with all connections, also those that come later; with a socket, with that
        one alone. Answers whether the user was not in the room before."""
        user = str(user_id)
        entries = self._members(user, websocket)
        was_in = user in await self.get_room_users(room)
        if websocket is None and entries:
            self._user_rooms.setdefault(user, set()).add(room)
        for entry in entries:
            entry.connection.join(room)
        return bool(entries) and not was_in

    async def leave_room(self, user_id: str, room: str, websocket: Any = None) -> bool:
        """The user leaves a room, with all connections; with a socket, with that one alone. Answers whether
        the user is not in the room any more, but was."""
        user = str(user_id)
        was_in = user in await self.get_room_users(room)
        if websocket is None:
            self._user_rooms.get(user, set()).discard(room)
        for entry in self._members(user, websocket):
            if room in entry.connection.rooms:
                entry.connection.leave(room)
        return was_in and user not in await self.get_room_users(room)

    async def get_room_users(self, room: str) -> List[str]:
        """The users in a room, each once."""
        return self.server.room(room).users if self.server.is_running else []

    # -------------------------------------------------------------- who is here

    def get_user_connections(self, user_id: str) -> List[ConnectionInfo]:
        """The connections of a user."""
        found = []
        for entry in self._entries_of(user_id):
            try:
                found.append(entry.info())
            except GoneError:
                pass  # It is about to be told.
        return found

    def is_user_connected(self, user_id: str) -> bool:
        """Whether the user has a connection."""
        return bool(self._entries_of(user_id))

    @property
    def active_users(self) -> List[str]:
        """The users that have a connection, each once."""
        return self.server.users if self.server.is_running else []

    @property
    def connection_count(self) -> int:
        """How many connections are open."""
        return self.server.connection_count if self.server.is_running else 0

    @property
    def room_count(self) -> int:
        """How many rooms have a member."""
        return self.server.room_count if self.server.is_running else 0

    def stats(self) -> Dict[str, Any]:
        """What was counted since the start, as Server.stats gives it."""
        return self.server.stats() if self.server.is_running else {}

    # -------------------------------------------------------------- hooks

    def on_connect(self, hook: HookT) -> HookT:
        """hook(user_id, websocket), plain or async, is called for each connection, before connect returns."""
        a_function("on_connect", hook)
        self._connect_hooks.append(hook)
        return hook

    def on_disconnect(self, hook: HookT) -> HookT:
        """hook(user_id, websocket) is called once for each connection that has ended, whichever way. One that
        takes four arguments gets the close code and the reason too."""
        a_function("on_disconnect", hook)
        self._disconnect_hooks.append(hook)
        return hook

    async def _call(self, hooks: List[Hook], entry: Entry, *more: Any) -> None:
        for hook in hooks:
            arguments: Tuple[Any, ...] = (entry.given_user, entry.socket)
            if more and _takes(hook, 4):
                arguments += more
            answer = hook(*arguments)
            if inspect.isawaitable(answer):
                await answer

    # -------------------------------------------------------------- what the library tells

    def _carry(self, connections: List[Connection], message: Message) -> None:
        """Gives a message to the sockets of the connections."""
        key = "text" if message.is_text else "bytes"
        content: Union[str, bytes] = message.text if message.is_text else message.data
        size = len(message.data)
        for connection in connections:
            entry = self._entries.get(connection.id)
            if entry is not None:
                entry.send({"type": "websocket.send", key: content}, size)

    def _received(self, connection: Connection, message: Message) -> None:
        entry = self._entries.get(connection.id)
        if entry is not None:
            entry.received(message)

    def _over(self, connection: Connection) -> None:
        entry = self._entries.pop(connection.id, None)
        if entry is None:
            return
        self._sockets.pop(id(entry.socket), None)
        if not self._entries_of(entry.user_id):
            self._user_rooms.pop(entry.user_id, None)
        entry.over(connection.close_code or CloseCode.ABNORMAL, connection.close_reason)
        task = asyncio.get_running_loop().create_task(self._tell_over(entry))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell_over(self, entry: Entry) -> None:
        connection = entry.connection
        try:
            code = connection.close_code or CloseCode.ABNORMAL
            await self._call(self._disconnect_hooks, entry, code, connection.close_reason)
        except Exception:
            logger.exception("an on_disconnect hook failed")
        finally:
            entry.tell()

    # -------------------------------------------------------------- inside

    def _turn(self) -> None:
        """Lets the library do now what it was told, and tell what came of it."""
        pump = self.server._runtime.pump
        if pump is not None:
            pump.turn()

    def _entries_of(self, user_id: str) -> List[Entry]:
        if not self.server.is_running:
            return []
        found = self.server.user_connections(str(user_id))
        return [self._entries[connection.id] for connection in found if connection.id in self._entries]

    def _members(self, user: str, websocket: Any) -> List[Entry]:
        if websocket is None:
            return self._entries_of(user)
        entry = self._sockets.get(id(websocket))
        return [] if entry is None or entry.user_id != user else [entry]


def _code_of(error: HearthError) -> CloseCode:
    is_limit = isinstance(error, LimitError)
    return CloseCode.TOO_MANY_CONNECTIONS if is_limit else CloseCode.INTERNAL_ERROR


def _payload(message: Any) -> Sendable:
    if isinstance(message, (str, bytes, bytearray, memoryview, Message)):
        return message
    return json_text(message)


def _text(user: Any) -> Optional[str]:
    return None if user is None else str(user)


def _is_accepted(websocket: Any) -> bool:
    """Whether the program has accepted a socket of Starlette's kind by itself."""
    state = getattr(websocket, "application_state", None)
    return getattr(state, "name", "CONNECTING") != "CONNECTING"


def _takes(hook: Hook, count: int) -> bool:
    try:
        inspect.signature(hook).bind(*range(count))
    except (TypeError, ValueError):
        return False
    return True


def _seconds(text: str) -> float:
    """A duration as the library writes it."""
    for unit, factor in (("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)):
        if text.endswith(unit) and text[: -len(unit)].replace(".", "", 1).isdigit():
            return float(text[: -len(unit)]) * factor
    return float(text) if text.replace(".", "", 1).isdigit() else 0.0
