"use strict";

// Options in camelCase are the keys of the configuration in snake_case; the library describes them itself.

const { HearthError } = require("./errors.js");
const { native } = require("./native.js");

const described = new Map(JSON.parse(native.describe()).map((entry) => [entry.key, entry]));

const camel = (key) => key.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase());
const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** How many single edits lead from one word to the other. */
function distance(from, to) {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const change = row[j - 1] + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(change, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[to.length];
}

/** The known name that has all words of another, in whatever order, and the fewest others; or undefined. */
function ofWords(name, known) {
  const words = snake(name).split("_");
  if (words.length < 2) return undefined;
  const counted = known.map((candidate) => [candidate, snake(candidate).split("_")]);
  const having = counted.filter(([, others]) => words.every((word) => others.includes(word)));
  return having.sort(([, a], [, b]) => a.length - b.length)[0]?.[0];
}

/** The known name nearest to a misspelled one, or undefined. */
function nearest(name, known) {
  let best;
  let bestDistance = Math.max(2, name.length / 3) + 1;
  for (const candidate of known) {
    const steps = distance(name.toLowerCase(), candidate.toLowerCase());
    if (steps < bestDistance) [best, bestDistance] = [candidate, steps];
  }
  return best;
}

function unknownOption(name, known) {
  const candidate = ofWords(name, known) ?? nearest(name, known);
  const hint = candidate ? `: did you mean "${candidate}"?` : "";
  return new HearthError("HEARTH_ERR_UNKNOWN_KEY", `unknown option "${name}"${hint}`);
}

function checkObject(options) {
  if (options === null || typeof options !== "object") {
    throw new HearthError("HEARTH_ERR_INVALID", "options are an object");
  }
}

/** Throws for a name that is not among the known ones. */
function checkNames(options, known) {
  checkObject(options);
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw unknownOption(name, known);
  }
}

/** What the values of a type are, as an error says it. */
const TAKEN = {
  codes: "codes, as in [1008, 503] or \"4000-4099\"",
  duration: "seconds, or a text such as \"500ms\"",
  flag: "a boolean",
  fraction: "a number",
  integer: "a number",
  list: "a string or a list of strings",
  networks: "a string or a list of strings",
  rate: "a text such as \"100/min\"",
  size: "bytes, or a text such as \"64KiB\"",
  text: "a string",
  url: "a string",
};
const LISTS = ["codes", "list", "networks"];

/** The value of an option as the configuration reads it. */
function textOf(name, value, { type, values }) {
  if (typeof value === "boolean") return value ? "on" : "off";
  if (typeof value === "string") return value;
  if (typeof value === "number" && Number.isFinite(value)) return String(value);
  if (typeof value === "bigint") return String(value);
  if (Array.isArray(value) && LISTS.includes(type)) {
    return value.map((item) => textOf(name, item, { type: "text" })).join(",");
  }
  const taken = values ? `one of ${values.map((one) => `"${one}"`).join(", ")}` : TAKEN[type] ?? "a string";
  let shown;
  try { shown = JSON.stringify(value); } catch { /* It refers to itself. */ }
  throw new HearthError(
    "HEARTH_ERR_INVALID_VALUE", `option "${name}" takes ${taken}, not ${shown ?? typeof value}`);
}

/** Keys that the environment sets: prefix and KEY IN UPPER CASE, as in WS_PING_INTERVAL. */
function environmentOf(prefix, isFor) {
  if (prefix === undefined) return [];
  if (typeof prefix !== "string" || prefix === "") {
    throw new HearthError("HEARTH_ERR_INVALID", "environmentPrefix takes a string that is not empty");
  }
  const settings = [];
  for (const { key } of [...described.values()].filter(isFor)) {
    const value = process.env[prefix + key.toUpperCase()];
    if (value !== undefined) settings.push(key, value);
  }
  return settings;
}

/**
 * The flat list [key, value, …] for the addon: keys of "server", "client" or "engine"; `others` are ours.
 * What the options say stands behind what the environment says, and wins.
 */
function settingsOf(options, reader, others) {
  checkObject(options);
  const isFor = ({ scope }) => scope.split(", ").includes(reader);
  const settings = environmentOf(options.environmentPrefix, isFor);
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || others.includes(name)) continue;
    const entry = described.get(snake(name));
    if (!entry || !isFor(entry) || name.includes("_")) {
      const known = [...described.values()].filter(isFor);
      throw unknownOption(name, [...known.map(({ key }) => camel(key)), ...others]);
    }
    settings.push(entry.key, textOf(name, value, entry));
  }
  return settings;
}

module.exports = { checkNames, settingsOf };
