"""Thin objects over the handles of the C interface: a configuration and an engine."""

from __future__ import annotations

import ctypes
import datetime
import json
import logging
import math
import os
from typing import Any, Callable, Mapping, Optional

from . import _abi
from ._arguments import a_text
from ._library import Library, check, load, raise_error, read_text
from .errors import InvalidValueError

_LEVELS = {
    _abi.LOG_DEBUG: logging.DEBUG,
    _abi.LOG_INFO: logging.INFO,
    _abi.LOG_WARNING: logging.WARNING,
    _abi.LOG_ERROR: logging.ERROR,
}


# What an error says that a key takes, by the type that hearth_config_describe gives for it.
_TAKES = {
    "duration": "seconds as a number, a str such as '500ms', or a timedelta",
    "size": "bytes as an int, or a str such as '64KiB'",
    "integer": "an int",
    "fraction": "a float",
    "flag": "a bool",
    "rate": "a str such as '10/s'",
    "list": "a list of str, or a str",
    "codes": "a list of close codes",
}


def _value_text(key: str, value: Any) -> str:
    """A value as configuration text: numbers are seconds or bytes, bools on or off, lists have commas."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, datetime.timedelta):
        value = value.total_seconds()
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    if isinstance(value, (str, int)):
        return str(value)
    if isinstance(value, (list, tuple)) and all(isinstance(item, (str, int, os.PathLike)) for item in value):
        return ",".join(_value_text(key, item) for item in value)
    if isinstance(value, os.PathLike):
        return str(os.fspath(value))
    words = _takes(key)
    if words is None:
        return ""  # The library says which key is nearest.
    error = InvalidValueError if isinstance(value, float) else TypeError
    raise error(f"{key} takes {words}, not {value!r}")


def _takes(key: str) -> Optional[str]:
    """What a key takes, in words. None: there is no such key."""
    for entry in json.loads(load().quick.config_describe()):
        if entry["key"] == key:
            if "values" in entry:
                return " or ".join(repr(value) for value in entry["values"])
            return _TAKES.get(entry["type"], "a str")
    return None


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
            prefix = a_text("environment_prefix", environment_prefix)
            self._check(self._functions.config_load_env(self.handle, prefix))

    def set(self, key: str, value: Any) -> None:
        name, text = a_text("key", key), a_text(key, _value_text(key, value))
        self._check(self._functions.config_set(self.handle, name, text))

    def get(self, key: str) -> str:
        return read_text(self._functions.config_get, self.handle, a_text("key", key))

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
