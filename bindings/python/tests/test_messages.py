"""Messages, by the plain on_message function and by sessions."""

import asyncio
import contextlib

import hearth
import pytest
from conftest import peer, until


async def test_on_message_echoes_text_and_binary_with_its_opcode(new_server):
    server = new_server()
    seen = []

    @server.on_message
    def echo(connection, message):
        seen.append((message.is_text, message.data))
        connection.send(message)

    async with server, peer(server) as client:
        await client.send("grüße")
        assert await client.receive() == "grüße"
        await client.send(b"\x00\xff")
        assert await client.receive() == b"\x00\xff"
    assert seen == [(True, "grüße".encode()), (False, b"\x00\xff")]


async def test_many_messages_in_flight_arrive_in_order(new_server):
    server = new_server()
    server.on_message(lambda connection, message: connection.send(message.text))
    async with server, peer(server) as client:
        for number in range(2000):
            await client.send(str(number))
        assert [int(await client.receive()) for _ in range(2000)] == list(range(2000))


async def test_a_message_of_the_largest_size_passes_whole(new_server):
    server = new_server(max_message_size="2MiB")
    server.on_message(lambda connection, message: connection.send(message))
    async with server, peer(server, max_size=None) as client:
        payload = bytes(range(256)) * 8192
        await client.send(payload)
        assert await client.receive() == payload


async def test_a_session_iterates_over_messages_until_the_peer_closes(new_server):
    server = new_server()
    ended = asyncio.Event()

    @server.route("/count/{name}")
    async def session(connection):
        total = 0
        async for message in connection:
            total += int(message.text)
            connection.send_json({"name": connection.captures["name"], "total": total})
        ended.set()

    async with server:
        async with peer(server, "/count/a%20b") as client:
            await client.send("2")
            await client.send("3")
            assert await client.receive_json() == {"name": "a b", "total": 2}
            assert await client.receive_json() == {"name": "a b", "total": 5}
        await asyncio.wait_for(ended.wait(), 20)


async def test_receive_raises_gone_after_the_last_message(new_server):
    server = new_server()
    outcome = []

    @server.route("/")
    async def session(connection):
        outcome.append((await connection.receive()).text)
        try:
            await connection.receive()
        except hearth.GoneError:
            outcome.append("gone")

    async with server:
        async with peer(server) as client:
            await client.send("one")
        await until(lambda: len(outcome) == 2)
    assert outcome == ["one", "gone"]


async def test_a_session_that_returns_closes_with_1000_after_what_it_sent(new_server):
    server = new_server()

    @server.route("/")
    async def session(connection):
        connection.send("bye")

    async with server, peer(server) as client:
        assert await client.receive() == "bye"
        assert (await client.closing())[0] == 1000


