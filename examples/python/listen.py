import asyncio
import sys

import hearth


async def main(url):
    async with hearth.connect(url) as ws:
        await ws.send("hello")
        async for message in ws:
            print(message, flush=True)


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "ws://127.0.0.1:9000/rooms/lobby"))
