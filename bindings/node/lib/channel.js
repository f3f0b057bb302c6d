"use strict";

const { check, errorFor, invalid } = require("./errors.js");
const { ERROR } = require("./header.js");
const { native } = require("./native.js");
const { checkNames } = require("./options.js");
const { BINARY, TEXT, bytesOf, linesOf } = require("./values.js");

const PEER = ["recipient", "path", "query", "headers", "user", "address", "subprotocol"];

/**
 * A transport that the program brings. Its connections have rooms, users, limits and presence like any
 * other; what is sent to them is given to the function that was registered.
 */
class Channel {
  #server;
  #send;
  #check;

  constructor(server, name, send, { check: admit }) {
    this.#server = server;
    this.#send = send;
    this.#check = admit;
    this.name = name;
  }

  /**
   * A connection begins: fulfilled when it is open, on the route that the path matches.
   * peer: path, and recipient, query, headers, user, address, subprotocol.
   */
  async connect(peer) {
    checkNames(peer, PEER);
    const { path, headers } = peer;
    if (typeof path !== "string") throw invalid("a connection of a channel has a path");
    if (this.#check && (await this.#check(peer.recipient)) === false) {
      throw errorFor(ERROR.permission, `the channel does not reach ${peer.recipient}`);
    }
    const [recipient, query, user, address, subprotocol] =
      [peer.recipient, peer.query, peer.user, peer.address, peer.subprotocol].map(textOf);
    const lines = headers === undefined ? null : linesOf(headers);
    const index = check(native.channelConnect(
      ...this.#server.place, this.name, recipient, path, query, lines, user, address, subprotocol
    ));
    return this.#server.opening(index);
  }

  /** A message came from one of its connections. */
  receive(connection, data) {
    const isText = typeof data === "string";
    const bytes = isText ? Buffer.from(data) : bytesOf(data);
    check(native.channelReceive(...connection.place, isText ? TEXT : BINARY, bytes));
  }

  /** The transport has let go of so many bytes, for { acknowledge: true }. */
  sent(connection, bytes) {
    check(native.channelSent(...connection.place, bytes));
  }

  /** A sign of life, for { liveness: true }. */
  alive(connection) {
    check(native.channelAlive(...connection.place));
  }

  /** The transport has ended. */
  closed(connection, code = 1006, reason = "") {
    check(native.channelClosed(...connection.place, code, reason));
  }

  /** What the engine calls: one message for some of its connections. */
  deliver(connections, data, isBinary) {
    return this.#send(connections, data, isBinary);
  }
}

function textOf(value) {
  if (value === undefined || value === null) return null;
  if (typeof value !== "string") throw invalid("what a connection of a channel is made of are strings");
  return value;
}

module.exports = { Channel };
