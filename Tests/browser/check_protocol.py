"""Speaks examples/chat/PROTOCOL.md with a chat server, frame by frame, also wrongly.

check_protocol.py SERVER [ARGUMENT …]     a chat server's command, to which the port is added
"""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Any
from urllib.parse import quote

from people import ChatServer, command_line, limit, run
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

ANSWER_SECONDS = 10
ADA, BOB = "visit-of-ada", "visit-of-bob"


class Guest:
    """One connection that speaks the protocol by hand."""

    def __init__(self, server: ChatServer, name: str | bytes, visit: str, room: str = "lobby") -> None:
        query = f"name={quote(name)}&visit={quote(visit)}"
        opening = connect(f"ws://127.0.0.1:{server.port}/chat/{room}?{query}", proxy=None)
        self._stack = contextlib.ExitStack()
        self.socket: ClientConnection = self._stack.enter_context(opening)

    def send(self, frame: str | bytes) -> None:
        self.socket.send(frame)

    def next(self, *, skipping: tuple[str, ...] = ("rooms",)) -> dict[str, Any]:
        """The next object of another type than those."""
        while True:
            frame = self.socket.recv(timeout=ANSWER_SECONDS)
            assert isinstance(frame, str), "a binary frame came"
            found: dict[str, Any] = json.loads(frame)
            if found["type"] not in skipping:
                return found

    def expect(self, type_: str, **fields: Any) -> dict[str, Any]:
        found = self.next(skipping=() if type_ == "rooms" else ("rooms",))
        for name, value in {"type": type_, **fields}.items():
            shown = sorted(found[name]) if name == "users" else found.get(name)
            assert shown == value, f"expected {type_} {fields}, got {found}"
        return found

    def expect_end(self, code: int, reason: str | None = None) -> None:
        try:
            while True:
                frame = self.socket.recv(timeout=ANSWER_SECONDS)
                assert '"welcome"' not in str(frame), "it was let in"
        except ConnectionClosed as end:
            assert end.rcvd is not None, "cut without a close frame"
            assert end.rcvd.code == code and reason in (None, end.rcvd.reason), end.rcvd

    def close(self) -> None:
        self._stack.close()


