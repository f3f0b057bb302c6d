"""Reads packed events and calls the program's handlers with them.

No handler can harm another: what one raises is logged, and ends at most the connection it was about.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import Any, Awaitable, Callable, Coroutine, Dict, Hashable, Mapping, Optional, Set

from . import _abi
from ._arguments import a_number
from ._inbox import Inbox
from ._lanes import Call, Lanes
from ._records import MESSAGE_RECORD, RECORD_SIZE, Record
from ._routes import EventHandler, Handlers, HTTPHandler, Route, Session
from ._runtime import Runtime
from .channel import Channel, ids_of
from .close_codes import CloseCode
from .connection import Connection, Principal, Reject
from .errors import GoneError, HearthError, StateError
from .message import Message, json_value
from .presence import PresenceKind
from .request import Head, Request, Response, response_of
from .room import PresenceChange, Room

logger = logging.getLogger("hearth")

_MESSAGE = _abi.EVENT_MESSAGE

_PRESENCE_KINDS = {
    _abi.EVENT_USER_JOINED: PresenceKind.JOINED,
    _abi.EVENT_USER_LEFT: PresenceKind.LEFT,
    _abi.EVENT_PRESENCE_UPDATED: PresenceKind.UPDATED,
}

# How long an accepted connection may take to open before its object is forgotten. With an engine on
# its own threads the peer may leave in between, and then there is no event of it.
_OPENING_SECONDS = 60
# For connections of no route of the program's.
_NO_ROUTE = Route("/")
# How many events of one room or channel may wait for a coroutine; more are dropped, which is logged.
_WAITING_MAX = 65536


class Dispatcher:
    """Knows the connections of one running server and hands events to its handlers."""

    def __init__(
        self,
        runtime: Runtime,
        handlers: Handlers,
        routes: Mapping[int, Route],
        channels: Optional[Mapping[str, Channel]] = None,
        driven: bool = True,
    ) -> None:
        self.connections: Dict[int, Connection] = runtime.connections
        self.tasks: Set["asyncio.Task[Any]"] = set()
        # Why the server stops, while it does.
        self.stop_reason: Optional[str] = None
        self.questions: Dict[int, "asyncio.Future[bytes]"] = {}
        # Tells a peer that its event was not read.
        self.send_error: Callable[[Connection, str, str], None] = lambda *_: None
        self._runtime = runtime
        self._handlers = handlers
        self._routes = routes
        self._channels = channels or {}
        self._driven = driven
        self._loop = asyncio.get_running_loop()
        self._opening: Dict[int, Connection] = runtime.opening
        self._lanes = Lanes(self._spawn, self._failed)
        self._busy = self._lanes.busy
        # How many handlers with concurrent=True run, by connection.
        self._concurrent: Dict[int, int] = {}
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
        busy = self._busy
        unpack = MESSAGE_RECORD.unpack_from
        make = object.__new__  # Without __init__, which checks what needs no check here.
        offset = 0
        while offset < length:
            size, kind, ident, opcode, data_length, name_length = unpack(view, offset)
            if kind == _MESSAGE:
                start = offset + RECORD_SIZE
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
                        if busy and ident in busy:
                            call = Call(on_message, connection, (connection, message), len(message.data))
                            self._queue(connection, call)
                        else:
                            try:
                                on_message(connection, message)
                            except (Exception, asyncio.CancelledError) as error:
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
            data = json_value(message.data) if message.data else None
        except ValueError as error:
            # Valid JSON that Python does not read, such as a number of too many digits.
            logger.warning("the data of event %r of %r is not read: %s", message.event, connection, error)
            self.send_error(connection, "unreadable_data", "The data cannot be read")
            return True
        if handler.concurrent:
            self._call_beside(handler, connection, data)
        else:
            ident = connection.id
            if ident in self._busy:
                call = Call(handler.call, connection, (connection, data), len(message.data))
                self._queue(connection, call)
            else:
                self._lanes.start(ident, connection, handler.call, (connection, data))
        return True

    def _queue(self, connection: Connection, call: Call) -> None:
        """Lets a message wait for the handler that runs, within the limits of the route's inbox."""
        lane = self._lanes.lane(connection.id)
        route = self._routes.get(connection.route, _NO_ROUTE)
        is_full = len(lane.calls) >= route.max_inbox_messages or lane.size + call.size > route.max_inbox_bytes
        if lane.calls and is_full and not lane.is_closed:
            lane.is_closed = True
            self._overflow(connection)
        lane.put(call)

    def _call_beside(self, handler: EventHandler, connection: Connection, data: Any) -> None:
        """Calls a handler beside those that run, as many as the route's max_inbox_messages."""
        running = self._concurrent.get(connection.id, 0)
        if running >= self._routes.get(connection.route, _NO_ROUTE).max_inbox_messages:
            self._overflow(connection)
            return
        try:
            result = handler.call(connection, data)
        except (Exception, asyncio.CancelledError) as error:
            self._failed(error, connection)
            return
        if result is not None and inspect.isawaitable(result):
            self._concurrent[connection.id] = running + 1
            self._spawn(self._await_beside(result, connection))

    async def _await_beside(self, awaitable: Awaitable[Any], connection: Connection) -> None:
        try:
            await awaitable
        except Exception as error:
            self._failed(error, connection)
        except asyncio.CancelledError as error:
            self._failed(error, connection)
            raise
        finally:
            running = self._concurrent[connection.id] - 1
            if running:
                self._concurrent[connection.id] = running
            else:
                del self._concurrent[connection.id]

    def _new_connection(self, record: Record) -> Connection:
        head = Head(record.path, record.info)
        return Connection(self._runtime, record.connection, head, record.route)

    async def finish(self, seconds: float) -> None:
        """Waits for sessions and other tasks of handlers; cancels those that take longer."""
        current = asyncio.current_task()
        tasks = {task for task in self.tasks if task is not current}
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for task in late:
                task.cancel()
            # Also those that came meanwhile, such as a handler of on_close behind one that was cancelled.
            tasks = {task for task in self.tasks if task is not current}
            if late and tasks:
                await asyncio.wait(tasks, timeout=seconds)

    # -------------------------------------------------------------- calling handlers

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def _call(
        self, handler: Optional[Callable[..., Any]], connection: Connection, *arguments: Any
    ) -> None:
        """Calls a handler of a connection, in its turn."""
        if handler is not None:
            self._lanes.call(connection.id, Call(handler, connection, (connection, *arguments)))

    def _call_for(
        self, key: Hashable, handler: Optional[Callable[..., Any]], *arguments: Any
    ) -> None:
        """Calls a handler of a room or a channel, in its turn."""
        if handler is None:
            return
        lane = self._lanes.busy.get(key)
        if lane is not None and len(lane.calls) >= _WAITING_MAX:
            if not lane.is_closed:
                logger.error("%d events of %s wait for a handler; more are dropped", _WAITING_MAX, key)
            lane.is_closed = True
        elif lane is not None:
            lane.is_closed = False
        self._lanes.call(key, Call(handler, None, arguments))

    def _failed(self, error: BaseException, connection: Optional[Connection]) -> None:
        """Logs what a handler raised and closes the connection that it was about with 1011. A handler that
        was cancelled closes it with 1001."""
        if isinstance(error, asyncio.CancelledError):
            if connection is not None:
                self._close_quietly(connection, CloseCode.GOING_AWAY, self.stop_reason or "handler cancelled")
            return
        if isinstance(error, GoneError) and (connection is None or not connection.is_open):
            logger.debug("a handler used a connection that has ended", exc_info=error)
            return
        logger.error("a handler failed: %r", connection, exc_info=error)
        if connection is not None:
            if connection._inbox is not None:
                connection._inbox.discard()
            self._close_quietly(connection, CloseCode.INTERNAL_ERROR, "internal error")

    def _close_quietly(self, connection: Connection, code: int, reason: str) -> None:
        try:
            connection.close(code, reason)
        except HearthError:
            pass  # It has ended by itself.

    def _overflow(self, connection: Connection) -> None:
        logger.warning("the session does not keep up with its messages: %r is closed", connection)
        self._close_quietly(connection, CloseCode.TRY_AGAIN_LATER, "too many messages wait")
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
        elif connection._user is not None or not self._driven:
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
        except (GoneError, StateError) as second:
            logger.debug("the peer could not be refused: %s", second)
        except Exception as second:
            logger.error("%r could not be refused with %r", connection, error, exc_info=second)
            self._reject_unanswered(connection)

    def _reject_unanswered(self, connection: Connection) -> None:
        """Has the peer not wait for an answer that could not be given."""
        try:
            connection.reject(500)
        except HearthError as error:
            logger.debug("the peer was answered or has left: %s", error)

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
            connection._inbox = Inbox(route.max_inbox_messages, route.max_inbox_bytes)
        self._call(self._handlers.open, connection)
        if session is not None:
            start = Call(self._start_session, connection, (session, connection))
            self._lanes.call(connection.id, start)

    def _start_session(self, session: Session, connection: Connection) -> None:
        """Starts a session, unless on_open has failed."""
        if connection._inbox is not None and not connection._inbox.is_discarded:
            self._spawn(self._run_session(session, connection))

    async def _run_session(self, session: Session, connection: Connection) -> None:
        """Runs a session. Its return closes the connection, if that has not ended by then."""
        try:
            await session(connection)
        except asyncio.CancelledError:
            self._close_quietly(connection, CloseCode.GOING_AWAY, self.stop_reason or "session cancelled")
            raise
        except Exception as error:
            self._failed(error, connection)
        else:
            self._close_quietly(connection, CloseCode.NORMAL, "")
        finally:
            if connection._inbox is not None:
                connection._inbox.discard()

    def _close(self, record: Record) -> None:
        connection = self.connections.pop(record.connection, None)
        if connection is None:
            connection = self._opening.pop(record.connection, None)
        if connection is not None:
            connection._end(record.code, record.data.decode(errors="replace"), record.flags)
            if self._handlers.close is not None:
                call = Call(self._handlers.close, None, (connection,), is_last=True)
                self._lanes.call(connection.id, call)

    def _joined(self, record: Record) -> None:
        self._membership(self._handlers.joined, record)

    def _left(self, record: Record) -> None:
        self._membership(self._handlers.left, record)

    def _membership(self, handler: Optional[Callable[..., Any]], record: Record) -> None:
        if handler is not None:
            self._call(handler, self._connection(record), Room(self._runtime, record.room))

    def _user_joined(self, record: Record) -> None:
        self._user_event(self._handlers.user_joined, record)

    def _user_left(self, record: Record) -> None:
        self._user_event(self._handlers.user_left, record)

    def _user_event(self, handler: Optional[Callable[..., Any]], record: Record) -> None:
        if handler is not None:
            self._call_for(("room", record.room), handler, Room(self._runtime, record.room), record.user)
        self._presence(record)

    def _connection(self, record: Record) -> Connection:
        connection: Connection = self._runtime.connection(record.connection)
        return connection

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
                Room(self._runtime, record.room),
                record.user,
                _PRESENCE_KINDS[record.kind],
                int.from_bytes(record.info[:8], "little"),
                record.data,
                not record.flags & _abi.EVENT_ELSEWHERE,
            )
            self._call_for(("room", record.room), self._handlers.presence, change)

    def _dropped(self, record: Record) -> None:
        self._call(self._handlers.dropped, self._connection(record), record.code)

    def _limited(self, record: Record) -> None:
        self._call(self._handlers.limited, self._connection(record), record.data.decode(), record.code)

    def _channel_send(self, record: Record) -> None:
        channel = self._channels.get(record.path)
        if channel is not None:
            connections = [self._runtime.connection(ident) for ident in ids_of(record.info)]
            message = Message(record.data, record.opcode)
            self._call_for(("channel", record.path), channel.send, connections, message)

    def _expiring(self, record: Record) -> None:
        self._call(self._handlers.expiring, self._connection(record), record.code)

    def _expired(self, record: Record) -> None:
        self._call(self._handlers.expired, self._connection(record))

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
        body, status = response.body, a_number("status", response.status)
        function = self._runtime.functions.http_respond
        self._runtime.call(
            function, request.id, status, response.header_lines() or None, body, len(body)
        )

    def _fail_request(self, request: Request, error: Exception) -> None:
        if isinstance(error, GoneError):
            logger.debug("the peer left before %r was answered", request)
            return
        logger.error("the handler of %r failed", request, exc_info=error)
        try:
            self._respond(request, Response("internal server error\n", 500))
        except HearthError as second:
            logger.debug("%r could not be answered: %s", request, second)
