"""host.py PORT [key=value ...]: an echo at /echo and rooms at /room/NAME, on 127.0.0.1.

The values are configuration keys of the library. SIGTERM or SIGINT ends it.
"""

import sys

import hearth


def main(port, *settings):
    configuration = dict(setting.split("=", 1) for setting in settings)
    server = hearth.Server(f"127.0.0.1:{port}", **configuration)
    server.route("/echo")
    server.route("/room/{room}", join="auto", relay="all")

    @server.on_message
    def echo(connection, message):
        connection.send(message)

    server.run()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
