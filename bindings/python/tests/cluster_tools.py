"""What the tests of clusters share: a Redis, hosts and servers that use it, members, and waiting."""

import asyncio
import contextlib
import sys

import cluster_node
import pytest
from conftest import ROOT, Peer, until
from redis_server import WAIT_SECONDS, Host, Redis, generation
from websockets.asyncio.client import connect


@pytest.fixture
def redis():
    server = Redis()
    yield server
    server.close()


@pytest.fixture(params=[1, 2], ids=["one-loop", "two-loops"])
def loops(request, monkeypatch):
    """How many loops a server has; that of a Node host has the one of Node."""
    if request.param > 1:
        monkeypatch.setitem(cluster_node.SETTINGS, "threads", str(request.param))


def threads():
    value = cluster_node.SETTINGS.get("threads")
    return {"threads": value} if value else {}


@pytest.fixture
def new_host(redis):
    hosts = []

    def make(language="c", **settings):
        if language != "node":
            settings = {**threads(), **settings}
        hosts.append(Host(language, redis, **settings))
        return hosts[-1]

    yield make
    for host in hosts:
        host.close()


def node(redis, **configuration):
    """A server of the cluster in this process: user and room are in the path."""
    return cluster_node.make(**{"redis_url": redis.url, **configuration})


def is_well(server):
    return server.stats()["health"]["status"] == "ok"


@contextlib.asynccontextmanager
async def nodes(redis, count=2, **configuration):
    async with contextlib.AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(node(redis, **configuration)) for _ in range(count)]
        await until(lambda: all(is_well(server) for server in servers))
        yield servers


@contextlib.asynccontextmanager
async def member(server, user, room="r"):
    async with connect(f"ws://127.0.0.1:{server.port}/as/{user}/{room}", proxy=None) as websocket:
        peer = Peer(websocket)
        await until(lambda: server.room(room).users and user in server.room(room).users)
        yield peer


def allow_documented_user(*servers):
    """A user with the password "pw" who may do what docs/scaling.md says that processes need, and no more."""
    text = (ROOT / "docs/scaling.md").read_text()
    lines = text[text.index("ACL SETUSER hearth") :].split("\n\n")[0].splitlines()
    words = " ".join(lines if generation() > 6 else lines[:-1]).split()
    for server in servers:
        assert server.call(*(word.replace(">password", ">pw") for word in words)) == "OK"


async def until_heard(redis, channel, count=1):
    """Until so many processes listen to a channel."""
    for _ in range(WAIT_SECONDS * 20):
        if redis.call("pubsub", "numsub", channel).split()[-1] == str(count):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{channel} has other listeners: {redis.call('pubsub', 'numsub', channel)}")


async def start_process(*settings):
    """A server of the cluster in a process of its own: the process and its port."""
    program = [sys.executable, str(ROOT / "bindings/python/tests/cluster_node.py"), *settings]
    program += [f"{key}={value}" for key, value in threads().items()]
    process = await asyncio.create_subprocess_exec(*program, stdout=asyncio.subprocess.PIPE)
    port = int(await asyncio.wait_for(process.stdout.readline(), WAIT_SECONDS))
    return process, port