async def test_a_session_that_raises_closes_with_1011_and_harms_no_other(new_server, caplog):
    server = new_server()

    @server.route("/")
    async def session(connection):
        async for message in connection:
            connection.send(str(10 // int(message.text)))

    async with server, peer(server) as good, peer(server) as bad:
        await bad.send("0")
        assert await bad.closing() == (1011, "internal error")
        await good.send("5")
        assert await good.receive() == "2"
    assert "ZeroDivisionError" in caplog.text


async def test_on_message_that_raises_closes_with_1011_and_harms_no_other(new_server, caplog):
    server = new_server()

    @server.on_message
    def divide(connection, message):
        connection.send(str(10 // int(message.text)))

    async with server, peer(server) as good, peer(server) as bad:
        await bad.send("0")
        assert await bad.closing() == (1011, "internal error")
        await good.send("5")
        assert await good.receive() == "2"
    assert "ZeroDivisionError" in caplog.text


async def test_a_session_that_does_not_take_its_messages_is_closed_with_1013(new_server):
    server = new_server()
    proceed = asyncio.Event()
    taken = []

    @server.route("/", max_inbox_messages=4)
    async def session(connection):
        await proceed.wait()
        async for message in connection:
            taken.append(message.text)

    async with server, peer(server) as client:
        for number in range(5):
            await client.send(str(number))
        assert await client.closing() == (1013, "too many messages wait")
        proceed.set()
        await until(lambda: len(taken) == 4)
    assert taken == ["0", "1", "2", "3"]


async def test_an_inbox_that_is_full_by_bytes_takes_the_first_message_of_any_size(new_server):
    server = new_server()
    proceed = asyncio.Event()

    @server.route("/", max_inbox_bytes=10)
    async def session(connection):
        await proceed.wait()
        async for message in connection:
            connection.send(str(len(message)))

    async with server, peer(server) as client:
        await client.send("x" * 100)
        proceed.set()
        assert await client.receive() == "100"


async def test_two_tasks_that_receive_from_one_connection_are_told_so(new_server):
    server = new_server()

    @server.route("/")
    async def session(connection):
        first = asyncio.ensure_future(connection.receive())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="two tasks"):
            await connection.receive()
        connection.send("told")
        await first

    async with server, peer(server) as client:
        assert await client.receive() == "told"


async def test_a_task_may_send_at_any_time_without_an_event(new_server):
    server = new_server()
    async with server, peer(server) as client:
        await until(lambda: server.connection_count == 1)
        for number in range(3):
            await asyncio.sleep(0.02)
            assert server.connections[0].send(f"tick {number}")
            assert await client.receive() == f"tick {number}"


async def test_another_thread_may_send(new_server):
    server = new_server()
    async with server, peer(server) as client:
        await until(lambda: server.connection_count == 1)
        connection = server.connections[0]
        loop = asyncio.get_running_loop()
        for number in range(20):
            await loop.run_in_executor(None, connection.send, str(number))
        assert [await client.receive() for _ in range(20)] == [str(number) for number in range(20)]


async def test_message_shows_its_content(library):
    message = library.Message(b'{"a":1}', 1)
    assert message.json() == {"a": 1}
    assert str(message) == '{"a":1}' and bytes(message) == b'{"a":1}' and len(message) == 7
    assert message == library.Message(b'{"a":1}', 1) != library.Message(b'{"a":1}', 2)
    assert "text 7 bytes" in repr(message)
    assert bool(library.Message(b"", 2)) is True
    with pytest.raises(TypeError):
        library.Message("text", 1)


@pytest.mark.parametrize("value", [None, 5, 1.5, ["a"], {"a": 1}, object()])
async def test_sending_what_is_no_message_raises_type_error(new_server, value):
    server = new_server()
    async with server, peer(server) as client:
        await until(lambda: server.connection_count == 1)
        with pytest.raises(TypeError, match="data takes str or bytes"):
            server.connections[0].send(value)
        with pytest.raises(TypeError):
            server.broadcast(value)
        server.broadcast(bytearray(b"still well"))
        assert await client.receive() == b"still well"


async def test_what_never_waits_may_be_awaited_all_the_same(new_server):
    server, ended = new_server(), []

    @server.route("/rooms/{room}")
    async def session(connection):
        await connection.join(connection.captures["room"])
        queued = await connection.send_json({"of": connection.path})
        assert queued and repr(queued) == "QUEUED"
        await connection.leave("a")
        await connection.close(4000, "enough")
        ended.append(connection.close_code)

    async with server, peer(server, "/rooms/a") as socket:
        assert await socket.receive_json() == {"of": "/rooms/a"}
        assert await socket.closing() == (4000, "enough")
        await until(lambda: ended == [4000])


async def test_a_session_that_is_cancelled_while_it_receives_loses_no_message(new_server):
    server, got = new_server(), []

    @server.route("/")
    async def session(connection):
        while len(got) < 200:
            try:
                got.append((await asyncio.wait_for(connection.receive(), 0.001)).text)
            except asyncio.TimeoutError:
                pass

    async with server, peer(server) as socket:
        for number in range(200):
            await socket.send(str(number))
            if number % 20 == 0:
                await asyncio.sleep(0.002)
        await until(lambda: len(got) == 200)
        assert got == [str(number) for number in range(200)]


async def test_a_task_that_waits_for_messages_can_be_cancelled(new_server):
    server, seen = new_server(), []

    @server.route("/")
    async def session(connection):
        reader = asyncio.ensure_future(connection.receive())
        await asyncio.sleep(0)
        reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reader
        seen.append(reader.cancelled())
        async for message in connection:
            connection.send(message)

    async with server, peer(server) as socket:
        await socket.send("after")
        assert await socket.receive() == "after"
        assert seen == [True]


async def test_one_message_may_be_waited_for_like_anything_else(new_server):
    server, seen = new_server(), []

    @server.route("/")
    async def session(connection):
        seen.append((await asyncio.wait_for(connection.__anext__(), 20)).text)
        task = asyncio.ensure_future(connection.__anext__())
        connection.send("next")
        done, _ = await asyncio.wait({task}, timeout=20)
        seen.append(done.pop().result().text)
        seen.extend(await asyncio.gather(connection.receive(), asyncio.sleep(0, "slept")))
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(connection.__anext__(), 0.01)
        waiting = asyncio.ensure_future(connection.receive())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="two tasks"):
            await connection.receive()
        waiting.cancel()
        connection.send("ended")

    async with server, peer(server) as socket:
        await socket.send("one")
        assert await socket.receive() == "next"
        await socket.send("two")
        await socket.send("three")
        assert await socket.receive() == "ended"
        assert seen[:2] == ["one", "two"] and seen[2].text == "three" and seen[3] == "slept"
