"""Connecting in one word: hearth.connect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, AsyncIterator, Generator

from .client import Client, ConnectOptions
from .client_state import ClientState, ClosedError
from .close_codes import CloseCode

if TYPE_CHECKING:
    from typing_extensions import Unpack


class connect:  # noqa: N801 - a verb, as everybody calls it
    """Connects to a WebSocket server; takes what Client takes.

        async with hearth.connect("ws://127.0.0.1:9000/echo") as ws:
            await ws.send("hello")
            print(await ws.recv())

    The first attempt must succeed: its error is raised at once. From then on the client comes back by
    itself. `await hearth.connect(url)` gives the same client, which the program closes.

    `async for ws in hearth.connect(url)` is a loop over connections instead: its body runs once for each,
    receiving ends when the connection does, and even the first attempt is repeated. It raises when the
    client gives up, and ends after a close with 1000.
    """

    def __init__(self, url: str, **options: "Unpack[ConnectOptions]") -> None:
        self._client = Client(url, **options)

    async def _open(self) -> Client:
        client = self._client
        client.open()
        try:
            first = (ClientState.OPEN, ClientState.RECONNECTING, ClientState.CLOSED, ClientState.GAVE_UP)
            change = await client._wait_for(lambda change: change.state in first)
            if change.state is not ClientState.OPEN:
                raise change.error or ClosedError(change.code or CloseCode.ABNORMAL, change.reason)
        except BaseException:
            client._free()
            raise
        return client

    def __await__(self) -> Generator[Any, None, Client]:
        return self._open().__await__()

    async def __aenter__(self) -> Client:
        return await self._open()

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def __aiter__(self) -> AsyncIterator[Client]:
        client = self._client
        client._ends_at_break = True
        client.open()
        try:
            while True:
                opens = client.info.opens
                if not client.is_connected:
                    change = await client._wait_for(
                        lambda change: change.state is ClientState.OPEN or change.state.is_final
                    )
                    if change.state is ClientState.CLOSED and change.code == CloseCode.NORMAL:
                        return
                    if change.state.is_final:
                        client._raise_end(change)
                    opens = client.info.opens
                yield client
                client._skip_break()
                if client.is_connected and client.info.opens == opens:
                    await client._reopen()
        finally:
            await client.close()
