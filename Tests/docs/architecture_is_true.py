"""ARCHITECTURE.md names files and functions that exist, draws the targets as they are, and its tables of hops
follow the calls in the code."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILE = re.compile(r"`((?:Sources|Tests|tools|bindings|docs|include|script)/[^`\s]*)`")
ROW = re.compile(r"^\|([^|]*)\| `(Sources/[^`]*)` \|([^|]*)\|$")


def missing_files(text: str) -> list:
    return [f"{name} does not exist" for name in FILE.findall(text) if not (ROOT / name).exists()]


def tables(text: str) -> list:
    """Rows of each table: what, file, functions of that file. With whether it is a table of hops."""
    found = []
    for line in text.splitlines():
        if line.startswith("| hop |"):
            found.append((True, []))
        elif line.startswith("| what |"):
            found.append((False, []))
        match = ROW.match(line)
        if match and found:
            found[-1][1].append((match[1].strip(), match[2], re.findall(r"`(\w+)`", match[3])))
    return [table for table in found if table[1]]


def bodies(name: str, function: str) -> list:
    """The text inside of each function of that name in the file, without comments."""
    path = ROOT / name
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    head = re.compile(rf"^(\s*)(?:[@\w()]+ )*func {function}\b")
    found = []
    for start, line in enumerate(lines):
        match = head.match(line)
        if not match:
            continue
        end = start
        while end + 1 < len(lines) and not lines[end].startswith(match[1] + "}"):
            # A function on one line ends where it begins.
            if end == start and line.rstrip().endswith("}"):
                break
            end += 1
        text = "\n".join(re.sub(r"//.*", "", part) for part in lines[start : end + 1])
        found.append(text[text.index(f"func {function}") + len(f"func {function}") :])
    return found


def missing_functions(rows: list) -> list:
    return [
        f"{name} has no function {function}"
        for _, name, functions in rows
        for function in functions
        if not bodies(name, function)
    ]


def broken_hops(rows: list) -> list:
    """Each function of a table is called by one that stands before it. A row that begins with "later" or
    "elsewhere" is not called by what stands before it: the loop begins it."""
    found = []
    before = []
    for what, name, functions in rows:
        if what.startswith(("later", "elsewhere")):
            before = []
        for function in functions:
            # Calls, with parentheses or a closure, and functions that are passed on.
            call = re.compile(rf"\b{function}\b")
            callers = [body for place in before for body in bodies(*place)]
            if before and not any(call.search(body) for body in callers):
                found.append(f"{name}: nothing before it in its table calls {function}")
            before.append((name, function))
    return found


def other_targets(text: str) -> list:
    named = set(re.findall(r"^\| `Sources/(\w+)` \|", text, re.MULTILINE))
    there = {path.name for path in (ROOT / "Sources").iterdir() if path.name.startswith("Hearth")}
    return [f"the table of targets has {named}, Sources has {there}"] if named != there else []


def other_rooms(text: str) -> list:
    """The table of rooms has the folders of the engine."""
    named = set(re.findall(r"^\| `(\w+)/` \|", text, re.MULTILINE))
    there = {path.name for path in (ROOT / "Sources/HearthEngine").iterdir() if path.is_dir()}
    return [f"the table of rooms has {named}, HearthEngine has {there}"] if named != there else []


def main() -> int:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    found = missing_files(text) + other_targets(text) + other_rooms(text)
    hops = 0
    for is_path, rows in tables(text):
        found += missing_functions(rows)
        if is_path:
            hops += len(rows)
            found += broken_hops(rows)
    if hops < 25:
        found.append("the tables of the hops are gone")
    for line in found:
        print(f"ARCHITECTURE.md: {line}", file=sys.stderr)
    return 1 if found else 0


sys.exit(main())
