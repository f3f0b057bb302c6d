"""Accepting and refusing, and what a connection knows of its handshake and its end."""

import asyncio
import time

import hearth
import pytest
import websockets.sync.client
from conftest import bare_peer, peer, until
from websockets.exceptions import InvalidStatus


async def refused(server, path="/"):
    with pytest.raises(InvalidStatus) as caught:
        async with peer(server, path):
            pass
    return caught.value.response


async def test_a_connection_carries_what_the_handshake_said(new_server):
    server = new_server()
    seen = []

    @server.route("/ws/{session_id}")
    async def session(connection):
        seen.append(connection)

    headers = {"X-Custom": "yes", "Cookie": "a=b"}
    async with server, peer(server, "/ws/s%C3%B6?name=Ann%20B&x=&x=2", additional_headers=headers) as client:
        await client.closing()
        (connection,) = seen
        assert connection.path.startswith("/ws/s")
        assert connection.captures == {"session_id": "sö"}
        assert connection.query == {"name": "Ann B", "x": "2"}
        assert connection.query_string == "name=Ann%20B&x=&x=2"
        assert connection.headers["x-custom"] == connection.headers["X-Custom"] == "yes"
        assert "host" in connection.headers and "absent" not in connection.headers
        assert connection.address.startswith("127.0.0.1:")
        assert connection.id != 0


async def test_on_connect_that_answers_false_refuses_with_403(new_server):
    server = new_server()
    server.on_connect(lambda connection: "name" in connection.query)
    async with server:
        assert (await refused(server)).status_code == 403
        async with peer(server, "/?name=x"):
            pass


async def test_on_connect_that_answers_text_names_the_user(new_server):
    server = new_server()
    server.on_connect(lambda connection: connection.query["name"])
    server.on_open(lambda connection: connection.send(connection.user))
    async with server, peer(server, "/?name=ann") as client:
        assert await client.receive() == "ann"


async def test_on_connect_may_be_a_coroutine(new_server):
    server = new_server()

    @server.on_connect
    async def check(connection):
        await asyncio.sleep(0.01)
        connection.state["checked"] = True
        return connection.query.get("name", False)

    server.on_open(lambda connection: connection.send_json(connection.state))
    async with server:
        assert (await refused(server)).status_code == 403
        async with peer(server, "/?name=ann") as client:
            assert await client.receive() == '{"checked":true}'


async def test_reject_with_a_status_is_an_http_answer(new_server):
    server = new_server()

    @server.on_connect
    def check(connection):
        raise hearth.Reject(429, "slow down")

    async with server:
        response = await refused(server)
        assert response.status_code == 429
        assert b"slow down" in response.body


async def test_reject_with_a_close_code_is_a_close_that_browsers_can_read(new_server):
    server = new_server()

    @server.on_connect
    async def check(connection):
        raise hearth.Reject(4001, "token expired")

    async with server, peer(server) as client:
        assert await client.closing() == (4001, "token expired")


@pytest.mark.parametrize(
    "code, reason",
    [
        (4001, "with\0NUL"), (403, "\0"), (1006, ""), (200, "ok"), (99, ""), (70000, ""), (1 << 40, ""),
        ("x", ""),
    ],  # fmt: skip
)
async def test_a_reject_that_cannot_be_given_is_answered_with_500(new_server, caplog, code, reason):
    server = new_server(open_timeout="1h")

    @server.on_connect
    async def check(connection):
        raise hearth.Reject(code, reason)

    async with server:
        assert (await refused(server)).status_code == 500
    assert "on_connect failed" in caplog.text or "could not be refused" in caplog.text


async def test_the_reason_of_a_reject_is_shortened_to_a_close_frame(new_server):
    server = new_server()

    @server.on_connect
    def check(connection):
        raise hearth.Reject(4001, "a" * 122 + "ü")

    async with server, peer(server) as client:
        assert await client.closing() == (4001, "a" * 122)


async def test_on_connect_that_raises_refuses_with_500_and_harms_no_other(new_server, caplog):
    server = new_server()
    server.on_connect(lambda connection: connection.query["name"])
    async with server:
        assert (await refused(server)).status_code == 500
        async with peer(server, "/?name=x"):
            pass
    assert "KeyError" in caplog.text


