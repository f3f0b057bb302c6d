"""The programs in the pages about Python run as they stand there."""

import asyncio
import contextlib
import re
import threading

import pytest
import uvicorn
from conftest import ROOT, WAIT_SECONDS, until
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

import hearth
import hearth.sync

PAGES = sorted((ROOT / "docs" / "python").glob("*.md")) + [ROOT / "bindings" / "python" / "README.md"]
ADDRESS = "127.0.0.1:8000"


def programs():
    for page in PAGES:
        text = page.read_text()
        for match in re.finditer(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
            line = text[: match.start()].count("\n") + 2
            yield pytest.param(match[1], id=f"{page.parent.name}-{page.stem}-{line}")


def compiled(program, port):
    return compile(program.replace(ADDRESS, f"127.0.0.1:{port}"), "program", "exec")


async def knock(port, program):
    """Connects to each route of a program, and says something there."""
    paths = re.findall(r'(?:route|websocket)\("([^"]+)"', program)
    assert paths
    for path in paths:
        url = f"ws://127.0.0.1:{port}{re.sub('{.*?}', 'a', path)}?name=ann"
        async with connect(url, proxy=None) as socket:
            await socket.send('{"message": "hello"}')
            if "/echo" in path:
                assert await asyncio.wait_for(socket.recv(), WAIT_SECONDS) == '{"message": "hello"}'


async def run_served(server, program):
    async with server:
        await knock(server.port, program)


@contextlib.contextmanager
def echoing():
    """A server for the programs that are clients."""
    server = hearth.sync.Server("127.0.0.1:0")
    server.route("/echo")
    server.on_message(lambda connection, message: connection.send(message))
    with server:
        yield server.port


@pytest.mark.parametrize("program", programs())
def test_a_program_of_the_pages_runs(program, library, monkeypatch, capsys, caplog):
    if "server" in program and ".run()" in program or ".serve()" in program:
        ran = []
        monkeypatch.setattr(
            hearth.Server, "run", lambda server: ran.append(asyncio.run(run_served(server, program)))
        )

        def serve(server):
            with server:
                ran.append(asyncio.run(knock(server.port, program)))

        monkeypatch.setattr(hearth.sync.Server, "serve", serve)
        exec(compiled(program, 0), {"__name__": "__main__"})
        assert len(ran) == 1
    elif "app = " in program:
        namespace = {"__name__": "__main__"}
        exec(compiled(program, 0), namespace)
        asyncio.run(run_application(namespace["app"], program))
    else:
        with echoing() as port:
            exec(compiled(program, port), {"__name__": "__main__"})
        assert capsys.readouterr().out or "print" not in program
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def run_application(app, program):
    configuration = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error")
    server = uvicorn.Server(configuration)
    server.capture_signals = contextlib.nullcontext
    task = asyncio.ensure_future(server.serve())
    await until(lambda: server.started or task.done())
    port = server.servers[0].sockets[0].getsockname()[1]
    if "websocket(" in program:
        await knock(port, program)
    else:
        async with connect(f"ws://127.0.0.1:{port}/", proxy=None) as socket:
            await socket.send("[1]")
            assert await asyncio.wait_for(socket.recv(), WAIT_SECONDS) == '{"echo":[1]}'
    server.should_exit = True
    await asyncio.wait_for(task, WAIT_SECONDS)


def test_no_program_of_the_pages_is_left_out():
    assert len(list(programs())) >= 14
