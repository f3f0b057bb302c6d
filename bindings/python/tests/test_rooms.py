"""Rooms, users, broadcasts and what they answer."""

import hearth
import pytest
from conftest import peer, until


async def test_a_route_that_relays_needs_no_handler(new_server):
    server = new_server()
    server.route("/rooms/{room}", join="auto", relay="others")
    async with server, peer(server, "/rooms/a") as ann, peer(server, "/rooms/a") as bob:
        async with peer(server, "/rooms/b") as eve:
            await until(lambda: server.connection_count == 3)
            await ann.send("hi")
            assert await bob.receive() == "hi"
            await bob.send(b"\x01")
            assert await ann.receive() == b"\x01"
            server.room("b").broadcast("only b")
            assert await eve.receive() == "only b"


async def test_relay_to_all_includes_the_sender(new_server):
    server = new_server()
    server.route("/rooms/{room}", join="auto", relay="all")
    async with server, peer(server, "/rooms/a") as ann:
        await ann.send("hi")
        assert await ann.receive() == "hi"


async def test_a_session_on_a_relaying_route_gets_the_messages_too(new_server):
    server = new_server()
    seen = []

    @server.route("/rooms/{room}", join="auto", relay="all")
    async def session(connection):
        async for message in connection:
            seen.append(message.text)

    async with server, peer(server, "/rooms/a") as ann:
        await ann.send("hi")
        assert await ann.receive() == "hi"
        await until(lambda: seen == ["hi"])


async def test_broadcast_leaves_out_a_connection_or_a_user(new_server):
    server = new_server()
    server.on_connect(lambda connection: connection.query["user"])
    server.on_open(lambda connection: connection.join("hall"))
    async with server, peer(server, "/?user=ann") as ann, peer(server, "/?user=bob") as bob:
        async with peer(server, "/?user=bob") as second:
            hall = server.room("hall")
            await until(lambda: len(hall) == 3)
            first = server.user_connections("ann")[0]
            assert hall.broadcast("not ann", except_=first) == 2
            assert hall.broadcast_json({"not": "bob"}, except_="bob") == 1
            assert server.broadcast("not bob", except_="bob") == 1
            assert server.broadcast_json(["all"]) == 3
            assert [await ann.receive() for _ in range(3)] == ['{"not":"bob"}', "not bob", '["all"]']
            for client in (bob, second):
                assert [await client.receive() for _ in range(2)] == ["not ann", '["all"]']


async def test_broadcast_to_a_room_that_does_not_exist_reaches_nobody(new_server):
    async with new_server() as server:
        room = server.room("nowhere")
        assert room.broadcast("x") == 0
        assert room.members == [] and room.users == [] and len(room) == 0


async def test_send_to_user_reaches_each_connection_of_the_user(new_server):
    server = new_server()
    server.on_connect(lambda connection: connection.query["user"])
    async with server, peer(server, "/?user=ann") as one, peer(server, "/?user=ann") as two:
        await until(lambda: len(server.user_connections("ann")) == 2)
        assert server.send_to_user("ann", "hello") == 2
        assert server.send_to_user("nobody", "hello") == 0
        assert [await one.receive(), await two.receive()] == ["hello", "hello"]
        assert server.user_count == 1


async def test_members_and_users_and_rooms_answer_who_is_where(new_server):
    server = new_server()
    server.on_connect(lambda connection: connection.query["user"])
    server.route("/rooms/{room}", join="auto")
    async with server, peer(server, "/rooms/x?user=ann"), peer(server, "/rooms/x?user=bob"):
        async with peer(server, "/rooms/y?user=ann"):
            room = server.room("x")
            await until(lambda: server.connection_count == 3 and server.room_count == 2)
            await until(lambda: {connection.user for connection in room.members} == {"ann", "bob"})
            assert sorted(room.users) == ["ann", "bob"]
            assert sorted(server.rooms) == ["x", "y"]
            member = room.members[0]
            assert member.rooms == ["x"] and member in room
            assert member not in server.room("y")
        await until(lambda: server.room_count == 1)


