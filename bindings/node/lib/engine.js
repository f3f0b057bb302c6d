"use strict";

// The engine of this thread: events in, messages out. The layout of both is in src/events.c.

const { errorFor, translating } = require("./errors.js");
const { ERROR, EVENT, LOG_LEVELS } = require("./header.js");
const { takeChosen } = require("./log.js");
const { native } = require("./native.js");
const { pairsOf } = require("./pairs.js");
const { BINARY, NAMED, TEXT, bytesOf } = require("./values.js");

const TO = Object.freeze({ connection: 1, room: 2, server: 3, user: 4 });
const HEADER = 64;
const FLAG_CHANNEL = 4;
const FLAG_ASCII = 8;
const FLAG_NAMED = 16;
const OUT_HEADER = 24;
/** In the place of a server's number. */
const IS_CLIENT = 0x80000000;
const IS_LOG = 0xffffffff;
const NONE = Buffer.alloc(0);
/** Longer messages do not go through the outbox. */
const OUT_BYTES_MAX = 64 << 10;

/** One event, read where it lies: good until the handler returns. */
class EventReader {
  constructor() {
    this.words = null;
    this.buffer = null;
    this.payloads = null;
    this.at = 0;
  }

  get type() { return this.words[this.at + 1] & 0xff; }
  get flags() { return (this.words[this.at + 1] >>> 8) & 0xff; }
  get index() { return this.words[this.at + 2]; }
  get idLow() { return this.words[this.at + 3] | 0; }
  get idHigh() { return this.words[this.at + 4] | 0; }
  get server() { return this.words[this.at + 5]; }
  get code() { return this.words[this.at + 6] | 0; }
  get route() { return this.words[this.at + 7] | 0; }
  get time() { return this.words[this.at + 13] + this.words[this.at + 14] * 4294967296; }

  get isChannel() { return (this.flags & FLAG_CHANNEL) !== 0; }
  /** Whether it is an event of the json dialect, with its name in the place of a room's. */
  get isNamed() { return (this.flags & FLAG_NAMED) !== 0; }

  /** Where the bytes of the payload, room, user, path or info begin; each comes behind the one before. */
  start(part) {
    const { words, at } = this;
    let start = at * 4 + HEADER;
    if (part > 0 && words[at + 15] === 0) start += words[at + 12];
    for (let index = 1; index < part; index++) start += words[at + 7 + index];
    return start;
  }

  string(part) {
    const start = this.start(part);
    return this.buffer.utf8Slice(start, start + this.words[this.at + 7 + part]);
  }

  get room() { return this.string(1); }
  get user() { return this.string(2); }
  get path() { return this.string(3); }

  /** The payload as a string or as a Buffer of its own. */
  get payload() {
    const { words, at } = this;
    const head = words[at + 1];
    if (words[at + 15] !== 0) return this.payloads[words[at + 15] - 1];
    const start = at * 4 + HEADER;
    const end = start + words[at + 12];
    if (head >>> 16 !== TEXT) return Buffer.from(this.buffer.subarray(start, end));
    const isASCII = (head >>> 8) & FLAG_ASCII;
    return isASCII ? this.buffer.latin1Slice(start, end) : this.buffer.utf8Slice(start, end);
  }

  /** The payload as text, where it is a reason or a name. */
  get text() {
    const start = this.at * 4 + HEADER;
    return this.buffer.utf8Slice(start, start + this.words[this.at + 12]);
  }

  get isBinary() { return this.words[this.at + 1] >>> 16 === BINARY; }

  /** The payload as bytes of its own, whatever it is. */
  get bytes() {
    const start = this.at * 4 + HEADER;
    return Buffer.from(this.buffer.subarray(start, start + this.words[this.at + 12]));
  }

  /** Path and info of a request as they are, one character for a byte: RequestHead reads them. */
  get head() {
    const start = this.start(3);
    return this.buffer.latin1Slice(start, start + this.words[this.at + 10] + this.words[this.at + 11]);
  }

  get pathLength() { return this.words[this.at + 10]; }

  /** Of the info of a client's event: state, attempt, error, status; delay (4) and message (6) are wide. */
  clientWord(index) {
    const at = this.start(4) + 4 * index;
    return index < 4 ? this.buffer.readUInt32LE(at) : Number(this.buffer.readBigUInt64LE(at));
  }

  /** The indices of the connections to which a message of a channel goes. */
  get receivers() {
    const start = this.start(4);
    const count = this.words[this.at + 11] >>> 2;
    return Array.from({ length: count }, (_, index) => this.buffer.readUInt32LE(start + 4 * index));
  }

  get presenceVersion() { return Number(this.buffer.readBigUInt64LE(this.start(4))); }
}

