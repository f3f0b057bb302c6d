"""A client with the names and habits of web frameworks' toolkits, over hearth.Client."""

from __future__ import annotations

import datetime
from typing import Any, AsyncIterator, Mapping, NoReturn, Optional, Sequence, Type, Union

from .. import errors
from ..client import Client
from ..client_state import ClientState, ClosedError, DroppedError
from ..close_codes import CloseCode
from ..errors import HearthError
from ..message import Message, Sendable, json_text
from .config import WebSocketConfig
from .errors import (
    AuthenticationError, ConnectionClosedError, ConnectionFailedError, MessageTooLargeError, WebSocketError,
)  # fmt: skip
from .models import ConnectionState, WebSocketMessage

_STATES = {
    ClientState.IDLE: ConnectionState.DISCONNECTED,
    ClientState.CONNECTING: ConnectionState.CONNECTING,
    ClientState.OPEN: ConnectionState.CONNECTED,
    ClientState.RECONNECTING: ConnectionState.RECONNECTING,
    ClientState.CLOSED: ConnectionState.DISCONNECTED,
    ClientState.GAVE_UP: ConnectionState.DISCONNECTED,
}


class WebSocketClient:
    """A connection to a WebSocket server.

        async with WebSocketClient("wss://example.org/ws", headers={"X-Token": token}) as ws:
            await ws.send_json({"type": "hello"})
            async for message in ws:
                print(message)

    Text comes as str, binary as bytes. When the connection ends the loop does, or raises
    ConnectionClosedError unless it ended as it should (1000 or 1001). One client is one connection:
    `websocket_connect` gives a new one for each that is lost.
    """

    def __init__(
        self,
        url: str,
        *,
        config: Optional[WebSocketConfig] = None,
        headers: Optional[Mapping[str, str]] = None,
        subprotocols: Optional[Sequence[str]] = None,
    ) -> None:
        self.config = config or WebSocketConfig()
        self._given_url = url
        keys = self.config.as_keys()
        keys["reconnect_enabled"] = False
        self._client = Client(url, headers=headers, subprotocols=list(subprotocols or ()), **keys)
        self._client._ends_at_break = True

    # -------------------------------------------------------------- life

    async def connect(self) -> None:
        """Connects.

        Raises: ConnectionFailedError, or AuthenticationError for 401 and 403."""
        if self.is_connected:
            return
        try:
            self._client.open()
            await self._client.wait_open()
        except HearthError as error:
            self._client._free()
            _raise(error, ConnectionFailedError)
        except BaseException:
            self._client._free()
            raise

    async def close(self, code: int = CloseCode.NORMAL, reason: str = "") -> None:
        """Closes, after what was sent, and waits for the end."""
        await self._client.close(code, reason)

    async def __aenter__(self) -> "WebSocketClient":
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # -------------------------------------------------------------- messages

    async def send(self, data: Sendable) -> None:
        """Sends text for str and binary for bytes, and waits until the system has it.

        Raises: MessageTooLargeError, ConnectionClosedError, ConnectionFailedError before connect."""
        size = len(data.encode()) if isinstance(data, str) else len(data)
        if size > self.config.max_message_size:
            raise MessageTooLargeError(f"{size} bytes are more than max_message_size")
        if not self.is_connected:
            self._raise_closed()
        try:
            await self._client.send(data, keep=False)
        except DroppedError:
            self._raise_closed()
        except HearthError as error:
            _raise(error, WebSocketError)

    async def send_json(self, data: Any) -> None:
        """Sends a value as JSON in a text message, as send.

        Raises: ValueError for NaN and infinities, and as send."""
        await self.send(json_text(data))

    async def recv(self) -> Union[str, bytes]:
        """The next message.

        Raises: ConnectionClosedError after the last, MessageTooLargeError."""
        return _content(await self._receive())

    async def recv_json(self) -> Any:
        """The next message, read as JSON.

        Raises: ValueError if it is none, and as recv."""
        return (await self._receive()).json()

    async def recv_message(self) -> WebSocketMessage:
        """The next message, with the time at which the program took it."""
        now = datetime.datetime.now(datetime.timezone.utc)
        return WebSocketMessage(_content(await self._receive()), now)

    def __aiter__(self) -> "WebSocketClient":
        return self

    async def __anext__(self) -> Union[str, bytes]:
        try:
            return await self.recv()
        except ConnectionClosedError as error:
            if error.code in (CloseCode.NORMAL, CloseCode.GOING_AWAY) or self._client._engine is None:
                raise StopAsyncIteration from None
            raise

    async def _receive(self) -> Message:
        try:
            return await self._client.recv()
        except HearthError as error:
            _raise(error, WebSocketError)

    def _raise_closed(self) -> NoReturn:
        change = self._client.state
        if change.state is ClientState.IDLE:
            raise ConnectionFailedError("the client is not connected: await connect() first")
        raise ConnectionClosedError(change.code or CloseCode.ABNORMAL, change.reason)

    # -------------------------------------------------------------- what is known of it

    @property
    def url(self) -> str:
        """The address that it was given."""
        return self._given_url

    @property
    def is_connected(self) -> bool:
        """Whether it is open now."""
        return self._client.is_connected

    @property
    def state(self) -> ConnectionState:
        """What it does now."""
        return _STATES[self._client.state.state]

    @property
    def latency(self) -> float:
        """Seconds that the last ping took; 0 before the first was answered."""
        return (self._client.latency if self._client._engine is not None else None) or 0.0

    @property
    def subprotocol(self) -> Optional[str]:
        """What the server chose, None: nothing."""
        return self._client.subprotocol


