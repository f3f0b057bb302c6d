"""Shows that a Python host keeps nothing: memory after a part of the work, and after all of it.

python_memory.py [MESSAGES [CONNECTIONS]]     default: 1000000 100000. It fails if memory has grown by more
                                              than 4 MB in between, or an object of a connection is left.

Half of the messages and connections go to a plain function, half to a coroutine for each connection.
"""

import asyncio
import gc
import pathlib
import socket
import sys
import threading
import weakref

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bindings" / "python"))

import hearth  # noqa: E402
from hearth.connection import Connection  # noqa: E402

REQUEST = (
    "GET {} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
MESSAGE = b"\x82\xa0\0\0\0\0" + bytes(32)
CLOSE = b"\x88\x82\0\0\0\0\x03\xe8"
MANY = 100
GROWTH_MAX = 4_000_000


def opened(port, path):
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(REQUEST.format(path).encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += connection.recv(4096)
    return connection


def read(connection, count):
    while count > 0:
        got = len(connection.recv(min(count, 65536)))
        if got == 0:
            raise EOFError("the server has closed")
        count -= got


def closed(connection):
    connection.sendall(CLOSE)
    read(connection, 4)
    connection.close()


def send_messages(port, count):
    for path in ("/function", "/coroutine"):
        connection = opened(port, path)
        for _ in range(count // 2 // MANY):
            connection.sendall(MESSAGE * MANY)
            read(connection, 34 * MANY)
        closed(connection)


def open_connections(port, count):
    for number in range(count):
        connection = opened(port, "/function" if number % 2 else "/coroutine")
        connection.sendall(MESSAGE)
        read(connection, 34)
        closed(connection)


def resident_bytes():
    fields = pathlib.Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * 4096


async def main(messages, connections):
    server = hearth.Server("127.0.0.1:0")
    server.route("/function")
    seen = weakref.WeakSet()

    @server.on_open
    def remember(connection):
        seen.add(connection)

    @server.route("/coroutine")
    async def session(connection):
        async for message in connection:
            connection.send(message)

    @server.on_message
    def echo(connection, message):
        connection.send(message)

    def work(part):
        send_messages(server.port, messages // part)
        open_connections(server.port, connections // part)

    loop = asyncio.get_running_loop()
    async with server:
        failures = []
        sizes = []
        for part in (10, 1):
            failed = loop.create_future()
            thread = threading.Thread(target=run, args=(loop, failed, work, part))
            thread.start()
            failures.append(await failed)
            thread.join()
            while server.connection_count or server._dispatcher.tasks:
                await asyncio.sleep(0.01)
            gc.collect()
            sizes.append(resident_bytes())
        left = [thing for thing in gc.get_objects() if isinstance(thing, Connection)]
        if any(failures):
            raise SystemExit(f"the peers failed: {failures}")
    growth = sizes[1] - sizes[0]
    print(f"{messages} messages, {connections} connections: {sizes[0]} bytes, then {growth:+} bytes")
    print(f"{len(left)} connections are left, {len(seen)} of them by a weak reference")
    return 0 if growth <= GROWTH_MAX and not left and not seen else 1


def run(loop, failed, work, part):
    error = None
    try:
        work(part)
    except BaseException as raised:
        error = raised
    loop.call_soon_threadsafe(failed.set_result, error)


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]] + [1_000_000, 100_000][len(sys.argv) - 1 :]
    sys.exit(asyncio.run(main(*given)))
