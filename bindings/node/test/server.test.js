"use strict";

const assert = require("node:assert/strict");
const { once } = require("node:events");
const { test } = require("node:test");
const { Rejection, Server } = require("../index.cjs");
const { Peer, withServer } = require("./help.js");

const echo = (server) => server.route("/echo", (connection) => {
  connection.on("message", (data) => connection.send(data));
});

test("a rejection that cannot be given is told to the server and answered with 500 at once", () =>
  withServer({ openTimeout: "1h" }, (server) => server.route("/{number}", {
    authorize: (request) => {
      const wrong = [[4001, "with\0NUL"], [1006, ""], [200, "ok"], [99, ""], [70000, ""], [-1, ""],
        ["x", ""]];
      throw new Rejection(...(wrong[request.path.number] ?? [4001, `${"a".repeat(122)}ü`]));
    },
  }, () => {}), async (server, url) => {
    const faults = [];
    server.on("error", (error) => faults.push(error));
    for (let number = 0; number < 7; number++) {
      await assert.rejects(Peer.open(`${url}/${number}`));
    }
    assert.ok(faults.length >= 7);
    assert.deepEqual(await new Peer(`${url}/7`).closed, { code: 4001, reason: "a".repeat(122) });
  }));

test("an echo gives back text, binary, the empty message and large ones", () =>
  withServer({}, echo, async (server, url) => {
    const peer = await Peer.open(`${url}/echo`);
    for (const message of ["hello", "grüße €𝄞", "", "x".repeat(60000), "ö".repeat(300000)]) {
      peer.send(message);
      assert.equal(await peer.next(), message);
    }
    for (const size of [0, 1, 3, 65535, 65536, 65537, 1 << 20]) {
      const bytes = Buffer.alloc(size, size & 0xff);
      peer.send(bytes);
      assert.deepEqual(Buffer.from(await peer.next()), bytes);
    }
    await peer.close();
  }));

test("many messages of one turn arrive once and in order", () =>
  withServer({ maxOutboxBytes: "64MiB" }, echo, async (server, url) => {
    const peer = await Peer.open(`${url}/echo`);
    const count = 20000;
    for (let number = 0; number < count; number++) peer.send(`${number}`.padEnd(number % 300, "."));
    for (let number = 0; number < count; number++) {
      assert.equal(Number.parseInt(await peer.next(), 10), number);
    }
    await peer.close();
  }));

test("a message says whether it is binary, and bytes are the program's to keep", () =>
  withServer({}, (server) => server.route("/", (connection) => {
    const kept = [];
    connection.on("message", (data, isBinary) => {
      kept.push([typeof data, isBinary, isBinary ? data : null]);
      if (kept.length === 3) {
        connection.sendJSON(kept.map(([type, binary, bytes]) => [type, binary, bytes && [...bytes]]));
      }
    });
  }), async (server, url) => {
    const peer = await Peer.open(url);
    peer.send("text");
    peer.send(Buffer.from([1, 2]));
    peer.send(Buffer.from([3]));
    const seen = JSON.parse(await peer.next());
    assert.deepEqual(seen, [["string", false, null], ["object", true, [1, 2]], ["object", true, [3]]]);
    await peer.close();
  }));

test("a room gets what is broadcast to it, but for the one left out", () =>
  withServer({}, (server) => server.route("/ws/{room}", { join: true }, (connection) => {
    const room = server.room(connection.path.room);
    connection.on("message", (data) => room.broadcast(data, { except: connection }));
  }), async (server, url) => {
    const [one, two, other] = await Promise.all([
      Peer.open(`${url}/ws/a%20b`), Peer.open(`${url}/ws/a%20b`), Peer.open(`${url}/ws/c`),
    ]);
    one.send("from one");
    assert.equal(await two.next(), "from one");
    two.send("from two");
    assert.equal(await one.next(), "from two");
    assert.deepEqual(server.rooms.sort(), ["a b", "c"]);
    assert.equal(server.room("a b").size, 2);
    assert.deepEqual(server.room("a b").members.map(({ path }) => path.room), ["a b", "a b"]);
    server.broadcast("all");
    assert.deepEqual(await Promise.all([one.next(), two.next(), other.next()]), ["all", "all", "all"]);
    await Promise.all([one.close(), two.close(), other.close()]);
  }));

