"""What a server counts, and how it says it is."""

import json
import time

from conftest import fetch, peer, until
from prometheus_client.parser import text_string_to_metric_families


def samples(text):
    """Every sample, read by the parser that Prometheus' own client has."""
    return {
        (sample.name, *sample.labels.items()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_metrics_are_what_prometheus_reads(new_server):
    server = new_server(metrics_path="/metrics")
    server.route("/rooms/{room}", join="auto", relay="all")
    async with server, peer(server, "/rooms/x") as ann, peer(server, "/rooms/x") as bob:
        await until(lambda: len(server.room("x")) == 2)
        for _ in range(3):
            await ann.send("hello")
            assert [await ann.receive(), await bob.receive()] == ["hello", "hello"]
        status, fields, body = await fetch(server.port, "/metrics")
        assert status == 200 and fields["content-type"].startswith("text/plain; version=0.0.4")
        found = samples(body.decode())
        assert found[("hearth_connections",)] == 2
        assert found[("hearth_messages_received_total",)] == 3
        assert found[("hearth_messages_sent_total",)] == 6
        assert found[("hearth_broadcasts_total",)] == 3
        assert found[("hearth_broadcast_latency_seconds_count",)] == 3
        assert 0 < found[("hearth_broadcast_latency_seconds_sum",)] < 60
        assert found[("hearth_handshakes_total", ("result", "accepted"))] == 2
        assert found[("hearth_rooms", ("loop", "0"))] == 1
        assert samples(server.metrics()).keys() == found.keys()
        await ann.close()
    # The families have types, and the buckets of a histogram only grow.
    families = {family.name: family for family in text_string_to_metric_families(body.decode())}
    assert families["hearth_messages_received"].type == "counter"
    buckets = [
        sample
        for sample in families["hearth_loop_lag_seconds"].samples
        if sample.name.endswith("_bucket")
    ]
    bounds = [float(sample.labels["le"]) for sample in buckets]
    assert bounds == sorted(bounds) and bounds[-1] == float("inf")
    values = [sample.value for sample in buckets]
    assert values == sorted(values)


async def test_stats_have_closes_by_code(new_server):
    server = new_server()
    closed = []
    server.on_close(closed.append)
    async with server:
        async with peer(server):
            await until(lambda: server.connection_count == 1)
        await until(lambda: len(closed) == 1)
        stats = server.stats()
        assert stats["scope"] == "local"
        assert stats["connections"] == {"open": 0, "opened": 1, "closed": 1}
        assert stats["closes"] == {"1000": 1}
        assert stats["handshakes"]["accepted"] == 1
        assert stats["health"]["status"] == "ok"


async def test_health_is_served_and_says_when_the_loop_is_held_up(new_server, mode):
    server = new_server(health_path="/healthz", max_health_lag="200ms")

    @server.on_message
    def hold_up(connection, message):
        time.sleep(2)

    async with server, peer(server) as ann:
        status, _, body = await fetch(server.port, "/healthz")
        assert status == 200 and json.loads(body) == server.health()
        await ann.send("hold it up")
        if mode == "threads":
            # The loop has a thread of its own, and goes on.
            assert server.health()["status"] == "ok"
            return
        await until(lambda: server.health()["status"] == "degraded")
        status, _, body = await fetch(server.port, "/healthz")
        assert status == 503
        assert json.loads(body)["reasons"] == ["a loop is later than max_health_lag"]
