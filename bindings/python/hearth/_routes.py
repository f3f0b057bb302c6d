"""What a program registers with a server before it starts: routes and handlers."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any, Awaitable, Callable, Dict, Mapping, Optional, Sequence, TypeVar, Union

from .connection import Connection
from .message import Message
from .request import Request

Session = Callable[[Connection], Awaitable[Any]]
MessageHandler = Callable[[Connection, Message], None]
HTTPHandler = Callable[[Request], Any]

SessionT = TypeVar("SessionT", bound=Session)
HTTPHandlerT = TypeVar("HTTPHandlerT", bound=HTTPHandler)
HandlerT = TypeVar("HandlerT", bound=Callable[..., Any])
MessageHandlerT = TypeVar("MessageHandlerT", bound=MessageHandler)


@dataclasses.dataclass
class Route:
    """A pattern with its options, and who answers on it."""

    pattern: str
    join: Optional[str] = None
    relay: Optional[str] = None
    event: Optional[bool] = None
    accept: Optional[str] = None
    subprotocols: Sequence[str] = ()
    dialect: Optional[str] = None
    events: Sequence[str] = ()
    echo: Optional[bool] = None
    rooms: Sequence[str] = ()
    methods: Sequence[str] = ()
    auth: Optional[str] = None
    scopes: Sequence[str] = ()
    claims: Mapping[str, str] = dataclasses.field(default_factory=dict)
    tokens: Sequence[str] = ()
    reject: Optional[str] = None
    inbox_messages_max: int = 0
    inbox_bytes_max: int = 0
    session: Optional[Session] = None
    answer: Optional[HTTPHandler] = None

    def options(self, asks: bool) -> str:
        """The options as the library takes them. asks: there is an on_connect handler to ask."""
        accept = self.accept or ("ask" if asks else None)
        event = self.event
        if event is None and self.relay is not None and self.session is not None:
            event = True
        if self.methods:
            pairs = [("http", "|".join(self.methods))]
        else:
            given = [
                ("join", self.join),
                ("relay", self.relay),
                ("event", "on" if event else None),
                ("accept", accept),
                ("subprotocols", "|".join(self.subprotocols) or None),
                ("dialect", self.dialect),
                ("events", "+".join(self.events) or None),
                ("echo", None if self.echo is None else "on" if self.echo else "off"),
                ("rooms", "+".join(self.rooms) or None),
                ("auth", self.auth),
                ("scopes", "+".join(self.scopes) or None),
                ("tokens", "+".join(self.tokens) or None),
                ("reject", self.reject),
            ]
            given += [(f"claim:{name}", value) for name, value in self.claims.items()]
            pairs = [(name, value) for name, value in given if value is not None]
        for name, value in pairs:
            if "," in value:
                raise ValueError(f"the option {name} of a route does not take a comma: {value!r}")
        return ",".join(f"{name}={value}" for name, value in pairs)


@dataclasses.dataclass
class Handlers:
    """One handler, or none, for each kind of event."""

    connect: Optional[Callable[[Connection], Union[Any, Awaitable[Any]]]] = None
    open: Optional[Callable[[Connection], Any]] = None
    message: Optional[MessageHandler] = None
    close: Optional[Callable[[Connection], Any]] = None
    joined: Optional[Callable[..., Any]] = None
    left: Optional[Callable[..., Any]] = None
    user_joined: Optional[Callable[..., Any]] = None
    user_left: Optional[Callable[..., Any]] = None
    dropped: Optional[Callable[[Connection, int], Any]] = None
    limited: Optional[Callable[[Connection, str, int], Any]] = None
    presence: Optional[Callable[..., Any]] = None
    # By the name of the event.
    events: Dict[str, Callable[..., Any]] = dataclasses.field(default_factory=dict)
    expiring: Optional[Callable[[Connection, int], Any]] = None
    expired: Optional[Callable[[Connection], Any]] = None

    def register(self, name: str, handler: HandlerT) -> HandlerT:
        if not callable(handler):
            raise TypeError(f"on_{name} takes a function, not {type(handler).__name__}")
        if getattr(self, name) is not None:
            raise ValueError(f"on_{name} has a handler already")
        if name == "message" and inspect.iscoroutinefunction(handler):
            raise TypeError("on_message takes a plain function; a coroutine belongs on a route")
        setattr(self, name, handler)
        return handler
