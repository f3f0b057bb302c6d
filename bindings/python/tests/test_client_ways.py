"""The ways on which a client comes to its server: TLS, a proxy, redirects, settings of the environment."""

import asyncio
import base64
import contextlib
import subprocess
from pathlib import Path

import hearth
import pytest

ROOT = Path(__file__).resolve().parents[3]
WAIT_SECONDS = 20


@pytest.fixture(params=["driven", "threads"])
def driven(request):
    return request.param == "driven"


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("client-certificates")
    subprocess.run(["bash", ROOT / "Tests/tls/make_certificates.sh", folder], check=True)
    return folder


async def within(awaitable, seconds=WAIT_SECONDS):
    return await asyncio.wait_for(awaitable, seconds)


@contextlib.asynccontextmanager
async def echo(listen="127.0.0.1:0", **configuration):
    server = hearth.Server(listen, **configuration)
    server.on_message(lambda connection, message: connection.send(message))
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def read_head(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    return head.decode()


@contextlib.asynccontextmanager
async def answering(handle):
    """A server of a coroutine. Yields its port."""
    tasks = set()

    async def serve(reader, writer):
        tasks.add(asyncio.current_task())
        try:
            await handle(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_it_speaks_tls_and_compresses(driven, certificates):
    name = certificates / "localhost"
    keys = {"tls_certificate": f"{name}.pem", "tls_private_key": f"{name}.key", "compression": True}
    client_keys = {"driven": driven, "compression": True, "compression_threshold": 16}
    async with echo("wss://127.0.0.1:0", **keys) as server:
        url = f"wss://localhost:{server.port}/"
        async with hearth.connect(url, tls_ca_file=certificates / "ca.pem", **client_keys) as ws:
            assert "permessage-deflate" in ws.headers["sec-websocket-extensions"]
            for size in (1, 100, 70_000):
                ws.send("x" * size)
                assert len((await within(ws.recv())).text) == size
        with pytest.raises(hearth.TlsHandshakeError):
            await hearth.connect(url, **client_keys)


async def test_a_proxy_is_shown_its_credentials(driven):
    heads = []

    async def proxy(reader, writer):
        heads.append(await read_head(reader))
        if base64.b64encode(b"ann:secret").decode() not in heads[-1]:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        host, port = heads[-1].split()[1].rsplit(":", 1)
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

        async def carry(source, target):
            while data := await source.read(65536):
                target.write(data)
            target.close()

        await asyncio.gather(carry(reader, far_writer), carry(far_reader, writer))

    async with echo() as server, answering(proxy) as port:
        url = f"ws://127.0.0.1:{server.port}/"
        async with hearth.connect(url, proxy=f"http://ann:secret@127.0.0.1:{port}", driven=driven) as ws:
            ws.send("through")
            assert (await within(ws.recv())).text == "through"
        assert heads[0].startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\n")
        with pytest.raises(hearth.ProxyAuthError):
            await hearth.connect(url, proxy=f"http://127.0.0.1:{port}", driven=driven)


async def test_redirects_are_followed_if_allowed(driven):
    async with echo() as server:

        async def redirect(reader, writer):
            await read_head(reader)
            location = f"ws://127.0.0.1:{server.port}/there"
            answer = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
            writer.write(answer.encode())

        async with answering(redirect) as port:
            url = f"ws://127.0.0.1:{port}/"
            async with hearth.connect(url, follow_redirects=1, driven=driven) as ws:
                ws.send("there")
                assert (await within(ws.recv())).text == "there"
            with pytest.raises(hearth.RedirectedError):
                await hearth.connect(url, driven=driven)


async def test_settings_come_from_the_environment(driven, monkeypatch):
    monkeypatch.setenv("WS_JSON_PING", "on")
    async with echo() as server:
        url = f"ws://127.0.0.1:{server.port}/"
        async with hearth.connect(url, driven=driven, environment_prefix="WS_") as ws:
            ws.send('{"type":"ping"}')
            assert (await within(ws.recv())).text == '{"type":"pong"}'
