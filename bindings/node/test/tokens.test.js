"use strict";

const assert = require("node:assert/strict");
const crypto = require("node:crypto");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { once } = require("node:events");
const { test } = require("node:test");
const { Server, connect } = require("../index.cjs");
const { Peer, until, withServer } = require("./help.js");

const SECRET = "a secret of thirty-two bytes at least";
const keys = { jwtAlgorithms: "HS256", jwtSecrets: SECRET };
const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A token that Node signs. */
function token(claims = {}, secret = SECRET) {
  const now = Math.floor(Date.now() / 1000);
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${part({ sub: "anna", exp: now + 600, ...claims })}`;
  return `${text}.${crypto.createHmac("sha256", secret).update(text).digest("base64url")}`;
}

/** A client of ours with that token, which does not come back. */
const client = (url, text) => connect(url, {
  reconnectEnabled: false, headers: text === undefined ? {} : { Authorization: `Bearer ${text}` },
});

test("a token says who a connection is, with scopes and claims", () =>
  withServer(keys, (server) => server.route("/{room}", {
    scopes: ["chat"], claims: { room: "{room}" }, join: true,
  }), async (server, url) => {
    const good = client(`${url}/a`, token({ scope: "chat read", room: ["a", "b"] }));
    await good.opened;
    const [connection] = server.connections;
    assert.equal(connection.user, "anna");
    assert.deepEqual(connection.scopes, ["chat", "read"]);
    assert.deepEqual([connection.claims.sub, connection.claims.room], ["anna", ["a", "b"]]);
    assert.deepEqual(server.room("a").users, ["anna"]);
    for (const [text, code] of [
      [undefined, "HEARTH_ERR_UNAUTHORIZED"],
      [token({}, "another secret of thirty-two bytes"), "HEARTH_ERR_UNAUTHORIZED"],
      [token({ exp: 1 }), "HEARTH_ERR_UNAUTHORIZED"],
      [token({ scope: "read", room: "a" }), "HEARTH_ERR_FORBIDDEN"],
      [token({ scope: "chat", room: "c" }), "HEARTH_ERR_FORBIDDEN"],
    ]) await assert.rejects(client(`${url}/a`, text).opened, { code });
    await good.close();
  }));

test("the program decides after the token, and says who it is by itself", () =>
  withServer({ ...keys, auth: "optional" }, (server) => {
    server.route("/own", { authorize: async (request) => {
      if (request.user === "anna") return { scopes: ["admin"], claims: { from: request.claims.sub } };
      return { user: "guest" };
    } });
  }, async (server, url) => {
    const [known, guest] = [client(`${url}/own`, token()), client(`${url}/own`)];
    await Promise.all([known.opened, guest.opened]);
    const anna = server.connections.find(({ user }) => user === "anna");
    const other = server.connections.find(({ user }) => user === "guest");
    assert.deepEqual([anna.scopes, anna.claims], [["admin"], { from: "anna" }]);
    assert.deepEqual([other.scopes, other.claims], [[], null]);
    other.setPrincipal({ user: "ben", scopes: ["chat"] });
    assert.deepEqual([other.user, other.scopes], ["ben", ["chat"]]);
    assert.throws(() => other.setPrincipal({ scopes: "chat" }), /list/);
    assert.throws(() => other.setPrincipal({ claims: [] }), /object/);
    await Promise.all([known.close(), guest.close()]);
  }));

test("a connection expires with its token, after notices, and a new token moves the end", () =>
  withServer({ ...keys, expiryNoticeInterval: "100ms", expiryNoticeWindow: 60, jwtLeeway: 0 },
    (server) => server.route("/"), async (server, url) => {
      const soon = Math.floor(Date.now() / 1000) + 3;
      const one = client(url, token({ exp: soon }));
      await one.opened;
      const [connection] = server.connections;
      const [seconds] = await once(connection, "expiring");
      assert.ok(seconds <= 3, `${seconds}`);
      assert.throws(() => connection.authenticate("nonsense"), { code: "HEARTH_ERR_TOKEN" });
      assert.throws(() => connection.authenticate(token({ sub: "ben" })), { code: "HEARTH_ERR_NOT_ALLOWED" });
      connection.authenticate(token({ exp: soon + 600 }));
      assert.equal(connection.claims.exp, soon + 600);
      let hasExpired = false;
      connection.on("expired", () => { hasExpired = true; });
      assert.throws(() => connection.setExpiry("soon"), { code: "HEARTH_ERR_INVALID" });
      connection.setExpiry(new Date(Date.now() + 50));
      assert.equal((await one.ended).code, 4106);
      await until(() => hasExpired);
      assert.throws(() => connection.authenticate(token()), { code: "HEARTH_ERR_GONE" });
      assert.throws(() => connection.setExpiry(null), { code: "HEARTH_ERR_GONE" });
    }));

test("keys are read again from their file", async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "hearth-"));
  const file = path.join(folder, "secret");
  fs.writeFileSync(file, SECRET);
  const next = "the next secret of thirty-two bytes";
  const options = { ...keys, jwtSecrets: `file:${file}`, jwtReloadInterval: 0 };
  await withServer(options, (server) => server.route("/"), async (server, url) => {
    await client(url, token()).opened;
    fs.writeFileSync(file, next);
    server.reloadKeys();
    await client(url, token({}, next)).opened;
    await assert.rejects(client(url, token()).opened, { code: "HEARTH_ERR_UNAUTHORIZED" });
    fs.writeFileSync(file, "short");
    assert.throws(() => server.reloadKeys(), { code: "HEARTH_ERR_INVALID_VALUE" });
  });
  fs.rmSync(folder, { recursive: true });
});

test("pages of other origins are refused, and a route that wants a token needs keys", async () => {
  const one = { allowedOrigins: "https://app.example.com" };
  await withServer(one, (server) => server.route("/"), async (server, url) => {
    const from = (origin) => connect(url, { reconnectEnabled: false, headers: { Origin: origin } });
    await from("https://app.example.com").opened;
    await assert.rejects(from("https://evil.example.com").opened, { code: "HEARTH_ERR_FORBIDDEN" });
    await (await Peer.open(url)).close();
  });
  assert.throws(() => new Server({}).route("/", { auth: true }), { code: "HEARTH_ERR_INVALID_VALUE" });
  const unsigned = { jwtSecrets: SECRET, jwtAlgorithms: "none" };
  assert.throws(() => new Server(unsigned), { code: "HEARTH_ERR_INVALID_VALUE" });
});
