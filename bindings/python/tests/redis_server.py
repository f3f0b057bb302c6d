"""A real redis-server on a free port, and hosts of several languages that work together through it."""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

from conftest import ROOT
from websockets.asyncio.client import connect

WAIT_SECONDS = 20
# Another Redis, or a Valkey.
REDIS_SERVER = os.environ.get("HEARTH_REDIS_SERVER", "redis-server")


def generation():
    """The first number of its version; 0: there is none."""
    if not shutil.which(REDIS_SERVER):
        return 0
    told = subprocess.run([REDIS_SERVER, "--version"], stdout=subprocess.PIPE).stdout.decode()
    return int(re.search(r" v=(\d+)", told)[1])


def has_tls():
    linked = subprocess.run(["ldd", shutil.which(REDIS_SERVER) or ""], stdout=subprocess.PIPE)
    return b"libssl" in linked.stdout


def free_port(highest=65535):
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            if probe.getsockname()[1] <= highest:
                return probe.getsockname()[1]


class Redis:
    """Started by `start`, as often as one likes: always on the same port, always empty."""

    def __init__(self, *options, sentinel=(), port=None):
        """`sentinel`: the lines of its configuration, if it is to be one."""
        self.port = port or free_port()
        self.options = options
        self.sentinel = sentinel
        self.folder = tempfile.mkdtemp(prefix="hearth-redis-")
        self.process = None
        self.start()

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self, *options):
        command = [REDIS_SERVER]
        if self.sentinel:
            # It writes down there what it learns.
            with open(os.path.join(self.folder, "sentinel.conf"), "w") as file:
                file.write("\n".join([*self.sentinel, ""]))
            command += [file.name, "--sentinel"]
        command += ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.folder]
        if not self.sentinel:
            command += ["--save", "", *self.options, *options]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.02)
        raise AssertionError("redis-server does not answer")

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGCONT)
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def call(self, *words):
        """One command of redis-cli."""
        command = ["redis-cli", "-p", str(self.port), *words]
        done = subprocess.run(command, stdout=subprocess.PIPE, timeout=WAIT_SECONDS)
        return done.stdout.decode(errors="replace").strip()

    def calls(self):
        """How often each command was called, but for those that ask."""
        text = self.call("info", "commandstats")
        counts = re.findall(r"cmdstat_([^:]+):calls=(\d+)", text)
        return {name: int(count) for name, count in counts if name != "info"}

    def statistics(self, command):
        """How often a command was called."""
        return self.calls().get(command, 0)


class RedisCluster:
    """Masters that share the slots, and replicas of the first one."""

    def __init__(self, masters=3, replicas=0):
        self.servers = []
        for _ in range(masters + replicas):
            options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"]
            options += ["--cluster-require-full-coverage", "no", "--cluster-port", str(free_port())]
            options += ["--repl-diskless-sync-delay", "0"]
            self.servers.append(Redis(*options))
        first = self.servers[0]
        for index, server in enumerate(self.servers[:masters]):
            ends = [16384 * number // masters for number in (index, index + 1)]
            server.call("cluster", "addslotsrange", str(ends[0]), str(ends[1] - 1))
            server.call("cluster", "set-config-epoch", str(index + 1))
        for server in self.servers[1:]:
            bus = first.call("config", "get", "cluster-port").split()[-1]
            server.call("cluster", "meet", "127.0.0.1", str(first.port), bus)
        self.wait(lambda server: server.call("cluster", "nodes").count("connected") == len(self.servers))
        for server in self.servers[masters:]:
            server.call("cluster", "replicate", self.id_of(first))
            self.wait(lambda server: "link_status:up" in server.call("info", "replication"), [server])
        self.wait(lambda server: "cluster_state:ok" in server.call("cluster", "info"))

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.servers[0].port}"

    def wait(self, is_true, servers=None):
        deadline = time.monotonic() + WAIT_SECONDS
        while not all(is_true(server) for server in servers or self.servers):
            assert time.monotonic() < deadline, "the Redis Cluster does not form"
            time.sleep(0.05)

    @staticmethod
    def id_of(server):
        return server.call("cluster", "myid")

    def slot(self, channel):
        return int(self.servers[0].call("cluster", "keyslot", channel))

    def owner(self, channel):
        """By the slots as they were dealt out."""
        return self.servers[min(self.slot(channel) * 3 // 16384, 2)]

    def room_of(self, server):
        """The name of a room whose channel the server has."""
        return next(room for room in map(str, range(1000)) if self.owner(f"ws:r:{room}") is server)

    def move(self, channel, source, target):
        """The channel's slot goes to another server, with its keys."""
        slot = str(self.slot(channel))
        target.call("cluster", "setslot", slot, "importing", self.id_of(source))
        source.call("cluster", "setslot", slot, "migrating", self.id_of(target))
        keys = source.call("cluster", "getkeysinslot", slot, "100").split()
        if keys:
            port = str(target.port)
            source.call("migrate", "127.0.0.1", port, "", "0", "5000", "keys", *keys)
        for server in (target, source, *self.servers):
            server.call("cluster", "setslot", slot, "node", self.id_of(target))

    def listeners(self, channel):
        counts = []
        for server in self.servers:
            if server.process.poll() is None:
                counts.append(int(server.call("pubsub", "shardnumsub", channel).split()[-1]))
        return counts

    def close(self):
        for server in self.servers:
            server.close()


class Host:
    """A process of script/host: rooms at /room/NAME, metrics at /metrics, health at /health."""

    def __init__(self, language, redis, **settings):
        self.port = free_port()
        settings = {
            "redis_url": redis.url,
            "metrics_path": "/metrics",
            "health_path": "/health",
            "node_lease": "1s",
            "broker_probe": "300ms",
            "max_broker_reconnect": "200ms",
            "broker_linger": "200ms",
            **settings,
        }
        pairs = [f"{key}={value}" for key, value in settings.items()]
        command = [str(ROOT / "script/host"), language, str(self.port), *pairs]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=dict(os.environ))

    def get(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    async def ask(self, path):
        return await asyncio.to_thread(self.get, path)

    async def is_well(self):
        return (await self.ask("/health"))[0] == 200

    async def wait_until_well(self):
        for _ in range(WAIT_SECONDS * 20):
            if await self.is_well():
                return
            assert self.process.poll() is None, "the host has ended"
            await asyncio.sleep(0.05)
        raise AssertionError(f"the host stays degraded: {await self.ask('/health')}")

    async def metric(self, name):
        _, text = await self.ask("/metrics")
        found = re.search(rf"^hearth_{name} (\d+)$", text, re.MULTILINE)
        return int(found[1]) if found else None

    async def wait_for_metric(self, name, value):
        for _ in range(WAIT_SECONDS * 20):
            if await self.metric(name) == value:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"{name} is {await self.metric(name)}, not {value}")

    def connect(self, path, **options):
        return connect(f"ws://127.0.0.1:{self.port}{path}", proxy=None, max_queue=None, **options)

    def close(self):
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
