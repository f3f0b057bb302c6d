"""What was asked for, row by row: S3 and S4 of docs/features.md."""

import asyncio
import contextlib
import json
import os
import time

import pytest
from conftest import bare_peer, fetch, peer, until
from tokens import SECRET, token
from websockets.exceptions import ConnectionClosed, InvalidStatus

import hearth

KEYS = {"jwt_algorithms": "HS256", "jwt_secrets": SECRET}


def users(new_server, **configuration):
    """Rooms by path, users by query."""
    server = new_server(**configuration)
    server.route("/{room}", join="auto", relay="all")
    server.on_connect(lambda connection: connection.query["user"])
    return server


async def test_s3_7_every_connection_of_a_user_is_closed_and_told_of(new_server):
    server = users(new_server)
    closed = []
    server.on_close(closed.append)
    async with server, peer(server, "/a?user=ann") as one, peer(server, "/a?user=ann") as two:
        await until(lambda: len(server.user_connections("ann")) == 2)
        connections = server.user_connections("ann")
        assert len({connection.id for connection in connections}) == 2
        assert server.kick("ann", 4505, "enough") == 2
        assert [await client.closing() for client in (one, two)] == [(4505, "enough")] * 2
        await until(lambda: len(closed) == 2)
        assert set(closed) == set(connections)


async def test_s3_8_calls_answer_how_many_they_reach(new_server):
    server = users(new_server)
    async with server, peer(server, "/a?user=ann") as one, peer(server, "/a?user=ann"):
        async with peer(server, "/b?user=bob"):
            await until(lambda: server.connection_count == 3)
            assert server.broadcast("x") == 3
            assert server.broadcast("x", except_="ann") == 1
            assert server.send_to_user("ann", "x") == 2
            assert server.send_to_user("eve", "x") == 0
            assert await one.receive() == "x"


async def test_s3_9_a_tab_that_leaves_leaves_alone(new_server):
    server = users(new_server)
    async with server, peer(server, "/a?user=ann"), peer(server, "/a?user=ann"):
        room = server.room("a")
        await until(lambda: len(room) == 2)
        stays, goes = room.members
        goes.leave("a")
        await until(lambda: room.members == [stays])
        assert room.users == ["ann"]
        stays.leave("a")
        await until(lambda: room.users == [])
        assert server.users == ["ann"]


async def test_s3_10_a_close_has_code_and_reason_and_each_kind_its_handler(new_server):
    server = users(new_server)
    seen = []
    server.on_open(lambda connection: seen.append("open"))
    server.on_close(lambda connection: seen.append((connection.close_code, connection.close_reason)))
    async with server:
        async with peer(server, "/a?user=ann") as client:
            await client.close(4001, "bye")
        await until(lambda: seen == ["open", (4001, "bye")])


async def test_s3_11_who_is_there_can_be_asked(new_server):
    server = users(new_server)
    async with server, peer(server, "/a?user=ann"), peer(server, "/b?user=bob"):
        await until(lambda: server.connection_count == 2 and server.room_count == 2)
        assert (sorted(server.users), sorted(server.rooms)) == (["ann", "bob"], ["a", "b"])
        assert len(server.user_connections("ann")) == 1 and server.user_connections("eve") == []


async def test_s3_12_routes_say_who_may_come(new_server):
    server = new_server(**KEYS)
    server.route("/public", auth="public")
    server.route("/optional", auth="optional")
    server.route("/user", auth="user")
    server.route("/scopes", scopes=["read", "write"])
    server.route("/{rest*}")
    good = {"read": token(scope="read"), "both": token(scope="read write"), "nobody": token(sub=None)}
    allowed = {
        "/public": {None, "read", "both", "nobody"},
        "/optional": {None, "read", "both", "nobody"},
        "/user": {"read", "both"},
        "/scopes": {"both"},
        "/protected": {"read", "both", "nobody"},
    }
    async with server:
        for path, who in allowed.items():
            for name in (None, *good):
                query = f"?token={good[name]}" if name else ""
                try:
                    async with peer(server, path + query):
                        assert name in who, (path, name)
                except InvalidStatus:
                    assert name not in who, (path, name)


