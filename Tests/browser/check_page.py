"""Two people in two browsers use the chat page; the server is killed and started again under them.

check_page.py SERVER [ARGUMENT …]     a chat server's command, to which the port is added
"""

from __future__ import annotations

import re
import sys

from devtools import Browser
from people import ChatServer, Person, command_line, limit, run
from websockets.sync.client import connect

MARKUP = "<img src=x onerror='document.title = 1'><b>bold</b> & \"quoted\" \\ 🔥 \u202eabc"


class Evening:
    def __init__(self, command: list[str], browser: Browser) -> None:
        self.command = command
        self.browser = browser
        self.server = ChatServer(command)
        self.ada = Person(browser, self.server.url)
        self.bob = Person(browser, self.server.url, phone=True)

    def ada_joins(self) -> None:
        self.ada.join("  ")
        self.ada.sees("join problem", "Please choose a name first.")
        self.ada.join("Ada")
        self.ada.sees("notices", ["You joined as Ada"])
        self.ada.sees("people", ["Ada"])
        self.ada.sees("room", "lobby")
        self.ada.sees("connection", "Connected")

    def heartbeat_is_visible(self) -> None:
        self.ada.page.wait("document.getElementById('latency').innerText !== ''", "no latency is shown")
        assert re.fullmatch(r"(<1|[0-9.]+) ms", self.ada.shows("latency")), self.ada.shows("latency")
        line = "document.querySelector('#sparkline polyline').getAttribute('points').split(' ').length"
        self.ada.page.wait(f"{line} >= 2", "the line of round trips does not grow")

    def same_name_is_made_unique(self) -> None:
        self.bob.join("Ada")
        self.bob.sees("notices", ["You joined as Ada 2"])
        self.ada.sees("people", ["Ada", "Ada 2"])
        self.ada.sees_notice("Ada 2 joined")
        self.bob.leave()
        self.bob.sees("doorstep", True)
        self.ada.sees("people", ["Ada"])
        self.ada.sees_notice("Ada 2 left")

    def bob_joins(self) -> None:
        self.bob.join("Bob")
        self.ada.sees("people", ["Ada", "Bob"])
        self.bob.sees("people", ["Ada", "Bob"])
        self.bob.sees("people count", "2 here")
        self.ada.sees_notice("Bob joined")
        self.ada.sees("room counts", {"lobby": "2"})

    def typing_shows_to_the_other(self) -> None:
        self.bob.write("Hello Ada")
        self.ada.sees("typing", "Bob is typing")
        self.bob.sees("typing", "")
        self.bob.page.press("Enter")
        self.ada.sees("messages", ["Hello Ada"])
        self.ada.sees("typing", "")
        self.bob.sees("own messages", ["Hello Ada"])
        self.bob.sees("field", "")

    def messages_group_by_author(self) -> None:
        self.bob.say("Are you there?")
        self.ada.sees("messages", ["Hello Ada", "Are you there?"])
        self.ada.say("Yes")
        for person in (self.ada, self.bob):
            person.sees("groups", [["Bob", "Hello Ada", "Are you there?"], ["Ada", "Yes"]])
        self.ada.sees("own messages", ["Yes"])
        self.ada.sees("unsent", [])

    def markup_stays_text(self) -> None:
        self.ada.say(MARKUP)
        for person in (self.ada, self.bob):
            person.page.wait(
                "document.querySelectorAll('#messages .bubble').length === 4", "the message is missing"
            )
            shown = person.page.evaluate(
                "[...document.querySelectorAll('#messages .bubble')].at(-1).textContent"
            )
            assert shown == MARKUP, shown
            assert person.page.evaluate("document.querySelector('#messages img, #messages b')") is None
            assert person.page.evaluate("document.title") == "#lobby · Hearth chat"

    def too_long_is_refused(self) -> None:
        self.ada.say("x" * 501)
        self.ada.sees("problem", "A message has at most 500 characters; this one has 501.")
        self.ada.clear()
        self.ada.say("🔥" * 500)
        self.bob.page.wait("document.querySelectorAll('#messages .bubble').length === 5", "500 are not taken")
        self.ada.sees("unsent", [])
        self.ada.sees("problem", "")

    def repeated_key_is_shown_once(self) -> None:
        for person in (self.ada, self.bob):
            person.page.evaluate("document.getElementById('messages').replaceChildren()")
        address = f"ws://127.0.0.1:{self.server.port}/chat/lobby?name=Cleo&visit=visit-of-cleo"
        with connect(address, proxy=None) as cleo:
            for frame in ("message:k1:Once", "message:k1:Once", "message:k2:Done"):
                cleo.send(frame)
            self.ada.sees("messages", ["Once", "Done"])
            self.bob.sees("messages", ["Once", "Done"])
        self.ada.sees("people", ["Ada", "Bob"])

    def bob_changes_rooms(self) -> None:
        self.bob.enter_room("garden")
        self.bob.sees("room", "garden")
        self.bob.sees("people", ["Bob"])
        self.bob.sees("messages", [])
        self.ada.sees_notice("Bob left")
        self.ada.sees("people", ["Ada"])
        self.ada.sees("room counts", {"lobby": "1", "garden": "1"})
        self.ada.say("Only the lobby hears this")
        self.ada.sees("unsent", [])
        self.bob.sees("messages", [])
        self.bob.enter_room("lobby")
        self.bob.sees("people", ["Ada", "Bob"])
        self.ada.sees("people", ["Ada", "Bob"])

    def loss_is_shown(self) -> None:
        self.server.pause()
        self.ada.say("Just before the crash")
        self.ada.sees("unsent", ["Just before the crash"])
        self.ada.sees("fate", ["sending…"])
        self.server.kill()
        for person in (self.ada, self.bob):
            person.sees_notice("Connection lost")
            person.page.wait(
                "document.getElementById('connection-text').textContent !== 'Connected'", "it says nothing"
            )
            person.sees("latency", "")
        waits = "/^Reconnecting in \\d+ s$/.test(document.getElementById('connection-text').textContent)"
        self.ada.page.wait(waits, "no countdown")
        self.ada.say("First after the crash")
        self.ada.say("Second after the crash")
        self.ada.sees("unsent", ["Just before the crash", "First after the crash", "Second after the crash"])
        self.ada.sees("fate", ["will be sent when the connection is back"])

    def pages_come_back(self) -> None:
        self.ada.set_network(on=False)
        self.server = ChatServer(self.command, self.server.port)
        self.bob.sees("connection", "Connected", 40)
        self.bob.sees("people", ["Bob"])
        self.ada.set_network(on=True)
        self.ada.sees("connection", "Connected", 40)
        self.ada.sees_notice("Connected again")
        self.bob.sees_notice("Connected again")
        for person in (self.ada, self.bob):
            person.sees("people", ["Ada", "Bob"])
        self.ada.sees("unsent", [])
        self.ada.page.wait("document.getElementById('latency').innerText !== ''", "no latency is shown")

    def unsent_arrives_once_and_in_order(self) -> None:
        wanted = ["Just before the crash", "First after the crash", "Second after the crash"]
        self.bob.say("I am back")
        for person in (self.ada, self.bob):
            person.page.wait(
                "document.querySelector('#messages').innerText.includes('I am back')", "not back"
            )
            after = person.shows("messages")[-4:]
            assert sum("crash" in text for text in person.shows("messages")) == 3, person.shows("messages")
            assert after == [*wanted, "I am back"], after

    def server_stops_politely(self) -> None:
        status = self.server.stop()
        assert status == 0, f"the server ended with status {status}"
        for person in (self.ada, self.bob):
            person.page.wait("document.body.dataset.state !== 'open'", "the page does not notice")
            assert person.page.problems == [], person.page.problems


