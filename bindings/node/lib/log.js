"use strict";

// Settings of the engine of this thread, which is made with the first server or client.

const { HearthError, invalid } = require("./errors.js");
const { settingsOf } = require("./options.js");

const chosen = { settings: [], log: undefined, isUsed: false };

/** Settings of the engine: logLevel, ioUring …, and log, a function that gets the entries of the log. */
function configure(options) {
  if (chosen.isUsed) {
    throw new HearthError("HEARTH_ERR_STATE", "configure is called before the first server or client");
  }
  const { log } = options ?? {};
  if (log !== undefined && typeof log !== "function") throw invalid("log is a function");
  chosen.settings = settingsOf(options, "engine", ["environmentPrefix", "log"]);
  chosen.log = log;
}

/** For the engine, once. */
function takeChosen() {
  chosen.isUsed = true;
  return chosen;
}

module.exports = { configure, takeChosen };
