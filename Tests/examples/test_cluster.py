"""script/cluster: three hosts in three languages are one, and Ctrl+C ends all that it started."""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import socket

import pytest
from conftest import ROOT, run
from websockets.asyncio.client import connect

pytestmark = [
    pytest.mark.skipif(not shutil.which("redis-server"), reason="there is no redis-server here"),
    pytest.mark.skipif(not shutil.which("node"), reason="there is no node here"),
]
WAIT_SECONDS = 30


def is_free(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


async def read_addresses(script):
    """Name and port of Redis and of each host, as the script prints them."""
    ports = {}
    while len(ports) < 4:
        line = (await asyncio.wait_for(script.stdout.readline(), WAIT_SECONDS)).decode()
        assert line, "the script has ended"
        found = re.match(r"(\w+): +\w+://127\.0\.0\.1:(\d+)", line)
        if found:
            ports[found[1]] = int(found[2])
    return ports


async def until_together(members):
    """Until what the first says reaches the others."""
    receivers = [asyncio.create_task(member.recv()) for member in members]
    for _ in range(WAIT_SECONDS * 10):
        await members[0].send("are you there?")
        await asyncio.wait(receivers, timeout=0.1)
        if all(receiver.done() for receiver in receivers):
            return
    raise AssertionError("the hosts do not find each other")


async def hear(member, text):
    while await asyncio.wait_for(member.recv(), WAIT_SECONDS) != text:
        pass


@run
async def test_a_room_spans_the_three_hosts_and_ctrl_c_ends_them():
    script = await asyncio.create_subprocess_exec(
        str(ROOT / "script/cluster"),
        "ping_interval=5s",
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        ports = await read_addresses(script)
        assert set(ports) == {"Redis", "c", "python", "node"}
        async with contextlib.AsyncExitStack() as stack:
            members = []
            for language in ("c", "python", "node"):
                url = f"ws://127.0.0.1:{ports[language]}/room/lobby"
                members.append(await stack.enter_async_context(connect(url, proxy=None)))
            await until_together(members)
            for number, member in enumerate(members):
                await member.send(f"from {number}")
                for other in members:
                    await hear(other, f"from {number}")
        os.killpg(script.pid, signal.SIGINT)
        await asyncio.wait_for(script.wait(), WAIT_SECONDS)
        assert all(is_free(port) for port in ports.values())
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(script.pid, signal.SIGKILL)
