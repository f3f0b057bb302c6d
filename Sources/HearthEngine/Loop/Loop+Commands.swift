// What other threads asked for, done on the loop's thread.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import HearthWire
internal import Synchronization

extension Loop {
    func apply(_ command: Command) {
        switch command {
        case .connection(let id, let command):
            if let place = place(of: id) { apply(command, place) }
        case .server(let server, let command): apply(command, server)
        case .client(let client, let command): apply(command, client)
        case .cluster(let server, let command): apply(command, server)
        case .resumeReading: resumeReading()
        case .stop:
            isStopRequested = true
            events.requestTurn()
        }
    }

    private func apply(_ command: ConnectionCommand, _ place: ConnectionRef) {
        switch command {
        case .send(let message): message.lend { _ = send(place, $0) }
        case .close(let code, let reason): _ = close(place, code: code, reason: reason)
        case .join(let room): _ = join(place, room)
        case .leave(let room): _ = leave(place, room)
        case .setUser(let user):
            // The host was told that it would be done.
            if setUser(place, user) == .limit { closeUserLimit(place) }
        case .accept(let user, let subprotocol):
            _ = decide(place, .accepted(user: user, subprotocol: subprotocol))
        case .reject(let code, let reason): _ = decide(place, .rejected(code: code, reason: reason))
        case .respond(let status, let headers, let body):
            headers.withUnsafeBufferPointer { headers in
                body.withUnsafeBufferPointer {
                    _ = respond(place, status: status, headers: headers, body: $0)
                }
            }
        case .setExpiry(let at): _ = setExpiry(place, at)
        case .renew(let principal): _ = renew(place, principal)
        case .identify(let principal): _ = identify(place, principal)
        case .probe(let receivedAt): probe(place, receivedAt: receivedAt)
        case .cutGhost: cutGhost(place)
        case .refuseQuota: closeUserLimit(place)
        case .channelReceive(let opcode, let payload):
            payload.withUnsafeBufferPointer { _ = receive(place, opcode, $0) }
        case .channelSent(let bytes): noteSent(place, bytes)
        case .channelAlive: noteAlive(place)
        case .channelClosed(let code, let reason): _ = channelClosed(place, code: code, reason: reason)
        }
    }

    private func apply(_ command: ServerCommand, _ server: Server) {
        switch command {
        case .startListening: listen(server)
        case .adopt(let descriptor, let address, let bytes): adopt(descriptor, address, server, bytes)
        case .connectChannel(let channel, let peer, let reply): connect(server, channel, peer, reply)
        case .publish(let room, let message, let exception):
            message.lend { _ = publish(server, room: room.bytes.span, $0, exception) }
        case .broadcast(let message, let exception): message.lend { _ = broadcast(server, $0, exception) }
        case .sendToUser(let user, let message, let exception):
            message.lend { _ = send(server, user: user.bytes.span, $0, exception) }
        case .setPresence(let user, let data): _ = setPresence(server, user: user.bytes.span, data)
        case .kick(let user, let code, let reason):
            _ = kick(server, user: user.bytes.span, code: code, reason: reason)
        case .drain(let farewell): drainServer(server, farewell)
        case .stop(let reason, let deadline): stopServer(server, reason: reason, deadline: deadline)
        case .cut: cutServer(server)
        }
    }
}
