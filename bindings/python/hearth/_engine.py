"""Thin objects over the handles of the C interface: a configuration and an engine."""

from __future__ import annotations

import ctypes
import datetime
import logging
import os
from typing import Any, Callable, Mapping, Optional, Sequence, Union

from . import _abi
from ._library import Library, c_string, check, load, raise_error, read_text

Value = Union[str, int, float, datetime.timedelta, "os.PathLike[str]", Sequence[str]]

_LEVELS = {
    _abi.LOG_DEBUG: logging.DEBUG,
    _abi.LOG_INFO: logging.INFO,
    _abi.LOG_WARNING: logging.WARNING,
    _abi.LOG_ERROR: logging.ERROR,
}


def value_text(value: Any) -> str:
    """A value as configuration text: numbers are seconds or bytes, bools on or off, lists have commas."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, datetime.timedelta):
        value = value.total_seconds()
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    if isinstance(value, (str, int)):
        return str(value)
    if isinstance(value, (list, tuple)):
        return ",".join(value_text(item) for item in value)
    if isinstance(value, os.PathLike):
        return str(os.fspath(value))
    raise TypeError(f"a configuration value is not {type(value).__name__}")


class Configuration:
    """Configuration keys and their values, freed with the object."""

    def __init__(self, values: Mapping[str, Any], environment_prefix: Optional[str] = None) -> None:
        self.library: Library = load()
        self._functions = self.library.quick
        self.handle: int = self._functions.config_new() or 0
        if not self.handle:
            raise_error(_abi.ERR_MEMORY)
        for key, value in values.items():
            self.set(key, value)
        if environment_prefix is not None:
            prefix = c_string(environment_prefix)
            self._check(self._functions.config_load_env(self.handle, prefix))

    def set(self, key: str, value: Any) -> None:
        text = c_string(value_text(value))
        self._check(self._functions.config_set(self.handle, c_string(key), text))

    def get(self, key: str) -> str:
        return read_text(self._functions.config_get, self.handle, c_string(key))

    def error(self) -> str:
        return read_text(self._functions.config_error, self.handle)

    def _check(self, result: int) -> None:
        if result < 0:
            raise_error(result, self.error())

    def __del__(self) -> None:
        handle, self.handle = getattr(self, "handle", 0), 0
        if handle:
            self._functions.config_free(handle)


class Engine:
    """An engine with one server, or without any for clients. Freeing it cuts what is still open."""

    def __init__(self, configuration: Configuration, serves: bool = True) -> None:
        self.library = configuration.library
        self.functions = self.library.quick
        self._log_callback: Optional[Callable[..., None]] = None
        self.handle: int = self.functions.engine_new(configuration.handle) or 0
        if not self.handle:
            raise_error(_abi.ERR_INVALID_VALUE, configuration.error())
        self.server = 0
        self.bare_server = ctypes.c_void_p()
        self.bare_room_broadcast = self.library.bare_room_broadcast
        if not serves:
            return
        self.server = self.functions.server_new(self.handle, configuration.handle) or 0
        if not self.server:
            sentence = self.error()
            self.free()
            raise_error(_abi.ERR_INVALID_VALUE, sentence)
        self.bare_server = ctypes.c_void_p(self.server)

    def error(self) -> str:
        return read_text(self.functions.engine_error, self.handle)

    def check(self, result: int) -> int:
        """The result of a call, or its error raised with the engine's own sentence."""
        if result < 0:
            raise_error(result, self.error())
        return result

    def log_to(self, logger: logging.Logger) -> None:
        """Sends the log to a logger. Only for a driven engine: its callback comes on Python's own threads."""

        def write(_: Any, entry: Any) -> None:
            line = entry.contents
            level = _LEVELS.get(line.level, logging.ERROR)
            if logger.isEnabledFor(level):
                fields = _log_fields(line.fields, line.fields_length)
                text = " ".join(f"{name}={value}" for name, value in fields.items())
                message = line.message.decode(errors="replace")
                extra = {"hearth_area": line.area.decode(errors="replace"), "hearth_fields": fields}
                logger.log(level, "%s%s", message, f" ({text})" if text else "", extra=extra)

        self._log_callback = _abi.hearth_log_fn(write)
        self.check(self.functions.engine_on_log(self.handle, self._log_callback, None))

    def drive(self) -> None:
        self.check(self.functions.engine_drive(self.handle))

    def start_threads(self) -> None:
        self.check(self.library.patient.engine_start(self.handle))

    def free(self) -> None:
        """Ends everything that belongs to the engine. Its handles answer errors from then on."""
        handle, self.handle, self.server = self.handle, 0, 0
        self.bare_server = ctypes.c_void_p()
        if handle:
            check(self.library.patient.engine_free(handle))
        self._log_callback = None

    def __del__(self) -> None:
        # A program that never stopped its server: nothing else is left that could use the engine.
        handle, self.handle = getattr(self, "handle", 0), 0
        if handle:
            self.library.patient.engine_free(handle)


def _log_fields(address: Optional[int], length: int) -> "dict[str, str]":
    if not address or not length:
        return {}
    parts = ctypes.string_at(address, length).decode(errors="replace").split("\0")
    return dict(zip(parts[0:-1:2], parts[1::2]))
