"""Clients of many makers echo through a server."""

import asyncio
import os
import queue
import shutil
import signal
import subprocess
import time

import pytest
from conftest import WAIT_SECONDS

import hearth.sync

# Lengths around the borders of the three forms of a frame's length, as text and as bytes.
LENGTHS = [0, 1, 125, 126, 65_535, 65_536, 200_000]


@pytest.fixture
def url(library):
    server = hearth.sync.Server("127.0.0.1:0", compression="on")
    server.route("/echo")
    server.on_message(lambda connection, message: connection.send(message))

    @server.http("/page")
    def page(request):
        body = f"<body><script>{REPORT}{javascript(f'ws://127.0.0.1:{server.port}/echo')}</script></body>"
        return hearth.Response(body, headers={"Content-Type": "text/html; charset=utf-8"})

    @server.http("/report/{text}")
    def report(request):
        REPORTS.put(request.captures["text"])

    with server:
        yield f"ws://127.0.0.1:{server.port}/echo"
        # Each has closed as it should.
        wait_until(lambda: server.stats()["connections"]["closed"] >= 1)
        assert server.stats()["connections"]["opened"] == 1


def wait_until(condition):
    end = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


def texts():
    return ["ä" * (length // 2) for length in LENGTHS]


def blocks():
    return [bytes(index % 251 for index in range(length)) for length in LENGTHS]


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, WAIT_SECONDS))


def test_websockets_echoes(url):
    from websockets.asyncio.client import connect

    async def main():
        async with connect(url, proxy=None) as socket:
            for message in texts() + blocks():
                await socket.send(message)
                assert await socket.recv() == message

    run(main())


def test_aiohttp_echoes(url):
    import aiohttp

    async def main():
        async with aiohttp.ClientSession() as session, session.ws_connect(url, compress=15) as socket:
            for text in texts():
                await socket.send_str(text)
                assert await socket.receive_str() == text
            for block in blocks():
                await socket.send_bytes(block)
                assert await socket.receive_bytes() == block

    run(main())


def test_httpx_ws_echoes(url):
    import httpx
    from httpx_ws import aconnect_ws

    async def main():
        size = {"max_message_size_bytes": 1 << 20}
        async with httpx.AsyncClient() as client, aconnect_ws(url, client, **size) as socket:
            for text in texts():
                await socket.send_text(text)
                assert await socket.receive_text() == text
            for block in blocks():
                await socket.send_bytes(block)
                assert await socket.receive_bytes() == block

    run(main())


def test_wsproto_echoes(url):
    from urllib.parse import urlsplit

    from wsproto import ConnectionType, WSConnection
    from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Request

    async def main():
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        connection = WSConnection(ConnectionType.CLIENT)
        writer.write(connection.send(Request(host=parts.netloc, target=parts.path)))

        async def events():
            while True:
                connection.receive_data(await reader.read(65536) or None)
                for event in connection.events():
                    yield event

        incoming = events()
        assert isinstance(await incoming.__anext__(), AcceptConnection)
        for block in blocks():
            writer.write(connection.send(BytesMessage(data=block)))
            got = b""
            while True:
                event = await incoming.__anext__()
                got += event.data
                if event.message_finished:
                    break
            assert got == block
        writer.write(connection.send(CloseConnection(code=1000)))
        assert isinstance(await incoming.__anext__(), CloseConnection)
        writer.close()

    run(main())


def test_websocket_client_echoes(url):
    import websocket

    socket = websocket.create_connection(url, timeout=WAIT_SECONDS)
    for text in texts():
        socket.send(text)
        assert socket.recv() == text
    for block in blocks():
        socket.send_binary(block)
        assert socket.recv() == block
    socket.close()


def test_picows_echoes(url):
    from picows import WSListener, WSMsgType, ws_connect

    class Collector(WSListener):
        def __init__(self):
            self.got = asyncio.Queue()

        def on_ws_frame(self, transport, frame):
            if frame.msg_type == WSMsgType.BINARY:
                self.got.put_nowait(frame.get_payload_as_bytes())

    async def main():
        transport, listener = await ws_connect(Collector, url)
        for block in blocks():
            transport.send(WSMsgType.BINARY, block)
            assert await listener.got.get() == block
        transport.send_close(1000)
        await transport.wait_disconnected()

    run(main())


