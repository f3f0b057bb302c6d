"""What a client does when the network or the server does what it should not."""

import asyncio
import contextlib
import random

import faults
import hearth
import pytest

QUICK = {
    "reconnect_max_attempts": 0,
    "reconnect_floor": "10ms",
    "reconnect_backoff_base": "20ms",
    "reconnect_backoff_max": "60ms",
}
ONCE = {"reconnect_enabled": False}
WAIT_SECONDS = 20


@pytest.fixture(params=["driven", "threads"])
def driven(request):
    return request.param == "driven"


async def within(awaitable, seconds=WAIT_SECONDS):
    return await asyncio.wait_for(awaitable, seconds)


async def until(what, seconds=WAIT_SECONDS):
    async def poll():
        while not what():
            await asyncio.sleep(0.002)

    await within(poll(), seconds)


@contextlib.asynccontextmanager
async def collector():
    """A server that notes every text it gets."""
    server = hearth.Server("127.0.0.1:0")
    received = []

    @server.on_message
    def note(_, message):
        received.append(message.text)

    await server.start()
    try:
        yield server, received
    finally:
        await server.stop()


# ------------------------------------------------------------------ the link


async def test_1000_messages_over_a_link_cut_20_times_are_each_reported_and_none_comes_twice(driven):
    choices = random.Random(4)
    sent, dropped = [], {}
    async with collector() as (server, received), faults.FaultProxy(server.port) as proxy:
        client = hearth.Client(f"ws://127.0.0.1:{proxy.port}/", driven=driven, **QUICK)
        client.on_dropped(lambda ident, reason: dropped.update({ident: reason}))
        async with client:
            await within(client.wait_open())
            for number in range(1000):
                if number % 50 == 25:
                    await until(lambda: client.is_connected)
                    kind = number // 50 % 4
                    if kind == 0:
                        proxy.cut_after(choices.randrange(1, 400))
                    elif kind == 1:
                        proxy.reset()
                    elif kind == 2:
                        proxy.cut()
                    else:
                        await proxy.refuse()
                        proxy.cut()
                        asyncio.get_running_loop().call_later(
                            0.05, lambda: asyncio.ensure_future(proxy.accept())
                        )
                sent.append(client.send(f"{number:04} " + "x" * choices.randrange(60)))
                if number % 10 == 0:
                    await asyncio.sleep(0.003)
            last = await within(client.send("last"))
            await until(lambda: received and received[-1] == "last")
            assert client.is_connected and client.info.opens > 15
        assert proxy.accepted > 15
        numbers = [int(text[:4]) for text in received if text != "last"]
        assert numbers == sorted(set(numbers)), "in order, and none twice"
        assert [entry.id for entry in sent] == list(range(1, 1001)) and last == 1001
        for entry in sent:
            assert entry.is_sent != (entry.id in dropped), "sent or dropped, and never both"
        assert not dropped, "the queue had room for all of them"
        # What a kernel has taken may be lost with the connection, and nothing else may.
        assert len(numbers) > 700


async def test_what_is_not_kept_is_dropped_with_the_connection(driven):
    async with collector() as (server, received), faults.FaultProxy(server.port) as proxy:
        async with hearth.connect(f"ws://127.0.0.1:{proxy.port}/", driven=driven, **QUICK) as client:
            await proxy.refuse()
            proxy.cut()
            await until(lambda: not client.is_connected)
            with pytest.raises(hearth.NotOpenError):
                client.send("now or never", keep=False)
            kept = client.send("kept")
            await proxy.accept()
            await within(kept)
            await until(lambda: received)
            assert received == ["kept"]


async def test_a_link_that_stalls_is_found_out_and_left(driven):
    async with collector() as (server, received), faults.FaultProxy(server.port) as proxy:
        url = f"ws://127.0.0.1:{proxy.port}/"
        keys = dict(QUICK, ping_interval="50ms", ping_timeout="100ms", open_timeout="300ms")
        async with hearth.connect(url, driven=driven, **keys) as client:
            states = client.states()
            proxy.stall()
            async for change in states:
                if change.state is hearth.ClientState.RECONNECTING:
                    break
            assert isinstance(change.error, hearth.PingTimeoutError)
            client.send("after")
            proxy.cut()
            proxy.flow()
            await until(lambda: "after" in received)


async def test_a_link_that_is_slow_is_not_left(driven):
    async with collector() as (server, received), faults.FaultProxy(server.port) as proxy:
        proxy.delay = 0.05
        url = f"ws://127.0.0.1:{proxy.port}/"
        async with hearth.connect(url, driven=driven, ping_interval="100ms", ping_timeout="2s") as client:
            for number in range(10):
                client.send(str(number))
                await asyncio.sleep(0.05)
            await until(lambda: len(received) == 10)
            await until(lambda: client.latency is not None)
            assert client.info.opens == 1 and client.latency > 0.09


async def test_a_server_that_restarts_has_its_client_back(driven):
    port = faults.free_port()
    received = []

    async def serve():
        server = hearth.Server(f"127.0.0.1:{port}")
        server.on_message(lambda connection, message: received.append(message.text))
        await server.start()
        return server

    server = await serve()
    async with hearth.connect(f"ws://127.0.0.1:{port}/", driven=driven, **QUICK) as client:
        for number in range(3):
            await server.stop()
            await until(lambda: not client.is_connected)
            client.send(f"{number}")
            server = await serve()
            await until(lambda: f"{number}" in received)
        assert received == ["0", "1", "2"]
    await server.stop()


