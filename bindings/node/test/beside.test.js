"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const http = require("node:http");
const https = require("node:https");
const net = require("node:net");
const path = require("node:path");
const { once } = require("node:events");
const { test } = require("node:test");
const { Worker } = require("node:worker_threads");
const { Server, connect } = require("../index.cjs");
const { Peer, makeCertificates, pause, until } = require("./help.js");

test("an upgrade of Node's own HTTP server is taken over, with what came behind it", async () => {
  const web = http.createServer((request, response) => response.end("plain"));
  const server = new Server();
  server.route("/ws/{room}", { join: true }, (connection) => {
    connection.on("message", (data) => server.room(connection.path.room).broadcast(data));
  });
  await server.listen();
  web.on("upgrade", (request, socket, head) => server.handleUpgrade(request, socket, head));
  web.listen(0, "127.0.0.1");
  await once(web, "listening");
  const { port } = web.address();
  const opening = Array.from({ length: 20 }, () => Peer.open(`ws://127.0.0.1:${port}/ws/one`));
  const peers = await Promise.all(opening);
  peers[0].send("for all");
  for (const peer of peers) assert.equal(await peer.next(), "for all");
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), "plain");
  await assert.rejects(Peer.open(`ws://127.0.0.1:${port}/nowhere`));
  await server.close();
  for (const peer of peers) assert.equal((await peer.closed).code, 1001);
  // Node's server does not wait for the connections that it gave away.
  await new Promise((resolve) => web.close(resolve));
});

test("frames that come with the upgrade are not lost", async () => {
  const web = http.createServer();
  const server = new Server();
  server.route("/", (connection) => connection.on("message", (data) => connection.send(data)));
  await server.listen();
  web.on("upgrade", (request, socket, head) => server.handleUpgrade(request, socket, head));
  web.listen(0, "127.0.0.1");
  await once(web, "listening");
  const socket = net.connect(web.address().port, "127.0.0.1");
  const request =
    "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  socket.write(Buffer.concat([Buffer.from(request), Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69])]));
  let got = Buffer.alloc(0);
  while (!got.includes(Buffer.from("\r\n\r\n\x81\x02hi", "latin1"))) {
    const [part] = await once(socket, "data");
    got = Buffer.concat([got, part]);
  }
  socket.destroy();
  await server.close();
  web.close();
});

test("handleUpgrade says what it cannot take", async () => {
  const server = new Server();
  assert.throws(() => server.handleUpgrade({}, {}, null), { code: "HEARTH_ERR_STATE" });
  await server.listen();
  const request = { method: "GET", url: "/", httpVersion: "1.1", rawHeaders: [] };
  assert.throws(() => server.handleUpgrade(request, {}, null), { code: "HEARTH_ERR_INVALID" });
  await server.close();
});

test("an upgrade may be taken over later, with what came meanwhile", async () => {
  // As middleware does that looks into a database first.
  const application = (request, response) => response.end("from the application");
  const web = http.createServer(application);
  const server = new Server();
  server.route("/", (connection) => connection.on("message", (data) => connection.send(data)));
  await server.listen();
  web.on("upgrade", async (request, socket, head) => {
    await pause(50);
    if (request.headers.cookie !== "session=1") return void socket.end("HTTP/1.1 401 Unauthorized\r\n\r\n");
    server.handleUpgrade(request, socket, head);
  });
  web.listen(0, "127.0.0.1");
  await once(web, "listening");
  const { port } = web.address();
  const send = (cookie) => {
    const socket = net.connect(port, "127.0.0.1");
    socket.write(
      `GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nCookie: ${cookie}\r\n` +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    setTimeout(() => socket.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69])), 10);
    return socket;
  };
  const read = async (socket, wanted) => {
    let got = "";
    while (!got.includes(wanted)) got += (await once(socket, "data"))[0].toString("latin1");
    socket.destroy();
  };
  await read(send("session=1"), "\r\n\r\n\x81\x02hi");
  await read(send("session=2"), "401 Unauthorized");
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), "from the application");
  await server.close();
  web.close();
});

