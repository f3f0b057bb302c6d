"""Configuration, starting, stopping, and what is said after the end."""

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import threading

import hearth
import pytest
import websockets.sync.client
from conftest import ROOT, bare_peer, peer, until
from websockets.exceptions import InvalidStatus


async def test_an_unknown_key_is_refused_with_the_nearest_one(library):
    with pytest.raises(library.UnknownKeyError, match="ping_interval"):
        library.Server("127.0.0.1:0", ping_intervall=20)


@pytest.mark.parametrize("value", ["soon", -1, "20parsecs"])
async def test_a_bad_value_is_refused_with_a_sentence(library, value):
    with pytest.raises(library.InvalidValueError, match="ping_interval"):
        library.Server("127.0.0.1:0", ping_interval=value)


@pytest.mark.parametrize("value", [None, object(), {"a": 1}])
async def test_a_value_of_another_type_raises_type_error(library, value):
    with pytest.raises(TypeError):
        library.Server("127.0.0.1:0", ping_interval=value)


async def test_keys_are_read_from_the_environment(library, monkeypatch):
    monkeypatch.setenv("HEARTHTEST_LISTEN", "127.0.0.1:0")
    monkeypatch.setenv("HEARTHTEST_PING_INTERVAL", "7")
    async with library.Server(environment_prefix="HEARTHTEST_") as server:
        assert server.port > 0
        assert server._configuration.get("ping_interval") in ("7", "7s")


async def test_a_bad_value_in_the_environment_is_refused(library, monkeypatch):
    monkeypatch.setenv("HEARTHTEST_PING_INTERVAL", "soon")
    with pytest.raises(library.InvalidValueError, match="ping_interval"):
        library.Server(environment_prefix="HEARTHTEST_")


async def test_several_addresses_are_listened_to(new_server, tmp_path):
    path = tmp_path / "hearth.sock"
    async with new_server(["127.0.0.1:0", f"unix:{path}"]) as server:
        assert server.addresses[0] == f"127.0.0.1:{server.port}"
        assert len(server.addresses) == 2
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (await asyncio.wait_for(reader.read(), 20)).startswith(b"HTTP/1.1 ")
        writer.close()


async def test_an_address_in_use_is_named(new_server):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = new_server(f"127.0.0.1:{port}")
        with pytest.raises(hearth.AddressInUseError, match=str(port)):
            await server.start()
        assert not server.is_running


async def test_an_address_that_is_none_is_refused(new_server):
    with pytest.raises(hearth.HearthError):
        await new_server("nonsense").start()


@pytest.mark.parametrize("pattern", ["no-slash", "/{unclosed", "/{a}/{a}"])
async def test_a_bad_pattern_is_refused_at_the_start(new_server, pattern):
    server = new_server()
    server.route(pattern)
    with pytest.raises(hearth.HearthError):
        await server.start()
    assert not server.is_running


async def test_a_bad_route_option_is_refused_at_the_start(new_server):
    server = new_server()
    server.route("/", rooms=["a b*c"], join="auto")
    with pytest.raises(hearth.HearthError):
        await server.start()


async def test_a_route_that_asks_needs_somebody_to_ask(new_server):
    server = new_server()
    server.route("/", accept="ask")
    with pytest.raises(ValueError, match="on_connect"):
        await server.start()


async def test_handlers_of_the_wrong_kind_are_refused(new_server):
    server = new_server()

    async def coroutine(connection, message):
        pass

    with pytest.raises(TypeError, match="plain function"):
        server.on_message(coroutine)
    with pytest.raises(TypeError, match="async def"):
        server.route("/")(lambda connection: None)
    with pytest.raises(TypeError):
        server.on_open("name")
    with pytest.raises(TypeError):
        server.route("/x", subprotocols="chat")
    server.on_open(print)
    with pytest.raises(ValueError, match="already"):
        server.on_open(print)


