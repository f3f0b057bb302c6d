"""The order of handlers: those of one connection, room or channel are called one after the other."""

from __future__ import annotations

import asyncio
import collections
import inspect
from typing import Any, Awaitable, Callable, Coroutine, Deque, Dict, Hashable, NamedTuple, Optional

from .connection import Connection

Failed = Callable[[BaseException, Optional[Connection]], None]


class Call(NamedTuple):
    """A handler that waits for its turn."""

    handler: Callable[..., Any]
    # Whose end a failure is.
    connection: Optional[Connection]
    arguments: "tuple[Any, ...]"
    # Bytes of a peer's message among the arguments.
    size: int = 0
    # The call is made also when the ones before it were cancelled.
    is_last: bool = False


class Lane:
    """The calls that wait behind a coroutine that runs."""

    __slots__ = ("calls", "size", "is_closed")

    def __init__(self) -> None:
        self.calls: Deque[Call] = collections.deque()
        self.size = 0
        self.is_closed = False

    def put(self, call: Call) -> None:
        if not self.is_closed or call.is_last:
            self.calls.append(call)
            self.size += call.size


class Lanes:
    """A handler is called at once, unless a coroutine of the same key runs: then it waits for its turn."""

    __slots__ = ("busy", "_spawn", "_failed")

    def __init__(self, spawn: Callable[[Coroutine[Any, Any, None]], None], failed: Failed) -> None:
        # By key: the id of a connection, or ("room", name), or ("channel", name). None: nothing waits yet.
        self.busy: Dict[Hashable, Optional[Lane]] = {}
        self._spawn = spawn
        self._failed = failed

    def lane(self, key: Hashable) -> Lane:
        """The lane of a key that is busy."""
        lane = self.busy[key]
        if lane is None:
            lane = self.busy[key] = Lane()
        return lane

    def call(self, key: Hashable, call: Call) -> None:
        if key in self.busy:
            self.lane(key).put(call)
        else:
            self.start(key, call.connection, call.handler, call.arguments)

    def start(
        self,
        key: Hashable,
        connection: Optional[Connection],
        handler: Callable[..., Any],
        arguments: "tuple[Any, ...]",
    ) -> None:
        """Calls a handler at once. The key is not busy."""
        try:
            result = handler(*arguments)
        except (Exception, asyncio.CancelledError) as error:
            self._failed(error, connection)
            return
        if result is not None and inspect.isawaitable(result):
            self.busy[key] = None
            self._spawn(self._run(key, result, connection))

    async def _run(
        self, key: Hashable, awaitable: Awaitable[Any], connection: Optional[Connection]
    ) -> None:
        """Waits for a coroutine, and makes the calls that wait behind it."""
        try:
            try:
                await awaitable
            except Exception as error:
                self._failed(error, connection)
            lane = self.busy[key]
            while lane is not None and lane.calls:
                handler, connection, arguments, size, _ = lane.calls.popleft()
                lane.size -= size
                try:
                    result = handler(*arguments)
                    if result is not None and inspect.isawaitable(result):
                        await result
                except Exception as error:
                    self._failed(error, connection)
        except asyncio.CancelledError as error:
            self._failed(error, connection)
            lane = self.busy.pop(key)
            for call in [] if lane is None else lane.calls:
                if call.is_last:
                    self.call(key, call)
            raise
        del self.busy[key]