test("behind Node's HTTPS server the bytes go through it, in both directions and to the end", async () => {
  const file = makeCertificates();
  const web = https.createServer({
    cert: fs.readFileSync(file("localhost.pem")), key: fs.readFileSync(file("localhost.key")),
  });
  const server = new Server({ trustedProxies: "unix", maxOutboxBytes: "64MiB", maxMessageSize: "8MiB" });
  const closes = [];
  server.route("/{room}", { join: true }, (connection) => {
    connection.on("message", (data) => server.room(connection.path.room).broadcast(data));
    connection.on("close", (code) => closes.push(code));
  });
  await server.listen();
  web.on("upgrade", (request, socket, head) => server.handleUpgrade(request, socket, head));
  web.listen(0, "127.0.0.1");
  await once(web, "listening");
  const url = `wss://localhost:${web.address().port}/a`;
  const options = { tlsCaFile: file("ca.pem"), reconnectEnabled: false, maxMessageSize: "8MiB" };
  const [one, two] = [connect(url, options), connect(url, options)];
  await Promise.all([one.opened, two.opened]);
  assert.match(server.connections[0].address, /^127\.0\.0\.1:/);
  const large = "x".repeat(4 << 20);
  const got = once(two, "message");
  one.send(large);
  assert.equal((await got)[0], large);
  await one.close(4001, "done");
  await until(() => closes.length === 1);
  await server.close();
  assert.equal((await two.ended).code, 1001);
  assert.deepEqual(closes, [4001, 1001]);
  await new Promise((resolve) => web.close(resolve));
});

const worker = `
const { parentPort, workerData } = require("node:worker_threads");
const { Server } = require(workerData);
const server = new Server({ port: 0 });
server.route("/", (connection) => connection.on("message", (data) => connection.send(data)));
server.listen().then(() => parentPort.postMessage(server.port));
parentPort.once("message", () => server.close());
`;

test("each worker has an engine of its own and ends cleanly, also in the middle of traffic", async () => {
  const library = path.join(__dirname, "..", "index.cjs");
  const workers = Array.from({ length: 3 }, () => new Worker(worker, { eval: true, workerData: library }));
  const ports = await Promise.all(workers.map(async (one) => (await once(one, "message"))[0]));
  const peers = await Promise.all(ports.map((port) => Peer.open(`ws://127.0.0.1:${port}/`)));
  for (const [index, peer] of peers.entries()) {
    peer.send(`worker ${index}`);
    assert.equal(await peer.next(), `worker ${index}`);
  }
  // The first ends politely, the second is terminated while it is kept busy.
  const exited = once(workers[0], "exit");
  workers[0].postMessage("close");
  assert.equal((await peers[0].closed).code, 1001);
  await exited;
  const flood = setInterval(() => { for (let i = 0; i < 200; i++) peers[1].send("x".repeat(1000)); }, 1);
  await new Promise((resolve) => setTimeout(resolve, 30));
  await workers[1].terminate();
  clearInterval(flood);
  assert.equal((await peers[1].closed).code, 1006);
  peers[2].send("still here");
  assert.equal(await peers[2].next(), "still here");
  await workers[2].terminate();
});

test("a hundred workers are terminated in mid-traffic, and the process lives", async () => {
  const library = path.join(__dirname, "..", "index.cjs");
  for (let round = 0; round < 10; round++) {
    const workers = Array.from({ length: 10 }, () => new Worker(worker, { eval: true, workerData: library }));
    const ports = await Promise.all(workers.map(async (one) => (await once(one, "message"))[0]));
    const clients = ports.map((port) => connect(`ws://127.0.0.1:${port}/`, { reconnectEnabled: false }));
    await Promise.all(clients.map((client) => client.opened));
    for (const client of clients) {
      client.on("message", (data) => { if (client.isConnected) client.send(data); });
      for (let number = 0; number < 20; number++) client.send("round and round");
    }
    await pause(10);
    await Promise.all(workers.map((one) => one.terminate()));
    for (const client of clients) assert.equal((await client.ended).code ?? 1006, 1006);
  }
});

test("a worker with clients and servers that nobody closes ends with its thread", async () => {
  const source = `
    const { parentPort, workerData } = require("node:worker_threads");
    const { Server, connect } = require(workerData);
    const server = new Server({ port: 0 });
    server.route("/", (connection) => { throw new Error("as planned"); });
    server.on("error", () => parentPort.postMessage("told"));
    server.listen().then(() => connect("ws://127.0.0.1:" + server.port + "/", { reconnectMaxAttempts: 0 }));
    parentPort.once("message", () => process.exit(3));`;
  const library = path.join(__dirname, "..", "index.cjs");
  const one = new Worker(source, { eval: true, workerData: library });
  await once(one, "message");
  one.postMessage("end");
  assert.deepEqual(await once(one, "exit"), [3]);
});