def test_tornado_echoes(url):
    from tornado.websocket import websocket_connect

    async def main():
        # Its compression keeps its window although the handshake says that it must not (6.6), so it is off.
        socket = await websocket_connect(url)
        for text in texts():
            await socket.write_message(text)
            assert await socket.read_message() == text
        for block in blocks():
            await socket.write_message(block, binary=True)
            assert await socket.read_message() == block
        socket.close()
        assert await socket.read_message() is None

    run(main())


def test_autobahn_echoes(url):
    from autobahn.asyncio.websocket import WebSocketClientFactory, WebSocketClientProtocol

    async def main():
        loop = asyncio.get_running_loop()
        ended = loop.create_future()

        class Echo(WebSocketClientProtocol):
            def onOpen(self):  # noqa: N802
                self.left = [(text.encode(), False) for text in texts()]
                self.left += [(block, True) for block in blocks()]
                self.sendMessage(*self.left[0])

            def onMessage(self, payload, isBinary):  # noqa: N802, N803
                assert (payload, isBinary) == self.left.pop(0)
                if self.left:
                    self.sendMessage(*self.left[0])
                else:
                    self.sendClose(1000)

            def onClose(self, wasClean, code, reason):  # noqa: N802, N803
                ended.set_result((wasClean, code, len(self.left)))

        factory = WebSocketClientFactory(url)
        factory.protocol = Echo
        await loop.create_connection(factory, factory.host, factory.port)
        assert await ended == (True, 1000, 0)

    run(main())


def test_curl_echoes(url):
    curl_cffi = pytest.importorskip("curl_cffi")
    socket = curl_cffi.WebSocket()
    socket.connect(url)
    for block in blocks()[1:5]:
        socket.send_binary(block)
        assert socket.recv()[0] == block
    socket.close()


JAVASCRIPT = """
const lengths = LENGTHS;
const socket = new WebSocket("URL");
socket.binaryType = "arraybuffer";
const left = lengths.map(n => "ä".repeat(n / 2));
left.push(...lengths.map(n => new Uint8Array(n).map((_, i) => i % 251)));
const same = (got, wanted) => typeof wanted === "string" ? got === wanted
    : got.byteLength === wanted.length && new Uint8Array(got).every((byte, i) => byte === wanted[i]);
let outcome = "";
socket.onopen = () => socket.send(left[0]);
socket.onmessage = event => {
    if (!same(event.data, left.shift())) { outcome = "different"; socket.close(1000); return; }
    if (left.length) socket.send(left[0]); else socket.close(1000);
};
socket.onerror = () => { outcome = "error"; };
socket.onclose = event => report((outcome || "same") + " " + left.length + " " + event.code);
"""


REPORT = "const report = text => fetch('/report/' + encodeURIComponent(text));"
REPORTS: "queue.Queue[str]" = queue.Queue()


def javascript(url):
    return JAVASCRIPT.replace("URL", url).replace("LENGTHS", repr(LENGTHS))


def test_node_echoes(url):
    node = shutil.which("node") or pytest.skip("there is no Node")
    program = "const report = console.log;" + javascript(url)
    command = [node, "--experimental-websocket", "-e", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout == "same 0 1000\n", done.stderr


def test_chromium_echoes(url, tmp_path):
    names = ("chromium", "chromium-browser", "google-chrome")
    browser = next(filter(None, map(shutil.which, names)), None) or pytest.skip("there is no Chromium")
    options = ["--headless=new", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage"]
    if os.geteuid() == 0:
        options.append("--no-sandbox")
    page = url.replace("ws://", "http://").replace("/echo", "/page")
    command = [browser, *options, f"--user-data-dir={tmp_path}", "--remote-debugging-port=0", page]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        assert REPORTS.get(timeout=60) == "same 0 1000"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
