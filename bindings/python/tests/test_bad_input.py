"""What a program does wrong is an error: nothing hangs, nothing crashes the interpreter."""

import asyncio
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import pytest
from conftest import ROOT, WAIT_SECONDS, bare_peer, peer, until

import hearth


def run_program(text, **options):
    """A program of its own: status, output, errors."""
    environment = {**os.environ, "PYTHONPATH": str(pathlib.Path(ROOT) / "bindings" / "python")}
    command = [sys.executable, "-W", "ignore", "-c", text]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, **options)


async def test_calls_after_the_server_stopped_are_errors(new_server):
    server, kept = new_server(), []
    server.on_open(kept.append)
    async with server, peer(server):
        await until(lambda: kept)
        room = server.room("a")
    connection = kept[0]
    for call in (
        lambda: connection.send("x"), lambda: connection.join("a"), lambda: connection.info,
        lambda: room.broadcast("x"), lambda: server.broadcast("x"), lambda: server.kick("ann"),
        lambda: server.connections, lambda: connection.rooms,
    ):  # fmt: skip
        with pytest.raises((hearth.GoneError, hearth.StateError)):
            call()
    assert not connection.is_open
    await connection.close()
    await connection.wait_closed()
    await server.stop()


async def test_other_threads_may_call_while_the_server_runs_and_after(new_server):
    server, kept, failures = new_server(), [], []
    server.on_open(kept.append)

    def work():
        try:
            for number in range(500):
                kept[0].send(str(number))
                server.broadcast_json({"n": number})
                server.room("a").members
        except Exception as error:
            failures.append(error)

    async with server, peer(server) as socket:
        await until(lambda: kept)
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(3 * 1000):
            await socket.receive()
        await asyncio.to_thread(lambda: [thread.join() for thread in threads])
    assert failures == []
    await asyncio.to_thread(lambda: pytest.raises(hearth.StateError, server.broadcast, "x"))


async def test_another_event_loop_gets_an_error_and_does_not_hang(new_server):
    server, kept = new_server(), []

    @server.route("/")
    async def session(connection):
        kept.append(connection)
        await connection.wait_closed()

    async def elsewhere():
        with pytest.raises(RuntimeError, match="loop"):
            await asyncio.wait_for(kept[0].receive(), WAIT_SECONDS)
        with pytest.raises(hearth.StateError, match="another event loop"):
            await server.stop()
        kept[0].send("from elsewhere")

    async with server, peer(server) as socket:
        await until(lambda: kept)
        await asyncio.to_thread(lambda: asyncio.run(elsewhere()))
        assert await socket.receive() == "from elsewhere"


def test_a_server_whose_event_loop_was_closed_starts_in_another(library):
    server = library.Server("127.0.0.1:0")

    async def start():
        await server.start()

    for _ in range(2):
        loop = asyncio.new_event_loop()
        loop.run_until_complete(start())
        loop.close()
    asyncio.run(serve_once(server))


async def serve_once(server):
    async with server, peer(server):
        assert server.is_running


async def test_what_cannot_be_sent_is_an_error(new_server):
    server, kept = new_server(), []
    server.on_open(kept.append)
    async with server, peer(server) as socket:
        await until(lambda: kept)
        connection = kept[0]
        for value in (None, 1, object(), ["x"], {"a": 1}):
            with pytest.raises(TypeError):
                connection.send(value)
            with pytest.raises(TypeError):
                server.broadcast(value)
        with pytest.raises(UnicodeEncodeError):
            connection.send("\ud800")
        with pytest.raises(UnicodeEncodeError):
            server.room("\udfff").broadcast("x")
        with pytest.raises(UnicodeEncodeError):
            connection.send_json({"text": "\ud800"})
        for value in ({1, 2}, object(), b"bytes", {"a": {1}}):
            with pytest.raises(TypeError):
                connection.send_json(value)
        endless = []
        endless.append(endless)
        with pytest.raises((ValueError, RecursionError)):
            connection.send_json(endless)
        with pytest.raises(TypeError):
            connection.metadata = "text"
        with pytest.raises(TypeError):
            connection.join(b"bytes")
        with pytest.raises(hearth.InvalidError):
            connection.join("a\0b")
        with pytest.raises(hearth.InvalidError):
            connection.close(1 << 40)
        connection.send("still works")
        assert await socket.receive() == "still works"


async def test_cancelled_sessions_end_their_connections_alone(new_server):
    server, tasks = new_server(), []

    @server.route("/")
    async def session(connection):
        tasks.append(asyncio.current_task())
        async for message in connection:
            await connection.send(message)

    async with server, peer(server) as first, peer(server) as second:
        await until(lambda: len(tasks) == 2)
        tasks[0].cancel()
        assert (await first.closing())[0] == 1001
        await second.send("still here")
        assert await second.receive() == "still here"


