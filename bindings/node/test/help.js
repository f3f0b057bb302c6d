"use strict";

// What the tests share: a server on a free port, and a WebSocket client: Node's own, which Node 20 has by a
// flag, or that of the package ws (Debian: node-ws).

const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { execFileSync, spawn } = require("node:child_process");
const { once } = require("node:events");
const { Server } = require("../index.cjs");

const WebSocket = globalThis.WebSocket ?? require(process.env.HEARTH_WS ?? "/usr/share/nodejs/ws").WebSocket;

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

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Waits until something is so, for ten seconds at most. */
async function until(isSo) {
  for (let count = 0; !isSo(); count++) {
    if (count > 5000) throw new Error(`it never was: ${isSo}`);
    await pause(2);
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
  sendJSON(value) { this.send(JSON.stringify(value)); }
  async nextJSON() { return JSON.parse(await this.next()); }
  next() {
    if (this.waiting.length > 0) return Promise.resolve(this.waiting.shift());
    return new Promise((resolve) => this.takers.push(resolve));
  }
  async close(code = 1000) {
    this.socket.close(code);
    return this.closed;
  }
}

let certificates;

/** Certificates and keys of Tests/tls, made when they are first asked for: a function from name to path. */
function makeCertificates() {
  if (!certificates) {
    certificates = fs.mkdtempSync(path.join(os.tmpdir(), "hearth-"));
    execFileSync("bash", [path.join(__dirname, "../../../Tests/tls/make_certificates.sh"), certificates]);
    process.on("exit", () => fs.rmSync(certificates, { recursive: true }));
  }
  return (name) => path.join(certificates, name);
}

/** Runs a program in a process of its own: { code, signal, output }. It is ended after so many seconds. */
async function runProgram(source, { onLine, flags: more = [], environment = {}, seconds = 20 } = {}) {
  const library = JSON.stringify(path.join(__dirname, "..", "index.cjs"));
  const program = `const library = ${library};
const { Server, HearthError, connect } = require(library);\n${source}`;
  const flags = process.execArgv.filter((flag) => !flag.startsWith("--test"));
  const env = { ...process.env, ...environment };
  const child = spawn(process.execPath, [...flags, ...more, "-e", program], { env });
  let output = "";
  const seen = (text) => {
    output += text;
    onLine?.(String(text), child);
  };
  child.stdout.on("data", seen);
  child.stderr.on("data", seen);
  const timer = setTimeout(() => child.kill("SIGKILL"), seconds * 1000);
  const [code, signal] = await once(child, "close");
  clearTimeout(timer);
  return { code, signal, output };
}

module.exports = { Peer, makeCertificates, pause, runProgram, until, withServer };
