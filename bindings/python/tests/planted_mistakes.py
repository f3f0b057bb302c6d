"""A program that runs mypy, and never Python. Each line with the comment "mistake" is one, and no other."""

import datetime

import hearth
import hearth.sync
from hearth.asgi import ConnectionManager, WebSocketConfig, add_websocket_manager, easy_websocket_manager

server = hearth.Server(
    "127.0.0.1:8000",
    ping_interval=20,
    ping_timeout="500ms",
    close_timeout=datetime.timedelta(seconds=3),
    max_message_size="64KiB",
    max_outbox_bytes=65536,
    max_connections=1000,
    compression=True,
    slow_consumer="drop_oldest",
    rate_limit_messages="10/s",
    json_events=["chat", "move"],
    tls_certificate="server.pem",
    redis_url="redis://127.0.0.1",
)

# Each type of a key, for a server.
hearth.Server(ping_intervall=3)  # mistake
hearth.Server(ping_interval=["x"])  # mistake
hearth.Server(ping_interval=None)  # mistake
hearth.Server(max_message_size=1.5)  # mistake
hearth.Server(max_connections="many")  # mistake
hearth.Server(compression="yes")  # mistake
hearth.Server(slow_consumer="drop")  # mistake
hearth.Server(rate_limit_messages=10)  # mistake
hearth.Server(json_events=5)  # mistake
hearth.Server(server_root=7)  # mistake
hearth.Server(drain_close_code=1000)  # mistake
hearth.Server(reconnect_enabled=True)  # mistake
hearth.Server(listen=8000)  # mistake
hearth.Server(driven="yes")  # mistake
hearth.Server(event_queue_max=10)  # mistake
hearth.sync.Server("127.0.0.1:0", ping_intervall=3)  # mistake
hearth.sync.Server("127.0.0.1:0", max_sessions="many")  # mistake

# Each option of a route.
server.route("/ok", join="auto", relay="others", dialect="json", events=["join", "leave"], echo=False)
server.route("/room/{id}", join=hearth.Template("room:{id}"), auth="user", claims={"room": "{id}"})
server.route("/", join="autoo")  # mistake
server.route("/", join=True)  # mistake
server.route("/", relay="other")  # mistake
server.route("/", event="on")  # mistake
server.route("/", accept="yes")  # mistake
server.route("/", subprotocols=[1])  # mistake
server.route("/", dialect="jason")  # mistake
server.route("/", events=["joined"])  # mistake
server.route("/", echo="off")  # mistake
server.route("/", rooms=5)  # mistake
server.route("/", auth="users")  # mistake
server.route("/", scopes=[None])  # mistake
server.route("/", claims=["room"])  # mistake
server.route("/", tokens=["body"])  # mistake
server.route("/", reject="never")  # mistake
server.route("/", max_inbox_messages="many")  # mistake
server.route("/", max_inbox_bytes=1.5)  # mistake
server.route("/", joinn="auto")  # mistake
hearth.sync.Server().route("/", join="autoo")  # mistake
server.http("/", 5)  # mistake

# Each type of a key, for a client.
hearth.connect("ws://a/", open_timeout=2.5, query={"a": 1}, headers=[("X-A", "b")], subprotocols=["chat"])
hearth.Client("ws://a/", stop_on=[4000, 4001], reconnect_policy="fixed", reconnect_jitter=0.5)
hearth.connect("ws://a/", open_timeoutt=2)  # mistake
hearth.connect("ws://a/", open_timeout=[2])  # mistake
hearth.connect("ws://a/", max_queue_size="many")  # mistake
hearth.connect("ws://a/", reconnect_policy="soon")  # mistake
hearth.connect("ws://a/", reconnect_jitter="much")  # mistake
hearth.connect("ws://a/", reconnect_enabled=3)  # mistake
hearth.connect("ws://a/", stop_on=4000)  # mistake
hearth.connect("ws://a/", proxy=8080)  # mistake
hearth.connect("ws://a/", tls_ca_file=True)  # mistake
hearth.connect("ws://a/", headers="X-A: b")  # mistake
hearth.connect("ws://a/", subprotocols=1)  # mistake
hearth.connect("ws://a/", query="a=1")  # mistake
hearth.connect("ws://a/", prepare=5)  # mistake
hearth.connect("ws://a/", max_connections=5)  # mistake
hearth.Client("ws://a/", max_queue_messages="many")  # mistake
hearth.sync.connect("ws://a/", open_timeoutt=2)  # mistake
hearth.sync.Client("ws://a/", open_timeout=[2])  # mistake

# The manager of ASGI applications.
ConnectionManager(max_connections_per_user=5, heartbeat={"type": "ping"}, channel_prefix="chat:")
ConnectionManager(max_connections_per_userr=5)  # mistake
ConnectionManager(ping_interval=["x"])  # mistake
ConnectionManager(channel_prefix=5)  # mistake
ConnectionManager(environment_prefix=5)  # mistake
easy_websocket_manager(slow_consumer="drop")  # mistake
add_websocket_manager(object(), ping_intervall=3)  # mistake
WebSocketConfig(open_timeout=5, ping_interval=None)
WebSocketConfig(open_timeoutt=5)  # mistake
WebSocketConfig(max_queue_size="many")  # mistake


@server.route("/session")
async def session(connection: hearth.Connection) -> None:
    await connection.close("bye")  # mistake
    connection.join(5)  # mistake
    connection.path["room"]  # mistake
    connection.cookies["token"].upper()
    server.room("a").broadcast("x", except_=5)  # mistake


@server.route("/plain")  # mistake
def plain(connection: hearth.Connection) -> None:
    connection.send("x")


@server.on_message  # mistake
def message(connection: hearth.Connection, data: bytes) -> None:
    connection.send(data)


server.on(5)  # mistake
server.on("chat", concurrent=1)  # mistake
