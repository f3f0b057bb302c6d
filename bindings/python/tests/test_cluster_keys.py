"""What Redis may lose or refuse while processes use it: they tell it again, say what is wrong, and heal."""

import asyncio
import contextlib
import shutil
import socket

import cluster_tools
import pytest
from cluster_tools import is_well, node, nodes, redis, until_heard  # noqa: F401
from conftest import until
from redis_server import Redis

pytestmark = pytest.mark.skipif(not shutil.which("redis-server"), reason="there is no redis-server here")

SECRET, LEASES, PLACES = "ws:{ws:}secret", "ws:{ws:}leases", "ws:{ws:}l:ann"
LEASE_SECONDS = 1


def cluster_of(server):
    return server.stats()["cluster"]


@contextlib.asynccontextmanager
async def member(server, user, room="r"):
    """It need not have read all when it goes."""
    async with cluster_tools.member(server, user, room) as peer:
        try:
            yield peer
        finally:
            peer.socket.transport.abort()


def places(redis):
    """How many processes have places of ann under a lease that runs."""
    seconds, microseconds = redis.call("time").split()
    now = int(seconds) * 1000 + int(microseconds) // 1000
    leases = set(redis.call("zrangebyscore", LEASES, f"({now}", "+inf").split())
    return len(leases & set(redis.call("hkeys", PLACES).split()))


@contextlib.asynccontextmanager
async def traffic(server, room="r"):
    """Messages to the room all the time."""

    async def talk():
        for number in range(1_000_000):
            server.room(room).broadcast(str(number))
            await asyncio.sleep(0.005)

    talking = asyncio.create_task(talk())
    yield
    talking.cancel()


async def next_word(peer, word):
    """The peer is told the word, whatever else it hears."""
    while await peer.receive() != word:
        pass


async def all_hear_each_other(*servers):
    """Each server's broadcast reaches a member of every one, within two leases."""
    async with contextlib.AsyncExitStack() as stack:
        peers = []
        for index, server in enumerate(servers):
            peers.append(await stack.enter_async_context(member(server, f"peer{index}", "all")))
        for index, server in enumerate(servers):
            word = f"word of {index}"

            async def repeat(server=server, word=word):
                while True:
                    server.room("all").broadcast(word)
                    await asyncio.sleep(0.02)

            repeating = asyncio.create_task(repeat())
            for peer in peers:
                await asyncio.wait_for(next_word(peer, word), 2 * LEASE_SECONDS + 3)
            repeating.cancel()


@pytest.mark.parametrize("key", [SECRET, LEASES, PLACES])
async def test_a_key_that_is_deleted_under_traffic_is_told_again(redis, key):
    async with nodes(redis, 2, max_connections_per_user="2") as (first, second):
        async with member(first, "ann"), member(second, "ann"), traffic(first):
            await until(lambda: redis.call("hlen", PLACES) == "2")
            secret = redis.call("get", SECRET)
            for _ in range(3):
                redis.call("del", key)
                await until(lambda: redis.call("exists", key) == "1")
            assert redis.call("get", SECRET) == secret
            await until(lambda: places(redis) == 2)
            await refuse_a_third(second)
            assert [cluster_of(server)["rejected"] for server in (first, second)] == [0, 0]
            assert [cluster_of(server)["connected"] for server in (first, second)] == [1, 1]


async def refuse_a_third(server):
    before = cluster_of(server)["places_refused"]
    with contextlib.suppress(Exception):
        async with member(server, "ann") as peer:
            await peer.receive()
    await until(lambda: cluster_of(server)["places_refused"] == before + 1)


async def test_a_process_that_starts_after_flushall_belongs_to_the_cluster(redis):
    async with nodes(redis, 2) as (first, second), member(first, "ann"), traffic(second):
        for _ in range(4):
            redis.call("flushall")
            async with node(redis) as third:
                await all_hear_each_other(first, second, third)
                await until(lambda: all(is_well(server) for server in (first, second, third)))  # noqa: B023
                answer = await third.ask_room("r")
                assert len(answer["nodes"]) == 3
                assert answer["missing"] == [] and answer["reason"] == ""
                assert answer["users"] == ["ann"]


async def test_a_smaller_secret_that_is_put_there_is_taken_by_all(redis):
    # A random one is smaller once in 2 to the 120.
    smallest = "string.rep('\\0', 15) .. '\\1'"
    async with nodes(redis, 2) as (first, second):
        redis.call("eval", f"return redis.call('set', KEYS[1], {smallest})", "1", SECRET)
        async with node(redis) as third:
            await all_hear_each_other(first, second, third)
            await until(lambda: all(is_well(server) for server in (first, second, third)))
        is_kept = f"return redis.call('get', KEYS[1]) == {smallest} and 1 or 0"
        assert redis.call("eval", is_kept, "1", SECRET) == "1"


