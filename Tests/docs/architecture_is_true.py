"""ARCHITECTURE.md names files and functions that exist, and draws the targets as they are."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILE = re.compile(r"`((?:Sources|Tests|tools|bindings|docs|include|script)/[^`\s]*)`")


def missing_files(text: str) -> list:
    return [f"{name} does not exist" for name in FILE.findall(text) if not (ROOT / name).exists()]


def missing_functions(text: str) -> list:
    """Rows of the tables: what, file, functions of that file."""
    found = []
    rows = re.findall(r"^\|[^|]*\| `(Sources/[^`]*)` \|([^|]*)\|$", text, re.MULTILINE)
    if len(rows) < 15:
        found.append("the tables of the hops are gone")
    for name, functions in rows:
        source = (ROOT / name).read_text() if (ROOT / name).is_file() else ""
        for function in re.findall(r"`(\w+)`", functions):
            if not re.search(rf"\bfunc {function}\b", source):
                found.append(f"{name} has no function {function}")
    return found


def other_targets(text: str) -> list:
    named = set(re.findall(r"^\| `Sources/(\w+)` \|", text, re.MULTILINE))
    there = {path.name for path in (ROOT / "Sources").iterdir() if path.name.startswith("Hearth")}
    return [f"the table of targets has {named}, Sources has {there}"] if named != there else []


def main() -> int:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    found = missing_files(text) + missing_functions(text) + other_targets(text)
    for line in found:
        print(f"ARCHITECTURE.md: {line}", file=sys.stderr)
    return 1 if found else 0


sys.exit(main())
