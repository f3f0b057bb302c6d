"""What was asked for, row by row: S1 of docs/features.md."""

import asyncio
import json

from conftest import fetch, peer, until
from tokens import SECRET, token

import hearth


def sessions(new_server, *names, **configuration):
    """A room for each session, users by query."""
    server = new_server(**configuration)
    server.route("/ws/sessions/{room}", join="auto", dialect="json", events=names)
    server.on_connect(lambda connection: connection.query["user"])
    return server


def at(session, user):
    return f"/ws/sessions/{session}?user={user}"


async def test_s1_1_a_session_goes_from_connect_to_close(new_server):
    server = sessions(new_server, "join", "leave", "message")
    seen = []
    server.on_open(lambda connection: connection.send_event("connected"))
    server.on_close(lambda connection: seen.append(connection.close_code))
    async with server, peer(server, at("1", "ann")) as ann:
        assert await ann.receive_json() == {"type": "connected"}
        await ann.send('{"type":"message","data":{"text":"hi"}}')
        assert (await ann.receive_json())["data"]["room"] == "1"
        await ann.send('{"type":"leave","data":{"room":"1"}}')
        assert (await ann.receive_json())["type"] == "leave"
        await ann.close(1000)
        await until(lambda: seen == [1000])


async def test_s1_2_the_name_may_stand_under_action(new_server):
    server = new_server(json_event_key="action", json_room_key="sessionId")
    server.route("/", dialect="json", events=["join", "message"])
    async with server, peer(server) as client:
        await client.send('{"action":"join","sessionId":"7","timestamp":1}')
        assert await client.receive_json() == {"action": "join", "data": {"sessionId": "7"}}
        await client.send('{"action":"message","sessionId":"7","data":"hi"}')
        message = await client.receive_json()
        assert (message["data"]["sessionId"], message["data"]["text"]) == ("7", "hi")


async def test_s1_3_what_goes_out_has_one_form(new_server):
    server = sessions(new_server, "message", "typing", "presence")
    async with server, peer(server, at("1", "ann")) as ann:
        assert (await ann.receive_json())["type"] == "presence"
        for text in ('{"type":"message","data":{"text":"hi"}}', '{"type":"nothing"}'):
            await ann.send(text)
        assert (await ann.receive_json())["type"] == "message"
        server.room("1").broadcast_event("system", {"text": "later"})
        assert (await ann.receive_json())["type"] == "system"


async def test_s1_4_members_may_go_while_others_are_told(new_server):
    server = sessions(new_server)
    server.on_left(lambda connection, room: room.broadcast_event("left", connection.user))
    async with server, peer(server, at("1", "last")) as last:
        peers = [peer(server, at("1", f"user{number}")) for number in range(20)]
        clients = [await one.__aenter__() for one in peers]
        await until(lambda: len(server.room("1")) == 21)
        for client in clients:
            client.socket.transport.abort()
        gone = {(await last.receive_json())["data"] for _ in clients}
        assert gone == {f"user{number}" for number in range(20)}
        assert server.room("1").users == ["last"]
        for one in peers:
            await one.__aexit__(None, None, None)


async def test_s1_5_a_page_can_read_why_it_was_refused(new_server):
    server = new_server(
        jwt_algorithms="HS256", jwt_secrets=SECRET, allowed_origins="*", reject_delay=0, close_codes="policy"
    )
    async with server, peer(server, "/?token=x", origin="https://example.com") as client:
        code, reason = await client.closing()
        assert code == 1008 and "token" in reason


