"""What would do nothing, or something else than it says, is refused: the error names the argument."""

import datetime

import hearth
import hearth.sync
import pytest
from conftest import peer, until
from websockets.exceptions import InvalidStatus


async def started(server):
    async with server:
        pass


async def test_an_event_handler_without_a_json_route_is_refused(new_server):
    server = new_server()
    server.route("/")
    server.on("chat")(lambda connection, data: None)
    with pytest.raises(ValueError, match=r"on\('chat'\) needs a route with dialect='json'"):
        await server.start()
    bare = new_server()
    bare.on("chat")(lambda connection, data: None)
    with pytest.raises(ValueError, match="dialect='json'"):
        await bare.start()


async def test_an_event_handler_whose_name_is_not_in_json_events_is_refused(new_server):
    server = new_server(json_events=["chat", "move"])
    server.route("/", dialect="json")
    server.on("chatt")(lambda connection, data: None)
    with pytest.raises(ValueError, match=r"on\('chatt'\) would never be called: json_events is 'chat,move'"):
        await server.start()


@pytest.mark.parametrize("name", ["ping", "pong", "join", "authenticate"])
async def test_an_event_handler_for_what_the_library_handles_is_refused(new_server, name):
    server = new_server()
    server.route("/", dialect="json", events=["join", "authenticate"], event=name == "authenticate")
    server.on(name)(lambda connection, data: None)
    with pytest.raises(ValueError, match="the library handles that event by itself"):
        await server.start()


def test_the_decorator_of_an_event_needs_its_name(library):
    server = library.Server("127.0.0.1:0")
    with pytest.raises(TypeError, match=r"event takes the name of an event, as in @server.on\('chat'\)"):
        server.on(lambda connection, data: None)


@pytest.mark.parametrize("first, second", [("/a", "/a"), ("/r/{a}", "/r/{b}"), ("/{x*}", "/{y*}")])
def test_two_routes_for_the_same_are_refused(library, first, second):
    server = library.Server("127.0.0.1:0")
    server.route(first)
    with pytest.raises(ValueError, match="there is a route .* already"):
        server.route(second)
    server.http(first)(lambda request: "get")
    server.http(first, methods=["POST"])(lambda request: "post")
    with pytest.raises(ValueError, match="there is a route .* already"):
        server.http(second)(lambda request: "get")


def test_a_route_has_one_session(library):
    decorate = library.Server("127.0.0.1:0").route("/")

    async def session(connection):
        pass

    decorate(session)
    with pytest.raises(ValueError, match="has a session already"):
        decorate(session)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"join": True}, "join takes 'auto' or a hearth.Template, not True"),
        ({"join": "autoo"}, "join takes 'auto' or a hearth.Template, not 'autoo'"),
        ({"relay": True}, "relay takes 'all' or 'others', not True"),
        ({"accept": "yes"}, "accept takes 'auto' or 'ask', not 'yes'"),
        ({"dialect": "jsn"}, "dialect takes 'raw' or 'json', not 'jsn'"),
        ({"auth": None}, "auth takes 'public', 'optional', 'required' or 'user', not None"),
        ({"reject": 1}, "reject takes 'status', 'close' or 'auto', not 1"),
        ({"event": "on"}, "event takes True or False, not 'on'"),
        ({"echo": None}, "echo takes True or False, not None"),
        ({"events": "join"}, "events takes a list of names, not 'join'"),
        ({"events": ["joined"]}, "events takes a list of 'join', 'leave', .*, not 'joined'"),
        ({"tokens": ["body"]}, "tokens takes a list of 'header', .*, not 'body'"),
        ({"subprotocols": 5}, "subprotocols takes a list of names, not 5"),
        ({"rooms": [1]}, "rooms takes a list of names, and 1 is none"),
        ({"scopes": b"a"}, "scopes takes a list of names, not b'a'"),
        ({"claims": ["a"]}, "claims takes templates by the name of the claim"),
        ({"max_inbox_messages": 0}, "max_inbox_messages takes a number from 1 on, not 0"),
        ({"max_inbox_bytes": "1MiB"}, "max_inbox_bytes takes an int, not '1MiB'"),
        ({"joinn": "auto"}, "a route has no option joinn; did you mean join?"),
    ],
)
def test_a_route_option_of_a_wrong_value_is_named(library, options, words):
    for server in (library.Server("127.0.0.1:0"), library.sync.Server("127.0.0.1:0")):
        with pytest.raises((TypeError, ValueError), match=words):
            server.route("/", **options)


