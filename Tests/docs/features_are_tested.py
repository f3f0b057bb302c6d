"""Every test that docs/features.md names exists."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def known_tests() -> dict:
    python = "".join(path.read_text() for path in (ROOT / "bindings/python/tests").glob("test_*.py"))
    swift = "".join(path.read_text() for path in (ROOT / "Tests/HearthTests").glob("*Tests.swift"))
    return {
        "C": {path.stem for path in (ROOT / "Tests/c").glob("*.c")},
        "Python": set(re.findall(r"def (test_\w+)", python)),
        "Swift": set(re.findall(r'@Test\(\s*"([^"]*)"', swift)),
    }


def main() -> int:
    known = known_tests()
    found = []
    cells = 0
    for line in (ROOT / "docs/features.md").read_text().splitlines():
        columns = [column.strip() for column in line.strip("|").split("|")]
        if not line.startswith("|") or len(columns) != 4 or columns[0] in ("feature", "---"):
            continue
        for language, cell in zip(known, columns[1:]):
            cells += 1
            if cell != "–" and cell.strip("`\"") not in known[language]:
                found.append(f"{columns[0]}: {language} has no test {cell}")
    if cells < 60:
        found.append(f"only {cells} cells are left")
    for line in found:
        print(f"docs/features.md: {line}", file=sys.stderr)
    return 1 if found else 0


sys.exit(main())
