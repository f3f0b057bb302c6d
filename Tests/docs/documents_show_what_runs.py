"""The programs in README.md and the settings in docs/configuration.md are those of the tree.

With --write it puts them there.
"""

import ctypes
import json
import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = [
    "examples/c/hello.c",
    "examples/python/hello.py",
    "examples/swift/hello/main.swift",
    "examples/python/listen.py",
]
TABLE = re.compile(r"(?<=\| key \| default \| \|\n\|---\|---\|---\|\n)(?:\|.*\n)*")


def described_settings() -> str:
    """The rows of the table of settings, as the library itself describes them."""
    library = ctypes.CDLL(os.environ.get("HEARTH_LIBRARY", str(ROOT / "build/libhearth.so")))
    library.hearth_config_describe.restype = ctypes.c_char_p
    rows = []
    for entry in json.loads(library.hearth_config_describe()):
        words = entry["help"]
        if "values" in entry:
            words += " One of " + ", ".join(f"`{value}`" for value in entry["values"]) + "."
        default = f"`{entry['default']}`" if entry["default"] else "none"
        rows.append(f"| `{entry['key']}` | {default} | {words} |\n")
    return "".join(rows)


def with_programs(text: str) -> str:
    for name in PROGRAMS:
        program = (ROOT / name).read_text()
        block = re.compile(rf"(\(\[{re.escape(name)}\]\([^)]*\)\):?\n\n```\w+\n)(.*?)```", re.DOTALL)
        if len(block.findall(text)) != 1:
            raise SystemExit(f"README.md should show {name}, behind a link to it")
        text = block.sub(lambda match: f"{match[1]}{program}```", text)
    if text.count("```") != 2 * len(PROGRAMS):
        raise SystemExit("README.md shows a program that is no file of the tree")
    return text


def with_settings(text: str) -> str:
    if not TABLE.search(text):
        raise SystemExit("docs/configuration.md has no table of settings")
    settings = described_settings()
    return TABLE.sub(lambda _: settings, text, count=1)


def main() -> int:
    status = 0
    for name, wanted in {"README.md": with_programs, "docs/configuration.md": with_settings}.items():
        text = (ROOT / name).read_text()
        if "--write" in sys.argv:
            (ROOT / name).write_text(wanted(text))
        elif text != wanted(text):
            print(f"{name} is not what the tree has; run this with --write", file=sys.stderr)
            status = 1
    return status


sys.exit(main())
