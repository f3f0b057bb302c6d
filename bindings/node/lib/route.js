"use strict";

const { invalid } = require("./errors.js");
const { checkNames } = require("./options.js");

const isText = (value) => typeof value === "string" && value !== "";
const isFlag = (value) => typeof value === "boolean";
const isList = (value) => isText(value) || (Array.isArray(value) && value.length > 0 && value.every(isText));
const isOneOf = (...values) => (value) => values.includes(value);
const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const isFunction = (value) => typeof value === "function";

/** Each option: whether a value will do, and what it takes, as an error says it. */
const OPTIONS = {
  auth: [
    isOneOf(true, "public", "optional", "required", "user"),
    'true, "public", "optional", "required" or "user"',
  ],
  authorize: [isFunction, "a function"],
  claims: [isObject, "an object of strings"],
  concurrent: [isFlag, "a boolean"],
  dialect: [isOneOf("raw", "json"), '"raw" or "json"'],
  echo: [isOneOf(true, false, "on", "off"), "a boolean"],
  event: [isFlag, "a boolean"],
  events: [isList, "a list of strings"],
  join: [(value) => isFlag(value) || isText(value), "a boolean or the name of a room"],
  methods: [isList, "a list of strings"],
  reject: [isOneOf("status", "close", "auto"), '"status", "close" or "auto"'],
  relay: [isOneOf(true, false, "others", "all"), 'a boolean, "others" or "all"'],
  rooms: [isList, "a list of strings"],
  scopes: [isList, "a list of strings"],
  subprotocols: [isList, "a list of strings"],
};

const listed = (value, separator) => [value].flat().join(separator);

/** A value as an error shows it. */
function shown(value) {
  if (typeof value === "function") return "a function";
  return JSON.stringify(value) ?? String(value);
}

/** Throws for an option that is unknown, or whose value is not one of those that it takes. */
function checkOptions(options) {
  checkNames(options, Object.keys(OPTIONS));
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    const [fits, taken] = OPTIONS[name];
    if (!fits(value)) throw invalid(`the route option "${name}" takes ${taken}, not ${shown(value)}`);
  }
}

/** The options of a route as the library reads them. */
function routeOptions(options) {
  checkOptions(options);
  const { authorize, claims, dialect, echo, event, events, join, methods, relay } = options;
  const { rooms, scopes, subprotocols } = options;
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
