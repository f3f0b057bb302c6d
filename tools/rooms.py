"""The rooms of HearthEngine: which folder may name which, and what is left to do until that is a tree.

`tools/tidy.py` checks the rules; `tools/tidy.py --rooms` prints the matrix as it is in the code.
"""

import re
from pathlib import Path

ENGINE = Path(__file__).resolve().parent.parent / "Sources/HearthEngine"

# The class Loop is a room of its own: it holds all the others. The other types in its folder are what every
# room may use: the mediators, the port and the commands.
LOOP = "Loop"
MEDIATORS = "mediators"

# Rooms that any other may name: values, and what is the same for the whole engine.
OPEN = {"Shared", "Configuration", "Connection", "Events", "Observe", MEDIATORS}

# What each room may name besides those. An arrow that is not here is a new one: first ask whether what it
# wants belongs into the room below, or is a note in Afterwork.
ROOMS: dict[str, set[str]] = {
    "Accept": {"Calls", "Handshake", "Rooms"},
    "Calls": {LOOP, "Accept", "Channel", "Client", "Cluster", "Dialect", "Handshake", "Rooms", "TLS"},
    "Channel": {"Flush", "Handshake", "Rooms"},
    "Client": {"Flush", "TLS", "WebSocket"},
    "Cluster": {"Accept", "Calls", "Handshake", "Rooms"},
    "Configuration": set(),
    "Connection": {"Accept", "Channel", "Dialect", "Handshake", "Rooms", "TLS", "WebSocket"},
    "Dialect": {"Calls", "Handshake", "Rooms"},
    "Events": {"Channel"},
    "Flush": {"Channel", "TLS"},
    "HTTP": {"Flush", "Handshake"},
    "Handshake": {"Calls", "Dialect", "Flush", "HTTP", "Rooms"},
    LOOP: {
        "Accept",
        "Calls",
        "Channel",
        "Client",
        "Cluster",
        "Dialect",
        "Flush",
        "HTTP",
        "Handshake",
        "Rooms",
        "TLS",
        "WebSocket",
    },
    MEDIATORS: {LOOP, "Accept", "Calls", "Channel", "Client", "Cluster", "Handshake", "Rooms"},
    "Observe": {"Calls"},
    "Rooms": {"Cluster", "WebSocket"},
    "Shared": {LOOP, "Accept", "Channel", "Client", "Cluster", "Dialect", "Handshake", "TLS"},
    "TLS": {"Calls"},
    "WebSocket": {"Dialect", "Flush", "Rooms"},
}

# Files outside of Loop/ that still extend the class Loop. The list may only become shorter.
LOOP_EXTENSIONS = {
    "Accept/Loop+Accept.swift",
    "Accept/Loop+Admission.swift",
    "Accept/Loop+Draining.swift",
    "Accept/Loop+Proxies.swift",
    "Accept/Loop+Rates.swift",
    "Calls/Client+Calls.swift",
    "Calls/Engine+Running.swift",
    "Calls/Server+Messages.swift",
    "Calls/Server+Questions.swift",
    "Channel/Loop+Channels.swift",
    "Client/Loop+ClientConnect.swift",
    "Client/Loop+ClientHandshake.swift",
    "Client/Loop+ClientMessages.swift",
    "Client/Loop+Clients.swift",
    "Cluster/Loop+Broker.swift",
    "Cluster/Loop+Cluster.swift",
    "Cluster/Loop+ClusterPlaces.swift",
    "Cluster/Loop+ClusterPresence.swift",
    "Cluster/Server+Cluster.swift",
    "Dialect/JSON/Loop+Batches.swift",
    "Dialect/JSON/Loop+BuiltIns.swift",
    "Dialect/JSON/Loop+EventMessages.swift",
    "Events/Loop+Events.swift",
    "Flush/Loop+Flush.swift",
    "Flush/Loop+Ring.swift",
    "HTTP/Loop+Files.swift",
    "HTTP/Loop+Pages.swift",
    "HTTP/Loop+Requests.swift",
    "HTTP/Loop+Responses.swift",
    "HTTP/RequestTexts.swift",
    "Handshake/Loop+Authentication.swift",
    "Handshake/Loop+Expiry.swift",
    "Handshake/Loop+Upgrade.swift",
    "Rooms/Loop+Encoding.swift",
    "Rooms/Loop+Messages.swift",
    "Rooms/Loop+Presence.swift",
    "Rooms/Loop+Relays.swift",
    "Rooms/Loop+Rooms.swift",
    "TLS/Loop+TLS.swift",
    "TLS/Server+Certificates.swift",
    "WebSocket/Loop+Close.swift",
    "WebSocket/Loop+Compression.swift",
    "WebSocket/Loop+Read.swift",
}

# Files that name Loop without extending it, besides the front doors. The list may only become shorter.
LOOP_NAMED = {
    "Client/Client.swift",
    "Cluster/BrokerLink.swift",
    "Cluster/Cluster.swift",
    "Connection/Connection.swift",
    "Dialect/JSON/Server+Events.swift",
}

