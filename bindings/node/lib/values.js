"use strict";

// What programs pass, as it goes to the library: messages, events, names.

const { HearthError, invalid } = require("./errors.js");

const TEXT = 1;
const BINARY = 2;
/** In the outbox: the name of an event, a NUL and its data. */
const NAMED = 3;
const EVENT_NAME_BYTES_MAX = 255;

/** A Buffer over what can be sent as binary. */
function bytesOf(data) {
  if (Buffer.isBuffer(data)) return data;
  if (ArrayBuffer.isView(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  if (data instanceof ArrayBuffer || data instanceof SharedArrayBuffer) return Buffer.from(data);
  throw new HearthError(
    "HEARTH_ERR_INVALID",
    "a message is a string, a Buffer, a typed array or an ArrayBuffer; for an object there is sendJSON"
  );
}

/** The same of strings too. */
function payloadOf(data) {
  return typeof data === "string" ? Buffer.from(data) : bytesOf(data);
}

function jsonOf(value) {
  const text = JSON.stringify(value);
  if (text === undefined) throw invalid("the value has no JSON");
  return text;
}

/** An event as it lies in the outbox. Undefined is an event without data. */
function eventOf(name, value, isFlat) {
  if (typeof name !== "string" || name === "" || name.includes("\0")) {
    throw invalid("the name of an event is a string that is not empty");
  }
  if (Buffer.byteLength(name) > EVENT_NAME_BYTES_MAX) {
    throw invalid(`the name of an event has at most ${EVENT_NAME_BYTES_MAX} bytes`);
  }
  if (value === undefined) return `${name}\0`;
  const json = jsonOf(value);
  if (isFlat && json[0] !== "{") {
    throw invalid("with jsonDataKey empty the data of an event is an object");
  }
  return `${name}\0${json}`;
}

function nameOf(name) {
  if (typeof name !== "string" || name === "") {
    throw invalid("the name of a room or a user is a string that is not empty");
  }
  if (name.includes("\0")) throw invalid("a name contains no NUL");
  return name;
}

/** Header fields as lines. */
function linesOf(headers) {
  const lines = [];
  for (const [name, value] of Object.entries(headers)) {
    if (/[\r\n\0]/.test(name) || /[\r\n\0]/.test(String(value))) {
      throw invalid(`the header field "${name}" contains a line break`);
    }
    lines.push(`${name}: ${value}\r\n`);
  }
  return lines.join("");
}

/** The pairs of a Cookie field (RFC 6265 4.2.1). */
function cookiesOf(field = "") {
  const cookies = Object.create(null);
  for (const pair of field.split(";")) {
    const at = pair.indexOf("=");
    const name = pair.slice(0, Math.max(at, 0)).trim();
    if (name === "" || name in cookies) continue;
    const value = pair.slice(at + 1).trim().replace(/^"(.*)"$/, "$1");
    try {
      cookies[name] = decodeURIComponent(value);
    } catch {
      cookies[name] = value;
    }
  }
  return cookies;
}

function checkClose(code, reason) {
  if (!Number.isInteger(code) || code < 1000 || code > 4999) {
    throw invalid(`a close code is 1000 to 4999, not ${code}`);
  }
  if (typeof reason !== "string") throw invalid("a close reason is a string");
}

module.exports = {
  BINARY, NAMED, TEXT, bytesOf, checkClose, cookiesOf, eventOf, jsonOf, linesOf, nameOf, payloadOf,
};
