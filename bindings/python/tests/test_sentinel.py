"""Several processes over a Redis that real sentinels watch: when its master goes, all go on with the next."""

import shutil

import pytest
from cluster_tools import is_well, member, new_host, node  # noqa: F401
from conftest import until
from redis_server import Redis, free_port
from test_cluster_faults import all_is_accounted_for, stream

pytestmark = pytest.mark.skipif(not shutil.which("redis-server"), reason="there is no redis-server here")


class Watched:
    """A master, its replica, and a sentinel that knows them as "mymaster"."""

    def __init__(self, sentinel_password="", password=""):
        options = ["--requirepass", password, "--masterauth", password] if password else []
        self.password = password
        options += ["--repl-diskless-sync-delay", "0"]
        self.master = Redis(*options)
        self.replica = Redis(*options, "--replicaof", "127.0.0.1", str(self.master.port))
        lines = [
            f"sentinel monitor mymaster 127.0.0.1 {self.master.port} 1",
            "sentinel down-after-milliseconds mymaster 500",
            "sentinel failover-timeout mymaster 2000",
        ]
        if password:
            lines.append(f"sentinel auth-pass mymaster {password}")
        if sentinel_password:
            lines.append(f"requirepass {sentinel_password}")
        self.sentinel = Redis(sentinel=lines)
        self.gone = free_port()

    @property
    def hosts(self):
        """The first of them is not there."""
        return f"127.0.0.1:{self.gone},127.0.0.1:{self.sentinel.port}"

    @property
    def url(self):
        return f"redis+sentinel://{self.hosts}/mymaster"

    def call(self, *words):
        """On the one that is master at the moment."""
        master = self.master if self.master.process.poll() is None else self.replica
        return master.call(*words)

    async def until_known(self):
        await until(lambda: "slaves=1" in self.sentinel.call("info", "sentinel"))
        await until(lambda: "master_link_status:up" in self.replica.call("info", "replication"))

    def close(self):
        for server in (self.sentinel, self.replica, self.master):
            server.close()


@pytest.fixture
def redis():
    watched = Watched()
    yield watched
    watched.close()


async def test_all_go_on_with_the_next_master(redis, new_host):
    await redis.until_known()
    async with stream(redis, new_host) as (first, second, numbers):
        assert redis.master.call("pubsub", "numsub", "ws:r:r").split()[-1] == "2"
        redis.master.kill()
        await until(lambda: first.get("/health")[0] == 503)
        await numbers.send(50)
        await first.wait_for_metric("broker_not_forwarded_total", 50)
        for host in (first, second):
            await host.wait_until_well()
        await until(lambda: redis.replica.call("pubsub", "numsub", "ws:r:r").split()[-1] == "2")
        await numbers.send(50)
        assert await all_is_accounted_for(second, numbers) == 50
        assert await first.metric("cluster_nodes") == 2


async def test_a_master_that_steps_down_is_left(redis):
    await redis.until_known()
    async with node(redis) as server:
        await until(lambda: is_well(server))
        async with member(server, "ann"):
            await until(lambda: "ok" in redis.sentinel.call("sentinel", "failover", "mymaster").lower())
            await until(lambda: "role:master" in redis.replica.call("info", "replication"))
            await until(lambda: redis.replica.call("pubsub", "numsub", "ws:r:r").split()[-1] == "1")
            await until(lambda: is_well(server))


async def test_sentinels_and_redis_have_passwords_of_their_own():
    redis = Watched(sentinel_password="watch", password="data")
    try:
        url = f"redis+sentinel://:data@{redis.hosts}/mymaster"
        async with node(redis, redis_url=url + "?sentinel_password=watch") as server:
            await until(lambda: is_well(server))
        async with node(redis, redis_url=url) as server:
            await until(lambda: "refuses the user" in server.stats()["cluster"]["reason"])
            assert "watch" not in str(server.stats()) and "data@" not in str(server.stats())
    finally:
        redis.close()


async def test_a_name_that_no_sentinel_knows_and_a_server_that_is_none_are_told(redis):
    host = f"127.0.0.1:{redis.sentinel.port}"
    for url, reason in (
        (f"redis+sentinel://{host}/other", "do not know the name"),
        (f"redis+sentinel://127.0.0.1:{redis.master.port}/mymaster", "is no sentinel"),
        (f"redis+sentinel://127.0.0.1:{redis.gone}/mymaster", "cannot be reached"),
    ):
        async with node(redis, redis_url=url) as server:
            await until(lambda: reason in server.stats()["cluster"]["reason"])  # noqa: B023
            assert not is_well(server)
