"""Checks of arguments whose errors name the argument and what it takes."""

from __future__ import annotations

import operator
from typing import Any, Callable, Iterable, Optional

from .errors import InvalidError

# A close frame has 125 bytes, 2 of them for the code (RFC 6455 5.5).
_REASON_BYTES_MAX = 123


def a_text(name: str, text: Any) -> bytes:
    """A text argument as the library takes it: UTF-8 without NUL."""
    if not isinstance(text, str):
        raise TypeError(f"{name} takes a str, not {text!r}")
    encoded = text.encode()
    if b"\0" in encoded:
        raise InvalidError(f"{name} contains a NUL character: {text!r}")
    return encoded


def a_text_or_none(name: str, text: Any) -> Optional[bytes]:
    return None if text is None else a_text(name, text)


def a_number(name: str, number: Any) -> int:
    """An int that a C int holds; ctypes alone would cut off what does not fit."""
    try:
        value = operator.index(number)
    except TypeError:
        raise TypeError(f"{name} takes an int, not {number!r}") from None
    if not -(2**31) <= value < 2**31:
        raise InvalidError(f"{name} is out of range: {value}")
    return value


def a_close_code(code: Any, name: str = "code") -> int:
    """A close code that a program may send (RFC 6455 7.4)."""
    value = a_number(name, code)
    if value in (1000, 1001, 1003) or 1007 <= value <= 1014 or 3000 <= value <= 4999:
        return value
    raise InvalidError(f"{name} takes 1000, 1001, 1003, 1007 to 1014 or 3000 to 4999, not {value}")


def a_reject_code(code: Any) -> int:
    """A status of HTTP or a close code, for a peer that is refused."""
    value = a_number("code", code)
    if 400 <= value <= 599:
        return value
    try:
        return a_close_code(value)
    except InvalidError:
        raise InvalidError(
            f"code takes a status of HTTP from 400 to 599, or a close code (1000, 1001, 1003, 1007 to 1014, "
            f"3000 to 4999), not {value}"
        ) from None


def a_reason(reason: Any) -> Optional[bytes]:
    """The reason of a close; None for none."""
    encoded = a_text("reason", reason)
    if len(encoded) > _REASON_BYTES_MAX:
        raise InvalidError(f"reason takes at most {_REASON_BYTES_MAX} bytes, not {len(encoded)}")
    return encoded or None


def a_list_of_names(name: str, names: Any) -> None:
    """Refuses a text, whose characters would otherwise be taken for names."""
    if isinstance(names, (str, bytes)) or not isinstance(names, Iterable):
        raise TypeError(f"{name} takes a list of names, not {names!r}")
    for item in names:
        if not isinstance(item, str):
            raise TypeError(f"{name} takes a list of names, and {item!r} is none")


def a_function(name: str, function: Any) -> Callable[..., Any]:
    if not callable(function):
        raise TypeError(f"{name} takes a function, not {function!r}")
    checked: Callable[..., Any] = function
    return checked
