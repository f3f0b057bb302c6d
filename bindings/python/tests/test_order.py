"""In which order handlers are called, and what one that fails or waits costs."""

import asyncio
import contextlib
import json

import hearth
import pytest
from conftest import peer, until
from websockets.exceptions import ConnectionClosed


def events_route(server, **options):
    server.route("/", dialect="json", **options)
    return server


def event(name, data=None):
    return json.dumps({"type": name, "data": data})


async def test_events_of_a_connection_are_handled_one_after_the_other(new_server):
    server, seen = events_route(new_server()), []

    @server.on("count")
    async def count(connection, number):
        await asyncio.sleep((10 - number) / 200)
        seen.append(number)

    async with server, peer(server) as client:
        for number in range(10):
            await client.send(event("count", number))
        await until(lambda: len(seen) == 10)
    assert seen == list(range(10))


async def test_an_event_whose_handler_waits_holds_up_no_other_connection(new_server):
    server, seen, go_on = events_route(new_server()), [], asyncio.Event()

    @server.on("say")
    async def say(connection, data):
        if data == "slow":
            await go_on.wait()
        seen.append(data)

    async with server, peer(server) as slow, peer(server) as quick:
        await slow.send(event("say", "slow"))
        await slow.send(event("say", "behind"))
        await quick.send(event("say", "quick"))
        await until(lambda: seen)
        assert seen == ["quick"]
        go_on.set()
        await until(lambda: len(seen) == 3)
    assert seen == ["quick", "slow", "behind"]


async def test_events_are_handled_side_by_side_where_that_is_asked_for(new_server):
    server, seen, go_on = events_route(new_server()), [], asyncio.Event()

    @server.on("think", concurrent=True)
    async def think(connection, data):
        if data == 1:
            await go_on.wait()
        seen.append(data)

    async with server, peer(server) as client:
        for number in (1, 2, 3):
            await client.send(event("think", number))
        await until(lambda: len(seen) == 2)
        go_on.set()
        await until(lambda: len(seen) == 3)
    assert seen == [2, 3, 1]


async def test_messages_wait_for_a_coroutine_of_their_connection(new_server):
    server, seen, go_on = new_server(), [], asyncio.Event()

    @server.on_open
    async def opened(connection):
        await go_on.wait()
        seen.append("open")

    server.on_message(lambda connection, message: seen.append(message.text))
    server.on_close(lambda connection: seen.append("close"))
    async with server:
        async with peer(server) as client:
            await client.send("first")
            await client.send("second")
        await until(lambda: server.connection_count == 0)
        assert seen == []
        go_on.set()
        await until(lambda: "close" in seen)
    assert seen == ["open", "first", "second", "close"]


async def test_a_session_begins_when_on_open_is_done(new_server):
    server, seen = new_server(), []

    @server.on_open
    async def opened(connection):
        await asyncio.sleep(0.01)
        connection.state["name"] = "ann"

    @server.route("/")
    async def session(connection):
        async for message in connection:
            seen.append((connection.state["name"], message.text))

    async with server, peer(server) as client:
        await client.send("at once")
        await until(lambda: seen)
    assert seen == [("ann", "at once")]


@pytest.mark.parametrize("is_async", [True, False])
async def test_a_session_does_not_begin_when_on_open_fails(new_server, is_async):
    server, seen = new_server(), []

    async def fail_later(connection):
        await asyncio.sleep(0)
        raise KeyError("planted")

    def fail(connection):
        raise KeyError("planted")

    server.on_open(fail_later if is_async else fail)

    @server.route("/")
    async def session(connection):
        seen.append(connection)

    async with server, peer(server) as client:
        assert (await client.closing())[0] == 1011
    assert seen == []


async def test_joins_and_leaves_are_told_in_their_order(new_server):
    server, seen = new_server(), []
    server.on_connect(lambda connection: connection.query["user"])
    server.route("/", join=hearth.Template("hall"))

    @server.on_user_joined
    async def joined(room, user):
        await asyncio.sleep(0.005)
        seen.append(("joined", user))

    @server.on_user_left
    async def left(room, user):
        seen.append(("left", user))

    async with server:
        async with peer(server, "/?user=ann"):
            pass
        await until(lambda: len(seen) == 2)
    assert seen == [("joined", "ann"), ("left", "ann")]


