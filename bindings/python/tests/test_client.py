"""The client against Hearth's own server."""

import asyncio
import contextlib

import faults
import hearth
import pytest

WAIT_SECONDS = 20


@pytest.fixture(params=["driven", "threads"])
def driven(request):
    return request.param == "driven"


async def within(awaitable, seconds=WAIT_SECONDS):
    return await asyncio.wait_for(awaitable, seconds)


async def until(what):
    async def poll():
        while not what():
            await asyncio.sleep(0.002)

    await within(poll())


@contextlib.asynccontextmanager
async def echo(**configuration):
    server = hearth.Server("127.0.0.1:0", **configuration)
    server.route("/echo/{name*}", subprotocols=["v2", "v1"])

    @server.on_message
    def answer(connection, message):
        if message.data.startswith(b"close "):
            connection.close(int(message.text[6:10]), message.text[11:])
        else:
            connection.send(message)

    await server.start()
    try:
        yield server, f"ws://127.0.0.1:{server.port}/echo/"
    finally:
        await server.stop()


async def test_it_sends_and_receives_text_binary_and_json(driven):
    async with echo() as (_, url), hearth.connect(url, driven=driven) as ws:
        assert ws.is_connected and ws.url == url
        assert await within(ws.send("text")) == 1
        message = await within(ws.recv())
        assert message.is_text and message.text == "text"
        ws.send(b"\0\xff")
        assert (await within(ws.recv())).data == b"\0\xff"
        ws.send_json({"a": [1, "ü"]})
        assert await within(ws.recv_json()) == {"a": [1, "ü"]}
        assert ws.info.messages_sent == 3 and ws.info.messages_received == 3


async def test_async_for_gives_the_messages_until_the_end(driven):
    async with echo() as (_, url), hearth.connect(url, driven=driven) as ws:
        for number in range(100):
            ws.send(str(number))
        ws.send("close 1000 done")
        received = [message.text async for message in ws]
        assert received == [str(number) for number in range(100)]
        assert ws.state.state is hearth.ClientState.CLOSED
        assert (ws.state.code, ws.state.reason, ws.state.by_peer) == (1000, "done", True)
        with pytest.raises(hearth.ClosedError) as caught:
            await within(ws.recv())
        assert (caught.value.close_code, caught.value.close_reason) == (1000, "done")


async def test_a_close_after_which_coming_back_is_no_use_is_raised(driven):
    async with echo() as (_, url), hearth.connect(url, driven=driven) as ws:
        ws.send("close 4505 kicked")
        with pytest.raises(hearth.ClosedError, match="4505 kicked"):
            async for _ in ws:
                pass


async def test_the_handshake_says_what_it_should(driven):
    server = hearth.Server("127.0.0.1:0")
    seen = []

    @server.route("/{path*}", subprotocols=["v2", "v1"])
    async def session(connection):
        seen.append((connection.path, connection.query, dict(connection.headers)))
        await connection.wait_closed()

    await server.start()
    url = f"ws://127.0.0.1:{server.port}/a/b?c=d"
    arguments = {"headers": {"X-Token": "t"}, "subprotocols": ["v1", "v0"], "query": {"e": "f g"}}
    async with hearth.connect(url, driven=driven, **arguments) as ws:
        await until(lambda: seen)
        assert ws.subprotocol == "v1"
        assert ws.address == f"127.0.0.1:{server.port}"
        assert ws.headers["upgrade"] == "websocket"
    path, query, headers = seen[0]
    assert path == "/a/b" and query == {"c": "d", "e": "f g"}
    assert headers["x-token"] == "t" and headers["host"] == f"127.0.0.1:{server.port}"
    assert headers["sec-websocket-protocol"].replace(" ", "") == "v1,v0"
    await server.stop()


async def test_user_and_password_of_the_url_are_sent_as_basic_authorization(driven):
    server = hearth.Server("127.0.0.1:0")
    seen = []
    server.on_open(lambda connection: seen.append(connection.headers["authorization"]))
    await server.start()
    async with hearth.connect(f"ws://Aladdin:open%20sesame@127.0.0.1:{server.port}/", driven=driven):
        await until(lambda: seen)
    assert seen == ["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="]
    await server.stop()


