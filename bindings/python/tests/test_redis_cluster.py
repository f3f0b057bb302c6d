"""Several processes over a real Redis Cluster: each room is on one of its servers, which come and go."""

import asyncio
import contextlib

import pytest
from cluster_tools import allow_documented_user, is_well, member, new_host, nodes  # noqa: F401
from conftest import until
from redis_server import WAIT_SECONDS, RedisCluster, generation
from test_cluster_faults import Stream, all_is_accounted_for

pytestmark = pytest.mark.skipif(generation() < 7, reason="there is no redis-server here that has SPUBLISH")


@pytest.fixture
def redis():
    cluster = RedisCluster()
    yield cluster
    cluster.close()


def present(server, room="r"):
    return sorted(server.room(room).presence().users)


async def until_listeners(redis, channel, count):
    async def are_there():
        return sum(await asyncio.to_thread(redis.listeners, channel)) == count

    for _ in range(WAIT_SECONDS * 20):
        if await are_there():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{channel} has other listeners: {redis.listeners(channel)}")


async def test_rooms_on_all_servers_get_each_message_once_and_in_order(redis, new_host):
    hosts = [new_host("c"), new_host("python"), new_host("c")]
    for host in hosts:
        await host.wait_until_well()
    rooms = [redis.room_of(server) for server in redis.servers]
    async with contextlib.AsyncExitStack() as stack:
        members = {}
        for room in rooms:
            for number, host in enumerate(hosts):
                members[room, number] = await stack.enter_async_context(host.connect(f"/room/{room}"))
            await until_listeners(redis, f"ws:r:{room}", len(hosts))
            assert redis.listeners(f"ws:r:{room}")[rooms.index(room)] == len(hosts)

        async def send(room, number):
            for index in range(1000):
                await members[room, number].send(f"{room} {number} {index}")

        async def read(room, number):
            heard = {origin: [] for origin in range(len(hosts))}
            while any(len(numbers) < 1000 for numbers in heard.values()):
                text = await asyncio.wait_for(members[room, number].recv(), WAIT_SECONDS)
                its_room, origin, index = text.split()
                assert its_room == room
                heard[int(origin)].append(int(index))
            return all(numbers == list(range(1000)) for numbers in heard.values())

        results = await asyncio.gather(*(send(*key) for key in members), *(read(*key) for key in members))
        assert all(results[len(members) :])
        for host in hosts:
            for name in ("missed", "unconfirmed", "not_forwarded", "duplicates", "rejected"):
                assert await host.metric(f"broker_{name}_total") == 0
            assert await host.metric("broker_up") == 1


async def test_everything_that_spans_processes_does(redis):
    rooms = [redis.room_of(server) for server in redis.servers]
    async with nodes(redis, max_connections_per_user=2) as (first, second):
        await until(lambda: len(first.stats()["cluster"]["nodes"]) == 2)
        for room in rooms:
            async with member(first, "ann", room) as ann, member(second, "ben", room) as ben:
                await until_listeners(redis, f"ws:r:{room}", 2)
                await until(lambda room=room: present(first, room) == ["ann", "ben"])
                first.room(room).broadcast("to the room")
                assert await ann.receive() == await ben.receive() == "to the room"
                first.broadcast("to all")
                assert await ann.receive() == await ben.receive() == "to all"
                first.send_to_user("ben", "to ben")
                assert await ben.receive() == "to ben"
                answer = await second.ask_room(room)
                assert answer["connections"] == 2 and answer["scope"] == "cluster"
                # The places of a user are counted in the one place for all.
                async with member(second, "ann", room):
                    async with member_refused(first, "ann", room) as code:
                        assert code == 4503
        await until(lambda: first.stats()["cluster"]["rejected"] == 0)
        assert sorted(set(redis_keys(redis))) == ["ws:{ws:}leases", "ws:{ws:}secret"]


def redis_keys(redis):
    found = []
    for server in redis.servers:
        found += server.call("keys", "*").split()
    return [name for name in found if ":l:" not in name and "}l:" not in name]


@contextlib.asynccontextmanager
async def member_refused(server, user, room):
    from websockets.asyncio.client import connect

    async with connect(f"ws://127.0.0.1:{server.port}/as/{user}/{room}", proxy=None) as websocket:
        await asyncio.wait_for(websocket.wait_closed(), WAIT_SECONDS)
        yield websocket.close_code


async def test_a_user_who_may_do_what_is_documented_is_enough(redis):
    allow_documented_user(*redis.servers)
    url = redis.url.replace("redis://", "redis://hearth:pw@")
    async with nodes(redis, redis_url=url, max_connections_per_user=2) as (first, second):
        async with member(first, "ann") as ann, member(second, "ben"):
            await until(lambda: present(first) == ["ann", "ben"])
            second.room("r").broadcast("x")
            assert await ann.receive() == "x"
        await until(lambda: first.stats()["cluster"]["not_forwarded"] == 0 and is_well(first))


