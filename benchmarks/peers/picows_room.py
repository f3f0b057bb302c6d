"""The package `picows` as a peer of the benchmarks: echoes on /echo and relays in /room/NAME.

picows_room.py PORT
"""

import asyncio
import sys
from collections import defaultdict

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

rooms: "defaultdict[str, set[WSTransport]]" = defaultdict(set)


class Talk(WSListener):
    def __init__(self, request: WSUpgradeRequest) -> None:
        path = bytes(request.path).decode()
        self.members = rooms[path] if path.startswith("/room/") else None

    def on_ws_connected(self, transport: WSTransport) -> None:
        if self.members is not None:
            self.members.add(transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if self.members is not None:
            self.members.discard(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        elif kind == WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
        elif kind in (WSMsgType.TEXT, WSMsgType.BINARY):
            payload = frame.get_payload_as_bytes()
            if self.members is None:
                transport.send(kind, payload)
            else:
                for member in self.members:
                    member.send(kind, payload)


async def main(port: int) -> None:
    server = await ws_create_server(Talk, "127.0.0.1", port, max_frame_size=2 << 20)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
