"""hearth.asgi: the connection manager in FastAPI on uvicorn, and in bare ASGI."""

import asyncio
import contextlib
import json

import pytest
import uvicorn
from conftest import WAIT_SECONDS, Peer, fetch, until
from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect
from starlette.testclient import TestClient
from websockets.asyncio.client import connect

from hearth import asgi
from hearth.asgi import ConnectionManager, add_websocket_manager, easy_websocket_manager, get_ws_manager


@contextlib.asynccontextmanager
async def serving(app, **options):
    """uvicorn with an application: its port."""
    configuration = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_level="error", timeout_graceful_shutdown=3, **options
    )
    server = uvicorn.Server(configuration)
    server.capture_signals = contextlib.nullcontext
    task = asyncio.ensure_future(server.serve())
    await until(lambda: server.started or task.done())
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await asyncio.wait_for(task, WAIT_SECONDS)


@contextlib.asynccontextmanager
async def joined(port, path, **options):
    async with connect(f"ws://127.0.0.1:{port}{path}", proxy=None, **options) as socket:
        yield Peer(socket)


def chat_application(**options):
    """The chat of the documentation: who joins is announced, one's own messages do not come back."""
    app = FastAPI()
    manager = add_websocket_manager(app, **options)

    @app.websocket("/chat/{room}/{user_id}")
    async def chat(websocket: WebSocket, room: str, user_id: str):
        await manager.connect(user_id, websocket)
        await manager.join_room(user_id, room)
        try:
            await manager.broadcast_to_room(room, {"type": "system", "message": f"{user_id} joined"})
            async for data in websocket.iter_json():
                answer = {"type": "message", "from": user_id, "message": data.get("message")}
                await manager.broadcast_to_room(room, answer, exclude_user=user_id)
        finally:
            await manager.leave_room(user_id, room)
            await manager.disconnect(user_id, websocket)
            await manager.broadcast_to_room(room, {"type": "system", "message": f"{user_id} left"})

    return app, manager


async def test_messages_are_broadcast_to_everybody(library):
    app = FastAPI()
    manager = add_websocket_manager(app)

    @app.websocket("/ws/{user_id}")
    async def endpoint(websocket: WebSocket, user_id: str):
        await manager.connect(user_id, websocket)
        try:
            async for message in websocket.iter_json():
                assert await manager.broadcast(message) == 2
        finally:
            await manager.disconnect(user_id, websocket)

    async with serving(app) as port, joined(port, "/ws/a") as first, joined(port, "/ws/b") as second:
        await until(lambda: manager.connection_count == 2)
        await first.send('{"hello": 1}')
        assert await first.receive_json() == await second.receive_json() == {"hello": 1}


@pytest.mark.parametrize("ws", ["websockets-sansio", "wsproto"])
async def test_each_way_of_uvicorn_to_speak_websocket_will_do(library, ws):
    app, manager = chat_application(max_outbox_bytes="8MiB")
    paths = "/chat/x/ann", "/chat/x/ben"
    async with serving(app, ws=ws) as port, joined(port, paths[0]) as ann, joined(port, paths[1]) as ben:
        await until(lambda: manager.connection_count == 2)
        for number in range(50):
            await ben.send(json.dumps({"message": [number] * 1000}))
        got = [await ann.receive_json() for _ in range(52)]
        assert [each["message"][0] for each in got[2:]] == list(range(50))
        await manager.disconnect("ann", reason="enough")
        assert await ann.closing() == (1000, "enough")
        await until(lambda: manager.active_users == ["ben"])


