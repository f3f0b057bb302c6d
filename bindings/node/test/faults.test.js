"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { HearthError, Server } = require("../index.cjs");
const { Peer, runProgram, until, withServer } = require("./help.js");

const refused = (code, pattern) => (error) => {
  assert.ok(error instanceof HearthError, `${error?.stack}`);
  assert.equal(error.code, code);
  assert.match(error.message, pattern);
  return true;
};

test("a misspelled option is named with the one that was meant", () => {
  assert.throws(
    () => new Server({ pinginterval: 20 }),
    refused("HEARTH_ERR_UNKNOWN_KEY", /unknown option "pinginterval": did you mean "pingInterval"\?/)
  );
  assert.throws(
    () => new Server({ ping_interval: 20 }),
    refused("HEARTH_ERR_UNKNOWN_KEY", /did you mean "pingInterval"/)
  );
  assert.throws(
    () => new Server({ outboxMaxBytes: 1024 }),
    refused("HEARTH_ERR_UNKNOWN_KEY", /did you mean "maxOutboxBytes"/)
  );
  const server = new Server({});
  assert.throws(
    () => server.route("/", { joins: true }),
    refused("HEARTH_ERR_UNKNOWN_KEY", /did you mean "join"/)
  );
});

test("wrong values and types are refused with a sentence", () => {
  assert.throws(
    () => new Server({ pingInterval: "soon" }),
    refused("HEARTH_ERR_INVALID_VALUE", /ping_interval/)
  );
  assert.throws(() => new Server({ pingInterval: {} }), refused("HEARTH_ERR_INVALID_VALUE", /pingInterval/));
  assert.throws(() => new Server({ port: 70000 }), refused("HEARTH_ERR_INVALID", /port/));
  assert.throws(
    () => new Server({ maxMessageSize: -1 }),
    refused("HEARTH_ERR_INVALID_VALUE", /max_message_size/)
  );
  assert.throws(() => new Server({ listen: "1.2.3.4:5", port: 1 }), refused("HEARTH_ERR_INVALID", /either/));
  assert.throws(() => new Server("8000"), refused("HEARTH_ERR_INVALID", /object/));
  assert.throws(() => new Server(null), refused("HEARTH_ERR_INVALID", /object/));
  const server = new Server({});
  assert.throws(() => server.route("no slash"), refused("HEARTH_ERR_INVALID_VALUE", /./));
  assert.throws(() => server.route("/", "handler"), refused("HEARTH_ERR_INVALID", /./));
  assert.throws(() => server.route("/", {}, 1), refused("HEARTH_ERR_INVALID", /function/));
  assert.throws(() => server.room(""), refused("HEARTH_ERR_INVALID", /empty/));
  assert.throws(() => server.room("a\0b"), refused("HEARTH_ERR_INVALID", /NUL/));
  assert.throws(() => server.broadcast({ a: 1 }), refused("HEARTH_ERR_INVALID", /sendJSON/));
  assert.throws(() => server.broadcast("x", { except: "me" }), refused("HEARTH_ERR_INVALID", /Connection/));
});

test("a port that is taken is said so", async () => {
  await withServer({}, () => {}, async (server) => {
    const second = new Server({ port: server.port });
    await assert.rejects(second.listen(), refused("HEARTH_ERR_ADDRESS_IN_USE", /cannot listen/));
  });
});

test("calls after the end answer GONE, and close may be called again", () =>
  withServer({}, (server) => server.route("/"), async (server, url) => {
    const peer = await Peer.open(url);
    const [connection] = server.connections;
    await peer.close();
    await until(() => connection.readyState === 3);
    assert.throws(() => connection.send("late"), refused("HEARTH_ERR_GONE", /closed/));
    assert.throws(() => connection.join("room"), refused("HEARTH_ERR_GONE", /closed/));
    assert.throws(() => connection.info, refused("HEARTH_ERR_GONE", /closed/));
    assert.deepEqual(connection.rooms, []);
    assert.equal(connection.bufferedAmount, 0);
    connection.close();
    server.broadcast("to nobody", { except: connection });
  }));

