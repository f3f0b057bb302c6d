"use strict";

// Servers of several processes that are one, through a real Redis.

const assert = require("node:assert/strict");
const net = require("node:net");
const { spawn, spawnSync } = require("node:child_process");
const { once } = require("node:events");
const { test } = require("node:test");
const { Peer, pause, until, withServer } = require("./help.js");

const program = process.env.HEARTH_REDIS_SERVER || "redis-server";
const hasRedis = spawnSync(program, ["--version"]).status === 0;
const skip = hasRedis ? false : `there is no ${program}`;

async function freePort() {
  const probe = net.createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}

/** Runs `body` with the URL of a Redis of its own, and with its process. */
async function withRedis(body) {
  const port = await freePort();
  const redis = spawn(program, ["--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", "/tmp"]);
  redis.stdout.resume();
  try {
    return await body(`redis://127.0.0.1:${port}`, redis);
  } finally {
    redis.kill("SIGKILL");
    await once(redis, "close");
  }
}

const settings = { nodeLease: 2, brokerProbe: "300ms", maxBrokerReconnect: "200ms" };

function withNodes(url, body) {
  const route = (server) => server.route("/{user}/{room}", {
    join: true, relay: true, authorize: (request) => request.path.user,
  });
  return withServer({ ...settings, redisUrl: url, nodeId: "a" }, route, (first, firstURL) =>
    withServer({ ...settings, redisUrl: url, nodeId: "b" }, route, async (second, secondURL) => {
      await until(() => first.health().status === "ok" && second.health().status === "ok");
      await until(() => first.stats().cluster.nodes.length === 2);
      await until(() => second.stats().cluster.nodes.length === 2);
      await body(first, firstURL, second, secondURL);
    }));
}

test("a room and a user are known over all processes, and who is missing is named", { skip }, () =>
  withRedis((url, redis) => withNodes(url, async (first, firstURL, second, secondURL) => {
    const peers = await Promise.all([
      Peer.open(`${firstURL}/ann/r`), Peer.open(`${secondURL}/ann/r`), Peer.open(`${secondURL}/ben/other`),
    ]);
    await until(() => second.connectionCount === 2);
    const room = await first.askRoom("r");
    assert.deepEqual({ ...room, nodes: room.nodes.sort() },
      {
        scope: "cluster", room: "r", connections: 2, users: ["ann"], nodes: ["a", "b"], missing: [],
        reason: "",
      });
    const user = await second.askUser("ben");
    assert.equal(user.user, "ben");
    assert.deepEqual(user.rooms, ["other"]);
    redis.kill("SIGSTOP");
    const partial = await first.askRoom("r", { timeout: 0.1 });
    // Whether it has been noticed already does not matter here.
    assert.equal(typeof partial.reason, "string");
    assert.deepEqual({ ...partial, reason: "" },
      {
        scope: "cluster", room: "r", connections: 1, users: ["ann"], nodes: ["a"], missing: ["b"],
        reason: "",
      });
    await until(() => first.health().status === "degraded");
    redis.kill("SIGCONT");
    await until(() => first.health().status === "ok" && second.health().status === "ok");
    await Promise.all(peers.map((peer) => peer.close()));
  })));

test("a message reaches the members in other processes", { skip }, () =>
  withRedis((url) => withNodes(url, async (first, firstURL, second, secondURL) => {
    const there = await Peer.open(`${secondURL}/ben/r`);
    const here = await Peer.open(`${firstURL}/ann/r`);
    for (let count = 0; there.waiting.length === 0; count++) {
      assert.ok(count < 500);
      here.send("hello");
      await pause(10);
    }
    assert.equal(await there.next(), "hello");
    assert.ok(first.stats().cluster.published > 0);
    await Promise.all([here.close(), there.close()]);
  })));

test("a server says when its messages reach the other processes", { skip }, async () => {
  await withServer({}, () => {}, (server) => server.ready());
  await withRedis((url) => withNodes(url, async (first, firstURL) => {
    const there = await Peer.open(`${firstURL}/ann/r`);
    await withServer({ ...settings, redisUrl: url, nodeId: "c" }, () => {}, async (server) => {
      server.room("r").broadcast("at once");
      await server.ready();
      assert.equal(server.health().status, "ok");
      assert.equal(await there.next(), "at once");
    });
    await there.close();
  }));
  let waiting;
  await withServer({ ...settings, redisUrl: "redis://127.0.0.1:1" }, () => {}, async (server) => {
    waiting = server.ready();
    waiting.catch(() => {});
  });
  await assert.rejects(waiting, { code: "HEARTH_ERR_GONE" });
});

test("without Redis a question is answered by the process itself", () =>
  withServer({}, (server) => server.route("/{room}", { join: true }), async (server, url) => {
    const peer = await Peer.open(`${url}/r`);
    const answer = await server.askRoom("r");
    assert.deepEqual(answer,
      { scope: "local", room: "r", connections: 1, users: [], nodes: [], missing: [], reason: "" });
    assert.equal((await server.askUser("nobody")).connections, 0);
    await assert.rejects(server.askRoom("r", { timeout: 61 }), { code: "HEARTH_ERR_INVALID" });
    await assert.rejects(server.askRoom("a\0b"), { code: "HEARTH_ERR_INVALID" });
    await peer.close();
  }));

test("a question that is open when its server closes ends", async () => {
  let question;
  await withServer({ redisUrl: "redis://127.0.0.1:1" }, (server) => server.route("/"), async (server) => {
    question = server.askRoom("r").catch((error) => error.code);
    await server.close();
  });
  const answer = await question;
  assert.ok(answer === "HEARTH_ERR_GONE" || answer.scope === "cluster", answer);
});