async def test_a_chat_has_rooms_and_leaves_out_who_sends(library):
    app, manager = chat_application()
    async with serving(app) as port, joined(port, "/chat/x/ann") as ann:
        assert (await ann.receive_json())["message"] == "ann joined"
        async with joined(port, "/chat/x/ben") as ben, joined(port, "/chat/y/cid") as cid:
            assert (await ann.receive_json())["message"] == "ben joined"
            assert (await ben.receive_json())["message"] == "ben joined"
            assert (await cid.receive_json())["message"] == "cid joined"
            assert sorted(await manager.get_room_users("x")) == ["ann", "ben"]
            assert manager.room_count == 2
            await ben.send('{"message": "hi"}')
            expected = {"type": "message", "from": "ben", "message": "hi"}
            assert await ann.receive_json() == expected
            await ann.send('{"message": "ho"}')
            assert (await ben.receive_json())["message"] == "ho"
        assert (await ann.receive_json())["message"] == "ben left"
        await until(lambda: manager.room_count == 1)


async def test_hooks_are_called_once_for_each_connection_however_it_ends(library):
    app = FastAPI()
    manager = add_websocket_manager(app)
    told = []

    @manager.on_connect
    async def connected(user_id, websocket):
        told.append(("connected", user_id, isinstance(websocket, WebSocket)))
        await manager.broadcast({"event": "user_joined", "user": user_id}, exclude_user=user_id)

    @manager.on_disconnect
    async def disconnected(user_id, websocket):
        told.append(("disconnected", user_id))
        await manager.broadcast({"event": "user_left", "user": user_id})

    @manager.on_disconnect
    def disconnected_how(user_id, websocket, code, reason):
        told.append((user_id, code, reason))

    @app.websocket("/{user_id}")
    async def endpoint(websocket: WebSocket, user_id: str):
        await manager.connect(user_id, websocket)
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                await websocket.receive_text()
        if user_id == "tidy":
            await manager.disconnect(user_id, websocket)

    async with serving(app) as port, joined(port, "/watcher") as watcher:
        for user in ("tidy", "careless"):
            async with joined(port, f"/{user}") as socket:
                await until(lambda: manager.is_user_connected(user))
                await socket.close(4001, "bye")
            assert (await watcher.receive_json())["event"] == "user_joined"
            assert await watcher.receive_json() == {"event": "user_left", "user": user}
            assert not manager.is_user_connected(user)
        assert told[1:] == [
            ("connected", "tidy", True), ("disconnected", "tidy"), ("tidy", 4001, "bye"),
            ("connected", "careless", True), ("disconnected", "careless"), ("careless", 4001, "bye"),
        ]  # fmt: skip


async def test_routes_get_the_manager_and_tell_who_is_there(library):
    app, manager = chat_application()

    @app.get("/ws/stats")
    async def stats(request: Request):
        found = get_ws_manager(request)
        assert found is manager
        return {"connections": found.connection_count, "users": found.active_users, "rooms": found.room_count}

    async with serving(app) as port, joined(port, "/chat/x/ann"), joined(port, "/chat/x/ann"):
        await until(lambda: manager.room_count == 1 and manager.connection_count == 2)
        status, _, body = await fetch(port, "/ws/stats")
        assert (status, json.loads(body)) == (200, {"connections": 2, "users": ["ann"], "rooms": 1})
        assert manager.stats()["connections"]["open"] == 2


async def test_a_notification_reaches_each_connection_of_its_user(library):
    app = FastAPI()
    manager = add_websocket_manager(app)

    @app.websocket("/notifications/{user_id}")
    async def notifications(websocket: WebSocket, user_id: str):
        await manager.connect(user_id, websocket, {"agent": websocket.headers["user-agent"]})
        try:
            while True:
                await websocket.receive_text()
        except WebSocketDisconnect:
            pass
        finally:
            await manager.disconnect(user_id, websocket)

    async with serving(app) as port:
        paths = ["/notifications/ann", "/notifications/ann", "/notifications/ben"]
        async with contextlib.AsyncExitStack() as stack:
            peers = [joined(port, path, user_agent_header="test") for path in paths]
            sockets = [await stack.enter_async_context(each) for each in peers]
            await until(lambda: manager.connection_count == 3)
            note = {"type": "notification", "data": {"n": 1}}
            assert await manager.send_to_user("ann", note) == 2
            assert await manager.send_to_user("nobody", note) == 0
            assert await manager.send_to_user("ben", b"\0\1") == 1
            assert [await socket.receive_json() for socket in sockets[:2]] == [note, note]
            assert await sockets[2].receive() == b"\0\1"
            first, second = manager.get_user_connections("ann")
            assert first.user_id == "ann" and first.connection_id != second.connection_id
            assert first.metadata == {"agent": "test"} and first.messages_sent == 1
            assert first.connected_at <= first.last_activity.replace(microsecond=999999)
            assert first.last_activity.tzinfo is not None


