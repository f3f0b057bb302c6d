"""cluster_node.py KEY=VALUE …: a server of a cluster, users and rooms in the path. It prints its port."""

import asyncio
import sys

from conftest import hearth

SETTINGS = {
    "node_lease": "1s",
    "broker_probe": "300ms",
    "max_broker_reconnect": "200ms",
    "broker_linger": "200ms",
}


def make(**configuration):
    server = hearth.Server("127.0.0.1:0", **{**SETTINGS, **configuration})
    server.route("/as/{user}/{room}", join="auto", relay="others")

    @server.on_connect
    def name(connection):
        return connection.captures["user"]

    return server


async def main(*settings):
    async with make(**dict(setting.split("=", 1) for setting in settings)) as server:
        print(server.port, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
