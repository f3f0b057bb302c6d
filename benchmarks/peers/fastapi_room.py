"""FastAPI on uvicorn as a peer of the benchmarks: echoes on /echo and relays in /room/NAME.

fastapi_room.py PORT
"""

import sys
from collections import defaultdict

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()
rooms: "defaultdict[str, set[WebSocket]]" = defaultdict(set)


async def receive(websocket: WebSocket) -> "str | bytes":
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message["code"])
    return message["text"] if message.get("text") is not None else message["bytes"]


async def send(websocket: WebSocket, data: "str | bytes") -> None:
    await (websocket.send_text(data) if isinstance(data, str) else websocket.send_bytes(data))


@app.websocket("/echo")
async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await send(websocket, await receive(websocket))
    except WebSocketDisconnect:
        pass


@app.websocket("/room/{name}")
async def talk(websocket: WebSocket, name: str) -> None:
    await websocket.accept()
    members = rooms[name]
    members.add(websocket)
    try:
        while True:
            data = await receive(websocket)
            for member in list(members):
                await send(member, data)
    except WebSocketDisconnect:
        pass
    finally:
        members.discard(websocket)


if __name__ == "__main__":
    uvicorn.run(
        app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", ws_per_message_deflate=False,
        ws_ping_interval=None,
    )  # fmt: skip