test("options and names of any length are taken whole, or refused", async () => {
  const proxies = Array.from({ length: 400 }, (_, number) => `10.${number >> 8}.${number & 255}.0/24`);
  const server = new Server({ trustedProxies: proxies });
  await server.close();
  assert.throws(() => new Server({ trustedProxies: [...proxies, "nonsense"] }),
    refused("HEARTH_ERR_INVALID_VALUE", /trusted_proxies/));
  await withServer({}, (one) => one.route("/"), async (one, url) => {
    const peer = await Peer.open(url);
    await until(() => one.connectionCount === 1);
    const [connection] = one.connections;
    assert.throws(() => connection.join("x".repeat(5000)), refused("HEARTH_ERR_TOO_LARGE", /./));
    assert.deepEqual(one.room("x".repeat(5000)).users, []);
    const long = "x".repeat(124);
    assert.throws(() => connection.close(1000, long), refused("HEARTH_ERR_TOO_LARGE", /123 bytes/));
    assert.throws(() => connection.close(1005), refused("HEARTH_ERR_INVALID", /1005/));
    assert.throws(() => connection.close("bye"), refused("HEARTH_ERR_INVALID", /close code/));
    await peer.close();
  });
});

test("an exception in a handler is an error event and closes that connection with 1011", () =>
  withServer({}, (server) => {
    server.route("/throws", (connection) => connection.on("message", () => { throw new Error("thrown"); }));
    const reject = async () => { throw new Error("rejected"); };
    server.route("/rejects", (connection) => connection.on("message", reject));
    server.route("/opens", () => { throw new Error("at once"); });
    server.route("/good", (connection) => connection.on("message", (data) => connection.send(data)));
  }, async (server, url) => {
    const errors = [];
    server.on("error", (error, connection) => errors.push([error.message, connection.pathname]));
    const good = await Peer.open(`${url}/good`);
    for (const path of ["/throws", "/rejects"]) {
      const peer = await Peer.open(`${url}${path}`);
      peer.send("now");
      assert.equal((await peer.closed).code, 1011);
    }
    assert.equal((await (await Peer.open(`${url}/opens`)).closed).code, 1011);
    good.send("still here");
    assert.equal(await good.next(), "still here");
    assert.deepEqual(errors, [["thrown", "/throws"], ["rejected", "/rejects"], ["at once", "/opens"]]);
    await good.close();
  }));

test("messages that nobody takes from an iteration end the connection, not the process", () =>
  withServer({ maxMessageSize: "2MiB" }, (server) => server.route("/", async (connection) => {
    const iterator = connection[Symbol.asyncIterator]();
    await iterator.next();
  }), async (server, url) => {
    const peer = await Peer.open(url);
    for (let number = 0; number < 8; number++) peer.send("x".repeat(1 << 20));
    assert.equal((await peer.closed).code, 1013);
  }));

const serving = `
const server = new Server({ port: 0 });
server.route("/", (connection) => connection.on("message", (data) => onMessage(connection, data)));
server.listen().then(() => {
  globalThis.socket = connect("ws://127.0.0.1:" + server.port, { reconnectEnabled: false });
  socket.send("go");
});
`;

test("nothing keeps the process alive after close(), or when it is unref'ed", async () => {
  const closed = await runProgram(`${serving}
    function onMessage() { socket.close(); server.close().then(() => console.log("closed")); }`);
  assert.deepEqual([closed.code, closed.signal, closed.output.trim()], [0, null, "closed"]);
  const unreferenced = await runProgram(`
    new Server({ port: 0 }).unref().listen().then(() => console.log("listens"));`);
  assert.deepEqual([unreferenced.code, unreferenced.output.trim()], [0, "listens"]);
});

test("process.exit in a handler exits, with a connection open", async () => {
  const { code, signal } = await runProgram(`${serving} function onMessage() { process.exit(7); }`);
  assert.deepEqual([code, signal], [7, null]);
});

