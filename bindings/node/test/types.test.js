"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { test } = require("node:test");
const library = require("../index.cjs");
const { settingsOf } = require("../lib/options.js");

const declared = fs.readFileSync(path.join(__dirname, "..", "index.d.ts"), "utf8");
/** What the parts of the package need of each other. */
const INTERNAL = new Set([
  "connectionsOf", "deliver", "dropped", "ended", "expired", "expiring", "failed", "handle", "index",
  "joined", "left", "limited", "opening", "place", "receive", "received", "run", "sendOut",
]);

function bodyOf(name) {
  const start = declared.search(new RegExp(`^export (declare )?(class|interface) ${name}\\b`, "m"));
  assert.ok(start >= 0, `${name} is not in index.d.ts`);
  return declared.slice(start, declared.indexOf("\n}", start));
}

test("index.d.ts has every class with every property, and no other", () => {
  const classes = {
    Client: library.Client,
    Connection: library.Connection,
    Server: library.Server,
    Channel: require("../lib/channel.js").Channel,
    Room: require("../lib/room.js").Room,
    User: require("../lib/user.js").User,
    ConnectRequest: require("../lib/request.js").ConnectRequest,
    HTTPRequest: require("../lib/request.js").HTTPRequest,
  };
  for (const [name, one] of Object.entries(classes)) {
    const body = bodyOf(name);
    const known = Object.getOwnPropertyNames(one.prototype).filter((member) => member !== "constructor");
    for (const member of known) {
      if (!INTERNAL.has(member)) assert.match(body, new RegExp(`\\b${member}\\b`), `${name}.${member}`);
    }
    for (const [, member] of body.matchAll(/^  (?:readonly )?(\w+)\(/gm)) {
      if (member === "constructor" || member === "on") continue;
      assert.ok(member in one.prototype, `${name}.${member}`);
    }
  }
});

test("both entries export the same, and index.d.ts declares it", async () => {
  const module = await import("../index.mjs");
  const names = Object.keys(library).sort();
  assert.deepEqual(Object.keys(module).filter((name) => name !== "default").sort(), names);
  for (const name of names) {
    assert.match(declared, new RegExp(`^export (class|function|const) ${name}\\b`, "m"));
  }
});

test("every option that index.d.ts names is one of the library's", () => {
  for (const [name, reader] of [["ServerOptions", "server"], ["ClientOptions", "client"]]) {
    const own = ["host", "port", "headers", "prepare"];
    for (const [, option] of bodyOf(name).matchAll(/^  (\w+)\?:/gm)) {
      if (own.includes(option)) continue;
      assert.doesNotThrow(() => settingsOf({ [option]: "1" }, reader, []), option);
    }
  }
});
