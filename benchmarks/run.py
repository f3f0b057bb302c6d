"""Measures WebSocket servers with benchmarks/load.c, round after round, and writes a table of medians and
plots: CPU time of the server process per message, delivery or handshake, with that of the kernel's thread for
network work on its CPU. benchmarks/README.md says what the rows are."""

import argparse
import importlib.util
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PYTHON = next((str(p) for p in [ROOT / ".venv/bin/python"] if p.exists()), sys.executable)

# A row's name, and what the load is told: the mode and what follows the port and the process.
TABLE = {
    "echo 64 B, 100 connections, 1 in flight": ["echo", "100", "1", "64"],
    "echo 64 B, 50 connections, 16 in flight": ["echo", "50", "16", "64"],
    "room of 1,000, 64 B, 1 outstanding": ["rooms", "1", "1000", "1", "64"],
    "room of 1,000, 64 B, 16 outstanding": ["rooms", "1", "1000", "16", "64"],
    "room of 1,000, 64 B, 64 outstanding": ["rooms", "1", "1000", "64", "64"],
    "room of 1,000, 64 B, 16 senders": ["rooms", "1", "1000", "16", "64", "SECONDS", "16"],
    "room of 1,000, 1 KiB, 1 outstanding": ["rooms", "1", "1000", "1", "1024"],
    "room of 1,000, 1 KiB, 16 outstanding": ["rooms", "1", "1000", "16", "1024"],
    "room of 100, 16 KiB, 1 outstanding": ["rooms", "1", "100", "1", "16384"],
    "room of 100, 16 KiB, 8 outstanding": ["rooms", "1", "100", "8", "16384"],
    "room of 10, 1 MiB, 1 outstanding": ["rooms", "1", "10", "1", "1048576"],
    "1,000 rooms of 5, 64 B, all busy": ["rooms", "1000", "5", "1", "64"],
    "handshake": ["connect", "5000"],
    "idle connection in a room, bytes of memory": ["idle", "10000"],
}
MEMBERS = {count: ["rooms", "1", str(count), "1", "64"] for count in (10, 30, 100, 300, 1000, 3000, 10000)}
SIZES = {
    size: ["rooms", "1", "100", "1", str(size)] for size in (16, 256, 1024, 4096, 1 << 14, 1 << 16, 1 << 20)
}

OURS = ("c", "swift", "python", "node")
PEERS = ROOT / "benchmarks/peers"
SERVERS = {
    "floor": "build/floor {port}",
    "c": "script/host c {port}",
    "c, no io_uring": "script/host c {port} io_uring=off",
    "swift": "script/host swift {port}",
    "python": "script/host python {port}",
    "node": "script/host node {port}",
    "libwebsockets": "build/lws_room {port}",
    "ws": f"node {PEERS}/ws.mjs {{port}}",
    "picows": f"{PYTHON} {PEERS}/picows_room.py {{port}}",
    "websockets": f"{PYTHON} {PEERS}/websockets_room.py {{port}}",
    "socketify": f"{PYTHON} {PEERS}/socketify_room.py {{port}}",
    "fastapi": f"{PYTHON} {PEERS}/fastapi_room.py {{port}}",
}


def missing(name: str) -> "str | None":
    """Why a server of SERVERS cannot be measured here."""
    if name == "libwebsockets" and not (ROOT / "build/lws_room").exists():
        return "libwebsockets-dev was not there to build it with"
    if name in ("node", "ws") and not shutil.which("node"):
        return "there is no node"
    if name == "ws" and not any(Path(p, "ws").exists() for p in ("/usr/share/nodejs", ROOT / "node_modules")):
        return "there is no package ws for Node"
    if name in ("picows", "websockets", "socketify", "fastapi"):
        found = subprocess.run([PYTHON, "-c", f"import {name}"], capture_output=True, check=False)
        if found.returncode or not Path(SERVERS[name].split()[1]).exists():
            return f"the Python package {name} is not installed"
    return None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"nothing listens on port {port}")


def on_cpu(number: int) -> "list[str]":
    """Server and load on a CPU each, where there are two."""
    return ["taskset", "-c", str(number)] if (os.cpu_count() or 1) > 1 and shutil.which("taskset") else []


