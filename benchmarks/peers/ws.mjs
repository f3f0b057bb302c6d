// The server that benchmarks/README.md compares with, on the package ws: echo on /echo, /room/NAME to all members.
//   NODE_PATH=/usr/share/nodejs node ws.mjs PORT
import { createRequire } from "node:module";

const { WebSocketServer } = createRequire(import.meta.url)("ws");
const rooms = new Map();
const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2]), perMessageDeflate: false });

server.on("connection", (socket, request) => {
  const name = request.url.startsWith("/room/") ? request.url : null;
  if (name === null) {
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
    return;
  }
  let room = rooms.get(name);
  if (!room) rooms.set(name, (room = new Set()));
  room.add(socket);
  socket.on("message", (data, isBinary) => {
    for (const member of room) member.send(data, { binary: isBinary });
  });
  socket.on("close", () => {
    room.delete(socket);
    if (room.size === 0) rooms.delete(name);
  });
});
