"""The settings of hearth.asgi's client."""

from __future__ import annotations

import dataclasses
import os
from typing import Any, Dict, Mapping, Optional

_PREFIX = "WS_"


@dataclasses.dataclass
class WebSocketConfig:
    """Settings with their usual names and defaults; durations are seconds, sizes bytes.

    What is not given is taken from the environment (WS_OPEN_TIMEOUT and so on), then from the defaults.
    A ping_interval of None sends no pings.
    """

    open_timeout: float = 10.0
    close_timeout: float = 10.0
    ping_interval: Optional[float] = 20.0
    ping_timeout: Optional[float] = 20.0
    max_message_size: int = 1024 * 1024
    max_queue_size: int = 16
    reconnect_enabled: bool = True
    reconnect_max_attempts: int = 5
    reconnect_backoff_base: float = 1.0
    reconnect_backoff_max: float = 60.0
    reconnect_jitter: float = 0.1

    def __init__(self, **settings: Any) -> None:
        for field in dataclasses.fields(self):
            text = os.environ.get(_PREFIX + field.name.upper())
            if field.name in settings:
                value = settings.pop(field.name)
            else:
                value = field.default if text is None else _read(field.name, field.default, text)
            setattr(self, field.name, value)
        if settings:
            raise TypeError(f"WebSocketConfig has no setting {', '.join(sorted(settings))}")
        if self.ping_timeout is None and self.ping_interval is not None:
            raise ValueError("a ping that nothing waits for has no use: set ping_interval to None")

    def as_keys(self) -> Dict[str, Any]:
        """The same as configuration keys of the library."""
        keys: Dict[str, Any] = dataclasses.asdict(self)
        keys["ping_interval"] = float(keys["ping_interval"] or 0)
        keys["ping_timeout"] = float(keys["ping_timeout"] or 0)
        if not keys["ping_interval"]:
            del keys["ping_timeout"]
        keys["reconnect_jitter"] = float(keys["reconnect_jitter"])
        return keys


def get_default_config() -> WebSocketConfig:
    """What the environment says, and the defaults."""
    return WebSocketConfig()


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