async def test_on_connect_that_answers_something_else_refuses_with_500(new_server, caplog):
    server = new_server()
    server.on_connect(lambda connection: 7)
    async with server:
        assert (await refused(server)).status_code == 500
    assert "not int" in caplog.text


async def test_on_connect_may_accept_by_itself_and_choose_the_subprotocol(new_server):
    server = new_server()
    server.route("/", subprotocols=["chat.v1", "chat.v2"])

    @server.on_connect
    def choose(connection):
        assert connection.offered_subprotocols == ["chat.v1", "chat.v2"]
        connection.accept("ann", "chat.v2")

    async with server, peer(server, "/", subprotocols=["chat.v1", "chat.v2"]) as client:
        assert client.socket.subprotocol == "chat.v2"


async def test_a_route_chooses_the_subprotocol_by_its_own_preference(new_server):
    server = new_server()
    server.route("/", subprotocols=["chat.v2", "chat.v1"])
    chosen = []
    server.on_open(lambda connection: chosen.append(connection.subprotocol))
    async with server, peer(server, "/", subprotocols=["chat.v1", "chat.v2"]) as client:
        assert client.socket.subprotocol == "chat.v2"
        await client.socket.ping()
    assert chosen == ["chat.v2"]


async def test_a_route_with_accept_auto_does_not_ask(new_server):
    server = new_server()
    server.on_connect(lambda connection: False)
    server.route("/open", accept="auto")
    server.route("/{rest*}")
    async with server:
        async with peer(server, "/open"):
            pass
        assert (await refused(server, "/other")).status_code == 403


async def test_answering_twice_raises_state(new_server):
    server = new_server(driven=True)
    seen = []

    @server.on_connect
    def twice(connection):
        connection.accept()
        with pytest.raises(hearth.HearthError):
            connection.reject(403)
        seen.append("told")

    async with server, peer(server):
        await until(lambda: seen == ["told"])


async def test_a_path_without_a_route_is_not_found(new_server):
    server = new_server()
    server.route("/ws")
    async with server:
        assert (await refused(server, "/other")).status_code == 404


async def test_on_open_and_on_close_are_called_once_each_with_the_same_connection(new_server):
    server = new_server()
    seen = []
    server.on_open(lambda connection: seen.append(("open", connection)))
    server.on_close(lambda connection: seen.append(("close", connection)))
    async with server:
        async with peer(server) as client:
            await client.close(4005, "done")
        await until(lambda: len(seen) == 2)
    (_, opened), (_, closed) = seen
    assert opened is closed
    assert (closed.close_code, closed.close_reason) == (4005, "done")
    assert closed.closed_cleanly and closed.closed_by_peer


async def test_handlers_of_open_and_close_may_be_coroutines(new_server):
    server = new_server()
    seen = []

    @server.on_open
    async def opened(connection):
        await asyncio.sleep(0)
        connection.send("welcome")

    @server.on_close
    async def closed(connection):
        await asyncio.sleep(0)
        seen.append(connection.close_code)

    async with server:
        async with peer(server) as client:
            assert await client.receive() == "welcome"
        await until(lambda: seen == [1000])


async def test_closing_sends_code_and_reason_and_wait_closed_waits_for_the_end(new_server):
    server = new_server()
    seen = []

    @server.route("/")
    async def session(connection):
        connection.close(4000, "because")
        await connection.wait_closed()
        seen.append((connection.close_code, connection.closed_by_peer, connection.is_open))

    async with server, peer(server) as client:
        assert await client.closing() == (4000, "because")
        await until(lambda: len(seen) == 1)
    assert seen[0][1:] == (False, False)


