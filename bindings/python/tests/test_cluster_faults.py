"""What goes wrong between processes and Redis, with every message counted."""

import asyncio
import contextlib
import shutil
import signal

import pytest
from cluster_tools import loops, new_host, redis, until_heard  # noqa: F401
from conftest import until
from redis_server import WAIT_SECONDS

pytestmark = [
    pytest.mark.skipif(not shutil.which("redis-server"), reason="there is no redis-server here"),
    pytest.mark.usefixtures("loops"),
]


class Stream:
    """Numbered messages from a member of one host to a member of another, all counted."""

    def __init__(self, sender, receiver):
        self.sender = sender
        self.receiver = receiver
        self.sent = 0
        self.received = []

    async def send(self, count):
        for _ in range(count):
            await self.sender.send(str(self.sent))
            self.sent += 1

    async def read(self):
        with contextlib.suppress(Exception):
            while True:
                self.received.append(int(await self.receiver.recv()))

    async def until_received(self, number):
        await until(lambda: self.received and self.received[-1] >= number)


@contextlib.asynccontextmanager
async def stream(redis, new_host):
    first, second = new_host(), new_host()
    await first.wait_until_well()
    await second.wait_until_well()
    async with first.connect("/room/r") as sender, second.connect("/room/r") as receiver:
        await until_heard(redis, "ws:r:r", 2)
        numbers = Stream(sender, receiver)
        reading = asyncio.create_task(numbers.read())
        await numbers.send(100)
        await numbers.until_received(99)
        yield first, second, numbers
        reading.cancel()


async def all_is_accounted_for(second, numbers):
    """In order, none twice, and what did not arrive is counted as missed by the one that listened."""
    await numbers.send(1)
    await numbers.until_received(numbers.sent - 1)
    assert numbers.received == sorted(set(numbers.received))
    lost = numbers.sent - len(numbers.received)
    missed = await second.metric("broker_missed_total")
    assert lost <= missed
    return lost


async def test_redis_is_killed_and_comes_back(redis, new_host):
    async with stream(redis, new_host) as (first, second, numbers):
        redis.kill()
        await until(lambda: first.get("/health")[0] == 503)
        await numbers.send(50)
        await first.wait_for_metric("broker_not_forwarded_total", 50)
        redis.start()
        await first.wait_until_well()
        await second.wait_until_well()
        await until_heard(redis, "ws:r:r", 2)
        await numbers.send(50)
        assert await all_is_accounted_for(second, numbers) == 50


async def test_the_connections_to_redis_are_killed_again_and_again(redis, new_host):
    async with stream(redis, new_host) as (first, second, numbers):
        for _ in range(5):
            sending = asyncio.create_task(numbers.send(200))
            await asyncio.to_thread(redis.call, "client", "kill", "type", "pubsub")
            await asyncio.to_thread(redis.call, "client", "kill", "type", "normal")
            await sending
            await first.wait_until_well()
            await second.wait_until_well()
            await until_heard(redis, "ws:r:r", 2)
        await all_is_accounted_for(second, numbers)
        assert await first.metric("broker_connects_total") >= 2


async def test_redis_stands_still_for_a_while(redis, new_host):
    async with stream(redis, new_host) as (first, second, numbers):
        redis.signal(signal.SIGSTOP)
        await numbers.send(50)
        # The members in the process itself go on.
        async with first.connect("/room/r") as other:
            await numbers.send(1)
            # With two loops it may have joined before the last of the fifty were read.
            heard = [int(await asyncio.wait_for(other.recv(), WAIT_SECONDS))]
            while heard[-1] < 150:
                heard.append(int(await asyncio.wait_for(other.recv(), WAIT_SECONDS)))
            assert heard == list(range(heard[0], 151))
        await until(lambda: first.get("/health")[0] == 503)
        assert "degraded" in first.get("/health")[1]
        redis.signal(signal.SIGCONT)
        await first.wait_until_well()
        await second.wait_until_well()
        await until_heard(redis, "ws:r:r", 2)
        await all_is_accounted_for(second, numbers)


async def test_a_process_is_killed_and_another_takes_its_place(redis, new_host):
    async with stream(redis, new_host) as (first, second, numbers):
        third = new_host()
        await third.wait_until_well()
        assert await first.metric("cluster_nodes") == 3
        third.process.kill()
        await first.wait_for_metric("cluster_nodes", 2)
        assert await first.metric("cluster_nodes_lost_total") == 1
        fourth = new_host()
        await first.wait_for_metric("cluster_nodes", 3)
        fourth.process.terminate()
        await first.wait_for_metric("cluster_nodes", 2)
        # It said farewell.
        assert await first.metric("cluster_nodes_lost_total") == 1
        await numbers.send(100)
        assert await all_is_accounted_for(second, numbers) == 0


async def test_a_process_stands_still_for_longer_than_its_lease(redis, new_host):
    async with stream(redis, new_host) as (first, second, numbers):
        second.process.send_signal(signal.SIGSTOP)
        await first.wait_for_metric("cluster_nodes", 1)
        await numbers.send(100)
        second.process.send_signal(signal.SIGCONT)
        await first.wait_for_metric("cluster_nodes", 2)
        await second.wait_for_metric("cluster_nodes", 2)
        await second.wait_until_well()
        await numbers.send(100)
        await all_is_accounted_for(second, numbers)
