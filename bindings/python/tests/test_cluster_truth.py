"""After each fault all processes know what is truly connected, and what was lost is counted."""

import asyncio
import contextlib
import shutil
import signal
from collections import Counter

import pytest
from cluster_tools import is_well, loops, member, node, redis, until_heard  # noqa: F401
from conftest import until

pytestmark = [
    pytest.mark.skipif(not shutil.which("redis-server"), reason="there is no redis-server here"),
    pytest.mark.usefixtures("loops"),
]


class Line:
    """What is between a process and Redis, and can be cut: nothing goes through then, and nobody is told."""

    def __init__(self, redis):
        self.redis = redis
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.tasks = set()

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.url = f"redis://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self.server.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _carry(self, reader, writer):
        self.tasks.add(asyncio.current_task())
        await self.is_open.wait()
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.redis.port)
        except OSError:
            return writer.close()
        await asyncio.gather(self._pipe(reader, back), self._pipe(there, writer))

    async def _pipe(self, reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                await self.is_open.wait()
                writer.write(data)
                await writer.drain()
        writer.close()


class World:
    """Two processes, each with a line of its own and members that come and go."""

    def __init__(self, redis, lines, servers):
        self.redis, self.lines, self.servers = redis, lines, servers
        self.members = {}
        self.told = []
        for server in servers:
            told = []
            self.told.append(told)
            server.on_user_joined(lambda room, user, told=told: told.append(f"+{user}"))
            server.on_user_left(lambda room, user, told=told: told.append(f"-{user}"))

    async def come(self, index, user):
        stack = contextlib.AsyncExitStack()
        peer = await stack.enter_async_context(member(self.servers[index], user))
        # It does not read what comes, and so would wait for the end of it.
        stack.callback(lambda: peer.socket.transport.abort())
        self.members[user] = stack
        return peer

    async def go(self, user):
        await self.members.pop(user).aclose()

    def is_known(self):
        truth = sorted(self.members)
        return all(sorted(server.room("r").presence().users) == truth for server in self.servers)

    async def until_true(self):
        await until(lambda: all(is_well(server) for server in self.servers))
        await until_heard(self.redis, "ws:r:r", 2)
        await until(self.is_known)
        # Who is in a room can be read before the callbacks of who came and left have run.
        with contextlib.suppress(AssertionError):
            await until(self.is_told)
        assert self.is_told(), (sorted(self.members), self.told)

    def is_told(self):
        """Who is there was told once more to have come than to have gone, everybody else as often."""
        return all(self.balance(told) == dict.fromkeys(self.members, 1) for told in self.told)

    @staticmethod
    def balance(told):
        balance = Counter(entry[1:] for entry in told if entry[0] == "+")
        balance.subtract(entry[1:] for entry in told if entry[0] == "-")
        return {user: times for user, times in balance.items() if times}


@contextlib.asynccontextmanager
async def world(redis):
    async with contextlib.AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(Line(redis)) for _ in range(2)]
        servers = [node(redis, redis_url=line.url, presence_grace="0s") for line in lines]
        found = World(redis, lines, servers)
        for server in servers:
            await stack.enter_async_context(server)
        for user in ("a0", "a1", "a2"):
            await found.come(0, user)
        for user in ("b0", "b1", "b2"):
            await found.come(1, user)
        await found.until_true()
        yield found
        for user in list(found.members):
            await found.go(user)


async def kill_redis(world):
    world.redis.kill()
    await until(lambda: not any(is_well(server) for server in world.servers))
    yield
    world.redis.start()


async def kill_connections(world):
    for kind in ("pubsub", "normal"):
        await asyncio.to_thread(world.redis.call, "client", "kill", "type", kind)
    yield


async def pause_redis(world):
    world.redis.signal(signal.SIGSTOP)
    await until(lambda: not any(is_well(server) for server in world.servers))
    yield
    world.redis.signal(signal.SIGCONT)


async def cut_off_for_longer_than_a_lease(world):
    world.lines[1].is_open.clear()
    await until(lambda: not is_well(world.servers[1]))
    await until(lambda: len(world.servers[0].stats()["cluster"]["nodes"]) == 1)
    # Its users are gone for the other process, each once.
    assert sorted(world.told[0])[:3] == ["+a0", "+a1", "+a2"]
    await until(lambda: {"-b0", "-b1", "-b2"} <= set(world.told[0]))
    yield
    world.lines[1].is_open.set()


FAULTS = [kill_redis, kill_connections, pause_redis, cut_off_for_longer_than_a_lease]


@pytest.mark.parametrize("fault", FAULTS)
async def test_all_processes_know_who_is_there_when_it_is_over(redis, fault):
    async with world(redis) as here:
        running = fault(here)
        await anext(running)
        await here.go("a0")
        await here.go("b0")
        await here.come(0, "a3")
        await here.come(1, "b3")
        # Who was there comes back elsewhere.
        await here.go("b1")
        await here.come(0, "b1")
        await anext(running, None)
        await here.until_true()


@pytest.mark.parametrize("fault", FAULTS)
async def test_each_message_arrived_or_is_counted_as_missed(redis, fault):
    async with world(redis) as here:
        receiver = await here.come(1, "receiver")
        await here.until_true()
        received, sent = [], 0

        async def read():
            with contextlib.suppress(Exception):
                while True:
                    received.append(int(await receiver.socket.recv()))

        reading = asyncio.create_task(read())

        async def send(count):
            nonlocal sent
            for _ in range(count):
                here.servers[0].room("r").broadcast(str(sent))
                sent += 1
                await asyncio.sleep(0.002)

        await send(100)
        sending = asyncio.create_task(send(300))
        running = fault(here)
        await anext(running)
        await sending
        await anext(running, None)
        await here.until_true()
        # What was lost is known though nothing more is said in the room.
        missed = lambda: here.servers[1].stats()["cluster"]["missed"]  # noqa: E731
        await until(lambda: missed() >= sent - len(received))
        await send(100)
        await until(lambda: received and received[-1] == sent - 1)
        assert received == sorted(set(received))
        lost = sent - len(received)
        cluster = here.servers[1].stats()["cluster"]
        # Besides messages there may be missed what tells who is in the room.
        assert lost <= cluster["missed"] <= lost + 20
        assert cluster["duplicates"] == cluster["rejected"] == 0
        reading.cancel()
