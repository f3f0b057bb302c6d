"use strict";

const { EventEmitter } = require("node:events");
const { Channel } = require("./channel.js");
const { call, tell, throwLater } = require("./emitter.js");
const { check, HearthError, invalid, translating } = require("./errors.js");
const { NONE, TO, theEngine } = require("./engine.js");
const { Connection } = require("./connection.js");
const { EVENT } = require("./header.js");
const { native } = require("./native.js");
const { checkNames, settingsOf } = require("./options.js");
const { listOf } = require("./pairs.js");
const { ConnectRequest, HTTPRequest, Rejection, answerOf } = require("./request.js");
const { Room } = require("./room.js");
const { routeOptions } = require("./route.js");
const { headOf, takeOver } = require("./upgrade.js");
const { User } = require("./user.js");
const { eventOf, jsonOf, nameOf, payloadOf, BINARY, TEXT } = require("./values.js");

const OWN_OPTIONS = ["environmentPrefix", "host", "port"];
/** What questions to all processes are about. */
const SUBJECT = Object.freeze({ room: 1, user: 2, ready: 3 });
/** So many Room objects are kept for the next call. */
const ROOMS_KEPT_MAX = 4096;

/** Servers that are forgotten before they listen leave nothing behind. */
const forgotten = new FinalizationRegistry(({ engine, number }) => native.serverFree(engine.addon, number));

/**
 * A WebSocket server on this thread's event loop.
 * Events: connection(connection), close(connection, code, reason), userJoin(room, user, { version, data }),
 * userLeave(room, user, { version }), presence(room, user, { version, data }), error(error, connection).
 */
class Server extends EventEmitter {
  #engine;
  #routes = [];
  /** Kinds and patterns of the routes, to find one that is there twice. */
  #patterns = new Set();
  #rooms = new Map();
  #channels = new Map();
  #handlers = new Map();
  /** Names that jsonEvents lets through; undefined: all. */
  #eventNames;
  #opening = new Map();
  #questions = new Map();
  #state = "new";
  #isReferenced = true;
  #stopped;
  #resolveStopped;

