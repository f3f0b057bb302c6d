"""FastAPI on uvicorn as a peer of the benchmarks: echoes on /echo and relays in /room/NAME.

fastapi_room.py PORT
"""

import sys
from collections import defaultdict

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()
rooms: "defaultdict[str, set[WebSocket]]" = defaultdict(set)


@app.websocket("/echo")
async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        pass


@app.websocket("/room/{name}")
async def talk(websocket: WebSocket, name: str) -> None:
    await websocket.accept()
    members = rooms[name]
    members.add(websocket)
    try:
        while True:
            data = await websocket.receive_text()
            for member in list(members):
                await member.send_text(data)
    except WebSocketDisconnect:
        pass
    finally:
        members.discard(websocket)


if __name__ == "__main__":
    uvicorn.run(
        app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", ws_per_message_deflate=False,
        ws_ping_interval=None,
    )  # fmt: skip