async def test_before_the_start_and_after_the_stop_calls_raise_state(new_server):
    server = new_server()
    for _ in range(2):
        for call in (
            lambda: server.port,
            lambda: server.broadcast("x"),
            lambda: server.room("x").broadcast("x"),
            lambda: server.connections,
            lambda: server.send_to_user("x", "y"),
        ):
            with pytest.raises(hearth.StateError, match="not running"):
                call()
        async with server:
            assert server.connection_count == 0


async def test_starting_or_adding_routes_while_running_raises_state(new_server):
    async with new_server() as server:
        with pytest.raises(hearth.StateError):
            await server.start()
        with pytest.raises(hearth.StateError):
            server.route("/late")


async def test_a_server_can_be_started_again(new_server):
    server = new_server()
    server.on_message(lambda connection, message: connection.send(message))
    for _ in range(3):
        async with server, peer(server) as client:
            await client.send("again")
            assert await client.receive() == "again"


async def test_stop_closes_with_1001_and_the_reason(new_server):
    server = new_server()
    async with server, peer(server) as client:
        await until(lambda: server.connection_count == 1)
        stopping = asyncio.ensure_future(server.stop("maintenance"))
        assert await client.closing() == (1001, "maintenance")
        await stopping
        assert not server.is_running


async def test_stop_twice_and_stop_before_the_start_do_nothing(new_server):
    server = new_server()
    await server.stop()
    await server.start()
    await asyncio.gather(server.stop(), server.stop())
    await server.stop()


async def test_stop_cuts_peers_that_do_not_answer(new_server):
    server = new_server(shutdown_timeout=0.2, close_timeout=0.1)
    async with server, bare_peer(server) as (reader, _):
        await until(lambda: server.connection_count == 1)
        await server.stop()
        await asyncio.wait_for(reader.read(), 20)


async def test_stop_waits_for_sessions_and_cancels_those_that_take_too_long(new_server):
    server = new_server()
    seen = []

    @server.route("/quick")
    async def quick(connection):
        async for _ in connection:
            pass
        await asyncio.sleep(0.05)
        seen.append("saved")

    @server.route("/stuck")
    async def stuck(connection):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    await server.start()
    async with peer(server, "/quick"), peer(server, "/stuck"):
        await until(lambda: server.connection_count == 2)
        await server.stop(grace=0.5)
    assert seen == ["saved", "cancelled"]


async def test_a_session_may_stop_the_server(new_server):
    server = new_server()

    @server.route("/")
    async def session(connection):
        async for _ in connection:
            await server.stop("asked for")

    async with server, peer(server) as client:
        await client.send("stop")
        assert await client.closing() == (1001, "asked for")
        await until(lambda: not server.is_running)


async def test_serve_ends_politely_when_it_is_cancelled(new_server):
    server = new_server()
    serving = asyncio.ensure_future(server.serve())
    await until(lambda: server.is_running)
    async with peer(server) as client:
        await until(lambda: server.connection_count == 1)
        serving.cancel()
        assert (await client.closing())[0] == 1001
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert not server.is_running


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_serve_ends_politely_at_a_signal(new_server, number):
    server = new_server()
    serving = asyncio.ensure_future(server.serve())
    await until(lambda: server.is_running)
    async with peer(server) as client:
        await until(lambda: server.connection_count == 1)
        os.kill(os.getpid(), number)
        assert (await client.closing())[0] == 1001
    await serving
    assert not server.is_running


async def test_a_second_signal_cuts_what_is_still_open(new_server):
    server = new_server(shutdown_timeout=600, close_timeout=600)
    serving = asyncio.ensure_future(server.serve())
    await until(lambda: server.is_running)
    async with bare_peer(server):
        await until(lambda: server.connection_count == 1)
        os.kill(os.getpid(), signal.SIGTERM)
        await until(lambda: server._stopping is not None)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(serving, 20)
        assert not server.is_running


async def test_two_servers_live_in_one_loop(new_server):
    one, two = new_server(), new_server()
    one.on_message(lambda connection, message: connection.send("one"))
    two.on_message(lambda connection, message: two.broadcast("two"))
    async with one, two, peer(one) as first, peer(two) as second:
        await first.send("?")
        await second.send("?")
        assert (await first.receive(), await second.receive()) == ("one", "two")
        assert one.connection_count == two.connection_count == 1