async def test_a_dashboard_is_pushed_from_a_task_of_the_application(library):
    @contextlib.asynccontextmanager
    async def lifespan(app):
        async def push():
            for number in range(10_000):
                await manager.broadcast({"type": "dashboard_update", "data": number})
                await asyncio.sleep(0.01)

        task = asyncio.create_task(push())
        yield
        task.cancel()

    app = FastAPI(lifespan=lifespan)
    manager = add_websocket_manager(app)

    @app.websocket("/dashboard/live")
    async def dashboard(websocket: WebSocket):
        await manager.connect("viewer", websocket)
        try:
            while True:
                await websocket.receive_text()
        except WebSocketDisconnect:
            pass
        finally:
            await manager.disconnect("viewer", websocket)

    async with serving(app) as port, joined(port, "/dashboard/live") as viewer:
        first = await viewer.receive_json()
        assert (await viewer.receive_json())["data"] == first["data"] + 1


async def test_a_user_has_so_many_connections_of_an_application(library):
    app = FastAPI()
    manager = add_websocket_manager(app, max_connections_per_user=1)
    refused = []

    @app.websocket("/ws")
    async def limited(websocket: WebSocket):
        if len(manager.get_user_connections("ann")) >= 5:
            await websocket.close(code=4008, reason="Too many connections")
            return
        try:
            await manager.connect("ann", websocket)
        except asgi.ConnectionClosedError as error:
            refused.append((error.code, error.reason))
            return
        with contextlib.suppress(WebSocketDisconnect):
            await websocket.receive_text()
        await manager.disconnect("ann", websocket)

    async with serving(app) as port, joined(port, "/ws") as first:
        await until(lambda: manager.connection_count == 1)
        async with joined(port, "/ws") as second:
            code, reason = await second.closing()
        await until(lambda: refused)
        assert (code, refused) == (4503, [(code, reason)])
        await first.close()
        await until(lambda: manager.connection_count == 0)
        async with joined(port, "/ws"):
            await until(lambda: manager.connection_count == 1)


async def test_rates_hold_for_messages_that_the_framework_receives(library):
    app = FastAPI()
    manager = add_websocket_manager(app, rate_limit_messages="3/h", max_rate_limit_drops=2)
    seen = []

    @app.websocket("/ws")
    async def endpoint(websocket: WebSocket):
        await manager.connect("ann", websocket)
        with contextlib.suppress(WebSocketDisconnect):
            async for text in websocket.iter_text():
                seen.append(text)
        await manager.disconnect("ann", websocket)

    async with serving(app) as port, joined(port, "/ws") as socket:
        for number in range(12):
            with contextlib.suppress(Exception):
                await socket.send(str(number))
        code, _ = await socket.closing()
        # One beyond the rate is the warning, and passes.
        assert code == 4105 and seen == ["0", "1", "2", "3"]
        await until(lambda: manager.connection_count == 0)


async def test_shutdown_says_goodbye_and_closes_everybody(library):
    app, manager = chat_application()
    ended = []
    manager.on_disconnect(lambda user_id, websocket: ended.append(user_id))
    async with serving(app) as port, joined(port, "/chat/x/ann") as ann, joined(port, "/chat/x/ben") as ben:
        await until(lambda: manager.connection_count == 2)
        await manager.broadcast({"type": "system", "message": "Server shutting down"})
        for user_id in manager.active_users:
            await manager.disconnect(user_id, code=1001, reason="restart")
        assert sorted(ended) == ["ann", "ben"]
        for socket in (ann, ben):
            texts = []
            with contextlib.suppress(Exception):
                while True:
                    texts.append((await socket.receive_json())["message"])
            assert "Server shutting down" in texts
            assert await socket.closing() == (1001, "restart")
        assert manager.connection_count == 0 and manager.active_users == []