async def test_it_connects_to_a_socket_of_this_machine(driven, tmp_path):
    path = tmp_path / "s.sock"
    server = hearth.Server(f"unix:{path}")
    server.on_message(lambda connection, message: connection.send(connection.path))
    await server.start()
    async with hearth.connect(f"unix:{path}:/in/side", driven=driven) as ws:
        ws.send("where")
        assert (await within(ws.recv())).text == "/in/side"
    async with hearth.connect(f"unix:{path}", driven=driven, query={"a": "b"}) as ws:
        ws.send("where")
        assert (await within(ws.recv())).text == "/"
    await server.stop()


def test_bad_urls_and_headers_are_refused_at_once():
    async def refused(url, **arguments):
        with pytest.raises(hearth.HearthError) as caught:
            await hearth.connect(url, **arguments)
        return str(caught.value)

    assert "byte 3" in asyncio.run(refused("ws:/x"))
    assert "byte 11" in asyncio.run(refused("ws://h:65536"))
    assert "line break" in asyncio.run(refused("ws://h", headers={"A": "b\nC: d"}))
    asyncio.run(refused("http://h"))
    asyncio.run(refused("ws://h", subprotocols=["a b"]))
    asyncio.run(refused("ws://h", headers={"Upgrade": "x"}))
    with pytest.raises(hearth.UnknownKeyError):
        hearth.connect("ws://h", reconnect_jiter=1)


async def test_states_are_told_in_order(driven):
    async with echo() as (_, url):
        client = hearth.Client(url, driven=driven)
        assert client.state.state is hearth.ClientState.IDLE
        client.open()
        seen = []

        async def watch():
            async for change in client.states():
                seen.append(change.state.name)

        watching = asyncio.ensure_future(watch())
        await within(client.wait_open())
        await client.close(4000, "enough")
        await within(watching)
        assert seen == ["CONNECTING", "OPEN", "CLOSED"]
        assert client.state.code == 4000 and client.state.reason == "enough"
        await client.close()


async def test_messages_wait_for_the_connection_and_can_be_looked_at(driven):
    port = faults.free_port()
    keys = {"reconnect_max_attempts": 0, "reconnect_backoff_base": "10s", "reconnect_floor": "10s"}
    dropped = []
    async with hearth.Client(f"ws://127.0.0.1:{port}/", driven=driven, **keys) as client:
        client.on_dropped(lambda ident, reason: dropped.append((ident, reason)))
        first, second = client.send("one"), client.send(b"two")
        await within(client._wait_for(lambda change: change.state is hearth.ClientState.RECONNECTING))
        assert [(ident, message.data) for ident, message in client.queue] == [(1, b"one"), (2, b"two")]
        assert client.queue[1][1].opcode == 2 and client.info.queue_bytes == 6
        assert client.clear_queue() == 2
        with pytest.raises(hearth.DroppedError) as caught:
            await within(first)
        assert caught.value.reason is hearth.DropReason.CLEARED
        await until(lambda: len(dropped) == 2)
        assert second.dropped is hearth.DropReason.CLEARED
        third = client.send("three")
    assert third.dropped is hearth.DropReason.CLOSED
    assert [ident for ident, _ in dropped] == [1, 2, 3]


async def test_the_queue_refuses_what_is_one_more_than_it_may_hold(driven):
    keys = {"max_queue_messages": 2, "reconnect_backoff_base": "10s", "reconnect_floor": "10s"}
    async with hearth.Client(f"ws://127.0.0.1:{faults.free_port()}/", driven=driven, **keys) as client:
        client.send("1")
        client.send("2")
        with pytest.raises(hearth.QueueFullError):
            client.send("3")


async def test_poke_tries_at_once(driven):
    port = faults.free_port()
    keys = {"reconnect_backoff_base": "100s", "reconnect_floor": "100s", "reconnect_backoff_max": "100s"}
    async with hearth.Client(f"ws://127.0.0.1:{port}/", driven=driven, **keys) as client:
        await within(client._wait_for(lambda change: change.state is hearth.ClientState.RECONNECTING))
        server = hearth.Server(f"127.0.0.1:{port}")
        await server.start()
        assert client.state.delay > 90
        client.poke()
        await within(client.wait_open())
        await client.close()
        await server.stop()


