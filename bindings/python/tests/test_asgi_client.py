"""The client of hearth.asgi: names and habits of the toolkit that it takes the place of."""

import asyncio
import base64
import json

import pytest
from conftest import until

from hearth.asgi import (
    AuthenticationError,
    ConnectionClosedError,
    ConnectionFailedError,
    ConnectionState,
    MessageTooLargeError,
    WebSocketClient,
    WebSocketConfig,
    WebSocketError,
    easy_websocket_client,
    get_default_config,
    websocket_connect,
)


def url_of(server, path="/echo"):
    return f"ws://127.0.0.1:{server.port}{path}"


@pytest.fixture
def echo_server(new_server):
    server = new_server()

    @server.on_connect
    def who(connection):
        return connection.path != "/private" or "authorization" in connection.headers

    @server.route("/echo", subprotocols=["realtime"])
    async def echo(connection):
        async for message in connection:
            connection.send(message)

    @server.route("/private")
    async def private(connection):
        await connection.send_json({"token": connection.headers["authorization"]})

    @server.route("/close/{code}")
    async def close(connection):
        connection.send("before")
        connection.close(int(connection.captures["code"]), "because")

    return server


async def test_a_client_sends_and_receives_text_binary_and_json(echo_server):
    async with echo_server, easy_websocket_client(url_of(echo_server)) as ws:
        await ws.send("Hello, world!")
        await ws.send(b"binary data")
        await ws.send_json({"type": "message"})
        assert (await ws.recv(), await ws.recv()) == ("Hello, world!", b"binary data")
        assert await ws.recv_json() == {"type": "message"}
        await ws.send("last")
        message = await ws.recv_message()
        assert message.is_text and message.data == "last" and message.received_at is not None
        await ws.send_json([1])
        async for text in ws:
            assert text == "[1]"
            break


async def test_a_client_has_headers_subprotocols_and_settings(echo_server):
    config = WebSocketConfig(open_timeout=30.0, ping_interval=0.05, max_message_size=16 * 1024 * 1024)
    async with echo_server:
        ws = WebSocketClient(url_of(echo_server), config=config, subprotocols=["other", "realtime"])
        assert ws.state is ConnectionState.DISCONNECTED and not ws.is_connected
        async with ws:
            assert ws.is_connected and ws.state is ConnectionState.CONNECTED
            assert (ws.url, ws.subprotocol, ws.config) == (url_of(echo_server), "realtime", config)
            await until(lambda: ws.latency > 0)
            assert isinstance(ws.latency, float)
        assert not ws.is_connected and ws.latency == 0.0
        headers = {"Authorization": "Bearer key"}
        async with WebSocketClient(url_of(echo_server, "/private"), headers=headers) as ws:
            assert await ws.recv_json() == {"token": "Bearer key"}


async def test_failures_have_their_exceptions(echo_server):
    async with echo_server:
        with pytest.raises(AuthenticationError):
            await WebSocketClient(url_of(echo_server, "/private")).connect()
        with pytest.raises(ConnectionFailedError):
            await WebSocketClient(url_of(echo_server, "/nowhere")).connect()
        with pytest.raises(ConnectionFailedError):
            await WebSocketClient("ws://127.0.0.1:1/").connect()
        with pytest.raises(ConnectionFailedError, match="connect"):
            await WebSocketClient(url_of(echo_server)).send("early")
        async with WebSocketClient(url_of(echo_server, "/close/4001")) as ws:
            assert await ws.recv() == "before"
            with pytest.raises(ConnectionClosedError) as caught:
                await ws.recv()
            assert (caught.value.code, caught.value.reason) == (4001, "because")
            assert isinstance(caught.value, WebSocketError)
            with pytest.raises(ConnectionClosedError):
                await ws.send("late")
        async with WebSocketClient(url_of(echo_server, "/close/1000")) as ws:
            assert [message async for message in ws] == ["before"]
        config = WebSocketConfig(max_message_size=1024)
        async with WebSocketClient(url_of(echo_server), config=config) as ws:
            with pytest.raises(MessageTooLargeError):
                await ws.send("x" * 1025)