test("SIGINT ends a program that serves, and one that closes in its handler ends by itself", async () => {
  const plain = await runProgram(`${serving} function onMessage() { console.log("ready"); }`, {
    onLine: (line, child) => line.includes("ready") && child.kill("SIGINT"),
  });
  assert.equal(plain.signal, "SIGINT");
  const polite = await runProgram(`${serving}
    process.on("SIGINT", () => server.close().then(() => console.log("bye")));
    function onMessage() { console.log("ready"); }`, {
    onLine: (line, child) => line.includes("ready") && child.kill("SIGINT"),
  });
  assert.equal(polite.code, 0);
  assert.match(polite.output, /bye/);
});

test("an uncaught exception of a timer is the program's, as always", async () => {
  const { code, output } = await runProgram(`${serving}
    function onMessage() { setTimeout(() => { throw new Error("from a timer"); }); }`);
  assert.equal(code, 1);
  assert.match(output, /from a timer/);
});

test("an error that nobody listens for is thrown, and ends the process unless that is caught", async () => {
  const { code, output } = await runProgram(
    `${serving} function onMessage() { throw new Error("as planned"); }`);
  assert.equal(code, 1, output);
  assert.match(output, /as planned/);
  const caught = await runProgram(`${serving}
    process.on("uncaughtException", (error) => { console.log("caught", error.message); server.close(); });
    async function onMessage() { throw new Error("as planned"); }
    server.on("close", (connection, code) => console.log("closed with", code));`);
  assert.equal(caught.code, 0, caught.output);
  assert.match(caught.output, /caught as planned[^]*closed with 1011/);
});

test("a listener that throws does not keep the others from being called", () =>
  withServer({}, (server) => server.route("/", (connection) => {
    connection.on("message", () => { throw new Error("first"); });
    connection.on("message", (data) => connection.server.emit("second", data));
    connection.once("message", () => connection.server.emit("once"));
  }), async (server, url) => {
    const seen = [];
    server.on("second", (data) => seen.push(data));
    server.on("once", () => seen.push("once"));
    server.on("error", (error) => seen.push(error.message));
    const peer = await Peer.open(url);
    peer.send("now");
    assert.equal((await peer.closed).code, 1011);
    assert.deepEqual(seen, ["first", "now", "once"]);
  }));

test("an error handler that throws is an uncaught exception, not a crash", async () => {
  const { code, signal, output } = await runProgram(`${serving}
    process.on("uncaughtException", (error) => { console.log(error.message); server.close(); });
    server.on("error", () => { throw new Error("from the error handler"); });
    function onMessage() { throw new Error("first"); }`);
  assert.deepEqual([code, signal], [0, null], output);
  assert.match(output, /from the error handler/);
});

test("handlers may close everything while messages come", () =>
  withServer({ maxOutboxBytes: "64MiB" }, (server) => server.route("/", (connection) => {
    connection.on("message", (data) => {
      if (data === "close") for (const one of server.connections) one.close(4000, "all");
      else server.broadcast(data);
    });
  }), async (server, url) => {
    const peers = await Promise.all(Array.from({ length: 20 }, () => Peer.open(url)));
    for (const peer of peers) for (let number = 0; number < 20; number++) peer.send(`${number}`);
    peers[7].send("close");
    for (const peer of peers) assert.equal((await peer.closed).code, 4000);
    await until(() => server.connectionCount === 0);
  }));

test("an engine whose servers and connections nobody holds goes on, and ends without a crash", async () => {
  const { code, output } = await runProgram(`
    async function begin() {
      const server = new Server({ port: 0 });
      server.route("/", (connection) => connection.on("message", (data) => connection.send(data)));
      await server.listen();
      return connect("ws://127.0.0.1:" + server.port + "/");
    }
    const answers = [];
    begin().then(async (client) => {
      client.on("message", (data) => answers.push(data));
      for (let round = 0; round < 20; round++) {
        for (let count = 0; count < 100; count++) { new Server({ port: 0 }); connect; }
        global.gc();
        await new Promise(setImmediate);
        client.send("round " + round);
      }
      while (answers.length < 20) await new Promise((resolve) => setTimeout(resolve, 2));
      console.log("fine");
      process.exit(0);
    });`, { flags: ["--expose-gc"] });
  assert.deepEqual([code, output.trim()], [0, "fine"]);
});

