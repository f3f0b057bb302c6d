"""Servers of several processes that are one, through a real Redis."""

import asyncio
import contextlib
import shutil
import subprocess

import pytest
from cluster_tools import (  # noqa: F401
    allow_documented_user,
    is_well,
    loops,
    member,
    new_host,
    node,
    nodes,
    redis,
    until_heard,
)
from conftest import ROOT, until
from redis_server import WAIT_SECONDS, Redis, free_port, generation, has_tls

import hearth

pytestmark = pytest.mark.skipif(not shutil.which("redis-server"), reason="there is no redis-server here")


async def collect(websocket, count):
    received = []
    while len(received) < count:
        received.append(await asyncio.wait_for(websocket.recv(), WAIT_SECONDS))
    return received


@pytest.mark.usefixtures("loops")
async def test_three_languages_in_one_room_get_each_message_once_and_in_order(redis, new_host):
    hosts = [new_host(language) for language in ("c", "python", "node")]
    for host in hosts:
        await host.wait_until_well()
    count = 10_000
    async with contextlib.AsyncExitStack() as stack:
        members = [await stack.enter_async_context(host.connect("/room/r")) for host in hosts]
        await until_heard(redis, "ws:r:r", 3)
        before = redis.statistics("publish")

        async def publish(index):
            for number in range(count):
                await members[index].send(f"{index} {number}")

        readers = [asyncio.create_task(collect(websocket, 3 * count)) for websocket in members]
        await asyncio.gather(*[publish(index) for index in range(3)])
        for received in await asyncio.gather(*readers):
            for index in range(3):
                own = [int(text.split()[1]) for text in received if text.startswith(f"{index} ")]
                assert own == list(range(count))
        # One command for each message; what else was published are heartbeats and probes.
        published = redis.statistics("publish") - before
        assert 3 * count <= published < 3 * count + 2000
        for websocket in members:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(websocket.recv(), 0.2)


@pytest.mark.usefixtures("loops")
async def test_a_broadcast_leaves_out_a_user_in_other_processes_too(redis):
    async with nodes(redis) as (first, second):
        async with member(first, "ann") as ann, member(second, "ben") as ben, member(second, "ann") as other:
            await until_heard(redis, "ws:r:r", 2)
            first.room("r").broadcast("not for ann", except_="ann")
            first.room("r").broadcast("for all")
            assert await ben.receive() == "not for ann"
            assert await ben.receive() == "for all"
            assert await ann.receive() == "for all"
            assert await other.receive() == "for all"


@pytest.mark.usefixtures("loops")
async def test_a_message_to_a_user_reaches_every_process_that_has_it(redis):
    async with nodes(redis, 3) as (first, second, third):
        async with member(second, "ann") as here, member(third, "ann", "other") as there:
            await until_heard(redis, "ws:u:ann", 2)
            first.send_to_user("ann", b"hello")
            assert await here.receive() == b"hello"
            assert await there.receive() == b"hello"
            assert redis.call("pubsub", "numsub", "ws:u:ben").split()[-1] == "0"


@pytest.mark.usefixtures("loops")
async def test_a_broadcast_to_all_and_a_kick_reach_other_processes(redis):
    async with nodes(redis) as (first, second):
        async with member(second, "ann") as ann, member(second, "ben") as ben:
            await until_heard(redis, "ws:u:ann", 1)
            first.broadcast("to all")
            assert await ann.receive() == "to all"
            assert await ben.receive() == "to all"
            first.kick("ann", reason="enough")
            assert await ann.closing() == (4505, "enough")
            await until(lambda: second.users == ["ben"])


@pytest.mark.usefixtures("loops")
async def test_channels_are_listened_to_while_somebody_is_there(redis):
    async with nodes(redis, 1) as (server,):
        async with member(server, "ann"):
            await until_heard(redis, "ws:r:r", 1)
        await until_heard(redis, "ws:r:r", 0)
        await until_heard(redis, "ws:u:ann", 0)
        async with member(server, "ann"):
            await until_heard(redis, "ws:r:r", 1)


@pytest.mark.usefixtures("loops")
async def test_a_process_tells_how_many_it_has(redis):
    async with nodes(redis) as (first, second):
        async with member(second, "ann"), member(second, "ben"):
            await until(lambda: first.stats()["cluster"]["connections"] == 2)
            cluster = first.stats()["cluster"]
            assert cluster["scope"] == "cluster"
            assert cluster["users_by_node"] == 2
            assert len(cluster["nodes"]) == 2


