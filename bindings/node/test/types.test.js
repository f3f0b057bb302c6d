"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const { spawnSync } = require("node:child_process");
const os = require("node:os");
const path = require("node:path");
const { test } = require("node:test");
const library = require("../index.cjs");

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

test("the generated files are what the header and the key table say", () => {
  const root = path.join(__dirname, "../../..");
  const command = [path.join(root, "tools/generate_node.py"), "--check"];
  const done = spawnSync("python3", command, { encoding: "utf8" });
  assert.equal(done.status, 0, done.stdout + done.stderr);
});

/** Where the types of Node are: those that script/bootstrap has put there, or none. */
const typesFolder = path.join(__dirname, "../../../build/node-types/usr/share/nodejs");
const hasCompiler = spawnSync("tsc", ["--version"]).status === 0 && fs.existsSync(typesFolder);

/** The lines of a program that tsc --strict finds an error in. */
function linesWithErrors(name) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "hearth-types-"));
  try {
    fs.mkdirSync(path.join(folder, "node_modules"));
    fs.symlinkSync(path.join(__dirname, ".."), path.join(folder, "node_modules/hearth"));
    fs.symlinkSync(path.join(typesFolder, "undici-types"), path.join(folder, "node_modules/undici-types"));
    fs.copyFileSync(path.join(__dirname, "types", name), path.join(folder, name));
    fs.writeFileSync(path.join(folder, "tsconfig.json"), JSON.stringify({
      compilerOptions: {
        strict: true, noEmit: true, target: "es2022", lib: ["es2022"], module: "node16",
        moduleResolution: "node16", types: ["node"], typeRoots: [path.join(typesFolder, "@types")],
        preserveSymlinks: true,
      },
      files: [name],
    }));
    const { stdout } = spawnSync("tsc", ["-p", folder, "--pretty", "false"], { encoding: "utf8" });
    const found = [...stdout.matchAll(/^(.*?)\((\d+),\d+\): error/gm)];
    for (const [line, file] of found) assert.ok(file.endsWith(name), line);
    return [...new Set(found.map(([, , line]) => Number(line)))].sort((a, b) => a - b);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

test("tsc --strict finds each planted mistake, and nothing in what is right", { skip: !hasCompiler }, () => {
  assert.deepEqual(linesWithErrors("right.ts"), []);
  const lines = fs.readFileSync(path.join(__dirname, "types", "mistakes.ts"), "utf8").split("\n");
  const planted = lines.flatMap((line, index) => (line.includes("// mistake") ? [index + 1] : []));
  assert.ok(planted.length > 30);
  assert.deepEqual(linesWithErrors("mistakes.ts"), planted);
});
