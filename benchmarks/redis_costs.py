"""What each operation of a cluster costs Redis: commands, bytes and CPU, by its own counts.

Three servers of one cluster run in this process, over a redis-server on a free port; their connections are
those of a channel, which need no sockets. Heartbeats and probes are rare but where they are measured.

    PYTHONPATH=bindings/python .venv/bin/python benchmarks/redis_costs.py [--cpu]      only CPU and memory
"""

import asyncio
import contextlib
import itertools
import os
import re
import socket
import subprocess
import sys
import time

import hearth

TIMES = 1000
PAYLOAD = b"x" * 64
PREFIX = "ws:"
LISTENERS: "list[socket.socket]" = []
#: What asks for the counts.
OWN_COMMANDS = ("info", "config|resetstat")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Redis:
    def __init__(self) -> None:
        self.port = free_port()
        command = [os.environ.get("HEARTH_REDIS_SERVER") or "redis-server", "--port", str(self.port)]
        command += ["--bind", "127.0.0.1", "--save", "", "--dir", "/tmp"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        for _ in range(300):
            with contextlib.suppress(OSError):
                self.socket = socket.create_connection(("127.0.0.1", self.port))
                break
            time.sleep(0.02)
        self.file = self.socket.makefile("rb")

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def call(self, *words: object) -> str:
        self.socket.sendall((" ".join(map(str, words)) + "\r\n").encode())
        first = self.file.readline()
        if first[:1] != b"$":
            return first.decode()
        return self.file.read(int(first[1:]) + 2).decode()

    def counts(self) -> "tuple[dict[str, int], int, int, float]":
        """Calls by command, bytes in, bytes out, CPU seconds."""
        text = self.call("info", "everything")
        calls = {name: int(count) for name, count in re.findall(r"cmdstat_([^:]+):calls=(\d+)", text)}
        for name in OWN_COMMANDS:
            calls.pop(name, None)
        number = lambda name: float(re.search(rf"^{name}:(\S+)", text, re.MULTILINE)[1])
        cpu = number("used_cpu_user_main_thread") + number("used_cpu_sys_main_thread")
        return calls, int(number("total_net_input_bytes")), int(number("total_net_output_bytes")), cpu

    async def settle(self) -> None:
        """Until nothing comes any more."""
        before = None
        for _ in range(200):
            await asyncio.sleep(0.1)
            calls = self.counts()[0]
            if calls == before:
                return
            before = calls

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()


class Cluster:
    """Three servers with connections of a channel."""

    def __init__(self, redis: Redis, **settings: str) -> None:
        defaults = {"node_lease": "60s", "broker_probe": "60s", "broker_linger": "50ms"}
        defaults["max_rooms_per_connection"] = str(TIMES + 10)
        self.servers = []
        self.channels = []
        for _ in range(3):
            server = hearth.Server("none", redis_url=redis.url, **{**defaults, **settings})
            server.route("/{rest*}")
            self.channels.append(server.channel("test", lambda connections, message: None))
            self.servers.append(server)

    async def __aenter__(self) -> "Cluster":
        for server in self.servers:
            await server.start()
        while not all(server.health()["status"] == "ok" for server in self.servers):
            await asyncio.sleep(0.02)
        while not all(len(server.stats()["cluster"]["nodes"]) == 3 for server in self.servers):
            await asyncio.sleep(0.02)
        return self

    async def __aexit__(self, *_: object) -> None:
        for server in self.servers:
            await server.stop(grace=0)

    async def connect(self, index: int, user: "str | None" = None) -> hearth.Connection:
        connection = self.channels[index].connect("/", user=user)
        while not connection.is_open:
            await asyncio.sleep(0)
        return connection


async def measure(redis: Redis, name: str, times: int, operation) -> None:
    """operation(index) is done so many times."""
    await redis.settle()
    # What the asking itself costs.
    _, in_0, out_0, _ = redis.counts()
    calls_1, in_1, out_1, cpu_1 = redis.counts()
    own_in, own_out = in_1 - in_0, out_1 - out_0
    asked = 0
    settle, redis_counts = redis.settle, redis.counts

    def counting() -> object:
        nonlocal asked
        asked += 1
        return redis_counts()

    redis.counts = counting
    for index in range(times):
        result = operation(index)
        if asyncio.iscoroutine(result):
            await result
        if index % 50 == 49:
            await asyncio.sleep(0.002)
    await settle()
    calls_2, in_2, out_2, cpu_2 = redis.counts()
    redis.counts = redis_counts
    commands = []
    for command in sorted(calls_2):
        count = calls_2[command] - calls_1.get(command, 0)
        if count:
            commands.append(f"{count / times:.3g} {command.upper()}")
    bytes_in = (in_2 - in_1 - own_in * asked) / times
    bytes_out = (out_2 - out_1 - own_out * asked) / times
    print(f"| {name} | {', '.join(commands) or 'none'} | {bytes_in:.0f} | {bytes_out:.0f} |", flush=True)


async def operations(redis: Redis) -> None:
    async with Cluster(redis) as cluster:
        first, second, third = cluster.servers
        ann, ben, cid = [await cluster.connect(i, user) for i, user in enumerate(("ann", "ben", "cid"))]
        nobody = await cluster.connect(0)
        rooms = [f"room{index}" for index in range(TIMES)]
        run = lambda name, operation, times=TIMES: measure(redis, name, times, operation)
        ann.join("r")
        await run("64 B to a room that no other process has", lambda i: first.room("r").broadcast(PAYLOAD))
        ben.join("r")
        await run("64 B to a room of one other process", lambda i: first.room("r").broadcast(PAYLOAD))
        cid.join("r")
        await run("64 B to a room of two other processes", lambda i: first.room("r").broadcast(PAYLOAD))
        await run("64 B to a user of another process", lambda i: first.send_to_user("ben", PAYLOAD))
        await run("64 B to everybody, three processes", lambda i: first.broadcast(PAYLOAD))
        await run("a kick of a user of no process", lambda i: first.kick("nobody"))
        await run("the first member of a room", lambda i: ann.join(rooms[i]))
        await run("the first one in another process", lambda i: ben.join(rooms[i]))
        await run("a connection without a user beside it", lambda i: nobody.join(rooms[i]))
        await run("it leaves", lambda i: nobody.leave(rooms[i]))
        nobody.user = "dan"
        await run("a second user in the process joins", lambda i: nobody.join(rooms[i]))
        await run("and leaves", lambda i: nobody.leave(rooms[i]))
        await run("the last member in a process leaves", lambda i: ann.leave(rooms[i]))
        await run("the last member anywhere leaves", lambda i: ben.leave(rooms[i]))
        peers = []
        connect = cluster.connect

        async def come(index: int) -> None:
            peers.append(await connect(0, f"user{index}"))

        await run("the first connection of a user in a process", come)
        await run("the last one goes", lambda i: peers[i].close())
        await run("a question, three processes", lambda i: first.ask_room("r"), 200)


async def periodic(redis: Redis, name: str, commands: int, **settings: str) -> None:
    """What goes on when nothing happens, for each of three processes."""
    seconds = 6
    async with Cluster(redis, **settings):
        await asyncio.sleep(2)
        calls_0, in_0, out_0, _ = redis.counts()
        calls_1, in_1, out_1, _ = redis.counts()
        await asyncio.sleep(seconds)
        calls_2, in_2, out_2, _ = redis.counts()
        published = calls_2["publish"] - calls_1["publish"]
        bytes_in = (in_2 - in_1 - (in_1 - in_0)) / published
        bytes_out = (out_2 - out_1 - (out_1 - out_0)) / published
        expected = 3 * seconds * commands
        print(f"| {name} | 1 PUBLISH ({published} of about {expected}) | {bytes_in:.0f} | {bytes_out:.0f} |")


async def places(redis: Redis) -> None:
    async with Cluster(redis, max_connections_per_user="10") as cluster:
        peers = []

        async def come(index: int) -> None:
            peers.append(await cluster.connect(0, f"user{index}"))

        await measure(redis, "the same with max_connections_per_user", TIMES, come)
        await measure(redis, "and goes", TIMES, lambda i: peers[i].close())
        print(f"| keys that are left of 1,000 users | {redis.call('dbsize')[1:].strip()} | | |")


def listen(redis: Redis, count: int) -> "list[socket.socket]":
    listeners = []
    for _ in range(count):
        listener = socket.create_connection(("127.0.0.1", redis.port))
        listener.sendall(b"SUBSCRIBE busy\r\n")
        listener.recv(100)
        listener.setblocking(False)
        listeners.append(listener)
    return listeners


def cpu(redis: Redis) -> None:
    """CPU of Redis' thread for each PUBLISH of 64 bytes, by listeners and messages in flight."""
    print("\n| listeners | in flight | Redis, CPU µs for each PUBLISH |\n|---|---|---|")
    message = b"x" * (len(PAYLOAD) + 64)
    command = b"*3\r\n$7\r\nPUBLISH\r\n$4\r\nbusy\r\n$%d\r\n%s\r\n" % (len(message), message)
    publisher = socket.create_connection(("127.0.0.1", redis.port))
    for count, in_flight in itertools.product((0, 1, 3, 10, 30, 100), (1, 100)):
        listeners = listen(redis, count)
        rounds = 60_000 // (count + 4) // in_flight + 10
        before = redis.counts()[3]
        for _ in range(rounds):
            publisher.sendall(command * in_flight)
            answers = 0
            while answers < in_flight:
                answers += publisher.recv(1 << 16).count(b"\n")
            for listener in listeners:
                with contextlib.suppress(BlockingIOError):
                    while listener.recv(1 << 18):
                        pass
        used = redis.counts()[3] - before
        print(f"| {count} | {in_flight} | {used / rounds / in_flight * 1e6:.2f} |", flush=True)
        for listener in listeners:
            listener.close()


def memory(redis: Redis) -> None:
    """Bytes for each channel: in Redis with one listener and with another one, and in the process."""
    count = 100_000
    words = b"".join(b"$15\r\nws:u:user%06d\r\n" % index for index in range(count))
    used = lambda: int(re.search(r"^used_memory:(\d+)", redis.call("info", "memory"), re.MULTILINE)[1])
    before = used()
    print("\n| | bytes for each channel |\n|---|---|")
    for name in ("in Redis, one process listens", "and each further one"):
        listener = socket.create_connection(("127.0.0.1", redis.port))
        listener.sendall(b"*%d\r\n$9\r\nSUBSCRIBE\r\n" % (count + 1) + words)
        answers = b""
        while not answers.endswith(b":%d\r\n" % count):
            answers = answers[-64:] + listener.recv(1 << 20)
        LISTENERS.append(listener)
        print(f"| {name} | {(used() - before) / count:.0f} |")
        before = used()
    resident = {}
    for url in ("", redis.url):
        command = [sys.executable, __file__, "--rooms", str(count), url]
        resident[url] = int(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    more = (resident[redis.url] - resident[""]) / count
    print(f"| in a process, beyond what the room takes alone | {more:.0f} |")


async def hold_rooms(count: int, url: str) -> None:
    """Prints how much a process grows by so many rooms with one member."""
    server = hearth.Server("none", redis_url=url, max_rooms_per_connection=str(count))
    server.route("/{rest*}")
    channel = server.channel("test", lambda connections, message: None)
    async with server:
        connection = channel.connect("/")
        while not connection.is_open:
            await asyncio.sleep(0)
        await asyncio.sleep(0.5)
        before = resident_bytes()
        for index in range(count):
            connection.join(f"user{index:06}")
            if index % 1000 == 0:
                await asyncio.sleep(0)
        await asyncio.sleep(1)
        print(resident_bytes() - before)


def resident_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


async def main() -> None:
    if "--rooms" in sys.argv:
        return await hold_rooms(int(sys.argv[2]), sys.argv[3])
    redis = Redis()
    try:
        if "--cpu" not in sys.argv:
            print("| | commands | bytes in | bytes out |\n|---|---|---|---|")
            await operations(redis)
            await periodic(redis, "a heartbeat, three processes", 1, node_lease="3s")
            await periodic(redis, "a probe", 2, broker_probe="500ms")
            redis.call("flushall")
            await places(redis)
        cpu(redis)
        memory(redis)
    finally:
        redis.close()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
