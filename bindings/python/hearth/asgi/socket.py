"""A WebSocket of an ASGI server, as a program without a framework uses it."""

from __future__ import annotations

import json
from typing import Any, AsyncIterator, Awaitable, Callable, Dict, Iterable, MutableMapping, Optional, Tuple

from ..close_codes import CloseCode
from ..message import json_text
from .errors import ConnectionClosedError

ASGIMessage = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[ASGIMessage]]
Send = Callable[[ASGIMessage], Awaitable[None]]


class ASGIWebSocket:
    """What an ASGI application gets, with the methods that ConnectionManager needs.

        async def application(scope, receive, send):
            socket = hearth.asgi.ASGIWebSocket(scope, receive, send)
            await manager.connect("anna", socket)
            async for text in socket.iter_text():
                ...
    """

    def __init__(self, scope: Dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            raise ValueError(f"the scope is of type {scope['type']!r}, not websocket")
        self.scope = scope
        self._receive = receive
        self._send = send

    async def accept(
        self, subprotocol: Optional[str] = None, headers: Iterable[Tuple[bytes, bytes]] = ()
    ) -> None:
        """Accepts the WebSocket.

        Raises: ConnectionClosedError if it ended before."""
        message = await self._receive()
        if message["type"] != "websocket.connect":
            code = message.get("code", CloseCode.ABNORMAL)
            raise ConnectionClosedError(code, "it ended before it was accepted")
        answer = {"type": "websocket.accept", "subprotocol": subprotocol, "headers": list(headers)}
        await self._send(answer)

    async def receive(self) -> ASGIMessage:
        """The next message of the ASGI server, whatever its type."""
        return await self._receive()

    async def send(self, message: ASGIMessage) -> None:
        """Gives a message to the ASGI server."""
        await self._send(message)

    async def close(self, code: int = CloseCode.NORMAL, reason: Optional[str] = None) -> None:
        """Closes the WebSocket."""
        await self._send({"type": "websocket.close", "code": code, "reason": reason or ""})

    async def receive_text(self) -> str:
        """The next message as text.

        Raises: ConnectionClosedError after the last."""
        message = await self._receive_message()
        text = message.get("text")
        return text if text is not None else bytes(message["bytes"]).decode()

    async def receive_bytes(self) -> bytes:
        """The next message as bytes.

        Raises: ConnectionClosedError after the last."""
        message = await self._receive_message()
        data = message.get("bytes")
        return data if data is not None else str(message["text"]).encode()

    async def receive_json(self) -> Any:
        """The next message, read as JSON.

        Raises: ValueError if it is none, ConnectionClosedError after the last."""
        return json.loads(await self.receive_text())

    async def send_text(self, data: str) -> None:
        """Sends text."""
        await self._send({"type": "websocket.send", "text": data})

    async def send_bytes(self, data: bytes) -> None:
        """Sends bytes as a binary message."""
        await self._send({"type": "websocket.send", "bytes": data})

    async def send_json(self, data: Any) -> None:
        """Sends a value as JSON in a text message.

        Raises: ValueError for NaN and infinities, TypeError for what JSON has no form for."""
        await self.send_text(json_text(data))

    async def iter_text(self) -> AsyncIterator[str]:
        """The messages as text, until the WebSocket has ended."""
        try:
            while True:
                yield await self.receive_text()
        except ConnectionClosedError:
            pass

    async def iter_json(self) -> AsyncIterator[Any]:
        """The messages, read as JSON, until the WebSocket has ended.

        Raises: ValueError for one that is none."""
        try:
            while True:
                yield await self.receive_json()
        except ConnectionClosedError:
            pass

    async def _receive_message(self) -> ASGIMessage:
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            raise ConnectionClosedError(message.get("code", CloseCode.NO_STATUS), message.get("reason") or "")
        return message
