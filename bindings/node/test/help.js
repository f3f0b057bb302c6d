"use strict";

// What the tests share: a server on a free port, and a WebSocket client (Node's own, a flag in Node 20).

const { once } = require("node:events");
const { spawn } = require("node:child_process");
const path = require("node:path");
const { Server } = require("../index.cjs");

/** Runs `body` with a started server and closes it whatever happens. */
async function withServer(options, routes, body) {
  const server = new Server({ port: 0, closeTimeout: 1, ...options });
  routes(server);
  await server.listen();
  try {
    return await body(server, `ws://127.0.0.1:${server.port}`);
  } finally {
    await server.close();
  }
}

/** A client with its messages and its end as promises. */
class Peer {
  constructor(url, protocols) {
    this.socket = new WebSocket(url, protocols);
    this.socket.binaryType = "arraybuffer";
    this.waiting = [];
    this.takers = [];
    this.closed = new Promise((resolve) => {
      this.socket.addEventListener("close", ({ code, reason }) => resolve({ code, reason }));
    });
    this.opened = new Promise((resolve, reject) => {
      this.socket.addEventListener("open", () => resolve(this));
      this.socket.addEventListener("error", () => reject(new Error("not opened")));
    });
    this.opened.catch(() => {});
    this.socket.addEventListener("message", ({ data }) => {
      const taker = this.takers.shift();
      if (taker) taker(data);
      else this.waiting.push(data);
    });
  }

  static open(url, protocols) { return new Peer(url, protocols).opened; }
  send(data) { this.socket.send(data); }
  next() {
    if (this.waiting.length > 0) return Promise.resolve(this.waiting.shift());
    return new Promise((resolve) => this.takers.push(resolve));
  }
  async close(code = 1000) {
    this.socket.close(code);
    return this.closed;
  }
}

/** Runs a program in a process of its own: { code, signal, output }. It is ended after 20 seconds. */
async function runProgram(source, { onLine } = {}) {
  const library = JSON.stringify(path.join(__dirname, "..", "index.cjs"));
  const program = `const { Server, HearthError } = require(${library});\n${source}`;
  const flags = process.execArgv.filter((flag) => !flag.startsWith("--test"));
  const child = spawn(process.execPath, [...flags, "-e", program]);
  let output = "";
  const seen = (text) => {
    output += text;
    onLine?.(String(text), child);
  };
  child.stdout.on("data", seen);
  child.stderr.on("data", seen);
  const timer = setTimeout(() => child.kill("SIGKILL"), 20000);
  const [code, signal] = await once(child, "close");
  clearTimeout(timer);
  return { code, signal, output };
}

module.exports = { Peer, runProgram, withServer };
