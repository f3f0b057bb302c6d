"""A proxy that does to a connection what networks do, and servers that do what no server should."""

import asyncio
import base64
import contextlib
import hashlib
import socket
import struct

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class FaultProxy:
    """Forwards TCP to a port, until it is told to cut, reset, stall, delay or refuse."""

    def __init__(self, target):
        self.target = target
        self.port = free_port()
        self.delay = 0.0
        self.accepted = 0
        self._listener = None
        self._links = set()
        self._tasks = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._bytes_left = None

    async def __aenter__(self):
        await self.accept()
        return self

    async def __aexit__(self, *_):
        await self.refuse()
        self.reset()
        self._flows.set()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def accept(self):
        self._listener = await asyncio.start_server(self._link, "127.0.0.1", self.port)

    async def refuse(self):
        """Takes no more connections; those that are there stay."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()

    def stall(self):
        self._flows.clear()

    def flow(self):
        self._flows.set()

    def cut(self):
        """Ends what is open, as a process that ends does."""
        for writers in list(self._links):
            for writer in writers:
                writer.close()

    def reset(self):
        """Ends what is open with a reset."""
        for writers in list(self._links):
            for writer in writers:
                with contextlib.suppress(OSError):
                    linger = struct.pack("ii", 1, 0)
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                writer.transport.abort()

    def cut_after(self, count):
        """Cuts when so many more bytes have gone to the server, be it in the middle of a frame."""
        self._bytes_left = count

    async def _link(self, reader, writer):
        self.accepted += 1
        self._tasks.add(asyncio.current_task())
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        link = (writer, far_writer)
        self._links.add(link)
        try:
            await asyncio.gather(self._copy(reader, far_writer, True), self._copy(far_reader, writer, False))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._links.discard(link)
            for end in link:
                end.close()
            self._tasks.discard(asyncio.current_task())

    async def _copy(self, reader, writer, is_upward):
        while True:
            data = await reader.read(65536)
            await self._flows.wait()
            if self.delay:
                await asyncio.sleep(self.delay)
            if not data:
                raise ConnectionResetError
            if is_upward and self._bytes_left is not None:
                rest = data[self._bytes_left :]
                data = data[: self._bytes_left]
                self._bytes_left -= len(data)
                if rest or self._bytes_left == 0:
                    self._bytes_left = None
                    writer.write(data)
                    await writer.drain()
                    raise ConnectionResetError
            writer.write(data)
            await writer.drain()


# ---------------------------------------------------------------- servers


def accept_key(request):
    for line in request.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"sec-websocket-key":
            return base64.b64encode(hashlib.sha1(value.strip() + GUID).digest())
    return b""


def switching(request, *, accept=None, more=b""):
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + (accept_key(request) if accept is None else accept) + b"\r\n"
        + more + b"\r\n"
    )  # fmt: skip


@contextlib.asynccontextmanager
async def bad_server(behave):
    """A server whose connections are each handled by behave(request, writer, reader)."""
    tasks = set()

    async def handle(reader, writer):
        tasks.add(asyncio.current_task())
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            await behave(request, writer, reader)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            tasks.discard(asyncio.current_task())

    listener = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{listener.sockets[0].getsockname()[1]}/"
    finally:
        listener.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
