"""Servers that send their connections away."""

import asyncio

import hearth
import pytest
from conftest import fetch, peer, until


async def test_drain_says_farewell_and_closes_with_a_hint(new_server):
    server = new_server(shutdown_spread="100ms", drain_retry="2s", drain_close_code=1012)
    server.http("/")(lambda request: "up")
    closed = []
    server.on_close(closed.append)
    await server.start()
    async with peer(server) as one, peer(server) as two:
        await until(lambda: server.connection_count == 2)
        draining = asyncio.ensure_future(server.drain("new version soon", why="new version"))
        assert [await one.receive(), await two.receive()] == ["new version soon"] * 2
        for client in (one, two):
            code, reason = await client.closing()
            hint, why = reason.split(";")
            assert code == 1012 and why == "why=new version"
            assert 2000 <= int(hint.removeprefix("retry=")) <= 4000
        await draining
    assert len(closed) == 2
    assert not server.is_running


async def test_a_stop_ends_a_drain(new_server):
    server = new_server(shutdown_spread="1h", shutdown_timeout="24h")
    server.route("/")
    await server.start()
    async with peer(server) as one, peer(server) as two:
        await until(lambda: server.connection_count == 2)
        draining = asyncio.ensure_future(server.drain())
        await one.closing()
        status, fields, _ = await fetch(server.port, "/other")
        assert status == 404 and not draining.done()
        await server.stop("now")
        assert await two.closing() == (1001, "now")
        await draining
    assert not server.is_running


async def test_a_bad_farewell_leaves_the_server_running(new_server):
    async with new_server() as server:
        with pytest.raises(hearth.TooLargeError):
            await server.drain(why="x" * 91)
        async with peer(server):
            await until(lambda: server.connection_count == 1)
