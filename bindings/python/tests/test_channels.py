"""Connections over a transport that the program brings."""

import pytest
from conftest import peer, until

import hearth


class Carrier:
    """A transport that keeps what it is given to send."""

    def __init__(self):
        self.sent = {}
        self.calls = 0

    def __call__(self, connections, message):
        self.calls += 1
        for connection in connections:
            self.sent.setdefault(connection, []).append(message.data)


async def test_a_channel_has_rooms_and_relays_with_sockets(new_server):
    server, carrier = new_server(), Carrier()
    channel = server.channel("bot", carrier)
    opened, closed = [], []
    server.route("/rooms/{room}", join="auto", relay="others")
    server.on_open(opened.append)
    server.on_close(closed.append)
    async with server, peer(server, "/rooms/a") as socket:
        headers = [("X-From", "chat")]
        bot = channel.connect("/rooms/a", recipient="17", user="bot", query="x=1", headers=headers)
        await until(lambda: len(server.room("a").members) == 2 and bot in opened)
        assert (bot.user, bot.captures, bot.query) == ("bot", {"room": "a"}, {"x": "1"})
        assert bot.headers["x-from"] == "chat" and bot.recipient == "17"
        await socket.send("hello")
        await until(lambda: carrier.sent.get(bot) == [b"hello"])
        channel.receive(bot, "from the bot")
        assert await socket.receive() == "from the bot"
        bot.send("to the bot")
        bot.close(4000, "enough")
        await until(lambda: bot in closed)
        assert carrier.sent[bot] == [b"hello", b"to the bot"]
        assert (bot.close_code, bot.close_reason) == (4000, "enough")
        with pytest.raises(hearth.GoneError):
            channel.receive(bot, "late")


async def test_messages_of_a_channel_reach_handlers_and_sessions(new_server):
    server, carrier = new_server(), Carrier()
    channel = server.channel("bot", carrier)

    @server.route("/echo")
    async def session(connection):
        async for message in connection:
            connection.send(message.text + "!")

    async with server:
        bot = channel.connect("/echo")
        for number in range(3):
            channel.receive(bot, str(number))
        await until(lambda: carrier.sent.get(bot) == [b"0!", b"1!", b"2!"])
        channel.closed(bot, 1001, "away")
        await until(lambda: bot.close_code == 1001)
        assert bot.closed_by_peer


async def test_one_message_to_ten_thousand_is_one_call(new_server):
    server, carrier = new_server(), Carrier()
    channel = server.channel("bot", carrier)
    server.route("/all", join="auto")
    async with server:
        bots = [channel.connect("/all") for _ in range(10_000)]
        await until(lambda: server.connection_count == 10_000)
        assert server.room("/all").broadcast("hello") == 10_000
        await until(lambda: len(carrier.sent) == 10_000)
        assert carrier.calls == 1
        assert all(carrier.sent[bot] == [b"hello"] for bot in bots)


async def test_a_channel_that_acknowledges_is_not_given_more_than_it_can_take(new_server):
    server, carrier = new_server(slow_consumer="drop_newest", max_outbox_bytes="64KiB"), Carrier()
    channel = server.channel("bot", carrier, acknowledge=True)
    dropped = []
    server.on_dropped(lambda connection, count: dropped.append(count))
    async with server:
        bot = channel.connect()
        for _ in range(8):
            bot.send(bytes(10_000))
        await until(lambda: len(carrier.sent.get(bot, [])) == 7)
        channel.sent(bot, 70_000)
        await until(lambda: len(carrier.sent[bot]) == 8)


async def test_what_a_channel_cannot_connect_is_an_error(new_server):
    server = new_server(max_connections=1)
    channel = server.channel("bot", Carrier())
    server.route("/rooms/{room}", join="auto")
    with pytest.raises(ValueError):
        server.channel("bot", Carrier())
    with pytest.raises(hearth.StateError):
        channel.connect("/rooms/a")
    async with server:
        for arguments, error in [
            ({"path": "/elsewhere"}, hearth.NotFoundError),
            ({"path": "rooms/a"}, hearth.InvalidError),
            ({"path": "/rooms/a", "address": "here"}, hearth.InvalidError),
            ({"path": "/rooms/a", "headers": [("A", "b\r\nC: d\r\n\r\n")]}, hearth.InvalidError),
            ({"path": "/rooms/a", "user": "a" * 300}, hearth.TooLargeError),
        ]:
            with pytest.raises(error):
                channel.connect(**arguments)
        channel.connect("/rooms/a")
        with pytest.raises(hearth.LimitError):
            channel.connect("/rooms/a")
