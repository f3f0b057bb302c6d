"""The settings of hearth.asgi's client."""

from __future__ import annotations

import dataclasses
import os
from typing import Any, Dict, Mapping, Optional, cast

from .._options import ClientOptions

_PREFIX = "WS_"


_WORDS: Mapping[str, bool] = {
    "true": True, "1": True, "on": True, "yes": True, "false": False, "0": False, "off": False, "no": False,
}  # fmt: skip


def _read(name: str, default: Any, text: str) -> Any:
    try:
        if isinstance(default, bool):
            return _WORDS[text.strip().lower()]
        if name in ("ping_interval", "ping_timeout") and text.strip().lower() in ("", "none"):
            return None
        return type(default)(text)
    except (KeyError, ValueError):
        kind = type(default).__name__
        raise ValueError(f"{_PREFIX}{name.upper()} is {text!r}, which is no {kind}") from None


def _setting(name: str, default: Any) -> Any:
    """A field with a default, which the environment may replace."""

    def value() -> Any:
        text = os.environ.get(_PREFIX + name.upper())
        return default if text is None else _read(name, default, text)

    return dataclasses.field(default_factory=value)


@dataclasses.dataclass
class WebSocketConfig:
    """Settings with their usual names and defaults; durations are seconds, sizes bytes.

    What is not given is taken from the environment (WS_OPEN_TIMEOUT and so on), then from the defaults.
    A ping_interval of None sends no pings.
    """

    open_timeout: float = _setting("open_timeout", 10.0)
    close_timeout: float = _setting("close_timeout", 10.0)
    ping_interval: Optional[float] = _setting("ping_interval", 20.0)
    ping_timeout: Optional[float] = _setting("ping_timeout", 20.0)
    max_message_size: int = _setting("max_message_size", 1024 * 1024)
    max_queue_size: int = _setting("max_queue_size", 16)
    reconnect_enabled: bool = _setting("reconnect_enabled", True)
    reconnect_max_attempts: int = _setting("reconnect_max_attempts", 0)
    reconnect_backoff_base: float = _setting("reconnect_backoff_base", 1.0)
    reconnect_backoff_max: float = _setting("reconnect_backoff_max", 30.0)
    reconnect_jitter: float = _setting("reconnect_jitter", 0.1)

    def __post_init__(self) -> None:
        if self.ping_timeout is None and self.ping_interval is not None:
            raise ValueError("a ping that nothing waits for has no use: set ping_interval to None")

    def as_keys(self) -> ClientOptions:
        """The same as configuration keys of the library."""
        keys: Dict[str, Any] = dataclasses.asdict(self)
        keys["ping_interval"] = float(keys["ping_interval"] or 0)
        keys["ping_timeout"] = float(keys["ping_timeout"] or 0)
        if not keys["ping_interval"]:
            del keys["ping_timeout"]
        keys["reconnect_jitter"] = float(keys["reconnect_jitter"])
        return cast(ClientOptions, keys)


def get_default_config() -> WebSocketConfig:
    """What the environment says, and the defaults."""
    return WebSocketConfig()
