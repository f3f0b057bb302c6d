"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { Server, configure } = require("../index.cjs");
const { Peer, pause, runProgram, until, withServer } = require("./help.js");

test("draining says farewell, refuses new peers, closes with a hint and ends", async () => {
  const server = new Server({ port: 0, shutdownSpread: "300ms", drainRetry: "2s", healthPath: "/healthz" });
  server.route("/ws");
  await server.listen();
  const { port } = server;
  const peers = await Promise.all([1, 2, 3].map(() => Peer.open(`ws://127.0.0.1:${port}/ws`)));
  await until(() => server.connectionCount === 3);
  const drained = server.drain("see you", { why: "new version" });
  assert.equal(server.health().status, "draining");
  await assert.rejects(server.drain(), { code: "HEARTH_ERR_STATE" });
  await assert.rejects(Peer.open(`ws://127.0.0.1:${port}/ws`));
  assert.equal((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 503);
  for (const peer of peers) {
    assert.equal(await peer.next(), "see you");
    const { code, reason } = await peer.closed;
    assert.equal(code, 1001);
    assert.match(reason, /^retry=\d+;why=new version$/);
  }
  await drained;
  assert.throws(() => server.connectionCount, { code: "HEARTH_ERR_GONE" });
});

test("close ends a drain at once", async () => {
  const server = new Server({ port: 0, shutdownSpread: "20s" });
  server.route("/");
  await server.listen();
  const peers = await Promise.all([1, 2, 3].map(() => Peer.open(`ws://127.0.0.1:${server.port}`)));
  const drained = server.drain(Buffer.from([1, 2]));
  assert.equal((await peers[0].next()).byteLength, 2);
  await server.close();
  await drained;
  for (const peer of peers) assert.equal((await peer.closed).code, 1001);
});

test("a server tells what it counted and how it is", () =>
  withServer({ healthPath: "/healthz", metricsPath: "/metrics" }, (server) => {
    server.route("/", (connection) => connection.on("message", (data) => connection.send(data)));
  }, async (server, url) => {
    const peer = await Peer.open(url);
    peer.send("one");
    await peer.next();
    const { connections, messages } = server.stats();
    assert.deepEqual([connections.open, messages.received, messages.sent], [1, 1, 1]);
    assert.equal(server.health().status, "ok");
    assert.match(server.metrics(), /^hearth_connections 1$/m);
    const base = `http://127.0.0.1:${server.port}`;
    assert.equal((await (await fetch(`${base}/healthz`)).json()).status, "ok");
    const page = await (await fetch(`${base}/metrics`)).text();
    assert.match(page, /^hearth_messages_received_total(\{.*\})? 1$/m);
    await peer.close();
  }));

test("a server is closed before and after it listened, and by Symbol.asyncDispose", async () => {
  const never = new Server({ port: 0 });
  await never.close();
  await assert.rejects(never.listen(), { code: "HEARTH_ERR_STATE" });
  assert.throws(() => never.room("x").broadcast("x"), { code: "HEARTH_ERR_GONE" });
  const server = new Server({ port: 0 });
  await server.listen();
  await assert.rejects(server.listen(), { code: "HEARTH_ERR_STATE" });
  const { port } = server;
  await server[Symbol.asyncDispose ?? Symbol.for("nodejs.asyncDispose")]();
  assert.equal(server.isListening, false);
  for (const call of [
    () => server.port, () => server.addresses, () => server.stats(), () => server.rooms,
    () => server.connections, () => server.room("x").members, () => server.route("/late"),
    () => server.kick("anna"), () => server.broadcast("x"), () => server.sendTo("anna", "x"),
  ]) assert.throws(call, { code: "HEARTH_ERR_GONE" });
  await server.close();
  const next = new Server({ port });
  await next.listen();
  await next.close();
});

test("thousands of servers, one after the other, leave nothing behind", async () => {
  for (let round = 0; round < 3000; round++) {
    const server = new Server({ port: 0 });
    if (round % 10 > 0) continue;
    await server.listen();
    await server.close();
  }
  const greet = (server) => server.route("/", (connection) => connection.send("hello"));
  await withServer({}, greet, async (server, url) => {
    const peer = await Peer.open(url);
    assert.equal(await peer.next(), "hello");
    await peer.close();
  });
});

test("settings of the engine and the log come before the first server", async () => {
  assert.throws(() => configure({ logLevel: "debug" }), { code: "HEARTH_ERR_STATE" });
  const { code, output } = await runProgram(`
    const { configure } = require(library);
    for (const bad of [{ loglevel: "info" }, { log: 5 }, null]) {
      try { configure(bad); } catch (error) { console.log(error.message); }
    }
    const lines = [];
    configure({ logLevel: "debug", log: (entry) => lines.push(entry) });
    const server = new Server({ port: 0 });
    server.route("/");
    server.listen().then(async () => {
      const client = connect("ws://127.0.0.1:" + server.port + "/");
      await client.opened;
      await client.close();
      await server.close();
      const known = lines.every(({ level, time, area, message, fields }) =>
        ["debug", "info"].includes(level) && time > 1e12 && area && message && typeof fields === "object");
      console.log(lines.length > 0, known, lines.some(({ fields }) => "connection" in fields));
    });`);
  const lines = output.trim().split("\n");
  assert.equal(code, 0, output);
  assert.match(lines[0], /did you mean "logLevel"/);
  assert.match(lines[1], /function/);
  assert.match(lines[2], /object/);
  assert.equal(lines[3], "true true true");
});

test("timers, promises and sockets of Node go on beside thousands of messages", () =>
  withServer({ maxOutboxBytes: "64MiB" }, (server) => {
    server.route("/", (connection) => connection.on("message", (data) => connection.send(data)));
  }, async (server, url) => {
    const peers = await Promise.all(Array.from({ length: 20 }, () => Peer.open(url)));
    let ticks = 0;
    const timer = setInterval(() => { ticks++; }, 1);
    for (let round = 0; round < 20; round++) {
      for (const peer of peers) for (let number = 0; number < 50; number++) peer.send("x");
      for (const peer of peers) for (let number = 0; number < 50; number++) await peer.next();
      await pause(1);
    }
    clearInterval(timer);
    assert.ok(ticks >= 10, `${ticks} ticks`);
    await Promise.all(peers.map((peer) => peer.close()));
  }));

test("what is sent from timers, microtasks and handlers leaves by itself, in order", () =>
  withServer({}, (server) => server.route("/", async (connection) => {
    connection.send("handler");
    await null;
    connection.send("microtask");
    process.nextTick(() => connection.send("tick"));
    setImmediate(() => connection.send("immediate"));
    setTimeout(() => connection.send("timer"), 20);
  }), async (server, url) => {
    const peer = await Peer.open(url);
    const seen = [];
    for (let count = 0; count < 5; count++) seen.push(await peer.next());
    assert.deepEqual(seen, ["handler", "microtask", "tick", "immediate", "timer"]);
    await peer.close();
  }));
