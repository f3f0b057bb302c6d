"use strict";

const { check, HearthError, invalid } = require("./errors.js");
const { native } = require("./native.js");
const { listOf, pairsOf } = require("./pairs.js");
const { claimsOf, scopesOf, setPrincipal } = require("./principal.js");
const { bytesOf, linesOf } = require("./values.js");

/** Thrown by an authorize function: the peer is refused with an HTTP status, or with a close code. */
class Rejection extends HearthError {
  constructor(status, reason = "") {
    super("HEARTH_ERR_PERMISSION", `refused with ${status}${reason && `: ${reason}`}`);
    this.status = status;
    this.reason = reason;
  }
}

/**
 * What a peer asked for, read from the bytes of its head when it is asked for: nearly no connection ever
 * needs all of it, and ten thousand of them keep it.
 */
class RequestHead {
  #head;
  #pathLength;

  constructor(event) {
    this.#head = event.head;
    this.#pathLength = event.pathLength;
  }

  /** Part 0 to 4 of the info: method, query, address, headers, captures. */
  #part(number) {
    const head = Buffer.from(this.#head, "latin1");
    let from = this.#pathLength + 20;
    for (let index = 0; index < number; index++) from += head.readUInt32LE(this.#pathLength + 4 * index);
    return head.toString("utf8", from, from + head.readUInt32LE(this.#pathLength + 4 * number));
  }

  get pathname() { return Buffer.from(this.#head.slice(0, this.#pathLength), "latin1").toString(); }
  get method() { return this.#part(0); }
  get search() { return this.#part(1); }
  get address() { return this.#part(2); }
  get headers() { return pairsOf(this.#part(3)); }
  get captures() { return pairsOf(this.#part(4)); }
}

/** The head of a request, for handlers: each property is read once. */
class Request {
  #head;
  #path;
  #headers;
  #query;

  constructor(event) {
    this.#head = new RequestHead(event);
  }

  get method() { return this.#head.method; }
  get pathname() { return this.#head.pathname; }
  get address() { return this.#head.address; }

  /** Values of the captures of the route's pattern. */
  get path() { return (this.#path ??= this.#head.captures); }

  /** Header fields, their names in lower case. */
  get headers() { return (this.#headers ??= this.#head.headers); }

  get query() { return (this.#query ??= new URLSearchParams(this.#head.search)); }
}

/** A peer that wants to connect, for the authorize function of its route. */
class ConnectRequest extends Request {
  #words;

  constructor(engine, event) {
    super(event);
    this.#words = [engine.addon, event.idLow >>> 0, event.idHigh >>> 0];
    /** The subprotocols that the peer offers, in its order. */
    this.subprotocols = listOf(event.bytes.toString());
    /** Of its token, or null. */
    this.user = event.user || null;
  }

  /** What its token says; null without one that the library verified. */
  get claims() { return claimsOf(this.#words); }
  get scopes() { return scopesOf(this.#words); }

  /** Lets it in. All may be left out. */
  accept({ user, subprotocol, scopes, claims } = {}) {
    if (scopes !== undefined || claims !== undefined) setPrincipal(this.#words, { user, scopes, claims });
    check(native.connectionAccept(...this.#words, user, subprotocol));
  }

  /** Refuses it: 400 to 599 is an HTTP status, 1000 to 4999 accepts and closes with that code. */
  reject(status, reason = "") {
    check(native.connectionReject(...this.#words, status, reason));
  }
}

/** A plain HTTP request, for the handler of a route with methods. */
class HTTPRequest extends Request {
  #words;

  constructor(engine, event) {
    super(event);
    this.#words = [engine.addon, event.idLow >>> 0, event.idHigh >>> 0];
    this.body = event.bytes;
  }

  /** Answers it, once. */
  respond({ status = 200, headers = {}, body = "" } = {}) {
    const bytes = typeof body === "string" ? Buffer.from(body) : bytesOf(body);
    check(native.respond(...this.#words, status, linesOf(headers), bytes));
  }
}

/** The answer that a handler's result stands for. */
function answerOf(result) {
  if (result === undefined || result === null) return { status: 204 };
  if (typeof result === "string") {
    return { headers: { "Content-Type": "text/plain; charset=utf-8" }, body: result };
  }
  if (ArrayBuffer.isView(result) || result instanceof ArrayBuffer) {
    return { headers: { "Content-Type": "application/octet-stream" }, body: result };
  }
  if (typeof result !== "object") {
    throw invalid("an HTTP handler answers a string, bytes or {status, headers, body}");
  }
  if ("json" in result) {
    const headers = { "Content-Type": "application/json", ...result.headers };
    return { status: result.status, headers, body: JSON.stringify(result.json) };
  }
  return result;
}

module.exports = { ConnectRequest, HTTPRequest, Rejection, RequestHead, answerOf };
