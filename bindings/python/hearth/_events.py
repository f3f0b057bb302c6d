"""Reads packed events and calls the program's handlers with them.

No handler can harm another: what one raises is logged, and ends at most the connection it was about.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import struct
from typing import TYPE_CHECKING, Any, Awaitable, Callable, Dict, Optional, Set

from . import _abi
from ._library import c_number, check
from ._routes import Handlers, HTTPHandler, Route, Session
from .channel import ids_of
from ._inbox import Inbox
from .connection import Connection, Principal, Reject
from .errors import GoneError, HearthError, StateError
from .message import Message
from .presence import PresenceChange, PresenceKind
from .request import Head, Request, Response, response_of
from .room import Room

if TYPE_CHECKING:
    from .server import Server

logger = logging.getLogger("hearth")

# The record of include/hearth.h, hearth_engine_poll_packed. A message needs only some of its fields.
_RECORD = struct.Struct("<IHHQIiIiIIIIIIQ")
_MESSAGE_RECORD = struct.Struct("<IH2xQ8xI4xI16xI")
_RECORD_SIZE = _RECORD.size
_MESSAGE = _abi.EVENT_MESSAGE

_PRESENCE_KINDS = {
    _abi.EVENT_USER_JOINED: PresenceKind.JOINED,
    _abi.EVENT_USER_LEFT: PresenceKind.LEFT,
    _abi.EVENT_PRESENCE_UPDATED: PresenceKind.UPDATED,
}

# How long an accepted connection may take to open before its object is forgotten. With an engine on
# its own threads the peer may leave in between, and then there is no event of it.
_OPENING_SECONDS = 60


class Record:
    """One event other than a message."""

    __slots__ = (
        "kind", "flags", "connection", "code", "opcode", "route", "data", "room", "user", "path", "info",
    )  # fmt: skip

    def __init__(self, view: memoryview, offset: int) -> None:
        (_, self.kind, self.flags, self.connection, _, self.code, self.opcode, self.route,
         data, room, user, path, info, _, _) = _RECORD.unpack_from(view, offset)  # fmt: skip
        start = offset + _RECORD_SIZE
        self.data = bytes(view[start : start + data])
        start += data
        self.room = str(view[start : start + room], "utf-8")
        start += room
        self.user = str(view[start : start + user], "utf-8")
        start += user
        self.path = str(view[start : start + path], "utf-8", "replace")
        start += path
        self.info = bytes(view[start : start + info])


class Dispatcher:
    """Knows the connections of one running server and hands events to its handlers."""

    def __init__(self, server: "Server", handlers: Handlers, routes: Dict[int, Route]) -> None:
        self.connections: Dict[int, Connection] = {}
        self.tasks: Set["asyncio.Task[Any]"] = set()
        self._server = server
        self._handlers = handlers
        self._routes = routes
        self._loop = asyncio.get_running_loop()
        self._opening: Dict[int, Connection] = {}
        self.questions: Dict[int, "asyncio.Future[bytes]"] = {}
        self.stopped: "asyncio.Future[int]" = self._loop.create_future()
        self._by_kind: Dict[int, Callable[[Record], None]] = {
            _abi.EVENT_CONNECT: self._connect,
            _abi.EVENT_OPEN: self._open,
            _abi.EVENT_CLOSE: self._close,
            _abi.EVENT_JOINED: self._joined,
            _abi.EVENT_LEFT: self._left,
            _abi.EVENT_USER_JOINED: self._user_joined,
            _abi.EVENT_USER_LEFT: self._user_left,
            _abi.EVENT_PRESENCE_UPDATED: self._presence,
            _abi.EVENT_HTTP_REQUEST: self._http_request,
            _abi.EVENT_SERVER_STOPPED: self._server_stopped,
            _abi.EVENT_DROPPED: self._dropped,
            _abi.EVENT_LIMITED: self._limited,
            _abi.EVENT_CHANNEL_SEND: self._channel_send,
            _abi.EVENT_EXPIRING: self._expiring,
            _abi.EVENT_EXPIRED: self._expired,
            _abi.EVENT_CLUSTER_ANSWER: self._cluster_answer,
        }

    def deliver(self, view: memoryview, length: int) -> None:
        """Handles a block of packed events, and lets the sessions that got messages go on."""
        ready = []
        connections = self.connections
        on_message = self._handlers.message
        unpack = _MESSAGE_RECORD.unpack_from
        make = object.__new__  # Without __init__, which checks what needs no check here.
        offset = 0
        while offset < length:
            size, kind, ident, opcode, data_length, name_length = unpack(view, offset)
            if kind == _MESSAGE:
                start = offset + _RECORD_SIZE
                connection = connections.get(ident)
                if connection is not None:
                    end = start + data_length
                    message = make(Message)
                    message.data = view[start:end].tobytes()
                    message.opcode = opcode
                    message.event = None
                    if name_length and self._event(connection, message, view[end : end + name_length]):
                        offset += size
                        continue
                    inbox = connection._inbox
                    if inbox is not None:
                        if not inbox.put(message):
                            self._overflow(connection)
                        elif len(inbox.messages) == 1:
                            ready.append(inbox.gate)
                    elif on_message is not None:
                        try:
                            on_message(connection, message)
                        except Exception as error:
                            self._failed(error, connection)
            else:
                handle = self._by_kind.get(kind)
                if handle is not None:
                    handle(Record(view, offset))
            offset += size
        if ready:
            # Without the loop between an event and its session, unless a task is what runs here.
            at_once = asyncio.current_task(self._loop) is None
            for gate in ready:
                wakeup = gate.wakeup
                if at_once and wakeup is not None and gate.context is not None:
                    gate.wakeup = None
                    gate.context.run(wakeup, gate)
                else:
                    gate.wake()

    def _event(self, connection: Connection, message: Message, name: memoryview) -> bool:
        """Gives the message its event's name, and both to the handler of that, if there is one."""
        message.event = str(name, "utf-8")
        handler = self._handlers.events.get(message.event)
        if handler is None:
            return False
        try:
            data = message.json() if message.data else None
        except ValueError as error:
            # Valid JSON that Python does not read, such as a number of too many digits.
            logger.warning("the data of event %r is not read: %s", message.event, error)
            return True
        self._call(handler, connection, connection, data)
        return True

    def connection(self, ident: int) -> Connection:
        """The object of a connection, or one that only carries its id if it has none (yet, or any more)."""
        return (
            self.connections.get(ident) or self._opening.get(ident) or Connection(self._server, ident)
        )

    def _new_connection(self, record: Record) -> Connection:
        head = Head(record.path, record.info)
        return Connection(self._server, record.connection, head, record.route)

    async def finish(self, seconds: float) -> None:
        """Waits for sessions and other tasks of handlers; cancels those that take longer."""
        current = asyncio.current_task()
        tasks = {task for task in self.tasks if task is not current}
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=seconds)

    # -------------------------------------------------------------- calling handlers

    def _spawn(self, awaitable: Awaitable[Any]) -> None:
        async def run() -> None:
            await awaitable

        task = self._loop.create_task(run())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def _call(
        self, handler: Optional[Callable[..., Any]], connection: Optional[Connection], *arguments: Any
    ) -> None:
        """Calls a handler, as a task if it is a coroutine. connection: whose end a failure is."""
        if handler is None:
            return
        try:
            result = handler(*arguments)
        except Exception as error:
            self._failed(error, connection)
            return
        if result is not None and inspect.isawaitable(result):
            self._spawn(self._await(result, connection))

    async def _await(self, awaitable: Awaitable[Any], connection: Optional[Connection]) -> None:
        try:
            await awaitable
        except Exception as error:
            self._failed(error, connection)

    def _failed(self, error: Exception, connection: Optional[Connection]) -> None:
        """Logs what a handler raised and closes the connection that it was about with 1011."""
        if isinstance(error, GoneError) and (connection is None or not connection.is_open):
            logger.debug("a handler used a connection that has ended", exc_info=error)
            return
        logger.error("a handler failed: %r", connection, exc_info=error)
        if connection is not None:
            self._close_quietly(connection, 1011, "internal error")

    def _close_quietly(self, connection: Connection, code: int, reason: str) -> None:
        try:
            connection.close(code, reason)
        except HearthError:
            pass  # It has ended by itself.

    def _overflow(self, connection: Connection) -> None:
        logger.warning("the session does not keep up with its messages: %r is closed", connection)
        self._close_quietly(connection, 1013, "too many messages wait")
        if connection._inbox is not None:
            connection._inbox.end()

    # -------------------------------------------------------------- one method per event

    def _connect(self, record: Record) -> None:
        connection = self._new_connection(record)
        connection._user = record.user or None
        self._opening[connection.id] = connection
        try:
            handler = self._handlers.connect
            answer = None if handler is None else handler(connection)
            if inspect.isawaitable(answer):
                self._spawn(self._answer_later(connection, answer))
            else:
                self._answer(connection, answer)
        except Exception as error:
            self._refuse(connection, error)

    async def _answer_later(self, connection: Connection, answer: Awaitable[Any]) -> None:
        try:
            self._answer(connection, await answer)
        except Exception as error:
            self._refuse(connection, error)

    def _answer(self, connection: Connection, answer: Any) -> None:
        """Turns what on_connect returned into accept or reject, unless it has called one itself."""
        if connection._verdict is None:
            if answer is False:
                connection.reject(403)
            elif answer is None or answer is True:
                connection.accept()
            elif isinstance(answer, str):
                connection.accept(answer)
            elif isinstance(answer, Principal):
                connection.principal = answer
                connection.accept(answer.id)
            else:
                kind = type(answer).__name__
                raise TypeError(f"on_connect returns None, a bool, a user or a Principal, not {kind}")
        if connection._verdict is False:
            self._opening.pop(connection.id, None)
        elif connection._user is not None or not self._server._driven:
            # A user that has all its connections may be refused after all.
            self._loop.call_later(_OPENING_SECONDS, self._opening.pop, connection.id, None)

    def _refuse(self, connection: Connection, error: Exception) -> None:
        """Answers for an on_connect that raised."""
        self._opening.pop(connection.id, None)
        try:
            if isinstance(error, Reject):
                connection.reject(error.code, error.reason)
            elif isinstance(error, GoneError):
                logger.debug("the peer left before it was accepted")
            else:
                logger.error("on_connect failed: %r", connection, exc_info=error)
                connection.reject(500)
        except HearthError as second:
            logger.debug("the peer could not be refused: %s", second)

    def _open(self, record: Record) -> None:
        connection = self._opening.pop(record.connection, None)
        if connection is None:
            connection = self._new_connection(record)
        elif record.flags & _abi.EVENT_CHANNEL:
            connection._open(Head(record.path, record.info), record.route)
        connection._user = record.user or None
        connection._subprotocol = record.data.decode() or None
        self.connections[connection.id] = connection
        route = self._routes.get(record.route)
        session = None if route is None else route.session
        if route is not None and session is not None:
            connection._inbox = Inbox(route.inbox_messages_max, route.inbox_bytes_max)
        self._call(self._handlers.open, connection, connection)
        if session is not None:
            self._spawn(self._run_session(session, connection))

    async def _run_session(self, session: Session, connection: Connection) -> None:
        """Runs a session. Its return closes the connection, if that has not ended by then."""
        try:
            await session(connection)
        except asyncio.CancelledError:
            self._close_quietly(connection, 1001, "server shutdown")
            raise
        except Exception as error:
            self._failed(error, connection)
        else:
            self._close_quietly(connection, 1000, "")
        finally:
            if connection._inbox is not None:
                connection._inbox.discard()

    def _close(self, record: Record) -> None:
        connection = self.connections.pop(record.connection, None)
        if connection is None:
            connection = self._opening.pop(record.connection, None)
        if connection is not None:
            connection._end(record.code, record.data.decode(errors="replace"), record.flags)
            self._call(self._handlers.close, None, connection)

    def _joined(self, record: Record) -> None:
        self._membership(self._handlers.joined, record)

    def _left(self, record: Record) -> None:
        self._membership(self._handlers.left, record)

    def _membership(self, handler: Optional[Callable[..., Any]], record: Record) -> None:
        if handler is not None:
            connection = self.connection(record.connection)
            self._call(handler, connection, connection, Room(self._server, record.room))

    def _user_joined(self, record: Record) -> None:
        if self._handlers.user_joined is not None:
            self._call(self._handlers.user_joined, None, Room(self._server, record.room), record.user)
        self._presence(record)

    def _user_left(self, record: Record) -> None:
        if self._handlers.user_left is not None:
            self._call(self._handlers.user_left, None, Room(self._server, record.room), record.user)
        self._presence(record)

    def _cluster_answer(self, record: Record) -> None:
        question = self.questions.pop(record.code, None)
        if question is not None and not question.done():
            question.set_result(record.data)

    def end_questions(self) -> None:
        """No more answers will come."""
        for question in self.questions.values():
            if not question.done():
                question.set_exception(StateError("the server has stopped"))
        self.questions.clear()

    def _presence(self, record: Record) -> None:
        if self._handlers.presence is not None:
            change = PresenceChange(
                Room(self._server, record.room),
                record.user,
                _PRESENCE_KINDS[record.kind],
                int.from_bytes(record.info[:8], "little"),
                record.data,
            )
            self._call(self._handlers.presence, None, change)

    def _dropped(self, record: Record) -> None:
        if self._handlers.dropped is not None:
            connection = self.connection(record.connection)
            self._call(self._handlers.dropped, connection, connection, record.code)

    def _limited(self, record: Record) -> None:
        if self._handlers.limited is not None:
            connection = self.connection(record.connection)
            self._call(self._handlers.limited, connection, connection, record.data.decode(), record.code)

    def announce(self, ident: int) -> Connection:
        """The object of a connection whose OPEN event is on its way."""
        connection = Connection(self._server, ident)
        self._opening[ident] = connection
        return connection

    def _channel_send(self, record: Record) -> None:
        channel = self._server._channels.get(record.path)
        if channel is not None:
            connections = [self.connection(ident) for ident in ids_of(record.info)]
            self._call(channel.send, None, connections, Message(record.data, record.opcode))

    def _expiring(self, record: Record) -> None:
        if self._handlers.expiring is not None:
            connection = self.connection(record.connection)
            self._call(self._handlers.expiring, connection, connection, record.code)

    def _expired(self, record: Record) -> None:
        if self._handlers.expired is not None:
            connection = self.connection(record.connection)
            self._call(self._handlers.expired, connection, connection)

    def _server_stopped(self, record: Record) -> None:
        if not self.stopped.done():
            self.stopped.set_result(record.code)

    # -------------------------------------------------------------- HTTP

    def _http_request(self, record: Record) -> None:
        route = self._routes.get(record.route)
        handler = None if route is None else route.answer
        request = Request(record.connection, Head(record.path, record.info), record.data)
        if handler is None:
            self._respond(request, Response("not found\n", 404))
            return
        try:
            answer = handler(request)
            if inspect.isawaitable(answer):
                self._spawn(self._respond_later(handler, request, answer))
            else:
                self._respond(request, response_of(answer))
        except Exception as error:
            self._fail_request(request, error)

    async def _respond_later(
        self, handler: HTTPHandler, request: Request, answer: Awaitable[Any]
    ) -> None:
        try:
            self._respond(request, response_of(await answer))
        except Exception as error:
            self._fail_request(request, error)

    def _respond(self, request: Request, response: Response) -> None:
        functions = self._server._functions
        body = response.body
        result = functions.http_respond(
            request.id, c_number(response.status), response.header_lines() or None, body, len(body)
        )
        self._server._sent()
        check(result)

    def _fail_request(self, request: Request, error: Exception) -> None:
        if isinstance(error, GoneError):
            logger.debug("the peer left before %r was answered", request)
            return
        logger.error("the handler of %r failed", request, exc_info=error)
        try:
            self._respond(request, Response("internal server error\n", 500))
        except HearthError as second:
            logger.debug("%r could not be answered: %s", request, second)
