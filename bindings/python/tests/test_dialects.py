"""Routes of the json dialect: events by name, the library's own events, errors, batches."""

import contextlib
import json

import pytest
from conftest import peer, until

import hearth


async def test_an_event_is_handled_by_its_name(new_server):
    server = new_server()
    server.route("/", dialect="json", join=hearth.Template("hall"))
    left_over = []

    @server.on("add")
    def add(connection, data):
        connection.send_event("sum", sum(data))

    @server.on("later")
    async def later(connection, data):
        assert data is None
        connection.send_event("done")

    server.on_message(lambda connection, message: left_over.append((message.event, message.data)))
    async with server, peer(server) as client:
        await client.send('{"type":"add","data":[1,2,3]}')
        assert json.loads(await client.receive()) == {"type": "sum", "data": 6}
        await client.send('{"type":"later"}')
        assert json.loads(await client.receive()) == {"type": "done"}
        await client.send('{"type":"h\\u00e9llo","data":{"a":null}}')
        await until(lambda: left_over == [("héllo", b'{"a":null}')])
        await client.send(b"\x00")
        await until(lambda: left_over[1:] == [(None, b"\x00")])


async def test_a_session_gets_events_with_their_names(new_server):
    server = new_server()

    @server.route("/", dialect="json", join=hearth.Template("hall"))
    async def session(connection):
        async for message in connection:
            connection.send_event("echo", {"event": message.event, "data": message.json()})

    async with server, peer(server) as client:
        await client.send('{"type":"x","data":[{}]}')
        assert json.loads(await client.receive()) == {
            "type": "echo",
            "data": {"event": "x", "data": [{}]},
        }


async def test_an_event_reaches_each_member_in_its_dialect(new_server):
    server = new_server()
    server.route("/json", dialect="json", join=hearth.Template("hall"))
    server.route("/raw", join=hearth.Template("hall"))
    server.on_connect(lambda connection: connection.query.get("user", True))
    async with server, peer(server, "/json?user=ann") as ann, peer(server, "/raw") as raw:
        hall = server.room("hall")
        await until(lambda: len(hall) == 2)
        assert hall.broadcast_event("news", {"é": 1}) == 2
        assert await ann.receive() == '{"type":"news","data":{"é":1}}'
        assert await raw.receive() == '{"é":1}'
        assert hall.broadcast_event("news", None, except_="ann") == 1
        assert await raw.receive() == "null"
        assert server.broadcast_event("all", 2) == 2
        assert await raw.receive() == "2"
        assert server.send_event_to_user("ann", "you", 3) == 1
        assert [await ann.receive() for _ in range(2)] == [
            '{"type":"all","data":2}',
            '{"type":"you","data":3}',
        ]


@pytest.mark.parametrize("settings", [{}, {"batch_interval": "10ms"}, {"compression_context_takeover": "on"}])
async def test_dialects_and_compressions_mix_in_one_room(new_server, settings):
    server = new_server(compression="on", compression_threshold=64, **settings)
    server.route("/json", dialect="json", join=hearth.Template("hall"), relay="others")
    server.route("/raw", join=hearth.Template("hall"), relay="others")
    paths = ["/json", "/raw", "/json", "/raw", "/json", "/raw"]
    offers = [None, None, "deflate", "deflate", None, "deflate"]
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(server)
        peers = [
            await stack.enter_async_context(peer(server, path, compression=offer))
            for path, offer in zip(paths, offers)
        ]
        hall = server.room("hall")
        await until(lambda: len(hall) == len(peers))
        for size in (1, 63, 64, 5000):
            assert hall.broadcast_event("n", "x" * size) == len(peers)
            event = {"type": "n", "data": "x" * size}
            for path, client in zip(paths, peers):
                got = json.loads(await client.receive())
                wrapped = [event] if "batch_interval" in settings else event
                assert got == ("x" * size if path == "/raw" else wrapped)
            assert hall.broadcast("y" * size) == len(peers)
            assert {await client.receive() for client in peers} == {"y" * size}
        await peers[3].send("z" * 100)
        event = {"type": "message", "data": "z" * 100}
        for path, client in zip(paths, peers):
            if client is not peers[3]:
                got = await client.receive()
                if path == "/raw":
                    assert got == "z" * 100
                else:
                    assert json.loads(got) == ([event] if "batch_interval" in settings else event)


