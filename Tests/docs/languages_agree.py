"""docs/languages.md has every function, event and route option; what it names exists; no cell is empty."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = ("C", "Python", "Node", "Swift")


def text_of(*patterns: str) -> str:
    return "".join(path.read_text() for pattern in patterns for path in sorted(ROOT.glob(pattern)))


def rows() -> list:
    lines = (ROOT / "docs/languages.md").read_text().splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [row for row in cells if row[0] != "C" and not row[0].startswith("---")]


def wanted() -> set:
    header = (ROOT / "include/hearth.h").read_text()
    names = set(re.findall(r"^HEARTH_API [^;(]*?\b(hearth_\w+)\s*\(", header, re.M))
    events = header.split("typedef enum hearth_event_type {")[1].split("}")[0]
    names |= set(re.findall(r"\b(HEARTH_EVENT_\w+) = ", events))
    routes = text_of("Sources/HearthEngine/Handshake/Route*.swift")
    return names | set(re.findall(r'case option\.isNamed\("(\w+)"\)', routes))


def main() -> int:
    sources = {
        "C": text_of("include/hearth.h"),
        "Python": text_of("bindings/python/hearth/**/*.py"),
        "Node": text_of("bindings/node/lib/*.js", "bindings/node/*.d.ts"),
        "Swift": text_of("Sources/Hearth/*.swift"),
    }
    words = {language: set(re.findall(r"\w+", source)) for language, source in sources.items()}
    found, named = [], set()
    for row in rows():
        if len(row) != len(LANGUAGES):
            found.append(f"{row[0]}: {len(row)} cells")
            continue
        for language, cell in zip(LANGUAGES, row):
            names = re.findall(r"`(\w+)`", cell)
            if not names and not re.fullmatch(r"– \(.+\)", cell):
                found.append(f"{row[0]}: {language} has neither a name nor a reason")
            found += [f"{row[0]}: {language} has no {name}" for name in names if name not in words[language]]
        named |= set(re.findall(r"`(\w+)`", row[0]))
    found += [f"docs/languages.md does not have {name}" for name in sorted(wanted() - named)]
    found += [f"docs/languages.md has {name}, which there is not" for name in sorted(named - wanted())]
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
