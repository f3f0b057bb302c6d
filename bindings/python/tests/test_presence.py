"""Who is in a room, by user."""

from conftest import peer, until
from hearth import PresenceKind, Template


def hall_of(server):
    server.on_connect(lambda connection: connection.query["user"])
    server.route("/", join=Template("hall"))
    return server


async def test_presence_lists_users_with_their_connections_and_data(new_server):
    server = hall_of(new_server())
    server.on_open(lambda connection: server.set_presence(connection.user, "here"))
    async with server, peer(server, "/?user=ann"), peer(server, "/?user=ann"), peer(server, "/?user=bob"):
        hall = server.room("hall")
        await until(lambda: len(hall) == 3)
        await until(lambda: hall.presence().version == 4)
        presence = hall.presence()
        assert sorted(presence.users) == ["ann", "bob"]
        ann = presence.users["ann"]
        assert set(ann.connections) == set(server.user_connections("ann"))
        assert len(ann.connections) == 2 and ann.data == b"here" and ann.joined_at_ms > 1_600_000_000_000
        assert server.room("nowhere").presence().users == {}


async def test_on_presence_tells_changes_with_versions_that_grow_by_one(new_server):
    server = hall_of(new_server())
    changes = []
    server.on_presence(changes.append)
    async with server:
        async with peer(server, "/?user=ann"):
            await until(lambda: len(changes) == 1)
            server.set_presence("ann", b"away")
            await until(lambda: len(changes) == 2)
            assert server.room("hall").presence().version == 2
        await until(lambda: len(changes) == 3)
    assert [change.version for change in changes] == [1, 2, 3]
    kinds = [PresenceKind.JOINED, PresenceKind.UPDATED, PresenceKind.LEFT]
    assert [change.kind for change in changes] == kinds
    assert [change.data for change in changes] == [b"", b"away", b""]
    assert {(change.user, change.room.name) for change in changes} == {("ann", "hall")}


async def test_who_comes_back_within_presence_grace_was_never_away(new_server):
    server = hall_of(new_server(presence_grace="1h"))
    changes = []
    closed = []
    server.on_presence(changes.append)
    server.on_close(closed.append)
    async with server:
        for count in range(1, 4):
            async with peer(server, "/?user=ann"):
                await until(lambda: len(server.room("hall")) == 1)
            await until(lambda: len(closed) == count)
            assert server.room("hall").presence().users["ann"].connections == ()
        assert len(changes) == 1
    assert [change.kind for change in changes] == [PresenceKind.JOINED, PresenceKind.LEFT]


async def test_a_presence_of_many_users_is_read_whole(new_server):
    server = new_server()
    server.on_connect(lambda connection: "u")
    server.route("/", join=Template("hall"))
    async with server, peer(server, "/"):
        await until(lambda: len(server.room("hall")) == 1)
        server.set_presence("u", b"x" * 4000)
        await until(lambda: server.room("hall").presence().users["u"].data == b"x" * 4000)


async def test_kick_closes_all_connections_of_a_user(new_server):
    server = hall_of(new_server(presence_grace="1h"))
    async with server, peer(server, "/?user=ann") as one, peer(server, "/?user=ann") as two:
        async with peer(server, "/?user=bob") as bob:
            await until(lambda: len(server.room("hall")) == 3)
            assert sorted(server.users) == ["ann", "bob"]
            assert server.kick("ann", reason="enough") == 2
            assert await one.closing() == (4505, "enough")
            assert await two.closing() == (4505, "enough")
            await until(lambda: server.users == ["bob"])
            assert list(server.room("hall").presence().users) == ["bob"]
            assert server.kick("ann") == 0
            server.kick("bob", 4000)
            assert (await bob.closing())[0] == 4000