  constructor(options = {}) {
    super();
    const settings = settingsOf(options, "server", OWN_OPTIONS);
    if (options.port !== undefined || options.host !== undefined) {
      if (options.listen !== undefined) throw invalid("either listen or host and port");
      const host = options.host ?? "127.0.0.1";
      const port = options.port ?? 0;
      if (!Number.isInteger(port) || port < 0 || port > 65535) {
        throw invalid(`a port is 0 to 65535, not ${port}`);
      }
      settings.push("listen", `${host.includes(":") ? `[${host}]` : host}:${port}`);
    } else if (options.listen === undefined) {
      settings.push("listen", "none");
    }
    this.#engine = theEngine();
    this.number = translating(() => native.serverNew(this.#engine.addon, settings));
    /** Whether the data of events stand beside their names. */
    this.isFlat = options.jsonDataKey === "";
    const names = [options.jsonEvents ?? []].flat().flatMap((name) => String(name).split(","));
    if (names.length > 0 && !names.includes("*")) this.#eventNames = names.map((name) => name.trim());
    forgotten.register(this, { engine: this.#engine, number: this.number }, this);
    this.#stopped = new Promise((resolve) => { this.#resolveStopped = resolve; });
  }

  /**
   * Adds a route. pattern: a path with {name} for a segment. The handler is called with each connection that
   * opens on it or, with `methods`, with each HTTP request.
   */
  route(pattern, options, handler) {
    if (typeof options === "function") {
      if (handler !== undefined) {
        throw invalid("route takes its pattern, its options and its handler, in this order");
      }
      [options, handler] = [{}, options];
    }
    options ??= {};
    if (typeof pattern !== "string") throw invalid("the pattern of a route is a string");
    if (handler !== undefined && typeof handler !== "function") {
      throw invalid("the handler of a route is a function");
    }
    const words = routeOptions(options);
    const key = `${options.methods === undefined ? "ws" : "http"} ${pattern}`;
    if (this.#patterns.has(key)) throw invalid(`the route "${pattern}" is there already`);
    const number = native.serverRoute(...this.place, pattern, words);
    check(number, this.#engine.errorSentence);
    this.#patterns.add(key);
    const { authorize, concurrent: isConcurrent, dialect } = options;
    this.#routes[number] = { handler, authorize, isConcurrent, isJSON: dialect === "json" };
    return this;
  }

  /**
   * Adds a transport that the program brings. send(connections, data, isBinary) is called with each message
   * and the connections that it goes to.
   */
  channel(name, options, send) {
    if (typeof options === "function") [options, send] = [{}, options];
    checkNames(options, ["acknowledge", "liveness", "check"]);
    if (typeof send !== "function") throw invalid("a channel has a function that sends");
    if (options.check !== undefined && typeof options.check !== "function") {
      throw invalid("check is a function");
    }
    const words = ["acknowledge", "liveness"].filter((word) => options[word]).map((word) => `${word}=on`);
    const status = native.serverChannel(...this.place, nameOf(name), words.join(","));
    check(status, this.#engine.errorSentence);
    const channel = new Channel(this, name, send, options);
    this.#channels.set(name, channel);
    return channel;
  }

  /** Calls a handler with connection and data of each event of that name, on routes of the json dialect. */
  onEvent(name, handler) {
    if (typeof handler !== "function") throw invalid("the handler of an event is a function");
    if (this.#eventNames && !this.#eventNames.includes(name)) {
      throw invalid(`onEvent("${name}") is never called: jsonEvents does not name it`);
    }
    this.#handlers.set(name, handler);
    return this;
  }

  /** Begins to serve. Peers can connect when the promise is fulfilled. */
  async listen(...values) {
    if (values.length > 0) {
      throw invalid("listen takes no arguments: the address is an option, as in new Server({ port: 8080 })");
    }
    if (this.#state !== "new") throw this.#wrongState();
    if (this.#handlers.size > 0 && !this.#routes.some((route) => route?.isJSON)) {
      const [name] = this.#handlers.keys();
      throw invalid(`onEvent("${name}") is never called: no route has { dialect: "json" }`);
    }
    const status = native.serverStart(...this.place);
    check(status, this.#engine.errorSentence);
    this.#state = "listening";
    forgotten.unregister(this);
    this.#engine.servers[this.number] = this;
    if (this.#isReferenced) this.#engine.hold(1);
    return this;
  }

  /** Reads the key files of tokens anew; files that cannot be used change nothing. */
  reloadKeys() {
    check(native.serverReloadKeys(...this.place), this.#engine.errorSentence);
  }

  get isListening() { return this.#state === "listening"; }
  get port() { return check(native.serverPort(...this.place)); }

  /** The addresses that it listens on, such as "127.0.0.1:8000". */
  get addresses() {
    const addresses = [];
    for (;;) {
      const address = native.serverAddress(...this.place, addresses.length);
      if (typeof address !== "string") return addresses;
      addresses.push(address);
    }
  }

  /** Stops politely: nobody new, a close of 1001 to all, and fulfilled when the last has gone. */
  async close(reason = "server shutdown") {
    if (this.#state === "new") {
      forgotten.unregister(this);
      this.#free();
    }
    if (this.#state === "listening" || this.#state === "draining") {
      check(native.serverStop(...this.place, reason), this.#engine.errorSentence);
      this.#state = "stopping";
    }
    if (this.#state === "stopping") await this.#stopped;
  }

  /**
   * Stops so that clients can go elsewhere: the farewell to all, then closes over shutdownSpread, each with
   * a hint when to come back. Fulfilled when the last has gone.
   */
  async drain(farewell, { why } = {}) {
    if (this.#state !== "listening") throw this.#wrongState();
    const opcode = farewell === undefined || typeof farewell === "string" ? TEXT : BINARY;
    const bytes = farewell === undefined ? null : payloadOf(farewell);
    check(native.serverDrain(...this.place, opcode, bytes, why), this.#engine.errorSentence);
    this.#state = "draining";
    await this.#stopped;
  }

  /** Reads certificates and keys anew: connections that begin from now on get them. */
  reloadTLS() {
    check(native.serverReloadTLS(...this.place), this.#engine.errorSentence);
  }

  [Symbol.asyncDispose ?? Symbol.for("nodejs.asyncDispose")]() {
    return this.close();
  }

  /** Whether it keeps the process running, as it does at first. */
  ref() { return this.#setReferenced(true); }
  unref() { return this.#setReferenced(false); }

  /**
   * Takes over a request of another HTTP server, in its "upgrade" event or later. The socket is the library's
   * from then on: Node's own object of it is destroyed, or, with TLS, carries the bytes to and fro.
   */
  handleUpgrade(request, socket, head) {
    if (this.#state !== "listening") {
      throw new HearthError("HEARTH_ERR_STATE", "call listen() before handleUpgrade");
    }
    takeOver(socket, (descriptor, rest, forwarded) => {
      const bytes = Buffer.concat([headOf(request, forwarded), head ?? NONE, ...rest]);
      check(native.serverAdopt(...this.place, descriptor, bytes), this.#engine.errorSentence);
    });
  }

  // MARK: messages

  /** The room of that name; it needs not be made. */
  room(name) {
    let room = this.#rooms.get(name);
    if (!room) {
      room = new Room(this, nameOf(name));
      if (this.#rooms.size >= ROOMS_KEPT_MAX) this.#rooms.clear();
      this.#rooms.set(name, room);
    }
    return room;
  }

  user(id) {
    return new User(this, nameOf(id));
  }

  /** Sends to every connection, but to { except }: a connection, or a user with all connections. */
  broadcast(data, options) {
    this.sendOut(TO.server, NONE, data, options);
  }

  broadcastJSON(value, options) {
    this.broadcast(jsonOf(value), options);
  }

  /** Sends an event, to each connection in its dialect. */
  sendEvent(name, value, options) {
    this.sendOut(TO.server, NONE, eventOf(name, value, this.isFlat), options, true);
  }

  /** Sends to all connections of a user. */
  sendTo(user, data, options) {
    this.user(user).send(data, options);
  }

  /** For rooms, users and the server itself: name is a Buffer with that of a room or a user. */
  sendOut(kind, name, data, options, isNamed) {
    // Its number may be another server's by now.
    if (this.#state === "closed") throw this.#gone();
    let index = 0;
    const except = options?.except;
    if (except instanceof Connection) {
      index = except.isOpen ? except.index : 0;
    } else if (except instanceof User) {
      name = Buffer.from(`${name}\0${except.id}`);
    } else if (except !== undefined && except !== null) {
      throw invalid("except is a Connection or a User");
    }
    this.#engine.send(kind, this.number, index, name, data, isNamed);
  }

  // MARK: who is here

  get connections() {
    return this.connectionsOf(check(native.serverConnections(...this.place)));
  }
  get connectionCount() { return this.#counts[0]; }
  get userCount() { return this.#counts[1]; }
  get roomCount() { return this.#counts[2]; }
  /** The names of all rooms. */
  get rooms() { return listOf(check(native.serverRooms(...this.place))); }

  /** All users that have a connection. */
  get users() {
    const users = [];
    let cursor = 0n;
    do {
      const [next, names] = check(native.serverUsers(...this.place, cursor));
      for (const user of listOf(names)) users.push(user);
      cursor = next;
    } while (cursor !== 0n);
    return users;
  }

  /** Out of all rooms at once, and closed. Returns how many connections the user had. */
  kick(user, code, reason) {
    return this.user(user).kick(code, reason);
  }

  /** What is shown with a user to the others in its rooms. */
  setPresence(user, data) {
    this.user(user).setPresence(data);
  }

  /**
   * Asks all processes of the cluster who is in a room: { scope, room, connections, users, nodes, missing }.
   * nodes have answered, missing have not within timeout seconds. Without redisUrl the scope is "local".
   */
  askRoom(name, options) { return this.#ask(SUBJECT.room, name, options); }
  /** And about a user, with rooms instead of users. */
  askUser(name, options) { return this.#ask(SUBJECT.user, name, options); }

  /** Fulfilled when messages reach the other processes of the cluster; rejected if the server stops first. */
  async ready() {
    const { ready } = await this.#askFor(SUBJECT.ready, "", 0);
    if (!ready) throw this.#gone();
  }

  async #ask(subject, name, { timeout = 1 } = {}) {
    if (!(timeout > 0 && timeout <= 60)) throw invalid(`a question may wait for 60 seconds, not ${timeout}`);
    return this.#askFor(subject, nameOf(name), Math.max(1, Math.round(timeout * 1000)));
  }

  /** 0 milliseconds: however long it takes. */
  async #askFor(subject, name, milliseconds) {
    const number = check(
      native.serverAsk(...this.place, subject, name, milliseconds), this.#engine.errorSentence);
    return new Promise((resolve, reject) => this.#questions.set(number, { resolve, reject }));
  }

  /** What it has counted, and how it is: docs/topics/observability.md. */
  stats() { return JSON.parse(check(native.serverStats(...this.place))); }
  /** The same in the text format of Prometheus. */
  metrics() { return check(native.serverMetrics(...this.place)); }
  health() { return JSON.parse(check(native.serverHealth(...this.place))); }

  connectionsOf(indices) {
    const { connections } = this.#engine;
    return indices.map((index) => connections[index]).filter((connection) => connection !== undefined);
  }

  get #counts() {
    const counts = native.serverCounts(...this.place);
    check(counts[0]);
    return counts;
  }

  /** The addon and its number there. */
  get place() {
    if (this.#state === "closed") throw this.#gone();
    return [this.#engine.addon, this.number];
  }

  // MARK: what the engine calls

  handle(event) {
    const connection = this.#engine.connections[event.index];
    switch (event.type) {
      case EVENT.connect: return this.#asked(event);
      case EVENT.open: return this.#opened(event);
      case EVENT.close: return this.#closed(event, connection);
      case EVENT.joined: return connection?.joined(event.room);
      case EVENT.left: return connection?.left(event.room);
      case EVENT.userJoined: return this.#presence("userJoin", event, true);
      case EVENT.userLeft: return this.#presence("userLeave", event, false);
      case EVENT.presenceUpdated: return this.#presence("presence", event, true);
      case EVENT.httpRequest: return this.#requested(event);
      case EVENT.dropped: return connection?.dropped(event.code);
      case EVENT.limited: return connection?.limited(event.text, event.code);
      case EVENT.expiring: return connection?.expiring(event.code);
      case EVENT.expired: return connection?.expired();
      case EVENT.channelSend: return this.#carry(event);
      case EVENT.clusterAnswer: return this.#answered(event.code, JSON.parse(event.text));
      case EVENT.serverStopped: return this.#hasStopped();
      default: return undefined;
    }
  }

  failed(error, connection) {
    if (this.listenerCount("error") > 0) this.emit("error", error, connection);
    else throwLater(error);
  }

  /** An event of the json dialect came. Returns the promise of its handler, if that has one. */
  received(connection, name, value) {
    const handler = this.#handlers.get(name);
    return handler && call(connection, () => handler(connection, value));
  }

  /** The connection with that index, when it is open. */
  opening(index) {
    const connection = this.#engine.connections[index];
    return connection ?? new Promise((resolve) => this.#opening.set(index, resolve));
  }

  #opened(event) {
    const route = this.#routes[event.route] ?? {};
    const { handler } = route;
    const connection = new Connection(this.#engine, this, event, route);
    this.#engine.connections[event.index] = connection;
    tell(this, "connection", connection);
    if (handler) connection.run(handler, connection);
    if (this.#opening.size > 0) {
      this.#opening.get(event.index)?.(connection);
      this.#opening.delete(event.index);
    }
  }

  #presence(name, event, hasData) {
    const change = { version: event.presenceVersion };
    if (hasData) change.data = event.bytes;
    tell(this, name, event.room, event.user, change);
  }

  #answered(number, { question, ...answer }) {
    this.#questions.get(number)?.resolve(answer);
    this.#questions.delete(number);
  }

  #carry(event) {
    const connections = this.connectionsOf(event.receivers);
    try {
      this.#channels.get(event.path)?.deliver(connections, event.payload, event.isBinary);
    } catch (error) {
      this.failed(error);
    }
  }

  #closed(event, connection) {
    if (!connection) return;
    this.#engine.connections[event.index] = undefined;
    const { code } = event;
    const reason = event.text;
    connection.ended(code, reason, () => tell(this, "close", connection, code, reason));
  }

  async #asked(event) {
    const request = new ConnectRequest(this.#engine, event);
    const authorize = this.#routes[event.route]?.authorize;
    try {
      const result = await authorize(request);
      if (result === false) request.reject(403);
      else if (typeof result === "string") request.accept({ user: result });
      else request.accept(result === null || typeof result !== "object" ? {} : result);
    } catch (error) {
      this.#refused(request, error);
    }
  }

  #refused(request, error) {
    // It answered by itself, or the peer has gone meanwhile.
    if (error?.code === "HEARTH_ERR_STATE" || error?.code === "HEARTH_ERR_GONE") return;
    try {
      if (error instanceof Rejection) return void request.reject(error.status, error.reason);
      request.reject(500);
    } catch (later) {
      if (later?.code !== "HEARTH_ERR_STATE" && later?.code !== "HEARTH_ERR_GONE") {
        this.failed(later);
        rejectUnanswered(request);
      }
    }
    this.failed(error);
  }

  async #requested(event) {
    const request = new HTTPRequest(this.#engine, event);
    try {
      const result = await this.#routes[event.route]?.handler?.(request);
      request.respond(answerOf(result));
    } catch (error) {
      if (error?.code === "HEARTH_ERR_STATE" || error?.code === "HEARTH_ERR_GONE") return;
      try { request.respond({ status: 500, body: "internal error" }); } catch { /* The peer has gone. */ }
      this.failed(error);
    }
  }

  #hasStopped() {
    if (this.#isReferenced) this.#engine.hold(-1);
    this.#engine.servers[this.number] = undefined;
    this.#free();
    for (const { reject } of this.#questions.values()) reject(this.#gone());
    this.#questions.clear();
    this.#resolveStopped();
  }

  #gone() { return new HearthError("HEARTH_ERR_GONE", "the server is closed"); }
  #wrongState() { return new HearthError("HEARTH_ERR_STATE", `the server is ${this.#state}`); }

  #free() {
    native.serverFree(...this.place);
    this.#state = "closed";
  }

  #setReferenced(isReferenced) {
    if (isReferenced !== this.#isReferenced) {
      this.#isReferenced = isReferenced;
      if (this.#state !== "new" && this.#state !== "closed") this.#engine.hold(isReferenced ? 1 : -1);
    }
    return this;
  }
}

/** Has the peer not wait for an answer that could not be given. */
function rejectUnanswered(request) {
  try {
    request.reject(500);
  } catch {
    // It was answered, or the peer has left.
  }
}

module.exports = { Server };
