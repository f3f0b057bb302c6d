"""A chat with rooms, as PROTOCOL.md says; its page is at http://127.0.0.1:8080/, or at the port given."""

import asyncio
import itertools
import re
import sys
import time

import hearth

port = sys.argv[1] if len(sys.argv) > 1 else "8080"
server = hearth.Server(f"127.0.0.1:{port}", server_root=f"{sys.path[0]}/page", max_message_size="8KiB")
server.route("/chat/{room}", join="auto")
message_ids = itertools.count(1)


def stamped(kind, **fields):
    return {"type": kind, "time": int(time.time() * 1000), **fields}


@server.on_left
def tell_rooms(*_):
    rooms = [{"name": name, "count": len(server.room(name).users)} for name in server.rooms]
    server.broadcast_json({"type": "rooms", "rooms": rooms})


@server.on_connect
def choose_name(connection):
    name, visit = connection.query.get("name", ""), connection.query.get("visit", "")
    if not re.fullmatch(r"[a-z0-9-]{1,32}", connection.captures["room"]):
        raise hearth.Reject(4002, "bad room")
    if not re.fullmatch(r"(?! )[^\x00-\x1f\x7f\ufffd]{1,24}(?<! )", name):
        raise hearth.Reject(4001, "bad name")
    if not re.fullmatch(r"[A-Za-z0-9_-]{8,64}", visit):
        raise hearth.Reject(4003, "bad visit")
    for candidate in itertools.chain([name], (f"{name} {number}" for number in itertools.count(2))):
        if all(holder.query["visit"] == visit for holder in server.user_connections(candidate)):
            return candidate


@server.on_joined
def welcome(connection, room):
    connection.send_json(stamped("welcome", room=room.name, name=connection.user, users=room.users))
    tell_rooms()


def tell_room(kind):
    """Each process of a cluster is told of each change, and tells its own members."""

    def tell(room, user):
        room.broadcast_json(stamped(kind, name=user, users=room.users), except_=user, local=True)

    return tell


server.on_user_joined(tell_room("joined"))
server.on_user_left(tell_room("left"))


@server.on_message
def received(connection, message):
    word, _, rest = message.text.partition(":") if message.is_text else ("", "", "")
    key, _, text = rest.partition(":")
    room, user = server.room(connection.captures["room"]), connection.user
    if word == "ping" and re.fullmatch(r"[0-9]{1,15}", rest):
        connection.send_json(stamped("pong", n=int(rest)))
    elif word == "typing" and rest in ("on", "off"):
        room.broadcast_json(stamped("typing", name=user, on=rest == "on"), except_=user)
    elif word != "message" or not re.fullmatch(r"[A-Za-z0-9-]{1,32}", key):
        connection.send_json(stamped("error", code="not_understood", message="Not a frame of this chat."))
    elif not text.strip(" \t\r\n"):
        connection.send_json(stamped("error", code="empty", key=key, message="A message needs some text."))
    elif len(text) > 500:
        connection.send_json(stamped("error", code="too_long", key=key, message="At most 500 characters."))
    else:
        room.broadcast_json(stamped("message", id=next(message_ids), key=key, name=user, text=text))


async def main():
    await server.start()
    print(f"http://127.0.0.1:{server.port}/", flush=True)
    await server.serve()


asyncio.run(main())
