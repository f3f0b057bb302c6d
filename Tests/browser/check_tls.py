"""A headless browser loads a page over https and speaks wss with the C host, whose certificate it knows."""

from __future__ import annotations

import base64
import hashlib
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from devtools import Browser

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 20

TALK = """
new Promise((resolve) => {
    const socket = new WebSocket(`wss://localhost:${location.port}/echo`);
    const sizes = [0, 1, 125, 126, 16384, 65536, 1 << 20];
    const received = [];
    socket.onopen = () => sizes.forEach((size) => socket.send("x".repeat(size)));
    socket.onmessage = (event) => {
        received.push(event.data.length);
        if (received.length === sizes.length) socket.close(1000, "enough");
    };
    socket.onclose = (event) => resolve(`${event.code} ${event.wasClean} ${received}`);
})
"""


def key_hash(certificate: Path) -> str:
    """What Chromium calls a certificate that it is told to trust."""
    text = subprocess.run(
        ["openssl", "x509", "-in", certificate, "-pubkey", "-noout"], check=True, stdout=subprocess.PIPE
    ).stdout.decode()
    der = base64.b64decode("".join(line for line in text.splitlines() if "-" * 5 not in line))
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def check(folder: Path) -> None:
    subprocess.run([ROOT / "Tests/tls/make_certificates.sh", folder], check=True)
    (folder / "root").mkdir()
    (folder / "root/index.html").write_text("<!doctype html><title>TLS</title><p>here</p>\n")
    port = free_port()
    settings = [f"tls_certificate={folder}/both.pem", f"server_root={folder}/root", "max_message_size=2MiB"]
    host = subprocess.Popen([ROOT / "build/host-c", str(port), *settings])
    browser = None
    try:
        wait_for(port)
        browser = Browser(f"--ignore-certificate-errors-spki-list={key_hash(folder / 'both.pem')}")
        page = browser.open(f"https://localhost:{port}/index.html")
        assert page.evaluate("document.title") == "TLS"
        found = page.evaluate(TALK)
        assert found == "1000 true 0,1,125,126,16384,65536,1048576", found
    finally:
        if browser:
            browser.close()
        host.terminate()
        host.wait(START_SECONDS)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="hearth-tls-") as name:
        check(Path(name))
    print("check_tls.py: passed")
    sys.exit(0)
