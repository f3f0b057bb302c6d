"""permessage-deflate, with the client of the `websockets` package."""

import json
import os

import pytest
from conftest import peer
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

OFFERS = {
    "plain": {},
    "no takeover": {"server_no_context_takeover": True, "client_no_context_takeover": True},
    "small windows": {"server_max_window_bits": 9, "client_max_window_bits": 10},
    "any client window": {"client_max_window_bits": True},
}
SETTINGS = {
    "default": {},
    "takeover": {"compression_context_takeover": "on"},
    "small takeover": {"compression_context_takeover": "on", "compression_window_bits": 9},
}


def offering(offer):
    return {"compression": None, "extensions": [ClientPerMessageDeflateFactory(**OFFERS[offer])]}


@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize("settings", SETTINGS)
async def test_messages_of_every_size_come_back(new_server, settings, offer):
    server = new_server(compression="on", max_message_size="2MiB", **SETTINGS[settings])
    server.on_message(lambda connection, message: connection.send(message))
    async with server, peer(server, max_size=None, **offering(offer)) as client:
        assert "permessage-deflate" in client.socket.response.headers["Sec-WebSocket-Extensions"]
        for size in (0, 1, 1000, 2000, 70_000, 1_000_000):
            text = json.dumps(list(range(size // 6)))
            noise = os.urandom(size)
            for _ in range(2):
                await client.send(text)
                assert await client.receive() == text
                await client.send(noise)
                assert await client.receive() == noise


async def test_members_with_and_without_compression_get_the_same_broadcast(new_server):
    server = new_server(compression="on", compression_context_takeover="on")
    server.on_open(lambda connection: connection.join("all"))
    payload = json.dumps({"items": list(range(1000))})
    async with (
        server,
        peer(server, compression=None) as plain,
        peer(server, **offering("no takeover")) as alone,
        peer(server, **offering("plain")) as keeping,
    ):
        while len(server.room("all")) < 3:
            await plain.socket.ping()
        for _ in range(3):
            assert server.room("all").broadcast(payload) == 3
            for client in (plain, alone, keeping):
                assert await client.receive() == payload


async def test_nothing_is_compressed_by_default(new_server):
    server = new_server()
    async with server, peer(server, **offering("plain")) as client:
        assert "Sec-WebSocket-Extensions" not in client.socket.response.headers