async def test_websocket_connect_gives_a_new_connection_for_each_that_was_lost(new_server):
    server, opened = new_server(), []

    @server.route("/")
    async def session(connection):
        opened.append(connection)
        await connection.send(f"connection {len(opened)}")
        await connection.close(1011, "again")

    config = WebSocketConfig(reconnect_backoff_base=0.01, reconnect_backoff_max=0.02)
    config.reconnect_max_attempts = 0
    seen = []
    async with server:
        async for ws in websocket_connect(url_of(server, "/"), auto_reconnect=True, config=config):
            try:
                async for message in ws:
                    seen.append(message)
            except ConnectionClosedError as error:
                seen.append(error.code)
            if len(seen) == 4:
                break
        assert seen == ["connection 1", 1011, "connection 2", 1011]
        seen.clear()
        async for ws in websocket_connect(url_of(server, "/"), auto_reconnect=False):
            with pytest.raises(ConnectionClosedError):
                async for message in ws:
                    seen.append(message)
        assert seen == ["connection 3"]


async def test_a_realtime_session_of_events_goes_both_ways(new_server):
    """The shape of a session with a speech model: events as JSON, audio in Base64."""
    server, played = new_server(max_message_size="16MiB"), []

    @server.route("/v1/realtime", subprotocols=["realtime"])
    async def realtime(connection):
        connection.send_json({"type": "session.created"})
        async for message in connection:
            assert message.json()["type"] == "session.update"
            audio = base64.b64encode(bytes(3_000_000)).decode()
            connection.send_json({"type": "response.audio.delta", "delta": audio})
            connection.send_json({"type": "error", "message": "done"})

    config = WebSocketConfig(ping_interval=30.0, max_message_size=16 * 1024 * 1024)
    headers = {"Authorization": "Bearer key", "OpenAI-Beta": "realtime=v1"}
    async with server:
        url = url_of(server, "/v1/realtime?model=test")
        async with WebSocketClient(url, config=config, headers=headers, subprotocols=["realtime"]) as ws:
            await ws.send_json({"type": "session.update", "session": {"modalities": ["text", "audio"]}})
            async for event in ws:
                data = json.loads(event)
                if data["type"] == "response.audio.delta":
                    played.append(len(base64.b64decode(data["delta"])))
                elif data["type"] == "error":
                    break
        assert played == [3_000_000]


def test_settings_have_the_known_names_and_defaults(library, monkeypatch):
    assert get_default_config() == WebSocketConfig(
        open_timeout=10.0, close_timeout=10.0, ping_interval=20.0, ping_timeout=20.0,
        max_message_size=1048576, max_queue_size=16, reconnect_enabled=True, reconnect_max_attempts=0,
        reconnect_backoff_base=1.0, reconnect_backoff_max=30.0, reconnect_jitter=0.1,
    )  # fmt: skip
    monkeypatch.setenv("WS_PING_INTERVAL", "None")
    monkeypatch.setenv("WS_RECONNECT_ENABLED", "false")
    monkeypatch.setenv("WS_MAX_QUEUE_SIZE", "3")
    config = WebSocketConfig(max_queue_size=4)
    assert (config.ping_interval, config.reconnect_enabled, config.max_queue_size) == (None, False, 4)
    WebSocketClient("ws://127.0.0.1/", config=config)
    monkeypatch.setenv("WS_MAX_QUEUE_SIZE", "many")
    with pytest.raises(ValueError, match="WS_MAX_QUEUE_SIZE"):
        WebSocketConfig()
    assert WebSocketConfig(max_queue_size=5).max_queue_size == 5
    monkeypatch.delenv("WS_MAX_QUEUE_SIZE")
    with pytest.raises(TypeError, match="ping_intervall"):
        WebSocketConfig(ping_intervall=1)


async def test_a_cancelled_receive_loses_nothing(echo_server):
    received = []
    async with echo_server, WebSocketClient(url_of(echo_server)) as ws:
        for number in range(50):
            await ws.send(str(number))
        while len(received) < 50:
            try:
                received.append(await asyncio.wait_for(ws.recv(), 0.0005))
            except asyncio.TimeoutError:
                await asyncio.sleep(0)
    assert received == [str(number) for number in range(50)]
