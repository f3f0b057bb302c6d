"""The end of a token on an open connection: notices, a new token, the close."""

import asyncio
import datetime
import threading
import time

import pytest
from conftest import peer, until
from hearth import GoneError, InvalidError, NotAllowedError, StateError, Template, TokenError
from tokens import SECRET, token

HS256 = {"jwt_algorithms": "HS256", "jwt_secrets": SECRET, "jwt_leeway": 0}


def bearer(text):
    return {"additional_headers": {"Authorization": f"Bearer {text}"}}


def fractional(seconds, **more):
    return token(exp=time.time() + seconds, **more)


async def test_a_connection_ends_with_its_token_after_notices_with_the_seconds_left(new_server):
    server = new_server(**HS256, expiry_notice_interval=0.5)
    events = []
    server.on_expiring(lambda connection, seconds: events.append((connection.user, seconds)))
    server.on_expired(lambda connection: events.append((connection.user, "expired")))
    server.on_close(lambda connection: events.append((connection.user, connection.close_code)))
    async with server:
        end = time.time() + 1.2
        async with peer(server, **bearer(token(exp=end))) as client:
            assert await client.closing() == (4106, "the session has expired")
            assert time.time() >= end
        await until(lambda: len(events) == 4)
        assert events == [("ada", 1), ("ada", 1), ("ada", "expired"), ("ada", 4106)]


async def test_a_new_token_moves_the_end_and_changes_scopes_and_claims(new_server):
    server = new_server(**HS256, expiry_notice_interval=0)
    connections = []
    server.on_open(connections.append)
    async with server, peer(server, **bearer(fractional(0.6, scope="a"))) as client:
        await until(lambda: connections)
        (connection,) = connections
        connection.authenticate(token(scope="a b", level=2))
        await until(lambda: connection.principal.scopes == ("a", "b"))
        assert connection.principal.claims["level"] == 2
        await asyncio.sleep(0.9)
        assert connection.is_open
        connection.send("still here")
        assert await client.receive() == "still here"


async def test_a_token_that_does_not_do_leaves_the_connection_as_it_was(new_server):
    server = new_server(**HS256)
    server.route("/rooms/{room}", scopes=["chat"], claims={"room": "{room}"})
    connections = []
    server.on_open(connections.append)
    async with server, peer(server, "/rooms/7", **bearer(token(scope="chat", room="7"))):
        await until(lambda: connections)
        (connection,) = connections
        before = connection.principal
        with pytest.raises(TokenError, match="three parts"):
            connection.authenticate("rubbish")
        with pytest.raises(TokenError, match="expired"):
            connection.authenticate(token(exp=1))
        with pytest.raises(TokenError, match="signature"):
            connection.authenticate(token(secret="x" * 32, scope="chat", room="7"))
        with pytest.raises(NotAllowedError, match="lacks a scope"):
            connection.authenticate(token(room="7"))
        with pytest.raises(NotAllowedError, match="differs from what the path asks for"):
            connection.authenticate(token(scope="chat", room="8"))
        with pytest.raises(NotAllowedError, match="another user's"):
            connection.authenticate(token(scope="chat", room="7", sub="eve"))
        assert connection.principal == before and connection.is_open
        connection.authenticate(token(scope="chat", room="7", jti="2"))
        await until(lambda: connection.principal.claims.get("jti") == "2")


async def test_a_token_may_be_another_users_only_where_that_is_allowed(new_server):
    server = new_server(**HS256, allow_user_change="on")
    server.route("/", join=Template("lobby"))
    seen = []
    server.on_user_joined(lambda room, user: seen.append(("joined", user)))
    server.on_user_left(lambda room, user: seen.append(("left", user)))
    connections = []
    server.on_open(connections.append)
    async with server, peer(server, **bearer(token())):
        await until(lambda: seen)
        (connection,) = connections
        connection.authenticate(token(sub="bob"))
        await until(lambda: len(seen) == 3)
        assert seen == [("joined", "ada"), ("left", "ada"), ("joined", "bob")]


async def test_who_came_without_a_token_may_give_one_later(new_server):
    server = new_server(**HS256, expiry_notice_interval=0)
    server.route("/{room}", auth="optional", claims={"room": "{room}"})
    connections = []
    server.on_open(connections.append)
    async with server, peer(server, "/7") as client:
        await until(lambda: connections)
        (connection,) = connections
        assert connection.principal is None and connection.user is None
        with pytest.raises(NotAllowedError):
            connection.authenticate(token(room="8"))
        connection.authenticate(token(room="7", exp=time.time() + 0.4))
        await until(lambda: connection.principal is not None)
        assert connection.principal.id == "ada"
        assert (await client.closing())[0] == 4106


async def test_a_program_may_set_the_end_itself_and_take_it_back(new_server):
    server = new_server(expiry_notice_interval=0, expiry_grace=0.1)
    connections = []
    server.on_open(connections.append)
    soon = datetime.timedelta(seconds=0.3)
    async with server:
        async with peer(server) as first, peer(server) as second:
            await until(lambda: len(connections) == 2)
            for connection in connections:
                connection.set_expiry(datetime.datetime.now(datetime.timezone.utc) + soon)
            kept = connections[1]
            kept.set_expiry(None)
            ending = [asyncio.ensure_future(client.closing()) for client in (first, second)]
            done, _ = await asyncio.wait(ending, timeout=0.8)
            assert len(done) == 1 and kept.is_open
            kept.set_expiry(1)
            assert [code for code, _ in await asyncio.gather(*ending)] == [4106, 4106]
        with pytest.raises(GoneError):
            kept.set_expiry(None)
        with pytest.raises(ValueError, match="zone"):
            kept.set_expiry(datetime.datetime(2030, 1, 1))
        with pytest.raises(InvalidError):
            kept.set_expiry(1e18)


async def test_a_handler_may_renew_in_the_notice(new_server):
    server = new_server(**HS256, expiry_notice_interval=0.2, expiry_notice_window=0.2)
    renewed = []

    @server.on_expiring
    def renew(connection, seconds):
        if not renewed:
            renewed.append(seconds)
            connection.authenticate(fractional(0.7))

    async with server:
        started = time.time()
        async with peer(server, **bearer(fractional(0.4))) as client:
            assert (await client.closing())[0] == 4106
        assert renewed == [1] and time.time() - started > 0.7


async def test_another_thread_may_authenticate_and_set_the_end(new_server):
    server = new_server(**HS256)
    connections = []
    server.on_open(connections.append)
    async with server, peer(server, **bearer(token())) as client:
        await until(lambda: connections)
        (connection,) = connections
        failures = []

        def work():
            try:
                connection.authenticate("rubbish")
            except TokenError as error:
                failures.append(error)
            connection.authenticate(token(jti="x"))
            connection.set_expiry(time.time() + 0.2)

        thread = threading.Thread(target=work)
        thread.start()
        assert (await client.closing())[0] == 4106
        thread.join()
        assert len(failures) == 1


async def test_without_keys_no_token_can_be_judged(new_server):
    server = new_server()
    connections = []
    server.on_open(connections.append)
    async with server, peer(server):
        await until(lambda: connections)
        with pytest.raises(StateError, match="no keys"):
            connections[0].authenticate(token())
        with pytest.raises(StateError, match="no keys"):
            server.reload_keys()
        assert connections[0].principal is None
