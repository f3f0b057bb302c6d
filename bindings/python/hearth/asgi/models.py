"""What hearth.asgi says of connections and messages."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
from typing import Any, Dict, Optional, Tuple, Union


class ConnectionState(enum.Enum):
    """What a client does."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"
    DISCONNECTED = "disconnected"


@dataclasses.dataclass(frozen=True)
class ConnectionInfo:
    """What is known of a connection of a ConnectionManager."""

    user_id: str
    connection_id: str
    connected_at: datetime.datetime
    # Of what came from the peer, never of what was sent to it.
    last_activity: datetime.datetime
    metadata: Dict[str, Any]
    rooms: Tuple[str, ...] = ()
    messages_received: int = 0
    messages_sent: int = 0
    outbox_bytes: int = 0


@dataclasses.dataclass(frozen=True)
class WebSocketMessage:
    """A message that a client received: text as str, binary as bytes."""

    data: Union[str, bytes]
    received_at: Optional[datetime.datetime] = None

    @property
    def is_text(self) -> bool:
        """Whether it came as text."""
        return isinstance(self.data, str)

    @property
    def is_binary(self) -> bool:
        """Whether it came as bytes."""
        return isinstance(self.data, bytes)

    def json(self) -> Any:
        """The message read as JSON; raises ValueError if it is none."""
        return json.loads(self.data)

    def __len__(self) -> int:
        return len(self.data)
