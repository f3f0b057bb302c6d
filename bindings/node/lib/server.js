"use strict";

const { EventEmitter } = require("node:events");
const { check, HearthError, invalid, translating } = require("./errors.js");
const { EVENT, TO, theEngine } = require("./engine.js");
const { Connection, jsonOf, nameOf } = require("./connection.js");
const { native } = require("./native.js");
const { checkNames, settingsOf } = require("./options.js");
const { listOf } = require("./pairs.js");
const { ConnectRequest, HTTPRequest, Rejection, answerOf } = require("./request.js");
const { Room, User, exceptOf } = require("./room.js");

const OWN_OPTIONS = ["host", "port"];
const ROUTE_OPTIONS = ["join", "relay", "event", "subprotocols", "methods", "authorize"];
/** So many Room objects are kept for the next call. */
const ROOMS_KEPT_MAX = 4096;

/**
 * A WebSocket server on this thread's event loop.
 * Events: connection(connection), close(connection, code, reason), userJoin(room, user),
 * userLeave(room, user), error(error, connection).
 */
class Server extends EventEmitter {
  #engine;
  #routes = [];
  #rooms = new Map();
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
    this.#engine.servers[this.number] = this;
    this.#stopped = new Promise((resolve) => { this.#resolveStopped = resolve; });
  }

  /**
   * Adds a route. pattern: a path with {name} for a segment. The handler is called with each connection that
   * opens on it or, with `methods`, with each HTTP request.
   */
  route(pattern, options, handler) {
    if (typeof options === "function") [options, handler] = [{}, options];
    options ??= {};
    checkNames(options, ROUTE_OPTIONS);
    if (typeof pattern !== "string") throw invalid("the pattern of a route is a string");
    if (handler !== undefined && typeof handler !== "function") {
      throw invalid("the handler of a route is a function");
    }
    const { authorize, methods } = options;
    if (authorize !== undefined && typeof authorize !== "function") throw invalid("authorize is a function");
    const words = [];
    if (options.join) words.push(`join=${options.join === true ? "auto" : options.join}`);
    if (options.relay) words.push(`relay=${options.relay === true ? "others" : options.relay}`);
    if (options.event) words.push("event=on");
    if (options.subprotocols) words.push(`subprotocols=${[options.subprotocols].flat().join("|")}`);
    if (authorize) words.push("accept=ask");
    if (methods) words.push(`http=${[methods].flat().join("|")}`);
    const number = native.serverRoute(this.#engine.addon, this.number, pattern, words.join(","));
    check(number, this.#engine.errorSentence);
    this.#routes[number] = { handler, authorize };
    return this;
  }

  /** Begins to serve. Peers can connect when the promise is fulfilled. */
  async listen() {
    const status = native.serverStart(this.#engine.addon, this.number);
    check(status, this.#engine.errorSentence);
    this.#state = "listening";
    if (this.#isReferenced) this.#engine.hold(1);
    return this;
  }

  get isListening() { return this.#state === "listening"; }
  get port() { return check(native.serverPort(this.#engine.addon, this.number)); }

  /** The addresses that it listens on, such as "127.0.0.1:8000". */
  get addresses() {
    const addresses = [];
    for (;;) {
      const address = native.serverAddress(this.#engine.addon, this.number, addresses.length);
      if (typeof address !== "string") return addresses;
      addresses.push(address);
    }
  }

  /** Stops politely: nobody new, a close of 1001 to all, and fulfilled when the last has gone. */
  async close(reason = "server shutdown") {
    if (this.#state === "listening") {
      this.#state = "stopping";
      check(native.serverStop(this.#engine.addon, this.number, reason), this.#engine.errorSentence);
    }
    if (this.#state === "stopping") await this.#stopped;
  }

  [Symbol.asyncDispose ?? Symbol.for("nodejs.asyncDispose")]() {
    return this.close();
  }

  /** Whether it keeps the process running, as it does at first. */
  ref() { return this.#setReferenced(true); }
  unref() { return this.#setReferenced(false); }

  /**
   * Takes over a request of another HTTP server, in its "upgrade" event. The socket is the library's from
   * then on; Node's own object of it is destroyed.
   */
  handleUpgrade(request, socket, head) {
    if (this.#state !== "listening") {
      throw new HearthError("HEARTH_ERR_STATE", "call listen() before handleUpgrade");
    }
    const descriptor = socket?._handle?.fd;
    if (socket?.encrypted || !Number.isInteger(descriptor) || descriptor < 0) {
      throw invalid("handleUpgrade takes a plain socket: for TLS let the server listen by itself");
    }
    let text = `${request.method} ${request.url} HTTP/${request.httpVersion}\r\n`;
    for (let index = 0; index + 1 < request.rawHeaders.length; index += 2) {
      text += `${request.rawHeaders[index]}: ${request.rawHeaders[index + 1]}\r\n`;
    }
    const bytes = Buffer.concat([Buffer.from(`${text}\r\n`, "latin1"), head ?? Buffer.alloc(0)]);
    check(native.serverAdopt(this.#engine.addon, this.number, descriptor, bytes), this.#engine.errorSentence);
    socket.removeAllListeners();
    socket.on("error", () => {});
    socket.destroy();
  }

  // MARK: messages

  /** The room of that name; it needs not be made. */
  room(name) {
    let room = this.#rooms.get(name);
    if (!room) {
      room = new Room(this.#engine, this, nameOf(name));
      if (this.#rooms.size >= ROOMS_KEPT_MAX) this.#rooms.clear();
      this.#rooms.set(name, room);
    }
    return room;
  }

  user(id) {
    return new User(this.#engine, this, nameOf(id));
  }

  /** Sends to every connection, but to { except: connection }. */
  broadcast(data, options) {
    this.#engine.send(TO.server, this.number, exceptOf(options), null, data);
  }

  broadcastJSON(value, options) {
    this.broadcast(jsonOf(value), options);
  }

  /** Sends to all connections of a user. */
  sendTo(user, data, options) {
    this.user(user).send(data, options);
  }

  // MARK: who is here

  get connections() {
    return this.connectionsOf(check(native.serverConnections(this.#engine.addon, this.number)));
  }
  get connectionCount() { return this.#counts[0]; }
  get userCount() { return this.#counts[1]; }
  get roomCount() { return this.#counts[2]; }
  /** The names of all rooms. */
  get rooms() { return listOf(check(native.serverRooms(this.#engine.addon, this.number)).toString()); }

  connectionsOf(indices) {
    const { connections } = this.#engine;
    return indices.map((index) => connections[index]).filter((connection) => connection !== undefined);
  }

  get #counts() { return native.serverCounts(this.#engine.addon, this.number); }

  // MARK: what the engine calls

  handle(event) {
    const connection = this.#engine.connections[event.index];
    switch (event.type) {
      case EVENT.connect: return this.#asked(event);
      case EVENT.open: return this.#opened(event);
      case EVENT.close: return this.#closed(event, connection);
      case EVENT.joined: return connection?.joined(event.room);
      case EVENT.left: return connection?.left(event.room);
      case EVENT.userJoined: return this.#emit("userJoin", event.room, event.user);
      case EVENT.userLeft: return this.#emit("userLeave", event.room, event.user);
      case EVENT.httpRequest: return this.#requested(event);
      case EVENT.dropped: return connection?.dropped(event.code);
      case EVENT.serverStopped: return this.#hasStopped();
      default: return undefined;
    }
  }

  failed(error, connection) {
    if (this.listenerCount("error") > 0) this.emit("error", error, connection);
    else process.emitWarning(error instanceof Error ? error : new Error(String(error)));
  }

  #opened(event) {
    const connection = new Connection(this.#engine, this, event);
    this.#engine.connections[event.index] = connection;
    this.#emit("connection", connection);
    const handler = this.#routes[event.route]?.handler;
    if (handler) connection.run(handler);
  }

  #closed(event, connection) {
    if (!connection) return;
    this.#engine.connections[event.index] = undefined;
    const { code } = event;
    const reason = event.text;
    connection.ended(code, reason);
    this.#emit("close", connection, code, reason);
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
      if (later?.code !== "HEARTH_ERR_STATE" && later?.code !== "HEARTH_ERR_GONE") this.failed(later);
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
    this.#state = "stopped";
    if (this.#isReferenced) this.#engine.hold(-1);
    this.#resolveStopped();
  }

  #setReferenced(isReferenced) {
    if (isReferenced !== this.#isReferenced) {
      this.#isReferenced = isReferenced;
      if (this.#state === "listening" || this.#state === "stopping") this.#engine.hold(isReferenced ? 1 : -1);
    }
    return this;
  }

  #emit(name, ...values) {
    for (const listener of this.rawListeners(name)) {
      try {
        const result = listener.apply(this, values);
        if (typeof result?.then === "function") result.then(undefined, (error) => this.failed(error));
      } catch (error) {
        this.failed(error);
      }
    }
  }
}

module.exports = { Server };
