"""HTTP beside the WebSockets, on the same port."""

import asyncio

import hearth
import pytest
from conftest import fetch, peer


@pytest.fixture
def web(new_server):
    server = new_server(max_body_size="1KiB")

    @server.http("/text")
    def text(request):
        return "hello"

    @server.http("/bytes")
    def data(request):
        return b"\x00\x01"

    @server.http("/json")
    async def json(request):
        await asyncio.sleep(0.01)
        return {"query": request.query, "method": request.method}

    @server.http("/status")
    def status(request):
        return 202, "later"

    @server.http("/nothing")
    def nothing(request):
        return None

    @server.http("/response/{name}", methods=["POST"])
    def response(request):
        body = request.captures["name"] + ":" + request.text
        return hearth.Response(body, 201, {"X-Kind": request.headers["x-kind"]})

    @server.http("/raises")
    def raises(request):
        raise KeyError("boom")

    @server.http("/raises/later")
    async def raises_later(request):
        raise KeyError("boom")

    @server.http("/forged")
    def forged(request):
        return hearth.Response("x", headers={"X-Name": "a\r\nSet-Cookie: b"})

    server.route("/ws")
    return server


async def test_what_a_handler_returns_becomes_the_response(web):
    async with web:
        status, headers, body = await fetch(web.port, "/text")
        assert (status, body) == (200, b"hello")
        assert headers["content-type"] == "text/plain; charset=utf-8"
        assert (await fetch(web.port, "/bytes"))[2] == b"\x00\x01"
        status, headers, body = await fetch(web.port, "/json?a=1")
        assert (status, body) == (200, b'{"query":{"a":"1"},"method":"GET"}')
        assert headers["content-type"] == "application/json"
        assert (await fetch(web.port, "/status"))[::2] == (202, b"later")
        assert (await fetch(web.port, "/nothing"))[::2] == (204, b"")


async def test_a_request_carries_body_captures_and_headers(web):
    async with web:
        answer = await fetch(web.port, "/response/ann%20b", "POST", b"data", ["X-Kind: test"])
        assert answer[0] == 201 and answer[2] == b"ann b:data"
        assert answer[1]["x-kind"] == "test"


async def test_head_gets_the_headers_alone(web):
    async with web:
        status, headers, body = await fetch(web.port, "/text", "HEAD")
        assert (status, body) == (200, b"")
        assert headers["content-length"] == "5"


async def test_another_method_is_405_and_another_path_404(web):
    async with web:
        assert (await fetch(web.port, "/text", "DELETE"))[0] == 405
        assert (await fetch(web.port, "/absent"))[0] == 404


async def test_a_body_over_the_limit_is_413(web):
    async with web:
        assert (await fetch(web.port, "/response/x", "POST", b"x" * 1025, ["X-Kind: t"]))[0] == 413
        assert (await fetch(web.port, "/response/x", "POST", b"x" * 1024, ["X-Kind: t"]))[0] == 201


@pytest.mark.parametrize("path", ["/raises", "/raises/later", "/forged"])
async def test_a_handler_that_fails_is_500_and_harms_no_other(web, path, caplog):
    async with web:
        status, _, body = await fetch(web.port, path)
        assert (status, body) == (500, b"internal server error\n")
        assert (await fetch(web.port, "/text"))[0] == 200
    assert "the handler of" in caplog.text


async def test_websockets_and_requests_share_the_port(web):
    web.on_message(lambda connection, message: connection.send(message))
    async with web, peer(web, "/ws") as client:
        await client.send("a")
        assert (await fetch(web.port, "/text"))[2] == b"hello"
        assert await client.receive() == "a"


async def test_files_come_from_server_root(new_server, tmp_path):
    (tmp_path / "index.html").write_text("<p>page</p>")
    (tmp_path.parent / "secret.txt").write_text("secret")
    async with new_server(server_root=tmp_path) as server:
        status, headers, body = await fetch(server.port, "/")
        assert (status, body) == (200, b"<p>page</p>")
        assert headers["content-type"].startswith("text/html")
        assert (await fetch(server.port, "/../secret.txt"))[0] in (400, 403, 404)


async def test_headers_are_read_without_regard_to_case(library):
    headers = library.Headers([("Accept", "a"), ("accept", "b")])
    assert headers["ACCEPT"] == "a, b"
    assert dict(headers) == {"accept": "a, b"} and len(headers) == 1