test("servers that nobody holds are collected without a crash", async () => {
  const { code, output } = await runProgram(`
    for (let round = 0; round < 50; round++) new Server({ port: 0 }).unref().listen();
    setTimeout(() => { globalThis.gc?.(); console.log("fine"); }, 50);`);
  assert.deepEqual([code, output.trim()], [0, "fine"]);
});

/** What a program gets for a call with a mistake: the sentence. */
function sentenceOf(body) {
  try {
    body();
  } catch (error) {
    assert.equal(error.name, "HearthError");
    return error.message;
  }
  throw new assert.AssertionError({ message: `accepted: ${body}` });
}

test("an option with a value of the wrong kind is refused with its name and what it takes", () => {
  const cases = [
    [{ pingInterval: null }, 'option "pingInterval" takes seconds, or a text such as "500ms", not null'],
    [{ pingInterval: ["x"] }, 'option "pingInterval" takes seconds, or a text such as "500ms", not ["x"]'],
    [{ maxMessageSize: {} }, 'option "maxMessageSize" takes bytes, or a text such as "64KiB", not {}'],
    [{ maxConnections: NaN }, 'option "maxConnections" takes a number, not null'],
    [{ allowedOrigins: [{}] }, 'option "allowedOrigins" takes a string, not {}'],
    [{ slowConsumer: null }, /takes one of "close", "drop_oldest", "drop_newest", "latest", not null/],
    [{ environmentPrefix: "" }, "environmentPrefix takes a string that is not empty"],
  ];
  for (const [options, expected] of cases) {
    const sentence = sentenceOf(() => new Server({ port: 0, ...options }));
    if (typeof expected === "string") assert.equal(sentence, expected);
    else assert.match(sentence, expected);
  }
});

test("a route option with a value that it does not take is refused with its name", () => {
  const server = new Server({ port: 0 });
  for (const options of [
    { join: 3 }, { join: "" }, { relay: "everyone" }, { event: "on" }, { echo: "loud" }, { dialect: "xml" },
    { auth: "maybe" }, { reject: "never" }, { claims: ["room"] }, { rooms: [3] }, { rooms: [] },
    { concurrent: 1 }, { methods: 7 }, { subprotocols: {} }, { scopes: null }, { events: true },
    { authorize: "ann" },
  ]) {
    const [name] = Object.keys(options);
    const sentence = sentenceOf(() => server.route("/", options));
    assert.match(sentence, new RegExp(`^the route option "${name}" takes `));
  }
  assert.match(sentenceOf(() => server.route("/", () => {}, {})), /^route takes its pattern, its opt/);
});

test("what would never be called is refused", async () => {
  const server = new Server({ port: 0, jsonEvents: "add, sub" });
  server.route("/", {});
  assert.match(sentenceOf(() => server.route("/", {})), /^the route "\/" is there already$/);
  server.route("/", { methods: "GET" }, () => "the same path, for requests");
  assert.match(sentenceOf(() => server.onEvent("mul", () => {})), /jsonEvents does not name it/);
  server.onEvent("add", () => {});
  await assert.rejects(server.listen(8080, () => {}), /listen takes no arguments/);
  await assert.rejects(server.listen(), /onEvent\("add"\) is never called/);
  server.route("/events", { dialect: "json" });
  await server.listen();
  await server.close();
});

test("the environment sets what the options do not", async () => {
  const { output, code } = await runProgram(`
    const server = new Server({ port: 0, environmentPrefix: "TEST_", maxMessageSize: 10 });
    server.route("/", (connection) => connection.on("message", () => {}));
    server.listen().then(async () => {
      const client = connect("ws://127.0.0.1:" + server.port, { reconnectEnabled: false });
      client.send("12345678901");
      console.log("code", (await client.ended).code);
      await server.close();
      try { new Server({ port: 0, environmentPrefix: "BAD_" }); } catch (error) { console.log(error.code); }
    });`, { environment: { TEST_MAX_MESSAGE_SIZE: "1MiB", BAD_PING_INTERVAL: "soon" } });
  assert.equal(code, 0, output);
  assert.match(output, /code 1009/);
  assert.match(output, /HEARTH_ERR_INVALID_VALUE/);
});
