"""The exceptions of hearth.asgi."""

from __future__ import annotations


class WebSocketError(Exception):
    """What every exception of hearth.asgi is."""


class ConnectionClosedError(WebSocketError):
    """The connection has ended; `code` and `reason` say how (RFC 6455, 7.4.1)."""

    def __init__(self, code: int = 1006, reason: str = "") -> None:
        super().__init__(f"the connection has ended: {code} {reason}".rstrip())
        self.code = code
        self.reason = reason


class ConnectionFailedError(WebSocketError):
    """There is no connection, as none could be made."""


class AuthenticationError(ConnectionFailedError):
    """The server refused who connects: 401 or 403."""


class MessageTooLargeError(WebSocketError):
    """A message is larger than max_message_size."""
