"""A headless Chromium, driven over the DevTools protocol."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from websockets.sync.client import ClientConnection, connect

START_SECONDS = 20
ANSWER_SECONDS = 15
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class Browser:
    """One browser process with a profile of its own."""

    def __init__(self, *options: str) -> None:
        program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
        if program is None:
            raise RuntimeError("no Chromium found: apt-get install chromium")
        self._profile = tempfile.TemporaryDirectory(prefix="hearth-browser-", ignore_cleanup_errors=True)
        arguments = [
            "--headless=new",
            "--disable-gpu",
            "--no-first-run",
            "--disable-extensions",
            "--hide-scrollbars",
            "--disable-background-networking",
            "--disable-background-timer-throttling",
            "--mute-audio",
            "--disable-renderer-backgrounding",
            "--disable-dev-shm-usage",
            "--remote-debugging-port=0",
            f"--user-data-dir={self._profile.name}",
        ]
        if os.geteuid() == 0:
            arguments.append("--no-sandbox")  # Chromium refuses to sandbox for the super user
        self._process = subprocess.Popen(
            [program, *arguments, *options, "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self._port = self._read_port()
            self._control = Page(self._get("version")["webSocketDebuggerUrl"])
        except BaseException:
            self.close()
            raise

    def _read_port(self) -> int:
        file = Path(self._profile.name) / "DevToolsActivePort"
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"Chromium ended at once with status {self._process.returncode}")
            if file.exists() and (lines := file.read_text().split()):
                return int(lines[0])
            time.sleep(0.05)
        raise RuntimeError("Chromium did not start")

    def _get(self, path: str) -> Any:
        request = Request(f"http://127.0.0.1:{self._port}/json/{path}")
        with urlopen(request, timeout=ANSWER_SECONDS) as answer:
            return json.load(answer)

    def open(
        self, url: str, width: int = 1280, height: int = 800, *, dark: bool = False, phone: bool = False
    ) -> Page:
        """A page in a context of its own, as another person's browser would be."""
        context = self._control.command("Target.createBrowserContext")["browserContextId"]
        target = self._control.command("Target.createTarget", url="about:blank", browserContextId=context)[
            "targetId"
        ]
        page = Page(f"ws://127.0.0.1:{self._port}/devtools/page/{target}")
        page.command("Page.enable")
        page.command("Runtime.enable")
        page.command("Log.enable")
        page.command("Network.enable")
        page.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )
        page.command(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}],
        )
        page.command("Emulation.setFocusEmulationEnabled", enabled=True)
        failure = page.command("Page.navigate", url=url).get("errorText")
        if failure:
            raise RuntimeError(f"{url}: {failure}")
        page.wait("document.readyState === 'complete'", f"{url} did not load")
        return page

    def close(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._profile.cleanup()


class Page:
    """One DevTools session. Everything blocks, and fails after a fixed time."""

    def __init__(self, url: str) -> None:
        self._stack = contextlib.ExitStack()
        self._socket: ClientConnection = self._stack.enter_context(connect(url, max_size=None, proxy=None))
        self._number = 0
        self.problems: list[str] = []

    def command(self, method: str, **parameters: Any) -> Any:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv(timeout=ANSWER_SECONDS))
            if answer.get("id") != self._number:
                self._note(answer)
            elif "error" in answer:
                raise RuntimeError(f"{method}: {answer['error']['message']}")
            else:
                return answer["result"]

    def _note(self, event: dict[str, Any]) -> None:
        parameters = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.problems.append(details.get("exception", {}).get("description", details["text"]))
        elif event.get("method") == "Log.entryAdded" and parameters["entry"]["source"] == "security":
            self.problems.append(parameters["entry"]["text"])

    def evaluate(self, expression: str) -> Any:
        answer = self.command(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']['exception']['description']}")
        return answer["result"].get("value")

    def wait(self, expression: str, otherwise: str, seconds: float = ANSWER_SECONDS) -> Any:
        """Until the expression is true; what it shows last is part of the failure."""
        deadline = time.monotonic() + seconds
        while not (value := self.evaluate(expression)):
            if time.monotonic() > deadline:
                raise AssertionError(f"{otherwise} (last: {value!r})")
            time.sleep(0.05)
        return value

    def click(self, selector: str) -> None:
        box = self.evaluate(
            f"(() => {{ const box = document.querySelector({json.dumps(selector)})"
            ".getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.command(
                "Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1
            )

    def type(self, text: str) -> None:
        self.command("Input.insertText", text=text)

    def press(self, key: str) -> None:
        text = {"Enter": "\r"}.get(key, "")
        code = {"Backspace": 8, "Tab": 9, "Enter": 13, "Escape": 27}[key]
        self.command(
            "Input.dispatchKeyEvent", type="keyDown", key=key, code=key, text=text, windowsVirtualKeyCode=code
        )
        self.command("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, windowsVirtualKeyCode=code)

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.command("Page.captureScreenshot", format="png")["data"]))
