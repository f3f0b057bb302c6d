import { Client, HearthError, Rejection, Server, configure, connect } from "hearth";

configure({ logLevel: "info", log: ({ level, message }) => console.log(level, message) });

const server = new Server({
  port: 0,
  pingInterval: "20s",
  pingTimeout: 1.5,
  maxMessageSize: "64KiB",
  maxOutboxBytes: 1 << 20,
  maxConnections: 1000,
  compression: true,
  slowConsumer: "drop_oldest",
  rateLimitMessages: "100/min",
  allowedOrigins: ["https://example.org"],
  environmentPrefix: "WS_",
});

server.route("/rooms/{room}", { join: true, relay: "others", concurrent: true }, async (connection) => {
  for await (const message of connection) connection.send(message);
});
server.route("/events", {
  dialect: "json",
  events: ["join", "leave"],
  rooms: ["chat:*"],
  authorize: async (request) => {
    if (request.query.get("token") === null) throw new Rejection(401, "no token");
    return { user: "ann", scopes: ["read"] };
  },
});
server.route("/status", { methods: "GET" }, () => ({ json: { ok: true } }));
server.onEvent("add", (connection, { a, b }) => void connection.sendEvent("sum", a + b));
server.on("connection", (connection) => {
  connection.on("message", (data, isBinary) => console.log(data.length, isBinary, connection.cookies.session));
  connection.on("close", (code, reason) => console.log(code, reason));
});
server.on("error", (error, connection) => console.error(error.message, connection?.id));
void server.listen().then((listening) => listening.port.toFixed());

const client: Client = connect("ws://127.0.0.1:8000", {
  headers: { Authorization: "Bearer token" },
  reconnectMaxAttempts: 0,
  stopOn: [1008, "4000-4099"],
  prepare: ({ attempt }) => (attempt > 1 ? { url: "ws://127.0.0.1:8001" } : undefined),
});
client.on("giveUp", (error: HearthError) => console.error(error.code));
