"""Starts the example programs of every language and ends them."""

import asyncio
import functools
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = ["c", "swift", "python"]

COMMANDS = {
    "hello": {
        "c": [str(ROOT / "build/hello-c")],
        "swift": [str(ROOT / ".build/release/hello-swift")],
        "python": [sys.executable, str(ROOT / "examples/python/hello.py")],
    },
    "chat": {
        "c": [str(ROOT / "build/chat-c")],
        "swift": [str(ROOT / ".build/release/chat-swift")],
        "python": [sys.executable, str(ROOT / "examples/chat/chat.py")],
    },
    "host": {language: [str(ROOT / "script/host"), language] for language in LANGUAGES},
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def wait_for(port: int, process: subprocess.Popen) -> None:
    for _ in range(300):
        assert process.poll() is None, "the program ended"
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        except OSError:
            await asyncio.sleep(0.1)
    pytest.fail(f"nothing listens on port {port}")


@pytest.fixture(params=LANGUAGES)
def language(request):
    return request.param


@pytest.fixture
def start(language):
    """start(program, arguments after the port) answers the port when the program listens there."""
    processes = []

    async def start_program(program: str, *arguments: str) -> int:
        port = free_port()
        address = f"127.0.0.1:{port}" if program == "hello" else str(port)
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "bindings/python")}
        process = subprocess.Popen(
            [*COMMANDS[program][language], address, *arguments], env=environment, cwd=ROOT
        )
        processes.append(process)
        await wait_for(port, process)
        return port

    start_program.processes = processes
    yield start_program
    for process in processes:
        process.send_signal(signal.SIGTERM)
    for process in processes:
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            pytest.fail("the program did not end at SIGTERM")


def run(test):
    """Makes a test of a coroutine, with a limit that no good run comes near."""

    @functools.wraps(test)
    def wrapped(*arguments, **fixtures):
        async def limited():
            await asyncio.wait_for(test(*arguments, **fixtures), 60)

        asyncio.run(limited())

    return wrapped
