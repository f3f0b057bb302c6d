"""nginx and HAProxy in front of two servers, with the settings of examples/proxies: only ports and times are
others, and the limits that need many descriptors."""

import asyncio
import contextlib
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, free_port, run
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

sys.path.insert(0, str(ROOT / "bindings/python"))

import hearth  # noqa: E402

WAIT_SECONDS = 20
#: Where the members of the tests come from; the proxies are 127.0.0.1.
MEMBER = "127.0.0.2"


async def until(condition):
    for _ in range(WAIT_SECONDS * 50):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen in time")


class Backend:
    """A server that a proxy knows by a port of the configuration."""

    def __init__(self, **configuration):
        self.addresses = []
        settings = {"trusted_proxies": "127.0.0.1", "health_path": "/health", **configuration}
        self.server = hearth.Server("127.0.0.1:0", **settings)
        self.server.route("/room/{room}", join="auto", relay="others")
        self.server.on_open(lambda connection: self.addresses.append(connection.address))


class Proxy:
    def __init__(self, name, folder, replaced):
        self.port, self.through = free_port(), free_port()
        replaced = {
            "127.0.0.1:8080": f"127.0.0.1:{self.port}",
            "127.0.0.1:8443": f"127.0.0.1:{self.through}",
            "maxconn 100000": "maxconn 1000",
            **replaced,
        }
        source = ROOT / "examples/proxies" / {"nginx": "nginx.conf", "haproxy": "haproxy.cfg"}[name]
        text = source.read_text()
        for old, new in replaced.items():
            text = text.replace(old, new)
        if name == "nginx":
            text = "daemon off;\nerror_log stderr;\npid nginx.pid;\n" + text
            text = text.replace("http {", "http {\n    access_log off;")
        (folder / "proxy.conf").write_text(text)
        command = {
            "nginx": ["nginx", "-p", str(folder), "-c", str(folder / "proxy.conf")],
            "haproxy": ["haproxy", "-db", "-f", str(folder / "proxy.conf")],
        }
        self.process = subprocess.Popen(command[name], stdin=subprocess.DEVNULL)

    def connect(self, path, port=None, **options):
        return connect(
            f"ws://127.0.0.1:{port or self.port}{path}", proxy=None, local_addr=(MEMBER, 0), **options
        )

    async def wait(self):
        """Until members get through."""
        for _ in range(WAIT_SECONDS * 10):
            assert self.process.poll() is None, "the proxy has ended"
            with contextlib.suppress(Exception):
                async with self.connect("/room/first"):
                    return
            await asyncio.sleep(0.1)
        raise AssertionError("the proxy does not get ready")

    def close(self):
        self.process.terminate()
        self.process.wait()


@pytest.fixture(params=["nginx", "haproxy"])
def kind(request):
    if not shutil.which(request.param):
        pytest.skip(f"there is no {request.param} here: script/bootstrap tests installs it")
    return request.param


@contextlib.asynccontextmanager
async def behind(kind, folder, replaced=(), backends=2, **configuration):
    """A proxy of the kind, and the servers behind it."""
    async with contextlib.AsyncExitStack() as stack:
        servers = [Backend(**configuration) for _ in range(backends)]
        ports = {}
        for number, backend in enumerate(servers):
            await stack.enter_async_context(backend.server)
            ports[f"127.0.0.1:900{number + 1}"] = f"127.0.0.1:{backend.server.port}"
        proxy = Proxy(kind, folder, {**ports, **dict(replaced)})
        stack.callback(proxy.close)
        await proxy.wait()
        for backend in servers:
            backend.addresses.clear()
        yield proxy, servers


@run
async def test_a_member_comes_through_with_its_own_address(kind, tmp_path):
    async with behind(kind, tmp_path) as (proxy, servers):
        headers = {"X-Forwarded-For": "6.6.6.6", "Origin": f"http://127.0.0.1:{proxy.port}"}
        async with proxy.connect("/room/r", additional_headers=headers) as member:
            addresses = servers[0].addresses + servers[1].addresses
            assert [address.rsplit(":", 1)[0] for address in addresses] in ([MEMBER], ["127.0.0.2"])
            for payload in ("text", b"\0bytes", "x" * 300_000):
                await member.send(payload)
            await member.ping()
            await member.close(4000, "enough")
        assert member.close_code == 4000