async def test_prepare_changes_headers_and_url_before_each_attempt(driven):
    server = hearth.Server("127.0.0.1:0")
    tokens = []

    @server.on_connect
    def check(connection):
        tokens.append(connection.headers.get("x-token"))
        if tokens[-1] != "fresh":
            raise hearth.Reject(401)

    await server.start()
    asked = []

    async def prepare(client):
        await asyncio.sleep(0)
        asked.append(client.state.attempt)
        return None if len(asked) == 1 else (None, {"X-Token": "fresh"})

    url = f"ws://127.0.0.1:{server.port}/"
    keys = {"reconnect_backoff_base": "10ms", "reconnect_floor": "10ms"}
    client = hearth.Client(url, driven=driven, headers={"X-Token": "stale"}, prepare=prepare, **keys)
    async with client:
        await within(client.wait_open())
        assert tokens == ["stale", "fresh"] and len(asked) == 2
    await server.stop()


async def test_a_prepare_that_fails_fails_the_attempt_at_once(driven):
    def prepare(client):
        raise RuntimeError("no \0token" + "ü" * 1000)

    with pytest.raises(hearth.UnpreparedError, match="RuntimeError: no tokenü"):
        await within(hearth.connect("ws://127.0.0.1:1/", driven=driven, prepare=prepare, open_timeout="1h"))


async def test_async_for_over_connect_has_one_turn_for_each_connection(driven):
    async with echo() as (_, url):
        turns = []
        keys = {"reconnect_backoff_base": "10ms", "reconnect_floor": "10ms", "reconnect_backoff_max": "30ms"}
        async for ws in hearth.connect(url, driven=driven, **keys):
            turns.append([])
            ws.send(f"turn {len(turns)}")
            ws.send("close 1012" if len(turns) < 3 else "close 1000")
            async for message in ws:
                turns[-1].append(message.text)
        assert turns == [["turn 1"], ["turn 2"], ["turn 3"]]


async def test_async_for_over_connect_may_be_left(driven):
    async with echo() as (server, url):
        async for ws in hearth.connect(url, driven=driven):
            ws.send("x")
            assert (await within(ws.recv())).text == "x"
            break
        await until(lambda: server.connection_count == 0)


async def test_a_slow_receiver_makes_the_server_wait(driven):
    server = hearth.Server("127.0.0.1:0", max_outbox_bytes="64MiB")
    sent = 0

    @server.route("/")
    async def flood(connection):
        nonlocal sent
        while sent < 400:
            connection.send(b"x" * 65536)
            sent += 1
            while connection.info.outbox_bytes > 65536:
                await asyncio.sleep(0.001)
        await connection.wait_closed()

    await server.start()
    url = f"ws://127.0.0.1:{server.port}/"
    async with hearth.connect(url, driven=driven, max_queue_size=4) as ws:
        last = -1
        while sent != last:
            last = sent
            await asyncio.sleep(0.3)
        # What sockets and one read hold is bounded; the server has not got rid of all.
        assert sent < 400
        assert len(ws._inbox) < 60
        for _ in range(400):
            assert len((await within(ws.recv())).data) == 65536
    await server.stop()


async def test_json_pings_are_answered_and_not_told(driven):
    async with echo() as (_, url), hearth.connect(url, driven=driven, json_ping=True) as ws:
        ws.send('{"type":"ping"}')
        ws.send("after")
        received = [(await within(ws.recv())).text for _ in range(2)]
        assert sorted(received) == ["after", '{"type":"pong"}']


async def test_messages_of_a_window_come_as_one_array(driven):
    async with echo() as (_, url), hearth.connect(url, driven=driven, batch_interval="30ms") as ws:
        sent = [ws.send_json(number) for number in range(3)]
        assert await within(ws.recv_json()) == [0, 1, 2]
        for entry in sent:
            await within(entry)


async def test_an_engine_is_shared_and_goes_with_its_last_client(driven):
    from hearth._clients import ClientEngine

    async with echo() as (_, url):
        async with hearth.connect(url, driven=driven), hearth.connect(url, driven=driven):
            assert len([key for key in ClientEngine._engines if key[1] is driven]) == 1
        await asyncio.sleep(0)
        assert not [key for key in ClientEngine._engines if not key[0].is_closed()]


async def test_a_thousand_clients_share_one_loop(driven):
    async with echo() as (server, url):
        clients = [hearth.Client(url, driven=driven) for _ in range(1000)]
        for client in clients:
            client.open()
        for number, client in enumerate(clients):
            client.send(str(number))
        for number, client in enumerate(clients):
            assert (await within(client.recv())).text == str(number)
        assert server.connection_count == 1000
        for client in clients:
            await client.close()