def kernel_seconds() -> float:
    """CPU time so far of the kernel thread that takes over network work of the server's CPU."""
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "comm").read_text().strip() == "ksoftirqd/0":
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except OSError:
            continue
    return 0.0


def process_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(options: argparse.Namespace, name: str, command: str, test: "list[str]") -> "dict[str, float]":
    """What one run of the load found, of a server of its own."""
    port = free_port()
    scheme = "wss:" if name.startswith("wss") else ""
    environment = {"NODE_PATH": "/usr/share/nodejs", **os.environ}
    server = subprocess.Popen(
        [*on_cpu(0), *command.replace("{port}", str(port)).split()], cwd=ROOT, env=environment
    )
    try:
        wait_for(port)
        rest = [options.seconds if part == "SECONDS" else part for part in test[1:]]
        if test[0] in ("echo", "rooms") and "SECONDS" not in test:
            rest.append(options.seconds)
        arguments = [*on_cpu(1), options.load, test[0], f"{scheme}{port}", str(server.pid), *rest]
        kernel = kernel_seconds()
        done = subprocess.run(arguments, stdout=subprocess.PIPE, text=True, check=True, timeout=300)
        result: "dict[str, float]" = json.loads(done.stdout)
        own = process_seconds(server.pid)
        result["kernel_share"] = (kernel_seconds() - kernel) / own if own > 0 else 0.0
        # What a kernel thread did for the server is the server's, too.
        full = result.get("cpu_us", 0.0) * (1 + result["kernel_share"])
        result["cost"] = result["bytes"] if test[0] == "idle" else full
        return result
    finally:
        server.terminate()
        server.wait(30)


def run_all(
    options: argparse.Namespace, servers: "dict[str, str]", tests: "dict[str, list[str]]", out: Path
) -> "dict[str, dict[str, float]]":
    """The medians: of each test, of each server. Servers take turns within a round, so that what disturbs the
    machine disturbs all."""
    medians: "dict[str, dict[str, float]]" = {}
    for count, (name, test) in enumerate(tests.items()):
        values: "dict[str, list[float]]" = {server: [] for server in servers}
        for number in range(options.rounds):
            for server, command in servers.items():
                where = f"{count + 1}/{len(tests)} {name}, round {number + 1}, {server}"
                print(f"\r\033[K{where}", end="", file=sys.stderr)
                try:
                    result = measure(options, server, command, test)
                except (subprocess.SubprocessError, RuntimeError) as error:
                    print(f"\n{server} failed: {error}", file=sys.stderr)
                    continue
                values[server].append(result["cost"])
                with (out / "runs.jsonl").open("a") as file:
                    file.write(json.dumps({"test": name, "server": server, **result}) + "\n")
        medians[name] = {server: statistics.median(found) for server, found in values.items() if found}
    print("\r\033[K", end="", file=sys.stderr)
    return medians


def cell(value: "float | None", floor: "float | None") -> str:
    if value is None:
        return "failed"
    text = f"{value:.3g}" if value < 100 else f"{value:,.0f}"
    return f"{text} ({value / floor:.2f})" if floor else text


def table(medians: "dict[str, dict[str, float]]", servers: "dict[str, str]") -> str:
    lines = ["| CPU µs per message, delivery or handshake | " + " | ".join(servers) + " |"]
    lines.append("|---|" + "---|" * len(servers))
    for name, found in medians.items():
        floor = found.get("floor")
        cells = [cell(found.get(server), None if server == "floor" else floor) for server in servers]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def begin_plot() -> "ModuleType":
    import matplotlib

    matplotlib.use("svg")
    # Text stays text, and what is drawn twice is the same.
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "hearth"})
    from matplotlib import pyplot

    return pyplot


def look(server: str) -> "dict[str, Any]":
    """Ours are orange, the bare server is grey."""
    if server == "floor":
        return {"color": "#888", "linestyle": "--"}
    return {"color": "#d9541e", "linewidth": 2.2} if server.split(",")[0] in OURS else {"alpha": 0.8}


