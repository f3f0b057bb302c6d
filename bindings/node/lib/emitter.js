"use strict";

const { EventEmitter } = require("node:events");

/** An EventEmitter that makes its table of listeners when the first one comes. */
function LazyEmitter() {}
LazyEmitter.prototype = Object.create(EventEmitter.prototype);

/**
 * Calls the listeners of an event. One that throws, or whose promise is rejected, is told to `failed`, and
 * the others are called all the same. Returns a promise that is fulfilled when all promises of listeners are
 * settled; undefined if there are none.
 */
function tell(emitter, name, ...values) {
  let pending;
  for (const listener of emitter.rawListeners(name)) {
    pending = both(pending, call(emitter, () => listener.apply(emitter, values)));
  }
  return pending;
}

/** Calls a handler; what it throws is told to `failed`. Returns its promise, which is never rejected. */
function call(emitter, handler) {
  try {
    return watch(handler(), emitter);
  } catch (error) {
    emitter.failed(error);
    return undefined;
  }
}

/** A promise that a listener returned: its rejection is a failure. Returns one that is never rejected. */
function watch(result, emitter) {
  if (typeof result?.then !== "function") return undefined;
  return Promise.resolve(result).then(() => {}, (error) => emitter.failed(error));
}

/** A promise for both, or the one that there is. */
function both(first, second) {
  return first && second ? Promise.all([first, second]) : first ?? second;
}

/** Where nobody listens for errors they are thrown, as an EventEmitter does it, once the events are told. */
function throwLater(error) {
  process.nextTick(() => { throw error; });
}

module.exports = { LazyEmitter, both, call, tell, throwLater, watch };