class websocket_connect:  # noqa: N801 - a verb, as everybody calls it
    """Connects, and connects again.

        async for ws in websocket_connect(url, auto_reconnect=True):
            try:
                async for message in ws:
                    process(message)
            except ConnectionClosedError:
                continue

    The body of the loop runs once for each connection, with pauses that grow as the reconnect_ settings
    say; after so many failures in a row the last one is raised. Without auto_reconnect there is one
    connection. `async with` gives one connection as well.
    """

    def __init__(
        self,
        url: str,
        *,
        auto_reconnect: Optional[bool] = None,
        config: Optional[WebSocketConfig] = None,
        headers: Optional[Mapping[str, str]] = None,
        subprotocols: Optional[Sequence[str]] = None,
    ) -> None:
        self._config = config or WebSocketConfig()
        enabled = self._config.reconnect_enabled if auto_reconnect is None else auto_reconnect
        self._client = WebSocketClient(url, config=self._config, headers=headers, subprotocols=subprotocols)
        self._client._client._configuration.set("reconnect_enabled", bool(enabled))
        self._enabled = enabled

    async def __aenter__(self) -> WebSocketClient:
        await self._client.connect()
        return self._client

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def __aiter__(self) -> AsyncIterator[WebSocketClient]:
        inner = self._client._client
        try:
            inner.open()
            while True:
                change = await inner._wait_for(
                    lambda change: change.state is ClientState.OPEN or change.state.is_final
                )
                if change.state is not ClientState.OPEN:
                    if change.state is ClientState.CLOSED:
                        return
                    inner._raise_end(change)
                opens = inner.info.opens
                yield self._client
                if not self._enabled:
                    return
                inner._skip_break()
                if inner.is_connected and inner.info.opens == opens:
                    await inner._reopen()
        except HearthError as error:
            _raise(error, ConnectionFailedError)
        finally:
            await inner.close()


class easy_websocket_client(websocket_connect):  # noqa: N801
    """`async with easy_websocket_client(url) as ws`: one connection, with the settings of the environment."""

    def __init__(
        self,
        url: str,
        *,
        auto_reconnect: bool = False,
        config: Optional[WebSocketConfig] = None,
        headers: Optional[Mapping[str, str]] = None,
        subprotocols: Optional[Sequence[str]] = None,
    ) -> None:
        super().__init__(
            url, auto_reconnect=auto_reconnect, config=config, headers=headers, subprotocols=subprotocols
        )


def _content(message: Message) -> Union[str, bytes]:
    return message.text if message.is_text else message.data


def _raise(error: HearthError, otherwise: Type[WebSocketError]) -> NoReturn:
    """Raises what the library raised, as an exception of this module."""
    if isinstance(error, ClosedError):
        if error.close_code == CloseCode.MESSAGE_TOO_BIG:
            raise MessageTooLargeError(str(error)) from error
        raise ConnectionClosedError(error.close_code, error.close_reason) from error
    if isinstance(error, (errors.UnauthorizedError, errors.ForbiddenError)):
        raise AuthenticationError(str(error)) from error
    if isinstance(error, errors.TooLargeError):
        raise MessageTooLargeError(str(error)) from error
    raise otherwise(str(error)) from error
