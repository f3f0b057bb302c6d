"""hearth.sync: the server and the client for programs without asyncio."""

import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import pytest
from conftest import ROOT

import hearth
from hearth import sync


@pytest.fixture
def echo_server(library):
    server = sync.Server("127.0.0.1:0")

    @server.route("/echo")
    def echo(connection):
        for message in connection:
            connection.send(message)

    @server.route("/rooms/{room}")
    def room(connection):
        connection.join(connection.captures["room"])
        for message in connection:
            server.room(connection.captures["room"]).broadcast(message, except_=connection)

    @server.route("/fails")
    def fails(connection):
        connection.state["number"] = 1
        raise ValueError("a session that fails, as the test wants it")

    with server:
        yield server


def connect(server, path="/echo", **options):
    return sync.connect(f"ws://127.0.0.1:{server.port}{path}", **options)


def wait_until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


def test_a_script_talks_to_a_server_in_the_same_process(echo_server):
    with connect(echo_server) as ws:
        assert ws.is_connected and ws.send("hello") > 0
        assert ws.recv().text == "hello"
        ws.send_json({"a": [1]})
        assert ws.recv_json(timeout=20) == {"a": [1]}
        ws.send(b"\0")
        assert ws.recv(20).data == b"\0"
        assert ws.url.endswith("/echo") and ws.info.messages_sent == 3
    assert not ws.is_connected
    ws.close()
    with pytest.raises(hearth.ClosedError):
        ws.send("late")


def test_members_of_a_room_hear_each_other(echo_server):
    with connect(echo_server, "/rooms/a") as first, connect(echo_server, "/rooms/a") as second:
        wait_until(lambda: len(echo_server.room("a").members) == 2)
        first.send("hi")
        assert second.recv(20).text == "hi"
        assert echo_server.broadcast("to all") == 2
        assert first.recv(20).text == second.recv(20).text == "to all"
        assert echo_server.rooms == ["a"] and echo_server.connection_count == 2


def test_receiving_has_a_time_limit_and_loses_nothing(echo_server):
    with connect(echo_server) as ws:
        with pytest.raises(TimeoutError):
            ws.recv(timeout=0.01)
        ws.send("kept")
        assert ws.recv(timeout=20).text == "kept"


def test_iterating_ends_when_the_server_stops(library):
    server = sync.Server("127.0.0.1:0")

    @server.route("/")
    def session(connection):
        connection.send("one")
        connection.send("two")

    with server, connect(server, "/") as ws:
        assert [message.text for message in ws] == ["one", "two"]


def test_a_session_that_raises_closes_its_connection_with_1011(echo_server):
    with connect(echo_server, "/fails", reconnect_enabled=False) as ws, connect(echo_server) as other:
        with pytest.raises(hearth.ClosedError) as caught:
            ws.recv(20)
        assert caught.value.close_code == 1011
        other.send("still here")
        assert other.recv(20).text == "still here"


def test_sessions_block_without_holding_up_others(library):
    server, gate = sync.Server("127.0.0.1:0", max_sessions=2), threading.Event()

    @server.route("/slow")
    def slow(connection):
        gate.wait(20)
        connection.send("at last")

    @server.route("/echo")
    def echo(connection):
        for message in connection:
            connection.send(message)

    with server, connect(server, "/slow") as waiting, connect(server) as ws:
        ws.send("quick")
        assert ws.recv(20).text == "quick"
        with connect(server, reconnect_enabled=False) as third:
            with pytest.raises(hearth.ClosedError) as caught:
                third.recv(20)
            assert caught.value.close_code == 1013
        gate.set()
        assert waiting.recv(20).text == "at last"


def test_a_client_that_cannot_connect_says_why(library):
    before = threading.active_count()
    with pytest.raises(hearth.HearthError):
        sync.connect("ws://127.0.0.1:1/")
    with pytest.raises(hearth.InvalidValueError):
        sync.connect("http://127.0.0.1/")
    wait_until(lambda: threading.active_count() == before)


def test_a_handler_in_the_event_loop_must_not_wait_for_it(library):
    server, seen = sync.Server("127.0.0.1:0"), []

    @server.on_message
    def stop(connection, message):
        try:
            server.stop()
        except RuntimeError as error:
            seen.append(str(error))

    with server, connect(server, "/") as ws:
        ws.send("stop")
        wait_until(lambda: seen)
        assert "must not wait" in seen[0]


PROGRAM = """
import signal
import hearth.sync
server = hearth.sync.Server("127.0.0.1:0")

@server.on_message
def tell(connection, message):
    connection.send("serving" if serving() else "not yet")

def serving():
    return signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL

server.start()
print(server.port, flush=True)
server.serve()
print("served", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serving_ends_politely_by_a_signal(library, number):
    environment = {**os.environ, "PYTHONPATH": str(pathlib.Path(ROOT) / "bindings" / "python")}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    program = subprocess.Popen([sys.executable, "-c", PROGRAM], env=environment, **pipes)
    try:
        port = int(program.stdout.readline())
        with sync.connect(f"ws://127.0.0.1:{port}/", reconnect_enabled=False) as ws:
            ws.send("?")
            while ws.recv(20).text != "serving":
                ws.send("?")
            program.send_signal(number)
            with pytest.raises(hearth.ClosedError) as caught:
                ws.recv(20)
            assert caught.value.close_code == 1001
        output, errors = program.communicate(timeout=20)
    finally:
        program.kill()
    assert (output, errors, program.returncode) == ("served\n", "", 0)


FORGETFUL = """
import os, sys
import hearth, hearth.sync
server = hearth.sync.Server("127.0.0.1:0")
server.on_message(lambda connection, message: connection.send(message))
server.start()
ws = hearth.sync.connect(f"ws://127.0.0.1:{server.port}/")
ws.send("hello")
print(ws.recv(20).text, flush=True)
child = os.fork()
if child == 0:
    try:
        ws.recv(20)
    except RuntimeError as error:
        print(error, flush=True)
        os._exit(0)
    os._exit(1)
print(os.waitpid(child, 0)[1], flush=True)
"""


def test_a_program_may_fork_and_may_end_without_closing_anything(library):
    environment = {**os.environ, "PYTHONPATH": str(pathlib.Path(ROOT) / "bindings" / "python")}
    command = [sys.executable, "-W", "ignore", "-c", FORGETFUL]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.returncode) == ("hello\nit is not open\n0\n", 0), done.stderr
