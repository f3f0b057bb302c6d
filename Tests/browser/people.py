"""What the checks of the chat share: the server as a process, and a page as a person sees it."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from typing import Any

from devtools import Browser, Page

START_SECONDS = 20
STOP_SECONDS = 15


class ChatServer:
    """One chat server in a process of its own. It takes a port as its argument and prints its address."""

    def __init__(self, command: list[str], port: int = 0) -> None:
        self._process = subprocess.Popen([*command, str(port)], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self._output = self._process.stdout
        try:
            self.url = self._first_line()
            self.port = int(self.url.rstrip("/").rsplit(":", 1)[1])
        except BaseException:
            self.kill()
            raise

    def _first_line(self) -> str:
        with selectors.DefaultSelector() as selector:
            selector.register(self._output, selectors.EVENT_READ)
            if not selector.select(START_SECONDS):
                raise AssertionError("the server did not say where it listens")
        line = self._output.readline().strip()
        if not line.startswith("http://127.0.0.1:"):
            raise AssertionError(f"the server said {line!r} in place of its address")
        return line

    def pause(self) -> None:
        """It answers nothing any more, and its connections stay open."""
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        """As a crash: nobody is told."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait(STOP_SECONDS)
        self._output.close()

    def stop(self) -> int:
        """Politely; the exit status."""
        self._process.send_signal(signal.SIGTERM)
        status = self._process.wait(STOP_SECONDS)
        self._output.close()
        return status


class Person:
    """Somebody in front of the page, who uses keys and pointer and reads what is shown."""

    def __init__(self, browser: Browser, url: str, *, phone: bool = False) -> None:
        width, height = (390, 844) if phone else (1280, 800)
        self.page: Page = browser.open(url, width, height, phone=phone)
        self.phone = phone

    def join(self, name: str) -> None:
        self.page.wait("document.activeElement.id === 'name'", "the name field has not the focus")
        self.page.evaluate("document.activeElement.select()")
        self.page.type(name)
        self.page.press("Enter")

    def leave(self) -> None:
        if self.phone:
            self.page.click("#people-button")
            self.page.click("#people .leave")
        else:
            self.page.click(".me .leave")

    def enter_room(self, name: str) -> None:
        self.page.click(f"#rooms a[href='#{name}']")

    def write(self, text: str) -> None:
        self.page.click("#text")
        self.page.type(text)

    def clear(self) -> None:
        self.page.evaluate("document.getElementById('text').select()")
        self.page.press("Backspace")

    def set_network(self, *, on: bool) -> None:
        """Without a network the page can open no connection; it hears of both changes."""
        self.page.command(
            "Network.emulateNetworkConditions",
            offline=not on,
            latency=0,
            downloadThroughput=-1,
            uploadThroughput=-1,
        )

    def say(self, text: str) -> None:
        self.write(text)
        self.page.press("Enter")

    def sees(self, what: str, expected: Any, seconds: float = 15) -> None:
        """Waits until `what`, one of VIEWS, shows exactly that."""
        deadline = time.monotonic() + seconds
        while (shown := self.page.evaluate(VIEWS[what])) != expected:
            if time.monotonic() > deadline:
                raise AssertionError(f"{what}: expected {json.dumps(expected)}, shown {json.dumps(shown)}")
            time.sleep(0.05)

    def shows(self, what: str) -> Any:
        return self.page.evaluate(VIEWS[what])

    def sees_notice(self, text: str) -> None:
        wanted = json.dumps(text)
        self.page.wait(f"{VIEWS['notices']}.includes({wanted})", f"no notice {wanted}")


def _texts(selector: str) -> str:
    return f"[...document.querySelectorAll({json.dumps(selector)})].map((one) => one.innerText.trim())"


# Expressions for what is visible: an element that is not rendered has no text of its own here.
VIEWS = {
    "people": "[...document.querySelectorAll('#people-list .person-name')]"
    ".map((one) => one.textContent).sort()",
    "people count": "document.getElementById('people-count').textContent",
    "messages": f"{_texts('#messages .bubble')}",
    "own messages": f"{_texts('#messages .own .bubble')}",
    "groups": "[...document.querySelectorAll('#messages .group')].map((group) => [group.dataset.name,"
    " ...[...group.querySelectorAll('.bubble')].map((one) => one.innerText)])",
    "notices": "[...document.querySelectorAll('#messages .notice')].map((one) =>"
    " [...one.childNodes].filter((part) => part.nodeName !== 'TIME')"
    ".map((part) => part.textContent).join('').trim())",
    "unsent": f"{_texts('#pending .bubble')}",
    "fate": f"{_texts('#pending .fate')}",
    "typing": "(() => { const line = document.getElementById('typing');"
    " return getComputedStyle(line).visibility === 'visible' ? line.innerText.trim() : ''; })()",
    "connection": "document.getElementById('connection-text').textContent",
    "latency": "document.getElementById('latency').innerText",
    "room": "document.getElementById('room-name').innerText",
    "room counts": "Object.fromEntries([...document.querySelectorAll('#rooms a')].filter((one) =>"
    " one.querySelector('.count')).map((one) => [one.hash.slice(1), one.querySelector('.count')"
    ".textContent]))",
    "problem": "document.getElementById('text-problem').innerText",
    "join problem": "document.getElementById('join-problem').innerText",
    "field": "document.getElementById('text').value",
    "doorstep": "!document.getElementById('doorstep').hidden && document.getElementById('chat').hidden",
}


def run(steps: list[tuple[str, Any]]) -> int:
    """Runs the steps in order; the first that fails ends it. The exit status."""
    for done, (sentence, step) in enumerate(steps):
        started = time.monotonic()
        try:
            step()
        except (AssertionError, RuntimeError, TimeoutError, OSError) as error:
            print(f"not ok  {sentence}\n        {str(error)[:1000]}", flush=True)
            print(f"{done} passed, 1 failed, {len(steps) - done - 1} not run", flush=True)
            return 1
        print(f"ok      {sentence} ({time.monotonic() - started:.1f} s)", flush=True)
    print(f"{len(steps)} passed, 0 failed", flush=True)
    return 0


def limit(seconds: int) -> None:
    """Ends this process, whatever it waits for."""

    def give_up(*_: object) -> None:
        print(f"not ok  not done within {seconds} s", flush=True)
        raise SystemExit(1)

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)


def command_line() -> list[str]:
    if len(sys.argv) < 2:
        raise SystemExit(f"usage: {os.path.basename(sys.argv[0])} SERVER [ARGUMENT …]   (the port is added)")
    return sys.argv[1:]
