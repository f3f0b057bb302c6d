"""What waits for the session of a connection."""

from __future__ import annotations

import asyncio
import collections
import contextvars
from typing import Any, Callable, Deque, Generator, Optional

from .message import Message


class Gate:
    """Where the task of a session waits for messages.

    A task waits for it as for a future (asyncio.isfuture says how one is known), which spares a future for
    each wait, and a round of the event loop between a message and its session.
    """

    __slots__ = ("loop", "wakeup", "context", "_is_cancelled", "_asyncio_future_blocking")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        # Lets the task that waits go on, in its context.
        self.wakeup: Optional[Callable[["Gate"], None]] = None
        self.context: Optional[contextvars.Context] = None
        self._is_cancelled = False
        self._asyncio_future_blocking = False

    def wake(self) -> None:
        """Lets the task that waits, if one does, go on soon."""
        wakeup = self.wakeup
        if wakeup is not None:
            self.wakeup = None
            self.loop.call_soon(wakeup, self, context=self.context)

    def __await__(self) -> Generator["Gate", None, None]:
        self._asyncio_future_blocking = True
        yield self

    # -------------------------------------------------------------- what a task asks of a future

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self.loop

    def add_done_callback(
        self, callback: Callable[["Gate"], None], *, context: Optional[contextvars.Context] = None
    ) -> None:
        self.wakeup = callback
        self.context = context

    def done(self) -> bool:
        return self.wakeup is None

    def cancel(self, msg: Optional[Any] = None) -> bool:
        if self.wakeup is None:
            return False
        self._is_cancelled = True
        self.wake()
        return True

    def result(self) -> None:
        if self._is_cancelled:
            self._is_cancelled = False
            raise asyncio.CancelledError


class Inbox:
    """The messages that wait for a session, bounded in number and bytes. Awaiting it gives the next one."""

    __slots__ = ("messages", "size", "is_ended", "is_discarded", "messages_max", "bytes_max", "gate")

    def __init__(self, messages_max: int, bytes_max: int) -> None:
        self.messages: Deque[Message] = collections.deque()
        self.size = 0
        self.is_ended = False
        self.is_discarded = False
        self.messages_max = messages_max
        self.bytes_max = bytes_max
        self.gate = Gate(asyncio.get_running_loop())

    def put(self, message: Message) -> bool:
        """Adds a message; waking is to follow. Answers False, and does nothing, when the inbox is full."""
        if self.is_ended:
            return True
        messages = self.messages
        size = self.size + len(message.data)
        if messages and (len(messages) >= self.messages_max or size > self.bytes_max):
            return False
        self.size = size
        messages.append(message)
        return True

    def end(self) -> None:
        """Takes no more messages; what waits can still be taken."""
        self.is_ended = True
        self.gate.wake()

    def discard(self) -> None:
        """Takes no more messages and forgets those that wait."""
        self.is_discarded = True
        self.messages.clear()
        self.size = 0
        self.end()

    def __await__(self) -> Generator[Gate, None, Message]:
        """The next message. StopAsyncIteration: the connection ended and there will be none."""
        messages = self.messages
        while not messages:
            if self.is_ended:
                raise StopAsyncIteration
            gate = self.gate
            if gate.wakeup is not None:
                raise RuntimeError("two tasks receive from one connection")
            gate._asyncio_future_blocking = True
            yield gate
        message = messages.popleft()
        self.size -= len(message.data)
        return message
