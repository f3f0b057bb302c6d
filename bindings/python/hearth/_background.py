"""An asyncio loop in a thread, for programs without one."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
from typing import Any, Coroutine, Optional, TypeVar

ResultT = TypeVar("ResultT")


class BackgroundLoop:
    """Runs while somebody uses it; all that use it share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._thread: Optional[threading.Thread] = None

    def forget(self) -> None:
        """In the child of a fork: the thread is the parent's. What was open there is not open here."""
        self._lock = threading.Lock()
        self._users = 0
        self._loop = self._thread = None

    def acquire(self) -> None:
        with self._lock:
            self._users += 1
            if self._users > 1:
                return
            self._loop = asyncio.new_event_loop()
            ready = threading.Event()
            self._thread = threading.Thread(
                target=_run, args=(self._loop, ready), name="hearth-sync", daemon=True
            )
            self._thread.start()
            ready.wait()

    def release(self) -> None:
        with self._lock:
            self._users = max(self._users - 1, 0)
            if self._users > 0:
                return
            loop, self._loop = self._loop, None
            thread, self._thread = self._thread, None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            if thread is not threading.current_thread():
                thread.join()

    def run(self, coroutine: Coroutine[Any, Any, ResultT], timeout: Optional[float] = None) -> ResultT:
        """What a coroutine returns that runs there. TimeoutError: it was cancelled, as it took too long."""
        loop = self._loop
        if loop is None:
            coroutine.close()
            raise RuntimeError("it is not open")
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise RuntimeError("a handler that runs in the event loop must not wait for that loop")
        future = asyncio.run_coroutine_threadsafe(coroutine, loop)
        try:
            return future.result(timeout)
        except concurrent.futures.TimeoutError:
            if not future.cancel() and future.done() and not future.cancelled():
                return future.result()
            raise TimeoutError(f"nothing came within {timeout} s") from None
        except concurrent.futures.CancelledError:
            raise RuntimeError("the event loop ended meanwhile") from None
        except BaseException:
            future.cancel()
            raise


def _run(loop: asyncio.AbstractEventLoop, ready: threading.Event) -> None:
    asyncio.set_event_loop(loop)
    loop.call_soon(ready.set)
    try:
        loop.run_forever()
        rest = asyncio.all_tasks(loop)
        for task in rest:
            task.cancel()
        if rest:
            loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        asyncio.set_event_loop(None)
        loop.close()


background = BackgroundLoop()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=background.forget)