# Stored properties of the class Loop, at most. The number may only become smaller; the aim is 20.
LOOP_PROPERTIES_MAX = 53

DECLARATION = re.compile(
    r"^(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal|final|indirect|nonisolated\(unsafe\))\s+)*"
    r"(?:class|struct|enum|typealias|protocol)\s+(\w+)",
    re.MULTILINE,
)
NAME = re.compile(r"(?<![.\w])([A-Z]\w+)")
EXTENSION = re.compile(r"^extension Loop\b", re.MULTILINE)
PROPERTY = re.compile(
    r"^    (?:private(?:\(set\))? |fileprivate |internal |package |unowned\(unsafe\) )*(?:let|var) (\w+)"
)


def room_of(path: Path) -> str:
    first = path.relative_to(ENGINE).parts[0]
    return first if first != LOOP else MEDIATORS


def code(path: Path) -> str:
    """The text without comments and the contents of string literals."""
    text = re.sub(r'"(?:\\.|[^"\\\n])*"', '""', path.read_text(encoding="utf-8"))
    return re.sub(r"//[^\n]*", "", text)


def owners(texts: dict[Path, str]) -> dict[str, str]:
    """The room of each type that is declared at the top level of a file."""
    found = {name: room_of(path) for path, text in texts.items() for name in DECLARATION.findall(text)}
    found[LOOP] = LOOP
    return found


def arrows(texts: dict[Path, str]) -> dict[str, dict[str, dict[str, list[Path]]]]:
    """Room → room that it names → type that it names → files in which it does."""
    owner = owners(texts)
    found: dict[str, dict[str, dict[str, list[Path]]]] = {}
    for path, text in texts.items():
        # Files that are about the class Loop itself are the room Loop.
        is_loop = path.parent.name == LOOP and (EXTENSION.search(text) or path.stem == LOOP)
        room = LOOP if is_loop else room_of(path)
        for name in NAME.findall(text):
            to = owner.get(name)
            if to and to != room:
                files = found.setdefault(room, {}).setdefault(to, {}).setdefault(name, [])
                if path not in files:
                    files.append(path)
    return found


def sources() -> dict[Path, str]:
    return {path: code(path) for path in sorted(ENGINE.rglob("*.swift"))}


def new_arrows(texts: dict[Path, str]) -> list[str]:
    found = []
    for room, named in sorted(arrows(texts).items()):
        if room not in ROOMS:
            found.append(f"Sources/HearthEngine/{room}: a room that tools/rooms.py does not know")
            continue
        for to, types in sorted(named.items()):
            if to in OPEN | ROOMS[room]:
                continue
            for name, files in sorted(types.items()):
                for path in files:
                    # What extends Loop names it.
                    if to == LOOP and str(path.relative_to(ENGINE)) in LOOP_EXTENSIONS | LOOP_NAMED:
                        continue
                    found.append(f"{path.relative_to(ENGINE)}: {room} may not name {to} (it names {name})")
    return found


def loop_extensions(texts: dict[Path, str]) -> list[str]:
    return [
        f"{path.relative_to(ENGINE)}: only files of Loop/ extend Loop"
        for path, text in texts.items()
        if EXTENSION.search(text)
        and path.parent.name != LOOP
        and str(path.relative_to(ENGINE)) not in LOOP_EXTENSIONS
    ]


def loop_properties(text: str) -> list[str]:
    """The names of the stored properties of the class Loop, from the text of Loop.swift."""
    lines = text.splitlines()
    head = re.compile(r"^(?:package )?final class Loop\b")
    start = next(index for index, line in enumerate(lines) if head.match(line))
    names = []
    for index in range(start + 1, len(lines)):
        if lines[index].startswith("}"):
            break
        match = PROPERTY.match(lines[index])
        if not match or " static " in lines[index]:
            continue
        declaration = lines[index].rstrip()
        # A computed property has a block and no value.
        if declaration.endswith("{") or (declaration.endswith("}") and "=" not in declaration.split("{")[0]):
            continue
        names.append(match[1])
    return names


def broken_rooms() -> list[str]:
    texts = sources()
    found = new_arrows(texts) + loop_extensions(texts)
    count = len(loop_properties(texts[ENGINE / "Loop/Loop.swift"]))
    if count > LOOP_PROPERTIES_MAX:
        found.append(f"Loop/Loop.swift: {count} stored properties, at most {LOOP_PROPERTIES_MAX}")
    return found


def matrix() -> str:
    """What each room names, with the types; a star where any room may."""
    texts = sources()
    rows = []
    for room, named in sorted(arrows(texts).items()):
        rows.append(room)
        for to, types in sorted(named.items()):
            mark = "*" if to in OPEN else " "
            rows.append(f"  {mark} {to:<14} {', '.join(sorted(types))}")
    outside = [path for path, text in texts.items() if EXTENSION.search(text) and path.parent.name != LOOP]
    count = len(loop_properties(texts[ENGINE / "Loop/Loop.swift"]))
    rows.append(f"{count} stored properties of Loop, {len(outside)} files outside of Loop/ that extend it")
    return "\n".join(rows)
