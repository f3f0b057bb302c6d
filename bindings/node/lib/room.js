"use strict";

const { check, invalid } = require("./errors.js");
const { TO } = require("./engine.js");
const { jsonOf } = require("./connection.js");
const { native } = require("./native.js");
const { listOf } = require("./pairs.js");

/** The index of the connection that a broadcast leaves out; 0: none. */
function exceptOf(options) {
  const except = options?.except;
  if (except === undefined || except === null) return 0;
  if (typeof except.index !== "number") throw invalid("except is a Connection");
  return except.isOpen ? except.index : 0;
}

/** The connections of a room. It needs not be made: it is there as long as somebody is in it. */
class Room {
  #engine;
  #server;
  #bytes;

  constructor(engine, server, name) {
    this.#engine = engine;
    this.#server = server;
    this.#bytes = Buffer.from(name);
    this.name = name;
  }

  /** Sends to all members, but to { except: connection }. */
  broadcast(data, options) {
    this.#engine.send(TO.room, this.#server.number, exceptOf(options), this.#bytes, data);
  }

  broadcastJSON(value, options) {
    this.broadcast(jsonOf(value), options);
  }

  /** The connections in it. */
  get members() {
    return this.#server.connectionsOf(this.#indices);
  }

  /** The users in it, each once. */
  get users() {
    return listOf(check(native.roomUsers(this.#engine.addon, this.#server.number, this.name)).toString());
  }

  get size() { return this.#indices.length; }

  get #indices() {
    return check(native.roomMembers(this.#engine.addon, this.#server.number, this.name));
  }
}

/** All connections of a user. */
class User {
  #engine;
  #server;
  #bytes;

  constructor(engine, server, id) {
    this.#engine = engine;
    this.#server = server;
    this.#bytes = Buffer.from(id);
    this.id = id;
  }

  send(data, options) {
    this.#engine.send(TO.user, this.#server.number, exceptOf(options), this.#bytes, data);
  }

  sendJSON(value, options) {
    this.send(jsonOf(value), options);
  }

  get connections() {
    const { addon } = this.#engine;
    return this.#server.connectionsOf(check(native.userConnections(addon, this.#server.number, this.id)));
  }

  get isOnline() { return this.connections.length > 0; }
}

module.exports = { Room, User, exceptOf };
