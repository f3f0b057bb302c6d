"""What was asked for, row by row: S0 of docs/features.md."""

import asyncio
import json
import logging

import pytest
from conftest import bare_peer, peer, until
from tokens import SECRET, token
from websockets.exceptions import InvalidStatus

import hearth


def chat(new_server, **configuration):
    """Rooms by path, users by query."""
    server = new_server(**configuration)
    server.route("/rooms/{room}", join="auto", relay="others")
    server.on_connect(lambda connection: connection.query["user"])
    return server


def events(new_server, *names, **configuration):
    """One room of the json dialect that handles the events of these names, users by query."""
    server = new_server(**configuration)
    server.route("/", dialect="json", join=hearth.Template("hall"), events=names)
    server.on_connect(lambda connection: connection.query["user"])
    return server


async def test_s0_1_a_connection_is_in_a_room_once(new_server):
    server = new_server()
    async with server, peer(server):
        await until(lambda: server.connection_count == 1)
        connection = server.connections[0]
        for _ in range(3):
            connection.join("hall")
        await until(lambda: server.room("hall").members == [connection])
        assert connection.rooms == ["hall"]
        connection.leave("hall")
        await until(lambda: server.room_count == 0)
        assert server.room("hall").members == []


async def test_s0_2_a_newcomer_is_told_to_the_others(new_server):
    server = chat(new_server)
    server.on_joined(lambda connection, room: room.broadcast(connection.user, except_=connection))
    async with server, peer(server, "/rooms/a?user=ann") as ann:
        await until(lambda: len(server.room("a")) == 1)
        async with peer(server, "/rooms/a?user=bob") as bob:
            assert await ann.receive() == "bob"
            await ann.send("hello")
            assert await bob.receive() == "hello"


async def test_s0_3_an_end_may_be_asked_for_twice_and_comes_once(new_server):
    server = chat(new_server)
    seen = []
    server.on_left(lambda connection, room: seen.append("left"))
    server.on_close(lambda connection: seen.append("close"))
    async with server, peer(server, "/rooms/a?user=ann") as ann:
        await until(lambda: len(server.room("a")) == 1)
        connection = server.connections[0]
        connection.close(1000, "enough")
        connection.close(1001, "once more")
        for call in (lambda: connection.leave("a"), lambda: connection.send("x")):
            with pytest.raises(hearth.HearthError):
                call()
                await until(lambda: "close" in seen)
                call()
        assert await ann.closing() == (1000, "enough")
        await until(lambda: "close" in seen)
    assert seen == ["left", "close"]


async def test_s0_4_a_member_that_does_not_read_holds_up_nobody(new_server):
    server = new_server(max_message_size="64KiB", max_outbox_bytes="64KiB")
    server.route("/", join=hearth.Template("hall"))
    left = []
    server.on_left(lambda connection, room: left.append(connection))
    async with server, bare_peer(server), peer(server) as reader:
        hall = server.room("hall")
        await until(lambda: len(hall) == 2)
        for number in range(400):
            hall.broadcast(f"{number:06}" + "x" * 32_000)
            assert (await reader.receive()).startswith(f"{number:06}")
        await until(lambda: len(hall) == 1)
        assert len(left) == 1


async def test_s0_5_sending_says_whether_it_could(new_server):
    server = new_server()
    async with server:
        async with peer(server) as client:
            await until(lambda: server.connection_count == 1)
            connection = server.connections[0]
            assert connection.send("hello")
            assert await client.receive() == "hello"
        await until(lambda: server.connection_count == 0)
        with pytest.raises(hearth.GoneError):
            connection.send("hello")


async def test_s0_6_two_tabs_are_one_user(new_server):
    server = chat(new_server)
    async with server, peer(server, "/rooms/a?user=ann"), peer(server, "/rooms/a?user=ann"):
        room = server.room("a")
        await until(lambda: len(room) == 2)
        assert room.users == ["ann"] and len(room.presence().users["ann"].connections) == 2


async def test_s0_7_who_says_nothing_is_not_waited_for(new_server):
    server = new_server(handshake_timeout="200ms")
    async with server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        answer = await asyncio.wait_for(reader.read(), 20)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 408")
        writer.close()


