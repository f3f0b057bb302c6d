"""Runs each asynchronous test in a loop of its own, under a time limit, for each way to run an engine."""

import asyncio
import contextlib
import inspect
import json
import pathlib
import sys

import pytest
import uvloop
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "bindings" / "python"))

import hearth  # noqa: E402

TEST_SECONDS = 60
WAIT_SECONDS = 20

MODES = ["driven", "threads", "driven-uvloop"]


@pytest.fixture(params=MODES)
def mode(request):
    return request.param


@pytest.fixture
def new_server(mode):
    """Makes servers on a free port in the mode of the test."""

    def make(listen="127.0.0.1:0", **configuration):
        configuration.setdefault("driven", mode != "threads")
        return hearth.Server(listen, **configuration)

    return make


@pytest.fixture
def library():
    """What a test of the library alone asks for: no mode, one run."""
    return hearth


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    uses_uvloop = pyfuncitem.funcargs.get("mode") == "driven-uvloop"
    loop = uvloop.new_event_loop() if uses_uvloop else asyncio.new_event_loop()
    try:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(asyncio.wait_for(pyfuncitem.obj(**arguments), TEST_SECONDS))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        asyncio.set_event_loop(None)
        loop.close()
    return True


class Peer:
    """A client of the `websockets` package with a time limit on everything that waits."""

    def __init__(self, socket):
        self.socket = socket

    async def send(self, data):
        await asyncio.wait_for(self.socket.send(data), WAIT_SECONDS)

    async def receive(self):
        return await asyncio.wait_for(self.socket.recv(), WAIT_SECONDS)

    async def receive_json(self):
        return json.loads(await self.receive())

    async def close(self, code=1000, reason=""):
        await asyncio.wait_for(self.socket.close(code, reason), WAIT_SECONDS)

    async def closing(self):
        """Reads until the server closes: its code and reason."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self.receive()
        return self.socket.close_code, self.socket.close_reason


@contextlib.asynccontextmanager
async def peer(server, path="/", **options):
    async with connect(f"ws://127.0.0.1:{server.port}{path}", proxy=None, **options) as socket:
        yield Peer(socket)


async def until(condition):
    """Waits for what another task or thread brings about."""
    for _ in range(WAIT_SECONDS * 200):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not happen in time")


UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@contextlib.asynccontextmanager
async def bare_peer(server):
    """A peer that does nothing by itself after the handshake: reader and writer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(UPGRADE)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), WAIT_SECONDS)
        assert head.startswith(b"HTTP/1.1 101")
        yield reader, writer
    finally:
        writer.close()


async def fetch(port, path, method="GET", body=b"", headers=()):
    """One HTTP request: status, headers by lower-case name, body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers]
        lines.append(f"Content-Length: {len(body)}")
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        answer = await asyncio.wait_for(reader.read(), WAIT_SECONDS)
    finally:
        writer.close()
    head, _, content = answer.partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in rest)
    return int(first.split()[1]), fields, content
