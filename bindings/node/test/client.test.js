"use strict";

const assert = require("node:assert/strict");
const { once } = require("node:events");
const { test } = require("node:test");
const { Client, HearthError, Server, connect } = require("../index.cjs");
const { pause, runProgram, until, withServer } = require("./help.js");

const echo = (server) => server.route("/echo", { subprotocols: ["chat"] }, (connection) => {
  connection.on("message", (data) => connection.send(data));
});
const soon = { reconnectBackoffBase: "10ms", reconnectBackoffMax: "50ms", reconnectFloor: "5ms" };

test("a client connects, sends, receives and closes", () =>
  withServer({}, echo, async (server, url) => {
    const client = connect(`${url}/echo`, { subprotocols: ["chat"], headers: { "X-Name": "anna" } });
    const messages = client[Symbol.asyncIterator]();
    const [{ subprotocol }] = await once(client, "open");
    assert.equal(subprotocol, "chat");
    assert.equal(client.isConnected, true);
    assert.equal(client.url, `${url}/echo`);
    assert.equal(server.connections[0].headers["x-name"], "anna");
    assert.equal(client.subprotocol, "chat");
    assert.equal(client.address, `127.0.0.1:${server.port}`);
    assert.equal(client.headers.upgrade, "websocket");
    for (const message of ["hello", "grüße €", "", "x".repeat(200000)]) {
      client.send(message);
      assert.equal((await messages.next()).value, message);
    }
    const bytes = Buffer.alloc(100000, 7);
    client.send(bytes);
    assert.deepEqual((await messages.next()).value, bytes);
    assert.equal(client.info.messagesReceived, 5);
    await client.close();
    assert.deepEqual(await client.ended, { code: 1000, reason: "" });
    assert.equal((await messages.next()).done, true);
    assert.equal(client.state, "closed");
    assert.throws(() => client.send("late"), { code: "HEARTH_ERR_GONE" });
  }));

test("what is sent while there is no server arrives in order when it is back", async () => {
  const first = new Server({ port: 0, closeTimeout: 1 });
  first.route("/");
  await first.listen();
  const { port } = first;
  const client = connect(`ws://127.0.0.1:${port}/`, { ...soon, reconnectMaxAttempts: 0 });
  const states = [];
  const sent = [];
  client.on("state", ({ state }) => states.push(state));
  client.on("sent", (id) => sent.push(id));
  await client.opened;
  await first.close();
  const ids = [];
  for (let number = 0; number < 100; number++) ids.push(client.send(`${number}`));
  assert.equal(client.queue.length, 100);
  assert.throws(() => client.send("now or never", { queue: false }), { code: "HEARTH_ERR_NOT_OPEN" });
  const second = new Server({ port, closeTimeout: 1 });
  const got = [];
  second.route("/", (connection) => connection.on("message", (data) => got.push(data)));
  await second.listen();
  while (got.length < 100) await pause(5);
  assert.deepEqual(got, Array.from({ length: 100 }, (_, number) => `${number}`));
  assert.equal(sent.at(-1), ids.at(-1));
  assert.ok(states.includes("reconnecting"));
  await client.close();
  await second.close();
});

test("the queue is bounded, inspected and cleared, and tells what became of each message", async () => {
  const client = new Client("ws://127.0.0.1:1/", { ...soon, reconnectMaxAttempts: 0, maxQueueMessages: 3 });
  const drops = [];
  client.on("drop", (id, reason) => drops.push([id, reason]));
  client.open().catch(() => {});
  const ids = ["a", "b", "c"].map((message) => client.send(message));
  assert.throws(() => client.send("d"), { code: "HEARTH_ERR_QUEUE_FULL" });
  assert.deepEqual(client.queue, ids);
  assert.deepEqual(ids.map((id) => client.queued(id)), ["a", "b", "c"]);
  assert.equal(client.queued(ids[2] + 1), undefined);
  assert.equal(client.clearQueue(), 3);
  const last = client.send("e");
  await client.close();
  assert.deepEqual(drops, [...ids.map((id) => [id, "cleared"]), [last, "closed"]]);
});

test("before each attempt the program may change the address and the headers", async () => {
  await withServer({}, echo, async (server, url) => {
    const attempts = [];
    const client = connect("ws://127.0.0.1:1/", {
      ...soon,
      prepare: async ({ url: before, attempt }) => {
        attempts.push([before, attempt]);
        await pause(2);
        return attempts.length < 3 ? {} : { url: `${url}/echo`, headers: { Authorization: "Bearer new" } };
      },
    });
    await client.opened;
    assert.equal(attempts.length, 3);
    assert.equal(server.connections[0].headers.authorization, "Bearer new");
    await client.close();
  });
});

test("a prepare that fails fails the attempt at once", async () => {
  const prepare = async () => { throw new Error("no token"); };
  const client = connect("ws://127.0.0.1:1/", { openTimeout: "1h", reconnectEnabled: false, prepare });
  const errors = [];
  client.on("error", (error) => errors.push(error.message));
  await assert.rejects(client.opened, { code: "HEARTH_ERR_UNPREPARED", message: /no token/ });
  assert.deepEqual(errors, ["no token"]);
});

test("a client that cannot connect gives up and says why", async () => {
  const client = connect("ws://127.0.0.1:1/", { ...soon, reconnectMaxAttempts: 2 });
  const [error] = await once(client, "giveUp");
  assert.ok(error instanceof HearthError);
  assert.equal(error.code, "HEARTH_ERR_CONNECT");
  await assert.rejects(client.opened, { code: "HEARTH_ERR_CONNECT" });
  assert.equal((await client.ended).error, error);
  await withServer({}, echo, async (server, url) => {
    const lost = connect(`${url}/nothing`, { ...soon, reconnectEnabled: false });
    await assert.rejects(lost.opened, { code: "HEARTH_ERR_HTTP_STATUS", status: 404 });
  });
});

