"use strict";

const assert = require("node:assert/strict");
const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const https = require("node:https");
const tls = require("node:tls");
const { once } = require("node:events");
const { test } = require("node:test");
const { Server, connect, versions } = require("../index.cjs");
const { makeCertificates, runProgram, withServer } = require("./help.js");

const file = makeCertificates();
const pair = { tlsCertificate: file("localhost.pem"), tlsPrivateKey: file("localhost.key") };
const trusting = { tlsCaFile: file("ca.pem"), reconnectEnabled: false };
const echo = (server) => server.route("/", (connection) => {
  connection.on("message", (data) => connection.send(data));
});

test("Node's TLS and ours speak with each other in one process", () =>
  withServer(pair, echo, async (server) => {
    assert.match(server.addresses[0], /^wss:/);
    const request = https.request({
      host: "127.0.0.1",
      port: server.port,
      ca: fs.readFileSync(file("ca.pem")),
      headers: {
        Upgrade: "websocket",
        Connection: "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
      },
    });
    request.end();
    const [response, socket] = await once(request, "upgrade");
    assert.equal(response.headers["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert.equal(socket.getProtocol(), "TLSv1.3");
    socket.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]));
    assert.deepEqual([...(await once(socket, "data"))[0]], [0x81, 2, 0x68, 0x69]);
    const [connection] = server.connections;
    assert.equal(connection.tls.version, "TLSv1.3");
    assert.equal(connection.tls.subject, "");
    socket.destroy();
  }));

test("a client trusts the authority that it is given, and nobody else", () =>
  withServer(pair, echo, async (server) => {
    const url = `wss://localhost:${server.port}/`;
    const client = connect(url, trusting);
    const got = once(client, "message");
    await client.opened;
    const message = "x".repeat(300000);
    client.send(message);
    assert.equal((await got)[0], message);
    await client.close();
    const refusing = connect(url, { reconnectEnabled: false });
    await assert.rejects(refusing.opened, { code: "HEARTH_ERR_TLS_HANDSHAKE", message: /certificate/ });
    const foreign = connect(url, { ...trusting, tlsCaFile: file("other.pem") });
    await assert.rejects(foreign.opened, { code: "HEARTH_ERR_TLS_HANDSHAKE" });
  }));

test("certificates are renewed without an end, and a bad one changes nothing", async () => {
  const own = { tlsCertificate: file("own.pem"), tlsPrivateKey: file("own.key") };
  const put = (name) => {
    fs.copyFileSync(file(`${name}.pem`), own.tlsCertificate);
    fs.copyFileSync(file(`${name}.key`), own.tlsPrivateKey);
  };
  const subject = async (port) => {
    const socket = tls.connect({ host: "127.0.0.1", port, ca: fs.readFileSync(file("ca.pem")) });
    await once(socket, "secureConnect");
    const { CN } = socket.getPeerCertificate().subject;
    socket.destroy();
    return CN;
  };
  put("localhost");
  await withServer(own, echo, async (server) => {
    const client = connect(`wss://localhost:${server.port}/`, trusting);
    await client.opened;
    assert.equal(await subject(server.port), "localhost");
    put("renewed");
    server.reloadTLS();
    assert.equal(await subject(server.port), "renewed");
    fs.copyFileSync(file("garbage.pem"), own.tlsCertificate);
    assert.throws(() => server.reloadTLS(), { code: "HEARTH_ERR_TLS", message: /own\.pem/ });
    assert.equal(await subject(server.port), "renewed");
    const got = once(client, "message");
    client.send("still open");
    assert.equal((await got)[0], "still open");
    await client.close();
  });
});

const asking = { ...pair, tlsClientCertificate: "required", tlsClientCaFile: file("ca.pem") };

test("a client shows its certificate, and the server says whose it is", () =>
  withServer(asking, echo, async (server) => {
    const url = `wss://localhost:${server.port}/`;
    const client = connect(url, {
      ...trusting, tlsClientCertificateFile: file("client.pem"), tlsClientPrivateKey: file("client.key"),
    });
    await client.opened;
    assert.match(server.connections[0].tls.subject, /CN=Ada/);
    await client.close();
    await assert.rejects(connect(url, trusting).opened);
  }));

test("a file that is missing or wrong is named", async () => {
  const missing = new Server({ port: 0, tlsCertificate: file("none.pem") });
  await assert.rejects(missing.listen(), { code: "HEARTH_ERR_TLS", message: /none\.pem/ });
  const wrong = new Server({ port: 0, ...pair, tlsPrivateKey: file("rsa.key") });
  await assert.rejects(wrong.listen(), { code: "HEARTH_ERR_TLS", message: /does not belong/ });
});

test("certificates are looked for where the system's OpenSSL has them, not where Node's", async (context) => {
  let folder;
  try {
    [, folder] = execFileSync("openssl", ["version", "-d"]).toString().match(/"(.*)"/);
  } catch {
    return void context.skip("there is no openssl to ask");
  }
  assert.equal(versions.openssldir, folder);
  // And that is used: nothing else tells the client of the authority.
  const { code, output } = await runProgram(`
    const server = new Server(${JSON.stringify({ port: 0, ...pair })});
    server.route("/");
    server.listen().then(async () => {
      const client = connect("wss://localhost:" + server.port + "/", { reconnectEnabled: false });
      await client.opened.then(() => console.log("trusted"), (error) => console.log(error.code));
      await client.close().catch(() => {});
      await server.close();
    });`, { environment: { SSL_CERT_FILE: file("ca.pem") } });
  assert.deepEqual([code, output.trim()], [0, "trusted"]);
});

test("the loop is Node's, and OpenSSL the system's", { skip: process.platform !== "linux" }, () => {
  assert.equal(versions.libuv, process.versions.uv);
  assert.match(versions.openssl, /^3\./);
  const maps = fs.readFileSync("/proc/self/maps", "utf8");
  assert.ok(!/\/libuv\.so/.test(maps), "a second libuv is loaded");
  const [library] = maps.match(/\/\S*libcrypto\.so\.3\S*/);
  // The version that the library reports is that of the file, which may be another one than Node's.
  assert.ok(fs.readFileSync(library).includes(`OpenSSL ${versions.openssl}`), versions.openssl);
});

test("a process whose libuv is not Node's is refused at the start", async () => {
  const { code, output } = await runProgram(`
    const versions = { ...process.versions, uv: "1.0.0" };
    Object.defineProperty(process, "versions", { value: versions });
    delete require.cache[require.resolve(library)];
    for (const key of Object.keys(require.cache)) delete require.cache[key];
    try { require(library); } catch (error) { console.log(error.message); }`);
  assert.equal(code, 0, output);
  assert.match(output, /works with libuv [\d.]+, but the loop of this process is of 1\.0\.0/);
});