async def test_threads_ask_for_an_engine_of_its_own_threads(library):
    server = library.Server("127.0.0.1:0", threads=2)
    server.on_message(lambda connection, message: server.broadcast(message))
    async with server, peer(server) as one, peer(server) as two, peer(server) as three:
        await until(lambda: server.connection_count == 3)
        await one.send("all")
        assert [await client.receive() for client in (one, two, three)] == ["all"] * 3


async def test_an_engine_on_own_threads_relays_while_the_asyncio_loop_is_blocked(library):
    server = library.Server("127.0.0.1:0", driven=False)
    server.route("/rooms/{room}", join="auto", relay="all")
    heard = []

    def talk(port):
        with websockets.sync.client.connect(f"ws://127.0.0.1:{port}/rooms/a", proxy=None) as client:
            client.send("through")
            heard.append(client.recv(timeout=20))

    async with server:
        talking = threading.Thread(target=talk, args=(server.port,))
        talking.start()
        talking.join(20)
        assert heard == ["through"]


async def test_nothing_of_a_connection_is_kept_after_its_end(new_server):
    server = new_server()
    server.on_connect(lambda connection: "in" in connection.query)
    server.route("/session")(wait_for_the_end)
    server.route("/{rest*}")
    async with server:
        for _ in range(10):
            for path in ("/?in", "/session?in"):
                async with peer(server, path):
                    pass
            with pytest.raises(InvalidStatus):
                async with peer(server, "/?out"):
                    pass
        dispatcher = server._dispatcher
        await until(lambda: not (dispatcher.connections or dispatcher._opening or dispatcher.tasks))


async def wait_for_the_end(connection):
    async for _ in connection:
        pass


async def test_log_lines_go_to_the_logger_of_the_package(library, caplog):
    caplog.set_level(logging.DEBUG, logger="hearth")
    async with library.Server("127.0.0.1:0", log_level="debug") as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"nonsense\r\n\r\n")
        await asyncio.wait_for(reader.read(), 20)
        writer.close()
    lines = [line for line in caplog.records if line.name == "hearth" and hasattr(line, "hearth_area")]
    assert any("127.0.0.1" in line.hearth_fields.get("peer", "") for line in lines)


PRELOADED = """
import asyncio, os, hearth
from websockets.asyncio.client import connect

made = hearth.Server("127.0.0.1:0")

async def session(connection):
    async for message in connection:
        connection.send(message)

async def serve(server):
    server.route("/{room}")(session)
    async with server, connect(f"ws://127.0.0.1:{server.port}/hall") as peer:
        await peer.send("from a worker")
        assert await asyncio.wait_for(peer.recv(), 20) == "from a worker"

# The parent has an engine of its own before it forks: workers are not of that one.
asyncio.run(serve(hearth.Server("127.0.0.1:0", threads=THREADS)) if THREADS else asyncio.sleep(0))
workers = [os.fork() for _ in range(2)]
if 0 in workers:
    asyncio.run(serve(made))
    os._exit(0)
print([os.waitpid(worker, 0)[1] for worker in workers])
"""


@pytest.mark.parametrize("threads", [0, 1])
def test_a_server_made_before_a_fork_starts_in_every_worker(library, threads):
    program = PRELOADED.replace("THREADS", str(threads))
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "bindings" / "python")}
    command = [sys.executable, "-W", "ignore", "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.returncode) == ("[0, 0]\n", 0), done.stderr


async def test_a_lively_server_leaves_no_descriptor_behind(new_server):
    async def round_trip():
        server = new_server()
        async with server, peer(server):
            pass

    await round_trip()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        await round_trip()
    assert len(os.listdir("/proc/self/fd")) <= before


def test_nothing_is_kept_of_messages_and_connections(library):
    """benchmarks/python_memory.py does the same for a million messages and 100,000 connections."""
    program = ROOT / "benchmarks" / "python_memory.py"
    command = [sys.executable, str(program), "40000", "2000"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
