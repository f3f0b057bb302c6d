"""The example programs, run as they are."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import sys

import pytest
from conftest import ROOT, Peer, fetch
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.asynccontextmanager
async def program(name, *arguments):
    path = ROOT / "examples" / "python" / name
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "bindings" / "python")}
    process = await asyncio.create_subprocess_exec(sys.executable, str(path), *arguments, env=environment)
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 20) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@contextlib.asynccontextmanager
async def client(port, path):
    """Connects as soon as the program listens."""
    for attempt in range(400):
        try:
            socket = await connect(f"ws://127.0.0.1:{port}{path}", proxy=None)
            break
        except OSError:
            await asyncio.sleep(0.05)
    else:
        raise AssertionError("the program does not listen")
    async with socket:
        yield Peer(socket)


async def test_hello_passes_a_message_to_the_others_in_the_room(library):
    port = free_port()
    async with program("hello.py", f"127.0.0.1:{port}"):
        async with client(port, "/rooms/a") as one, client(port, "/rooms/a") as two:
            await one.send("hello")
            assert await two.receive() == "hello"
            await two.send("back")
            assert await one.receive() == "back"


@pytest.mark.parametrize("settings", [[], ["threads=2"], ["max_message_size=2MiB", "ping_interval=1"]])
async def test_host_echoes_and_lets_a_room_hear_everything(library, settings):
    port = free_port()
    async with program("host.py", str(port), *settings):
        async with client(port, "/echo") as one:
            await one.send("text")
            assert await one.receive() == "text"
            await one.send(b"\x00binary")
            assert await one.receive() == b"\x00binary"
        async with client(port, "/room/a") as one, client(port, "/room/a") as two:
            await one.send("all")
            assert await one.receive() == "all"
            assert await two.receive() == "all"


async def test_hello_fits_on_a_first_screen(library):
    lines = (ROOT / "examples" / "python" / "hello.py").read_text().splitlines()
    assert len(lines) <= 14


async def test_the_readme_shows_programs_that_run(library):
    """Its Python programs are the examples, which other tests here run."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.S)
    examples = [path.read_text() for path in (ROOT / "examples" / "python").glob("*.py")]
    assert blocks, "README.md shows no Python program"
    assert all(block in examples for block in blocks)


async def test_the_program_of_the_package_readme_answers_as_it_says(library, tmp_path):
    text = (ROOT / "bindings" / "python" / "README.md").read_text()
    (block,) = re.findall(r"```python\n(.*?)```", text, flags=re.S)
    port = free_port()
    path = tmp_path / "program.py"
    path.write_text(block.replace("127.0.0.1:8000", f"127.0.0.1:{port}"))
    async with program(path):
        async with client(port, "/chat/a?name=ann") as ann:
            async with client(port, "/chat/a?name=bob") as bob:
                await ann.send("hi")
                assert await bob.receive_json() == {"from": "ann", "text": "hi"}
                assert await ann.receive_json() == {"from": "ann", "text": "hi"}
                assert (await fetch(port, "/healthz"))[2] == b'{"connections":2}'
            assert await ann.receive_json() == {"left": "bob"}
        with pytest.raises(InvalidStatus):
            async with client(port, "/chat/a"):
                pass


async def test_the_client_of_the_readme_comes_back_when_its_server_does(library):
    port = free_port()
    for turn in range(2):
        server = library.Server(f"127.0.0.1:{port}")
        hello = asyncio.get_running_loop().create_future()

        @server.on_message
        def answer(connection, message, hello=hello, turn=turn):
            connection.send(f"{message.text} {turn}")
            if not hello.done():
                hello.set_result(connection)

        await server.start()
        if turn == 0:
            environment = {**os.environ, "PYTHONPATH": str(ROOT / "bindings" / "python"), "WS_UNUSED": ""}
            path = ROOT / "examples" / "python" / "listen.py"
            listener = await asyncio.create_subprocess_exec(
                sys.executable, str(path), f"ws://127.0.0.1:{port}/", env=environment,
                stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            assert await asyncio.wait_for(listener.stdout.readline(), 20) == b"hello 0\n"
        else:
            for _ in range(400):
                if server.connection_count == 1:
                    break
                await asyncio.sleep(0.05)
            (connection,) = server.connections
            connection.send("again")
            assert await asyncio.wait_for(listener.stdout.readline(), 20) == b"again\n"
            connection.close(1000)
            assert await asyncio.wait_for(listener.wait(), 20) == 0
        await server.stop()