async def test_s1_6_a_snapshot_fits_what_follows(new_server):
    server = sessions(new_server, "join", "presence")
    async with server, peer(server, "/ws/sessions/1?user=ann") as ann:
        snapshot = (await ann.receive_json())["data"]
        assert [one["user"] for one in snapshot["users"]] == ["ann"]
        version, here = snapshot["version"], {"ann"}
        for user in ("bob", "eve"):
            async with peer(server, at("1", user)) as other:
                its = (await other.receive_json())["data"]
                change = await ann.receive_json()
                assert change["type"] == "presence" and change["data"]["version"] == version + 1
                version, here = version + 1, here | {user}
                assert its["version"] >= version and {one["user"] for one in its["users"]} == here
            change = await ann.receive_json()
            assert change["data"]["version"] == version + 1 and user in json.dumps(change)
            version, here = version + 1, here - {user}


async def test_s1_7_who_errs_is_told_and_nobody_else(new_server):
    server = sessions(new_server, "message")
    async with server, peer(server, at("1", "ann")) as ann, peer(server, at("1", "bob")) as bob:
        await until(lambda: len(server.room("1")) == 2)
        for text in ('{"type":"message","data":{"text":""}}', '{"type":"message","data":{"text":"hi"}}'):
            await ann.send(text)
        assert (await ann.receive_json())["code"] == "empty_message"
        assert (await ann.receive_json())["data"]["text"] == "hi"
        assert (await bob.receive_json())["data"]["text"] == "hi"


async def test_s1_7_messages_have_one_order_for_all(new_server):
    server = sessions(new_server, "message")
    async with server, peer(server, at("1", "ann")) as ann, peer(server, at("1", "bob")) as bob:
        await until(lambda: len(server.room("1")) == 2)
        for number in range(50):
            for client in (ann, bob):
                await client.send(json.dumps({"type": "message", "data": {"text": str(number)}}))
        orders = [[(await client.receive_json())["data"]["id"] for _ in range(100)] for client in (ann, bob)]
        assert orders[0] == orders[1] == sorted(orders[0])


async def test_s1_8_events_have_handlers_of_their_own(new_server):
    server = sessions(new_server)
    for agent in ("socratic", "code_review"):
        server.on(agent)(lambda connection, data, agent=agent: connection.send_event(agent, data))
    async with server, peer(server, at("1", "ann")) as ann:
        for agent in ("code_review", "socratic"):
            await ann.send(json.dumps({"type": agent, "data": 1}))
            assert await ann.receive_json() == {"type": agent, "data": 1}


async def test_s1_9_an_answer_may_come_later(new_server):
    server = sessions(new_server)
    tasks = set()

    async def answer(room):
        await asyncio.sleep(0.01)
        room.broadcast_event("agent_response", {"text": "here"})

    @server.on("ask")
    def ask(connection, data):
        task = asyncio.ensure_future(answer(server.room(connection.rooms[0])))
        tasks.add(task)

    async with server, peer(server, at("1", "ann")) as ann, peer(server, at("1", "bob")) as bob:
        await until(lambda: len(server.room("1")) == 2)
        await ann.send('{"type":"ask"}')
        assert await ann.receive_json() == await bob.receive_json()


async def test_s1_10_nobody_types_for_another(new_server):
    server = sessions(new_server, "typing")
    async with server, peer(server, at("1", "ann")) as ann, peer(server, at("1", "bob")) as bob:
        await until(lambda: len(server.room("1")) == 2)
        await ann.send('{"type":"typing","data":{"typing":true,"user":"eve","userId":"eve"}}')
        told = await bob.receive_json()
        assert told["data"]["user"] == "ann" and "eve" not in json.dumps(told)


async def test_s1_11_leaving_is_complete(new_server):
    server = sessions(new_server, "leave", "presence")
    async with server, peer(server, at("1", "ann")) as ann, peer(server, at("1", "bob")) as bob:
        await until(lambda: len(server.room("1")) == 2)
        await bob.send('{"type":"leave","data":{"room":"1"}}')
        while True:
            told = await ann.receive_json()
            if "left" in json.dumps(told):
                break
        assert server.room("1").users == ["ann"]
        assert [connection.rooms for connection in server.user_connections("bob")] == [[]]


