"""Writes the specification of a conformance run, and judges its report: every case must be OK.

Informational cases (close codes that the standard leaves open) may be so; 6.4.x may be non-strict, since a
text may be refused at any byte from the first wrong one on. Where a program is told of all that a read
brought at once, the frame that breaks the protocol has ended the connection before the messages in front of
it can be answered: there 3.x, 4.x and 5.15, which send both in one piece, may be non-strict.
"""

import json
import socket
import sys
from pathlib import Path

GOOD = {"OK", "INFORMATIONAL"}
TOLD_IN_BATCHES = {"node", "client-python", "client-swift"}


def write_spec(folder: Path, agent: str, url: str, cases: str) -> None:
    spec = {
        "outdir": str(folder),
        # For the suite as a client, and as a server.
        "servers": [{"agent": agent, "url": f"{url}/echo"}],
        "url": url,
        "cases": cases.split(","),
        "exclude-cases": [],
        "exclude-agent-cases": {},
    }
    (folder / "spec.json").write_text(json.dumps(spec))


def is_good(agent: str, case: str, behavior: str) -> bool:
    non_strict = ("6.4.", "3.", "4.", "5.15") if agent in TOLD_IN_BATCHES else ("6.4.",)
    return behavior in GOOD or (behavior == "NON-STRICT" and case.startswith(non_strict))


def judge(folder: Path, agent: str) -> int:
    index = folder / "index.json"
    if not index.exists():
        print(f"{agent}: no report")
        return 1
    results = json.loads(index.read_text())[agent]
    counts: dict[str, int] = {}
    bad = []
    for case, result in sorted(results.items(), key=lambda item: [int(part) for part in item[0].split(".")]):
        counts[result["behavior"]] = counts.get(result["behavior"], 0) + 1
        if not is_good(agent, case, result["behavior"]) or result["behaviorClose"] not in GOOD:
            bad.append(f"{case} {result['behavior']}, close {result['behaviorClose']}")
    for line in bad:
        print(f"{agent}: {line}")
    shown = ", ".join(f"{count} {behavior}" for behavior, count in sorted(counts.items()))
    print(f"{agent}: {len(results)} cases: {shown}; {len(bad)} bad ({folder / 'index.html'})")
    return 1 if bad or not results else 0


if __name__ == "__main__":
    if sys.argv[1] == "--free-port":
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            print(probe.getsockname()[1])
    elif sys.argv[1] == "--write-spec":
        write_spec(Path(sys.argv[2]), *sys.argv[3:])
    else:
        sys.exit(judge(Path(sys.argv[1]), sys.argv[2]))