class Engine {
  constructor() {
    /** Servers that are started and clients that are open, by number. */
    this.servers = [];
    this.clients = [];
    /** Connections by the index that the addon gave them. */
    this.connections = [];
    this.reader = new EventReader();
    /** Large payloads of the batch that is being read. */
    this.payloads = [];
    this.views = new Map();
    const { settings, log } = takeChosen();
    this.log = log;
    this.addon = translating(() => native.attach(this, this.dispatch, settings, log !== undefined));
    this.out = Buffer.from(this.outbox);
    this.outWords = new Uint32Array(this.outbox);
    this.references = 0;
    native.keepAlive(this.addon, 0);
  }

  /** What holds the process: listening servers that were not unref'ed. */
  hold(count) {
    this.references += count;
    native.keepAlive(this.addon, this.references > 0 ? 1 : 0);
  }

  get errorSentence() { return native.engineError(this.addon); }

  viewsOf(memory) {
    let views = this.views.get(memory);
    if (!views) {
      // There are two at a time; larger ones take their place.
      if (this.views.size > 3) this.views.clear();
      views = { words: new Uint32Array(memory), buffer: Buffer.from(memory) };
      this.views.set(memory, views);
    }
    return views;
  }

  /** Called by the addon once a turn, with all that happened. */
  dispatch(memory, bytes) {
    const { reader } = this;
    const { words, buffer } = this.viewsOf(memory);
    const payloads = this.payloads;
    this.payloads = [];
    const end = bytes >>> 2;
    let at = 0;
    while (at < end) {
      reader.words = words;
      reader.buffer = buffer;
      reader.payloads = payloads;
      reader.at = at;
      const size = words[at] >>> 2;
      try {
        this.handle(reader);
      } catch (error) {
        // Handlers are caught where they are called: this is a fault of ours, or of an error handler.
        process.nextTick(() => { throw error; });
      }
      at += size;
    }
  }

  handle(event) {
    const { server } = event;
    if (event.type === EVENT.message) {
      const receiver = server >= IS_CLIENT ? this.clients[server - IS_CLIENT] : this.connections[event.index];
      receiver?.receive(event);
      return;
    }
    if (server === IS_LOG) return this.logged(event);
    if (server >= IS_CLIENT) return this.clients[server - IS_CLIENT]?.handle(event);
    this.servers[server]?.handle(event);
  }

  logged(event) {
    const fields = { ...pairsOf(event.string(4)) };
    const { text: message, room: area, time, code } = event;
    this.log({ level: LOG_LEVELS[code] ?? "error", time, area, message, fields });
  }

  /**
   * Queues a message; all that is queued leaves in this turn of the loop. name: of a room or a user, or
   * NONE; except: the index of a connection, 0 for none; isNamed: data is what eventOf makes.
   */
  send(kind, target, except, name, data, isNamed = false) {
    let opcode = BINARY;
    let length;
    if (typeof data === "string") {
      opcode = isNamed ? NAMED : TEXT;
      length = data.length * 3;
    } else {
      data = bytesOf(data);
      length = data.length;
    }
    const nameLength = name.length;
    const needed = OUT_HEADER + nameLength + 1 + length + 3;
    if (length > OUT_BYTES_MAX) return this.sendAlone(kind, opcode, target, except, name, data);
    let used = this.outWords[0];
    if (used + needed > this.out.length) {
      native.flush(this.addon);
      used = 4;
    }
    const { out, outWords } = this;
    let place = used + OUT_HEADER;
    if (nameLength > 0) {
      out.set(name, place);
      place += nameLength;
    }
    out[place++] = 0;
    if (opcode !== BINARY) {
      length = out.utf8Write(data, place);
    } else {
      out.set(data, place);
    }
    const size = (place - used + length + 3) & ~3;
    const at = used >>> 2;
    outWords[at] = size;
    outWords[at + 1] = kind | (opcode << 8);
    outWords[at + 2] = target;
    outWords[at + 3] = except;
    outWords[at + 4] = nameLength;
    outWords[at + 5] = length;
    outWords[0] = used + size;
    return true;
  }

  /** What is too large for the outbox goes at once. Returns whether it was queued. */
  sendAlone(kind, opcode, target, except, name, data) {
    const bytes = opcode === BINARY ? data : Buffer.from(data);
    const result = native.send(this.addon, kind, target, except, name, opcode, bytes);
    if (result < 0 && result !== ERROR.gone) throw errorFor(result);
    return result > 0;
  }
}

let engine;

/** The engine of this thread, made when it is first needed. */
function theEngine() {
  engine ??= new Engine();
  return engine;
}

module.exports = { NONE, TO, theEngine };