async def test_s1_16_what_a_snapshot_repeats_is_known_by_its_id(new_server):
    server = new_server()
    server.route("/", join=hearth.Template("hall"), dialect="json", events=["message"], event=True)
    kept, shown, unknown = [], {}, []
    server.on("message")(lambda connection, data: kept.append(data))
    server.on_open(lambda connection: connection.send_event("session_state", {"messages": kept}))
    snapshots = 0

    def show(message):
        shown.setdefault(message["id"], []).append(message["text"])

    def show_all(state):
        nonlocal snapshots
        snapshots += 1
        for message in state["messages"]:
            show(message)

    handlers = {"session_state": show_all, "message": show}
    quick = {"reconnect_floor": 0.01, "reconnect_backoff_base": 0.02, "reconnect_backoff_max": 0.05}
    async with server, hearth.connect(f"ws://127.0.0.1:{server.port}/", **quick) as ws:

        async def dispatch(is_done):
            while not is_done():
                event = await asyncio.wait_for(ws.recv_json(), 20)
                handlers.get(event["type"], unknown.append)(event["data"])

        await dispatch(lambda: snapshots == 1)
        for number in range(1, 4):
            ws.send_json({"type": "message", "data": {"text": f"{number}"}})
            await dispatch(lambda: len(shown) == number)
            server.connections[0].close(1012)
            await dispatch(lambda: snapshots == number + 1)
        # Each came once by itself, and once with each snapshot after it.
        assert list(shown.values()) == [["1"] * 4, ["2"] * 3, ["3"] * 2] and not unknown


async def test_s1_18_who_stops_without_a_word_types_no_more(new_server):
    server = sessions(new_server, "typing", typing_timeout="100ms")
    async with server, peer(server, at("1", "ann")) as ann, peer(server, at("1", "bob")) as bob:
        await until(lambda: len(server.room("1")) == 2)
        await ann.send('{"type":"typing","data":{"typing":true}}')
        assert [(await bob.receive_json())["data"]["typing"] for _ in range(2)] == [True, False]


async def test_s1_20_a_user_has_so_many_connections(new_server):
    server = sessions(new_server, max_connections_per_user=3, close_codes="policy", user_limit_probe="1s")
    async with server:
        paths = [at("1", "ann"), at("1", "ann"), at("2", "ann"), at("3", "ann")]
        peers = [peer(server, path) for path in paths]
        clients = [await one.__aenter__() for one in peers]
        # Connections are counted, not sessions, and whoever lives keeps his place.
        assert await clients[3].closing() == (1008, "too many connections")
        assert len(server.user_connections("ann")) == 3
        for one in peers:
            await one.__aexit__(None, None, None)


async def test_s1_20_a_ghost_gives_its_place(new_server):
    server = new_server(max_connections_per_user=1, user_limit_probe="200ms")
    server.on_connect(lambda connection: "ann")
    closed = []
    server.on_close(lambda connection: closed.append(connection.close_code))
    async with server:
        # It never answers a ping.
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        await until(lambda: server.connection_count == 1)
        async with peer(server):
            await until(lambda: closed == [4107])
            assert len(server.user_connections("ann")) == 1
        writer.close()


async def test_s1_22_health_can_be_asked_for(new_server):
    server = sessions(new_server, health_path="/healthz")
    async with server, peer(server, at("1", "ann")):
        await until(lambda: server.connection_count == 1)
        status, _, body = await fetch(server.port, "/healthz")
        health = json.loads(body)
        assert (status, health["status"], health["accepting"]) == (200, "ok", True)


async def test_s1_5_a_good_token_opens(new_server):
    server = new_server(jwt_algorithms="HS256", jwt_secrets=SECRET)
    async with server, peer(server, f"/?token={token(sub='ann')}"):
        await until(lambda: server.user_connections("ann"))
        assert isinstance(server.user_connections("ann")[0].principal, hearth.Principal)
