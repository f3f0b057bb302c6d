"use strict";

const { check } = require("./errors.js");
const { TO } = require("./engine.js");
const { native } = require("./native.js");
const { checkClose, eventOf, jsonOf, payloadOf } = require("./values.js");

/** What a kicked user is told, unless the program says otherwise. */
const KICKED = 4505;

/** All connections of a user. */
class User {
  #server;
  #bytes;

  constructor(server, id) {
    this.#server = server;
    this.#bytes = Buffer.from(id);
    this.id = id;
  }

  /** Sends to all connections, but to { except: connection }. */
  send(data, options) {
    this.#server.sendOut(TO.user, this.#bytes, data, options);
  }

  sendJSON(value, options) {
    this.send(jsonOf(value), options);
  }

  /** Sends an event, to each connection in its dialect. */
  sendEvent(name, value, options) {
    this.#server.sendOut(TO.user, this.#bytes, eventOf(name, value, this.#server.isFlat), options, true);
  }

  get connections() {
    return this.#server.connectionsOf(check(native.userConnections(...this.#server.place, this.id)));
  }

  get isOnline() { return this.connections.length > 0; }

  /** What is shown with the user to the others in its rooms: a string or bytes. */
  setPresence(data) {
    check(native.userSetPresence(...this.#server.place, this.id, payloadOf(data)));
  }

  /** Out of all rooms at once, and closed. Returns how many connections it had. */
  kick(code = KICKED, reason = "") {
    checkClose(code, reason);
    return check(native.userKick(...this.#server.place, this.id, code, reason));
  }
}

module.exports = { User };