async def test_stop_closes_what_is_open_and_a_manager_starts_again(library):
    manager = easy_websocket_manager()
    app = FastAPI()
    ended = []
    manager.on_disconnect(lambda user_id, websocket, code, reason: ended.append((code, reason)))

    @app.websocket("/ws")
    async def endpoint(websocket: WebSocket):
        await manager.connect("ann", websocket)
        with contextlib.suppress(WebSocketDisconnect):
            await websocket.receive_text()

    async with serving(app) as port:
        for _ in range(2):
            async with joined(port, "/ws") as socket:
                await until(lambda: manager.connection_count == 1)
                await manager.stop("enough")
                assert await socket.closing() == (1001, "enough")
        assert ended == [(1001, "enough")] * 2
        assert manager.connection_count == 0 and await manager.broadcast("to nobody") == 0


async def test_rooms_are_of_users_or_of_one_connection(library):
    app = FastAPI()
    manager = add_websocket_manager(app)
    sockets = []

    @app.websocket("/ws")
    async def endpoint(websocket: WebSocket):
        await manager.connect("ann", websocket)
        sockets.append(websocket)
        with contextlib.suppress(WebSocketDisconnect):
            await websocket.receive_text()
        await manager.disconnect("ann", websocket)

    async with serving(app) as port, joined(port, "/ws"), joined(port, "/ws") as second:
        await until(lambda: len(sockets) == 2)
        assert await manager.join_room("ann", "tab", sockets[1])
        assert not await manager.join_room("ann", "tab", sockets[1])
        assert await manager.broadcast_to_room("tab", "only the second") == 1
        assert await second.receive() == "only the second"
        assert await manager.join_room("ann", "user")
        async with joined(port, "/ws"):
            await until(lambda: len(sockets) == 3)
            assert await manager.broadcast_to_room("user", "all three") == 3
            assert not await manager.leave_room("ann", "user", sockets[2])
        assert await manager.leave_room("ann", "user")
        assert await manager.get_room_users("user") == [] == await manager.get_room_users("nowhere")
        assert not await manager.join_room("nobody", "user")


async def test_a_peer_that_does_not_read_is_closed_and_holds_up_nobody(library):
    app = FastAPI()
    manager = add_websocket_manager(app, max_outbox_bytes="256KiB", close_timeout=0.5)
    ended = []
    manager.on_disconnect(lambda user_id, websocket, code, reason: ended.append((user_id, code)))

    @app.websocket("/{user_id}")
    async def endpoint(websocket: WebSocket, user_id: str):
        await manager.connect(user_id, websocket)
        with contextlib.suppress(WebSocketDisconnect):
            await websocket.receive_text()

    async with serving(app) as port, joined(port, "/good") as good:
        url = f"ws://127.0.0.1:{port}/slow"
        async with connect(url, proxy=None, max_queue=1, compression=None, close_timeout=1):
            await until(lambda: manager.connection_count == 2)
            sent = 0
            while manager.is_user_connected("slow") and sent < 2000:
                await manager.broadcast(bytes(32768))
                sent += 1
                assert len(await good.receive()) == 32768
            await until(lambda: [user for user, _ in ended] == ["slow"])
            assert manager.is_user_connected("good")


async def test_a_heartbeat_asks_for_an_answer(library):
    app = FastAPI()
    manager = add_websocket_manager(app, heartbeat={"type": "ping"}, ping_interval=0.2, ping_timeout=0.4)

    @app.websocket("/{user_id}")
    async def endpoint(websocket: WebSocket, user_id: str):
        await manager.connect(user_id, websocket)
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                await websocket.receive_text()

    async with serving(app) as port, joined(port, "/lively") as lively, joined(port, "/silent") as silent:
        await until(lambda: manager.connection_count == 2)
        while manager.is_user_connected("silent"):
            assert await lively.receive_json() == {"type": "ping"}
            await lively.send("pong")
        assert (await silent.closing())[0] == 1011
        assert manager.is_user_connected("lively")


