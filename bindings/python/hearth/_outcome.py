"""What calls that never wait return, so that they may be awaited as well."""

from __future__ import annotations

from typing import Any, Callable, Coroutine, Generator


class Queued(int):
    """Whether a message was queued: true, or false where it was dropped. It may be awaited, which does not
    wait, as sending never does."""

    def __await__(self) -> Generator[Any, None, "Queued"]:
        return self
        yield  # Makes this a generator.

    def __repr__(self) -> str:
        return "QUEUED" if self else "DROPPED"


QUEUED, DROPPED = Queued(1), Queued(0)


class Done:
    """What is done when the call returns. It may be awaited all the same."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, None]:
        return None
        yield

    def __repr__(self) -> str:
        return "DONE"


DONE = Done()


class Closing:
    """A close that has begun. To await it is to wait until the connection has ended."""

    __slots__ = ("_wait_closed",)

    def __init__(self, wait_closed: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._wait_closed = wait_closed

    def __await__(self) -> Generator[Any, None, None]:
        return self._wait_closed().__await__()