async def test_a_rolling_restart_after_flushall_parts_nobody(redis):
    async with contextlib.AsyncExitStack() as stack:
        servers = []
        for _ in range(3):
            started = contextlib.AsyncExitStack()
            servers.append((started, await started.enter_async_context(node(redis))))
            stack.push_async_callback(started.aclose)
        await until(lambda: all(is_well(server) for _, server in servers))
        redis.call("flushall")
        for index in range(3):
            await servers[index][0].aclose()
            started = contextlib.AsyncExitStack()
            servers[index] = (started, await started.enter_async_context(node(redis)))
            stack.push_async_callback(started.aclose)
            await all_hear_each_other(*(server for _, server in servers))
        await until(lambda: all(is_well(server) for _, server in servers))


async def test_a_secret_that_redis_evicts_is_told_again(redis):
    async with nodes(redis, 2) as (first, second):
        secret = redis.call("get", SECRET)
        used = int(redis.call("info", "memory").split("used_memory:")[1].split()[0])
        redis.call("config", "set", "maxmemory-policy", "allkeys-lru")
        redis.call("config", "set", "maxmemory", str(used + (2 << 20)))
        value = "x" * 1000
        lines = "".join(f"SET junk{number} {value}\r\n" for number in range(4000)) + f"EXISTS {SECRET}\r\n"

        def fill():
            with socket.create_connection(("127.0.0.1", redis.port), 10) as peer:
                peer.sendall(lines.encode())
                answers = b""
                while answers.count(b"\n") < 4001:
                    answers += peer.recv(1 << 16)
                return answers.endswith(b":0\r\n")

        for _ in range(100):
            if await asyncio.to_thread(fill):
                break
        else:
            raise AssertionError("the secret is not evicted")
        await until(lambda: redis.call("get", SECRET) == secret)
        redis.call("config", "set", "maxmemory", "0")
        async with node(redis) as third:
            await all_hear_each_other(first, second, third)


async def test_a_master_that_becomes_a_replica_is_left_for_the_next_one(redis):
    other = Redis()
    try:
        url = f"redis://127.0.0.1:{redis.port},127.0.0.1:{other.port}"
        async with nodes(redis, 2, redis_url=url) as (first, second):
            await all_hear_each_other(first, second)
            redis.call("replicaof", "127.0.0.1", str(other.port))
            for server in (first, second):
                await until(lambda: cluster_of(server)["connected"] == 2)  # noqa: B023
            await until(lambda: is_well(first) and is_well(second))
            await all_hear_each_other(first, second)
            assert other.call("exists", SECRET) == "1"
    finally:
        other.close()


async def test_a_replica_without_a_master_is_told_until_it_is_one_again(redis):
    async with nodes(redis, 2) as (first, second):
        redis.call("replicaof", "127.0.0.1", "1")
        for server in (first, second):
            await until(lambda: "replica" in cluster_of(server)["reason"])  # noqa: B023
        redis.call("replicaof", "no", "one")
        await until(lambda: is_well(first) and is_well(second))
        await all_hear_each_other(first, second)


GRANTED = "on >pw ~ws:* resetchannels &ws:* +@all"


@pytest.mark.parametrize(
    "rules, missing",
    [
        ("-set", "+set"),
        ("-get", "+get"),
        ("-publish", "+publish"),
        ("-subscribe", "+subscribe"),
        ("-evalsha", "+evalsha"),
        ("-zadd", "a command of the script"),
        ("resetkeys ~other:*", "~ws:*"),
        ("resetchannels &other:*", "&ws:*"),
        ("resetchannels &ws:{ws:}*", "&ws:*"),
    ],
)
async def test_a_permission_that_is_missing_is_named_all_the_time(redis, rules, missing):
    redis.call("acl", "setuser", "hearth", *GRANTED.split(), *rules.split())
    url = f"redis://hearth:pw@127.0.0.1:{redis.port}"
    async with node(redis, redis_url=url, max_connections_per_user="2") as server:
        async with member(server, "ann"):
            server.room("r").broadcast("x")
            await until(lambda: "lacks a permission" in cluster_of(server)["reason"])
            assert missing in cluster_of(server)["error"]
            assert "password" not in cluster_of(server)["reason"]
            # It does not look well in between.
            for _ in range(150):
                server.room("r").broadcast("x")
                assert not is_well(server)
                await asyncio.sleep(0.01)
            redis.call("acl", "setuser", "hearth", "reset", *GRANTED.split())
            await until(lambda: is_well(server))
            await until_heard(redis, "ws:r:r")


