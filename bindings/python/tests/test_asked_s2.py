"""What was asked for, row by row: S2 of docs/features.md."""

import json

import pytest
from conftest import bare_peer, fetch, peer, until
from tokens import SECRET, token
from websockets.exceptions import InvalidStatus

import hearth


async def test_s2_1_who_comes_back_is_not_ended_by_the_end_of_before(new_server):
    server = new_server(max_connections_per_user=1, user_limit_policy="evict_oldest")
    server.on_connect(lambda connection: "creator_session")
    server.on_message(lambda connection, message: connection.send(message.text))
    closed = []
    server.on_close(closed.append)
    async with server, peer(server) as old:
        await until(lambda: server.connection_count == 1)
        first = server.connections[0]
        async with peer(server) as new:
            assert (await old.closing())[0] == 4504
            await until(lambda: closed == [first])
            with pytest.raises(hearth.GoneError):
                first.send("to nobody")
            await new.send("still here")
            assert await new.receive() == "still here"
            assert first not in server.user_connections("creator_session")


async def test_s2_3_an_end_has_a_code_and_a_reason(new_server):
    server = new_server()
    async with server, peer(server) as client:
        await until(lambda: server.connection_count == 1)
        connection = server.connections[0]
        connection.close(4000, "enough")
        assert await client.closing() == (4000, "enough")
        await connection.wait_closed()
        assert connection.close_code == 4000 and not connection.closed_by_peer


async def test_s2_5_a_user_is_found_among_many(new_server):
    server = new_server()
    server.on_connect(lambda connection: connection.query["user"])
    async with server, peer(server, "/?user=ann") as ann, peer(server, "/?user=ann") as second:
        async with peer(server, "/?user=bob") as bob:
            await until(lambda: server.connection_count == 3)
            assert server.send_to_user("ann", "for ann") == 2
            assert server.send_to_user("bob", "for bob") == 1
            received = [await client.receive() for client in (ann, second, bob)]
            assert received == ["for ann", "for ann", "for bob"]


async def test_s2_7_stopping_says_farewell_and_readiness_goes_first(new_server):
    server = new_server(health_path="/healthz", shutdown_spread="200ms")
    health = []

    @server.on_close
    async def ask(connection):
        if not health:
            health.append(await fetch(server.port, "/healthz"))

    await server.start()
    async with peer(server) as one, peer(server) as two:
        await until(lambda: server.connection_count == 2)
        connection = server.connections[0]
        connection.send("before")
        await server.drain("Server shutdown")
        received = []
        for client in (one, two):
            messages = []
            async for message in client.socket:
                messages.append(message)
            received.append(messages)
            assert client.socket.close_code == 1001
        assert sorted(received, key=len) == [["Server shutdown"], ["before", "Server shutdown"]]
    assert health[0][0] == 503 and json.loads(health[0][2])["status"] == "draining"


async def test_s2_8_the_envelope_may_be_flat(new_server):
    server = new_server(json_data_key="")
    server.route("/", dialect="json")
    server.on("user_message")(lambda connection, data: connection.send_event("ai_response", data))
    async with server, peer(server) as client:
        await client.send('{"type":"user_message","content":"hi"}')
        answer = await client.receive_json()
        assert (answer["type"], answer["content"]) == ("ai_response", "hi")


async def test_s2_9_rates_hold_for_a_user_over_all_connections(new_server):
    server = new_server(rate_limit_messages_per_user="3/h")
    server.on_connect(lambda connection: connection.query["user"])
    server.on_message(lambda connection, message: connection.send(message.text))
    dropped = []
    server.on_limited(lambda connection, key, count: dropped.append((connection.user, key)))
    async with server, peer(server, "/?user=ann") as one, peer(server, "/?user=ann") as two:
        async with peer(server, "/?user=bob") as bob:
            for client in (one, two) * 3:
                await client.send("x")
            await until(lambda: ("ann", "rate_limit_messages_per_user") in dropped)
            await bob.send("mine")
            assert await bob.receive() == "mine"
            assert {user for user, _ in dropped} == {"ann"}


async def test_s2_10_the_id_of_a_message_is_made_once(new_server):
    server = new_server()
    server.route("/", dialect="json", join=hearth.Template("hall"), events=["message"])
    async with server, peer(server) as one, peer(server) as two:
        await until(lambda: len(server.room("hall")) == 2)
        ids = []
        for _ in range(3):
            await one.send('{"type":"message","data":{"text":"x","id":"mine"}}')
            both = [(await client.receive_json())["data"]["id"] for client in (one, two)]
            assert both[0] == both[1]
            ids.append(both[0])
        assert len(set(ids)) == 3 and ids == sorted(ids)


