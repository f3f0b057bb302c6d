import { Server, configure, connect } from "hearth";

// Each line that ends in the word has one mistake, which the compiler must find; the others have none.
new Server({ pingIntervall: 3 }); // mistake
new Server({ ping_interval: 3 }); // mistake
new Server({ pingInterval: ["x"] }); // mistake
new Server({ pingInterval: "soon" }); // mistake
new Server({ pingInterval: "20 parsecs" }); // mistake
new Server({ pingInterval: null }); // mistake
new Server({ maxMessageSize: "64 kilobytes" }); // mistake
new Server({ maxMessageSize: true }); // mistake
new Server({ maxConnections: "many" }); // mistake
new Server({ maxConnections: false }); // mistake
new Server({ compression: "yes" }); // mistake
new Server({ compression: 1 }); // mistake
new Server({ slowConsumer: "drop" }); // mistake
new Server({ slowConsumer: 1 }); // mistake
new Server({ rateLimitMessages: 100 }); // mistake
new Server({ rateLimitMessages: "100" }); // mistake
new Server({ allowedOrigins: 5 }); // mistake
new Server({ allowedOrigins: [5] }); // mistake
new Server({ healthPath: 7 }); // mistake
new Server({ port: "8080" }); // mistake
new Server({ reconnectMaxAttempts: 3 }); // mistake
new Server({ environmentPrefix: 1 }); // mistake
configure({ logLevel: "loud" }); // mistake
configure({ logLevels: "info" }); // mistake
configure({ log: "stderr" }); // mistake
connect("ws://x", { pingIntervall: 3 }); // mistake
connect("ws://x", { reconnectEnabled: "maybe" }); // mistake
connect("ws://x", { reconnectJitter: "0.1s" }); // mistake
connect("ws://x", { stopOn: { code: 1008 } }); // mistake
connect("ws://x", { proxy: 8080 }); // mistake
connect("ws://x", { headers: "Authorization: x" }); // mistake
connect("ws://x", { maxConnections: 5 }); // mistake
connect(8080); // mistake

const server = new Server({ port: 0 });
server.route("/", { joins: true }); // mistake
server.route("/", { join: 3 }); // mistake
server.route("/", { relay: "everyone" }); // mistake
server.route("/", { dialect: "xml" }); // mistake
server.route("/", { events: ["joined"] }); // mistake
server.route("/", { auth: "maybe" }); // mistake
server.route("/", { reject: "never" }); // mistake
server.route("/", { echo: "loud" }); // mistake
server.route("/", { claims: ["room"] }); // mistake
server.route("/", { concurrent: "yes" }); // mistake
server.route(() => {}, "/"); // mistake
server.route("/", () => {}, { join: true }); // mistake
server.listen(8080); // mistake
server.on("connected", () => {}); // mistake
server.broadcast({ text: "an object" }); // mistake
server.broadcast("text", { except: "ann" }); // mistake
server.room("a").sendEvent(5); // mistake
