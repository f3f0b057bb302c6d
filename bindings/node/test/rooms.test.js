"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { Peer, pause, until, withServer } = require("./help.js");

/** /ROOM?user=NAME */
const rooms = (server) => server.route("/{room}", {
  join: true,
  authorize: (request) => request.query.get("user") ?? true,
});

test("presence tells users with their connections and data, and versions that grow by one", () =>
  withServer({}, rooms, async (server, url) => {
    const changes = [];
    for (const name of ["userJoin", "userLeave", "presence"]) {
      server.on(name, (room, user, { version, data }) => {
        changes.push([name, user, version, `${data ?? ""}`]);
      });
    }
    const [one, two, other] = [
      await Peer.open(`${url}/r?user=anna`), await Peer.open(`${url}/r?user=anna`),
      await Peer.open(`${url}/r`),
    ];
    await until(() => server.connectionCount === 3 && changes.length === 1);
    server.setPresence("anna", '{"mood":"fine"}');
    server.user("anna").setPresence(Buffer.from('{"mood":"fine"}'));
    const { version, users } = server.room("r").presence();
    assert.equal(users.length, 1);
    assert.equal(users[0].user, "anna");
    assert.equal(users[0].data.toString(), '{"mood":"fine"}');
    assert.deepEqual(users[0].connections, server.user("anna").connections);
    assert.equal(users[0].connections.length, 2);
    assert.ok(Math.abs(users[0].joinedAt - Date.now()) < 60000);
    await Promise.all([one.close(), two.close(), other.close()]);
    await until(() => changes.length === 3);
    const first = changes[0][2];
    assert.equal(version, first + 1);
    assert.deepEqual(changes, [
      ["userJoin", "anna", first, ""],
      ["presence", "anna", first + 1, '{"mood":"fine"}'],
      ["userLeave", "anna", first + 2, ""],
    ]);
    assert.throws(() => server.setPresence("nobody", "x"), { code: "HEARTH_ERR_NOT_FOUND" });
    assert.throws(() => server.setPresence("anna", { a: 1 }), { code: "HEARTH_ERR_INVALID" });
    assert.deepEqual(server.room("nowhere").presence().users, []);
  }));

test("who comes back within presenceGrace was never away", () =>
  withServer({ presenceGrace: 5 }, rooms, async (server, url) => {
    const changes = [];
    server.on("userJoin", (room, user) => changes.push(`+${user}`));
    server.on("userLeave", (room, user) => changes.push(`-${user}`));
    const first = await Peer.open(`${url}/r?user=anna`);
    await first.close();
    await until(() => server.connectionCount === 0);
    assert.deepEqual(server.room("r").presence().users.map(({ user }) => user), ["anna"]);
    const second = await Peer.open(`${url}/r?user=anna`);
    await until(() => server.connectionCount === 1);
    assert.deepEqual(changes, ["+anna"]);
    await second.close();
  }));

test("a kicked user is out of all rooms at once, and told why", () =>
  withServer({ presenceGrace: 5 }, rooms, async (server, url) => {
    const [one, two, other] = [
      await Peer.open(`${url}/r?user=anna`), await Peer.open(`${url}/s?user=anna`),
      await Peer.open(`${url}/r?user=ben`),
    ];
    await until(() => server.connectionCount === 3);
    assert.deepEqual(server.users.sort(), ["anna", "ben"]);
    assert.equal(server.kick("anna", 4321, "rude"), 2);
    assert.deepEqual([await one.closed, await two.closed], [
      { code: 4321, reason: "rude" }, { code: 4321, reason: "rude" },
    ]);
    assert.deepEqual(server.room("r").users, ["ben"]);
    assert.equal(server.kick("nobody"), 0);
    assert.equal(server.user("ben").kick(), 1);
    assert.equal((await other.closed).code, 4505);
    assert.throws(() => server.kick("ben", 99), { code: "HEARTH_ERR_INVALID" });
  }));