@run
async def test_pages_of_other_hosts_are_refused_through_a_proxy_too(kind, tmp_path):
    async with behind(kind, tmp_path) as (proxy, _):
        with pytest.raises(Exception, match="403"):
            async with proxy.connect("/room/r", additional_headers={"Origin": "http://elsewhere.example"}):
                pass


@run
async def test_members_are_spread_and_need_not_come_back_to_the_same_one(kind, tmp_path):
    async with behind(kind, tmp_path) as (proxy, servers), contextlib.AsyncExitStack() as stack:
        for _ in range(10):
            await stack.enter_async_context(proxy.connect("/room/r"))
        assert [backend.server.connection_count for backend in servers] == [5, 5]


@run
async def test_members_of_a_room_come_to_one_process_if_the_path_decides(kind, tmp_path):
    by_path = {"least_conn;": "hash $uri consistent;", "balance leastconn": "balance uri"}
    async with behind(kind, tmp_path, by_path) as (proxy, servers), contextlib.AsyncExitStack() as stack:
        for number in range(20):
            await stack.enter_async_context(proxy.connect(f"/room/{number % 10}"))
        for number in range(10):
            counts = sorted(len(backend.server.room(str(number))) for backend in servers)
            assert counts == [0, 2]
        assert all(backend.server.connection_count > 0 for backend in servers)


@run
async def test_a_silent_member_stays_as_pings_are_more_frequent_than_the_proxys_timeout(kind, tmp_path):
    times = {"60s": "2s"}
    async with behind(kind, tmp_path, times, ping_interval="500ms") as (proxy, servers):
        async with proxy.connect("/room/r", ping_interval=None) as member:
            await asyncio.sleep(5)
            await member.ping()
            assert sum(backend.server.connection_count for backend in servers) == 1


@run
async def test_a_silent_member_is_cut_by_the_proxy_if_pings_are_rarer(kind, tmp_path):
    times = {"60s": "1s"}
    async with behind(kind, tmp_path, times, ping_interval="60s") as (proxy, _):
        async with proxy.connect("/room/r", ping_interval=None) as member:
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(member.recv(), WAIT_SECONDS)


@run
async def test_who_is_sent_away_by_a_draining_server_comes_back_to_the_other(kind, tmp_path):
    async with behind(kind, tmp_path, shutdown_spread="0s") as (proxy, servers):
        async with contextlib.AsyncExitStack() as stack:
            members = [await stack.enter_async_context(proxy.connect("/room/r")) for _ in range(6)]
            draining = asyncio.create_task(servers[0].server.drain())
            await until(lambda: servers[0].server.connection_count == 0)
            gone = [member for member in members if not member.state.name == "OPEN"]
            for _ in range(10):
                await stack.enter_async_context(proxy.connect("/room/r"))
            await draining
            assert len(gone) <= 3
            assert servers[1].server.connection_count == 13


@run
async def test_haproxy_says_where_a_member_comes_from_by_the_proxy_protocol(tmp_path):
    if not shutil.which("haproxy"):
        pytest.skip("there is no haproxy here: script/bootstrap tests installs it")
    through = [Backend(proxy_protocol="on"), Backend(proxy_protocol="on")]
    async with through[0].server, through[1].server:
        ports = {
            f"127.0.0.1:900{number + 3}": f"127.0.0.1:{backend.server.port}"
            for number, backend in enumerate(through)
        }
        async with behind("haproxy", tmp_path, ports) as (proxy, _):
            async with proxy.connect("/room/r", proxy.through) as member:
                address = (through[0].addresses + through[1].addresses)[0]
                assert address == "%s:%d" % member.local_address[:2]