class Conversation:
    def __init__(self, command: list[str]) -> None:
        self.server = ChatServer(command)
        self.ada: Guest
        self.bob: Guest

    def guest(self, name: str | bytes, visit: str, room: str = "lobby") -> Guest:
        return Guest(self.server, name, visit, room)

    def welcomes(self) -> None:
        self.ada = self.guest("Ada Lovelace", ADA)
        welcome = self.ada.expect("welcome", room="lobby", name="Ada Lovelace", users=["Ada Lovelace"])
        assert isinstance(welcome["time"], int) and welcome["time"] > 1_600_000_000_000, welcome
        self.ada.expect("rooms", rooms=[{"name": "lobby", "count": 1}])
        self.bob = self.guest('B"o\\b ü🔥', BOB)
        self.bob.expect("welcome", name='B"o\\b ü🔥', users=["Ada Lovelace", 'B"o\\b ü🔥'])
        self.ada.expect("joined", name='B"o\\b ü🔥', users=["Ada Lovelace", 'B"o\\b ü🔥'])

    def unique_names(self) -> None:
        second = self.guest("Ada Lovelace", "visit-of-another", "garden")
        second.expect("welcome", name="Ada Lovelace 2", users=["Ada Lovelace 2"])
        third = self.guest("Ada Lovelace", "visit-of-a-third", "garden")
        third.expect("welcome", name="Ada Lovelace 3", users=["Ada Lovelace 2", "Ada Lovelace 3"])
        second.expect("joined", name="Ada Lovelace 3")
        third.close()
        second.expect("left", name="Ada Lovelace 3", users=["Ada Lovelace 2"])
        second.close()

    def same_visit_is_same_person(self) -> None:
        again = self.guest("Ada Lovelace", ADA)
        again.expect("welcome", name="Ada Lovelace", users=["Ada Lovelace", 'B"o\\b ü🔥'])
        self.ada.close()
        self.ada = again
        self.ping(self.bob, 1)  # nothing but its answer came: nobody joined and nobody left

    def ping(self, guest: Guest, number: int) -> None:
        guest.send(f"ping:{number}")
        guest.expect("pong", n=number)

    def messages(self) -> None:
        text = 'a:b "quoted" \\ back\nline\ttab \u0001\u2028 </script> ü🔥'
        self.ada.send(f"message:key-1:{text}")
        mine = self.ada.expect("message", key="key-1", name="Ada Lovelace", text=text)
        his = self.bob.expect("message", key="key-1", name="Ada Lovelace", text=text)
        assert mine == his and mine["time"] > 1_600_000_000_000, (mine, his)
        self.bob.send("message:key-2:again")
        assert self.ada.expect("message", key="key-2")["id"] == mine["id"] + 1
        self.bob.expect("message", key="key-2")

    def length(self) -> None:
        longest = "🔥" * 500
        self.ada.send(f"message:long:{longest}")
        self.ada.expect("message", key="long", text=longest)
        self.bob.expect("message", key="long", text=longest)
        self.ada.send(f"message:longer:{longest}x")
        self.ada.expect("error", code="too_long", key="longer")
        for number, empty in enumerate(("", " ", " \t\r\n ")):
            self.ada.send(f"message:empty{number}:{empty}")
            self.ada.expect("error", code="empty", key=f"empty{number}")

    def typing(self) -> None:
        self.ada.send("typing:on")
        self.bob.expect("typing", name="Ada Lovelace", on=True)
        self.ada.send("typing:off")
        self.bob.expect("typing", name="Ada Lovelace", on=False)
        self.ping(self.ada, 999_999_999_999_999)

    def nonsense(self) -> None:
        key = "k" * 33
        frames: list[str | bytes] = [
            "",
            ":",
            "hello",
            "message",
            "message:",
            "message:k",
            "message::text",
            "message:k!:text",
            f"message:{key}:text",
            "typing:maybe",
            "typing",
            "ping:",
            "ping:-1",
            "ping:1x",
            "Message:k:text",
            "ping:1234567890123456",
            b"message:k:text",
            b"\xff\x00",
        ]
        for frame in frames:
            self.ada.send(frame)
            # "message:k" has a word and no text: either complaint is right.
            found = self.ada.next()
            wanted = ("not_understood", "empty") if frame == "message:k" else ("not_understood",)
            assert found["type"] == "error" and found["code"] in wanted, f"{frame!r} was answered {found}"
        self.ping(self.ada, 2)
        self.ping(self.bob, 3)

    def refusals(self) -> None:
        for name in ("", "x" * 25, " Ada", "Ada ", "A\nda", "A\x7fda", b"\xff\xfe"):
            self.guest(name, ADA).expect_end(4001, "bad name")
        for room in ("Lobby", "x" * 33, "a_b", "a%20b", "%C3%A4"):
            self.guest("Eve", "visit-of-eve", room).expect_end(4002, "bad room")
        for visit in ("", "short", "x" * 65, "with space"):
            self.guest("Eve", visit).expect_end(4003, "bad visit")
        self.guest("ü" * 24, "x" * 64, "y" * 32).expect("welcome", name="ü" * 24, room="y" * 32)

    def leaving(self) -> None:
        self.bob.close()
        self.ada.expect("left", name='B"o\\b ü🔥', users=["Ada Lovelace"])
        status = self.server.stop()
        assert status == 0, f"the server ended with status {status}"
        self.ada.expect_end(1001)


def main() -> int:
    limit(60)
    conversation = Conversation(command_line())
    try:
        return run(
            [
                ("a guest is welcomed, and the others hear of it", conversation.welcomes),
                ("a name that is taken gets a number", conversation.unique_names),
                ("the same visit is the same person", conversation.same_visit_is_same_person),
                ("a message reaches everyone as it was", conversation.messages),
                ("500 characters are taken, 501 and none are not", conversation.length),
                ("typing is told to the others", conversation.typing),
                ("nonsense is answered and harms nobody", conversation.nonsense),
                ("bad names, rooms and visits are refused with their code", conversation.refusals),
                ("leaving is told, and SIGTERM closes with 1001", conversation.leaving),
            ]
        )
    finally:
        conversation.server.kill()


if __name__ == "__main__":
    sys.exit(main())