def plot_lines(
    medians: "dict[str, dict[str, float]]", servers: "dict[str, str]", label: str, path: Path
) -> None:
    pyplot = begin_plot()
    figure, axes = pyplot.subplots(figsize=(7, 4.5), layout="constrained")
    for server in servers:
        points = [(int(x), found[server]) for x, found in medians.items() if server in found]
        if points:
            axes.plot(*zip(*points), marker="o", markersize=3, label=server, **look(server))
    axes.set(xscale="log", yscale="log", xlabel=label, ylabel="CPU µs of the server per delivery")
    axes.set_xticks([int(x) for x in medians], [f"{int(x):,}" for x in medians], minor=False)
    axes.set_xticks([], minor=True)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "25" else "")
    axes.tick_params(labelsize=8, which="both")
    axes.grid(True, which="both", alpha=0.25)
    axes.legend(fontsize=8)
    figure.savefig(path, metadata={"Date": None})


def plot_bars(medians: "dict[str, dict[str, float]]", servers: "dict[str, str]", path: Path) -> None:
    pyplot = begin_plot()
    rows = [name for name in medians if medians[name]]
    lines = (len(rows) + 1) // 2
    height = 1.2 + 0.19 * len(servers) * lines
    figure, places = pyplot.subplots(lines, 2, figsize=(10, height), layout="constrained", squeeze=False)
    for axes in places.flat[len(rows) :]:
        axes.axis("off")
    for name, axes in zip(rows, places.flat):
        found = [(s, medians[name][s]) for s in reversed(list(servers)) if s in medians[name]]
        colors = [look(s).get("color", "#4878a8") for s, _ in found]
        bars = axes.barh([s for s, _ in found], [v for _, v in found], color=colors)
        axes.bar_label(bars, [cell(v, None) for _, v in found], fontsize=7, padding=2)
        axes.set_title(name, fontsize=9, loc="left")
        axes.margins(x=0.12)
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", default="1", help="how long each run is measured")
    parser.add_argument("--load", default=str(ROOT / "build/load"), help=argparse.SUPPRESS)
    parser.add_argument("--tests", default="", help="only rows whose name has this in it, or this|that")
    parser.add_argument("--out", default="build/bench", help="folder for runs.jsonl, table.md and the plots")
    parser.add_argument(
        "--lines", action="store_true", help="also as members grow and as messages grow: takes long"
    )
    usual = ", ".join(SERVERS)
    parser.add_argument("--only", default="", help=f"only these, with + between: {usual}")
    parser.add_argument(
        "server", nargs="*", help="NAME='COMMAND {port}' instead; a NAME that begins with wss speaks TLS"
    )
    options = parser.parse_args()
    servers = dict(item.split("=", 1) for item in options.server)
    if not servers:
        for name in options.only.split("+") if options.only else SERVERS:
            if name not in SERVERS:
                sys.exit(f"there is no server {name!r}: there are {usual}")
            why = missing(name)
            if why:
                print(f"without {name}: {why}", file=sys.stderr)
            else:
                servers[name] = SERVERS[name]
    out = ROOT / options.out
    out.mkdir(parents=True, exist_ok=True)
    (out / "runs.jsonl").unlink(missing_ok=True)
    draws = importlib.util.find_spec("matplotlib") is not None
    if not draws:
        print("no plots: the Python package matplotlib is not installed", file=sys.stderr)
    rows = {n: t for n, t in TABLE.items() if any(part in n for part in options.tests.split("|"))}
    medians = run_all(options, servers, rows, out)
    (out / "table.md").write_text(table(medians, servers))
    print(table(medians, servers), end="")
    if draws and medians:
        plot_bars(medians, servers, out / "cost.svg")
    if options.lines:
        for tests, label, name in (
            (MEMBERS, "members of the room", "members"),
            (SIZES, "bytes of a message", "sizes"),
        ):
            found = run_all(options, servers, {str(x): test for x, test in tests.items()}, out)
            (out / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")
            if draws:
                plot_lines(found, servers, label, out / f"{name}.svg")


if __name__ == "__main__":
    main()
