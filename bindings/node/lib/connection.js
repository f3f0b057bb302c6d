"use strict";

const { EventEmitter } = require("node:events");
const { check, HearthError, invalid } = require("./errors.js");
const { TO } = require("./engine.js");
const { native } = require("./native.js");
const { listOf } = require("./pairs.js");
const { RequestHead } = require("./request.js");

const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;

/** Messages of one iteration that may wait, in count and in bytes, before reading pauses. */
const WAITING_MAX = 1024;
const WAITING_BYTES_MAX = 4 << 20;

/** An EventEmitter that makes its table of listeners when the first one comes. */
function LazyEmitter() {}
LazyEmitter.prototype = Object.create(EventEmitter.prototype);

/**
 * One open WebSocket of a server.
 * Events: message(data, isBinary), close(code, reason), join(room), leave(room), drop(count), error(error).
 */
class Connection extends LazyEmitter {
  #engine;
  #head;
  #path;
  #index;
  #idLow;
  #idHigh;
  #readyState = OPEN;
  #iteration;

  constructor(engine, server, event) {
    super();
    this.#engine = engine;
    this.#index = event.index;
    this.#head = new RequestHead(event);
    this.#idLow = event.idLow;
    this.#idHigh = event.idHigh;
    this.server = server;
    this.route = event.route;
    this.user = event.user || null;
    this.subprotocol = event.text;
    /** Whatever the program likes to keep with it. */
    this.data = undefined;
  }

  static get OPEN() { return OPEN; }
  static get CLOSING() { return CLOSING; }
  static get CLOSED() { return CLOSED; }

