"""Finds and loads the shared library, and translates between its conventions and Python's."""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import os
import pathlib
import sys
from typing import Any, Callable, Iterator, List, NoReturn, Optional, Tuple

from . import _abi
from .errors import BY_CODE, HearthError

_FILE_NAME = "libhearth.dylib" if sys.platform == "darwin" else "libhearth.so"


class LibraryNotFoundError(ImportError):
    """No usable library was found; the message lists each place that was tried, and why not."""


class Library:
    """The loaded library, bound in three ways.

    `quick` keeps Python's lock during a call: right for calls that never wait. `patient` gives it
    away: for the few that may wait for the system or for a thread. The `bare_` functions, called for
    each message or turn, convert nothing, which halves their cost: whoever calls them passes ctypes
    objects of the right type, bytes, or for a C int an int.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        quick = ctypes.PyDLL(path)
        self.quick = _abi.Functions(quick)
        self.patient = _abi.Functions(ctypes.CDLL(path))
        self.bare_send = _bare(quick, "hearth_connection_send", ctypes.c_int64)
        self.bare_client_send = _bare(quick, "hearth_client_send", ctypes.c_int64)
        self.bare_room_broadcast = _bare(quick, "hearth_room_broadcast", ctypes.c_int64)
        self.bare_poll = _bare(quick, "hearth_engine_poll_packed", ctypes.c_int64)
        self.bare_timeout = _bare(quick, "hearth_engine_timeout", ctypes.c_int)
        self.bare_flush = _bare(quick, "hearth_engine_flush", ctypes.c_int)


def _bare(library: ctypes.CDLL, name: str, result: Any) -> Callable[..., int]:
    function = library[name]  # A second object for the function, without the types of the first.
    function.restype = result
    return function


def _candidates() -> Iterator[Tuple[str, str]]:
    package = pathlib.Path(__file__).resolve().parent
    yield "in the package", str(package / _FILE_NAME)
    if len(package.parents) > 2 and (package.parents[2] / "include" / "hearth.h").exists():
        yield "in the source tree", str(package.parents[2] / "build" / _FILE_NAME)
    yield "on the system", ctypes.util.find_library("hearth") or _FILE_NAME


def _open(path: str) -> Library:
    """Raises OSError with the reason when the file is no library that this package works with."""
    if os.sep in path and not os.path.exists(path):
        raise OSError("there is no such file")
    try:
        library = Library(path)
    except AttributeError as error:
        raise OSError(f"it lacks a function of version {_abi.VERSION}: {error}") from error
    version: str = library.quick.version().decode()
    if version.split(".")[:2] != _abi.VERSION.split(".")[:2]:
        raise OSError(f"it is version {version}; this package needs {_abi.VERSION}")
    return library


@functools.lru_cache(maxsize=None)
def load() -> Library:
    """The library, loaded at the first call.

    The environment variable HEARTH_LIBRARY names the file to use instead of searching.
    """
    named = os.environ.get("HEARTH_LIBRARY")
    places = iter([("named by HEARTH_LIBRARY", named)]) if named else _candidates()
    failures = []
    for place, path in places:
        try:
            return _open(path)
        except OSError as error:
            failures.append(f"  {place}: {path}: {error}")
    raise LibraryNotFoundError("the Hearth library was not found:\n" + "\n".join(failures))


# ------------------------------------------------------------------ errors


def raise_error(code: int, sentence: str = "") -> NoReturn:
    """Raises the error of that number, with the library's sentence unless a better one is given."""
    error = BY_CODE.get(code, HearthError)(sentence or load().quick.strerror(code).decode())
    error.code = code
    raise error


def check(result: int) -> int:
    """The result of a call, or its error raised."""
    if result < 0:
        raise_error(result)
    return result


# ------------------------------------------------------------------ values in and out


def read_bytes(function: Callable[..., int], *arguments: Any) -> bytes:
    """Calls a function that fills a buffer and answers the length that it would need."""
    capacity = 256
    while True:
        buffer = ctypes.create_string_buffer(capacity)
        length = check(function(*arguments, buffer, capacity))
        if length < capacity:
            return buffer.raw[:length]
        capacity = length + 64


def read_text(function: Callable[..., int], *arguments: Any) -> str:
    return read_bytes(function, *arguments).decode()


def read_names(function: Callable[..., int], *arguments: Any) -> List[str]:
    """Reads a list of names, each ended by a NUL."""
    return [name.decode() for name in read_bytes(function, *arguments).split(b"\0")[:-1]]


def read_pages(function: Callable[..., int], *arguments: Any) -> Iterator[str]:
    """Reads a list of names page by page, so that no lock is held for long."""
    cursor = ctypes.c_uint64()
    buffer = ctypes.create_string_buffer(1 << 17)
    while True:
        length = check(function(*arguments, ctypes.byref(cursor), buffer, len(buffer)))
        for name in buffer.raw[:length].split(b"\0")[:-1]:
            yield name.decode()
        if cursor.value == 0:
            return


def read_ids(function: Callable[..., int], *arguments: Any) -> List[int]:
    """Reads connection ids from a function that answers how many there are."""
    capacity = 64
    while True:
        ids = (ctypes.c_uint64 * capacity)()
        count = check(function(*arguments, ids, capacity))
        if count <= capacity:
            return ids[:count]
        capacity = count + 16


def version() -> str:
    """The version of the library that is loaded."""
    text: bytes = load().quick.version()
    return text.decode()