async def test_an_application_without_a_framework_has_a_manager_too(library):
    manager = ConnectionManager()

    async def application(scope, receive, send):
        if scope["type"] == "lifespan":
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        found = get_ws_manager(scope)
        socket = asgi.ASGIWebSocket(scope, receive, send)
        await found.connect("ann", socket)
        async for value in socket.iter_json():
            await found.send_to_user("ann", {"echo": value})
        await found.disconnect("ann", socket)

    async with serving(asgi.ManagerMiddleware(application, manager)) as port, joined(port, "/") as socket:
        await socket.send("[1]")
        assert await socket.receive_json() == {"echo": [1]}
        await socket.close()
        await until(lambda: manager.connection_count == 0)


def test_the_test_client_of_the_framework_works(library):
    app, manager = chat_application()
    with TestClient(app) as client:
        with client.websocket_connect("/chat/x/ann") as ann:
            assert ann.receive_json()["message"] == "ann joined"
            with client.websocket_connect("/chat/x/ben") as ben:
                assert ben.receive_json()["message"] == ann.receive_json()["message"] == "ben joined"
                ben.send_json({"message": "hi"})
                assert ann.receive_json()["from"] == "ben"
    for _ in range(2):
        # Without a lifespan each connection has an event loop of its own.
        with TestClient(app).websocket_connect("/chat/x/ann") as ann:
            assert ann.receive_json()["message"] == "ann joined"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_handlers_of_startup_and_shutdown_run_while_the_manager_does(library):
    app, told = FastAPI(), []
    manager = add_websocket_manager(app)

    @app.on_event("startup")
    async def start():
        told.append(("startup", manager.server.is_running))

    @app.on_event("shutdown")
    async def stop():
        told.append(("shutdown", manager.server.is_running))

    with TestClient(app):
        pass
    assert told == [("startup", True), ("shutdown", True)] and not manager.server.is_running


async def test_what_the_manager_cannot_do_is_an_error(library):
    manager = ConnectionManager()
    with pytest.raises(TypeError, match="FastAPI or Starlette"):
        add_websocket_manager(lambda scope, receive, send: None)
    with pytest.raises(RuntimeError, match="add_websocket_manager"):
        get_ws_manager({"app": FastAPI()})
    with pytest.raises(library.UnknownKeyError):
        ConnectionManager(max_conections=1)
    with pytest.raises(TypeError):
        await manager.broadcast({"not": {"json"}})
    await manager.start()
    with pytest.raises(UnicodeEncodeError):
        await manager.broadcast("\ud800")
    with pytest.raises(RuntimeError, match="another event loop"):
        await asyncio.to_thread(lambda: asyncio.run(manager.start()))
    await manager.stop()
    await manager.stop()


async def test_settings_come_from_the_environment_and_the_program_wins(library, monkeypatch):
    monkeypatch.setenv("WS_MAX_MESSAGE_SIZE", "2048")
    monkeypatch.setenv("WS_PING_INTERVAL", "7")
    configuration = ConnectionManager(ping_interval=9).server._configuration
    assert configuration.get("max_message_size") in ("2048", "2KiB")
    assert configuration.get("ping_interval").startswith("9")


def test_all_names_of_the_documentation_exist(library):
    for name in (
        "WebSocketClient websocket_connect easy_websocket_client ConnectionManager easy_websocket_manager "
        "add_websocket_manager get_ws_manager WebSocketConfig get_default_config ConnectionState "
        "WebSocketMessage ConnectionInfo WebSocketError ConnectionClosedError ConnectionFailedError "
        "AuthenticationError MessageTooLargeError"
    ).split():
        assert hasattr(asgi, name), name
        assert name in asgi.__all__
