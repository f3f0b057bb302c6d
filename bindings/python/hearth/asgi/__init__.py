"""For FastAPI, Starlette and other ASGI applications.

    from fastapi import FastAPI, WebSocket
    from hearth.asgi import add_websocket_manager

    app = FastAPI()
    manager = add_websocket_manager(app)

    @app.websocket("/ws/{user_id}")
    async def endpoint(websocket: WebSocket, user_id: str):
        await manager.connect(user_id, websocket)
        try:
            async for message in websocket.iter_json():
                await manager.broadcast(message)
        finally:
            await manager.disconnect(user_id, websocket)
"""

from .client import WebSocketClient, easy_websocket_client, websocket_connect
from .config import WebSocketConfig, get_default_config
from .errors import (
    AuthenticationError, ConnectionClosedError, ConnectionFailedError, MessageTooLargeError, WebSocketError,
)  # fmt: skip
from .integration import ManagerMiddleware, add_websocket_manager, easy_websocket_manager, get_ws_manager
from .manager import ConnectionManager
from .models import ConnectionInfo, ConnectionState, WebSocketMessage
from .socket import ASGIWebSocket

__all__ = [
    "ASGIWebSocket",
    "AuthenticationError",
    "ConnectionClosedError",
    "ConnectionFailedError",
    "ConnectionInfo",
    "ConnectionManager",
    "ConnectionState",
    "ManagerMiddleware",
    "MessageTooLargeError",
    "WebSocketClient",
    "WebSocketConfig",
    "WebSocketError",
    "WebSocketMessage",
    "add_websocket_manager",
    "easy_websocket_client",
    "easy_websocket_manager",
    "get_default_config",
    "get_ws_manager",
    "websocket_connect",
]
