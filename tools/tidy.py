"""Checks the rules of the tree that a compiler does not know. Prints one line for each rule.

--rooms: prints which room of HearthEngine names which instead.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

import rooms

ROOT = Path(__file__).resolve().parent.parent
LINE_MAX = 110
FILE_MAX = 600
FUNCTION_MAX = 60
LINE_SUFFIXES = {".swift", ".c", ".py", ".js", ".css", ".html", ".cmake"}
LARGE_LIBRARIES = re.compile(r"\b(Foundation|Dispatch|FoundationEssentials)\b")

# What each target may import of its siblings and of C: the drawing in ARCHITECTURE.md, bottom up.
WALLS = {
    "HearthBytes": set(),
    "HearthWire": {"HearthBytes"},
    "HearthSession": {"HearthBytes", "HearthWire"},
    "HearthHub": {"HearthBytes", "HearthWire"},
    "HearthCluster": {"HearthBytes", "HearthWire"},
    "HearthPlatform": {
        "HearthBytes",
        "CLibuv",
        "CMemory",
        "COpenSSL",
        "CZlib",
        "CUring",
        "CJansson",
        "CJose",
        "CHiredis",
    },
    "HearthEngine": {
        "HearthBytes",
        "HearthWire",
        "HearthSession",
        "HearthHub",
        "HearthCluster",
        "HearthPlatform",
    },
    "HearthABI": {"CHearth", "HearthBytes", "HearthPlatform", "HearthEngine"},
    "Hearth": {"CHearth", "HearthABI"},
}
# The modules of the Python package, bottom up: each may import those of the lines above its own, also
# only for their types.
PYTHON_LAYERS = (
    ("_abi", "_background", "_options", "_outcome", "close_codes", "errors"),
    ("_arguments", "_library", "_urls"),
    ("_engine", "_records"),
    ("_pump",),
    ("_runtime",),
    ("message",),
    ("_inbox", "request", "client_state"),
    ("connection",),
    ("presence",),
    ("room", "channel"),
    ("_calls", "_lanes", "_routes"),
    ("_dispatch", "_clients"),
    ("server", "client"),
    ("connecting",),
    ("sync", "asgi.errors", "asgi.models", "asgi.config"),
    ("asgi.socket", "asgi.client"),
    ("asgi._entry",),
    ("asgi.manager",),
    ("asgi.integration",),
    ("__init__", "asgi.__init__"),
)
SYSTEM_IMPORTS = {"Synchronization", "Glibc", "Darwin", "Musl"}
IMPORT = re.compile(
    r"^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal|private|fileprivate)\s+)?import\s+(\w+)"
)


def files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
    )
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def place(path: Path, number: int) -> str:
    return f"{path.relative_to(ROOT)}:{number}"


def broken_walls(all_files: list[Path]) -> list[str]:
    found = []
    for path in all_files:
        parts = path.relative_to(ROOT).parts
        if path.suffix != ".swift" or parts[0] != "Sources" or parts[1] not in WALLS:
            continue
        for number, line in enumerate(lines(path), 1):
            match = IMPORT.match(line)
            if match and match[1] not in WALLS[parts[1]] | SYSTEM_IMPORTS:
                found.append(f"{place(path, number)}: {parts[1]} may not import {match[1]}")
    return found


def python_layers(all_files: list[Path]) -> list[str]:
    package = ROOT / "bindings/python/hearth"
    level = {module: number for number, modules in enumerate(PYTHON_LAYERS) for module in modules}
    found = []
    for path in all_files:
        if path.suffix != ".py" or not path.is_relative_to(package):
            continue
        name = ".".join(path.relative_to(package).with_suffix("").parts)
        if name not in level:
            found.append(f"{place(path, 1)}: {name} has no place in PYTHON_LAYERS of tools/tidy.py")
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for module in imported(node, name):
                if module in level and level[module] >= level[name]:
                    found.append(f"{place(path, node.lineno)}: {name} may not import {module}")
    return found


def imported(node: ast.AST, importer: str) -> list[str]:
    """The modules of the package that an import of one of them names."""
    if isinstance(node, ast.Import):
        return [alias.name.removeprefix("hearth.") for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    here = importer.split(".")[: -node.level] if node.level else []
    base = ".".join([*here, *(node.module or "").split(".")]).strip(".").removeprefix("hearth.")
    return [base, *(f"{base}.{alias.name}".strip(".") for alias in node.names)]


def long_lines(all_files: list[Path]) -> list[str]:
    return [
        f"{place(path, number)}: {len(line)} characters, at most {LINE_MAX}"
        for path in all_files
        if path.suffix in LINE_SUFFIXES
        for number, line in enumerate(lines(path), 1)
        if len(line) > LINE_MAX and "http" not in line
    ]


def long_files(all_files: list[Path]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}: {len(lines(path))} lines, at most {FILE_MAX}"
        for path in all_files
        if path.suffix in LINE_SUFFIXES and len(lines(path)) > FILE_MAX
    ]


def broken_rooms(all_files: list[Path]) -> list[str]:
    return rooms.broken_rooms()


SWIFT_FUNCTION = re.compile(
    r"^(\s*)(?:@\w+(?:\([^)]*\))?\s+)*(?:[a-z]+(?:\(set\))?\s+)*(?:func|init|deinit|subscript)\b"
)
C_FUNCTION = re.compile(r"^()[A-Za-z].*\) \{$")
PYTHON_FUNCTION = re.compile(r"^(\s*)(?:async )?def \w+")


def function_ends(path: Path, text: list[str], start: int, indent: str) -> int:
    """The number of lines from the head of a function to its end, told by the indentation."""
    for count, line in enumerate(text[start + 1 :], 2):
        if path.suffix == ".py":
            if (
                line.strip()
                and len(line) - len(line.lstrip()) <= len(indent)
                and not line.lstrip().startswith(")")
            ):
                return count - 1
        elif line.startswith(indent + "}"):
            return count
    return len(text) - start


def long_functions(all_files: list[Path]) -> list[str]:
    heads = {".swift": SWIFT_FUNCTION, ".c": C_FUNCTION, ".py": PYTHON_FUNCTION}
    found = []
    for path in all_files:
        head = heads.get(path.suffix)
        if not head:
            continue
        text = lines(path)
        if any("Generated by tools/" in line for line in text[:4]):
            continue
        for index, line in enumerate(text):
            match = head.match(line)
            if not match or (path.suffix == ".swift" and line.rstrip().endswith("}")):
                continue
            length = function_ends(path, text, index, match[1])
            if length > FUNCTION_MAX:
                found.append(f"{place(path, index + 1)}: {length} lines, at most {FUNCTION_MAX}")
    return found


def unfinished(all_files: list[Path]) -> list[str]:
    word = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
    return [
        f"{place(path, number)}: unfinished"
        for path in all_files
        if path.suffix in LINE_SUFFIXES | {".md", ".h"}
        for number, line in enumerate(lines(path), 1)
        if word.search(line)
    ]


def foreign_libraries(all_files: list[Path]) -> list[str]:
    return [
        f"{place(path, number)}: the core and its tests do without it"
        for path in all_files
        if path.suffix == ".swift"
        for number, line in enumerate(lines(path), 1)
        if IMPORT.match(line) and LARGE_LIBRARIES.search(line)
    ]


def header_and_exports(all_files: list[Path]) -> list[str]:
    header = (ROOT / "include/hearth.h").read_text()
    declared = set(re.findall(r"HEARTH_API [^;(]*?\b(hearth_\w+)\s*\(", header))
    implemented = set()
    for path in all_files:
        if path.suffix == ".swift" and path.is_relative_to(ROOT / "Sources/HearthABI"):
            implemented |= set(re.findall(r"@c\b[^{]*?\bfunc\s+(hearth_\w+)", path.read_text()))
    found = [f"include/hearth.h: {name} is not implemented" for name in sorted(declared - implemented)]
    found += [f"Sources/HearthABI: {name} is not in the header" for name in sorted(implemented - declared)]
    for comment, name in re.findall(
        r"/\*((?:[^*]|\*(?!/))*)\*/\s*HEARTH_API [^;(]*?\b(hearth_\w+)\s*\(", header
    ):
        if "Since:" not in comment:
            found.append(f"include/hearth.h: {name} does not say since when it is there")
    return found


def nameless_tests(all_files: list[Path]) -> list[str]:
    found = []
    for path in all_files:
        if path.suffix == ".swift" and path.is_relative_to(ROOT / "Tests"):
            for number, line in enumerate(lines(path), 1):
                if re.match(r"^\s*@Test\s*(func\b|$)", line):
                    found.append(f"{place(path, number)}: the test has no sentence")
    return found


def unformatted_swift(all_files: list[Path]) -> list[str]:
    swift = [str(path) for path in all_files if path.suffix == ".swift"]
    done = subprocess.run(
        ["swift", "format", "lint", "--parallel", *swift], cwd=ROOT, text=True, capture_output=True
    )
    return [
        line.removeprefix(f"{ROOT}/")
        for line in done.stderr.splitlines()
        if ": warning:" in line or "error:" in line
    ]


def stale_swift(all_files: list[Path]) -> list[str]:
    """What is generated from the header is what the header says."""
    done = subprocess.run(
        [sys.executable, "tools/generate_swift.py", "--check"], cwd=ROOT, text=True, capture_output=True
    )
    return done.stdout.splitlines() + done.stderr.splitlines()


RULES = [
    broken_walls,
    python_layers,
    broken_rooms,
    foreign_libraries,
    long_lines,
    long_files,
    long_functions,
    unfinished,
    header_and_exports,
    nameless_tests,
    stale_swift,
    unformatted_swift,
]


def main() -> int:
    if sys.argv[1:] == ["--rooms"]:
        print(rooms.matrix())
        return 0
    all_files = files()
    failed = 0
    for rule in RULES:
        found = rule(all_files)
        for line in found:
            print(f"  {line}")
        print(f"{rule.__name__} {'FAILED' if found else 'passed'}")
        failed += bool(found)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
