"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { Peer, until, withServer } = require("./help.js");

const json = (server) => server.route("/{room}", { join: true, dialect: "json" });

test("an event comes with its name and its data, to the handlers of server and connection", () =>
  withServer({}, (server) => server.route("/{room}", { join: true, dialect: "json" }, (connection) => {
    connection.onEvent("own", (data) => connection.sendEvent("answer", { got: data ?? null }));
    connection.on("event", (name, data) => { connection.data = [name, data]; });
  }), async (server, url) => {
    server.onEvent("chat", (connection, data) => {
      server.room(connection.path.room).sendEvent("chat", data, { except: connection });
    });
    const [one, two] = [await Peer.open(`${url}/r`), await Peer.open(`${url}/r`)];
    one.sendJSON({ type: "own", data: [1, "grüße", null] });
    assert.deepEqual(await one.nextJSON(), { type: "answer", data: { got: [1, "grüße", null] } });
    one.sendJSON({ type: "own" });
    assert.deepEqual(await one.nextJSON(), { type: "answer", data: { got: null } });
    one.sendJSON({ type: "chat", data: { text: "hello" } });
    assert.deepEqual(await two.nextJSON(), { type: "chat", data: { text: "hello" } });
    one.sendJSON({ type: "ping" });
    assert.equal((await one.nextJSON()).type, "pong");
    one.send("no event");
    assert.equal((await one.nextJSON()).code, "invalid_json");
    await until(() => server.connections.some(({ data }) => data?.[0] === "chat"));
    await Promise.all([one.close(), two.close()]);
  }));

test("an event reaches everybody in the dialect of the route", () =>
  withServer({}, (server) => {
    server.route("/json/{room}", { join: true, dialect: "json", authorize: () => "anna" });
    server.route("/raw/{room}", { join: true });
  }, async (server, url) => {
    const [speaks, plain] = [await Peer.open(`${url}/json/r`), await Peer.open(`${url}/raw/r`)];
    await until(() => server.connectionCount === 2);
    const large = "x".repeat(100000);
    for (const data of [{ a: 1 }, large]) {
      server.room("r").sendEvent("told", data);
      server.sendEvent("told", data);
      for (let times = 0; times < 2; times++) {
        assert.deepEqual(await speaks.nextJSON(), { type: "told", data });
        assert.deepEqual(await plain.nextJSON(), data);
      }
    }
    server.user("anna").sendEvent("bare");
    assert.deepEqual(await speaks.nextJSON(), { type: "bare" });
    server.sendEvent("last", 1, { except: server.user("anna") });
    assert.equal(await plain.next(), "1");
    await Promise.all([speaks.close(), plain.close()]);
  }));

test("the library handles events that the route names, with keys of one's own", () =>
  withServer({ jsonEventKey: "action", jsonRoomKey: "session" }, (server) => server.route("/", {
    dialect: "json", events: ["join", "leave", "message"], rooms: ["lobby", "chat:*"], echo: false,
    authorize: (request) => request.query.get("user"),
  }), async (server, url) => {
    const [anna, ben] = [await Peer.open(`${url}/?user=anna`), await Peer.open(`${url}/?user=ben`)];
    for (const peer of [anna, ben]) {
      peer.sendJSON({ action: "join", data: { session: "chat:1" } });
      assert.equal((await peer.nextJSON()).action, "join");
    }
    assert.equal(server.room("chat:1").size, 2);
    anna.sendJSON({ action: "message", data: { text: " hello " } });
    const { action, data } = await ben.nextJSON();
    assert.deepEqual([action, data.user, data.text, data.session], ["message", "anna", "hello", "chat:1"]);
    anna.sendJSON({ action: "join", data: { session: "secret" } });
    assert.equal((await anna.nextJSON()).code, "room_not_open");
    await Promise.all([anna.close(), ben.close()]);
  }));

test("events are collected into arrays while batchInterval lasts", () =>
  withServer({ batchInterval: "20ms", maxBatchMessages: 10 }, json, async (server, url) => {
    const peer = await Peer.open(`${url}/r`);
    await until(() => server.connectionCount === 1);
    for (let number = 0; number < 15; number++) server.sendEvent("number", number);
    const seen = [await peer.nextJSON(), await peer.nextJSON()];
    assert.deepEqual(seen.map((batch) => batch.length), [10, 5]);
    assert.deepEqual(seen.flat().map(({ data }) => data), Array.from({ length: 15 }, (_, number) => number));
    await peer.close();
  }));

test("what is no event is refused with a sentence", () =>
  withServer({ jsonDataKey: "" }, json, async (server, url) => {
    const peer = await Peer.open(`${url}/r`);
    await until(() => server.connectionCount === 1);
    const [connection] = server.connections;
    assert.throws(() => connection.sendEvent("", {}), { code: "HEARTH_ERR_INVALID" });
    assert.throws(() => connection.sendEvent("a\0b", {}), { code: "HEARTH_ERR_INVALID" });
    assert.throws(() => connection.sendEvent("x".repeat(256), {}), /255 bytes/);
    assert.throws(() => server.sendEvent("flat", [1]), /is an object/);
    assert.throws(() => server.room("r").sendEvent("f", () => {}), /no JSON/);
    assert.throws(() => connection.onEvent("x"), { code: "HEARTH_ERR_INVALID" });
    connection.sendEvent("flat", { a: 1 });
    assert.deepEqual(await peer.nextJSON(), { type: "flat", a: 1 });
    await peer.close();
  }));

test("a handler of an event that throws closes its connection with 1011", () =>
  withServer({}, json, async (server, url) => {
    const errors = [];
    server.on("error", (error) => errors.push(error.message));
    server.onEvent("bad", () => { throw new Error("as planned"); });
    server.onEvent("worse", async () => { throw new Error("later"); });
    for (const type of ["bad", "worse"]) {
      const peer = await Peer.open(`${url}/r`);
      peer.sendJSON({ type });
      assert.equal((await peer.closed).code, 1011);
    }
    assert.deepEqual(errors, ["as planned", "later"]);
  }));
