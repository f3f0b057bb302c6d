import sys

import hearth

server = hearth.Server(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:9000", ping_interval=20)


@server.route("/rooms/{room}", join="auto")
async def session(connection):
    async for message in connection:
        server.room(connection.captures["room"]).broadcast(message, except_=connection)


server.run()
