"""The package and programs that use it are typed."""

import ast
import inspect
import re
import subprocess
import sys

import hearth
import hearth.asgi
import hearth.sync
import pytest
from conftest import ROOT
from hearth import _abi

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
        count: int = server.room(connection.captures["room"]).broadcast(text, except_=connection)
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


def test_mypy_finds_each_planted_mistake_and_no_other():
    program = ROOT / "bindings" / "python" / "tests" / "planted_mistakes.py"
    lines = program.read_text().splitlines()
    planted = {number for number, line in enumerate(lines, 1) if line.endswith("# mistake")}
    done = mypy("--no-error-summary", program.name, cwd=program.parent, env={"MYPYPATH": str(PACKAGE)})
    found = re.findall(r"^planted_mistakes\.py:(\d+): error:", done.stdout, re.M)
    assert {int(number) for number in found} == planted, done.stdout
    assert len(planted) > 60


def test_the_typed_options_are_what_the_library_describes():
    command = [sys.executable, str(ROOT / "tools" / "generate_options.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


def test_the_options_of_routes_are_those_of_the_header():
    """hearth_server_route has them in its comment, one a line."""
    header = (ROOT / "include" / "hearth.h").read_text()
    comment = header.split("/* Adds a route, tried in order")[1].split("*/")[0]
    named = set(re.findall(r"^ \*   (\w+)[=:]", comment, re.M)) - {"http"}
    here = {"claim" if name == "claims" else name for name in hearth.RouteOptions.__annotations__}
    assert here - {"max_inbox_messages", "max_inbox_bytes"} == named


def public_members():
    for module in (hearth, hearth.sync, hearth.asgi):
        for name in module.__all__:
            value = getattr(module, name)
            yield f"{module.__name__}.{name}", value
            for key, member in vars(value).items() if inspect.isclass(value) else ():
                if not key.startswith("_") and (callable(member) or isinstance(member, property)):
                    yield f"{module.__name__}.{name}.{key}", member


def test_every_public_member_has_a_docstring():
    members = [(name, member) for name, member in public_members() if not isinstance(member, str)]
    assert [name for name, member in members if not inspect.getdoc(member)] == []


def test_the_version_of_the_package_is_that_of_the_header():
    assert hearth.__version__ == _abi.VERSION


def test_the_package_is_written_in_the_language_of_python_3_9():
    for path in PACKAGE.glob("hearth/**/*.py"):
        tree = ast.parse(path.read_text(), feature_version=(3, 9))
        imports = {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}
        has_functions = any(isinstance(node, ast.FunctionDef) for node in ast.walk(tree))
        # Annotations may be newer than 3.9 where they are not evaluated.
        assert "__future__" in imports or not has_functions, path
