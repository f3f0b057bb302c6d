"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { spawn } = require("node:child_process");
const { once } = require("node:events");
const { pathToFileURL } = require("node:url");
const { test } = require("node:test");

const root = path.join(__dirname, "../../..");
const library = pathToFileURL(path.join(__dirname, "..", "index.mjs")).href;

/** The programs of a page, each with the heading above it. */
function programsOf(page) {
  const text = fs.readFileSync(path.join(root, page), "utf8");
  const programs = [];
  let heading = "";
  for (const [whole, title, source] of text.matchAll(/^#+ (.*)$|^```js\n([\s\S]*?)^```$/gm)) {
    if (whole.startsWith("#")) heading = title;
    else programs.push({ heading, source });
  }
  return programs;
}

/** Runs a program that ends by itself, and gives what it printed. */
async function run(source) {
  const file = path.join(os.tmpdir(), `hearth-example-${process.pid}-${Math.random()}.mjs`);
  fs.writeFileSync(file, source.replace('from "hearth"', `from ${JSON.stringify(library)}`));
  const child = spawn(process.execPath, [file]);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => { output += text; });
  const timer = setTimeout(() => child.kill("SIGKILL"), 20000);
  const [code] = await once(child, "close");
  clearTimeout(timer);
  fs.rmSync(file);
  return { code, output };
}

const programs = programsOf("docs/topics/node.md");

test("the page about Node has its programs", () => assert.ok(programs.length >= 7));

for (const { heading, source } of programs) {
  test(`the program under "${heading}" runs and prints what it says`, async () => {
    const { code, output } = await run(source);
    assert.equal(code, 0, output);
    for (const [, expected] of source.matchAll(/console\.log\(.*\/\/ (.*)$/gm)) {
      assert.ok(output.split("\n").includes(expected), `"${expected}" is not in:\n${output}`);
    }
  });
}