@pytest.mark.parametrize(
    "keys, words",
    [
        ({"ping_interval": None}, "ping_interval takes seconds as a number, a str such as '500ms'"),
        ({"ping_interval": float("nan")}, "ping_interval takes seconds"),
        ({"ping_interval": float("inf")}, "ping_interval takes seconds"),
        ({"max_message_size": None}, "max_message_size takes bytes as an int"),
        ({"max_connections": object()}, "max_connections takes an int"),
        ({"compression": {}}, "compression takes a bool"),
        ({"slow_consumer": None}, "slow_consumer takes 'close' or 'drop_oldest'"),
        ({"json_events": [None]}, "json_events takes a list of str"),
        ({"redis_url": None}, "redis_url takes a str"),
        ({"ping_intervall": None}, 'unknown key "ping_intervall": did you mean "ping_interval"'),
    ],
)
def test_a_key_of_a_wrong_value_is_named(library, keys, words):
    with pytest.raises((TypeError, library.HearthError), match=words):
        library.Server("127.0.0.1:0", **keys)


def test_a_duration_is_seconds_or_text_or_a_timedelta(library):
    for value in (90, 90.0, "90s", "1.5min", datetime.timedelta(seconds=90)):
        configuration = library.Server("127.0.0.1:0", ping_interval=value)._configuration
        assert configuration.get("ping_interval") in ("90", "90s", "90.0s", "1.5min"), value


async def test_codes_and_reasons_are_named_with_what_they_take(new_server):
    server, kept = new_server(), []
    server.on_open(kept.append)
    codes = "code takes 1000, 1001, 1003, 1007 to 1014 or 3000 to 4999, not "
    async with server, peer(server) as client:
        await until(lambda: kept)
        (connection,) = kept
        for code in (999, 1005, 1006, 2999, 5000, 0, -1):
            with pytest.raises(hearth.InvalidError, match=f"{codes}{code}"):
                connection.close(code)
            with pytest.raises(hearth.InvalidError, match=f"{codes}{code}"):
                server.kick("ann", code)
        for call in (connection.close, lambda code: server.kick("ann", code)):
            with pytest.raises(TypeError, match="code takes an int, not '1000'"):
                call("1000")
        with pytest.raises(hearth.InvalidError, match="reason takes at most 123 bytes, not 124"):
            connection.close(1000, "x" * 124)
        with pytest.raises(TypeError, match="reason takes a str, not None"):
            connection.close(1000, None)
        for call, words in (
            (lambda: connection.join(None), "room takes a str, not None"),
            (lambda: connection.join("a\0"), "room contains a NUL"),
            (lambda: connection.send_event(1), "name takes a str, not 1"),
            (lambda: connection.authenticate(b"x"), "token takes a str, not b'x'"),
            (lambda: server.room(7), "name takes a str, not 7"),
            (lambda: server.send_to_user(None, "x"), "user takes a str, not None"),
            (lambda: server.broadcast("x", 5), "except_ takes a connection or the name of a user, not 5"),
            (lambda: server.set_presence("ann", None), "data takes str or bytes, not None"),
        ):
            with pytest.raises((TypeError, hearth.InvalidError), match=words):
                call()
        connection.close(4000, "x" * 123)
        assert await client.closing() == (4000, "x" * 123)


async def test_a_refusal_names_the_codes_that_it_takes(new_server):
    server, failed = new_server(), []

    @server.on_connect
    def connect(connection):
        try:
            connection.reject(999)
        except hearth.InvalidError as error:
            failed.append(str(error))

    async with server, peer(server):
        await until(lambda: failed)
    assert failed[0].startswith("code takes a status of HTTP from 400 to 599, or a close code")


@pytest.mark.parametrize("code", [999, 200, 1005, "403"])
def test_a_rejection_with_a_code_that_nobody_can_get_is_refused(library, code):
    with pytest.raises((TypeError, library.InvalidError), match="code takes"):
        library.Reject(code)


async def test_a_peer_is_refused_at_once_where_the_rejection_itself_is_wrong(new_server):
    server = new_server(open_timeout="1h")

    @server.on_connect
    def connect(connection):
        raise hearth.Reject(999)

    async with server:
        with pytest.raises(InvalidStatus) as caught:
            async with peer(server):
                pass
        assert caught.value.response.status_code == 500


@pytest.mark.parametrize(
    "options, words",
    [
        ({"headers": "X-A: b"}, "headers takes a mapping, or pairs of name and value, not 'X-A: b'"),
        ({"headers": ["X-A: b"]}, "headers takes a mapping, or pairs"),
        ({"query": "a=1"}, "query takes a mapping, not 'a=1'"),
        ({"prepare": 5}, "prepare takes a function, not 5"),
        ({"subprotocols": "chat"}, "subprotocols takes a list of names, not 'chat'"),
        ({"open_timeout": None}, "open_timeout takes seconds"),
        ({"environment_prefix": 5}, "environment_prefix takes a str, not 5"),
    ],
)
def test_an_argument_of_a_client_of_a_wrong_value_is_named(library, options, words):
    with pytest.raises(TypeError, match=words):
        library.Client("ws://127.0.0.1/", **options)
    with pytest.raises(TypeError, match="url takes a str, not None"):
        library.Client(None)


