"use strict";

const { invalid } = require("./errors.js");
const { checkNames } = require("./options.js");

const NAMES = [
  "auth", "authorize", "claims", "dialect", "echo", "event", "events", "join", "methods", "reject", "relay",
  "rooms", "scopes", "subprotocols",
];

const listed = (value, separator) => [value].flat().join(separator);

/** The options of a route as the library reads them. */
function routeOptions(options) {
  checkNames(options, NAMES);
  const { authorize, claims, dialect, echo, event, events, join, methods, relay } = options;
  const { rooms, scopes, subprotocols } = options;
  if (authorize !== undefined && typeof authorize !== "function") throw invalid("authorize is a function");
  const words = [];
  if (join) words.push(`join=${join === true ? "auto" : join}`);
  if (relay) words.push(`relay=${relay === true ? "others" : relay}`);
  if (event) words.push("event=on");
  if (subprotocols) words.push(`subprotocols=${listed(subprotocols, "|")}`);
  if (authorize) words.push("accept=ask");
  if (methods) words.push(`http=${listed(methods, "|")}`);
  if (dialect) words.push(`dialect=${dialect}`);
  if (events) words.push(`events=${listed(events, "+")}`);
  if (rooms) words.push(`rooms=${listed(rooms, "+")}`);
  if (echo !== undefined) words.push(`echo=${echo === true || echo === "on" ? "on" : "off"}`);
  if (options.auth) words.push(`auth=${options.auth === true ? "required" : options.auth}`);
  if (scopes) words.push(`scopes=${listed(scopes, "+")}`);
  if (options.reject) words.push(`reject=${options.reject}`);
  for (const [name, template] of Object.entries(claims ?? {})) words.push(`claim:${name}=${template}`);
  return words.join(",");
}

module.exports = { routeOptions };
