"""What stays in one process of a cluster: broadcasts with local=True, and where presence changes happened."""

import asyncio
import shutil

import pytest
from cluster_tools import is_well, loops, member, nodes, redis, until_heard  # noqa: F401
from conftest import until
from fastapi import FastAPI, WebSocket
from test_asgi import joined, serving

from hearth.asgi import add_websocket_manager

pytestmark = [
    pytest.mark.skipif(not shutil.which("redis-server"), reason="there is no redis-server here"),
    pytest.mark.usefixtures("loops"),
]


async def test_a_local_broadcast_goes_to_no_other_process(redis):
    async with nodes(redis) as (first, second), member(first, "ann") as ann, member(second, "ben") as ben:
        await until_heard(redis, "ws:r:r", 2)
        await until_heard(redis, "ws:u:ben", 1)
        room = first.room("r")
        calls = [
            lambda local: room.broadcast("room", local=local),
            lambda local: room.broadcast_json(["room"], local=local),
            lambda local: room.broadcast_event("x", "room", local=local),
            lambda local: first.broadcast("all", local=local),
            lambda local: first.broadcast_json(["all"], local=local),
            lambda local: first.broadcast_event("x", "all", local=local),
            lambda local: first.send_to_user("ben", "user", local=local),
            lambda local: first.send_json_to_user("ben", ["user"], local=local),
            lambda local: first.send_event_to_user("ben", "x", "user", local=local),
        ]
        for number, call in enumerate(calls):
            here = 1 if number < 6 else 0
            assert call(True) == here
            if here:
                await ann.receive()
        # Room and everybody have an order of their own, and so has each user.
        room.broadcast("last of the room")
        assert await ben.receive() == "last of the room"
        first.broadcast("last of all")
        assert await ben.receive() == "last of all"
        assert first.send_to_user("ben", "last of the user") == 0
        assert await ben.receive() == "last of the user"
        assert room.broadcast("not to ann", "ann", local=True) == 0


async def test_a_join_is_announced_to_each_member_once_whichever_process_it_is_on(redis):
    async with nodes(redis) as (first, second):
        for server in (first, second):
            server._handlers.user_joined = lambda room, user: room.broadcast(f"+{user}", local=True)
        async with member(first, "ann") as ann, member(second, "ben") as ben:
            assert [await ann.receive() for _ in range(2)] == ["+ann", "+ben"]
            # A process that has its first member in a room learns who is in it elsewhere.
            assert sorted([await ben.receive() for _ in range(2)]) == ["+ann", "+ben"]
            await until_heard(redis, "ws:r:r", 2)
            first.room("r").broadcast("end")
            for peer in (ann, ben):
                assert await peer.receive() == "end"


async def test_presence_changes_say_where_they_happened(redis):
    async with nodes(redis) as (first, second):
        told = {first: [], second: []}

        def watcher(server):
            return lambda change: told[server].append((change.kind.value, change.user, change.is_local))

        for server in (first, second):
            server._handlers.presence = watcher(server)
        async with member(first, "ann"):
            async with member(second, "ben"):
                await until(lambda: len(told[first]) == 2 and len(told[second]) >= 1)
                first.set_presence("ann", "busy")
                await until(lambda: ("updated", "ann", False) in told[second])
            await until(lambda: ("left", "ben", False) in told[first])
        assert told[first][:2] == [("joined", "ann", True), ("joined", "ben", False)]
        assert ("updated", "ann", True) in told[first]
        assert ("left", "ben", True) in told[second]
        assert await asyncio.wait_for(first.ask_user("ben"), 20)


async def test_the_heartbeat_of_a_manager_goes_to_its_own_process(redis):
    """Each process sends its own; one for all would reach everybody once from each process."""

    def application(**options):
        app = FastAPI()
        manager = add_websocket_manager(app, redis_url=redis.url, **options)

        @app.websocket("/{user}")
        async def endpoint(websocket: WebSocket, user: str):
            await manager.connect(user, websocket)
            async for _ in websocket.iter_text():
                pass

        return app, manager

    first, sender = application(heartbeat="beat", ping_interval=0.05, ping_timeout=60)
    second, receiver = application()
    async with serving(first) as port, serving(second) as other, joined(other, "/ben") as ben:
        await until(lambda: is_well(sender.server) and is_well(receiver.server))
        async with joined(port, "/ann") as ann:
            for _ in range(3):
                assert await ann.receive() == "beat"
            await sender.broadcast("end")
            assert await ben.receive() == "end"