async def test_joined_and_left_tell_connections_and_users(new_server):
    server = new_server()
    seen = []
    server.on_connect(lambda connection: connection.query["user"])
    server.route("/rooms/{room}", join="auto")
    server.on_joined(lambda connection, room: seen.append(("joined", connection.user, room.name)))
    server.on_left(lambda connection, room: seen.append(("left", connection.user, room.name)))
    server.on_user_joined(lambda room, user: seen.append(("user joined", user, room.name)))
    server.on_user_left(lambda room, user: seen.append(("user left", user, room.name)))
    server.on_close(lambda connection: seen.append(("closed", connection.user)))
    async with server:
        async with peer(server, "/rooms/x?user=ann"):
            async with peer(server, "/rooms/x?user=ann"):
                await until(lambda: len(seen) == 3)
            await until(lambda: len(seen) == 5)
        await until(lambda: len(seen) == 8)
    assert sorted(seen[:2]) == [("joined", "ann", "x"), ("user joined", "ann", "x")]
    assert seen[2:5] == [("joined", "ann", "x"), ("left", "ann", "x"), ("closed", "ann")]
    assert sorted(seen[5:]) == [("closed", "ann"), ("left", "ann", "x"), ("user left", "ann", "x")]
    assert seen[-1] == ("closed", "ann")


async def test_a_handler_may_broadcast_about_who_joined(new_server):
    server = new_server()
    server.route("/rooms/{room}", join="auto")

    @server.on_joined
    def welcome(connection, room):
        room.broadcast(f"{len(room)} here", except_=connection)

    async with server, peer(server, "/rooms/x") as first, peer(server, "/rooms/x"):
        assert await first.receive() == "2 here"


async def test_join_and_leave_by_hand(new_server):
    server = new_server()
    seen = []
    server.on_joined(lambda connection, room: seen.append(f"joined {room.name}"))
    server.on_left(lambda connection, room: seen.append(f"left {room.name}"))
    async with server, peer(server):
        await until(lambda: server.connection_count == 1)
        connection = server.connections[0]
        connection.join("a")
        connection.join("a")
        connection.join("b")
        await until(lambda: sorted(connection.rooms) == ["a", "b"])
        connection.leave("a")
        await until(lambda: connection.rooms == ["b"])
        await until(lambda: len(seen) == 3)
    assert seen[:3] == ["joined a", "joined b", "left a"]


async def test_leaving_a_room_that_it_is_not_in_raises_not_found(library):
    server = library.Server("127.0.0.1:0")
    async with server, peer(server):
        await until(lambda: server.connection_count == 1)
        with pytest.raises(library.NotFoundError):
            server.connections[0].leave("elsewhere")


async def test_changing_the_user_shows_in_the_room(new_server):
    server = new_server()
    server.route("/rooms/{room}", join="auto")
    async with server, peer(server, "/rooms/x"):
        await until(lambda: server.connection_count == 1)
        connection = server.connections[0]
        assert connection.user is None
        connection.user = "ann"
        await until(lambda: server.room("x").users == ["ann"])
        connection.user = None
        await until(lambda: server.room("x").users == [])


async def test_a_room_with_hundreds_of_members_is_listed_whole(new_server):
    server = new_server(max_rooms_per_connection=400)

    async with server, peer(server):
        await until(lambda: server.connection_count == 1)
        connection = server.connections[0]
        names = [f"room-{number:03}-{'x' * 20}" for number in range(300)]
        for name in names:
            connection.join(name)
        await until(lambda: server.room_count == 300)
        assert sorted(connection.rooms) == names
        assert sorted(server.rooms) == names


@pytest.mark.parametrize("name", [None, 7, b"bytes"])
async def test_a_room_name_that_is_no_text_raises_type_error(new_server, name):
    async with new_server() as server:
        with pytest.raises(TypeError):
            server.room(name)


async def test_a_room_name_with_nul_raises_invalid(new_server):
    async with new_server() as server:
        with pytest.raises(hearth.InvalidError, match="NUL"):
            server.room("a\0b")