async def test_a_client_survives_tasks_that_are_cancelled_while_they_send_and_receive(new_server):
    server = new_server()

    @server.on_message
    def echo(connection, message):
        connection.send(message)

    async with server, hearth.connect(f"ws://127.0.0.1:{server.port}/") as client:

        async def send(number):
            await client.send(str(number))

        tasks = [asyncio.ensure_future(send(number)) for number in range(100)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        got = []
        while len(got) < 100:
            try:
                got.append((await asyncio.wait_for(client.recv(), 0.0005)).text)
            except asyncio.TimeoutError:
                await asyncio.sleep(0)
        # What was given to the client is sent, whoever waits for it.
        assert got == [str(number) for number in range(100)]


async def test_heartbeats_and_relays_go_on_while_a_handler_blocks(library):
    """With threads of its own the engine serves while Python does nothing else."""
    server = library.Server("127.0.0.1:0", driven=False, ping_interval="100ms", ping_timeout="200ms")
    server.route("/room/{room}", join="auto", relay="others")
    release = threading.Event()
    told = []

    @server.route("/block")
    async def block(connection):
        told.append(connection)
        release.wait(WAIT_SECONDS)  # Blocks the event loop, and not only this session.

    def others():
        """Peers in a loop of their own: they relay and are pinged meanwhile."""

        async def talk():
            async with peer(server, "/room/a") as first, peer(server, "/room/a") as second:
                await until(lambda: told)
                begun = time.monotonic()
                number = 0
                while time.monotonic() < begun + 1.0:
                    await first.send(str(number))
                    assert await second.receive() == str(number)
                    number += 1
                # Each has outlived its ping_timeout several times, so pings came.
                assert first.socket.latency >= 0
                return number

        try:
            return asyncio.run(talk())
        finally:
            release.set()

    async with server:
        port = server.port
        talking = asyncio.get_running_loop().run_in_executor(None, others)
        await until(lambda: server.connection_count == 2)
        async with peer(server, "/block"):
            assert await talking > 5
        assert port == server.port


async def test_a_silent_peer_is_removed_while_a_handler_blocks(library):
    server = library.Server("127.0.0.1:0", driven=False, ping_interval="50ms", ping_timeout="50ms")
    opened = []
    server.on_open(opened.append)
    async with server, bare_peer(server):
        await until(lambda: opened)
        time.sleep(0.6)  # As a handler that blocks the event loop.
        assert server.connection_count == 0


FORK = """
import asyncio, os, sys
import hearth

async def main():
    for driven in (True, False):
        server = hearth.Server("127.0.0.1:0", driven=driven)
        async with server:
            child = os.fork()
            if child == 0:
                try:
                    server.broadcast("x")
                except hearth.HearthError as error:
                    print(driven, type(error).__name__, flush=True)
                    del server
                    os._exit(0)
                os._exit(1)
            _, status = os.waitpid(child, 0)
            assert status == 0, status
            assert server.broadcast("x") == 0

asyncio.run(main())
print("parent", flush=True)
"""


def test_a_forked_child_gets_errors(library):
    done = run_program(FORK)
    lines = done.stdout.split("\n")
    assert lines[0].split()[1] == lines[1].split()[1] and lines[2] == "parent", done.stdout + done.stderr
    assert done.returncode == 0 and done.stderr == ""


SHUTDOWN = """
import asyncio, atexit, sys, threading, time
import hearth

kept = []
async def main(driven):
    server = hearth.Server("127.0.0.1:0", driven=driven)
    server.on_message(lambda connection, message: None)
    await server.start()
    kept.append(server)

def broadcast():
    while True:
        try:
            kept[-1].broadcast("x")
        except hearth.HearthError:
            pass

asyncio.run(main(sys.argv[1] == "driven"))
threading.Thread(target=broadcast, daemon=True).start()
if sys.argv[1] == "driven":
    class Late:
        def __del__(self):
            try:
                kept[0].broadcast("x")
            except BaseException:
                pass
    late = Late()
time.sleep(0.05)
print("end", flush=True)
"""


@pytest.mark.parametrize("way", ["driven", "threads"])
def test_the_interpreter_ends_while_a_server_runs(library, way):
    environment = {**os.environ, "PYTHONPATH": str(pathlib.Path(ROOT) / "bindings" / "python")}
    command = [sys.executable, "-c", SHUTDOWN, way]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.returncode) == ("end\n", 0), done.stderr


SERVING = """
import asyncio, sys
import hearth

server = hearth.Server("127.0.0.1:0", driven=sys.argv[1] == "driven")

@server.route("/")
async def session(connection):
    connection.send("hello")
    try:
        async for message in connection:
            pass
    finally:
        print("session ended", flush=True)

async def main():
    await server.start()
    print(server.port, flush=True)
    await server.serve()

asyncio.run(main())
print("served", flush=True)
"""


@pytest.mark.parametrize("way", ["driven", "threads"])
async def test_an_interrupt_while_serving_drains_and_exits(library, way):
    environment = {**os.environ, "PYTHONPATH": str(pathlib.Path(ROOT) / "bindings" / "python")}
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVING, way, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        port = int(await program.stdout.readline())
        async with hearth.connect(f"ws://127.0.0.1:{port}/", reconnect_enabled=False) as client:
            assert (await client.recv()).text == "hello"
            program.send_signal(signal.SIGINT)
            with pytest.raises(hearth.ClosedError) as caught:
                await client.recv()
            assert caught.value.close_code == 1001
        output, errors = await asyncio.wait_for(program.communicate(), WAIT_SECONDS)
    finally:
        if program.returncode is None:
            program.kill()
    assert (output, errors, program.returncode) == (b"session ended\nserved\n", b"", 0)
