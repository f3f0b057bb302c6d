"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { Server } = require("../index.cjs");
const { Peer, until, withServer } = require("./help.js");

test("a channel's connections share rooms and relays with sockets", async () => {
  const sent = [];
  let bot;
  await withServer({}, (server) => {
    server.route("/room/{room}", { join: true, relay: true });
    bot = server.channel("bot", (connections, data) => {
      sent.push([connections.map(({ recipient }) => recipient), data]);
    });
  }, async (server, url) => {
    const peer = await Peer.open(`${url}/room/a`);
    const one = await bot.connect({ path: "/room/a", recipient: "17", user: "anna", address: "203.0.113.9" });
    const two = await bot.connect({ path: "/room/a", recipient: "18", headers: { "X-From": "test" } });
    const known = [one.isChannel, one.user, one.path.room, one.address];
    assert.deepEqual(known, [true, "anna", "a", "203.0.113.9:0"]);
    assert.equal(two.headers["x-from"], "test");
    assert.equal(server.room("a").size, 3);
    peer.send("from a socket");
    await until(() => sent.length === 1);
    bot.receive(one, "from the bot");
    assert.equal(await peer.next(), "from the bot");
    await until(() => sent.length === 2);
    assert.deepEqual([sent[0][0].sort(), sent[0][1]], [["17", "18"], "from a socket"]);
    assert.deepEqual(sent[1], [["18"], "from the bot"]);
    const closes = [];
    server.on("close", (connection, code, reason) => closes.push([connection.user, code, reason]));
    bot.closed(one, 4000, "left the chat");
    await until(() => closes.length === 1);
    assert.deepEqual(closes, [["anna", 4000, "left the chat"]]);
    assert.throws(() => bot.receive(one, "late"), { code: "HEARTH_ERR_GONE" });
    two.close();
    await until(() => !two.isOpen);
    await peer.close();
  });
});

test("handlers get what a channel receives, text and bytes, and answer over it", async () => {
  const sent = [];
  let channel;
  await withServer({}, (server) => {
    server.route("/echo", (connection) => connection.on("message", (data) => connection.send(data)));
    channel = server.channel("test", (connections, data, isBinary) => sent.push([data, isBinary]));
  }, async () => {
    const connection = await channel.connect({ path: "/echo" });
    const large = Buffer.alloc(100000, 7);
    channel.receive(connection, "text");
    channel.receive(connection, large);
    await until(() => sent.length === 2);
    assert.deepEqual(sent, [["text", false], [large, true]]);
    channel.alive(connection);
  });
});

test("a channel that acknowledges is not given more than it can take", async () => {
  const sent = [];
  let channel;
  await withServer({ slowConsumer: "drop_newest", maxOutboxBytes: "512KiB" }, (server) => {
    server.route("/");
    channel = server.channel("slow", { acknowledge: true }, (connections, data) => sent.push(data.length));
  }, async () => {
    const connection = await channel.connect({ path: "/" });
    for (let number = 0; number < 3; number++) connection.send("x".repeat(70000));
    await until(() => sent.length > 0);
    assert.equal(sent.length, 1);
    channel.sent(connection, 70000);
    await until(() => sent.length === 2);
    channel.sent(connection, 70000);
    await until(() => sent.length === 3);
  });
});

test("ten thousand connections of a channel are listed, and get a message in one call", async () => {
  const calls = [];
  let channel;
  await withServer({}, (server) => {
    server.route("/{room}", { join: true });
    channel = server.channel("bulk", (connections) => calls.push(connections.length));
  }, async (server) => {
    const peers = Array.from({ length: 10000 }, (_, number) => ({ path: "/r", user: `user ${number}` }));
    await Promise.all(peers.map((peer) => channel.connect(peer)));
    assert.equal(server.room("r").members.length, 10000);
    assert.equal(server.room("r").users.length, 10000);
    assert.equal(new Set(server.users).size, 10000);
    assert.equal(server.room("r").presence().users.length, 10000);
    server.room("r").broadcast("to all");
    await until(() => calls.length > 0);
    assert.deepEqual(calls, [10000]);
  });
});

test("what a channel cannot connect is an error", async () => {
  const server = new Server({ port: 0, maxConnections: 1 });
  server.route("/only");
  const channel = server.channel("strict", { check: (recipient) => recipient !== "blocked" }, () => {
    throw new Error("as planned");
  });
  assert.throws(() => server.channel("strict", () => {}), { code: "HEARTH_ERR_STATE" });
  assert.throws(() => server.channel("x", { acknowlege: true }, () => {}), /did you mean "acknowledge"/);
  assert.throws(() => server.channel("x"), { code: "HEARTH_ERR_INVALID" });
  await assert.rejects(channel.connect({ path: "/only" }), { code: "HEARTH_ERR_STATE" });
  await server.listen();
  await assert.rejects(channel.connect({}), /has a path/);
  await assert.rejects(channel.connect({ path: "/only", recipiant: "1" }), /did you mean "recipient"/);
  await assert.rejects(channel.connect({ path: "/nowhere" }), { code: "HEARTH_ERR_NOT_FOUND" });
  const blocked = channel.connect({ path: "/only", recipient: "blocked" });
  await assert.rejects(blocked, { code: "HEARTH_ERR_PERMISSION" });
  const connection = await channel.connect({ path: "/only" });
  await assert.rejects(channel.connect({ path: "/only" }), { code: "HEARTH_ERR_LIMIT" });
  const errors = [];
  server.on("error", (error) => errors.push(error.message));
  connection.send("x");
  await until(() => errors.length === 1);
  assert.deepEqual(errors, ["as planned"]);
  await server.close();
});
