"""TLS, with the clients that people have: websockets, curl, openssl, Node."""

import asyncio
import shutil
import socket
import ssl
import subprocess
import tempfile

import pytest
from conftest import ROOT
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificates")


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    subprocess.run(["bash", ROOT / "Tests/tls/make_certificates.sh", folder], check=True)
    return folder


@pytest.fixture
def tls_server(new_server, certificates):
    def make(listen="127.0.0.1:0", **configuration):
        configuration.setdefault("tls_certificate", str(certificates / "both.pem"))
        server = new_server(listen, **configuration)

        @server.on_message
        def echo(connection, message):
            connection.send(message)

        return server

    return make


def trust(certificates, **options):
    context = ssl.create_default_context(cafile=str(certificates / "ca.pem"))
    if "client" in options:
        context.load_cert_chain(certificates / "client.pem", certificates / "client.key")
    return context


async def run(*command, stdin=b""):
    """What a program prints, both outputs together. Its input is a file: it may end without reading it."""
    with tempfile.TemporaryFile() as file:
        file.write(stdin)
        file.seek(0)
        process = await asyncio.create_subprocess_exec(
            *[str(part) for part in command],
            stdin=file,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await asyncio.wait_for(process.communicate(), 20)
    return output.decode(errors="replace")


async def test_websockets_speaks_wss_in_messages_of_all_sizes(tls_server, certificates):
    async with tls_server(max_message_size="2MiB", max_outbox_bytes="8MiB") as server:
        url = f"wss://localhost:{server.port}/"
        async with connect(url, ssl=trust(certificates), max_size=None) as socket:
            sizes = [0, 1, 125, 126, 16384, 65535, 65536, 1 << 20]
            for size in sizes:
                await socket.send("x" * size)
            for size in sizes:
                assert await socket.recv() == "x" * size


async def test_compressed_messages_pass_through_tls(tls_server, certificates):
    server = tls_server(compression="on", max_message_size="2MiB", max_outbox_bytes="8MiB")
    server.on_open(lambda connection: connection.join("all"))
    async with server:
        url = f"wss://localhost:{server.port}/"
        async with connect(url, ssl=trust(certificates), max_size=None) as socket:
            assert "permessage-deflate" in socket.response.headers["Sec-WebSocket-Extensions"]
            sizes = [0, 1000, 5000, 65536, 1 << 20]
            for size in sizes:
                await socket.send("x" * size)
            for size in sizes:
                assert await socket.recv() == "x" * size
            server.room("all").broadcast("y" * 100_000)
            assert await socket.recv() == "y" * 100_000


async def test_many_talk_and_leave_in_any_order(tls_server, certificates):
    async with tls_server() as server:
        context = trust(certificates)

        async def talk(number):
            url = f"wss://localhost:{server.port}/{number}"
            async with connect(url, ssl=context) as socket:
                for turn in range(10):
                    await socket.send(f"{number}:{turn}" * 50)
                for turn in range(10):
                    assert await socket.recv() == f"{number}:{turn}" * 50
                if number % 3 == 0:
                    socket.transport.abort()

        await asyncio.gather(*[talk(number) for number in range(40)])


async def test_a_connection_says_what_tls_agreed_on(new_server, certificates):
    server = new_server(
        "127.0.0.1:0",
        tls_certificate=str(certificates / "localhost.pem"),
        tls_private_key=str(certificates / "localhost.key"),
        tls_client_certificate="required",
        tls_client_ca_file=str(certificates / "ca.pem"),
    )
    known = []

    @server.on_connect
    async def check(connection):
        known.append(connection.tls)
        connection.accept()

    @server.on_message
    def echo(connection, message):
        connection.send(message)

    async with server:
        url = f"wss://localhost:{server.port}/"
        async with connect(url, ssl=trust(certificates, client=True)) as socket:
            await socket.send("hello")
            assert await socket.recv() == "hello"
        with pytest.raises((OSError, WebSocketException)):
            async with connect(url, ssl=trust(certificates)) as socket:
                await socket.recv()
    assert known == [
        {
            "version": "TLSv1.3",
            "cipher": "TLS_AES_128_GCM_SHA256",
            "resumed": "no",
            "subject": "CN=Ada,O=Engines",
        }
    ]


async def test_a_plain_connection_has_no_tls(new_server):
    server = new_server()
    seen = asyncio.Queue()

    @server.on_open
    async def opened(connection):
        seen.put_nowait(connection.tls)

    async with server:
        async with connect(f"ws://127.0.0.1:{server.port}/"):
            assert await asyncio.wait_for(seen.get(), 20) is None


async def test_reload_tls_shows_the_new_certificate_and_refuses_a_bad_one(
    tls_server, certificates, tmp_path, library
):
    file = tmp_path / "certificate.pem"

    def install(name):
        parts = [(certificates / f"{name}.{kind}").read_bytes() for kind in ("pem", "key")]
        file.write_bytes(b"".join(parts))

    async def subject(port):
        url = f"wss://localhost:{port}/"
        async with connect(url, ssl=trust(certificates)) as socket:
            certificate = socket.transport.get_extra_info("peercert")
            return dict(part[0] for part in certificate["subject"])["commonName"]

    install("localhost")
    async with tls_server(tls_certificate=str(file)) as server:
        async with connect(f"wss://localhost:{server.port}/", ssl=trust(certificates)) as old:
            assert await subject(server.port) == "localhost"
            install("renewed")
            server.reload_tls()
            assert await subject(server.port) == "renewed"
            file.write_text("nothing")
            with pytest.raises(library.TlsError, match="certificate.pem"):
                server.reload_tls()
            assert await subject(server.port) == "renewed"
            await old.send("still here")
            assert await old.recv() == "still here"


async def test_a_certificate_that_cannot_be_read_is_named(new_server, library):
    server = new_server(tls_certificate="/none/at/all.pem")
    with pytest.raises(library.TlsError, match="/none/at/all.pem.*No such file"):
        async with server:
            pass


async def test_curl_fetches_files_and_upgrades(tls_server, certificates, tmp_path):
    (tmp_path / "page.txt").write_text("a page\n" * 100_000)
    async with tls_server(server_root=str(tmp_path)) as server:
        base = f"https://localhost:{server.port}"
        arguments = ["curl", "-sS", "--max-time", "15", "--cacert", certificates / "ca.pem"]
        assert await run(*arguments, f"{base}/page.txt") == "a page\n" * 100_000
        assert "HTTP/1.1 200" in await run(*arguments, "-I", "--http2", f"{base}/page.txt")
        upgrade = await run(
            *arguments, "-i", "--http1.1", "--max-time", "1",
            "-H", "Connection: Upgrade", "-H", "Upgrade: websocket", "-H", "Sec-WebSocket-Version: 13",
            "-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", base,
        )  # fmt: skip
        assert "101 Switching Protocols" in upgrade
        refused = await run("curl", "-sS", "--max-time", "15", base)
        assert "certificate" in refused
        assert "speaks TLS" in await run("curl", "-sS", f"http://localhost:{server.port}/")


class OpenSSL:
    """openssl s_client towards a server."""

    def __init__(self, certificates, port):
        self.certificates = certificates
        self.port = port

    async def __call__(self, *options, stdin=b"Q\n"):
        return await run(
            "openssl", "s_client", "-connect", f"127.0.0.1:{self.port}", "-CAfile",
            self.certificates / "ca.pem", *options, stdin=stdin,
        )  # fmt: skip


async def test_openssl_is_refused_old_versions_and_weak_ciphers(tls_server, certificates):
    files = [str(certificates / f"rsa.{kind}") for kind in ("pem", "key")]
    async with tls_server(tls_certificate=files[0], tls_private_key=files[1]) as server:
        client = OpenSSL(certificates, server.port)
        anything = ["-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"]
        for version in ["-tls1", "-tls1_1"]:
            assert "Cipher is (NONE)" in await client(version, *anything)
        for cipher in [
            "RC4", "3DES", "NULL", "aNULL", "EXPORT", "kRSA", "CAMELLIA", "SHA1", "SHA256", "AESCCM", "kDHE",
            "PSK",
        ]:  # fmt: skip
            output = await client("-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0")
            assert "Cipher is (NONE)" in output or "no cipher match" in output, cipher
        for cipher in ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-CHACHA20-POLY1305"]:
            output = await client("-tls1_2", "-cipher", cipher)
            assert f"Cipher is {cipher}" in output and "Verify return code: 0" in output
            assert "Compression: NONE" in output and "Secure Renegotiation IS supported" in output


async def test_openssl_is_refused_below_min_tls_version(tls_server, certificates):
    async with tls_server(min_tls_version="1.3") as server:
        client = OpenSSL(certificates, server.port)
        assert "Cipher is (NONE)" in await client("-tls1_2")
        assert "TLSv1.3, Cipher is TLS_" in await client()


async def test_openssl_resumes_a_session(tls_server, certificates, tmp_path):
    async with tls_server() as server:
        client = OpenSSL(certificates, server.port)
        assert "Reused, TLSv1.2" in await client("-reconnect", "-tls1_2")
        kept = tmp_path / "session.pem"
        request = b"GET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        first = await client("-sess_out", kept, "-ign_eof", stdin=request)
        assert "404 Not Found" in first and "New, TLSv1.3" in first
        assert "Reused, TLSv1.3" in await client("-sess_in", kept)
        # After a reload nothing that was agreed before counts.
        server.reload_tls()
        assert "New, TLSv1.3" in await client("-sess_in", kept)


async def test_openssl_gets_the_certificate_of_the_name_and_http_1_1(tls_server, certificates):
    files = [str(certificates / f"{name}.pem") for name in ("localhost", "example")]
    keys = [str(certificates / f"{name}.key") for name in ("localhost", "example")]
    async with tls_server(tls_certificate=",".join(files), tls_private_key=",".join(keys)) as server:
        client = OpenSSL(certificates, server.port)
        for name, subject in [
            ("localhost", "localhost"), ("example.org", "example.org"), ("a.example.org", "example.org"),
            ("elsewhere.example", "localhost"),
        ]:  # fmt: skip
            assert f"subject=CN = {subject}" in await client("-servername", name)
        assert "subject=CN = localhost" in await client("-noservername")
        assert "ALPN protocol: http/1.1" in await client("-alpn", "h2,http/1.1")
        assert "No ALPN negotiated" in await client()
        assert "no application protocol" in await client("-alpn", "h2")


NODE = """
const socket = new WebSocket(process.argv[2]);
socket.onopen = () => { for (let i = 0; i < 100; i++) socket.send("message " + i); };
let count = 0;
socket.onmessage = (event) => {
    if (event.data !== "message " + count++) process.exit(2);
    if (count === 100) socket.close(1000);
};
socket.onclose = (event) => { console.log("closed", event.code, count); process.exit(0); };
socket.onerror = () => { console.log("error"); };
"""


@pytest.mark.skipif(not shutil.which("node"), reason="there is no Node")
async def test_node_speaks_wss(tls_server, certificates, tmp_path, monkeypatch):
    script = tmp_path / "client.js"
    script.write_text(NODE)
    monkeypatch.setenv("NODE_EXTRA_CA_CERTS", str(certificates / "ca.pem"))
    command = ["node", "--no-warnings"]
    if "WebSocket" not in await run("node", "-p", "typeof WebSocket === 'function' ? 'WebSocket' : ''"):
        command.append("--experimental-websocket")
    async with tls_server() as server:
        output = await run(*command, script, f"wss://localhost:{server.port}/")
        assert "closed 1000 100" in output


async def test_a_stalled_reader_costs_its_connection_and_no_other(tls_server, certificates):
    async with tls_server(max_outbox_bytes="1MiB", slow_consumer="close") as server:
        context = trust(certificates)
        stalled_reader, stalled_writer = await asyncio.open_connection(
            "127.0.0.1", server.port, ssl=context, server_hostname="localhost", limit=1024
        )
        stalled_writer.write(
            b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        await stalled_reader.readuntil(b"\r\n\r\n")
        stalled_writer.transport.pause_reading()
        async with connect(f"wss://localhost:{server.port}/", ssl=context) as socket:
            for _ in range(400):
                server.broadcast(b"x" * 50_000)
                await socket.recv()
                if server.connection_count < 2:
                    break
            assert server.connection_count == 1
            await socket.send("served")
            assert await socket.recv() == "served"
        stalled_writer.transport.abort()


async def test_a_proxy_header_comes_before_tls(tls_server, certificates):
    server = tls_server(trusted_proxies="127.0.0.0/8", proxy_protocol="on")
    opened = asyncio.get_running_loop().create_future()
    server.on_open(lambda connection: opened.set_result(connection.address))
    async with server:
        proxy = socket.create_connection(("127.0.0.1", server.port))
        proxy.sendall(b"PROXY TCP4 203.0.113.9 127.0.0.1 4711 443\r\n")
        options = {"ssl": trust(certificates), "sock": proxy, "server_hostname": "localhost"}
        async with connect(f"wss://localhost:{server.port}/", proxy=None, **options) as peer:
            await peer.send("hello")
            assert await asyncio.wait_for(peer.recv(), 20) == "hello"
        assert await asyncio.wait_for(opened, 20) == "203.0.113.9:4711"
