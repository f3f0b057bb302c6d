"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { runProgram } = require("./help.js");

// 100,000 connections, made by clients in a worker, in groups of 500: each opens, is in a room, is answered
// and closes. What the process has of memory after the first fifth is what it has at the end.
const program = `
const { Worker } = require("node:worker_threads");
const source = \`
  const { parentPort, workerData: { library, port, groups } } = require("node:worker_threads");
  const { connect } = require(library);
  (async () => {
    for (let group = 0; group < groups; group++) {
      await Promise.all(Array.from({ length: 500 }, (_, number) => new Promise((resolve, reject) => {
        const url = "ws://127.0.0.1:" + port + "/room/" + number % 50;
        const client = connect(url, { reconnectEnabled: false });
        client.once("message", () => client.close());
        client.once("close", resolve);
        client.once("giveUp", reject);
        client.send("hello");
      })));
      parentPort.postMessage(group);
    }
  })();
\`;
const groups = Number(process.env.GROUPS);
const server = new Server({ port: 0 });
let closed = 0;
server.route("/room/{room}", { join: true }, (connection) => {
  connection.data = Buffer.alloc(100);
  connection.on("message", (data) => connection.send(data));
  connection.on("close", () => { closed++; });
});
const measure = async () => {
  for (let count = 0; count < 3; count++) {
    global.gc();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return process.memoryUsage();
};
server.listen().then(() => {
  const worker = new Worker(source, { eval: true, workerData: { library, port: server.port, groups } });
  let first;
  worker.on("message", async (group) => {
    if (group === Math.floor(groups / 5)) first = await measure();
    if (group !== groups - 1) return;
    while (server.connectionCount > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await worker.terminate();
    const last = await measure();
    console.log(JSON.stringify({ closed, heap: last.heapUsed - first.heapUsed,
      external: last.external - first.external, rooms: server.roomCount, rss: last.rss - first.rss }));
    await server.close();
  });
});
`;

test("100,000 connections leave nothing behind", async () => {
  const GROUPS = process.env.HEARTH_SOAK_GROUPS ?? "200";
  const { code, output } = await runProgram(program, {
    flags: ["--expose-gc"], environment: { GROUPS }, seconds: 240,
  });
  assert.equal(code, 0, output);
  const { closed, heap, external, rooms, rss } = JSON.parse(output);
  assert.equal(closed, GROUPS * 500);
  assert.equal(rooms, 0);
  assert.ok(heap < 2 << 20, `the heap grew by ${heap} bytes`);
  assert.ok(external < 2 << 20, `buffers grew by ${external} bytes`);
  assert.ok(rss < 24 << 20, `the process grew by ${rss} bytes`);
});