test("users are known by all their connections and get what is sent to them", () =>
  withServer({}, (server) => server.route("/{room}", {
    join: true,
    authorize: (request) => request.query.get("user"),
  }), async (server, url) => {
    const seen = [];
    server.on("userJoin", (room, user) => seen.push(`+${room} ${user}`));
    server.on("userLeave", (room, user) => seen.push(`-${room} ${user}`));
    const [one, two] = [await Peer.open(`${url}/r?user=anna`), await Peer.open(`${url}/r?user=anna`)];
    assert.equal(server.userCount, 1);
    assert.equal(server.user("anna").connections.length, 2);
    assert.deepEqual(server.room("r").users, ["anna"]);
    assert.equal(server.user("ben").isOnline, false);
    server.sendTo("anna", "for you");
    assert.deepEqual(await Promise.all([one.next(), two.next()]), ["for you", "for you"]);
    const [first] = server.connections;
    first.setUser("carl");
    assert.deepEqual(server.room("r").users.sort(), ["anna", "carl"]);
    await Promise.all([one.close(), two.close()]);
    while (server.connectionCount > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(seen.slice(0, 2), ["+r anna", "+r carl"]);
    assert.equal(seen.length, 4);
  }));

test("authorize lets in, refuses with a status or a close code, at once or later", () =>
  withServer({}, (server) => server.route("/{what}", {
    subprotocols: ["chat"],
    authorize: async (request) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (request.path.what === "no") return false;
      if (request.path.what === "code") throw new Rejection(4003, "not you");
      if (request.path.what === "fault") throw new Error("as planned");
      return { user: request.headers.host.split(":")[0], subprotocol: request.subprotocols[0] };
    },
  }, (connection) => {
    connection.send(`${connection.user} ${connection.subprotocol}`);
  }), async (server, url) => {
    const faults = [];
    server.on("error", (error) => faults.push(error.message));
    const peer = await Peer.open(`${url}/yes`, ["chat"]);
    assert.equal(await peer.next(), "127.0.0.1 chat");
    assert.equal(peer.socket.protocol, "chat");
    await assert.rejects(Peer.open(`${url}/no`));
    assert.deepEqual(await new Peer(`${url}/code`).closed, { code: 4003, reason: "not you" });
    await assert.rejects(Peer.open(`${url}/fault`));
    assert.deepEqual(faults, ["as planned"]);
    await peer.close();
  }));

test("close gives code and reason to both sides", () =>
  withServer({}, (server) => server.route("/", (connection) => {
    connection.on("message", () => connection.close(4000, "enough"));
  }), async (server, url) => {
    const ends = [];
    server.on("close", (connection, code, reason) => ends.push([code, reason, connection.readyState]));
    const peer = await Peer.open(url);
    peer.send("close me");
    assert.deepEqual(await peer.closed, { code: 4000, reason: "enough" });
    const other = await Peer.open(url);
    other.socket.close(3001, "mine");
    await other.closed;
    while (ends.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(ends, [[4000, "", 3], [3001, "mine", 3]]);
  }));

test("what was sent before a close arrives before it", () =>
  withServer({}, (server) => server.route("/", (connection) => {
    for (let number = 0; number < 100; number++) connection.send(`${number}`);
    connection.close();
  }), async (server, url) => {
    const peer = await Peer.open(url);
    for (let number = 0; number < 100; number++) assert.equal(await peer.next(), `${number}`);
    assert.equal((await peer.closed).code, 1000);
  }));

test("messages can be iterated, and the iteration ends with the connection", () =>
  withServer({}, (server) => server.route("/", async (connection) => {
    const seen = [];
    for await (const message of connection) {
      seen.push(message);
      connection.send(`${seen.length}`);
    }
    server.emit("iterated", seen);
  }), async (server, url) => {
    const done = once(server, "iterated");
    const peer = await Peer.open(url);
    for (const word of ["a", "b", "c"]) {
      peer.send(word);
      await peer.next();
    }
    await peer.close();
    assert.deepEqual(await done, [["a", "b", "c"]]);
  }));

test("an HTTP route answers beside the WebSockets", () =>
  withServer({}, (server) => {
    echo(server);
    server.route("/hello/{name}", { methods: ["GET", "POST"] }, async (request) => ({
      status: 201,
      headers: { "X-Method": request.method },
      body: `${request.path.name} ${request.body}`,
    }));
    server.route("/json", { methods: "GET" }, () => ({ json: { ok: true } }));
    server.route("/fault", { methods: "GET" }, () => { throw new Error("as planned"); });
  }, async (server) => {
    const faults = [];
    server.on("error", (error) => faults.push(error.message));
    const base = `http://127.0.0.1:${server.port}`;
    const answer = await fetch(`${base}/hello/w%C3%B6rld`, { method: "POST", body: "body" });
    assert.equal(answer.status, 201);
    assert.equal(answer.headers.get("x-method"), "POST");
    assert.equal(await answer.text(), "wörld body");
    assert.deepEqual(await (await fetch(`${base}/json`)).json(), { ok: true });
    assert.equal((await fetch(`${base}/fault`)).status, 500);
    assert.equal((await fetch(`${base}/nothing`)).status, 404);
    assert.deepEqual(faults, ["as planned"]);
  }));

test("close() of the server tells everybody and ends when all have gone", async () => {
  const server = new Server({ port: 0 });
  server.route("/");
  await server.listen();
  const peers = await Promise.all([1, 2, 3].map(() => Peer.open(`ws://127.0.0.1:${server.port}`)));
  await server.close("see you");
  for (const peer of peers) assert.deepEqual(await peer.closed, { code: 1001, reason: "see you" });
  assert.equal(server.isListening, false);
  await server.close();
});

test("an idle connection is known with its address, times and counts", () =>
  withServer({}, echo, async (server, url) => {
    const peer = await Peer.open(`${url}/echo?x=1`);
    peer.send("one");
    await peer.next();
    const [connection] = server.connections;
    assert.match(connection.address, /^127\.0\.0\.1:\d+$/);
    assert.equal(connection.pathname, "/echo");
    assert.equal(connection.query.get("x"), "1");
    assert.equal(connection.headers.upgrade, "websocket");
    assert.equal(typeof connection.id, "bigint");
    assert.equal(connection.info.messagesReceived, 1);
    assert.equal(connection.info.messagesSent, 1);
    assert.equal(connection.bufferedAmount, 0);
    connection.join("room").join("other");
    assert.deepEqual(connection.rooms.sort(), ["other", "room"]);
    assert.equal(connection.leave("room"), true);
    assert.equal(connection.leave("room"), false);
    await peer.close();
  }));
