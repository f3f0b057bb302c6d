"use strict";

const { EventEmitter } = require("node:events");

/** An EventEmitter that makes its table of listeners when the first one comes. */
function LazyEmitter() {}
LazyEmitter.prototype = Object.create(EventEmitter.prototype);

/**
 * Calls the listeners of an event. One that throws, or whose promise is rejected, is told to `failed`, and
 * the others are called all the same.
 */
function tell(emitter, name, ...values) {
  for (const listener of emitter.rawListeners(name)) {
    try {
      watch(listener.apply(emitter, values), emitter);
    } catch (error) {
      emitter.failed(error);
    }
  }
}

/** A promise that a listener returned: its rejection is a failure. */
function watch(result, emitter) {
  if (typeof result?.then === "function") result.then(undefined, (error) => emitter.failed(error));
}

/** Where nobody listens for errors they become warnings of the process. */
function warn(error) {
  process.emitWarning(error instanceof Error ? error : new Error(String(error)));
}

module.exports = { LazyEmitter, tell, warn, watch };
