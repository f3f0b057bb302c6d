"use strict";

const { check } = require("./errors.js");
const { TO } = require("./engine.js");
const { native } = require("./native.js");
const { listOf } = require("./pairs.js");
const { eventOf, jsonOf } = require("./values.js");

/** The connections of a room. It needs not be made: it is there as long as somebody is in it. */
class Room {
  #server;
  #bytes;

  constructor(server, name) {
    this.#server = server;
    this.#bytes = Buffer.from(name);
    this.name = name;
  }

  /** Sends to all members, but to { except }: a connection, or a user with all connections. */
  broadcast(data, options) {
    this.#server.sendOut(TO.room, this.#bytes, data, options);
  }

  broadcastJSON(value, options) {
    this.broadcast(jsonOf(value), options);
  }

  /** Sends an event, to each member in its dialect. */
  sendEvent(name, value, options) {
    this.#server.sendOut(TO.room, this.#bytes, eventOf(name, value, this.#server.isFlat), options, true);
  }

  /** The connections in it. */
  get members() { return this.#server.connectionsOf(this.#indices); }

  /** The users in it, each once. */
  get users() { return listOf(check(native.roomUsers(...this.#server.place, this.name))); }

  get size() { return this.#indices.length; }

  /**
   * Who is in it: { version, users }, each user with its connections, data and joinedAt in milliseconds since
   * 1970. Of the changes that are told, those up to that version are in it.
   */
  presence() {
    const [version, ...rest] = check(native.roomPresence(...this.#server.place, this.name));
    const users = [];
    for (let index = 0; index < rest.length; index += 4) {
      const [user, data, joinedAt, indices] = rest.slice(index, index + 4);
      users.push({ user, data, joinedAt, connections: this.#server.connectionsOf(indices) });
    }
    return { version, users };
  }

  get #indices() { return check(native.roomMembers(...this.#server.place, this.name)); }
}

module.exports = { Room };
