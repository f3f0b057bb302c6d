"""The programs of the README and the hosts of script/host do what they say, in every language."""

import signal

from conftest import run
from websockets.asyncio.client import connect


@run
async def test_hello_relays_to_the_other_members(start):
    port = await start("hello")
    async with (
        connect(f"ws://127.0.0.1:{port}/rooms/blue") as ann,
        connect(f"ws://127.0.0.1:{port}/rooms/blue") as bob,
    ):
        await ann.send("hello")
        assert await bob.recv() == "hello"
        await bob.send(b"\x00\x01")
        assert await ann.recv() == b"\x00\x01"


@run
async def test_host_echoes_with_the_opcode(start):
    port = await start("host", "max_message_size=100000")
    async with connect(f"ws://127.0.0.1:{port}/echo") as client:
        for message in ["text", b"binary", "", "x" * 100000]:
            await client.send(message)
            assert await client.recv() == message


@run
async def test_host_relays_to_all_members_in_order(start):
    port = await start("host")
    url = f"ws://127.0.0.1:{port}/room/blue"
    async with connect(url) as ann, connect(url) as bob, connect(f"ws://127.0.0.1:{port}/room/red") as eve:
        # One exchange each, so that both are members before the counted messages.
        for member in (ann, bob):
            await member.send("ready")
            while await member.recv() != "ready":
                pass
        await ann.send("begin")
        while await bob.recv() != "begin":
            pass
        for number in range(100):
            await ann.send(str(number))
        assert [await bob.recv() for _ in range(100)] == [str(number) for number in range(100)]
        await eve.send("mine")
        assert await eve.recv() == "mine"


@run
async def test_host_refuses_an_unknown_key(start):
    try:
        await start("host", "pinginterval=1")
    except AssertionError:
        assert start.processes[-1].wait() != 0
    else:
        raise AssertionError("the host started")


@run
async def test_host_ends_at_sigterm(start):
    port = await start("host")
    async with connect(f"ws://127.0.0.1:{port}/echo") as client:
        await client.send("here")
        await client.recv()
        start.processes[-1].send_signal(signal.SIGTERM)
        await client.wait_closed()
    assert start.processes[-1].wait(20) == 0