def main() -> int:
    limit(120)
    browser = Browser()
    evening = None
    try:
        evening = Evening(command_line(), browser)
        return run(
            [
                ("Ada joins the lobby and is shown there", evening.ada_joins),
                ("the latency of the heartbeat is shown", evening.heartbeat_is_visible),
                (
                    "a second Ada becomes Ada 2, and is seen to join and to leave",
                    evening.same_name_is_made_unique,
                ),
                ("Bob joins, and both see both", evening.bob_joins),
                (
                    "typing is shown to the other until the message is there",
                    evening.typing_shows_to_the_other,
                ),
                ("messages are grouped by author", evening.messages_group_by_author),
                ("markup is shown as text", evening.markup_stays_text),
                ("501 characters are refused and 500 are sent", evening.too_long_is_refused),
                ("a message that comes twice is shown once", evening.repeated_key_is_shown_once),
                ("who changes the room leaves one and joins the other", evening.bob_changes_rooms),
                ("a killed server is shown, and messages wait", evening.loss_is_shown),
                ("both pages come back by themselves", evening.pages_come_back),
                ("what waited is sent once and in order", evening.unsent_arrives_once_and_in_order),
                ("SIGTERM stops the server, and no page had an error", evening.server_stops_politely),
            ]
        )
    finally:
        browser.close()
        if evening is not None:
            evening.server.kill()


if __name__ == "__main__":
    sys.exit(main())