async def test_calls_after_the_end_raise_gone(new_server):
    server = new_server()
    ended = []
    server.on_close(ended.append)
    async with server:
        async with peer(server, "/?a=1"):
            pass
        await until(lambda: ended)
        (connection,) = ended
        for call in (
            lambda: connection.send("x"),
            lambda: connection.send_json({}),
            lambda: connection.join("x"),
            lambda: connection.leave("x"),
            lambda: connection.info,
            lambda: connection.latency,
            lambda: connection.rooms,
            lambda: setattr(connection, "user", "x"),
            lambda: connection.metadata,
        ):
            with pytest.raises(hearth.GoneError):
                call()
        assert connection.is_open is False
        assert connection.query == {"a": "1"}
        await connection.wait_closed()


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, -1])
async def test_closing_with_a_code_that_may_not_be_sent_raises_invalid(new_server, code):
    server = new_server()
    async with server, peer(server) as client:
        await until(lambda: server.connection_count == 1)
        with pytest.raises(hearth.InvalidError):
            server.connections[0].close(code)
        server.broadcast("still open")
        assert await client.receive() == "still open"


async def test_arguments_of_the_wrong_type_or_range_raise_and_do_nothing(new_server):
    server = new_server()
    async with server, peer(server) as client:
        await until(lambda: server.connection_count == 1)
        connection = server.connections[0]
        for call in (
            lambda: connection.close("1000"),
            lambda: connection.close(1000, b"bytes"),
            lambda: connection.join(None),
            lambda: connection.leave(3),
            lambda: setattr(connection, "user", 3),
            lambda: setattr(connection, "metadata", "text"),
            lambda: server.broadcast("x", except_=5),
            lambda: server.send_to_user(None, "x"),
        ):
            with pytest.raises(TypeError):
                call()
        with pytest.raises(hearth.InvalidError):
            connection.close(2**32 + 1000)
        with pytest.raises(hearth.HearthError):
            connection.close(1000, "x" * 124)
        assert connection.send("still open")
        assert await client.receive() == "still open"


async def test_metadata_is_kept_with_the_connection(new_server):
    server = new_server()
    async with server, peer(server):
        await until(lambda: server.connection_count == 1)
        connection = server.connections[0]
        assert connection.metadata == b""
        connection.metadata = b"\x00" * 1000
        await until(lambda: connection.metadata == b"\x00" * 1000)
        with pytest.raises(hearth.TooLargeError):
            connection.metadata = b"x" * 100_000


async def test_latency_is_known_after_a_ping(new_server):
    server = new_server(ping_interval=0.05)
    async with server, peer(server):
        await until(lambda: server.connection_count == 1)
        connection = server.connections[0]
        await until(lambda: connection.latency is not None)
        assert connection.latency >= 0
        assert connection.info.is_open and connection.info.messages_received == 0


async def test_a_peer_that_never_answers_pings_is_removed(new_server):
    server = new_server(ping_interval=0.05, ping_timeout=0.1)
    closed = []
    server.on_close(closed.append)
    async with server, bare_peer(server):
        await until(lambda: closed)
        assert server.connection_count == 0
    assert not closed[0].closed_cleanly


async def test_each_answered_ping_is_followed_by_another_after_the_interval(new_server):
    server = new_server(ping_interval=0.05, ping_timeout=600)
    async with server, bare_peer(server) as (reader, writer):
        for _ in range(3):
            head = await asyncio.wait_for(reader.readexactly(2), 20)
            assert head[0] == 0x89
            payload = await reader.readexactly(head[1])
            writer.write(bytes([0x8A, 0x80 | len(payload), 0, 0, 0, 0]) + payload)


async def test_a_program_that_blocks_longer_than_the_ping_timeout_keeps_its_peers(new_server):
    server = new_server(ping_interval=0.05, ping_timeout=0.1)

    def talk(port):
        with websockets.sync.client.connect(f"ws://127.0.0.1:{port}/", proxy=None) as client:
            return client.recv(timeout=20)

    async with server:
        talking = asyncio.get_running_loop().run_in_executor(None, talk, server.port)
        await until(lambda: server.connection_count == 1)
        connection = server.connections[0]
        await until(lambda: connection.latency is not None)
        for _ in range(3):
            time.sleep(0.3)  # The peer, in its thread, goes on answering.
            await asyncio.sleep(0.02)
        connection.send("still here")
        assert await talking == "still here"


async def test_attributes_of_a_connection_are_those_of_its_set(new_server):
    server = new_server()
    async with server, peer(server):
        await until(lambda: len(server.connections) == 1)
        one, two = server.connections[0], server.connections[0]
        assert one == two and len({one, two}) == 1
        with pytest.raises(AttributeError):
            one.sned = 1
