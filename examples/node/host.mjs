// A server on 127.0.0.1 that echoes on /echo and relays between the members of /room/NAME.
//   node host.mjs PORT [key=value …]     keys of the configuration
import { Server } from "../../bindings/node/index.mjs";

const [port, ...settings] = process.argv.slice(2);
const options = { listen: `127.0.0.1:${port ?? 9000}` };
for (const setting of settings) {
  const [key, ...value] = setting.split("=");
  options[key.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase())] = value.join("=");
}

const server = new Server(options);
server.route("/echo", (connection) => {
  connection.on("message", (data) => connection.send(data));
});
server.route("/room/{room}", { join: true, relay: "all" });
server.route("/{rest*}", (connection) => {
  connection.on("message", (data) => connection.send(data));
});
await server.listen();
console.error(`listening on ${server.addresses.join(", ")}`);
