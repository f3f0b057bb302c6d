"""Presence, places of users and questions over processes, through a real Redis."""

import asyncio
import contextlib
import shutil
import signal

import cluster_node
import pytest
from cluster_tools import is_well, loops, member, node, nodes, redis, start_process  # noqa: F401
from conftest import Peer, until
from websockets.asyncio.client import connect

import hearth

pytestmark = [
    pytest.mark.skipif(not shutil.which("redis-server"), reason="there is no redis-server here"),
    pytest.mark.usefixtures("loops"),
]


def watch(server):
    """What the host is told of users in rooms."""
    told = []

    @server.on_user_joined
    def joined(room, user):
        told.append(f"+{user}")

    @server.on_user_left
    def left(room, user):
        told.append(f"-{user}")

    return told


def present(server, room="r"):
    return sorted(server.room(room).presence().users)


async def test_presence_spans_processes_and_is_told_once(redis):
    first, second = node(redis), node(redis)
    told = watch(first)
    async with first, second:
        await until(lambda: is_well(first) and is_well(second))
        async with member(second, "ben"):
            async with member(first, "ann"):
                await until(lambda: present(first) == ["ann", "ben"])
                await until(lambda: present(second) == ["ann", "ben"])
                async with member(second, "ann"), member(second, "cid"):
                    await until(lambda: present(first) == ["ann", "ben", "cid"])
                    assert first.room("r").presence().users["cid"].connections == ()
                await until(lambda: present(first) == ["ann", "ben"])
                assert told == ["+ann", "+ben", "+cid", "-cid"]
            await until(lambda: present(second) == ["ben"])


async def test_data_of_a_user_is_shown_in_other_processes(redis):
    async with nodes(redis) as (first, second):
        async with member(first, "ann"), member(second, "ben"):
            await until(lambda: present(first) == ["ann", "ben"])
            second.set_presence("ben", b"away")
            await until(lambda: first.room("r").presence().users["ben"].data == b"away")


async def test_who_moves_to_another_process_within_the_grace_was_never_away(redis):
    first, second = node(redis, presence_grace="2s"), node(redis, presence_grace="2s")
    told = watch(first)
    async with first, second:
        await until(lambda: is_well(first) and is_well(second))
        async with member(first, "own"):
            async with member(second, "ann") as ann:
                await until(lambda: present(first) == ["ann", "own"])
                ann.socket.transport.abort()
            async with member(first, "ann"):
                await asyncio.sleep(3)
                assert told == ["+own", "+ann"]


async def test_users_of_a_process_that_died_leave_once_when_its_lease_ends(redis):
    first = node(redis)
    told = watch(first)
    async with first:
        process, port = await start_process(f"redis_url={redis.url}")
        async with contextlib.AsyncExitStack() as stack:
            for user in ("ann", "ben", "ben"):
                address = f"ws://127.0.0.1:{port}/as/{user}/r"
                await stack.enter_async_context(connect(address, proxy=None))
            async with member(first, "own"):
                await until(lambda: present(first) == ["ann", "ben", "own"])
                process.kill()
                await until(lambda: present(first) == ["own"])
                await asyncio.sleep(2)
                assert sorted(told) == ["+ann", "+ben", "+own", "-ann", "-ben"]
        await process.wait()


async def test_users_of_a_process_that_was_cut_off_are_back_when_it_is(redis):
    first = node(redis)
    told = watch(first)
    async with first:
        process, port = await start_process(f"redis_url={redis.url}")
        async with (
            connect(f"ws://127.0.0.1:{port}/as/ann/r", proxy=None),
            connect(f"ws://127.0.0.1:{port}/as/ben/r", proxy=None) as ben,
            member(first, "own"),
        ):
            await until(lambda: present(first) == ["ann", "ben", "own"])
            process.send_signal(signal.SIGSTOP)
            await until(lambda: present(first) == ["own"])
            ben.transport.abort()
            process.send_signal(signal.SIGCONT)
            await until(lambda: present(first) == ["ann", "own"])
            await asyncio.sleep(2)
            assert present(first) == ["ann", "own"]
            assert told.count("-ann") == 1 and told.count("+ann") == 2
        process.terminate()
        await process.wait()


async def closing_code(server, user):
    async with connect(f"ws://127.0.0.1:{server.port}/as/{user}/r", proxy=None) as websocket:
        return (await Peer(websocket).closing())[0]


async def test_places_of_a_user_are_counted_over_processes(redis):
    async with nodes(redis, 3, max_connections_per_user=2) as (first, second, third):
        async with member(first, "ann"):
            async with member(second, "ann"):
                await until(lambda: redis.call("hlen", "ws:{ws:}l:ann") == "2")
                assert await closing_code(third, "ann") == 4503
                assert third.stats()["cluster"]["places_refused"] == 1
            await until(lambda: redis.call("hlen", "ws:{ws:}l:ann") == "1")
            async with member(third, "ann"), member(third, "ben"):
                await until(lambda: redis.call("hlen", "ws:{ws:}l:ann") == "2")
                assert await closing_code(second, "ann") == 4503
        await until(lambda: redis.call("exists", "ws:{ws:}l:ann") == "0")