async def test_a_client_that_comes_back_is_in_its_room_again_and_once(driven):
    server = hearth.Server("127.0.0.1:0")
    server.route("/rooms/{room}", join="auto", relay="others")
    await server.start()
    url = f"ws://127.0.0.1:{server.port}/rooms/1"
    quick = {"driven": driven, **QUICK}
    async with hearth.connect(url, **quick) as one, hearth.connect(url, **quick) as other:
        for number in range(3):
            members = server.room("1").members
            assert len(members) == 2
            opens = one.info.opens + other.info.opens
            for member in members:
                member.close(1012)
            await until(lambda: one.info.opens + other.info.opens == opens + 2)
            await until(lambda: len(server.room("1")) == 2)
            one.send(f"{number}")
            assert (await within(other.recv())).text == f"{number}"
    await server.stop()


# ------------------------------------------------------------------ servers


async def closes(request, writer, reader):
    pass


def answers(*parts, pause=0.0):
    """A server that answers with these parts, bytes or functions of the request, and then waits."""

    async def behave(request, writer, reader):
        for part in parts:
            writer.write(part(request) if callable(part) else part)
            await writer.drain()
            await asyncio.sleep(pause)
        await reader.read()

    return behave


def says(status, more=b""):
    return answers(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n" + more + b"\r\n")


BAD = {
    "closes at once": (closes, "EarlyCloseError", None),
    "speaks something else": (answers(b"SSH-2.0-x\r\n"), "BadAnswerError", None),
    "answers with too much": (answers(b"HTTP/1.1 101 x\r\nA: " + b"a" * 100_000), "BadAnswerError", None),
    "has no upgrade": (answers(b"HTTP/1.1 101 x\r\nConnection: Upgrade\r\n\r\n"), "BadUpgradeError", None),
    "has a wrong key": (answers(lambda r: faults.switching(r, accept=b"x")), "BadAcceptError", None),
    "chooses a subprotocol": (
        answers(lambda r: faults.switching(r, more=b"Sec-WebSocket-Protocol: a\r\n")),
        "BadSubprotocolError", None,
    ),
    "chooses an extension": (
        answers(lambda r: faults.switching(r, more=b"Sec-WebSocket-Extensions: x-a\r\n")),
        "BadExtensionError", None,
    ),
    "answers 200": (says(b"200 OK"), "NotUpgradedError", 200),
    "answers 301": (says(b"301 Moved", b"Location: ws://127.0.0.1:1/\r\n"), "RedirectedError", 301),
    "answers 401": (says(b"401 No"), "UnauthorizedError", 401),
    "answers 403": (says(b"403 No"), "ForbiddenError", 403),
    "answers 429": (says(b"429 Slow"), "TooManyRequestsError", 429),
    "answers 503": (says(b"503 Later", b"Retry-After: 1\r\n"), "UnavailableError", 503),
    "answers 418": (says(b"418 Teapot"), "HttpStatusError", 418),
    "never answers": (answers(), "NoAnswerError", None),
    "answers a byte at a time": (
        answers(*(bytes([byte]) for byte in b"HTTP/1.1 101 Switching Protocols"), pause=0.05),
        "SlowAnswerError", None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
async def test_each_bad_server_has_an_error_of_its_own(name, driven):
    behave, expected, status = BAD[name]
    async with faults.bad_server(behave) as url:
        with pytest.raises(getattr(hearth, expected)) as caught:
            await within(hearth.connect(url, driven=driven, open_timeout="400ms", **ONCE))
        assert caught.value.status == status
        assert str(caught.value)


async def test_nobody_there_and_no_such_name_are_errors_of_their_own(driven):
    with pytest.raises(hearth.ConnectError):
        await within(hearth.connect(f"ws://127.0.0.1:{faults.free_port()}/", driven=driven, **ONCE))
    with pytest.raises(hearth.ResolveError):
        await within(hearth.connect("ws://no-such-host.invalid/", driven=driven, **ONCE))


async def test_a_server_that_masks_its_frames_is_left(driven):
    behave = answers(faults.switching, b"\x81\x81\x01\x02\x03\x04\x60")
    async with faults.bad_server(behave) as url:
        async with hearth.connect(url, driven=driven, **ONCE) as client:
            with pytest.raises(hearth.ClosedError) as caught:
                await within(client.recv())
            assert caught.value.close_code == 1002
            assert isinstance(caught.value.__cause__, hearth.MaskedFrameError)


async def test_a_server_that_breaks_the_protocol_is_left(driven):
    async with faults.bad_server(answers(faults.switching, b"\xf1\x00")) as url:
        async with hearth.connect(url, driven=driven, **ONCE) as client:
            with pytest.raises(hearth.ClosedError) as caught:
                await within(client.recv())
            assert isinstance(caught.value.__cause__, hearth.ProtocolError)


async def test_a_server_that_vanishes_is_told_from_one_that_closes(driven):
    async def vanishes(request, writer, reader):
        writer.write(faults.switching(request))
        await writer.drain()

    async with faults.bad_server(vanishes) as url:
        async with hearth.connect(url, driven=driven, **ONCE) as client:
            with pytest.raises(hearth.ClosedError) as caught:
                await within(client.recv())
            assert caught.value.close_code == 1006
            assert isinstance(caught.value.__cause__, hearth.LostError)


async def test_a_server_that_accepts_and_closes_does_not_make_the_client_spin(driven):
    opened = 0

    async def accepts_and_closes(request, writer, reader):
        nonlocal opened
        opened += 1
        writer.write(faults.switching(request) + b"\x88\x02\x03\xe9")
        await writer.drain()

    keys = dict(QUICK, reconnect_max_attempts=5)
    async with faults.bad_server(accepts_and_closes) as url:
        async with hearth.Client(url, driven=driven, **keys) as client:
            change = await within(client._wait_for(lambda change: change.state.is_final))
            assert change.code == 1001 and opened == 6
