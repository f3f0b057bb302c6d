"""What a delivery costs when the members are on another process than the publisher, through a real Redis.

Prints CPU microseconds of both server processes for each message, with the members on the publisher's
process and on the other one, for rooms of several sizes, and how much the other one costs beyond 1.1 times
the own, which is what a message costs by itself; beside it python-socketio with its Redis manager, if
--socketio names a Python that has it (python-socketio, redis, uvicorn). Each member's bytes are counted, and
the last message is awaited.

    .venv/bin/python benchmarks/cluster.py [--socketio PYTHON]
"""

import argparse
import base64
import contextlib
import os
import selectors
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAYLOAD = b"x" * 64
MASK = b"\0\0\0\0"
# With a mask of zeros a client's frame has the payload as it is.
FRAME = b"\x81" + bytes([0x80 | len(PAYLOAD)]) + MASK + PAYLOAD


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port: int) -> None:
    for _ in range(300):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    sys.exit(f"nothing listens on port {port}")


def cpu_seconds(process: subprocess.Popen) -> float:
    """By the scheduler's clock, of all threads."""
    total = 0
    for task in Path(f"/proc/{process.pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def open_socket(port: int, path: str) -> socket.socket:
    peer = socket.create_connection(("127.0.0.1", port))
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade"]
    lines += ["Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}"]
    peer.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += peer.recv(1)
    assert b" 101 " in head, head
    return peer


def receive_frame(peer: socket.socket) -> bytes:
    head = peer.recv(2, socket.MSG_WAITALL)
    size = head[1]
    if size == 126:
        size = int.from_bytes(peer.recv(2, socket.MSG_WAITALL), "big")
    return peer.recv(size, socket.MSG_WAITALL)


class Hearth:
    """Two C hosts; members of /room/r get what the others send."""

    name = "Hearth"
    deliveries = 20_000
    sent = FRAME
    received = 2 + len(PAYLOAD)

    def __init__(self, redis_port: int, _: str) -> None:
        self.ports = [free_port(), free_port()]
        settings = [f"redis_url=redis://127.0.0.1:{redis_port}", "health_path=/health"]
        command = [str(ROOT / "build/host-c")]
        self.processes = [subprocess.Popen([*command, str(port), *settings]) for port in self.ports]
        for port in self.ports:
            wait_for(port)
            while True:
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/health")
                    break
                time.sleep(0.05)

    def join(self, index: int, room: str) -> socket.socket:
        return open_socket(self.ports[index], f"/room/{room}")


class SocketIO:
    """Two processes of uvicorn with python-socketio and AsyncRedisManager, over WebSocket alone."""

    name = "python-socketio"
    deliveries = 3200
    EVENT = b'42["say","' + PAYLOAD + b'"]'
    sent = b"\x81" + bytes([0x80 | len(EVENT)]) + MASK + EVENT
    received = 2 + len(EVENT)

    def __init__(self, redis_port: int, python: str) -> None:
        self.ports = [free_port(), free_port()]
        program = str(ROOT / "benchmarks/peers/socketio_room.py")
        command = [python, program, f"redis://127.0.0.1:{redis_port}"]
        self.processes = [subprocess.Popen([*command, str(port)]) for port in self.ports]
        for port in self.ports:
            wait_for(port)
        time.sleep(1)

    def join(self, index: int, room: str) -> socket.socket:
        peer = open_socket(self.ports[index], "/socket.io/?EIO=4&transport=websocket")
        assert receive_frame(peer).startswith(b"0")
        connect = b'40{"room":"' + room.encode() + b'"}'
        peer.sendall(b"\x81" + bytes([0x80 | len(connect)]) + MASK + connect)
        assert receive_frame(peer).startswith(b"40")
        return peer


def run(pair, index: int, members: int, messages: int, in_flight: int, room: str) -> float:
    """CPU microseconds for each message, of both processes, with the members on the process `index`."""
    publisher = pair.join(0, room)
    peers = [pair.join(index, room) for _ in range(members)]
    time.sleep(0.5)
    selector = selectors.DefaultSelector()
    counts = {}
    for peer in peers:
        peer.setblocking(False)
        selector.register(peer, selectors.EVENT_READ)
        counts[peer] = 0
    publisher.setblocking(True)
    before = sum(cpu_seconds(process) for process in pair.processes)
    for round_number in range(messages // in_flight):
        publisher.sendall(pair.sent * in_flight)
        wanted = (round_number + 1) * in_flight * pair.received
        left = sum(1 for count in counts.values() if count < wanted)
        deadline = time.monotonic() + 30
        while left:
            assert time.monotonic() < deadline, "messages are missing"
            for key, _ in selector.select(1):
                peer = key.fileobj
                bytes_read = len(peer.recv(1 << 18))
                was_short = counts[peer] < wanted
                counts[peer] += bytes_read
                assert counts[peer] <= wanted, "more came than was sent"
                left -= was_short and counts[peer] == wanted
        # The publisher is a member too.
        with contextlib.suppress(BlockingIOError):
            while publisher.recv(1 << 18, socket.MSG_DONTWAIT):
                pass
    used = sum(cpu_seconds(process) for process in pair.processes) - before
    for peer in [publisher, *peers]:
        peer.close()
    return used / messages * 1e6


def measure(pair, arguments) -> None:
    for members in (1, 10, 100, 1000):
        messages = max(160, pair.deliveries * arguments.share // 100 // members // 16 * 16)
        for in_flight in (1, 16):
            results: list[list[float]] = [[], []]
            for round_number in range(arguments.rounds):
                for index in (0, 1):
                    room = f"r{members}.{in_flight}.{round_number}.{index}"
                    results[index].append(run(pair, index, members, messages, in_flight, room))
            here, there = (statistics.median(values) for values in results)
            print(
                f"| {pair.name} | {members:,} | {in_flight} | {here:.1f} | {there:.1f} "
                f"| {here / members:.2f} | {there / members:.2f} | {there - 1.1 * here:.1f} |",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--share", type=int, default=100, help="of the deliveries, in a hundred")
    parser.add_argument("--socketio", default="", help="a Python with python-socketio, redis and uvicorn")
    arguments = parser.parse_args()
    port = free_port()
    redis = subprocess.Popen(
        ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""], stdout=subprocess.DEVNULL
    )
    wait_for(port)
    print("| | members | in flight | here | there | per delivery, here | there | there - 1.1 x here |")
    print("|---|---|---|---|---|---|---|---|")
    try:
        for kind in (Hearth, SocketIO) if arguments.socketio else (Hearth,):
            pair = kind(port, arguments.socketio)
            try:
                measure(pair, arguments)
            finally:
                for process in pair.processes:
                    process.terminate()
                for process in pair.processes:
                    process.wait(30)
    finally:
        redis.terminate()
        redis.wait(30)


if __name__ == "__main__":
    main()