async def test_what_no_process_of_the_cluster_sent_is_refused_and_counted(redis):
    async with nodes(redis) as (first, second):
        async with member(first, "ann") as ann, member(second, "ben"):
            await until_heard(redis, "ws:r:r", 2)
            seen = subprocess.Popen(
                ["redis-cli", "-p", str(redis.port), "--raw", "subscribe", "ws:r:r"],
                stdout=subprocess.PIPE,
            )
            try:
                await until_heard(redis, "ws:r:r", 3)
                second.room("r").broadcast("true")
                assert await ann.receive() == "true"
            finally:
                seen.kill()
            for payload in ("", "HN", "hello", "HN\1\1" + "x" * 100, "x" * 100_000):
                redis.call("publish", "ws:r:r", payload)
            await until(lambda: first.stats()["cluster"]["rejected"] >= 5)
            second.room("r").broadcast("still true")
            assert await ann.receive() == "still true"


async def test_a_message_that_is_heard_again_is_delivered_once(redis):
    """Somebody who can publish repeats what a process has sent, byte by byte."""
    async with nodes(redis) as (first, second):
        async with member(first, "ann") as ann, member(second, "ben"):
            await until_heard(redis, "ws:r:r", 2)
            reader, writer = await asyncio.open_connection("127.0.0.1", redis.port)
            writer.write(b"SUBSCRIBE ws:r:r\r\n")
            await until_heard(redis, "ws:r:r", 3)
            second.room("r").broadcast("once")
            assert await ann.receive() == "once"
            heard = await asyncio.wait_for(reader.readuntil(b"once"), WAIT_SECONDS)
            heard += await asyncio.wait_for(reader.readexactly(10), WAIT_SECONDS)
            writer.close()
            payload = heard[heard.index(b"HN\1\1") : -2]
            _, other = await asyncio.open_connection("127.0.0.1", redis.port)
            for channel in (b"ws:r:r", b"ws:r:other"):
                head = b"*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%s\r\n$%d\r\n" % (len(channel), channel, len(payload))
                other.write(head + payload + b"\r\n")
            await until(lambda: first.stats()["cluster"]["duplicates"] == 1)
            other.close()
            second.room("r").broadcast("twice")
            assert await ann.receive() == "twice"


@pytest.mark.usefixtures("loops")
async def test_a_message_costs_redis_one_command_whatever_the_number_of_members(redis):
    # Without a heartbeat or a probe in between.
    async with nodes(redis, 3, node_lease="60s", broker_probe="60s") as (first, second, third):
        async with contextlib.AsyncExitStack() as stack:
            sender = await stack.enter_async_context(member(first, "sender"))
            for server in (first, second, second, third):
                last = await stack.enter_async_context(member(server, "ann"))
            await until_heard(redis, "ws:r:r", 3)
            await until(lambda: len(third.room("r").presence().users) == 2)
            before = redis.calls()
            for number in range(200):
                await sender.send(str(number))
            for number in range(200):
                assert await last.receive() == str(number)
            for number in range(200):
                first.room("r").broadcast(str(number))
                first.send_to_user("ann", str(number))
                first.broadcast(str(number))
            for number in range(200):
                assert [await last.receive() for _ in range(3)] == [str(number)] * 3
            costs = {name: count - before.get(name, 0) for name, count in redis.calls().items()}
            assert {name: count for name, count in costs.items() if count} == {"publish": 800}


async def test_a_message_that_is_too_large_for_others_is_refused(redis):
    async with nodes(redis, 1, max_broker_message="2KiB") as (server,):
        async with member(server, "ann") as ann:
            with pytest.raises(hearth.TooLargeError):
                server.room("r").broadcast("x" * 4000)
            server.room("r").broadcast("x" * 2000)
            assert await ann.receive() == "x" * 2000


@pytest.mark.parametrize("url", ["http://127.0.0.1", "redis://", "redis://h/x", "unix:", "redis://h:0"])
async def test_an_address_that_is_none_is_refused_when_the_server_starts(url):
    with pytest.raises(hearth.HearthError, match="redis_url"):
        await hearth.Server("127.0.0.1:0", redis_url=url).start()


async def reason(server):
    await until(lambda: server.stats()["health"]["reasons"])
    await until(lambda: "connected to" not in server.stats()["health"]["reasons"][0])
    return server.stats()["health"]["reasons"][0]


async def test_a_user_who_may_do_what_is_documented_is_enough(redis):
    allow_documented_user(redis)
    url = redis.url.replace("redis://", "redis://hearth:pw@")
    async with nodes(redis, redis_url=url, max_connections_per_user=2) as (first, second):
        async with member(first, "ann") as ann, member(second, "ben"):
            await until(lambda: redis.call("hlen", "ws:{ws:}l:ann") == "1")
            second.room("r").broadcast("x")
            assert await ann.receive() == "x"
        await until(lambda: redis.call("exists", "ws:{ws:}l:ann") == "0")
        assert is_well(first) and is_well(second)