async def test_s2_11_typing_has_a_beginning_and_an_end(new_server):
    server = new_server(typing_timeout="1h")
    server.route("/", dialect="json", join=hearth.Template("hall"), events=["typing", "message"])
    server.on_connect(lambda connection: connection.query["user"])
    async with server, peer(server, "/?user=ann") as ann, peer(server, "/?user=bob") as bob:
        await until(lambda: len(server.room("hall")) == 2)
        await ann.send('{"type":"typing","data":{"typing":true}}')
        await ann.send('{"type":"message","data":{"text":"done"}}')
        told = [await bob.receive_json() for _ in range(3)]
        states = [one["data"]["typing"] for one in told if one["type"] == "typing"]
        assert states == [True, False]


async def test_s2_12_each_error_has_a_code(new_server):
    server = new_server(json_events="known")
    server.route("/", dialect="json", events=["join"], rooms=["open"])
    wrong = {
        "{": "invalid_json",
        "[]": "not_an_object",
        "{}": "missing_event",
        '{"type":"other"}': "unknown_event",
        '{"type":"join"}': "missing_room",
        '{"type":"join","data":{"room":"shut"}}': "room_not_open",
    }
    async with server, peer(server) as client:
        for text, code in wrong.items():
            await client.send(text)
            answer = await client.receive_json()
            assert (answer["type"], answer["code"]) == ("error", code) and answer["message"]


async def test_s2_13_a_claim_is_what_stands_in_the_path(new_server):
    server = new_server(jwt_algorithms="HS256", jwt_secrets=SECRET, close_codes="classic", reject_delay=0)
    server.route(
        "/widget/{creator_id}/connect", claims={"creator_id": "{creator_id}"}, reject="close"
    )
    async with server:
        async with peer(server, f"/widget/7/connect?token={token(creator_id=7)}"):
            await until(lambda: server.connection_count == 1)
        for query, code in ((f"?token={token(creator_id=8)}", 4003), ("", 4001), ("?token=x", 4003)):
            async with peer(server, f"/widget/7/connect{query}") as client:
                assert (await client.closing())[0] == code


async def test_s2_14_who_has_come_is_greeted(new_server):
    server = new_server()
    server.route("/{session}", dialect="json")
    server.on_open(lambda connection: connection.send_event("connection_status", connection.captures))
    async with server, peer(server, "/7") as client:
        assert await client.receive_json() == {"type": "connection_status", "data": {"session": "7"}}


async def test_s2_15_bad_input_has_a_budget_and_no_echo(new_server):
    server = new_server(json_events="known", json_error_budget=3)
    server.route("/", dialect="json")
    async with server, peer(server) as client:
        for text in ("nonsense", '{"type":"evil"}', '{"type":"evil","type":"evil"}'):
            await client.send(text)
            answer = await client.receive()
            assert "nonsense" not in answer and "evil" not in answer
        await client.send("{")
        assert (await client.closing())[0] == 1007


async def test_s2_16_ping_is_answered_below_the_program(new_server):
    server = new_server()
    seen = []

    @server.route("/", dialect="json")
    async def session(connection):
        async for message in connection:
            seen.append(message)

    async with server, peer(server) as client:
        await client.send('{"type":"ping"}')
        assert await client.receive_json() == {"type": "pong"}
    assert seen == []


async def test_s2_17_who_answers_nothing_is_removed_and_who_says_something_stays(new_server):
    server = new_server(ping_interval="100ms", ping_timeout="300ms")
    closed = []
    server.on_close(lambda connection: closed.append(connection))
    server.on_message(lambda connection, message: connection.send(message.text))
    async with server, peer(server) as lively:
        await until(lambda: server.connection_count == 1)
        living = server.connections[0]
        async with bare_peer(server):
            await until(lambda: closed)
        await lively.send("here")
        assert await lively.receive() == "here"
        assert living not in closed and living.is_open
        assert server.stats()["stale_removed"] == 1


async def test_s2_18_starting_and_stopping_twice_is_no_harm(new_server):
    server = new_server()
    await server.stop()
    await server.start()
    with pytest.raises(hearth.StateError):
        await server.start()
    await server.stop()
    await server.stop()
    async with server, peer(server):
        await until(lambda: server.connection_count == 1)


async def test_s2_19_figures_say_whose_they_are(new_server):
    server = new_server()
    async with server, peer(server):
        await until(lambda: server.connection_count == 1)
        stats = server.stats()
        assert stats["scope"] == "local" and stats["connections"]["open"] == 1


async def test_s2_20_a_recipient_may_have_any_form(new_server):
    server = new_server()
    told = []
    channel = server.channel("widget", lambda to, message: told.append((to[0].recipient, message.data)))
    async with server:
        bots = [channel.connect("/", recipient=name) for name in ("a_b", "a_b_c", "")]
        for bot in bots:
            bot.send("x")
        await until(lambda: len(told) == 3)
        assert sorted(name for name, _ in told) == ["", "a_b", "a_b_c"]


async def test_s2_21_tokens_are_verified(new_server):
    server = new_server(jwt_algorithms="HS256", jwt_secrets=SECRET)
    headers = {"additional_headers": {"Authorization": f"Bearer {token()}"}}
    async with server:
        async with peer(server, **headers):
            await until(lambda: server.user_count == 1)
        with pytest.raises(InvalidStatus):
            async with peer(server):
                pass
