"""memberships.py BUILD_FOLDER [CONNECTIONS]: what joining and leaving costs, in instructions instead of in
time, and how much memory it takes.

10,000 connections join 20 of 100,000 rooms each. Runs memberships.c under valgrind, which counts the
instructions of the first and of the last fiftieth of all joins and leaves: the last ones must cost what the
first ones cost. Without valgrind it says the memory, with users, which have presence, and without.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SECONDS_MAX = 550
RATIO_MAX = 1.5
# For a membership with its share of the room, and for a user's presence in the room on top of it.
BYTES_MAX = 100
PHASES = ["set-up", "first joins", "joins", "last joins", "idle", "first leaves", "leaves", "last leaves"]


def compile_program(build: Path, folder: Path) -> Path:
    program = folder / "memberships"
    options = ["-O2", "-g", "-Wall", "-Wextra", "-Werror", "-I", str(ROOT / "include")]
    source, library = str(HERE / "memberships.c"), str(build / "libhearth.so")
    subprocess.run(["cc", *options, source, library, "-lpthread", "-o", str(program)], check=True)
    (folder / "libhearth.so.0").symlink_to(build / "libhearth.debug.so")
    return program


def run(command: list, folder: Path) -> str:
    environment = {**os.environ, "LD_LIBRARY_PATH": str(folder)}
    done = subprocess.run(
        command, env=environment, text=True, capture_output=True, timeout=SECONDS_MAX, check=False
    )
    if done.returncode != 0:
        sys.exit(f"the program ended with {done.returncode}\n{done.stderr}")
    return done.stdout


def instructions(folder: Path) -> list:
    """Of each phase, in order: valgrind writes a file each time phase_begins is called."""
    counted = {}
    for path in folder.glob("counts.*"):
        number = re.fullmatch(r"counts\.(\d+)", path.name)
        total = re.search(r"^(?:summary|totals): (\d+)", path.read_text(errors="replace"), re.MULTILINE)
        if number and total:
            counted[int(number[1])] = int(total[1])
    return [counted[number] for number in sorted(counted)]


def main() -> int:
    build = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build").resolve()
    connections = sys.argv[2] if len(sys.argv) > 2 else "10000"
    sample = int(connections) * 20 // 50
    with tempfile.TemporaryDirectory(prefix="hearth-counting-") as name:
        folder = Path(name)
        program = compile_program(build, folder)
        memory = float(run([str(program), connections, "nobody"], folder))
        presence = float(run([str(program), connections, "users"], folder)) - memory
        valgrind = ["valgrind", "--tool=callgrind", "--dump-before=phase_begins", "--dump-instr=no"]
        run([*valgrind, f"--callgrind-out-file={folder}/counts", str(program), connections, "users"], folder)
        counted = dict(zip(PHASES, instructions(folder)))
    failed = 0
    for what in ("joins", "leaves"):
        first, last = counted[f"first {what}"] / sample, counted[f"last {what}"] / sample
        # Joins begin in empty tables and leaves end in them: the costly end is compared with the other.
        low, high = (first, last) if what == "joins" else (last, first)
        failed += high > low * RATIO_MAX
        print(f"{what}: {first:.0f} instructions each at first, {last:.0f} at last")
    failed += (memory > BYTES_MAX) + (presence > BYTES_MAX)
    print(f"memory: {memory:.1f} bytes for each membership, and {presence:.1f} for a user's presence")
    print("counting done" if failed == 0 else f"{failed} figures are too large")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
