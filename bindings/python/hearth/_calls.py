"""What a running server can be told and asked, whichever way the program runs it."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Union

from ._arguments import a_close_code, a_reason, a_text
from ._library import check, read_ids, read_names, read_pages, read_text
from ._runtime import Runtime
from .close_codes import CloseCode
from .connection import Connection
from .errors import NotFoundError
from .message import NOTHING, Sendable, event_data, json_text, payload_of
from .room import Except, Room, except_reference


class ServerCalls:
    """None of them waits, and any thread may call them. All raise StateError unless the server runs."""

    _runtime: Runtime

    # -------------------------------------------------------------- sending

    def room(self, name: str) -> Room:
        """The room of that name, whether it exists or not.

        Raises: TypeError and InvalidError for what is no name."""
        return Room(self._runtime, name)

    def broadcast(self, data: Sendable, except_: Except = None, *, local: bool = False) -> int:
        """Sends to every open connection but the exception. Answers for how many connections of this process
        it was queued; the other processes of a cluster send to theirs, which are not counted. local: only to
        those of this process.

        Raises: StateError, TooLargeError, TypeError for what is no message."""
        opcode, payload = payload_of(data)
        runtime, left_out = self._runtime, except_reference(except_, local)
        function = runtime.functions.server_broadcast
        return runtime.call(function, runtime.handle, opcode, payload, len(payload), left_out)

    def broadcast_json(self, value: Any, except_: Except = None, *, local: bool = False) -> int:
        """Sends a value as JSON in a text message, as broadcast.

        Raises: ValueError for NaN and infinities, TypeError for what JSON has no form for, as broadcast."""
        return self.broadcast(json_text(value), except_, local=local)

    def broadcast_event(
        self, name: str, data: Any = NOTHING, except_: Except = None, *, local: bool = False
    ) -> int:
        """Sends an event to every open connection but the exception: see Connection.send_event. Answers as
        broadcast.

        Raises: as broadcast_json."""
        payload = event_data(data)
        runtime, left_out = self._runtime, except_reference(except_, local)
        function, event = runtime.functions.server_send_event, a_text("name", name)
        return runtime.call(function, runtime.handle, event, payload, len(payload), left_out)

    def send_to_user(
        self, user: str, data: Sendable, except_: Except = None, *, local: bool = False
    ) -> int:
        """Sends to every connection of a user. Answers for how many connections of this process it was
        queued: 0 also where only other processes of a cluster have some, which send to them all the same.
        `await server.ask_user(user)` counts the connections of all processes.

        Raises: StateError, TooLargeError, TypeError for what is no message."""
        opcode, payload = payload_of(data)
        runtime, left_out = self._runtime, except_reference(except_, local)
        function, name = runtime.functions.user_send, a_text("user", user)
        return runtime.call(function, runtime.handle, name, opcode, payload, len(payload), left_out)

    def send_json_to_user(
        self, user: str, value: Any, except_: Except = None, *, local: bool = False
    ) -> int:
        """Sends a value as JSON in a text message, as send_to_user.

        Raises: ValueError for NaN and infinities, and as send_to_user."""
        return self.send_to_user(user, json_text(value), except_, local=local)

    def send_event_to_user(
        self, user: str, name: str, data: Any = NOTHING, except_: Except = None, *, local: bool = False
    ) -> int:
        """Sends an event to every connection of a user: see Connection.send_event. Answers as send_to_user.

        Raises: ValueError for NaN and infinities, and as send_to_user."""
        payload = event_data(data)
        runtime, left_out = self._runtime, except_reference(except_, local)
        function, to, event = runtime.functions.user_send_event, a_text("user", user), a_text("name", name)
        return runtime.call(function, runtime.handle, to, event, payload, len(payload), left_out)

    def kick(self, user: str, code: int = CloseCode.KICKED, reason: str = "") -> int:
        """Sends all connections of a user away: they leave their rooms at once and are closed with the code.
        Answers how many connections of this process they were; those of other processes of a cluster are
        closed too, and not counted.

        Raises: StateError, InvalidError for a code that a program may not send."""
        runtime = self._runtime
        name, close_code, text = a_text("user", user), a_close_code(code), a_reason(reason)
        return runtime.call(runtime.functions.user_kick, runtime.handle, name, close_code, text or b"")

    def set_presence(self, user: str, data: Union[str, bytes]) -> None:
        """What is shown with a user to the others in its rooms, at most max_metadata bytes.

        Raises: NotFoundError if the user has no connection here, TooLargeError, StateError."""
        if not isinstance(data, (str, bytes, bytearray, memoryview)):
            raise TypeError(f"data takes str or bytes, not {data!r}")
        content = data.encode() if isinstance(data, str) else bytes(data)
        runtime = self._runtime
        function, name = runtime.functions.user_set_presence, a_text("user", user)
        runtime.call(function, runtime.handle, name, content, len(content))

    # -------------------------------------------------------------- keys and certificates

    def reload_keys(self) -> None:
        """Reads the files with keys again. When it raises, the old keys stay.

        Raises: HearthError, which says why; StateError."""
        runtime = self._runtime
        runtime.call_explained(runtime.functions.server_reload_keys, runtime.handle)

    def reload_tls(self) -> None:
        """Reads certificates, keys and authorities anew; connections that begin from now on get them. When
        it raises, nothing changes.

        Raises: TlsError, which names the file and the reason; StateError without TLS."""
        engine = self._runtime.running_engine
        engine.check(engine.library.patient.server_reload_tls(engine.server))

    # -------------------------------------------------------------- who and what is here

    @property
    def port(self) -> int:
        """The port of the first TCP address; 0: there is none.

        Raises: StateError."""
        return check(self._runtime.functions.server_port(self._runtime.handle))

    @property
    def addresses(self) -> List[str]:
        """What it listens to, with the ports that it got.

        Raises: StateError."""
        found: List[str] = []
        while True:
            try:
                found.append(
                    read_text(self._runtime.functions.server_address, self._runtime.handle, len(found))
                )
            except NotFoundError:
                return found

    @property
    def is_running(self) -> bool:
        """From the end of start to the end of stop or drain."""
        return self._runtime.is_running

    @property
    def connection_count(self) -> int:
        """How many connections are open in this process.

        Raises: StateError."""
        return check(self._runtime.functions.server_connection_count(self._runtime.handle))

    @property
    def user_count(self) -> int:
        """How many users have a connection in this process.

        Raises: StateError."""
        return check(self._runtime.functions.server_user_count(self._runtime.handle))

    @property
    def room_count(self) -> int:
        """How many rooms have a member in this process.

        Raises: StateError."""
        return check(self._runtime.functions.server_room_count(self._runtime.handle))

    @property
    def rooms(self) -> List[str]:
        """The names of the rooms that have a member in this process.

        Raises: StateError."""
        return read_names(self._runtime.functions.server_rooms, self._runtime.handle)

    @property
    def connections(self) -> List[Connection]:
        """The open connections of this process.

        Raises: StateError."""
        ids = read_ids(self._runtime.functions.server_connections, self._runtime.handle)
        return [self._runtime.connection(ident) for ident in ids]

    @property
    def users(self) -> List[str]:
        """The users that have a connection in this process, each once.

        Raises: StateError."""
        return list(read_pages(self._runtime.functions.server_list_users, self._runtime.handle))

    def user_connections(self, user: str) -> List[Connection]:
        """The connections of a user in this process.

        Raises: StateError."""
        runtime = self._runtime
        ids = read_ids(runtime.functions.user_connections, runtime.handle, a_text("user", user))
        return [runtime.connection(ident) for ident in ids]

    def stats(self) -> Dict[str, Any]:
        """What was counted since the start: connections, messages, bytes, latencies, drops, closes …

        Raises: StateError."""
        text = read_text(self._runtime.functions.server_stats, self._runtime.handle)
        result: Dict[str, Any] = json.loads(text)
        return result

    def metrics(self) -> str:
        """The same numbers in the text format of Prometheus, as metrics_path serves them.

        Raises: StateError."""
        return read_text(self._runtime.functions.server_metrics, self._runtime.handle)

    def health(self) -> Dict[str, Any]:
        """How the server is, as health_path serves it: "status" is ok, degraded or draining.

        Raises: StateError."""
        text = read_text(self._runtime.functions.server_health, self._runtime.handle)
        result: Dict[str, Any] = json.loads(text)
        return result