test("a broadcast leaves out a user with all connections", () =>
  withServer({}, rooms, async (server, url) => {
    const [one, two, ben] = [
      await Peer.open(`${url}/r?user=anna`), await Peer.open(`${url}/r?user=anna`),
      await Peer.open(`${url}/r?user=ben`),
    ];
    await until(() => server.connectionCount === 3);
    const except = server.user("anna");
    server.room("r").broadcast("small", { except });
    server.broadcast("x".repeat(100000), { except });
    server.room("r").broadcastJSON({ for: "all" });
    server.sendTo("ben", "not you", { except: server.user("ben").connections[0] });
    assert.equal(await ben.next(), "small");
    assert.equal((await ben.next()).length, 100000);
    for (const peer of [one, two, ben]) assert.deepEqual(await peer.nextJSON(), { for: "all" });
    assert.throws(() => server.broadcast("x", { except: "anna" }), /Connection or a User/);
    await Promise.all([one, two, ben].map((peer) => peer.close()));
  }));

test("metadata is kept with a connection, up to maxMetadata", () =>
  withServer({ maxMetadata: 64 }, (server) => server.route("/"), async (server, url) => {
    const peer = await Peer.open(url);
    await until(() => server.connectionCount === 1);
    const [connection] = server.connections;
    assert.equal(connection.metadata.length, 0);
    connection.metadata = "grüße";
    assert.equal(connection.metadata.toString(), "grüße");
    connection.metadata = Buffer.from([0, 1, 2]);
    assert.deepEqual([...connection.metadata], [0, 1, 2]);
    assert.throws(() => { connection.metadata = "x".repeat(65); }, { code: "HEARTH_ERR_TOO_LARGE" });
    assert.throws(() => { connection.metadata = 5; }, { code: "HEARTH_ERR_INVALID" });
    await peer.close();
    await until(() => !connection.isOpen);
    assert.throws(() => connection.metadata, { code: "HEARTH_ERR_GONE" });
  }));

test("rates are told, then messages dropped, then the connection closed", () =>
  withServer({ rateLimitMessages: "3/h", maxRateLimitDrops: 2 }, (server) => {
    server.route("/", (connection) => {
      connection.on("message", (data) => server.emit("got", data));
      connection.on("limit", (key, dropped) => server.emit("limited", key, dropped));
    });
  }, async (server, url) => {
    const got = [];
    const told = [];
    server.on("got", (data) => got.push(data));
    server.on("limited", (key, dropped) => told.push([key, dropped]));
    const peer = await Peer.open(url);
    for (let number = 0; number < 6; number++) peer.send(`${number}`);
    const { code, reason } = await peer.closed;
    assert.equal(code, 4105);
    assert.match(reason, /^retry=\d+;why=rate limit$/);
    assert.deepEqual(got, ["0", "1", "2", "3"]);
    assert.deepEqual(told, [0, 1, 1].map((dropped) => ["rate_limit_messages", dropped]));
  }));

test("a user has so many connections, and an address", async () => {
  const evicting = { maxConnectionsPerUser: 1, userLimitPolicy: "evict_oldest" };
  await withServer(evicting, rooms, async (server, url) => {
    const first = await Peer.open(`${url}/r?user=anna`);
    const second = await Peer.open(`${url}/r?user=anna`);
    assert.equal((await first.closed).code, 4504);
    assert.equal(server.user("anna").connections.length, 1);
    await second.close();
  });
  await withServer({ maxConnectionsPerIp: 1 }, rooms, async (server, url) => {
    const first = await Peer.open(`${url}/r`);
    await assert.rejects(Peer.open(`${url}/r`));
    await first.close();
  });
});

test("a slow consumer loses messages by the policy, and is told how many", () =>
  withServer({ slowConsumer: "drop_newest", maxOutboxBytes: "64KiB" }, (server) => {
    server.route("/", (connection) => connection.on("drop", (count) => server.emit("dropped", count)));
  }, async (server, url) => {
    let dropped = 0;
    server.on("dropped", (count) => { dropped += count; });
    const peer = await Peer.open(url);
    await until(() => server.connectionCount === 1);
    const [connection] = server.connections;
    // Without a turn of the loop between them.
    for (let number = 0; number < 100; number++) connection.send("x".repeat(60000));
    await pause(0);
    await until(() => dropped > 0);
    assert.ok(dropped < 100);
    await peer.close();
  }));
