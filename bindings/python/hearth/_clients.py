"""The engine that all clients of an asyncio loop share, and the way of its events to them."""

from __future__ import annotations

import asyncio
import ctypes
import logging
from typing import ClassVar, Dict, Protocol, Set, Tuple

from . import _abi
from ._engine import Configuration, Engine
from ._library import raise_error
from ._pump import Pump
from ._records import CLIENT_BASE, CLIENT_MESSAGE_RECORD, RECORD_SIZE, ClientRecord
from .message import Message

logger = logging.getLogger("hearth")


class Receiver(Protocol):
    """A client, as its engine sees it."""

    def _put(self, item: Message) -> None: ...

    def _event(self, record: ClientRecord) -> None: ...


class ClientEngine:
    """An engine without a server. It ends with the last client of its loop."""

    _engines: ClassVar[Dict[Tuple[asyncio.AbstractEventLoop, bool], "ClientEngine"]] = {}

    def __init__(self, loop: asyncio.AbstractEventLoop, driven: bool) -> None:
        self._loop = loop
        self._driven = driven
        self._engine = Engine(Configuration({}), serves=False)
        self.functions = self._engine.functions
        self.bare_send = self._engine.library.bare_client_send
        self._clients: Dict[int, Receiver] = {}
        self._users: Set[Receiver] = set()
        try:
            if driven:
                self._engine.log_to(logger)
                self._engine.drive()
            else:
                self._engine.start_threads()
            self.pump = Pump(self._engine, self._deliver, driven)
        except BaseException:
            self._engine.free()
            raise

    @classmethod
    def acquire(cls, driven: bool) -> "ClientEngine":
        """The engine of the running loop. Those of loops that were closed with clients in them are freed."""
        for key in [key for key in cls._engines if key[0].is_closed()]:
            cls._engines.pop(key)._engine.free()
        loop = asyncio.get_running_loop()
        engine = cls._engines.get((loop, driven))
        if engine is None:
            engine = cls._engines[loop, driven] = ClientEngine(loop, driven)
        return engine

    def add(self, client: Receiver, configuration: Configuration) -> ctypes.c_void_p:
        """Makes the library's client. Until `release` its events go to the object."""
        self._users.add(client)
        handle = self.functions.client_new(self._engine.handle, configuration.handle)
        if not handle:
            raise_error(_abi.ERR_INVALID_VALUE, self._engine.error())
        number = self._engine.check(self.functions.client_number(handle))
        self._clients[number] = client
        return ctypes.c_void_p(handle)

    def release(self, client: Receiver) -> None:
        self._users.discard(client)
        for number in [number for number, other in self._clients.items() if other is client]:
            del self._clients[number]
        if not self._users:
            # Not now: the call may come from one of its own events.
            self._loop.call_soon(self._end)

    def error_of(self, result: int) -> str:
        return self._engine.error()

    def _end(self) -> None:
        if self._users or self._engines.get((self._loop, self._driven)) is not self:
            return
        del self._engines[self._loop, self._driven]
        self.pump.close()
        self._engine.free()

    def _deliver(self, view: memoryview, length: int) -> None:
        """Handles a block of packed events."""
        clients = self._clients
        unpack = CLIENT_MESSAGE_RECORD.unpack_from
        offset = 0
        while offset < length:
            size, kind, number, opcode, data_length = unpack(view, offset)
            client = clients.get(number - CLIENT_BASE)
            if client is not None:
                if kind == _abi.EVENT_MESSAGE:
                    start = offset + RECORD_SIZE
                    client._put(Message(view[start : start + data_length].tobytes(), opcode))
                else:
                    try:
                        client._event(ClientRecord(view, offset))
                    except Exception:
                        logger.exception("an event of %r could not be handled", client)
            offset += size
