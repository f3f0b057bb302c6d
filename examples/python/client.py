"""The echo client that the Autobahn suite examines: script/client python URL AGENT."""

import asyncio
import sys

import hearth

KEYS = {
    "reconnect_enabled": False,
    "compression": True,
    "max_message_size": "64MiB",
    "max_outbox_bytes": "128MiB",
}


async def run(url: str, agent: str) -> None:
    async with hearth.connect(f"{url}/getCaseCount", **KEYS) as ws:
        count = int((await ws.recv()).text)
    for case in range(1, count + 1):
        query = {"case": case, "agent": agent}
        try:
            async with hearth.connect(f"{url}/runCase", query=query, **KEYS) as ws:
                async for message in ws:
                    ws.send(message)
        except hearth.HearthError:
            pass  # Some cases end as no connection should.
    async with hearth.connect(f"{url}/updateReports", query={"agent": agent}, **KEYS) as ws:
        async for _ in ws:
            pass


asyncio.run(run(sys.argv[1].rstrip("/"), sys.argv[2]))
