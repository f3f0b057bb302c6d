"use strict";

const { LazyEmitter, both, call, tell, watch } = require("./emitter.js");
const { check, HearthError, invalid } = require("./errors.js");
const { NONE, TO } = require("./engine.js");
const { ERROR } = require("./header.js");
const { Iteration } = require("./iteration.js");
const { native } = require("./native.js");
const { listOf, pairsOf } = require("./pairs.js");
const { claimsOf, scopesOf, setExpiry, setPrincipal } = require("./principal.js");
const { RequestHead } = require("./request.js");
const { Turns } = require("./turns.js");
const { checkClose, cookiesOf, eventOf, jsonOf, nameOf, payloadOf } = require("./values.js");

const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;

/**
 * One open WebSocket of a server.
 * Events: message(data, isBinary), event(name, data), close(code, reason), join(room), leave(room),
 * limit(key, dropped), drop(count), expiring(seconds), expired(), error(error).
 * Events are handled in order: one waits until the promises of the handlers of the one before are settled.
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
  #handlers;
  /** Events that wait for handlers of earlier ones; undefined: none does. */
  #turns;
  #isConcurrent;
  #isJSON;

  /** Of the route: isConcurrent: events wait for nothing; isJSON: it has the json dialect. */
  constructor(engine, server, event, { isConcurrent = false, isJSON = false }) {
    super();
    this.#isConcurrent = isConcurrent;
    this.#isJSON = isJSON;
    this.#engine = engine;
    this.#index = event.index;
    this.#head = new RequestHead(event);
    this.#idLow = event.idLow;
    this.#idHigh = event.idHigh;
    this.server = server;
    this.route = event.route;
    this.user = event.user || null;
    this.subprotocol = event.text;
    /** Whether it is of a channel, that is without a socket of the library's. */
    this.isChannel = event.isChannel;
    /** Whatever the program likes to keep with it. */
    this.data = undefined;
  }

  static get OPEN() { return OPEN; }
  static get CLOSING() { return CLOSING; }
  static get CLOSED() { return CLOSED; }

  get index() { return this.#index; }
  get place() { return [this.#engine.addon, this.#index]; }
  /** The library's id of the connection, never given out again. */
  get id() { return BigInt(this.#idLow >>> 0) | (BigInt(this.#idHigh >>> 0) << 32n); }
  get readyState() { return this.#readyState; }
  get isOpen() { return this.#readyState === OPEN; }
  /** Values of the captures of its route. */
  get path() { return (this.#path ??= this.#head.captures); }
  get pathname() { return this.#head.pathname; }
  get query() { return new URLSearchParams(this.#head.search); }
  get headers() { return this.#head.headers; }
  /** What the Cookie field of its request says, decoded; of a name that is there twice, the first. */
  get cookies() { return cookiesOf(this.headers.cookie); }
  get address() { return this.#head.address; }

  /** Sends a string as text, bytes as binary. Messages of one turn of the loop leave in one write. */
  send(data) {
    if (this.#readyState !== OPEN) throw this.#gone();
    return this.#engine.send(TO.connection, this.#index, 0, NONE, data);
  }

  sendJSON(value) {
    return this.send(jsonOf(value));
  }

  /** Sends an event in the dialect of its route. */
  sendEvent(name, value) {
    if (this.#readyState !== OPEN) throw this.#gone();
    const event = eventOf(name, value, this.server.isFlat);
    return this.#engine.send(TO.connection, this.#index, 0, NONE, event, true);
  }

  /** Calls a handler with the data of each event of that name, on a route with { dialect: "json" }. */
  onEvent(name, handler) {
    if (!this.#isJSON) {
      throw invalid(`onEvent("${name}") is never called: the route has no { dialect: "json" }`);
    }
    if (typeof handler !== "function") throw invalid("the handler of an event is a function");
    (this.#handlers ??= new Map()).set(name, handler);
    return this;
  }

  /** Begins the closing handshake, after what was sent before. */
  close(code = 1000, reason = "") {
    checkClose(code, reason);
    if (this.#readyState !== OPEN) return;
    const status = native.connectionClose(this.#engine.addon, this.#index, code, reason);
    const isLong = status === ERROR.tooLarge;
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
    if (status === ERROR.notFound) return false;
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
    return listOf(check(native.connectionRooms(this.#engine.addon, this.#index)));
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

  /** Bytes of the program's that are kept with it, at most maxMetadata; a string or bytes sets them. */
  get metadata() {
    this.#checkNotClosed();
    return check(native.connectionMetadata(this.#engine.addon, this.#index));
  }
  set metadata(data) {
    this.#checkOpen();
    check(native.connectionSetMetadata(this.#engine.addon, this.#index, payloadOf(data)));
  }

  /** What its token says, or the program by setPrincipal; null without. */
  get claims() { return claimsOf(this.#words); }
  /** The scopes of its token. */
  get scopes() { return scopesOf(this.#words); }

  /** Says who it is: { user, scopes, claims }. */
  setPrincipal(principal) {
    setPrincipal(this.#words, principal);
    this.user = this.#currentUser;
  }

  /** Gives it a new token, which is verified: one that is not good throws, and changes nothing. */
  authenticate(token) {
    if (typeof token !== "string") throw invalid("a token is a string");
    check(native.connectionAuthenticate(...this.#words, token), this.#engine.errorSentence);
    this.user = this.#currentUser;
  }

  /** When it expires, instead of what its token says: a Date, milliseconds since 1970, or null for never. */
  setExpiry(time) {
    setExpiry(this.#words, time);
  }

  /** What TLS has agreed on: version, cipher, resumed, subject; null without TLS. */
  get tls() {
    this.#checkNotClosed();
    const text = check(native.connectionTLS(this.#engine.addon, this.#index));
    return text === "" ? null : { ...pairsOf(text) };
  }

  /** What the program called it, of a connection of a channel. */
  get recipient() {
    this.#checkNotClosed();
    return check(native.connectionRecipient(this.#engine.addon, this.#index));
  }
  /** Bytes that were sent and are not yet taken by the system. */
  get bufferedAmount() { return this.#readyState === CLOSED ? 0 : this.info.bufferedAmount; }

  /** Its messages, until it closes. */
  [Symbol.asyncIterator]() {
    if (this.#iteration) {
      throw new HearthError("HEARTH_ERR_STATE", "the messages of a connection are iterated once");
    }
    this.#iteration = new Iteration({ isFull: () => this.close(1013, "messages are not taken") });
    if (this.#readyState === CLOSED) this.#iteration.end();
    return this.#iteration;
  }

  // What the engine calls.

  receive(event) {
    if (event.isNamed) return this.#receiveEvent(event.room, event.payload);
    const data = event.payload;
    const { isBinary } = event;
    if (this.#iteration) this.#iteration.add(data);
    if (this.#turns) return this.#wait(() => this.#tellMessage(data, isBinary), data.length);
    const pending = this.#tellMessage(data, isBinary);
    if (pending !== undefined) this.#hold(pending);
  }

  #tellMessage(data, isBinary) {
    // One listener is what nearly every connection has: it is called without a list of listeners.
    const listener = this._events?.message;
    if (typeof listener !== "function") return tell(this, "message", data, isBinary);
    try {
      const result = listener.call(this, data, isBinary);
      return result === undefined ? undefined : watch(result, this);
    } catch (error) {
      return this.failed(error);
    }
  }

  #receiveEvent(name, text) {
    this.#inTurn(() => {
      let value;
      try {
        value = text.length === 0 ? undefined : JSON.parse(text);
      } catch (error) {
        return this.failed(error);
      }
      const own = this.#handlers?.get(name);
      const pending = both(own && call(this, () => own(value)), this.server.received(this, name, value));
      return both(pending, tell(this, "event", name, value));
    }, text.length);
  }

  expiring(seconds) { this.#inTurn(() => tell(this, "expiring", seconds)); }
  expired() { this.#inTurn(() => tell(this, "expired")); }
  joined(room) { this.#inTurn(() => tell(this, "join", room)); }
  left(room) { this.#inTurn(() => tell(this, "leave", room)); }
  limited(key, dropped) { this.#inTurn(() => tell(this, "limit", key, dropped)); }
  dropped(count) { this.#inTurn(() => tell(this, "drop", count)); }

  /** then: called behind the listeners of the close. */
  ended(code, reason, then) {
    this.#readyState = CLOSED;
    this.#iteration?.end();
    const run = () => {
      const pending = tell(this, "close", code, reason);
      then();
      return pending;
    };
    if (this.#turns) this.#turns.addLast(run);
    else run();
  }

  /** Calls a handler of the program that no event waits for. */
  run(handler, ...values) { call(this, () => handler(...values)); }

  /** Lets what an event causes wait for the handlers of the events before it. */
  #inTurn(run, size) {
    if (this.#turns) return this.#wait(run, size);
    const pending = run();
    if (pending) this.#hold(pending);
  }

  #wait(run, size) {
    if (!this.#turns.add(run, size) && this.isOpen) this.close(1013, "messages are not taken");
  }

  #hold(pending) {
    if (!this.#isConcurrent) this.#turns = new Turns(pending, () => { this.#turns = undefined; });
  }

  /** A handler failed: that is told, and the connection closed with 1011. Others notice nothing. */
  failed(error) {
    if (this.#readyState === OPEN) this.close(1011, "internal error");
    if (this.listenerCount("error") > 0) this.emit("error", error);
    else this.server.failed(error, this);
  }

  get #currentUser() {
    return check(native.connectionUser(this.#engine.addon, this.#index)) || null;
  }

  get #words() {
    this.#checkNotClosed();
    return [this.#engine.addon, this.#idLow >>> 0, this.#idHigh >>> 0];
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

module.exports = { Connection };