async def test_s3_13_a_fresh_header_beats_a_stale_address(new_server):
    server = new_server(**KEYS)
    stale = f"/?token={token(exp=int(time.time()) - 3600)}"
    async with server:
        async with peer(server, stale, additional_headers={"Authorization": f"Bearer {token()}"}):
            await until(lambda: server.user_connections("ada"))
        async with peer(server, stale, subprotocols=["bearer", token()]) as client:
            assert client.socket.subprotocol == "bearer"


async def test_s3_14_a_connection_knows_its_principal(new_server):
    server = new_server(**KEYS)
    async with server, peer(server, f"/?token={token(scope='read', email='ada@example.com')}"):
        await until(lambda: server.user_connections("ada"))
        principal = server.user_connections("ada")[0].principal
        assert (principal.id, principal.scopes) == ("ada", ("read",))
        assert principal.claims["email"] == "ada@example.com"


async def test_s3_16_health_is_computed(new_server):
    server = users(new_server, max_connections=1)
    async with server:
        assert server.health()["status"] == "ok"
        async with peer(server, "/a?user=ann"):
            await until(lambda: server.connection_count == 1)
            health = server.health()
            assert health["status"] == "degraded" and health["reasons"]
            assert (server.stats()["users"], server.stats()["rooms"]) == (1, 1)
        await until(lambda: server.health()["status"] == "ok")


async def test_s3_17_one_connection_too_many_has_the_code_that_is_known(new_server):
    server = users(new_server, max_connections_per_user=1, close_codes="classic", user_limit_probe="1s")
    async with server, peer(server, "/a?user=ann"), peer(server, "/a?user=ann") as second:
        assert await second.closing() == (4008, "too many connections")


async def test_s3_18_stopping_tells_closes_and_waits(new_server):
    server = users(new_server)
    closed = []
    server.on_close(lambda connection: closed.append(connection.close_code))
    await server.start()
    async with peer(server, "/a?user=ann") as ann:
        await until(lambda: server.connection_count == 1)
        await server.drain('{"type":"system","message":"Server shutting down"}')
        assert json.loads(await ann.receive())["type"] == "system"
        assert (await ann.closing())[0] == 1001
    assert len(closed) == 1 and not server.is_running


async def test_s3_21_a_dashboard_and_large_messages(new_server):
    server = new_server(max_message_size="16MiB", ping_interval="30s")
    server.route("/", join=hearth.Template("dashboard"))
    server.on_message(lambda connection, message: connection.send(str(len(message.data))))
    async with server, peer(server, "/", max_size=None) as client:
        await until(lambda: len(server.room("dashboard")) == 1)
        for number in range(3):
            server.room("dashboard").broadcast_json({"number": number})
            assert await client.receive_json() == {"number": number}
        await client.send("x" * (16 << 20))
        assert await client.receive() == str(16 << 20)


async def test_s3_22_errors_have_classes(new_server):
    server = users(new_server)
    async with server, peer(server, "/a?user=ann") as client:
        await until(lambda: server.connection_count == 1)
        connection = server.connections[0]
        with pytest.raises(hearth.TooLargeError):
            connection.join("x" * 10_000)
        await client.close()
        await connection.wait_closed()
        with pytest.raises(hearth.GoneError):
            connection.send("x")


async def test_s3_23_left_is_told_after_the_last_tab(new_server):
    server = users(new_server)
    left = []
    server.on_user_left(lambda room, user: left.append(user))
    async with server:
        async with peer(server, "/a?user=ann"):
            async with peer(server, "/a?user=ann"):
                await until(lambda: len(server.room("a")) == 2)
            await until(lambda: len(server.room("a")) == 1)
            assert left == []
        await until(lambda: left == ["ann"])