test("bad addresses and options are refused at once", () => {
  assert.throws(() => connect("http://example.org/"), { code: /HEARTH_ERR_(URL|INVALID_VALUE)/ });
  assert.throws(() => connect("ws://a b/"), HearthError);
  assert.throws(() => connect(17), { code: "HEARTH_ERR_INVALID" });
  assert.throws(() => connect("ws://h/", { reconectEnabled: true }), /did you mean "reconnectEnabled"/);
  assert.throws(() => connect("ws://127.0.0.1/", { headers: { "X-A": "b\r\nC: d" } }), /line break/);
});

test("a client keeps the process running until it is closed", async () => {
  const program = `
    const server = new Server({ port: 0 }).unref();
    server.route("/", (connection) => connection.on("message", (data) => connection.send(data)));
    server.listen().then(async () => {
      const client = connect("ws://127.0.0.1:" + server.port + "/");
      client.on("message", (data) => { console.log(data); client.close(); });
      client.send("hello");
    });`;
  const { code, output } = await runProgram(program);
  assert.deepEqual([code, output.trim()], [0, "hello"]);
});

test("poke makes a waiting client try at once, and unref lets the process go", async () => {
  const slow = { reconnectBackoffBase: "60s", reconnectJitter: 0, reconnectMaxAttempts: 0 };
  const first = new Server({ port: 0, closeTimeout: 1 });
  first.route("/");
  await first.listen();
  const { port } = first;
  const client = connect(`ws://127.0.0.1:${port}/`, slow).unref().ref();
  await client.opened;
  await first.close();
  await until(() => client.state === "reconnecting");
  const second = new Server({ port, closeTimeout: 1 });
  second.route("/");
  await second.listen();
  client.poke();
  await until(() => client.isConnected);
  await client.close();
  await second.close();
  const { code, output } = await runProgram(`
    connect("ws://127.0.0.1:1/", { reconnectMaxAttempts: 0 }).unref();
    console.log("on my way");`);
  assert.deepEqual([code, output.trim()], [0, "on my way"]);
});

test("a reader that is slower than its socket loses nothing, and a close ends its iteration", () =>
  withServer({}, (server) => server.route("/", (connection) => {
    for (let number = 0; number < 200; number++) connection.send(`${number}`);
    connection.close(4000, "all of it");
  }), async (server, url) => {
    const client = connect(url, { reconnectEnabled: false });
    const seen = [];
    for await (const message of client) {
      seen.push(message);
      if (seen.length % 50 === 0) await pause(2);
    }
    assert.equal(seen.length, 200);
    const { code, reason } = await client.ended;
    assert.deepEqual([code, reason], [4000, "all of it"]);
  }));

test("what a listener of a client throws is an error event, and the client goes on", () =>
  withServer({}, echo, async (server, url) => {
    const client = connect(`${url}/echo`);
    const errors = [];
    const messages = [];
    client.on("error", (error) => errors.push(error.message));
    client.on("message", (data) => messages.push(data));
    client.on("message", (data) => { if (data === "bad") throw new Error("as planned"); });
    client.on("message", async (data) => { if (data === "bad") throw new Error("later"); });
    client.send("bad");
    client.send("good");
    await until(() => messages.length === 2 && errors.length === 2);
    assert.deepEqual([errors, messages], [["as planned", "later"], ["bad", "good"]]);
    await client.close();
  }));

test("thousands of clients, one after the other, leave nothing behind", () =>
  withServer({}, echo, async (server, url) => {
    for (let round = 0; round < 40; round++) {
      const clients = Array.from({ length: 50 }, () => connect(`${url}/echo`));
      await Promise.all(clients.map((client) => client.opened));
      for (const client of clients) client.send(`round ${round}`);
      await Promise.all(clients.map((client) => client.close()));
    }
    // Those that are never opened are collected.
    for (let count = 0; count < 2000; count++) new Client(`${url}/echo`);
    const last = connect(`${url}/echo`);
    const answer = once(last, "message");
    last.send("the last");
    assert.equal((await answer)[0], "the last");
    await last.close();
  }));

/** A server that says how much of a hundred megabytes it could get rid of. */
const flood = (server) => server.route("/", (connection) => {
  for (let number = 0; number < 100; number++) connection.send(`${number}`.padEnd(1 << 20));
});

test("the server waits while messages of an iteration are not taken, and none is lost", () =>
  withServer({ maxOutboxBytes: "128MiB" }, flood, async (server, url) => {
    const client = connect(url, { maxMessageSize: "2MiB", maxQueueSize: 4 });
    const messages = client[Symbol.asyncIterator]();
    assert.equal(parseInt((await messages.next()).value, 10), 0);
    await pause(200);
    const [connection] = server.connections;
    assert.ok(connection.bufferedAmount > 50 << 20, `${connection.bufferedAmount} bytes wait`);
    for (let number = 1; number < 100; number++) {
      assert.equal(parseInt((await messages.next()).value, 10), number);
    }
    assert.equal(connection.bufferedAmount, 0);
    await client.close();
  }));

test("a client that is paused is sent nothing, until it goes on", () =>
  withServer({ maxOutboxBytes: "128MiB" }, flood, async (server, url) => {
    const client = connect(url, { maxMessageSize: "2MiB" }).pause();
    assert.equal(client.isPaused, true);
    let count = 0;
    client.on("message", () => { count++; });
    await client.opened;
    await pause(100);
    assert.ok(count < 10, `${count} messages`);
    client.resume();
    await until(() => count === 100);
    await client.close();
    assert.throws(() => client.pause(), { code: "HEARTH_ERR_GONE" });
  }));
