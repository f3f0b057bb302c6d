"""The client: a connection that comes back, and that says what it could not deliver."""

from __future__ import annotations

import asyncio
import collections
import ctypes
import inspect
import logging
from typing import (
    TYPE_CHECKING, Any, AsyncIterator, Awaitable, Callable, Deque, Dict, List, Mapping, NoReturn, Optional,
    Sequence, Tuple, Union,
)  # fmt: skip

from . import _abi
from ._arguments import a_close_code, a_function, a_list_of_names, a_reason, a_text_or_none
from ._clients import ClientEngine
from ._engine import Configuration
from ._library import check, raise_error, read_bytes, read_text
from ._options import ClientOptions
from ._records import ClientRecord
from ._urls import HeaderFields, header_lines, with_query
from .client_state import ClientInfo, ClientState, ClosedError, DropReason, Sent, StateChange
from .close_codes import CloseCode
from .connection import _SIZES, _SIZES_COUNT
from .errors import BY_CODE, HearthError
from .message import Message, Sendable, json_text, payload_of
from .request import Head, Headers

if TYPE_CHECKING:
    from typing_extensions import Unpack

logger = logging.getLogger("hearth")

# Ends after which an iteration over messages is over, and raises nothing.
_REGULAR = (CloseCode.NORMAL, CloseCode.GOING_AWAY, CloseCode.NO_STATUS)

class _Break:
    """Stands in an inbox where a connection ended."""

    __slots__ = ("change",)

    def __init__(self, change: StateChange) -> None:
        self.change = change


Prepare = Callable[["Client"], Any]


class ConnectOptions(ClientOptions, total=False):
    """What Client and connect take: the keys of a client, and these."""

    query: Optional[Mapping[str, Any]]
    headers: Optional[HeaderFields]
    subprotocols: Sequence[str]
    prepare: Optional[Prepare]
    driven: bool
    environment_prefix: Optional[str]