async def test_s0_7_nobody_says_himself_who_he_is(new_server):
    server = events(new_server, "message")
    async with server, peer(server, "/?user=ann") as ann:
        await ann.send('{"type":"message","data":{"text":"hi","user":"bob","user_id":"bob"}}')
        assert (await ann.receive_json())["data"]["user"] == "ann"


async def test_s0_8_the_name_may_stand_under_event(new_server):
    server = new_server(json_event_key="event")
    server.route("/", dialect="json")
    server.on("send_message")(lambda connection, data: connection.send_event("message_received", data))
    async with server, peer(server) as client:
        await client.send('{"event":"send_message","data":{"message":"hi"}}')
        assert await client.receive_json() == {"event": "message_received", "data": {"message": "hi"}}


async def test_s0_9_sender_time_and_id_are_the_servers(new_server):
    server = events(new_server, "message")
    async with server, peer(server, "/?user=ann") as ann, peer(server, "/?user=bob") as bob:
        await until(lambda: len(server.room("hall")) == 2)
        await ann.send('{"type":"message","data":{"text":"hi","user":"bob","time":"1970","id":"1"}}')
        received = await bob.receive_json()
        assert received == await ann.receive_json()
        data = received["data"]
        assert data["user"] == "ann" and data["time"] > "2020" and len(data["id"]) == 36


async def test_s0_10_a_slow_answer_holds_up_nothing(new_server):
    server = new_server()
    server.route("/", dialect="json")
    go_on = asyncio.Event()

    @server.on("think", concurrent=True)
    async def think(connection, data):
        await go_on.wait()
        connection.send_event("response", data)

    server.on("typing")(lambda connection, data: connection.send_event("typed"))
    async with server, peer(server) as client:
        await client.send('{"type":"think","data":1}')
        await client.send('{"type":"typing"}')
        assert await client.receive_json() == {"type": "typed"}
        await client.send('{"type":"ping"}')
        assert await client.receive_json() == {"type": "pong"}
        go_on.set()
        assert await client.receive_json() == {"type": "response", "data": 1}


async def test_s0_11_typing_is_told_to_the_others_once(new_server):
    server = events(new_server, "typing", typing_timeout="1h")
    async with server, peer(server, "/?user=ann") as ann, peer(server, "/?user=bob") as bob:
        await until(lambda: len(server.room("hall")) == 2)
        for _ in range(3):
            await ann.send('{"type":"typing","data":{"typing":true}}')
        await ann.send('{"type":"typing","data":{"typing":false}}')
        told = [await bob.receive_json() for _ in range(2)]
        assert [(one["data"]["user"], one["data"]["typing"]) for one in told] == [
            ("ann", True),
            ("ann", False),
        ]
        await ann.send('{"type":"ping"}')
        assert await ann.receive_json() == {"type": "pong"}


async def test_s0_12_who_is_cut_off_has_left(new_server):
    server = chat(new_server)
    seen = []
    server.on_user_left(lambda room, user: seen.append((room.name, user)))
    async with server, peer(server, "/rooms/a?user=ann") as ann:
        await until(lambda: len(server.room("a")) == 1)
        ann.socket.transport.abort()
        await until(lambda: seen == [("a", "ann")])
        assert server.room("a").users == [] and server.user_count == 0


async def test_s0_16_an_event_has_one_envelope(new_server):
    server = events(new_server)
    async with server, peer(server, "/?user=ann") as ann:
        await until(lambda: len(server.room("hall")) == 1)
        server.room("hall").broadcast_event("message", {"event": "message", "data": 1})
        assert await ann.receive_json() == {"type": "message", "data": {"event": "message", "data": 1}}


async def test_s0_18_joining_again_changes_nothing(new_server):
    server = events(new_server, "join")
    joined = []
    server.on_joined(lambda connection, room: joined.append(room.name))
    async with server, peer(server, "/?user=ann") as ann:
        for _ in range(2):
            await ann.send('{"type":"join","data":{"room":"session"}}')
            assert await ann.receive_json() == {"type": "join", "data": {"room": "session"}}
        assert sorted(joined) == ["hall", "session"]


