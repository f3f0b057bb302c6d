"""socketio_room.py REDIS_URL PORT: rooms over python-socketio with its Redis manager. What a member says
goes to all members of its room, in every process."""

import sys

import socketio
import uvicorn

url, port = sys.argv[1:]
# Its own pings would stand among the bytes that are counted.
server = socketio.AsyncServer(
    async_mode="asgi",
    client_manager=socketio.AsyncRedisManager(url),
    cors_allowed_origins="*",
    ping_interval=3600,
)


@server.event
async def connect(member, environment, auth):
    await server.enter_room(member, auth["room"])
    await server.save_session(member, auth["room"])


@server.event
async def say(member, text):
    await server.emit("say", text, room=await server.get_session(member))


uvicorn.run(socketio.ASGIApp(server), port=int(port), log_level="error", lifespan="off")
