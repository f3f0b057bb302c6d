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

function textOf(name, value) {
  if (typeof value === "boolean") return value ? "on" : "off";
  if (typeof value === "string") return value;
  if (typeof value === "number" && Number.isFinite(value)) return String(value);
  if (typeof value === "bigint") return String(value);
  if (Array.isArray(value)) return value.map((item) => textOf(name, item)).join(",");
  const sentence = `option "${name}" takes a string, number, boolean or list`;
  throw new HearthError("HEARTH_ERR_INVALID_VALUE", sentence);
}

/** The flat list [key, value, …] for the addon: keys of "server" or "client"; `others` are ours. */
function settingsOf(options, reader, others) {
  checkObject(options);
  const isFor = ({ scope }) => scope.split(", ").includes(reader);
  const settings = [];
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || others.includes(name)) continue;
    const entry = described.get(snake(name));
    if (!entry || !isFor(entry) || name.includes("_")) {
      const known = [...described.values()].filter(isFor);
      throw unknownOption(name, [...known.map(({ key }) => camel(key)), ...others]);
    }
    settings.push(entry.key, textOf(name, value));
  }
  return settings;
}

module.exports = { checkNames, settingsOf };
