"""calls.py BUILD_FOLDER: what a message costs, in calls instead of in time.

Runs exchange.c under valgrind, which counts every call on the loop's thread, with the library that kept
its symbols. Once all is warm, a message must make no allocation, no retain and no release, and what came
with one receive must go out with one send to each receiver, or with one call of io_uring for all. Only
where a turn of the loop has filled a chunk of 256 KiB with outgoing bytes may one retain and one release be
made. A peer that comes and goes makes no allocation either. The last phase wastes memory on purpose: if
nothing is seen there, nothing was counted.

Instructions are counted too, those of the C library and of the host's callback included. Their thresholds are
half as much again as was counted when they were set: they are there for what makes a message dear, not for a
compiler's new mood.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SECONDS_MAX = 300
CHUNK_BYTES = 256 << 10
GROUPS = {
    "allocations": re.compile(
        r"(__libc_)?(malloc|calloc|realloc|free|memalign|posix_memalign|aligned_alloc)|mmap|munmap"
    ),
    "retains": re.compile(r"swift_(nonatomic_)?(bridgeObject|unknownObject)?([rR]etain|[rR]elease)\w*"),
    "receives": re.compile(r"(__)?(recv|recvfrom|recvmsg|read|readv)"),
    "sends": re.compile(r"(__)?(send|sendto|sendmsg|write|writev)"),
    # io_uring has no function in the C library.
    "rings": re.compile(r"syscall"),
    "polls": re.compile(r"epoll_(p?wait2?|ctl)"),
}
# For each message.
INSTRUCTIONS_MAX = {
    "echo, 64 B text, 1 in flight": 1950,
    "echo, 64 B text, 16 in flight": 920,
    "echo, 16 KiB binary, 1 in flight": 36000,
    "relay to a room of 10, 64 B text, 1 in flight": 6200,
    "relay to a room of 10, 64 B text, 16 in flight": 920,
    "handshake and close": 31000,
}
# And releases, of one connection.
RETAINS_OF_HANDSHAKE_MAX = 110
CALLED = re.compile(r"^cfn=(?:\(\d+\) )?([^'@\n]*)")


def compile_program(build: Path, folder: Path) -> Path:
    program = folder / "exchange"
    library = build / "libhearth.so"
    options = ["-O2", "-g", "-Wall", "-Wextra", "-Werror", "-I", str(ROOT / "include")]
    subprocess.run(
        ["cc", *options, str(HERE / "exchange.c"), str(library), "-lpthread", "-o", str(program)], check=True
    )
    # The name by which the program asks for the library, and behind it the one with symbols.
    (folder / "libhearth.so.0").symlink_to(build / "libhearth.debug.so")
    return program


class Phase:
    """One line of the program: how many messages of which size went to how many receivers each."""

    def __init__(self, line: str) -> None:
        messages, size, receivers, self.name = line.split("\t")
        self.messages, self.size, self.receivers = int(messages), int(size), int(receivers)


def run(program: Path, folder: Path) -> list[Phase]:
    command = [
        *("valgrind", "--tool=callgrind", "--separate-threads=yes", "--fair-sched=try"),
        *("--dump-before=phase_begins", "--compress-strings=no", "--dump-instr=no"),
        *(f"--callgrind-out-file={folder}/calls", str(program)),
    ]
    done = subprocess.run(
        command,
        env={**os.environ, "LD_LIBRARY_PATH": str(folder)},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=SECONDS_MAX,
    )
    if done.returncode != 0:
        sys.exit(f"the program ended with {done.returncode}\n{done.stderr}")
    return [Phase(line) for line in done.stdout.splitlines()]


def count(dump: Path) -> Counter:
    """How often the functions of each group were called in one phase, and how many instructions that took."""
    counted: Counter = Counter()
    called = ""
    is_of_callee = False
    with dump.open() as lines:
        for line in lines:
            match = CALLED.match(line)
            if match:
                called = match[1]
            elif line[0] in "0123456789+-*":
                # What a call took is counted where the callee has it.
                if not is_of_callee:
                    counted["instructions"] += int(line.split()[1])
                is_of_callee = False
            elif line.startswith("calls="):
                is_of_callee = True
                for group, names in GROUPS.items():
                    if names.fullmatch(called):
                        counted[group] += int(line[6:].split()[0])
    return counted


def dumps(folder: Path) -> list[Counter]:
    """One for each mark: the first is of the warm-up, and what came before it."""
    numbered = {}
    for path in folder.glob("calls.*"):
        match = re.fullmatch(r"calls\.(\d+)-\d+", path.name)
        if match and "phase_begins" in path.read_text(errors="replace")[:2000]:
            numbered[int(match[1])] = path
    return [count(numbered[number]) for number in sorted(numbered)]


def judge(phase: Phase, cost: Counter) -> bool:
    instructions = cost["instructions"] // phase.messages
    if phase.name.startswith("handshake"):
        is_right = (
            cost["allocations"] == 0
            and cost["retains"] <= RETAINS_OF_HANDSHAKE_MAX * phase.messages
            and instructions <= INSTRUCTIONS_MAX[phase.name]
        )
    elif phase.name.startswith("wasteful"):
        is_right = cost["allocations"] >= phase.messages and cost["retains"] >= phase.messages
    else:
        chunks = phase.messages * phase.size // CHUNK_BYTES
        is_right = (
            cost["allocations"] == 0
            and cost["retains"] <= 2 * chunks
            and 0 < cost["sends"] + cost["rings"] <= phase.receivers * cost["receives"]
            and instructions <= INSTRUCTIONS_MAX.get(phase.name, instructions)
        )
    figures = ", ".join(f"{cost[group]} {group}" for group in GROUPS)
    verdict = "passed" if is_right else "FAILED"
    print(f"{phase.name}: {phase.messages} messages make {figures}")
    print(f"    and take {instructions} instructions each: {verdict}")
    return is_right


def main() -> int:
    build = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build").resolve()
    with tempfile.TemporaryDirectory(prefix="hearth-counting-") as name:
        folder = Path(name)
        phases = run(compile_program(build, folder), folder)
        counted = dumps(folder)
    if len(counted) != len(phases) + 1 or not phases:
        sys.exit(f"{len(phases)} phases, but {len(counted)} counts")
    failed = sum(not judge(phase, cost) for phase, cost in zip(phases, counted[1:]))
    print(f"{failed} of {len(phases)} phases cost too much" if failed else "counting done")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
