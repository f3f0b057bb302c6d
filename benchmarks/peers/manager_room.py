"""FastAPI on uvicorn with hearth.asgi's ConnectionManager: echoes on /echo and relays in /room/NAME.

manager_room.py PORT
"""

import pathlib
import sys

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bindings" / "python"))

from hearth.asgi import add_websocket_manager  # noqa: E402

app = FastAPI()
manager = add_websocket_manager(app, max_message_size="2MiB")
numbers = iter(range(1 << 62))


@app.websocket("/echo")
async def echo(websocket: WebSocket) -> None:
    user = str(next(numbers))
    await manager.connect(user, websocket)
    try:
        while True:
            await manager.send_to_user(user, await websocket.receive_text())
    except WebSocketDisconnect:
        pass
    finally:
        await manager.disconnect(user, websocket)


@app.websocket("/room/{name}")
async def talk(websocket: WebSocket, name: str) -> None:
    user = str(next(numbers))
    await manager.connect(user, websocket)
    await manager.join_room(user, name, websocket)
    try:
        while True:
            await manager.broadcast_to_room(name, await websocket.receive_text())
    except WebSocketDisconnect:
        pass
    finally:
        await manager.disconnect(user, websocket)


if __name__ == "__main__":
    uvicorn.run(
        app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", ws_per_message_deflate=False,
        ws_ping_interval=None,
    )  # fmt: skip
