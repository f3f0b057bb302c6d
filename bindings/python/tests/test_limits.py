"""Limits of users, addresses and rates, and whom a proxy names."""

import asyncio
import itertools

import pytest
from conftest import peer, until
from websockets.exceptions import InvalidStatus

import hearth


async def test_a_user_has_so_many_connections(new_server):
    server = new_server(max_connections_per_user=2, user_limit_policy="evict_oldest")
    opened, closed = [], []
    server.on_connect(lambda connection: "ann")
    server.on_open(opened.append)
    server.on_close(lambda connection: closed.append(connection.close_code))
    async with server, peer(server) as first, peer(server) as second, peer(server) as third:
        await until(lambda: len(opened) == 3)
        assert await first.closing() == (4504, "replaced by a newer connection")
        await until(lambda: closed == [4504])
        assert len(server.user_connections("ann")) == 2
        await second.close()
        await third.close()


async def test_a_user_that_has_all_its_connections_is_refused_while_they_live(new_server):
    server = new_server(max_connections_per_user=1, user_limit_probe="1s")
    server.on_connect(lambda connection: "ann")
    server.on_message(lambda connection, message: connection.send(message.text))
    async with server, peer(server) as first, peer(server) as second:
        assert await second.closing() == (4503, "too many connections")
        await first.send("here")
        assert await first.receive() == "here"


async def test_an_address_has_so_many_connections(new_server):
    server = new_server(max_connections_per_ip=1)
    async with server, peer(server):
        with pytest.raises(InvalidStatus) as refused:
            async with peer(server):
                pass
    assert refused.value.response.status_code == 429
    assert int(refused.value.response.headers["Retry-After"]) > 0


async def test_limited_tells_the_key_and_how_many(new_server):
    server = new_server(rate_limit_messages="3/h", max_rate_limit_drops=2)
    told, received = [], itertools.count(1)
    server.on_limited(lambda connection, key, dropped: told.append((key, dropped)))
    server.on_message(lambda connection, message: next(received))
    async with server, peer(server) as talker:
        for _ in range(6):
            await talker.send("hello")
        code, reason = await talker.closing()
    assert code == 4105 and reason.startswith("retry=") and reason.endswith(";why=rate limit")
    assert told == [("rate_limit_messages", count) for count in (0, 1, 1)]
    assert next(received) == 5


async def test_handshakes_have_a_rate(new_server):
    server = new_server(rate_limit_handshakes="2/h")
    async with server:
        for _ in range(2):
            async with peer(server):
                pass
        with pytest.raises(InvalidStatus) as refused:
            async with peer(server):
                pass
    assert refused.value.response.status_code == 429


@pytest.mark.parametrize("trusted, address", [("127.0.0.1", "203.0.113.9:0"), ("10.0.0.0/8", "127.0.0.1:")])
async def test_a_trusted_proxy_names_the_peer(new_server, trusted, address):
    server = new_server(trusted_proxies=trusted)
    opened = asyncio.get_running_loop().create_future()
    server.on_open(lambda connection: opened.set_result(connection.address))
    headers = {"X-Forwarded-For": "198.51.100.1, 203.0.113.9"}
    async with server, peer(server, additional_headers=headers):
        assert (await asyncio.wait_for(opened, 20)).startswith(address)


@pytest.mark.parametrize(
    "key, value",
    [
        ("rate_limit_messages", "100"),
        ("rate_limit_messages", "0/s"),
        ("rate_limit_messages", "1/0s"),
        ("rate_limit_messages", "1/2d"),
        ("rate_limit_messages", "5/s burst"),
        ("rate_limit_messages", "5/s burst 0"),
        ("rate_limit_messages", "1KiB/s"),
        ("rate_limit_bytes", "1KiB/s bursts 2"),
        ("trusted_proxies", "10.0.0.0/33"),
        ("trusted_proxies", "proxy.example"),
        ("user_limit_policy", "evict"),
    ],
)
def test_a_limit_that_cannot_be_read_is_refused(key, value):
    with pytest.raises(hearth.InvalidValueError) as refused:
        hearth.Server("127.0.0.1:0", **{key: value})
    assert key in str(refused.value)
