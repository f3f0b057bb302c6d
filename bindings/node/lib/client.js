"use strict";

const { EventEmitter } = require("node:events");
const { check, errorFor, HearthError, invalid, translating } = require("./errors.js");
const { tell, throwLater } = require("./emitter.js");
const { theEngine } = require("./engine.js");
const { CLIENT_STATES, DROP_REASONS, ERROR, EVENT } = require("./header.js");
const { Iteration } = require("./iteration.js");
const { native } = require("./native.js");
const { settingsOf } = require("./options.js");
const { pairsOf } = require("./pairs.js");
const { BINARY, TEXT, bytesOf, checkClose, jsonOf, linesOf } = require("./values.js");

const OWN_OPTIONS = ["environmentPrefix", "headers", "prepare"];
const NO_QUEUE = 1;
/** The default of maxQueueSize. */
const WAITING_MAX = 16;

/** Clients that are forgotten before they are opened leave nothing behind. */
const forgotten = new FinalizationRegistry(({ engine, number }) => native.clientFree(engine.addon, number));

/**
 * A connection to a server that comes back by itself.
 * Events: open({ subprotocol }), message(data, isBinary), reconnecting({ attempt, delay, error }),
 * close(code, reason), giveUp(error), state({ state, … }), sent(id), drop(id, reason), error(error).
 */
class Client extends EventEmitter {
  #engine;
  #number;
  #state = "idle";
  #opened;
  #settleOpened;
  #ended;
  #settleEnded;
  #iteration;
  #prepare;
  #isReferenced = true;
  #waitingMax;
  /** Why its socket is not read: the program has paused it, or its iteration is full. */
  #holds = { isPaused: false, isFull: false };
  #answer = { subprotocol: "", address: "", headers: "" };

