"""One socket of a framework, which the library sees as a connection of a channel."""

from __future__ import annotations

import asyncio
import collections
import datetime
import logging
from typing import Any, Callable, Deque, Dict, Optional, Tuple
from urllib.parse import quote

from .._inbox import Gate
from ..channel import Channel
from ..close_codes import CloseCode
from ..connection import Connection
from ..errors import GoneError, HearthError, InvalidError, QueueFullError, TooLargeError
from ..message import Message
from .models import ConnectionInfo
from .socket import ASGIMessage, Receive

logger = logging.getLogger("hearth")

# What the opening handshake is made of, and says nothing of the peer.
_HOP_BY_HOP = ("connection", "upgrade", "sec-websocket-", "content-length", "transfer-encoding", "date")

# 1004 is reserved (RFC 6455 7.4.1).
_NEVER_SENT = (1004, CloseCode.NO_STATUS, CloseCode.ABNORMAL, CloseCode.TLS_HANDSHAKE)

# A part of the 64 KiB that the library gives before it waits.
_ACKNOWLEDGED_BYTES = 16 * 1024
# Pauses of a receiver while the library's queue of events is full.
_FULL_SECONDS = 0.005


class Entry:
    """The socket's way out is a queue and a task that empties it; its way in goes through the library, which
    counts it and drops what is over a limit."""

    __slots__ = (
        "user_id", "given_user", "socket", "connection", "channel", "metadata", "connected_at",
        "_turn", "_close_seconds", "is_over", "told", "_queue", "_gate", "_writer", "_inbox", "_receive",
        "_deadline", "_transport_ended",
    )  # fmt: skip

    def __init__(
        self,
        turn: Callable[[], None],
        close_seconds: float,
        user_id: str,
        given_user: Any,
        socket: Any,
        metadata: Dict[str, Any],
    ) -> None:
        # Lets the library do now what it was told.
        self._turn = turn
        self._close_seconds = close_seconds
        self.user_id = user_id
        self.given_user = given_user
        self.socket = socket
        self.metadata = metadata
        self.connected_at = datetime.datetime.now(datetime.timezone.utc)
        self.is_over = False
        self.told: Optional["asyncio.Future[None]"] = None
        self.connection: Connection
        self.channel: Channel
        # With how many bytes each is of what the library gave.
        self._queue: Deque[Tuple[ASGIMessage, int]] = collections.deque()
        self._gate: Gate
        self._writer: "asyncio.Task[None]"
        self._inbox: Deque[Message] = collections.deque()
        self._receive: Optional[Receive] = None
        self._deadline: Optional[asyncio.TimerHandle] = None
        self._transport_ended = False

    def attach(self, channel: Channel) -> None:
        """The connection begins. Raises LimitError and others of Channel.connect."""
        scope = self.socket.scope
        path = quote(scope.get("path") or "/", safe="/:@!$&'()*+,;=~-._%")
        client = scope.get("client")
        address = None
        if client and client[0]:
            host = f"[{client[0]}]" if ":" in client[0] else client[0]
            address = f"{host}:{client[1] or 0}"
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        fields = [(name, value) for name, value in headers if not name.startswith(_HOP_BY_HOP)]
        query = bytes(scope.get("query_string") or b"").decode("latin-1")
        self.channel = channel
        try:
            self.connection = channel.connect(
                path, recipient=self.user_id, user=self.user_id, query=query, headers=fields, address=address
            )
        except (InvalidError, TooLargeError):
            # A test client has no address, and a framework may take what our server would not.
            self.connection = channel.connect("/", recipient=self.user_id, user=self.user_id)
        loop = asyncio.get_running_loop()
        self._gate = Gate(loop)
        self._writer = loop.create_task(self._write())
        if hasattr(self.socket, "_receive"):
            self._receive = self.socket._receive
            self.socket._receive = self.receive

    # -------------------------------------------------------------- in

    async def receive(self) -> ASGIMessage:
        """Stands in the place of the socket's own receive."""
        receive = self._receive
        assert receive is not None
        while True:
            if self._inbox:
                message = self._inbox.popleft()
                key = "text" if message.is_text else "bytes"
                return {"type": "websocket.receive", key: message.text if message.is_text else message.data}
            incoming = await receive()
            if incoming["type"] == "websocket.receive":
                await self._take_in(incoming)
            else:
                if incoming["type"] == "websocket.disconnect":
                    self.lost(incoming.get("code") or CloseCode.NO_STATUS, incoming.get("reason") or "")
                return incoming

    async def _take_in(self, incoming: ASGIMessage) -> None:
        """Gives a message to the library, which gives it back unless a limit drops it, or the connection has
        ended for it."""
        text = incoming.get("text")
        data = text if text is not None else incoming["bytes"]
        while True:
            try:
                self.channel.receive(self.connection, data)
            except QueueFullError:
                await asyncio.sleep(_FULL_SECONDS)
                continue
            except GoneError:
                return
            self._turn()
            return

    def received(self, message: Message) -> None:
        self._inbox.append(message)

    def lost(self, code: int, reason: str = "") -> None:
        """The socket has ended by itself."""
        self._transport_ended = True
        self._queue.clear()
        try:
            self.channel.closed(self.connection, code, reason[:120])
        except HearthError:
            pass  # It has ended for the library too.
        self._turn()

    # -------------------------------------------------------------- out

    def send(self, message: ASGIMessage, size: int = 0) -> None:
        """Queues an ASGI message for the socket."""
        self._queue.append((message, size))
        self._gate.wake()

    async def _write(self) -> None:
        """Gives what is queued to the socket, one after the other."""
        queue, socket, sent = self._queue, self.socket, 0
        try:
            while not self.is_over or queue:
                if not queue:
                    await self._gate
                    continue
                message, size = queue.popleft()
                await socket.send(message)
                sent += size
                if sent >= _ACKNOWLEDGED_BYTES:
                    self._acknowledge(sent)
                    sent = 0
        except Exception as error:
            if not self._transport_ended:
                logger.debug("the socket of %r takes no more", self.user_id, exc_info=error)
                self.lost(CloseCode.ABNORMAL)
        finally:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

    def _acknowledge(self, size: int) -> None:
        try:
            self.channel.sent(self.connection, size)
        except HearthError:
            pass  # It has ended for the library.

    # -------------------------------------------------------------- the end

    def over(self, code: int, reason: str) -> None:
        """The connection has ended for the library: the socket is closed after what waits."""
        self.is_over = True
        if self._transport_ended:
            if asyncio.current_task() is not self._writer:
                self._writer.cancel()
            return
        sendable = code if 1000 <= code <= 4999 and code not in _NEVER_SENT else CloseCode.INTERNAL_ERROR
        self.send({"type": "websocket.close", "code": sendable, "reason": reason})
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(self._close_seconds, self._give_up)

    def tell(self) -> None:
        """The hooks have been told that it is over."""
        if self.told is None:
            self.told = asyncio.get_running_loop().create_future()
        if not self.told.done():
            self.told.set_result(None)

    def abandon(self) -> None:
        """The library has ended without telling of the connection."""
        self._writer.cancel()
        self.tell()

    def _give_up(self) -> None:
        self._deadline = None
        self._writer.cancel()

    async def flushed(self) -> None:
        """Waits until the socket has taken what waits for it."""
        if self.is_over:
            await asyncio.wait({self._writer})

    def info(self) -> ConnectionInfo:
        known = self.connection.info
        utc = datetime.timezone.utc
        return ConnectionInfo(
            self.user_id,
            f"{self.connection.id:016x}",
            self.connected_at,
            datetime.datetime.fromtimestamp(known.last_received_at, utc),
            self.metadata,
            tuple(self.connection.rooms),
            known.messages_received,
            known.messages_sent,
            known.outbox_bytes,
        )

