"""Lets an asyncio loop carry an engine: watches its descriptor and its timeout, takes its events.

A driven engine has no thread: each turn of the pump runs one turn of its loop. An engine on threads
of its own only leaves its events here. Either way Python runs on the thread of the asyncio loop alone.
"""

from __future__ import annotations

import asyncio
import ctypes
import threading
from typing import Callable, Dict, Optional

from ._engine import Engine
from ._library import raise_error

# Takes a block of packed events, whole records in length bytes.
Deliver = Callable[[memoryview, int], None]

_VIEWS_MAX = 8


class Pump:
    """`idle` is true when what is sent now would stay unsent until somebody calls `wake`."""

    def __init__(self, engine: Engine, deliver: Deliver, driven: bool) -> None:
        library = engine.library
        self.idle = False
        self._deliver = deliver
        self._driven = driven
        self.loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._handle = ctypes.c_void_p(engine.handle)
        self._poll = library.bare_poll
        self._timeout = library.bare_timeout
        self._flush = library.bare_flush
        self._data = ctypes.c_void_p()
        self._length = ctypes.c_size_t()
        self._data_reference = ctypes.byref(self._data)
        self._length_reference = ctypes.byref(self._length)
        self._views: Dict[int, memoryview] = {}
        self._timer: Optional[asyncio.TimerHandle] = None
        self._soon: Optional[asyncio.Handle] = None
        self._descriptor = engine.check(engine.functions.engine_fd(engine.handle))
        self.loop.add_reader(self._descriptor, self.turn)
        self.idle = driven
        self._soon = self.loop.call_soon(self._turn_soon)

    def close(self) -> None:
        """Stops watching. To be called before the engine is freed."""
        self.idle = False
        self._handle = ctypes.c_void_p()
        if not self.loop.is_closed():
            self.loop.remove_reader(self._descriptor)
        for handle in (self._timer, self._soon):
            if handle is not None:
                handle.cancel()
        self._timer = self._soon = None
        self._views.clear()

    def turn(self) -> None:
        """Takes the events that wait and hands what was sent because of them to the system."""
        self.idle = False
        count = self._poll(self._handle, self._data_reference, self._length_reference, 0)
        if count > 0:
            self._deliver(self._batch(), self._length.value)
        elif count < 0:
            self.close()
            raise_error(count)
        if self._driven and self._handle:
            if count > 0:
                self._flush(self._handle)
            self.idle = True
            self._arm()

    def wake(self) -> None:
        """Sees to it that what was sent outside of a turn leaves soon. Other threads need no help."""
        if threading.get_ident() == self._thread:
            self.idle = False
            self.loop.call_soon(self._flush_soon)

    def _batch(self) -> memoryview:
        """A view of the events. The library packs them into the same few blocks again and again, so the
        views of those are kept; nothing is read through one past the length of the batch at hand."""
        address, length = self._data.value, self._length.value
        assert address is not None
        view = self._views.get(address)
        if view is None or len(view) < length:
            if len(self._views) >= _VIEWS_MAX:
                self._views.clear()
            view = memoryview((ctypes.c_char * length).from_address(address)).cast("B")
            self._views[address] = view
        return view

    def _flush_soon(self) -> None:
        if self._handle:
            self._flush(self._handle)
            self.idle = True
            self._arm()

    def _turn_soon(self) -> None:
        self._soon = None
        self.turn()

    def _on_timer(self) -> None:
        self._timer = None
        self.turn()

    def _arm(self) -> None:
        """Sets the timer for the engine's timeout. An earlier timer is left: a turn too many is harmless."""
        delay_ms = self._timeout(self._handle)
        if delay_ms > 0:
            due = self.loop.time() + delay_ms / 1000
            if self._timer is not None:
                if self._timer.when() <= due:
                    return
                self._timer.cancel()
            self._timer = self.loop.call_at(due, self._on_timer)
        elif delay_ms == 0 and self._soon is None:
            self._soon = self.loop.call_soon(self._turn_soon)
