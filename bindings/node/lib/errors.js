"use strict";

const { native } = require("./native.js");

/** An error of the library. `code` is its name in the C header, such as "HEARTH_ERR_GONE". */
class HearthError extends Error {
  constructor(code, message, options) {
    super(message, options);
    this.name = "HearthError";
    this.code = code;
  }
}

/** A HearthError for a number of the library, with its sentence or a better one. */
function errorFor(number, sentence) {
  return new HearthError(native.errorName(number), sentence || native.errorSentence(number));
}

/** Passes a result through, and throws if it is an error. */
function check(result, sentence) {
  if (typeof result === "number" && result < 0) throw errorFor(result, sentence);
  return result;
}

/** Calls a function of the addon that throws plain errors with a code. */
function translating(body) {
  try {
    return body();
  } catch (error) {
    if (typeof error?.code === "string" && error.code.startsWith("HEARTH_ERR_")) {
      throw new HearthError(error.code, error.message);
    }
    throw error;
  }
}

function invalid(sentence) {
  return new HearthError("HEARTH_ERR_INVALID", sentence);
}

module.exports = { HearthError, check, errorFor, invalid, translating };
