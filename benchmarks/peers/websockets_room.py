"""The package `websockets` as a peer of the benchmarks: echoes on /echo and relays in /room/NAME.

websockets_room.py PORT [CERTIFICATE]     with the certificate and its key in that PEM file it speaks TLS
"""

import asyncio
import contextlib
import ssl
import sys
from collections import defaultdict

from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed

rooms: "defaultdict[str, set[ServerConnection]]" = defaultdict(set)


async def talk(connection: ServerConnection) -> None:
    assert connection.request is not None
    path = connection.request.path
    if not path.startswith("/room/"):
        async for message in connection:
            await connection.send(message)
        return
    members = rooms[path]
    members.add(connection)
    # The load ends without a word.
    with contextlib.suppress(ConnectionClosed):
        async for message in connection:
            broadcast(members, message)
    members.discard(connection)


async def main(port: int, certificate: "str | None") -> None:
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    async with serve(talk, "127.0.0.1", port, ssl=context, compression=None, ping_interval=None):
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None))
