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


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Redis:
    """Started by `start`, as often as one likes: always on the same port, always empty."""

    def __init__(self, *options):
        self.port = free_port()
        self.options = options
        self.folder = tempfile.mkdtemp(prefix="hearth-redis-")
        self.process = None
        self.start()

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self, *options):
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        command += ["--dir", self.folder, *self.options, *options]
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
            "broker_reconnect_max": "200ms",
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
