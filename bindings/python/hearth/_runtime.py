"""What the objects of one server share: the library's functions and, while it runs, engine and pump."""

from __future__ import annotations

from typing import Any, Callable, Dict, Optional

from . import _abi
from ._engine import Engine
from ._library import load, raise_error
from ._pump import Pump

# Makes the object of a connection that has none yet.
MakeConnection = Callable[["Runtime", int], Any]


class Runtime:
    """One for each server, for as long as the server; its engine and pump are those of the current run."""

    __slots__ = (
        "functions", "bare_send", "engine", "pump", "connections", "opening", "_make_connection",
    )  # fmt: skip

    def __init__(self, make_connection: MakeConnection) -> None:
        library = load()
        self.functions = library.quick
        self.bare_send = library.bare_send
        self.engine: Optional[Engine] = None
        self.pump: Optional[Pump] = None
        # The objects of connections, by id: of open ones, and of those that are about to open.
        self.connections: Dict[int, Any] = {}
        self.opening: Dict[int, Any] = {}
        self._make_connection = make_connection

    @property
    def is_running(self) -> bool:
        return self.engine is not None

    @property
    def running_engine(self) -> Engine:
        """Raises StateError unless the server runs."""
        engine = self.engine
        if engine is None:
            raise_error(_abi.ERR_STATE, "the server is not running")
        return engine

    @property
    def handle(self) -> int:
        """The library's server. Raises StateError unless it runs."""
        return self.running_engine.server

    def call(self, function: Callable[..., int], *arguments: Any) -> int:
        """Calls a function of the library, lets leave what it sent, and answers its result. Raises its
        error, with the sentence of the error's number."""
        result = function(*arguments)
        pump = self.pump
        if pump is not None and pump.idle:
            pump.wake()
        if result < 0:
            raise_error(result)
        return result

    def call_explained(self, function: Callable[..., int], *arguments: Any) -> int:
        """As `call`, for functions that leave a sentence on their error with the engine."""
        result = function(*arguments)
        self.wake()
        if result < 0:
            raise_error(result, "" if self.engine is None else self.engine.error())
        return result

    def wake(self) -> None:
        """To be called after each call that may have something to send."""
        pump = self.pump
        if pump is not None and pump.idle:
            pump.wake()

    def connection(self, ident: int) -> Any:
        """The object of a connection, or one that only carries its id if it has none (yet, or any more)."""
        found = self.connections.get(ident) or self.opening.get(ident)
        return found or self._make_connection(self, ident)

    def announce(self, ident: int) -> Any:
        """The object of a connection whose OPEN event is on its way."""
        connection = self.opening[ident] = self._make_connection(self, ident)
        return connection

    def end(self) -> None:
        """Ends the run at once: stops the pump and frees the engine."""
        engine, pump = self.engine, self.pump
        self.engine = self.pump = None
        self.connections.clear()
        self.opening.clear()
        if pump is not None:
            pump.close()
        if engine is not None:
            engine.free()
