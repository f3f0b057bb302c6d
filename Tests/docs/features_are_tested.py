"""Every test that docs/features.md names exists."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# How many rows of each number there are.
ROWS = {"S0": 26, "S1": 23, "S2": 22, "S3": 24, "S4": 18}


def known_tests() -> dict:
    python = "".join(path.read_text() for path in (ROOT / "bindings/python/tests").glob("test_*.py"))
    swift = "".join(path.read_text() for path in (ROOT / "Tests").glob("Hearth*Tests/*Tests.swift"))
    return {
        "C": {path.stem for path in (ROOT / "Tests/c").glob("*/*.c")},
        "Python": set(re.findall(r"def (test_\w+)", python)),
        "Swift": set(re.findall(r'@Test\(\s*"([^"]*)"', swift)),
    }


def row_faults(known: dict, lines: list) -> list:
    """Of the table of rows: each is there, and its tests too."""
    tests = known["C"] | known["Python"]
    found = []
    rows = []
    for line in lines:
        columns = [column.strip() for column in line.strip("|").split("|")]
        if len(columns) != 3 or not re.fullmatch(r"S\d\.\d+", columns[0]):
            continue
        rows.append(columns[0])
        names = [] if columns[2] == "–" else [name.strip("`") for name in columns[2].split(", ")]
        found += [f"{columns[0]}: there is no test {name}" for name in names if name not in tests]
    expected = [f"{group}.{number}" for group, count in ROWS.items() for number in range(1, count + 1)]
    if rows != expected:
        found.append(f"the rows are not S0.1 to S4.18, each once: {set(rows) ^ set(expected)}")
    return found


def node_tests() -> set:
    """The sentences of the tests of the Node package, which has a table of its own."""
    sources = "".join(path.read_text() for path in (ROOT / "bindings/node/test").glob("*.test.js"))
    return {text for _, text in re.findall(r"""^test\(\s*(["'`])(.*?)\1,""", sources, re.MULTILINE)}


def main() -> int:
    known = known_tests()
    in_node = {"Node": node_tests()}
    lines = (ROOT / "docs/features.md").read_text().splitlines()
    found = row_faults(known, lines)
    cells = 0
    for line in lines:
        columns = [column.strip() for column in line.strip("|").split("|")]
        if not line.startswith("|") or len(columns) not in (2, 4) or columns[0] in ("feature", "---"):
            continue
        tests = known if len(columns) == 4 else in_node
        for language, cell in zip(tests, columns[1:]):
            cells += 1
            if cell != "–" and cell.strip("`\"") not in tests[language]:
                found.append(f"{columns[0]}: {language} has no test {cell}")
    if cells < 60:
        found.append(f"only {cells} cells are left")
    for line in found:
        print(f"docs/features.md: {line}", file=sys.stderr)
    return 1 if found else 0


sys.exit(main())
