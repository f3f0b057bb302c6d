"use strict";

// Loads hearth.node. Its own OpenSSL must come before the one inside of node, and node's libuv must be the
// one that runs it; docs/decisions/0015-node-linking.md says why both.

const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");

const places = [
  process.env.HEARTH_NODE_ADDON,
  path.join(__dirname, "..", "hearth.node"),
  path.join(__dirname, "..", "..", "..", "build", "hearth.node"),
].filter(Boolean);

function load() {
  const { RTLD_NOW, RTLD_DEEPBIND = 0 } = os.constants.dlopen;
  const failures = [];
  for (const place of places) {
    if (!fs.existsSync(place)) {
      failures.push(`${place}: not there`);
      continue;
    }
    const module = { exports: {} };
    try {
      process.dlopen(module, fs.realpathSync(place), RTLD_NOW | RTLD_DEEPBIND);
      return module.exports;
    } catch (error) {
      failures.push(`${place}: ${error.message}`);
    }
  }
  const tried = failures.map((failure) => `  ${failure}`).join("\n");
  throw new Error(`hearth.node could not be loaded; build it with script/build. Tried:\n${tried}`);
}

const native = load();

/** The versions that the library runs with: itself, libuv, OpenSSL. */
const versions = Object.freeze(JSON.parse(native.buildInfo()));

// The loop is Node's, so the functions that work on it have to be Node's as well.
if (versions.libuv !== process.versions.uv) {
  throw new Error(
    `hearth.node works with libuv ${versions.libuv}, but the loop of this process is of ` +
      `${process.versions.uv}: do not load it with a libuv of its own`
  );
}

module.exports = { native, versions };
