"""The chat servers speak examples/chat/PROTOCOL.md, in every language."""

import json
import urllib.request
from urllib.parse import quote

from conftest import run
from websockets.asyncio.client import connect


def url(port, room="lobby", name="Ada", visit="visit-0001"):
    return f"ws://127.0.0.1:{port}/chat/{room}?name={quote(name)}&visit={visit}"


async def receive(client, kind):
    """The next object of a type; others before it do not matter."""
    while True:
        message = json.loads(await client.recv())
        if message["type"] == kind:
            return message


@run
async def test_newcomers_are_welcomed_and_announced(start):
    port = await start("chat")
    async with connect(url(port)) as ada:
        welcome = json.loads(await ada.recv())
        assert welcome["type"] == "welcome"
        assert (welcome["room"], welcome["name"], welcome["users"]) == ("lobby", "Ada", ["Ada"])
        async with connect(url(port, name="Bob", visit="visit-0002")) as bob:
            assert sorted((await receive(bob, "welcome"))["users"]) == ["Ada", "Bob"]
            joined = await receive(ada, "joined")
            assert joined["name"] == "Bob" and sorted(joined["users"]) == ["Ada", "Bob"]
            rooms = await receive(bob, "rooms")
            assert rooms["rooms"] == [{"name": "lobby", "count": 2}]
        left = await receive(ada, "left")
        assert left["name"] == "Bob" and left["users"] == ["Ada"]


@run
async def test_a_taken_name_gets_a_number_but_not_for_the_same_visit(start):
    port = await start("chat")
    async with connect(url(port)) as first, connect(url(port, visit="visit-0002")) as second:
        assert (await receive(first, "welcome"))["name"] == "Ada"
        assert (await receive(second, "welcome"))["name"] == "Ada 2"
        async with connect(url(port)) as again:
            assert (await receive(again, "welcome"))["name"] == "Ada"


@run
async def test_messages_reach_everyone_with_text_kept(start):
    port = await start("chat")
    text = 'quotes " \\ <b> \u2028 \x01 ' + "🦊"
    async with connect(url(port)) as ada, connect(url(port, name="Zoë", visit="visit-0002")) as zoe:
        await receive(ada, "joined")
        await zoe.send("message:k1:" + text)
        for client in (ada, zoe):
            message = await receive(client, "message")
            assert (message["id"], message["key"], message["name"]) == (1, "k1", "Zoë")
            assert message["text"] == text
            assert message["time"] > 1_600_000_000_000
        await zoe.send("typing:on")
        await zoe.send("typing:off")
        for is_on in (True, False):
            typing = await receive(ada, "typing")
            assert (typing["name"], typing["on"]) == ("Zoë", is_on)
        await ada.send("ping:17")
        assert (await receive(ada, "pong"))["n"] == 17


@run
async def test_what_is_not_understood_is_answered_with_an_error(start):
    port = await start("chat")
    async with connect(url(port)) as ada:
        await receive(ada, "welcome")
        for frame, code, key in [
            ("message:k1: \t\r\n", "empty", "k1"),
            ("message:k2:", "empty", "k2"),
            ("message:k3:" + "ä" * 501, "too_long", "k3"),
            ("message:no colon", "not_understood", None),
            ("message::text", "not_understood", None),
            ("typing:maybe", "not_understood", None),
            ("ping:", "not_understood", None),
            ("ping:1234567890123456", "not_understood", None),
            ("", "not_understood", None),
            (b"message:k1:binary", "not_understood", None),
        ]:
            await ada.send(frame)
            error = await receive(ada, "error")
            assert (error["code"], error.get("key")) == (code, key), frame
        await ada.send("message:k4:" + "ä" * 500)
        assert (await receive(ada, "message"))["text"] == "ä" * 500


@run
async def test_bad_rooms_names_and_visits_are_closed_with_their_code(start):
    port = await start("chat")
    for address, code in [
        (url(port, room="Lobby"), 4002),
        (url(port, room="a" * 33), 4002),
        (url(port, name=""), 4001),
        (url(port, name=" Ada"), 4001),
        (url(port, name="a" * 25), 4001),
        (url(port, name="a\nb"), 4001),
        (url(port, visit="short"), 4003),
        (url(port, visit="has.a.dot"), 4003),
        (f"ws://127.0.0.1:{port}/chat/lobby", 4001),
    ]:
        async with connect(address) as client:
            await client.wait_closed()
            assert client.close_code == code, address


@run
async def test_the_page_is_served(start):
    port = await start("chat")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as response:
        assert response.headers["Content-Type"].startswith("text/html")
        assert b"<html" in response.read()
