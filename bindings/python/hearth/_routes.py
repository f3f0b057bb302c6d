"""What a program registers with a server before it starts: routes and handlers."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import re
from typing import (
    TYPE_CHECKING, Any, Awaitable, Callable, Dict, List, Literal, Mapping, Optional, Sequence, Tuple,
    TypedDict, TypeVar, Union,
)  # fmt: skip

from ._arguments import a_function, a_list_of_names, a_number, a_text
from .connection import Connection
from .message import Message
from .request import Request

if TYPE_CHECKING:
    from typing_extensions import Unpack

Session = Callable[[Connection], Awaitable[Any]]
MessageHandler = Callable[[Connection, Message], None]
HTTPHandler = Callable[[Request], Any]

SessionT = TypeVar("SessionT", bound=Session)
HTTPHandlerT = TypeVar("HTTPHandlerT", bound=HTTPHandler)
HandlerT = TypeVar("HandlerT", bound=Callable[..., Any])
MessageHandlerT = TypeVar("MessageHandlerT", bound=MessageHandler)

Subject = Literal["join", "leave", "message", "typing", "presence", "authenticate"]
Source = Literal["header", "subprotocol", "cookie", "query"]


class Template(str):
    """The name of a room, with the captures of a route's pattern in it: Template("chat:{id}")."""

    __slots__ = ()


class RouteOptions(TypedDict, total=False):
    """The options of a route: those of hearth_server_route, and the limits of a session's inbox."""

    join: Union[Literal["auto"], Template]
    """A room to join at open. auto: the capture {room}, or the path if there is none."""

    relay: Literal["all", "others"]
    """A message of a member goes to its joined rooms, with or without the sender, in the library."""

    event: bool
    """Messages that are relayed, or events that the library handles, come to the program too."""

    accept: Literal["auto", "ask"]
    """ask: on_connect decides. The default with an on_connect handler is ask, else auto."""

    subprotocols: Sequence[str]
    """The ones this route speaks, in order of preference."""

    dialect: Literal["raw", "json"]
    """raw: a message is bytes as they are. json: texts are events."""

    events: Sequence[Subject]
    """With dialect="json": the events that the library handles by itself."""

    echo: bool
    """Whether a room's message comes back to its sender."""

    rooms: Sequence[str]
    """Rooms that join events may name, NAME or PREFIX*; all without it."""

    auth: Literal["public", "optional", "required", "user"]
    """Whether it wants a token; user: one that names a user. Without it: the key auth."""

    scopes: Sequence[str]
    """Scopes that the token must have, all of them."""

    claims: Mapping[str, str]
    """Claims that the token must have, by name: a template, {"room": "{room}"}."""

    tokens: Sequence[Source]
    """Where this route looks for tokens, in this order; see the key token_sources."""

    reject: Literal["status", "close", "auto"]
    """How peers without the right token are told; see the key reject."""

    max_inbox_messages: int
    """How many messages of a connection may wait for its session or its handlers; one more closes it with
    1013. Default: 1024."""

    max_inbox_bytes: int
    """How many bytes of messages may wait; more close the connection with 1013. Default: 4 MiB."""


# What options with few values take.
_CHOICES: Dict[str, Tuple[str, ...]] = {
    "relay": ("all", "others"),
    "accept": ("auto", "ask"),
    "dialect": ("raw", "json"),
    "auth": ("public", "optional", "required", "user"),
    "reject": ("status", "close", "auto"),
}
_LIST_CHOICES: Dict[str, Tuple[str, ...]] = {
    "events": ("join", "leave", "message", "typing", "presence", "authenticate"),
    "tokens": ("header", "subprotocol", "cookie", "query"),
}
_LISTS = ("subprotocols", "events", "rooms", "scopes", "tokens")
_BOOLEANS = ("event", "echo")
_LIMITS = ("max_inbox_messages", "max_inbox_bytes")
# Lists that the library takes with another sign than "+" between the names.
_SEPARATORS = {"subprotocols": "|"}


def _check_option(name: str, value: Any) -> None:
    """Raises TypeError or ValueError, which name the option and what it takes."""
    if name in _CHOICES:
        if value not in _CHOICES[name]:
            raise ValueError(f"{name} takes {_either(_CHOICES[name])}, not {value!r}")
    elif name == "join":
        if not isinstance(value, Template) and value != "auto":
            hint = f": hearth.Template({value!r})" if isinstance(value, str) else ""
            raise ValueError(f"join takes 'auto' or a hearth.Template, not {value!r}{hint}")
    elif name in _LISTS:
        a_list_of_names(name, value)
        for item in value:
            if name in _LIST_CHOICES and item not in _LIST_CHOICES[name]:
                raise ValueError(f"{name} takes a list of {_either(_LIST_CHOICES[name])}, not {item!r}")
    elif name in _BOOLEANS:
        if not isinstance(value, bool):
            raise TypeError(f"{name} takes True or False, not {value!r}")
    elif name in _LIMITS:
        if a_number(name, value) < 1:
            raise ValueError(f"{name} takes a number from 1 on, not {value}")
    elif not isinstance(value, Mapping) or not all(isinstance(part, str) for part in value.values()):
        raise TypeError(f"{name} takes templates by the name of the claim, not {value!r}")


