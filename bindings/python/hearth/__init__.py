"""Hearth: rooms and heartbeats, inside your process.

    import hearth

    server = hearth.Server("127.0.0.1:8000")

    @server.route("/rooms/{room}", join="auto", relay="others")
    async def session(connection):
        async for message in connection:
            print(connection.captures["room"], message.text)

    server.run()
"""

from ._abi import VERSION as __version__
from ._library import LibraryNotFoundError, version
from ._routes import RouteOptions, Template
from .channel import Channel
from .client import Client, ConnectOptions
from .close_codes import CloseCode
from .client_state import ClientInfo, ClientState, ClosedError, DroppedError, DropReason, Sent, StateChange
from .connecting import connect
from .connection import Connection, ConnectionInfo, Principal, Reject
from .errors import *  # noqa: F403
from .errors import __all__ as _errors
from .message import Message
from .presence import Presence, PresenceKind, PresentUser
from .request import Headers, Request, Response
from .room import PresenceChange, Room
from .server import Server

__all__ = [
    "Channel",
    "Client",
    "ClientInfo",
    "ClientState",
    "CloseCode",
    "ClosedError",
    "ConnectOptions",
    "Connection",
    "ConnectionInfo",
    "DropReason",
    "DroppedError",
    "Headers",
    "LibraryNotFoundError",
    "Message",
    "Presence",
    "PresenceChange",
    "PresenceKind",
    "PresentUser",
    "Principal",
    "Reject",
    "Request",
    "Response",
    "Room",
    "RouteOptions",
    "Sent",
    "Server",
    "StateChange",
    "Template",
    "__version__",
    "connect",
    "version",
]
__all__ += _errors
