"""Measures our hosts with benchmarks/load.c, one after the other and round after round, and prints a table of
medians: CPU of the server process per message or delivery. See benchmarks/README.md for what the rows are."""

import argparse
import json
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

TESTS = {
    "echo 64 B, 100 connections, 1 in flight": ["echo", "100", "1", "64"],
    "echo 64 B, 50 connections, 16 in flight": ["echo", "50", "16", "64"],
    "room of 1,000, 64 B, one at a time": ["rooms", "1", "1000", "1", "64"],
    "room of 1,000, 64 B, 16 at a time": ["rooms", "1", "1000", "16", "64"],
    "room of 1,000, 1 KiB, one at a time": ["rooms", "1", "1000", "1", "1024"],
    "room of 1,000, 1 KiB, 16 at a time": ["rooms", "1", "1000", "16", "1024"],
    "room of 100, 16 KiB": ["rooms", "1", "100", "1", "16384"],
    "1,000 rooms of 5, 64 B": ["rooms", "1000", "5", "1", "64"],
    "idle, bytes of memory per connection": ["idle", "10000"],
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port: int) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"nothing listens on port {port}")


def measure(load: str, name: str, command: str, test: list[str], seconds: str) -> float:
    port = free_port()
    scheme = "wss:" if name.startswith("wss") else ""
    server = subprocess.Popen(command.replace("{port}", str(port)).split(), cwd=ROOT)
    try:
        wait_for(port)
        arguments = [load, test[0], f"{scheme}{port}", str(server.pid), *test[1:]]
        if test[0] != "idle":
            arguments.append(seconds)
        done = subprocess.run(arguments, stdout=subprocess.PIPE, text=True, check=True, timeout=300)
        result = json.loads(done.stdout)
        return result["bytes"] if test[0] == "idle" else result["cpu_us"]
    finally:
        server.terminate()
        server.wait(30)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", default="2")
    parser.add_argument("--load", default="build/load")
    parser.add_argument("--tests", default="", help="only rows whose name has this in it")
    parser.add_argument(
        "server",
        nargs="*",
        help="NAME='COMMAND {port}'; a NAME that begins with wss speaks TLS; default: our three hosts",
    )
    arguments = parser.parse_args()
    given = arguments.server or [f"{name}=script/host {name} {{port}}" for name in ("c", "swift", "python")]
    servers = dict(item.split("=", 1) for item in given)
    print("| CPU µs per message or delivery | " + " | ".join(servers) + " |")
    print("|---|" + "---|" * len(servers), flush=True)
    for name, test in TESTS.items():
        if arguments.tests not in name:
            continue
        results: dict[str, list[float]] = {server: [] for server in servers}
        for _ in range(arguments.rounds):
            for server, command in servers.items():
                results[server].append(measure(arguments.load, server, command, test, arguments.seconds))
        medians = [statistics.median(values) for values in results.values()]
        print(
            f"| {name} | "
            + " | ".join(f"{value:.3g}" if value < 100 else f"{value:.0f}" for value in medians)
            + " |",
            flush=True,
        )


if __name__ == "__main__":
    main()