async def test_messages_of_a_room_are_stamped_by_the_server(new_server):
    server = new_server(max_json_characters=5)
    server.route("/", dialect="json", events=["join", "message"], rooms=["chat:*"])
    server.on_connect(lambda connection: connection.query["user"])
    async with server, peer(server, "/?user=ann") as ann, peer(server, "/?user=bob") as bob:
        for client in (ann, bob):
            await client.send('{"type":"join","data":{"room":"chat:1"}}')
            assert json.loads(await client.receive()) == {"type": "join", "data": {"room": "chat:1"}}
        await ann.send('{"type":"message","data":{"text":" hi ","user":"bob","id":1}}')
        got = json.loads(await bob.receive())
        assert got == json.loads(await ann.receive())
        data = got["data"]
        assert (data["user"], data["text"], data["room"]) == ("ann", "hi", "chat:1")
        assert len(data["id"]) == 36 and data["time"].endswith("Z")
        await ann.send('{"type":"message","data":{"text":"123456"}}')
        assert json.loads(await ann.receive())["code"] == "message_too_long"
        await ann.send('{"type":"join","data":{"room":"other"}}')
        assert json.loads(await ann.receive())["code"] == "room_not_open"


async def test_errors_are_answered_until_the_budget_is_used_up(new_server):
    server = new_server(json_events="known", json_error_budget=2)
    server.route("/", dialect="json")
    async with server, peer(server) as client:
        await client.send("{")
        assert json.loads(await client.receive())["code"] == "invalid_json"
        await client.send('{"type":"unknown"}')
        assert json.loads(await client.receive())["code"] == "unknown_event"
        await client.send("[]")
        assert await client.closing() == (1007, "too many invalid messages")


async def test_events_leave_in_batches(new_server):
    server = new_server(batch_interval="20ms")
    server.route("/", dialect="json", join=hearth.Template("hall"))
    async with server, peer(server) as client:
        await until(lambda: len(server.room("hall")) == 1)
        for number in range(3):
            server.room("hall").broadcast_event("n", number)
        assert json.loads(await client.receive()) == [{"type": "n", "data": number} for number in range(3)]


VALUES = [
    "null", "true", "0", "-0", "1.5e-3", "1E+9", '"x"', '"\\u00e9\\ud83d\\ude00"', '"\\ud800"', "[]",
    "{}", ' [ 1 , {"a" : [ ] } ] ', '{"a":1,"a":2}', '"\x7f"', '"é"', "[[[[[[1]]]]]]",
    "123456789012345678901234567890", "", " ", "nul", "NaN", "Infinity", "-Infinity", "01", "1.", ".1",
    "1e", "+1", "--1", "'x'", '"', '"\\x"', '"\\u12"', '"\n"', '"\t"', "[1,]", "[,]", "[1 2]", "{", "}",
    '{"a"}', '{"a":}', '{"a":1,}', "{a:1}", "[1]]", "1 2", "/**/1", "\ufeff1", "\x0b1", "1\xa0",
    '{"a":1}x', "tRue", "[true,false,null]", '{"":{"":""}}',
]  # fmt: skip


def is_json(text):
    def refuse(name):
        raise ValueError(name)

    try:
        json.loads(text, parse_constant=refuse)
    except ValueError:
        return False
    return True


async def test_the_library_takes_the_json_that_python_takes(new_server):
    server = new_server()
    server.route("/", dialect="json")
    texts = set(VALUES)
    for value in VALUES:
        texts.update(value[:cut] for cut in range(len(value)))
        for place in range(len(value)):
            texts.update(value[:place] + other + value[place + 1 :] for other in '"\\,:[]{}0e-. \n')
    async with server:
        functions = server._runtime.functions
        for text in sorted(texts - {""}):
            data = text.encode("utf-8", "surrogatepass")
            result = functions.server_send_event(server._runtime.handle, b"x", data, len(data), None)
            assert (result == 0) == is_json(text), text


async def test_wrong_events_raise(new_server):
    server = new_server()
    server.route("/", dialect="json")
    with pytest.raises(TypeError, match="list of names"):
        server.route("/x", dialect="json", events="join")
    server.on("x")(lambda connection, data: None)
    with pytest.raises(ValueError, match="already"):
        server.on("x")(lambda connection, data: None)
    async with server:
        with pytest.raises(hearth.InvalidError):
            server.broadcast_event("", 1)
        with pytest.raises(hearth.TooLargeError):
            server.broadcast_event("x" * 256, 1)


async def test_the_options_of_the_dialect_need_it(new_server):
    server = new_server()
    server.route("/", events=["join"])
    with pytest.raises(hearth.InvalidValueError, match="dialect=json"):
        await server.start()