def _either(values: Sequence[str]) -> str:
    return ", ".join(map(repr, values[:-1])) + f" or {values[-1]!r}"


@dataclasses.dataclass
class Route:
    """A pattern with its options, and who answers on it."""

    pattern: str
    options: "RouteOptions" = dataclasses.field(default_factory=lambda: RouteOptions())
    methods: Sequence[str] = ()
    session: Optional[Session] = None
    answer: Optional[HTTPHandler] = None

    def __post_init__(self) -> None:
        a_text("pattern", self.pattern)
        names = RouteOptions.__annotations__
        for name, value in self.options.items():
            if name not in names:
                near = difflib.get_close_matches(name, names, 1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise TypeError(f"a route has no option {name}{hint}")
            _check_option(name, value)
        self.max_inbox_messages = self.options.get("max_inbox_messages", 1024)
        self.max_inbox_bytes = self.options.get("max_inbox_bytes", 4 * 1024 * 1024)

    @property
    def speaks_json(self) -> bool:
        return self.options.get("dialect") == "json"

    @property
    def wants_events(self) -> bool:
        """Whether what is relayed, or handled by the library, comes to the program too."""
        given = self.options.get("event")
        return bool(given) if given is not None else "relay" in self.options and self.session is not None

    def handles(self, event: str) -> bool:
        """Whether the library handles events of that name by itself, and tells the program nothing."""
        if event in ("ping", "pong"):
            return True
        subjects: Sequence[str] = self.options.get("events", ())
        return event in subjects and (event == "authenticate" or not self.wants_events)

    def is_like(self, other: "Route") -> bool:
        """Whether it would never be reached behind the other, or answers the same requests."""
        shape = re.compile(r"\{[^}*]*(\*?)\}")
        if shape.sub(r"{\1}", self.pattern) != shape.sub(r"{\1}", other.pattern):
            return False
        shared = set(self.methods) & set(other.methods) - {"HEAD"}
        return bool(shared) if self.methods and other.methods else not self.methods and not other.methods

    def text(self, asks: bool) -> str:
        """The options as the library takes them. asks: there is an on_connect handler to ask."""
        if self.methods:
            return f"http={'|'.join(self.methods)}"
        pairs: List[Tuple[str, str]] = []
        for name, value in self.options.items():
            if name == "claims":
                pairs += [(f"claim:{claim}", template) for claim, template in self.options["claims"].items()]
            elif name in _LISTS:
                if value:
                    pairs.append((name, _SEPARATORS.get(name, "+").join(value)))  # type: ignore[arg-type]
            elif name == "echo":
                pairs.append((name, "on" if value else "off"))
            elif name not in ("event", *_LIMITS):
                pairs.append((name, str(value)))
        if self.wants_events:
            pairs.append(("event", "on"))
        if asks and "accept" not in self.options:
            pairs.append(("accept", "ask"))
        for name, value in pairs:
            if "," in value:
                raise ValueError(f"the option {name} of a route does not take a comma: {value!r}")
        return ",".join(f"{name}={value}" for name, value in pairs)


@dataclasses.dataclass
class EventHandler:
    """Who gets the events of a name."""

    call: Callable[..., Any]
    concurrent: bool = False


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
    events: Dict[str, EventHandler] = dataclasses.field(default_factory=dict)
    expiring: Optional[Callable[[Connection, int], Any]] = None
    expired: Optional[Callable[[Connection], Any]] = None

    def register(self, name: str, handler: HandlerT) -> HandlerT:
        a_function(f"on_{name}", handler)
        if getattr(self, name) is not None:
            raise ValueError(f"on_{name} has a handler already")
        if name == "message" and inspect.iscoroutinefunction(handler):
            raise TypeError("on_message takes a plain function; a coroutine belongs on a route")
        setattr(self, name, handler)
        return handler


class Program:
    """The routes and handlers of a server. Handlers that are coroutine functions are awaited.

    The handlers of one connection are called one after the other, in the order of its events, and those of
    users, presence and channels one after the other for each room and channel. None waits for another
    connection.
    """

    _routes: List[Route]
    _handlers: Handlers

    def _forbid_running(self) -> None:
        raise NotImplementedError

    def _add_route(self, route: Route) -> None:
        self._forbid_running()
        if any(route.is_like(other) for other in self._routes):
            raise ValueError(f"there is a route {route.pattern!r} already")
        self._routes.append(route)

    def http(self, pattern: str, methods: Sequence[str] = ("GET",)) -> Callable[[HTTPHandlerT], HTTPHandlerT]:
        """Answers requests that are no upgrade with what a function, plain or async, returns for them:
        a Response, text, bytes, something to send as JSON, or (status, one of these).

        Raises: StateError while the server runs; ValueError for a route that is there already."""
        self._forbid_running()
        a_list_of_names("methods", methods)
        names = [method.upper() for method in methods]
        if "GET" in names and "HEAD" not in names:
            names.append("HEAD")

        def decorate(handler: HTTPHandlerT) -> HTTPHandlerT:
            a_function("http", handler)
            self._add_route(Route(pattern, methods=names, answer=handler))
            return handler

        return decorate

    def on(self, event: str, *, concurrent: bool = False) -> Callable[[HandlerT], HandlerT]:
        """@server.on("chat"): handler(connection, data), plain or async, gets the events of that name on
        routes with dialect="json", their data read as JSON, None for none. What no handler is for goes
        where other messages go, with its name in Message.event.

        The events of a connection are handled one after the other. concurrent: a coroutine of this name
        runs beside those before it. Either way the route's max_inbox_messages limits how many wait or run.

        Raises: ValueError for a name that has a handler already."""
        if not isinstance(event, str):
            raise TypeError(f"event takes the name of an event, as in @server.on('chat'), not {event!r}")

        def decorate(handler: HandlerT) -> HandlerT:
            a_function("on", handler)
            if event in self._handlers.events:
                raise ValueError(f"the event {event!r} has a handler already")
            self._handlers.events[event] = EventHandler(handler, concurrent)
            return handler

        return decorate

    def on_connect(self, handler: HandlerT) -> HandlerT:
        """handler(connection) says whether to accept: None or True accepts, text accepts and names the
        user, a Principal its scopes and claims too, False refuses with 403, and it may raise Reject. With
        it, routes ask unless accept="auto".

        Raises: ValueError if there is one already, as the other on_ methods do."""
        return self._handlers.register("connect", handler)

    def on_open(self, handler: HandlerT) -> HandlerT:
        """handler(connection) is called when a connection is open. Its session begins when that is done.

        Raises: ValueError if there is one already."""
        return self._handlers.register("open", handler)

    def on_message(self, handler: MessageHandlerT) -> MessageHandlerT:
        """handler(connection, message), a plain function, gets the messages on routes without a session.

        Raises: ValueError if there is one already, TypeError for a coroutine function."""
        return self._handlers.register("message", handler)

    def on_close(self, handler: HandlerT) -> HandlerT:
        """handler(connection) is called once when it has ended; see its close_code and close_reason.

        Raises: ValueError if there is one already."""
        return self._handlers.register("close", handler)

    def on_joined(self, handler: HandlerT) -> HandlerT:
        """handler(connection, room) is called when a connection has joined a room.

        Raises: ValueError if there is one already."""
        return self._handlers.register("joined", handler)

    def on_left(self, handler: HandlerT) -> HandlerT:
        """handler(connection, room) is called when a connection has left a room.

        Raises: ValueError if there is one already."""
        return self._handlers.register("left", handler)

    def on_user_joined(self, handler: HandlerT) -> HandlerT:
        """handler(room, user) is called when a user's first connection has joined a room.

        Raises: ValueError if there is one already."""
        return self._handlers.register("user_joined", handler)

    def on_user_left(self, handler: HandlerT) -> HandlerT:
        """handler(room, user) is called when a user's last connection has left a room.

        Raises: ValueError if there is one already."""
        return self._handlers.register("user_left", handler)

    def on_presence(self, handler: HandlerT) -> HandlerT:
        """handler(change) is called with a PresenceChange for each user that joins or leaves a room, and for
        set_presence in each room of the user; see Room.presence.

        Raises: ValueError if there is one already."""
        return self._handlers.register("presence", handler)

    def on_dropped(self, handler: HandlerT) -> HandlerT:
        """handler(connection, count) is called when messages to a slow connection were dropped.

        Raises: ValueError if there is one already."""
        return self._handlers.register("dropped", handler)

    def on_limited(self, handler: HandlerT) -> HandlerT:
        """handler(connection, key, dropped) is called when a peer sends more than a rate_limit key allows.

        dropped is 0 for the warning, then how many of its messages were dropped since the last call. key is
        "" where the peer is within its rates again.

        Raises: ValueError if there is one already."""
        return self._handlers.register("limited", handler)

    def on_expiring(self, handler: HandlerT) -> HandlerT:
        """handler(connection, seconds) is called while a connection has so many seconds left: time to ask
        the peer for a new token. See the keys expiry_notice_interval and expiry_notice_window.

        Raises: ValueError if there is one already."""
        return self._handlers.register("expiring", handler)

    def on_expired(self, handler: HandlerT) -> HandlerT:
        """handler(connection) is called when its time is over; then it is closed.

        Raises: ValueError if there is one already."""
        return self._handlers.register("expired", handler)


def unheard_event(handlers: Handlers, routes: Sequence[Route], json_events: str) -> Optional[str]:
    """Why an event's handler would never be called, or None."""
    spoken = [route for route in routes if route.speaks_json]
    told = [name.strip() for name in json_events.split(",")]
    for event in handlers.events:
        if not spoken:
            return f"on({event!r}) needs a route with dialect='json', and there is none"
        if all(route.handles(event) for route in spoken):
            return f"on({event!r}) would never be called: the library handles that event by itself"
        if "*" not in told and event not in told:
            return f"on({event!r}) would never be called: json_events is {json_events!r}"
    return None
