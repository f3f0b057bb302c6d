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
SETTINGS = re.compile(r"(?<=<!-- settings -->\n).*(?=<!-- end of settings -->)", re.DOTALL)
UNITS = {"size": "bytes", "duration": "time", "rate": "per time"}


def described_settings() -> str:
    """The tables of settings by topic, as the library itself describes them: servers first, then clients."""
    library = ctypes.CDLL(os.environ.get("HEARTH_LIBRARY", str(ROOT / "build/libhearth.so")))
    library.hearth_config_describe.restype = ctypes.c_char_p
    entries = json.loads(library.hearth_config_describe())
    text = ""
    for who, scopes in {"Engines and servers": ("engine", "server"), "Clients": ("client",)}.items():
        text += f"\n## {who}\n"
        of_them = [entry for entry in entries if set(entry["scope"].split(", ")) & set(scopes)]
        for topic in dict.fromkeys(entry["topic"] for entry in of_them):
            text += f"\n### {who}: {topic}\n\n| key | type | default | |\n|---|---|---|---|\n"
            text += "".join(row(entry, entries, who) for entry in of_them if entry["topic"] == topic)
    return text + "\n"


def row(entry: dict, entries: list, who: str) -> str:
    words = linked(entry["help"], entry["key"], {other["key"] for other in entries})
    if "values" in entry:
        words += " One of " + ", ".join(f"`{value}`" for value in entry["values"]) + "."
    if "min" in entry:
        words += f" From `{entry['min']}` to `{entry['max']}`."
    default = f"`{entry['default']}`" if entry["default"] else "none"
    unit = f", {UNITS[entry['type']]}" if entry["type"] in UNITS else ""
    # A key of both has its anchor where it stands first.
    is_second = who == "Clients" and entry["scope"] != "client"
    key = f"`{entry['key']}`"
    key = f"[{key}](#{entry['key']})" if is_second else f'<a id="{entry["key"]}"></a>{key}'
    return f"| {key} | {entry['type']}{unit} | {default} | {words} |\n"


def linked(text: str, own: str, keys: set) -> str:
    """The text with a link for each other key that it names."""

    def link(match: re.Match) -> str:
        word = match[0]
        return f"[`{word}`](#{word})" if word in keys and word != own and "_" in word else word

    return re.sub(r"[a-z][a-z0-9_]+", link, text)


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
    if not SETTINGS.search(text):
        raise SystemExit("docs/configuration.md has no place for the settings")
    settings = described_settings()
    return SETTINGS.sub(lambda _: settings, text, count=1)


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