async def test_s3_24_what_is_sent_is_no_sign_of_life(new_server):
    server = users(new_server)
    async with server, peer(server, "/a?user=ann") as client:
        await until(lambda: server.connection_count == 1)
        connection = server.connections[0]
        before = connection.info
        await asyncio.sleep(0.05)
        connection.send("x")
        assert await client.receive() == "x"
        await until(lambda: connection.info.messages_sent == 1)
        assert connection.info.last_received_at == before.last_received_at >= before.opened_at
        await client.send("y")
        await until(lambda: connection.info.last_received_at > before.last_received_at)


async def test_s4_1_streams_are_apart(new_server):
    server = new_server()
    server.route("/admin/stream", join=hearth.Template("admins"))
    server.route("/session/{id}/stream", join=hearth.Template("session:{id}"))
    async with server, peer(server, "/admin/stream") as admin, peer(server, "/session/7/stream") as session:
        await until(lambda: server.room_count == 2)
        assert server.room("admins").broadcast("for admins") == 1
        assert server.room("session:7").broadcast("for the session") == 1
        assert [await client.receive() for client in (admin, session)] == ["for admins", "for the session"]


async def test_s4_2_a_cookie_does_not_serve_other_pages(new_server):
    server = new_server(**KEYS, token_cookie="admin_session", reject="status")
    cookie = {"additional_headers": {"Cookie": f"admin_session={token()}"}}
    async with server:
        async with peer(server, origin=f"http://127.0.0.1:{server.port}", **cookie):
            await until(lambda: server.user_connections("ada"))
        with pytest.raises(InvalidStatus) as refused:
            async with peer(server, origin="https://evil.example", **cookie):
                pass
        assert refused.value.response.status_code == 403


async def test_s4_3_who_comes_gets_what_there_is(new_server):
    server = new_server()
    server.route("/", dialect="json", join=hearth.Template("hall"), events=["presence"])
    server.on_connect(lambda connection: connection.query["user"])
    async with server, peer(server, "/?user=ann"), peer(server, "/?user=bob") as bob:
        snapshot = await bob.receive_json()
        assert {one["user"] for one in snapshot["data"]["users"]} == {"ann", "bob"}


async def test_s4_4_who_answers_no_ping_is_removed(new_server):
    server = new_server(ping_interval="100ms", ping_timeout="200ms")
    closed = []
    server.on_close(lambda connection: closed.append(connection))
    async with server, bare_peer(server):
        await until(lambda: closed and server.connection_count == 0)
        assert server.stats()["stale_removed"] == 1


async def test_s4_5_the_address_alone_lets_nobody_in(new_server):
    server = new_server(**KEYS, reject="close", reject_delay=0, close_codes="policy")
    server.route("/session/{session}/stream", claims={"session": "{session}"})
    expired = token(session=7, exp=int(time.time()) - 3600)
    async with server:
        for query in ("", f"?token={expired}", f"?token={token(session=8)}", "?token=1"):
            async with peer(server, f"/session/7/stream{query}") as client:
                code, reason = await client.closing()
                assert code == 1008 and reason
        async with peer(server, f"/session/7/stream?token={token(session=7)}"):
            await until(lambda: server.connection_count == 1)


async def test_s4_6_an_end_is_counted_down_and_comes(new_server):
    server = new_server(expiry_notice_interval="100ms", expiry_notice_window=0)
    server.route("/", dialect="json", events=["authenticate"])
    server.on_open(lambda connection: connection.set_expiry(time.time() + 0.5))
    told, seen = [], []
    server.on_expiring(lambda connection, seconds: seen.append(seconds))
    server.on_expired(lambda connection: seen.append("expired"))
    async with server, peer(server) as client:
        with contextlib.suppress(ConnectionClosed):
            while True:
                told.append((await client.receive_json())["type"])
        assert client.socket.close_code == 4106
        assert told[-1] == "expired" and set(told[:-1]) == {"expiring"}
        await until(lambda: seen and seen[-1] == "expired")
        assert set(seen[:-1]) == {1}


async def test_s4_7_connections_cost_no_threads_and_no_tasks(new_server):
    server = users(new_server)
    async with server, contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(peer(server, "/a?user=first"))
        await until(lambda: server.connection_count == 1)
        threads = len(os.listdir("/proc/self/task"))
        for number in range(50):
            await stack.enter_async_context(peer(server, f"/a?user=user{number}"))
        await until(lambda: server.connection_count == 51)
        assert len(os.listdir("/proc/self/task")) == threads


