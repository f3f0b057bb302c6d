"use strict";

// Sockets of another HTTP server of this program, on their way to the library.

const net = require("node:net");
const { check, invalid } = require("./errors.js");
const { native } = require("./native.js");

/** The head of a request as it came, with a field that says whose it is if it came through us. */
function headOf(request, forwarded) {
  let text = `${request.method} ${request.url} HTTP/${request.httpVersion}\r\n`;
  for (let index = 0; index + 1 < request.rawHeaders.length; index += 2) {
    text += `${request.rawHeaders[index]}: ${request.rawHeaders[index + 1]}\r\n`;
  }
  if (forwarded) text += `X-Forwarded-For: ${forwarded}\r\n`;
  return Buffer.from(`${text}\r\n`, "latin1");
}

/** What came behind the head and was read already. */
function readAhead(socket) {
  const parts = [];
  for (let part = socket.read?.(); part; part = socket.read()) parts.push(part);
  return parts;
}

/** Calls adopt(descriptor, parts read ahead, address): the descriptor is the library's when it returns. */
function takeOver(socket, adopt) {
  const descriptor = socket?._handle?.fd;
  if (!socket?.encrypted && Number.isInteger(descriptor) && descriptor >= 0) {
    adopt(descriptor, readAhead(socket));
    socket.removeAllListeners();
    socket.on("error", () => {});
    socket.destroy();
    return;
  }
  if (typeof socket?.pipe !== "function" || typeof socket.write !== "function") {
    throw invalid("handleUpgrade takes the socket of an upgrade event");
  }
  // Node has the keys: it goes on unsealing, and the bytes go through a pair of sockets.
  const [ours, theirs] = check(native.socketPair());
  const carrier = new net.Socket({ fd: theirs });
  try {
    adopt(ours, readAhead(socket), socket.remoteAddress);
  } catch (error) {
    carrier.destroy();
    throw error;
  } finally {
    native.closeDescriptor(ours);
  }
  carry(socket, carrier);
}

function carry(socket, carrier) {
  for (const [from, to] of [[socket, carrier], [carrier, socket]]) {
    from.on("error", () => to.destroy());
    from.on("close", () => to.destroy());
    from.pipe(to);
  }
  socket.setTimeout?.(0);
}

module.exports = { headOf, takeOver };
