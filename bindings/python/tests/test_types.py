"""The package and programs that use it are typed."""

import ast
import subprocess
import sys

import pytest
from conftest import ROOT

PACKAGE = ROOT / "bindings" / "python"

PROGRAM = '''
import asyncio
from typing import List, Optional

import hearth
import hearth.sync
from hearth.asgi import ConnectionInfo, ConnectionManager, WebSocketClient

server = hearth.Server("127.0.0.1:8000", ping_interval=20)


@server.route("/rooms/{room}", join="auto")
async def session(connection: hearth.Connection) -> None:
    await connection.send("hello")
    async for message in connection:
        text: str = message.text
        count: int = server.room(connection.path["room"]).broadcast(text, except_=connection)
        print(count)


@server.on_message
def on_message(connection: hearth.Connection, message: hearth.Message) -> None:
    data: bytes = message.data
    connection.send(data)


async def main() -> None:
    async with hearth.connect("ws://127.0.0.1:8000/") as ws:
        await ws.send_json({"a": 1})
        latency: Optional[float] = ws.latency
        print(latency)
    manager = ConnectionManager(max_connections_per_user=5)
    users: List[str] = manager.active_users
    infos: List[ConnectionInfo] = manager.get_user_connections("ann")
    sent: int = await manager.broadcast({"users": users}, exclude_user="ann")
    print(infos, sent)
    async with WebSocketClient("ws://127.0.0.1:8000/") as client:
        async for text in client:
            print(text)


with hearth.sync.connect("ws://127.0.0.1:8000/") as blocking:
    print(blocking.recv(timeout=1).text)
asyncio.run(main())
'''


def mypy(*arguments, **options):
    pytest.importorskip("mypy")
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", "/dev/null", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **options)


def test_the_package_passes_mypy_strict():
    done = mypy("hearth", cwd=PACKAGE)
    assert done.returncode == 0, done.stdout


def test_a_program_that_uses_the_package_passes_mypy_strict(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    done = mypy("program.py", cwd=tmp_path, env={"MYPYPATH": str(PACKAGE), "PATH": "/usr/bin:/bin"})
    assert done.returncode == 0, done.stdout


def test_the_package_is_written_in_the_language_of_python_3_9():
    for path in PACKAGE.glob("hearth/**/*.py"):
        tree = ast.parse(path.read_text(), feature_version=(3, 9))
        imports = {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}
        has_functions = any(isinstance(node, ast.FunctionDef) for node in ast.walk(tree))
        # Annotations may be newer than 3.9 where they are not evaluated.
        assert "__future__" in imports or not has_functions, path