async def test_a_wrong_password_is_told(redis):
    redis.call("config", "set", "requirepass", "right")
    wrong = f"redis://:wrong@127.0.0.1:{redis.port}"
    async with node(redis, redis_url=wrong) as server:
        assert "password" in await reason(server)
    async with node(redis, redis_url=f"redis://:right@127.0.0.1:{redis.port}") as server:
        await until(lambda: is_well(server))


async def test_a_replica_is_told(redis):
    redis.call("replicaof", "127.0.0.1", "1")
    async with node(redis) as server:
        assert "replica" in await reason(server)
        redis.call("replicaof", "no", "one")
        await until(lambda: is_well(server))


async def test_redis_without_memory_is_told(redis):
    redis.call("config", "set", "maxmemory", "1")
    async with node(redis) as server:
        assert "memory" in await reason(server)
        redis.call("config", "set", "maxmemory", "0")
        await until(lambda: is_well(server))


async def test_a_prefix_of_another_program_is_told(redis):
    redis.call("lpush", "ws:{ws:}secret", "x")
    async with node(redis) as server:
        assert "redis_prefix" in await reason(server)
    redis.call("set", "other:{other:}secret", "short")
    async with node(redis, redis_prefix="other:") as server:
        assert "redis_prefix" in await reason(server)


async def test_a_redis_that_is_too_old_is_told(redis):
    redis.kill()
    redis.start("--rename-command", "HELLO", "")
    async with node(redis) as server:
        assert "older" in await reason(server)


@pytest.mark.skipif(generation() != 6, reason="this Redis is not the one of HEARTH_REDIS_SERVER")
async def test_a_redis_cluster_that_is_too_old_is_told():
    redis = Redis("--cluster-enabled", "yes", port=free_port(55535))
    try:
        async with node(redis, redis_url=f"redis://127.0.0.1:{redis.port}") as server:
            await until(lambda: "older than Redis 7" in server.stats()["cluster"]["reason"])
            assert not is_well(server)
    finally:
        redis.close()


async def test_what_is_no_redis_is_told():
    async def answer(reader, writer):
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    other = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = other.sockets[0].getsockname()[1]

    class Somewhere:
        url = f"redis://127.0.0.1:{port}"

    async with node(Somewhere) as server:
        assert "RESP" in await reason(server)
    other.close()


async def test_prefixes_keep_clusters_apart(redis):
    async with (
        nodes(redis, 1, redis_prefix="a:") as (first,),
        nodes(redis, 1, redis_prefix="b:") as (second,),
    ):
        async with member(first, "ann") as ann, member(second, "ben") as ben:
            await until_heard(redis, "b:r:r", 1)
            first.broadcast("for a")
            second.broadcast("for b")
            assert await ann.receive() == "for a"
            assert await ben.receive() == "for b"


async def test_a_unix_socket_and_a_database_of_redis_will_do(redis):
    path = f"{redis.folder}/redis.sock"
    redis.kill()
    redis.start("--unixsocket", path)
    async with nodes(redis, 1, redis_url=f"unix:{path}?db=3") as (server,):
        assert redis.call("-n", "3", "exists", "ws:{ws:}secret") == "1"
        async with member(server, "ann") as ann:
            server.broadcast("here")
            assert await ann.receive() == "here"


@pytest.mark.skipif(not has_tls(), reason="this Redis was built without TLS")
async def test_redis_is_spoken_to_over_tls(redis, tmp_path):
    subprocess.run(["bash", ROOT / "Tests/tls/make_certificates.sh", tmp_path], check=True)
    port = free_port()
    redis.kill()
    both = f"{tmp_path}/both.pem"
    options = ["--tls-port", str(port), "--tls-cert-file", both, "--tls-key-file", both]
    redis.start(*options, "--tls-auth-clients", "no")
    url = f"rediss://localhost:{port}"
    async with nodes(redis, 2, redis_url=url, redis_ca_file=f"{tmp_path}/ca.pem") as (first, second):
        async with member(first, "ann") as ann, member(second, "ben"):
            await until_heard(redis, "ws:r:r", 2)
            for size in (1, 20_000, 500_000):
                second.room("r").broadcast("x" * size)
                assert await ann.receive() == "x" * size
    async with node(redis, redis_url=url) as server:
        assert "trusted" in await reason(server)