async def test_s4_8_a_broadcast_reaches_all_but_the_dead(new_server):
    server = users(new_server)
    async with server, peer(server, "/a?user=ann") as ann, peer(server, "/a?user=bob") as bob:
        async with peer(server, "/a?user=eve") as eve:
            await until(lambda: len(server.room("a")) == 3)
            eve.socket.transport.abort()
            for number in range(50):
                server.room("a").broadcast(str(number))
            for client in (ann, bob):
                assert [await client.receive() for _ in range(50)] == [str(number) for number in range(50)]
            await until(lambda: sorted(server.room("a").users) == ["ann", "bob"])


async def test_s4_9_a_room_may_empty_at_any_moment(new_server):
    server = users(new_server)
    server.on_left(lambda connection, room: room.broadcast("left"))
    async with server:
        async with peer(server, "/a?user=ann"):
            await until(lambda: len(server.room("a")) == 1)
        await until(lambda: server.room_count == 0)
        assert server.room("a").broadcast("x") == 0


async def test_s4_10_changes_of_who_is_there_are_events(new_server):
    server = new_server()
    server.route("/", dialect="json", join=hearth.Template("hall"), events=["presence"])
    server.on_connect(lambda connection: connection.query["user"])
    async with server, peer(server, "/?user=ann") as ann:
        versions = [(await ann.receive_json())["data"]["version"]]
        changes = []
        async with peer(server, "/?user=bob"):
            changes.append((await ann.receive_json())["data"])
            server.set_presence("bob", '{"status":"away"}')
            changes.append((await ann.receive_json())["data"])
        changes.append((await ann.receive_json())["data"])
        versions += [change["version"] for change in changes]
        assert versions == list(range(versions[0], versions[0] + 4))
        assert '"away"' in json.dumps(changes[1])


async def test_s4_15_a_hundred_clients_get_a_broadcast(new_server):
    server = users(new_server)
    async with server, contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(peer(server, f"/a?user=user{number}")) for number in range(100)
        ]
        await until(lambda: len(server.room("a")) == 100)
        assert server.room("a").broadcast("hello") == 100
        assert [await client.receive() for client in clients] == ["hello"] * 100


async def test_s4_16_what_happened_is_counted(new_server):
    server = users(new_server)
    async with server:
        async with peer(server, "/a?user=ann") as ann:
            await ann.send("x")
            assert await ann.receive() == "x"
        async with peer(server, "/a?user=ann&reconnect=1"), peer(server, "/a?user=ann&reconnect=0"):
            pass
        await until(lambda: server.stats()["connections"]["open"] == 0)
        stats = server.stats()
        assert stats["connections"]["opened"] == 3 and stats["reconnects"] == 1
        assert stats["broadcast_latency"]["count"] == 1
        assert stats["stale_removed"] == 0 and stats["handshakes"]["accepted"] == 3


async def test_s4_17_a_connection_has_a_number_in_the_log(library, caplog):
    caplog.set_level("DEBUG", logger="hearth")
    async with library.Server("127.0.0.1:0", log_level="debug") as server:
        async with peer(server):
            await until(lambda: server.connection_count == 1)
            number = str(server.connections[0].id)
        await until(lambda: server.connection_count == 0)
    numbers = [getattr(line, "hearth_fields", {}).get("connection") for line in caplog.records]
    assert numbers.count(number) >= 2


async def test_s4_18_nothing_is_left_of_who_has_gone(new_server):
    server = users(new_server)
    async with server:
        for _ in range(3):
            async with contextlib.AsyncExitStack() as stack:
                for number in range(10):
                    await stack.enter_async_context(peer(server, f"/room{number}?user=user{number}"))
                await until(lambda: server.connection_count == 10)
            await until(lambda: server.connection_count == 0)
        assert (server.users, server.rooms, server.user_count, server.room_count) == ([], [], 0, 0)
