"""What a client can say of itself, and of the messages that it was given."""

from __future__ import annotations

import asyncio
import enum
from typing import Any, Generator, NamedTuple, Optional, Union

from . import _abi
from .errors import HearthError


class ClientState(enum.Enum):
    """What a client does."""

    IDLE = _abi.CLIENT_IDLE
    CONNECTING = _abi.CLIENT_CONNECTING
    OPEN = _abi.CLIENT_OPEN
    RECONNECTING = _abi.CLIENT_RECONNECTING
    CLOSED = _abi.CLIENT_CLOSED
    GAVE_UP = _abi.CLIENT_GAVE_UP

    @property
    def is_final(self) -> bool:
        """Nothing follows, unless the program opens the client again."""
        return self in (ClientState.CLOSED, ClientState.GAVE_UP)


class DropReason(enum.Enum):
    """Why a message was not sent."""

    COUNT = _abi.DROP_COUNT
    BYTES = _abi.DROP_BYTES
    AGE = _abi.DROP_AGE
    CLEARED = _abi.DROP_CLEARED
    CLOSED = _abi.DROP_CLOSED
    LOST = _abi.DROP_LOST


class StateChange(NamedTuple):
    """A client has come into a state. What does not belong to the state is None or ""."""

    state: ClientState
    # Counted since the last connection that held; 0: the first attempt of all.
    attempt: int = 0
    # RECONNECTING: seconds until the next attempt.
    delay: Optional[float] = None
    # CLOSED, and RECONNECTING after a connection: how it ended (RFC 6455 7.4.1).
    code: Optional[int] = None
    reason: str = ""
    by_peer: bool = False
    # Why an attempt failed or a connection ended.
    error: Optional[HearthError] = None


class ClosedError(HearthError):
    """The connection has ended; `close_code` and `close_reason` say how."""

    def __init__(self, close_code: int, close_reason: str) -> None:
        shown = f"{close_code} {close_reason}".strip()
        super().__init__(f"the connection has ended: {shown}")
        self.close_code = close_code
        self.close_reason = close_reason


class DroppedError(HearthError):
    """A message was not sent and will not be; `id` is its number and `reason` a DropReason."""

    def __init__(self, ident: int, reason: DropReason) -> None:
        super().__init__(f"message {ident} was dropped: {reason.name.lower()}")
        self.id = ident
        self.reason = reason


class ClientInfo(NamedTuple):
    """What is known of a client. Times are seconds since 1970, durations are seconds."""

    state: ClientState
    attempts: int
    opens: int
    opened_at: float
    last_received_at: float
    latency: Optional[float]
    messages_received: int
    messages_sent: int
    messages_dropped: int
    queue_messages: int
    queue_bytes: int
    outbox_bytes: int


class Sent:
    """A message on its way. Awaiting it waits until the system has taken all of it, and raises DroppedError
    if it never will be; nobody needs to. With sent_events=False nothing tells, and it is not awaited."""

    __slots__ = ("id", "_is_told", "_outcome", "_future")

    def __init__(self, ident: int, is_told: bool) -> None:
        self.id = ident
        self._is_told = is_told
        self._outcome: Union[None, bool, DropReason] = None
        self._future: Optional["asyncio.Future[None]"] = None

    @property
    def is_sent(self) -> bool:
        """Whether the system has taken all of it."""
        return self._outcome is True

    @property
    def dropped(self) -> Optional[DropReason]:
        """Why it will not be sent; None: it was, or may still be."""
        return self._outcome if isinstance(self._outcome, DropReason) else None

    def __await__(self) -> Generator[Any, None, int]:
        if not self._is_told:
            raise RuntimeError("with sent_events=False nothing tells when a message has left")
        if self._outcome is None:
            if self._future is None:
                self._future = asyncio.get_running_loop().create_future()
            yield from asyncio.shield(self._future).__await__()
        if isinstance(self._outcome, DropReason):
            raise DroppedError(self.id, self._outcome)
        return self.id

    def __int__(self) -> int:
        return self.id

    def __repr__(self) -> str:
        outcome = "waits" if self._outcome is None else "sent" if self.is_sent else f"dropped: {self.dropped}"
        return f"<Sent {self.id} {outcome}>"

    def _settle(self, outcome: Union[bool, DropReason]) -> None:
        self._outcome = outcome
        if self._future is not None and not self._future.done():
            self._future.set_result(None)
