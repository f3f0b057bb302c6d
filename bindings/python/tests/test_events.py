"""Packed events, written here byte by byte as include/hearth.h describes them."""

import struct

import hearth
from hearth import _abi
from hearth._dispatch import Dispatcher
from hearth._routes import Handlers

LISTS = {"headers": b"host\0x\0", "captures": b"room\0a\0"}


def packed(kind, connection=1, *, flags=0, code=0, opcode=0, route=-1, data=b"", room=b"", user=b"",
           path=b"", info=b""):  # fmt: skip
    strings = data + room + user + path + info
    size = (64 + len(strings) + 7) // 8 * 8
    head = struct.pack(
        "<IHHQIiIiIIIIIIQ", size, kind, flags, connection, 1, code, opcode, route,
        len(data), len(room), len(user), len(path), len(info), 0, 1_700_000_000_000,
    )  # fmt: skip
    return (head + strings).ljust(size, b"\0")


def handshake():
    parts = [b"GET", b"a=1", b"127.0.0.1:5", LISTS["headers"], LISTS["captures"]]
    return struct.pack("<5I", *(len(part) for part in parts)) + b"".join(parts)


def dispatcher(**handlers):
    return Dispatcher(hearth.Server("127.0.0.1:0")._runtime, Handlers(**handlers), {})


def deliver(target, *records):
    block = b"".join(records)
    target.deliver(memoryview(block), len(block))


async def test_a_batch_is_handled_in_order(library):
    seen = []
    target = dispatcher(
        open=lambda connection: seen.append(("open", connection.path, connection.query, connection.user)),
        message=lambda connection, message: seen.append((message.opcode, message.data)),
        joined=lambda connection, room: seen.append(("joined", room.name)),
        close=lambda connection: seen.append(("close", connection.close_code, connection.close_reason)),
    )
    deliver(
        target,
        packed(_abi.EVENT_OPEN, user=b"ann", path=b"/chat/a", info=handshake()),
        packed(_abi.EVENT_JOINED, room=b"a"),
        packed(_abi.EVENT_MESSAGE, opcode=1, data=b"1234567"),
        packed(_abi.EVENT_MESSAGE, opcode=2, data=b"12345678"),
        packed(_abi.EVENT_MESSAGE, opcode=2),
        packed(_abi.EVENT_CLOSE, code=1000, data=b"done", flags=_abi.EVENT_CLEAN),
    )
    assert seen == [
        ("open", "/chat/a", {"a": "1"}, "ann"),
        ("joined", "a"),
        (1, b"1234567"),
        (2, b"12345678"),
        (2, b""),
        ("close", 1000, "done"),
    ]
    assert target.connections == {}


async def test_an_event_of_a_later_version_is_passed_over(library):
    seen = []
    target = dispatcher(message=lambda connection, message: seen.append(message.data))
    deliver(
        target,
        packed(_abi.EVENT_OPEN, info=handshake()),
        packed(999, data=b"unknown"),
        packed(_abi.EVENT_MESSAGE, opcode=2, data=b"after"),
    )
    assert seen == [b"after"]


async def test_messages_of_a_connection_that_is_not_known_are_passed_over(library):
    seen = []
    target = dispatcher(message=lambda connection, message: seen.append(message.data))
    deliver(target, packed(_abi.EVENT_MESSAGE, 77, opcode=2, data=b"x"), packed(_abi.EVENT_CLOSE, 77))
    assert seen == []


async def test_a_handshake_is_read_when_it_is_asked_for(library):
    opened = []
    target = dispatcher(open=opened.append)
    deliver(target, packed(_abi.EVENT_OPEN, path=b"/chat/a", info=handshake()))
    (connection,) = opened
    assert connection.headers == {"host": "x"}
    assert connection.captures == {"room": "a"}
    assert connection.address == "127.0.0.1:5"


async def test_dropped_tells_how_many(library):
    seen = []
    target = dispatcher(dropped=lambda connection, count: seen.append((connection.id, count)))
    deliver(target, packed(_abi.EVENT_OPEN, info=handshake()), packed(_abi.EVENT_DROPPED, code=12))
    assert seen == [(1, 12)]
