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
        # By key: the id of a connection, or ("room", name), or ("channel", name).
        self.busy: Dict[Hashable, Lane] = {}
        self._spawn = spawn
        self._failed = failed

    def call(self, key: Hashable, call: Call) -> None:
        lane = self.busy.get(key)
        if lane is not None:
            lane.put(call)
            return
        try:
            result = call.handler(*call.arguments)
        except (Exception, asyncio.CancelledError) as error:
            self._failed(error, call.connection)
            return
        if result is not None and inspect.isawaitable(result):
            lane = self.busy[key] = Lane()
            self._spawn(self._run(key, lane, result, call.connection))

    async def _run(
        self, key: Hashable, lane: Lane, awaitable: Awaitable[Any], connection: Optional[Connection]
    ) -> None:
        """Waits for a coroutine, and makes the calls that wait behind it."""
        calls = lane.calls
        result: Any = awaitable
        try:
            while True:
                try:
                    if result is not None and inspect.isawaitable(result):
                        await result
                except Exception as error:
                    self._failed(error, connection)
                if not calls:
                    break
                handler, connection, arguments, size, _ = calls.popleft()
                lane.size -= size
                result = None
                try:
                    result = handler(*arguments)
                except Exception as error:
                    self._failed(error, connection)
        except asyncio.CancelledError as error:
            self._failed(error, connection)
            last = [call for call in calls if call.is_last]
            del self.busy[key]
            for call in last:
                self.call(key, call)
            raise
        del self.busy[key]
