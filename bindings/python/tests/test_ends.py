"""How servers end: by the program itself, by signals, and with peers that do not answer."""

import asyncio
import os
import subprocess
import sys
import threading
import time

import pytest
from conftest import ROOT, peer, until

PROGRAM = """
import asyncio, hearth, threading
server = hearth.Server("127.0.0.1:0", driven={driven})

@server.route("/")
async def session(connection):
    await connection.send("hello")
    await server.{end}()

async def visit():
    async with hearth.connect(f"ws://127.0.0.1:{{server.port}}/", reconnect_enabled=False) as client:
        async for message in client:
            print(message.text)

async def main():
    serving = asyncio.ensure_future(server.serve())
    while not server.is_running:
        await asyncio.sleep(0.005)
    await visit()
    await serving
    print("over")

asyncio.run(main())
"""

RUN = """
import asyncio, hearth, threading
server = hearth.Server("127.0.0.1:0", shutdown_spread=0)

@server.on_open
async def opened(connection):
    connection.send("hello")
    asyncio.get_running_loop().create_task(server.{end}())

def visit():
    import hearth.sync, time
    while not server.is_running:
        time.sleep(0.005)
    with hearth.sync.connect(f"ws://127.0.0.1:{{server.port}}/", reconnect_enabled=False) as client:
        print(client.recv(timeout=20).text, flush=True)

visitor = threading.Thread(target=visit)
visitor.start()
server.run()
visitor.join()
print("over")
"""


def output_of(program):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "bindings" / "python")}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    return done.stdout.split(), done.stderr


@pytest.mark.parametrize("driven", [True, False])
@pytest.mark.parametrize("end", ["stop", "drain"])
def test_serve_returns_when_the_program_itself_has_ended_the_server(library, end, driven):
    assert output_of(PROGRAM.format(end=end, driven=driven)) == (["hello", "over"], "")


@pytest.mark.parametrize("end", ["stop", "drain"])
def test_run_returns_when_the_program_itself_has_ended_the_server(library, end):
    assert output_of(RUN.format(end=end)) == (["hello", "over"], "")


async def test_a_server_serves_again_after_it_was_stopped(new_server):
    server = new_server()
    for _ in range(2):
        serving = asyncio.ensure_future(server.serve())
        await until(lambda: server.is_running)
        async with peer(server):
            await server.stop()
        await asyncio.wait_for(serving, 20)


@pytest.mark.parametrize("end", ["stop", "drain"])
def test_serve_of_a_blocking_server_returns_when_another_thread_has_ended_it(library, end):
    server = library.sync.Server("127.0.0.1:0", shutdown_spread=0)
    serving = threading.Thread(target=server.serve)
    serving.start()
    deadline = time.monotonic() + 20
    while not server._is_started and time.monotonic() < deadline:
        time.sleep(0.005)
    getattr(server, end)()
    serving.join(20)
    assert not serving.is_alive() and not server.is_running


async def unresponsive(server):
    """A peer that has connected, and then neither reads nor answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")
    return writer


async def test_a_stop_waits_for_a_peer_that_does_not_answer_as_long_as_grace(new_server):
    """The keys close_timeout and shutdown_timeout would let it take an hour."""
    server, closed = new_server(close_timeout="1h", shutdown_timeout="1h"), []
    server.on_close(lambda connection: closed.append(connection.close_code))

    @server.route("/")
    async def session(connection):
        async for _ in connection:
            pass

    await server.start()
    writer = await unresponsive(server)
    await until(lambda: server.connection_count == 1)
    await asyncio.wait_for(server.stop(grace=0.1), 20)
    assert not server.is_running and closed == [1006]
    writer.close()


async def test_a_stop_gives_sessions_what_is_left_of_grace(new_server):
    server, ended = new_server(), []

    @server.route("/")
    async def session(connection):
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("session")

    async with server, peer(server):
        await until(lambda: server.connection_count == 1)
        await asyncio.wait_for(server.stop(grace=0.05), 20)
    assert ended == ["session"]


async def test_a_session_that_a_stop_cancels_has_the_reason_of_the_stop(new_server):
    server, told = new_server(), []

    @server.route("/")
    async def session(connection):
        await asyncio.Event().wait()

    async with server, peer(server) as client:
        await until(lambda: server.connection_count == 1)
        stopping = asyncio.ensure_future(server.stop("maintenance", grace=0.05))
        told.append(await client.closing())
        await stopping
    assert told == [(1001, "maintenance")]


def test_a_signal_during_the_programs_own_stop_does_not_stop_twice(library):
    program = """
import asyncio, hearth, os, signal
server = hearth.Server("127.0.0.1:0")

async def main():
    serving = asyncio.ensure_future(server.serve())
    while not server.is_running:
        await asyncio.sleep(0.005)
    stopping = asyncio.ensure_future(server.stop())
    os.kill(os.getpid(), signal.SIGTERM)
    await stopping
    await serving
    print("over")

asyncio.run(main())
"""
    assert output_of(program) == (["over"], "")