def test_a_handler_of_dropped_messages_is_a_plain_function(library):
    async def handler(ident, reason):
        pass

    with pytest.raises(TypeError, match="on_dropped takes a plain function"):
        library.Client("ws://127.0.0.1/").on_dropped(handler)


async def test_close_of_a_client_names_its_code(new_server):
    async with new_server() as server, hearth.connect(f"ws://127.0.0.1:{server.port}/") as client:
        with pytest.raises(hearth.InvalidError, match="code takes 1000"):
            await client.close(999)
        await client.close()
        await client.close()


async def test_close_of_what_is_closed_is_quiet(new_server):
    server, kept = new_server(), []
    server.on_open(kept.append)
    async with server:
        async with peer(server):
            await until(lambda: kept)
        (connection,) = kept
        await connection.wait_closed()
        assert connection.close_code == 1000
        await connection.close()
        await connection.close(1001, "again")
    await connection.close()
    assert connection.close_code == 1000


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
async def test_numbers_that_json_does_not_have_are_not_sent(new_server, value):
    server, kept = new_server(), []
    server.on_open(kept.append)
    async with server, peer(server), hearth.connect(f"ws://127.0.0.1:{server.port}/") as client:
        await until(lambda: kept)
        for call in (
            kept[0].send_json, server.broadcast_json, server.room("a").broadcast_json, client.send_json,
            lambda value: kept[0].send_event("x", value), lambda value: server.broadcast_event("x", value),
            lambda value: server.send_json_to_user("ann", value), hearth.Response,
        ):  # fmt: skip
            with pytest.raises(ValueError, match="JSON"):
                call({"value": value})
    for text in (b"NaN", b"[Infinity]", b'{"a":-Infinity}'):
        with pytest.raises(ValueError, match="is not JSON"):
            hearth.Message(text, 1).json()


@pytest.mark.parametrize("json_errors", ["flat", "data"])
async def test_an_event_with_a_number_of_too_many_digits_is_told_to_its_sender(new_server, json_errors):
    server, seen = new_server(json_errors=json_errors), []
    server.route("/", dialect="json")
    server.on("count")(lambda connection, data: seen.append(data))
    async with server, peer(server) as client:
        await client.send('{"type":"count","data":' + "9" * 4301 + "}")
        fields = {"code": "unreadable_data", "message": "The data cannot be read"}
        wanted = {"type": "error", "data": fields} if json_errors == "data" else {"type": "error", **fields}
        assert await client.receive_json() == wanted
        await client.send('{"type":"count","data":' + "9" * 4300 + "}")
        await until(lambda: seen)
    assert seen == [int("9" * 4300)]


async def test_cookies_are_read(new_server):
    server, kept = new_server(), []
    server.on_open(kept.append)
    server.http("/cookies")(lambda request: request.cookies)
    fields = {"Cookie": 'token=abc=; theme="dark blue" ;broken; =x; token=second; empty='}
    async with server, peer(server, "/", additional_headers=fields), peer(server, "/"):
        await until(lambda: len(kept) == 2)
        by_count = sorted((connection.cookies for connection in kept), key=len)
        assert by_count == [{}, {"token": "abc=", "theme": "dark blue", "empty": ""}]


def test_handlers_that_are_no_functions_are_named(library):
    server = library.Server("127.0.0.1:0")
    for register, words in (
        (server.on_open, "on_open takes a function, not 5"),
        (server.on("x"), "on takes a function, not 5"),
        (server.http("/x"), "http takes a function, not 5"),
        (lambda value: server.channel("c", value), "send takes a function, not 5"),
    ):
        with pytest.raises(TypeError, match=words):
            register(5)
    with pytest.raises(TypeError, match="methods takes a list of names, not 'GET'"):
        server.http("/", "GET")


def test_the_blocking_server_has_every_method_of_the_other(library):
    here = {name for name in dir(library.Server) if not name.startswith("_")}
    there = {name for name in dir(library.sync.Server) if not name.startswith("_")}
    # A blocking server runs with serve; what is awaited there returns here.
    assert here - there == {"run"}


def test_a_program_of_threads_may_decide_who_connects_and_handle_events_and_requests(library):
    server, seen = library.sync.Server("127.0.0.1:0"), []
    server.route("/", dialect="json")
    server.on_connect(lambda connection: connection.query.get("user") or False)
    server.http("/hello")(lambda request: "hello")

    @server.on("say")
    def say(connection, data):
        seen.append((connection.user, data))
        connection.send_event("said", data)

    with server:
        with library.sync.connect(f"ws://127.0.0.1:{server.port}/?user=ann") as client:
            client.send_json({"type": "say", "data": 1})
            assert client.recv_json(timeout=20) == {"type": "said", "data": 1}
            assert server.stats()
            assert server.health()["status"] == "ok"
            assert server.ask_user("ann")["scope"] == "local"
        with pytest.raises(library.ForbiddenError):
            library.sync.connect(f"ws://127.0.0.1:{server.port}/", reconnect_enabled=False)
    assert seen == [("ann", 1)]