async def test_a_permission_that_is_taken_away_is_named(redis):
    redis.call("acl", "setuser", "hearth", *GRANTED.split())
    url = f"redis://hearth:pw@127.0.0.1:{redis.port}"
    async with nodes(redis, 1, redis_url=url) as (server,):
        redis.call("acl", "setuser", "hearth", "-publish")
        await until(lambda: "+publish" in cluster_of(server)["error"])
        assert "lacks a permission" in cluster_of(server)["reason"]


async def test_scripts_that_redis_forgets_are_sent_again_on_the_same_connection(redis):
    async with nodes(redis, 2, max_connections_per_user="2") as (first, second):
        for _ in range(3):
            redis.call("script", "flush")
            async with member(first, "ann"), member(second, "ann"):
                await until(lambda: redis.call("hlen", PLACES) == "2")
                await refuse_a_third(first)
            await until(lambda: redis.call("exists", PLACES) == "0")
        assert [cluster_of(server)["connected"] for server in (first, second)] == [1, 1]
        assert is_well(first) and is_well(second)


async def test_what_a_stranger_publishes_is_passed_over_however_large(redis):
    async with nodes(redis, 2) as (first, second):
        async with member(second, "ann") as ann:
            await until_heard(redis, "ws:r:r", 1)
            payload = b"x" * 2_500_000
            for channel in (b"ws:r:r", b"ws:{ws:}a:", b"ws:{ws:}b:"):
                for number in range(50):
                    first.room("r").broadcast(f"before {number}")
                reader, writer = await asyncio.open_connection("127.0.0.1", redis.port)
                head = b"*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%s\r\n$%d\r\n" % (len(channel), channel, len(payload))
                writer.write(head + payload + b"\r\n")
                assert (await reader.readline()).startswith(b":")
                writer.close()
                for number in range(50):
                    first.room("r").broadcast(f"behind {number}")
                for number in range(50):
                    assert await ann.receive() == f"before {number}"
                for number in range(50):
                    assert await ann.receive() == f"behind {number}"
        for server in (first, second):
            assert cluster_of(server)["connected"] == 1
            assert cluster_of(server)["missed"] == 0
        assert cluster_of(second)["rejected"] >= 1
        assert is_well(second)


async def test_two_databases_with_one_prefix_are_apart_and_well(redis):
    async with nodes(redis, 1) as (first,), nodes(redis, 1, redis_url=redis.url[:-1] + "1") as (second,):
        await until(lambda: cluster_of(first)["rejected"] > 3 and cluster_of(second)["rejected"] > 3)
        assert is_well(first) and is_well(second)


# ------------------------------------------------------------------------------------------- ready


async def test_what_is_published_before_redis_is_reached_arrives_in_order(redis):
    async with nodes(redis, 1) as (first,), member(first, "ann") as ann:
        await until_heard(redis, "ws:r:r", 1)
        for _ in range(5):
            async with node(redis) as second:
                for number in range(20):
                    second.room("r").broadcast(str(number))
                for number in range(20):
                    assert await ann.receive() == str(number)
                await second.ready()
                assert is_well(second)
                assert cluster_of(second)["not_forwarded"] == 0


async def test_ready_waits_until_redis_is_there(redis):
    redis.kill()
    async with node(redis, node_lease="30s") as server:
        waiting = asyncio.ensure_future(server.ready())
        await until(lambda: "reached" in cluster_of(server)["reason"])
        assert not waiting.done()
        redis.start()
        await waiting
        assert is_well(server)


async def test_ready_fails_when_the_server_stops(redis):
    redis.kill()
    async with node(redis) as server:
        waiting = asyncio.ensure_future(server.ready())
        await asyncio.sleep(0.05)
    with pytest.raises(Exception, match="stopped"):
        await waiting


async def test_without_redis_a_server_is_ready_at_once():
    import hearth

    async with hearth.Server("127.0.0.1:0") as server:
        await server.ready()


async def test_no_more_waits_than_may(redis):
    redis.kill()
    async with node(redis, node_lease="30s", max_broker_pending="1KiB") as server:
        for _ in range(20):
            server.room("r").broadcast("x" * 100)
        # Each counts 128 bytes besides its name and text.
        await until(lambda: cluster_of(server)["not_forwarded"] == 16)
        redis.start()
        await server.ready()
        await until(lambda: cluster_of(server)["published"] == 4)


async def test_what_has_waited_for_a_lease_is_lost_and_counted(redis):
    redis.kill()
    async with node(redis) as server:
        for _ in range(20):
            server.room("r").broadcast("x")
        assert cluster_of(server)["not_forwarded"] == 0
        await until(lambda: cluster_of(server)["not_forwarded"] == 20)