async def test_a_hundred_connections_at_once_get_as_many_places_as_there_are(redis):
    async with nodes(redis, 3, max_connections_per_user=10) as servers:
        async with contextlib.AsyncExitStack() as stack:
            addresses = [f"ws://127.0.0.1:{servers[index % 3].port}/as/ann/r" for index in range(60)]
            peers = await asyncio.gather(
                *[stack.enter_async_context(connect(address, proxy=None)) for address in addresses],
                return_exceptions=True,
            )
            await asyncio.sleep(1)
            await until(lambda: sum(server.stats()["connections"]["open"] for server in servers) == 10)
            assert len(peers) == 60


async def test_places_of_a_process_that_died_are_free_when_its_lease_ends(redis):
    async with nodes(redis, 1, max_connections_per_user=1) as (first,):
        process, port = await start_process(f"redis_url={redis.url}", "max_connections_per_user=1")
        async with connect(f"ws://127.0.0.1:{port}/as/ann/r", proxy=None):
            await until(lambda: redis.call("hlen", "ws:{ws:}l:ann") == "1")
            process.kill()
            assert await closing_code(first, "ann") == 4503
        await asyncio.sleep(1.5)
        async with member(first, "ann") as ann:
            await asyncio.sleep(0.3)
            await ann.socket.ping()
        await process.wait()


async def test_places_are_counted_again_when_redis_has_lost_them(redis):
    async with nodes(redis, 2, max_connections_per_user=1) as (first, second):
        async with member(first, "ann"):
            await until(lambda: redis.call("hlen", "ws:{ws:}l:ann") == "1")
            redis.kill()
            redis.start()
            await until(lambda: redis.call("hlen", "ws:{ws:}l:ann") == "1")
            await until(lambda: is_well(first) and is_well(second))
            assert await closing_code(second, "ann") == 4503


async def test_a_place_that_was_left_while_redis_was_away_is_free_when_it_is_back(redis):
    async with nodes(redis, 2, max_connections_per_user=1) as (first, second):
        async with member(first, "ann"):
            await until(lambda: redis.call("hlen", "ws:{ws:}l:ann") == "1")
            redis.signal(signal.SIGSTOP)
            await until(lambda: not is_well(first))
        await until(lambda: first.connection_count == 0)
        redis.signal(signal.SIGCONT)
        await until(lambda: is_well(first) and is_well(second))
        # What the first had is over with its lease at the latest.
        await asyncio.sleep(2)
        async with member(second, "ann") as ann:
            await asyncio.sleep(0.3)
            await ann.socket.ping()
            assert second.stats()["cluster"]["places_refused"] == 0


async def test_places_of_a_server_that_stopped_are_free_at_once(redis):
    async with nodes(redis, 1, max_connections_per_user=1, node_lease="30s") as (second,):
        async with nodes(redis, 1, max_connections_per_user=1, node_lease="30s") as (first,):
            async with member(first, "ann"):
                await until(lambda: redis.call("hlen", "ws:{ws:}l:ann") == "1")
                await first.stop(grace=0)
        async with member(second, "ann") as ann:
            await asyncio.sleep(0.3)
            await ann.socket.ping()


async def test_questions_are_answered_by_all_processes_and_name_who_is_missing(redis):
    first, second = node(redis, node_id="a", node_lease="5s"), node(redis, node_id="b")
    async with first, second:
        process, port = await start_process(f"redis_url={redis.url}", "node_id=c", "node_lease=5s")
        await until(lambda: len(first.stats()["cluster"]["nodes"]) == 3)
        async with (
            member(second, "ann"),
            member(first, "ben"),
            connect(f"ws://127.0.0.1:{port}/as/ann/other", proxy=None),
            connect(f"ws://127.0.0.1:{port}/as/ann/r", proxy=None),
        ):
            room = await first.ask_room("r")
            assert room["scope"] == "cluster" and room["room"] == "r"
            assert (room["connections"], sorted(room["users"])) == (3, ["ann", "ben"])
            assert (sorted(room["nodes"]), room["missing"]) == (["a", "b", "c"], [])
            user = await first.ask_user("ann")
            assert (user["connections"], sorted(user["rooms"])) == (3, ["other", "r"])
            process.send_signal(signal.SIGSTOP)
            partial = await first.ask_room("r", timeout=2)
            assert (partial["connections"], partial["missing"]) == (2, ["c"])
            redis.kill()
            await until(lambda: not is_well(first))
            alone = await first.ask_room("r")
            assert alone["connections"] == 1 and alone["nodes"] == ["a"] and "c" in alone["missing"]
            process.kill()
            await process.wait()


async def test_a_question_that_is_open_when_its_server_stops_ends():
    async with cluster_node.make(redis_url="redis://127.0.0.1:1") as server:
        question = asyncio.create_task(server.ask_room("r"))
        await asyncio.sleep(0)
        await server.stop()
        try:
            assert (await question)["scope"] == "cluster"
        except hearth.StateError as error:
            assert "stopped" in str(error)


async def test_without_redis_questions_are_answered_by_the_process_itself():
    async with cluster_node.make() as server, member(server, "ann"):
        answer = await server.ask_user("ann")
        assert (answer["scope"], answer["connections"], answer["rooms"]) == ("local", 1, ["r"])
        assert (await server.ask_room("nowhere"))["connections"] == 0