  get index() { return this.#index; }
  /** The library's id of the connection, never given out again. */
  get id() { return BigInt(this.#idLow >>> 0) | (BigInt(this.#idHigh >>> 0) << 32n); }
  get readyState() { return this.#readyState; }
  get isOpen() { return this.#readyState === OPEN; }
  /** Values of the captures of its route. */
  get path() { return (this.#path ??= this.#head.captures); }
  get pathname() { return this.#head.pathname; }
  get query() { return new URLSearchParams(this.#head.search); }
  get headers() { return this.#head.headers; }
  get address() { return this.#head.address; }

  /** Sends a string as text, bytes as binary. Messages of one turn of the loop leave in one write. */
  send(data) {
    if (this.#readyState !== OPEN) throw this.#gone();
    return this.#engine.send(TO.connection, this.#index, 0, null, data);
  }

  sendJSON(value) {
    return this.send(jsonOf(value));
  }

  /** Begins the closing handshake, after what was sent before. */
  close(code = 1000, reason = "") {
    if (!Number.isInteger(code) || code < 1000 || code > 4999) {
      throw invalid(`a close code is 1000 to 4999, not ${code}`);
    }
    if (typeof reason !== "string") throw invalid("a close reason is a string");
    if (this.#readyState !== OPEN) return;
    const status = native.connectionClose(this.#engine.addon, this.#index, code, reason);
    const isLong = status === -9;
    check(status, isLong ? "a close reason has at most 123 bytes" : `the close code ${code} is not allowed`);
    if (this.#readyState === OPEN) this.#readyState = CLOSING;
  }

  join(room) {
    this.#checkOpen();
    const status = native.connectionJoin(this.#engine.addon, this.#index, nameOf(room));
    check(status);
    return this;
  }

  /** Returns whether it was in the room. */
  leave(room) {
    this.#checkOpen();
    const status = native.connectionLeave(this.#engine.addon, this.#index, nameOf(room));
    if (status === -17) return false;
    check(status);
    return true;
  }

  /** Says whose connection it is; null: nobody's. */
  setUser(user) {
    this.#checkOpen();
    check(native.connectionSetUser(this.#engine.addon, this.#index, user === null ? null : nameOf(user)));
    this.user = user;
  }

  /** The names of the rooms that it is in. */
  get rooms() {
    if (this.#readyState === CLOSED) return [];
    return listOf(check(native.connectionRooms(this.#engine.addon, this.#index)).toString());
  }

  /** What is known of it: times in milliseconds since 1970, latency in seconds or null. */
  get info() {
    this.#checkNotClosed();
    const numbers = check(native.connectionInfo(this.#engine.addon, this.#index));
    const [openedAt, lastReceivedAt, latency, messagesReceived, messagesSent] = numbers;
    const [bufferedAmount, rooms] = numbers.slice(5);
    return {
      openedAt,
      lastReceivedAt,
      latency: latency < 0 ? null : latency / 1e6,
      messagesReceived,
      messagesSent,
      bufferedAmount,
      rooms,
    };
  }

  get latency() { return this.info.latency; }
  /** Bytes that were sent and are not yet taken by the system. */
  get bufferedAmount() { return this.#readyState === CLOSED ? 0 : this.info.bufferedAmount; }

  /** Its messages, until it closes. */
  [Symbol.asyncIterator]() {
    if (this.#iteration) {
      throw new HearthError("HEARTH_ERR_STATE", "the messages of a connection are iterated once");
    }
    this.#iteration = new Iteration(this);
    if (this.#readyState === CLOSED) this.#iteration.end();
    return this.#iteration;
  }

  // What the engine calls.

  receive(event) {
    const data = event.payload;
    if (this.#iteration) this.#iteration.add(data);
    if (this.listenerCount("message") > 0) this.#emit("message", data, event.isBinary);
  }

  joined(room) { this.#emit("join", room); }
  left(room) { this.#emit("leave", room); }
  dropped(count) { this.#emit("drop", count); }

  ended(code, reason) {
    this.#readyState = CLOSED;
    this.#emit("close", code, reason);
    this.#iteration?.end();
  }

  /** Calls a handler of the program with this connection: what it throws, or its promise, is its failure. */
  run(handler) {
    try {
      const result = handler(this);
      if (typeof result?.then === "function") result.then(undefined, (error) => this.failed(error));
    } catch (error) {
      this.failed(error);
    }
  }

  /** A handler failed: that is told, and the connection closed with 1011. Others notice nothing. */
  failed(error) {
    if (this.#readyState === OPEN) this.close(1011, "internal error");
    if (this.listenerCount("error") > 0) this.emit("error", error);
    else this.server.failed(error, this);
  }

  #emit(name, ...values) {
    try {
      for (const listener of this.rawListeners(name)) {
        const result = listener.apply(this, values);
        if (typeof result?.then === "function") result.then(undefined, (error) => this.failed(error));
      }
    } catch (error) {
      this.failed(error);
    }
  }

  #gone() {
    const state = this.#readyState === CLOSING ? "closing" : "closed";
    return new HearthError("HEARTH_ERR_GONE", `connection ${this.id} is ${state}`);
  }

  #checkOpen() {
    if (this.#readyState !== OPEN) throw this.#gone();
  }

  #checkNotClosed() {
    if (this.#readyState === CLOSED) throw this.#gone();
  }
}

/** The messages of a connection for `for await`. */
class Iteration {
  #connection;
  #waiting = [];
  #bytes = 0;
  #taker = null;
  #hasEnded = false;

  constructor(connection) {
    this.#connection = connection;
  }

  add(data) {
    if (this.#hasEnded) return;
    if (this.#taker) {
      const taker = this.#taker;
      this.#taker = null;
      taker({ value: data, done: false });
      return;
    }
    this.#waiting.push(data);
    this.#bytes += data.length;
    if (this.#waiting.length > WAITING_MAX || this.#bytes > WAITING_BYTES_MAX) {
      // Of a client it is a promise.
      Promise.resolve(this.#connection.close(1013, "messages are not taken")).catch(() => {});
    }
  }

  end() {
    this.#hasEnded = true;
    this.#taker?.({ value: undefined, done: true });
    this.#taker = null;
  }

  next() {
    if (this.#waiting.length > 0) {
      const value = this.#waiting.shift();
      this.#bytes -= value.length;
      return Promise.resolve({ value, done: false });
    }
    if (this.#hasEnded) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve) => { this.#taker = resolve; });
  }

  /** The program leaves its loop: what comes later is not kept. */
  return() {
    this.#hasEnded = true;
    this.#waiting = [];
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator]() { return this; }
}

function jsonOf(value) {
  const text = JSON.stringify(value);
  if (text === undefined) throw invalid("the value has no JSON");
  return text;
}

function nameOf(name) {
  if (typeof name !== "string" || name === "") {
    throw invalid("the name of a room or a user is a string that is not empty");
  }
  if (name.includes("\0")) throw invalid("a name contains no NUL");
  return name;
}

module.exports = { Connection, Iteration, jsonOf, nameOf };