@contextlib.asynccontextmanager
async def stream(redis, hosts, room):
    """Messages from a member of the first host to one of the second."""
    async with hosts[0].connect(f"/room/{room}") as sender, hosts[1].connect(f"/room/{room}") as receiver:
        await until_listeners(redis, f"ws:r:{room}", 2)
        numbers = Stream(sender, receiver)
        reading = asyncio.create_task(numbers.read())
        await numbers.send(100)
        await numbers.until_received(99)
        yield numbers
        reading.cancel()


async def two_hosts(new_host):
    hosts = [new_host(), new_host()]
    for host in hosts:
        await host.wait_until_well()
        await host.wait_for_metric("cluster_nodes", 2)
    return hosts


async def test_a_server_that_is_killed_takes_its_rooms_and_no_others(redis, new_host):
    away = next(server for server in redis.servers if server is not redis.owner("ws:{ws:}secret"))
    other = next(server for server in redis.servers if server is not away)
    hosts = await two_hosts(new_host)
    async with (
        stream(redis, hosts, redis.room_of(away)) as lost,
        stream(redis, hosts, redis.room_of(other)) as kept,
    ):
        away.kill()
        await until(lambda: all(host.get("/health")[0] == 503 for host in hosts))
        await kept.send(200)
        await kept.until_received(299)
        await lost.send(50)
        await hosts[0].wait_for_metric("broker_not_forwarded_total", 50)
        away.start()
        for host in hosts:
            await host.wait_until_well()
        await until_listeners(redis, f"ws:r:{redis.room_of(away)}", 2)
        await lost.send(50)
        assert await all_is_accounted_for(hosts[1], lost) == 50
        assert kept.received == list(range(300))


async def test_the_server_that_is_away_is_named(redis):
    async with nodes(redis, 1) as (server,):
        redis.servers[2].kill()
        await until(lambda: not is_well(server))
        assert str(redis.servers[2].port) in server.stats()["cluster"]["error"]
        assert server.stats()["cluster"]["reason"]


async def test_subscriptions_follow_a_slot_that_moves(redis, new_host):
    source, target = redis.servers[0], redis.servers[1]
    room = redis.room_of(source)
    hosts = await two_hosts(new_host)
    async with stream(redis, hosts, room) as numbers:
        for source, target in ((source, target), (target, source)):
            sending = asyncio.create_task(numbers.send(200))
            await asyncio.to_thread(redis.move, f"ws:r:{room}", source, target)
            await sending
            await until_listeners(redis, f"ws:r:{room}", 2)
            assert redis.listeners(f"ws:r:{room}")[redis.servers.index(target)] == 2
            before = len(numbers.received)
            await numbers.send(100)
            await numbers.until_received(numbers.sent - 1)
            assert len(numbers.received) >= before + 100
        await all_is_accounted_for(hosts[1], numbers)
        for host in hosts:
            await host.wait_until_well()


async def test_what_all_processes_share_moves_too(redis):
    home = redis.owner("ws:{ws:}secret")
    target = next(server for server in redis.servers if server is not home)
    room = redis.room_of(next(server for server in redis.servers if server not in (home, target)))
    async with nodes(redis, max_connections_per_user=2) as (first, second):
        async with member(first, "ann", room) as ann, member(second, "ben", room) as ben:
            await until(lambda: present(first, room) == ["ann", "ben"])
            await asyncio.to_thread(redis.move, "ws:{ws:}secret", home, target)
            await until_listeners(redis, "ws:{ws:}a:", 2)
            await until_listeners(redis, "ws:{ws:}b:", 2)
            await until(lambda: is_well(first) and is_well(second))
            first.broadcast("to all")
            assert await ann.receive() == await ben.receive() == "to all"
            async with member(second, "ann", room):
                async with member_refused(first, "ann", room) as code:
                    assert code == 4503
            await until(lambda: present(first, room) == ["ann", "ben"])
            assert first.stats()["cluster"]["nodes_lost"] == 0


async def test_a_replica_takes_the_place_of_its_master(new_host):
    redis = RedisCluster(replicas=1)
    try:
        hosts = [new_host(redis_url=redis.url), new_host(redis_url=redis.url)]
        for host in hosts:
            await host.wait_until_well()
        master, replica = redis.servers[0], redis.servers[3]
        room = redis.room_of(master)
        async with stream(redis, hosts, room) as numbers:
            master.kill()
            await until(lambda: hosts[0].get("/health")[0] == 503)
            await numbers.send(20)
            await hosts[0].wait_for_metric("broker_not_forwarded_total", 20)
            for host in hosts:
                await host.wait_until_well()
            await until_listeners(redis, f"ws:r:{room}", 2)
            assert int(replica.call("pubsub", "shardnumsub", f"ws:r:{room}").split()[-1]) == 2
            await numbers.send(100)
            assert await all_is_accounted_for(hosts[1], numbers) == 20
    finally:
        redis.close()