  constructor(url, options = {}) {
    super();
    if (typeof url !== "string" && !(url instanceof URL)) throw invalid("an address is a string or a URL");
    const { headers, prepare } = options;
    if (prepare !== undefined && typeof prepare !== "function") throw invalid("prepare is a function");
    const settings = settingsOf(options, "client", OWN_OPTIONS);
    settings.push("url", String(url));
    if (headers !== undefined) settings.push("headers", linesOf(headers));
    if (prepare) settings.push("prepare", "on");
    this.#prepare = prepare;
    this.#waitingMax = Number(options.maxQueueSize ?? WAITING_MAX);
    this.#engine = theEngine();
    this.#number = translating(() => native.clientNew(this.#engine.addon, settings));
    forgotten.register(this, { engine: this.#engine, number: this.#number }, this);
    this.#opened = promise((settle) => { this.#settleOpened = settle; });
    this.#ended = promise((settle) => { this.#settleEnded = settle; });
  }

  /** Begins to connect; fulfilled when it is open, rejected if it never will be. */
  open() {
    this.#checkNotEnded();
    check(native.clientOpen(...this.#place), this.#engine.errorSentence);
    this.#state = "connecting";
    forgotten.unregister(this);
    this.#engine.clients[this.#number] = this;
    if (this.#isReferenced) this.#engine.hold(1);
    return this.#opened;
  }

  /** Fulfilled when it is open for the first time. */
  get opened() { return this.#opened; }
  /** Fulfilled with { code, reason } when it is closed for good, or with { error } when it gave up. */
  get ended() { return this.#ended; }
  /** idle, connecting, open, reconnecting, closed or gave_up. */
  get state() { return this.#state; }
  get isConnected() { return this.#state === "open"; }
  get url() { return check(native.clientUrl(...this.#place)); }
  get latency() { return this.info.latency; }
  /** Of the last connection that was open: the subprotocol chosen, the server's address and its answer. */
  get subprotocol() { return this.#answer.subprotocol; }
  get address() { return this.#answer.address; }
  get headers() { return pairsOf(this.#answer.headers); }

  /** What is known of it: times in milliseconds since 1970, latency in seconds or null. */
  get info() {
    const numbers = check(native.clientInfo(...this.#place));
    const [, attempts, opens, latency, openedAt, lastReceivedAt] = numbers;
    const [messagesReceived, messagesSent, messagesDropped, queueLength, queueBytes, bufferedAmount] =
      numbers.slice(6);
    return {
      attempts,
      opens,
      latency: latency < 0 ? null : latency / 1e6,
      openedAt,
      lastReceivedAt,
      messagesReceived,
      messagesSent,
      messagesDropped,
      queueLength,
      queueBytes,
      bufferedAmount,
    };
  }

  /**
   * Sends a message, or lets it wait for the connection; { queue: false }: now or never. Returns its number,
   * which a sent or drop event will name.
   */
  send(data, { queue = true } = {}) {
    this.#checkNotEnded();
    const isText = typeof data === "string";
    const { addon } = this.#engine;
    const payload = isText ? data : bytesOf(data);
    const flags = queue ? 0 : NO_QUEUE;
    return check(native.clientSend(addon, this.#number, isText ? TEXT : BINARY, payload, flags));
  }

  sendJSON(value, options) {
    return this.send(jsonOf(value), options);
  }

  /** Its socket is not read any more, so that the server has to wait, until resume() is called. */
  pause() {
    this.#checkNotEnded();
    this.#hold({ isPaused: true });
    return this;
  }

  resume() {
    this.#checkNotEnded();
    this.#hold({ isPaused: false });
    return this;
  }

  get isPaused() { return this.#holds.isPaused; }

  /** The network may be back: a waiting attempt is made at once. */
  poke() {
    this.#checkNotEnded();
    check(native.clientPoke(...this.#place));
  }

  /** The numbers of the messages that wait. */
  get queue() { return this.#hasEnded ? [] : check(native.clientQueue(...this.#place)); }

  /** A message that waits, by its number: a string or a Buffer; undefined if it does not wait any more. */
  queued(id) {
    if (this.#hasEnded) return undefined;
    const message = native.clientQueueMessage(...this.#place, id);
    if (message === ERROR.notFound) return undefined;
    return check(message);
  }

  /** Drops all that wait. Returns how many there were. */
  clearQueue() {
    return this.#hasEnded ? 0 : check(native.clientQueueClear(...this.#place));
  }

  /** Ends it for good; fulfilled when the server has answered or close_timeout is over. */
  async close(code = 1000, reason = "") {
    checkClose(code, reason);
    if (!this.#hasEnded && this.#state !== "idle") {
      const status = native.clientClose(...this.#place, code, reason);
      check(status === ERROR.state ? 0 : status, this.#engine.errorSentence);
    }
    if (this.#state === "idle") this.#free();
    else await this.#ended;
  }

  /** Whether it keeps the process running while it is open or opening, as it does at first. */
  ref() { return this.#setReferenced(true); }
  unref() { return this.#setReferenced(false); }

  [Symbol.asyncDispose ?? Symbol.for("nodejs.asyncDispose")]() {
    return this.close();
  }

  /** Its messages, over all connections, until it ends. */
  [Symbol.asyncIterator]() {
    if (this.#iteration) {
      throw new HearthError("HEARTH_ERR_STATE", "the messages of a client are iterated once");
    }
    this.#iteration = new Iteration({
      waitingMax: this.#waitingMax,
      isFull: () => this.#hold({ isFull: true }),
      isEmpty: () => this.#hold({ isFull: false }),
    });
    if (this.#hasEnded) this.#iteration.end();
    return this.#iteration;
  }

  // What the engine calls.

  receive(event) {
    const data = event.payload;
    this.#iteration?.add(data);
    tell(this, "message", data, event.isBinary);
  }

  handle(event) {
    switch (event.type) {
      case EVENT.clientState: return this.#changed(event);
      case EVENT.clientPrepare: return this.#asked(event);
      case EVENT.clientSent: return tell(this, "sent", event.clientWord(6));
      case EVENT.clientDropped:
        return tell(this, "drop", event.clientWord(6), DROP_REASONS[event.code] ?? "");
      default: return undefined;
    }
  }

  failed(error) {
    if (this.listenerCount("error") > 0) this.emit("error", error);
    else throwLater(error);
  }

  get #hasEnded() { return this.#state === "closed" || this.#state === "gave_up"; }

  #changed(event) {
    const state = CLIENT_STATES[event.clientWord(0)] ?? "idle";
    const attempt = event.clientWord(1);
    const number = event.clientWord(2) | 0;
    const status = event.clientWord(3);
    const text = event.text;
    const error = number < 0 ? errorFor(number, text || undefined) : undefined;
    if (error && status > 0) error.status = status;
    this.#state = state;
    const delay = event.clientWord(4);
    tell(this, "state", { state, attempt, delay, code: event.code, reason: text, error });
    if (state === "open") {
      this.#answer = { subprotocol: text, address: event.user, headers: event.room };
      this.#settleOpened.resolve(this);
      tell(this, "open", { subprotocol: text });
    } else if (state === "reconnecting") {
      tell(this, "reconnecting", { attempt, delay, code: event.code, error });
    } else if (state === "closed") {
      tell(this, "close", event.code, text);
      this.#end({ code: event.code, reason: text }, error);
    } else if (state === "gave_up") {
      tell(this, "giveUp", error);
      this.#end({ error }, error);
    }
  }

  #end(result, error) {
    if (this.#isReferenced) this.#engine.hold(-1);
    const gone = new HearthError("HEARTH_ERR_GONE", "the client was closed before it was open");
    this.#settleOpened.reject(error ?? gone);
    this.#settleEnded.resolve(result);
    this.#iteration?.end();
    this.#engine.clients[this.#number] = undefined;
    this.#free();
  }

  #free() {
    forgotten.unregister(this);
    native.clientFree(this.#engine.addon, this.#number);
    if (this.#state !== "gave_up") this.#state = "closed";
  }

  #hold(change) {
    const { isPaused, isFull } = this.#holds;
    Object.assign(this.#holds, change);
    const isHeld = this.#holds.isPaused || this.#holds.isFull;
    if (isHeld === (isPaused || isFull) || this.#hasEnded) return;
    check(native.clientPause(...this.#place, isHeld ? 1 : 0));
  }

  get #place() {
    this.#checkNotEnded();
    return [this.#engine.addon, this.#number];
  }

  #setReferenced(isReferenced) {
    if (isReferenced !== this.#isReferenced) {
      this.#isReferenced = isReferenced;
      if (this.#state !== "idle" && !this.#hasEnded) this.#engine.hold(isReferenced ? 1 : -1);
    }
    return this;
  }

  async #asked(event) {
    try {
      const request = { url: event.path, attempt: event.clientWord(1), status: event.clientWord(3) };
      const changed = (await this.#prepare(request)) ?? {};
      const headers = changed.headers === undefined ? null : linesOf(changed.headers);
      // It may have been closed meanwhile.
      if (this.#hasEnded) return;
      const status = native.clientProceed(...this.#place, changed.url ?? null, headers);
      check(status, this.#engine.errorSentence);
    } catch (error) {
      // The attempt fails; the one after it asks again.
      const reason = String(error?.message ?? error).slice(0, 200);
      if (!this.#hasEnded) native.clientDecline(...this.#place, reason);
      this.failed(error);
    }
  }

  #checkNotEnded() {
    if (this.#hasEnded) throw new HearthError("HEARTH_ERR_GONE", "the client has ended");
  }
}

/** A promise with the functions that settle it, which nobody needs to look at. */
function promise(take) {
  const made = new Promise((resolve, reject) => take({ resolve, reject }));
  made.catch(() => {});
  return made;
}

/** A client that has begun to connect. */
function connect(url, options) {
  const client = new Client(url, options);
  client.open().catch(() => {});
  return client;
}

module.exports = { Client, connect };