async def test_s0_19_an_error_has_a_code_and_nothing_of_the_program(new_server):
    server = new_server(json_events="known", json_errors="data")
    server.route("/", dialect="json")
    async with server, peer(server) as client:
        await client.send('{"type":"<script>"}')
        error = await client.receive_json()
        assert error["type"] == "error" and error["data"]["code"] == "unknown_event"
        assert "script" not in json.dumps(error)


async def test_s0_21_messages_have_a_rate(new_server):
    server = new_server(rate_limit_messages="2/h", max_rate_limit_drops=1)
    told = []
    server.on_limited(lambda connection, key, dropped: told.append(key))
    async with server, peer(server) as talker:
        for _ in range(4):
            await talker.send("x")
        code, reason = await talker.closing()
    assert code == 4105 and reason.startswith("retry=") and set(told) == {"rate_limit_messages"}


async def test_s0_22_a_batch_leaves_though_events_keep_coming(new_server):
    server = events(new_server, batch_interval="20ms")
    async with server, peer(server, "/?user=ann") as ann:
        hall = server.room("hall")
        await until(lambda: len(hall) == 1)
        received, sent = [], 0
        # A window that began anew with each event would never end.
        while not received:
            hall.broadcast_event("n", sent)
            sent += 1
            try:
                received = json.loads(await asyncio.wait_for(ann.socket.recv(), 0.005))
            except asyncio.TimeoutError:
                assert sent < 4000
        while len(received) < sent:
            received += await ann.receive_json()
        assert [event["data"] for event in received] == list(range(sent))


async def test_s0_23_a_token_is_verified_whole(new_server):
    server = new_server(jwt_algorithms="HS256", jwt_secrets=SECRET, reject="close", reject_delay=0)
    server.on_open(lambda connection: connection.send(connection.user))
    bad = [token(exp=1), token(secret="x" * 32), token("HS512", secret=SECRET * 2), token(exp=None), ""]
    async with server:
        async with peer(server, f"/?token={token()}") as client:
            assert await client.receive() == "ada"
        for text in bad:
            async with peer(server, f"/?token={text}") as client:
                code, reason = await client.closing()
                assert code in (4106, 4500, 4501) and (not text or text not in reason)


@pytest.mark.parametrize(
    ("text", "code"), [("   ", "empty_message"), ("é" * 501, "message_too_long"), ("é" * 500, None)]
)
async def test_s0_24_a_text_is_neither_empty_nor_too_long(new_server, text, code):
    server = events(new_server, "message", max_json_characters=500)
    async with server, peer(server, "/?user=ann") as ann:
        await ann.send(json.dumps({"type": "message", "data": {"text": text}}))
        answer = await ann.receive_json()
        assert answer.get("code") == code
        assert code is not None or answer["data"]["text"] == text


async def test_s0_25_a_test_needs_no_socket(new_server):
    server = chat(new_server)
    sent = []
    channel = server.channel("test", lambda connections, message: sent.append((connections, message.data)))
    async with server:
        ann = channel.connect("/rooms/a", user="ann")
        bob = channel.connect("/rooms/a", user="bob")
        channel.receive(ann, "hello")
        await until(lambda: sent == [([bob], b"hello")])


async def test_s0_26_the_log_has_fields(library, caplog):
    caplog.set_level(logging.DEBUG, logger="hearth")
    server = library.Server("127.0.0.1:0", log_level="debug")
    server.on_connect(lambda connection: "ann")
    async with server:
        async with peer(server, "/rooms?token=secret"):
            await until(lambda: server.connection_count == 1)
        await until(lambda: server.connection_count == 0)
    lines = [line.hearth_fields for line in caplog.records if getattr(line, "hearth_fields", {}).get("user")]
    assert {"ann"} == {fields["user"] for fields in lines}
    assert any(fields.get("code") == "1000" for fields in lines)
    assert "secret" not in caplog.text


async def test_s0_23_a_refusal_by_status_is_one(new_server):
    server = new_server(jwt_algorithms="HS256", jwt_secrets=SECRET)
    async with server:
        with pytest.raises(InvalidStatus) as refused:
            async with peer(server):
                pass
    assert refused.value.response.status_code == 401
