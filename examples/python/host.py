"""host.py PORT [--uvloop] [--sessions] [key=value ...]: an echo at /echo, rooms at /room/NAME, on 127.0.0.1.

The values are configuration keys of the library; driven=no gives it a thread of its own. --sessions echoes in
a coroutine per connection instead of one function for all. SIGTERM or SIGINT ends it.
"""

import asyncio
import sys

import hearth


def main(port, *arguments):
    configuration = dict(setting.split("=", 1) for setting in arguments if "=" in setting)
    driven = {"yes": True, "no": False}.get(configuration.pop("driven", ""))
    server = hearth.Server(f"127.0.0.1:{port}", driven=driven, **configuration)
    server.route("/room/{room}", join="auto", relay="all")

    if "--sessions" in arguments:

        @server.route("/echo")
        async def session(connection):
            async for message in connection:
                connection.send(message)

    else:
        server.route("/echo")

        @server.on_message
        def echo(connection, message):
            connection.send(message)

    if "--uvloop" in arguments:
        import uvloop

        uvloop.run(server.serve())
    else:
        asyncio.run(server.serve())


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
