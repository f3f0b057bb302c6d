"""Our Python package with handlers for everything: on_connect is asked, each connection has a coroutine, and
rooms are relayed by it.

handlers_room.py PORT [key=value ...]
"""

import pathlib
import sys

import uvloop

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bindings" / "python"))

import hearth  # noqa: E402

settings = dict(setting.split("=", 1) for setting in sys.argv[2:])
server = hearth.Server(f"127.0.0.1:{sys.argv[1]}", **settings)


@server.on_connect
def who(connection):
    return True


@server.route("/echo")
async def echo(connection):
    async for message in connection:
        connection.send(message)


@server.route("/room/{room}", join="auto")
async def talk(connection):
    room = server.room(connection.captures["room"])
    async for message in connection:
        room.broadcast(message)


uvloop.run(server.serve())