async def test_a_channel_is_given_its_messages_in_order(new_server):
    server, seen = new_server(), []
    server.route("/")

    async def carry(connections, message):
        await asyncio.sleep((5 - int(message.text)) / 200)
        seen.append(message.text)

    channel = server.channel("test", carry)
    async with server:
        connection = channel.connect("/")
        for number in range(5):
            connection.send(str(number))
            await asyncio.sleep(0)
        await until(lambda: len(seen) == 5)
    assert seen == ["0", "1", "2", "3", "4"]


async def test_events_of_a_room_beyond_the_limit_are_dropped_and_logged(new_server, monkeypatch, caplog):
    monkeypatch.setattr(hearth._dispatch, "_WAITING_MAX", 2)
    server, seen, go_on = new_server(), [], asyncio.Event()
    server.on_connect(lambda connection: connection.query["user"])
    server.route("/", join=hearth.Template("hall"))

    @server.on_user_joined
    async def joined(room, user):
        await go_on.wait()
        seen.append(user)

    async with server, contextlib.AsyncExitStack() as stack:
        for number in range(5):
            await stack.enter_async_context(peer(server, f"/?user={number}"))
            await until(lambda count=number + 1: len(server.room("hall")) == count)
        await until(lambda: "more are dropped" in caplog.text)
        go_on.set()
        await until(lambda: len(seen) == 3)
    assert seen == ["0", "1", "2"]


@pytest.mark.parametrize("is_concurrent", [True, False])
async def test_a_peer_that_sends_more_events_than_may_wait_is_closed(new_server, is_concurrent):
    server, go_on = events_route(new_server(), max_inbox_messages=3), asyncio.Event()

    @server.on("think", concurrent=is_concurrent)
    async def think(connection, data):
        await go_on.wait()

    async with server, peer(server) as greedy, peer(server) as modest:
        # One runs and three wait, or three run; that is within the limit.
        for _ in range(3 if is_concurrent else 4):
            await modest.send(event("think"))
        with contextlib.suppress(ConnectionClosed):
            for _ in range(5):
                await greedy.send(event("think"))
        assert (await greedy.closing())[0] == 1013
        await modest.send(event("ping"))
        assert (await modest.receive_json())["type"] == "pong"
        go_on.set()


async def test_a_coroutine_that_fails_costs_its_connection_and_nothing_else(new_server):
    server, seen = events_route(new_server()), []

    @server.on("say")
    async def say(connection, data):
        await asyncio.sleep(0)
        if data == "fail":
            raise KeyError("planted")
        seen.append(data)

    closed = []
    server.on_close(lambda connection: closed.append(connection.close_code))
    async with server, peer(server) as bad, peer(server) as good:
        await bad.send(event("say", "fail"))
        assert (await bad.closing())[0] == 1011
        await good.send(event("say", "well"))
        await until(lambda: seen == ["well"] and closed == [1011])


async def test_a_handler_that_is_cancelled_costs_its_connection_and_nothing_else(new_server):
    server, closed = events_route(new_server()), []

    @server.on("stop")
    async def stop(connection, data):
        asyncio.current_task().cancel()
        await asyncio.sleep(0)

    def plain(connection, data):
        raise asyncio.CancelledError

    server.on("plain")(plain)

    @server.on_close
    async def gone(connection):
        closed.append((connection.close_code, connection.close_reason))

    async with server, peer(server) as first, peer(server) as second, peer(server) as third:
        await first.send(event("stop"))
        assert await first.closing() == (1001, "handler cancelled")
        await second.send(event("plain"))
        assert await second.closing() == (1001, "handler cancelled")
        await third.send(event("ping"))
        assert (await third.receive_json())["type"] == "pong"
        await until(lambda: len(closed) == 2)


async def test_a_session_that_the_program_cancels_says_so(new_server):
    server, tasks = new_server(), []

    @server.route("/")
    async def session(connection):
        tasks.append(asyncio.current_task())
        async for _ in connection:
            pass

    async with server, peer(server) as client:
        await until(lambda: tasks)
        tasks[0].cancel()
        assert await client.closing() == (1001, "session cancelled")


async def test_what_waits_for_a_cancelled_handler_at_the_stop_is_dropped_but_on_close_is_called(new_server):
    server, seen = events_route(new_server()), []

    @server.on("wait")
    async def wait(connection, data):
        await asyncio.Event().wait()

    server.on("behind")(lambda connection, data: seen.append("behind"))
    server.on_close(lambda connection: seen.append("close"))
    async with server, peer(server) as client:
        await client.send(event("wait"))
        await client.send(event("behind"))
        await until(lambda: server.connections[0].info.messages_received == 2)
        await server.stop(grace=0.05)
    assert seen == ["close"]