class Client:
    """A client of one address, carried by the asyncio loop that opens it.

        async with hearth.Client("wss://example.org/rooms/1") as client:
            client.send("kept until it is open")
            async for message in client:
                ...

    It connects, and connects again when a connection ends, as the keys reconnect_... say; messages sent in
    the meantime wait, as the keys queue_... allow. Keywords are configuration keys; a number is seconds or
    bytes. `prepare(client)`, plain or async, is called before each attempt: it may return another url, or
    (url, headers) with None for what is to stay. With `driven=False` the connection is served by a thread of
    the library, and heartbeats go on while Python is busy.
    """

    def __init__(
        self,
        url: str,
        *,
        query: Optional[Mapping[str, Any]] = None,
        headers: Optional[HeaderFields] = None,
        subprotocols: Sequence[str] = (),
        prepare: Optional[Prepare] = None,
        driven: bool = True,
        environment_prefix: Optional[str] = None,
        **configuration: "Unpack[ClientOptions]",
    ) -> None:
        """Raises: UrlError, UnknownKeyError, InvalidValueError and TypeError, which name what is wrong."""
        a_list_of_names("subprotocols", subprotocols)
        self._configuration = Configuration(configuration, environment_prefix)
        self._configuration.set("url", with_query(url, query))
        if headers:
            self._configuration.set("headers", header_lines(headers))
        if subprotocols:
            self._configuration.set("subprotocols", list(subprotocols))
        if prepare is not None:
            a_function("prepare", prepare)
            self._configuration.set("prepare", True)
        self._prepare = prepare
        self._driven = driven
        self._url = self._configuration.get("url")
        self._inbox_max = int(self._configuration.get("max_queue_size"))
        self._is_told = self._configuration.get("sent_events") == "on"
        self._engine: Optional[ClientEngine] = None
        self._handle = ctypes.c_void_p()
        self._change = StateChange(ClientState.IDLE)
        self._head = Head("", b"")
        self._subprotocol: Optional[str] = None
        self._inbox: Deque[Union[Message, _Break]] = collections.deque()
        self._receiver: Optional["asyncio.Future[None]"] = None
        self._is_paused = False
        self._watchers: List["asyncio.Queue[StateChange]"] = []
        self._pending: Dict[int, Sent] = {}
        self._order: Deque[Sent] = collections.deque()
        self._on_dropped: Optional[Callable[[int, DropReason], Any]] = None
        self._tasks: "set[asyncio.Future[Any]]" = set()
        self._ends_at_break = False

    # -------------------------------------------------------------- life

    def open(self) -> None:
        """Begins to connect, in the running asyncio loop. Also possible again when it has ended.

        Raises: StateError if it is open or opening."""
        if self._engine is None:
            self._engine = ClientEngine.acquire(self._driven)
            try:
                self._handle = self._engine.add(self, self._configuration)
            except BaseException:
                self._engine.release(self)
                self._engine = None
                raise
        functions = self._engine.functions
        result = functions.client_open(self._handle)
        if result == _abi.OK:
            self._inbox.clear()
            self._change = StateChange(ClientState.CONNECTING)
        self._woken()
        self._check(result)

    async def close(self, code: int = CloseCode.NORMAL, reason: str = "") -> None:
        """Ends it for good, after what was sent before, and waits for the end. Nothing happens if it has
        ended already.

        Raises: InvalidError for a code that a program may not send, or a reason of more than 123 bytes."""
        close_code, text = a_close_code(code), a_reason(reason)
        engine = self._engine
        if engine is None:
            return
        try:
            if not self._change.state.is_final:
                result = engine.functions.client_close(self._handle, close_code, text)
                self._woken()
                if result != _abi.ERR_STATE:
                    self._check(result)
                    await self._wait_for(lambda change: change.state.is_final)
        finally:
            self._free()

    def _free(self) -> None:
        """Cuts what is left. Messages that wait are dropped."""
        engine, self._engine = self._engine, None
        if engine is None:
            return
        engine.functions.client_free(self._handle)
        self._handle = ctypes.c_void_p()
        engine.release(self)
        if not self._change.state.is_final:
            self._changed(StateChange(ClientState.CLOSED, code=CloseCode.ABNORMAL))
        for sent in list(self._order):
            self._drop(sent.id, DropReason.CLOSED)
        for task in self._tasks:
            task.cancel()

    async def _reopen(self) -> None:
        engine = self._running
        self._check(engine.functions.client_close(self._handle, CloseCode.NORMAL, None))
        self._woken()
        await self._wait_for(lambda change: change.state.is_final)
        self.open()

    def _skip_break(self) -> None:
        """Forgets what connections that have ended left unread."""
        ends = [index for index, item in enumerate(self._inbox) if isinstance(item, _Break)]
        for _ in range(ends[-1] + 1 if ends else 0):
            self._inbox.popleft()

    async def __aenter__(self) -> "Client":
        self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # -------------------------------------------------------------- sending

    def send(self, data: Sendable, *, keep: bool = True) -> Sent:
        """Sends text for str, binary for bytes, and a Message as it came, and never waits by itself.

        While there is no connection the message waits, unless keep is False; then it is sent now or never.
        `await client.send(...)` waits until the system has it.

        Raises: StateError before open and after close, NotOpenError with keep=False without a connection,
        QueueFullError at the limits queue_..., TooLargeError, TypeError for what is no message."""
        if data.__class__ is str:
            opcode, payload = _abi.TEXT, data.encode()
        else:
            opcode, payload = payload_of(data)
        engine = self._engine
        if engine is None:
            raise_error(_abi.ERR_STATE, "the client was not opened, or has been closed")
        length = len(payload)
        size = _SIZES[length] if length < _SIZES_COUNT else ctypes.c_size_t(length)
        flags = 0 if keep else _abi.SEND_NO_QUEUE
        ident: int = engine.bare_send(self._handle, opcode, payload, size, flags)
        self._woken()
        if ident < 0:
            self._check(ident)
        sent = Sent(ident, self._is_told)
        if self._is_told:
            self._pending[ident] = sent
            self._order.append(sent)
        return sent

    def send_json(self, value: Any, *, keep: bool = True) -> Sent:
        """Sends a value as JSON in a text message, as send.

        Raises: ValueError for NaN and infinities, TypeError for what JSON has no form for, and as send."""
        return self.send(json_text(value), keep=keep)

    def on_dropped(self, handler: Callable[[int, DropReason], Any]) -> Callable[[int, DropReason], Any]:
        """handler(id, reason) is called for each message that was not sent and will not be.

        Raises: TypeError for what is no function, ValueError if there is one already."""
        if self._on_dropped is not None:
            raise ValueError("on_dropped has a handler already")
        a_function("on_dropped", handler)
        if inspect.iscoroutinefunction(handler):
            raise TypeError("on_dropped takes a plain function")
        self._on_dropped = handler
        return handler

    @property
    def queue(self) -> List[Tuple[int, Message]]:
        """The messages that wait for a connection, with their numbers, oldest first.

        Raises: StateError before open and after close."""
        engine = self._running
        found = []
        for ident in _read_numbers(engine.functions.client_queue, self._handle):
            opcode = ctypes.c_uint32()

            def read(buffer: Any, capacity: int, ident: int = ident, opcode: Any = opcode) -> int:
                reference = ctypes.byref(opcode)
                length: int = engine.functions.client_queue_message(
                    self._handle, ident, reference, buffer, capacity
                )
                return length

            try:
                found.append((ident, Message(read_bytes(read), opcode.value)))
            except BY_CODE[_abi.ERR_NOT_FOUND]:
                pass  # It has left in between.
        return found

    def clear_queue(self) -> int:
        """Drops what waits for a connection. Answers how many messages that were.

        Raises: StateError before open and after close."""
        result = self._running.functions.client_queue_clear(self._handle)
        self._woken()
        return self._check(result)

    # -------------------------------------------------------------- receiving

    async def recv(self) -> Message:
        """The next message.

        Raises: after the last one ClosedError, or why the client gave up."""
        while True:
            item = await self._next()
            if isinstance(item, Message):
                return item
            self._raise_end(item.change)

    async def recv_json(self) -> Any:
        """The next message, read as JSON.

        Raises: ValueError if it is none, and as recv."""
        return (await self.recv()).json()

    def __aiter__(self) -> "Client":
        return self

    async def __anext__(self) -> Message:
        item = await self._next()
        if isinstance(item, Message):
            return item
        change = item.change
        is_regular = change.state is not ClientState.GAVE_UP and change.code in _REGULAR
        if is_regular or self._ends_at_break or self._closes_itself(change):
            raise StopAsyncIteration
        self._raise_end(change)

    def _closes_itself(self, change: StateChange) -> bool:
        return change.state is ClientState.CLOSED and change.error is None and not change.by_peer

    @staticmethod
    def _raise_end(change: StateChange) -> NoReturn:
        if change.state is ClientState.GAVE_UP and change.error is not None:
            raise change.error
        error = ClosedError(change.code or CloseCode.ABNORMAL, change.reason)
        raise error from change.error

    async def _next(self) -> Union[Message, _Break]:
        """A message, or the break behind the last one."""
        inbox = self._inbox
        while True:
            while inbox:
                item = inbox[0]
                if isinstance(item, Message):
                    inbox.popleft()
                    if self._is_paused and len(inbox) <= self._inbox_max // 2:
                        self._pause(False)
                    return item
                is_end = item.change.state.is_final
                if not is_end:
                    inbox.popleft()
                if is_end or self._ends_at_break:
                    return item
            if self._engine is None:
                return _Break(self._change)
            if self._receiver is not None:
                raise RuntimeError("two tasks receive from one client")
            self._receiver = asyncio.get_running_loop().create_future()
            try:
                await self._receiver
            finally:
                self._receiver = None

    def _put(self, item: Union[Message, _Break]) -> None:
        self._inbox.append(item)
        if len(self._inbox) >= self._inbox_max and not self._is_paused:
            self._pause(True)
        receiver = self._receiver
        if receiver is not None and not receiver.done():
            receiver.set_result(None)

    def _pause(self, paused: bool) -> None:
        """Lets the server wait: its messages stay in the sockets."""
        engine = self._engine
        if engine is not None:
            self._is_paused = paused
            engine.functions.client_pause(self._handle, int(paused))
            self._woken()

    # -------------------------------------------------------------- what is known of it

    @property
    def url(self) -> str:
        """The address that it connects to."""
        engine = self._engine
        return self._url if engine is None else read_text(engine.functions.client_url, self._handle)

    @property
    def state(self) -> StateChange:
        """What the client has come into last."""
        return self._change

    @property
    def is_connected(self) -> bool:
        """Whether it is open now."""
        return self._change.state is ClientState.OPEN

    @property
    def latency(self) -> Optional[float]:
        """The round trip of the last ping that was answered, in seconds; None before the first.

        Raises: StateError before open and after close."""
        return self.info.latency

    @property
    def subprotocol(self) -> Optional[str]:
        """What the server chose, None: nothing."""
        return self._subprotocol

    @property
    def headers(self) -> Headers:
        """Of the server's answer to the last handshake."""
        return self._head.headers

    @property
    def address(self) -> str:
        """The server's address, such as "127.0.0.1:9000", or "unix"."""
        return self._head.address

    @property
    def info(self) -> ClientInfo:
        """Its counts and times.

        Raises: StateError before open and after close."""
        info = _abi.hearth_client_info(size=ctypes.sizeof(_abi.hearth_client_info))
        check(self._running.functions.client_get_info(self._handle, ctypes.byref(info)))
        return ClientInfo(
            state=ClientState(info.state),
            attempts=info.attempts,
            opens=info.opens,
            opened_at=info.opened_at_ms / 1000,
            last_received_at=info.last_received_at_ms / 1000,
            latency=None if info.latency_us < 0 else info.latency_us / 1_000_000,
            messages_received=info.messages_received,
            messages_sent=info.messages_sent,
            messages_dropped=info.messages_dropped,
            queue_messages=info.queue_messages,
            queue_bytes=info.queue_bytes,
            outbox_bytes=info.outbox_bytes,
        )

    async def states(self) -> AsyncIterator[StateChange]:
        """The state that it is in, and each one that it comes into, until the last."""
        changes: "asyncio.Queue[StateChange]" = asyncio.Queue()
        self._watchers.append(changes)
        try:
            change = self._change
            yield change
            while not change.state.is_final:
                change = await changes.get()
                yield change
        finally:
            self._watchers.remove(changes)

    async def wait_open(self) -> None:
        """Waits until it is open.

        Raises: when it has ended instead, ClosedError or why it gave up."""
        settled = lambda change: change.state is ClientState.OPEN or change.state.is_final  # noqa: E731
        change = await self._wait_for(settled)
        if change.state is not ClientState.OPEN:
            self._raise_end(change)

    def poke(self) -> None:
        """Says that the network may be back: an attempt that waits is made now.

        Raises: StateError before open and after close."""
        result = self._running.functions.client_poke(self._handle)
        self._woken()
        self._check(result)

    async def _wait_for(self, is_it: Callable[[StateChange], bool]) -> StateChange:
        states = self.states()
        try:
            async for change in states:
                if is_it(change):
                    break
            return change
        finally:
            await states.aclose()  # type: ignore[attr-defined]

    # -------------------------------------------------------------- events of the library

    def _event(self, record: ClientRecord) -> None:
        if record.kind == _abi.EVENT_CLIENT_SENT:
            self._sent(record.message)
        elif record.kind == _abi.EVENT_CLIENT_DROPPED:
            self._drop(record.message, DropReason(record.code))
        elif record.kind == _abi.EVENT_CLIENT_PREPARE:
            self._spawn(self._answer(self._change_of(record)))
        elif record.kind == _abi.EVENT_CLIENT_STATE:
            change = self._change_of(record)
            if change.state is ClientState.OPEN:
                self._head = Head(record.path, record.info)
                self._subprotocol = record.data.decode(errors="replace") or None
            self._changed(change)

    @staticmethod
    def _change_of(record: ClientRecord) -> StateChange:
        state = ClientState(record.state)
        text = record.data.decode(errors="replace")
        is_reconnecting = state is ClientState.RECONNECTING
        has_code = bool(record.code) and (is_reconnecting or state is ClientState.CLOSED)
        error = _error_of(record.error, record.status, "" if has_code else text) if record.error else None
        return StateChange(
            state,
            record.attempt,
            record.delay_ms / 1000 if is_reconnecting else None,
            record.code if has_code else None,
            text if has_code else "",
            bool(record.flags & _abi.EVENT_BY_PEER),
            error,
        )

    def _changed(self, change: StateChange) -> None:
        if change == self._change:
            return  # `open` has told it.
        was_open = self._change.state is ClientState.OPEN
        self._change = change
        if change.state.is_final or was_open and change.state is not ClientState.OPEN:
            # Breaks that nobody has seen count once.
            if self._inbox and isinstance(self._inbox[-1], _Break):
                self._inbox.pop()
            self._put(_Break(change))
        for changes in self._watchers:
            changes.put_nowait(change)

    def _sent(self, last: int) -> None:
        order = self._order
        while order and order[0].id <= last:
            sent = order.popleft()
            if self._pending.pop(sent.id, None) is not None:
                sent._settle(True)

    def _drop(self, ident: int, reason: DropReason) -> None:
        sent = self._pending.pop(ident, None)
        if sent is not None:
            sent._settle(reason)
        while self._order and self._order[0]._outcome is not None:
            self._order.popleft()
        if self._on_dropped is not None:
            try:
                self._on_dropped(ident, reason)
            except Exception:
                logger.exception("the handler of dropped messages failed")

    async def _answer(self, change: StateChange) -> None:
        """Asks the program what to connect to. When it fails the attempt fails too, and the next one asks
        again."""
        try:
            answer = None if self._prepare is None else self._prepare(self)
            if inspect.isawaitable(answer):
                answer = await answer
            url, headers = answer if isinstance(answer, tuple) else (answer, None)
            lines = None if headers is None else header_lines(headers)
            engine = self._engine
            if engine is not None:
                result = engine.functions.client_proceed(
                    self._handle, a_text_or_none("url", url), a_text_or_none("headers", lines)
                )
                self._woken()
                self._check(result)
        except Exception as error:
            logger.exception("prepare failed before attempt %d to %s", change.attempt, self._url)
            self._decline(f"{type(error).__name__}: {error}")

    def _decline(self, reason: str) -> None:
        # As much as the library takes, without what would end the text.
        encoded = reason.replace("\0", "").encode(errors="replace")[:1000]
        engine = self._engine
        if engine is not None:
            text = encoded.decode(errors="ignore")
            engine.functions.client_decline(self._handle, a_text_or_none("reason", text))
            self._woken()

    def _spawn(self, awaitable: Awaitable[None]) -> None:
        task = asyncio.ensure_future(awaitable)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -------------------------------------------------------------- inside

    @property
    def _running(self) -> ClientEngine:
        engine = self._engine
        if engine is None:
            raise_error(_abi.ERR_STATE, "the client was not opened, or has been closed")
        return engine

    def _woken(self) -> None:
        """To be called after each call that may have something to send."""
        engine = self._engine
        if engine is not None and engine.pump.idle:
            engine.pump.wake()

    def _check(self, result: int) -> int:
        if result < 0:
            raise_error(result, "" if self._engine is None else self._engine.error_of(result))
        return result

    def __repr__(self) -> str:
        return f"<Client {self._url} {self._change.state.name.lower()}>"


def _error_of(code: int, status: int, sentence: str) -> HearthError:
    try:
        raise_error(code, sentence)
    except HearthError as error:
        error.status = status or None  # type: ignore[attr-defined]
        return error


def _read_numbers(function: Callable[..., int], handle: Any) -> List[int]:
    capacity = 64
    while True:
        numbers = (ctypes.c_uint64 * capacity)()
        count = check(function(handle, numbers, capacity))
        if count <= capacity:
            return numbers[:count]
        capacity = count + 16
