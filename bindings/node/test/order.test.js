"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { Peer, pause, until, withServer } = require("./help.js");

/** A promise and what fulfils it. */
function gate() {
  let open;
  const opened = new Promise((resolve) => { open = resolve; });
  return { opened, open };
}

test("events of one connection are handled one after the other, in order", () =>
  withServer({}, (server) => {
    server.route("/", { dialect: "json" });
    server.onEvent("step", async (connection, { number }) => {
      // The first takes the longest.
      await pause(20 - number * 2);
      connection.sendEvent("did", { number });
    });
  }, async (server, url) => {
    const peer = await Peer.open(url);
    for (let number = 0; number < 10; number++) peer.sendJSON({ type: "step", data: { number } });
    for (let number = 0; number < 10; number++) {
      assert.deepEqual(await peer.nextJSON(), { type: "did", data: { number } });
    }
    await peer.close();
  }));

test("a slow handler holds up no other connection, and the close comes behind it", () => {
  const slow = gate();
  const seen = [];
  return withServer({}, (server) => {
    server.route("/", (connection) => {
      connection.on("message", async (data) => {
        if (data === "slow") await slow.opened;
        seen.push(data);
        if (connection.isOpen) connection.send(data);
      });
      connection.on("close", () => seen.push(`close of ${connection.query.get("name")}`));
    });
    server.on("close", (connection) => seen.push(`told of ${connection.query.get("name")}`));
  }, async (server, url) => {
    const first = await Peer.open(`${url}/?name=first`);
    const second = await Peer.open(`${url}/?name=second`);
    first.send("slow");
    first.send("behind");
    first.socket.close(1000);
    second.send("quick");
    assert.equal(await second.next(), "quick");
    await until(() => server.connectionCount === 1);
    assert.deepEqual(seen, ["quick"]);
    slow.open();
    await until(() => seen.length === 5);
    assert.deepEqual(seen, ["quick", "slow", "behind", "close of first", "told of first"]);
    await second.close();
  });
});

test("with { concurrent: true } events wait for nothing", () => {
  const first = gate();
  return withServer({}, (server) => server.route("/", { concurrent: true }, (connection) => {
    connection.on("message", async (data) => {
      if (data === "1") await first.opened;
      connection.send(data);
      first.open();
    });
  }), async (server, url) => {
    const peer = await Peer.open(url);
    peer.send("1");
    peer.send("2");
    assert.equal(await peer.next(), "2");
    assert.equal(await peer.next(), "1");
    await peer.close();
  });
});

test("a session that iterates its messages holds up no events", () =>
  withServer({}, (server) => server.route("/", { join: "hall" }, async (connection) => {
    connection.on("join", (room) => connection.send(room));
    for await (const message of connection) connection.send(message);
  }), async (server, url) => {
    const peer = await Peer.open(url);
    assert.equal(await peer.next(), "hall");
    peer.send("hi");
    assert.equal(await peer.next(), "hi");
    await peer.close();
  }));

test("too many events behind a handler that does not end close its connection with 1013", () => {
  const never = gate();
  let handled = 0;
  return withServer({}, (server) => server.route("/", (connection) => {
    connection.on("message", async (data) => {
      if (data === "slow") await never.opened;
      handled++;
      if (data === "quick") connection.send(data);
    });
  }), async (server, url) => {
    const peer = await Peer.open(url);
    const other = await Peer.open(url);
    peer.send("slow");
    for (let number = 0; number < 1100; number++) peer.send("x");
    assert.equal((await peer.closed).code, 1013);
    other.send("quick");
    assert.equal(await other.next(), "quick");
    never.open();
    await until(() => handled === 2 + 1024);
    await other.close();
  });
});

test("a rejected handler closes its connection, and what waits behind it is still told", () => {
  const seen = [];
  return withServer({}, (server) => {
    server.route("/", (connection) => {
      connection.on("message", async (data) => {
        await pause(5);
        if (data === "bad") throw new Error(data);
        seen.push(data);
      });
      connection.on("close", (code) => seen.push(code));
    });
    server.on("error", (error) => seen.push(error.message));
  }, async (server, url) => {
    const peer = await Peer.open(url);
    peer.send("bad");
    peer.send("good");
    assert.equal((await peer.closed).code, 1011);
    await until(() => seen.includes(1011));
    assert.deepEqual(seen, ["bad", "good", 1011]);
  });
});

test("the cookies of a request are read", () =>
  withServer({}, (server) => server.route("/", (connection) => connection.sendJSON(connection.cookies)),
    async (server, url) => {
      const { connect } = require("../index.cjs");
      const client = connect(`${url}/`, {
        headers: { Cookie: 'a=1; b="two"; c=%C3%A9; a=again; bad=%; =x; __proto__=p' },
        reconnectEnabled: false,
      });
      for await (const message of client) {
        assert.deepEqual(message, '{"a":"1","b":"two","c":"é","bad":"%","__proto__":"p"}');
        break;
      }
      await client.close();
    }));
