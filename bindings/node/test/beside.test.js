"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");
const { once } = require("node:events");
const { test } = require("node:test");
const { Worker } = require("node:worker_threads");
const { Server, versions } = require("../index.cjs");
const { Peer } = require("./help.js");

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
  web.close();
});

test("frames that come with the upgrade are not lost", async () => {
  const net = require("node:net");
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

test("the loop is Node's, and OpenSSL the system's", { skip: process.platform !== "linux" }, () => {
  assert.equal(versions.libuv, process.versions.uv);
  assert.match(versions.openssl, /^3\./);
  const maps = fs.readFileSync("/proc/self/maps", "utf8");
  assert.ok(!/\/libuv\.so/.test(maps), "a second libuv is loaded");
  assert.match(maps, /libcrypto\.so\.3/);
});
