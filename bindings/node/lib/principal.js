"use strict";

// Who a connection is: what its token says, or the program. `of` is [addon, low, high], the words of its id.

const { check, invalid } = require("./errors.js");
const { native } = require("./native.js");
const { listOf } = require("./pairs.js");
const { jsonOf, nameOf } = require("./values.js");

/** All that its token says; null without one. */
function claimsOf(of) {
  const text = check(native.connectionClaims(...of));
  return text === "" ? null : JSON.parse(text);
}

function scopesOf(of) {
  return listOf(check(native.connectionScopes(...of)));
}

/** Says who it is: { user, scopes, claims }; a user that is left out stays as it is. */
function setPrincipal(of, { user, scopes, claims }) {
  if (scopes !== undefined && !Array.isArray(scopes)) throw invalid("scopes are a list of strings");
  if (claims !== undefined && (claims === null || typeof claims !== "object" || Array.isArray(claims))) {
    throw invalid("claims are an object");
  }
  const name = user === undefined || user === null ? null : nameOf(user);
  const words = scopes === undefined ? null : scopes.join(" ");
  const json = claims === undefined ? null : jsonOf(claims);
  check(native.connectionSetPrincipal(...of, name, words, json));
}

/** When it expires: a Date, milliseconds since 1970, or null for never. */
function setExpiry(of, time) {
  const milliseconds = time === null ? 0 : Number(time);
  if (!Number.isFinite(milliseconds) || milliseconds < 0) {
    throw invalid("a time is a Date, milliseconds or null");
  }
  check(native.connectionSetExpiry(...of, milliseconds));
}

module.exports = { claimsOf, scopesOf, setExpiry, setPrincipal };
