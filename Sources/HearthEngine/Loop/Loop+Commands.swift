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
        case .send(let id, let message):
            guard let place = place(of: id) else { return }
            message.lend { _ = send(place, $0) }
        case .close(let id, let code, let reason):
            guard let place = place(of: id) else { return }
            _ = close(place, code: code, reason: reason)
        case .join(let id, let room):
            guard let place = place(of: id) else { return }
            _ = join(place, room)
        case .leave(let id, let room):
            guard let place = place(of: id) else { return }
            _ = leave(place, room)
        case .setUser(let id, let user):
            guard let place = place(of: id) else { return }
            // The host was told that it would be done.
            if setUser(place, user) == .limit { closeUserLimit(place) }
        case .probe(let id, let receivedAt):
            guard let place = place(of: id) else { return }
            probe(place, receivedAt: receivedAt)
        case .cutGhost(let id):
            guard let place = place(of: id) else { return }
            cutGhost(place)
        case .refusePlace(let id):
            guard let place = place(of: id) else { return }
            closeUserLimit(place)
        case .accept(let id, let user, let subprotocol):
            guard let place = place(of: id) else { return }
            _ = decide(place, .accepted(user: user, subprotocol: subprotocol))
        case .reject(let id, let code, let reason):
            guard let place = place(of: id) else { return }
            _ = decide(place, .rejected(code: code, reason: reason))
        case .respond(let id, let status, let headers, let body):
            guard let place = place(of: id) else { return }
            headers.withUnsafeBufferPointer { headers in
                body.withUnsafeBufferPointer {
                    _ = respond(place, status: status, headers: headers, body: $0)
                }
            }
        case .connectChannel, .channelReceive, .channelSent, .channelAlive, .channelClosed:
            applyToChannel(command)
        case .setExpiry(let id, let at):
            guard let place = place(of: id) else { return }
            _ = setExpiry(place, at)
        case .identify(let id, let principal):
            guard let place = place(of: id) else { return }
            _ = identify(place, principal)
        case .renew(let id, let principal):
            guard let place = place(of: id) else { return }
            _ = renew(place, principal)
        default:
            applyToServer(command)
        }
    }

    private func applyToServer(_ command: Command) {
        switch command {
        case .publish(let server, let room, let message, let exception):
            message.lend { _ = publish(server, room: room.bytes.span, $0, exception) }
        case .broadcast(let server, let message, let exception):
            message.lend { _ = broadcast(server, $0, exception) }
        case .sendToUser(let server, let user, let message, let exception):
            message.lend { _ = send(server, user: user.bytes.span, $0, exception) }
        case .setPresence(let server, let user, let data):
            _ = setPresence(server, user: user.bytes.span, data)
        case .startListening(let server): listen(server)
        case .adopt(let server, let descriptor, let address, let bytes):
            adopt(descriptor, address, server, bytes)
        case .kick(let server, let user, let code, let reason):
            _ = kick(server, user: user.bytes.span, code: code, reason: reason)
        case .drainServer(let server, let farewell): drainServer(server, farewell)
        case .stopServer(let server, let reason, let deadline):
            stopServer(server, reason: reason, deadline: deadline)
        case .cutServer(let server): cutServer(server)
        case .ofClient(let client, let command): apply(command, client)
        case .ofCluster(let server, let command): apply(command, server)
        case .resumeReading: resumeReading()
        case .stop:
            isStopRequested = true
            events.requestTurn()
        case .send, .close, .join, .leave, .setUser, .connectChannel, .channelReceive, .channelSent,
            .channelAlive, .channelClosed, .probe, .cutGhost, .refusePlace, .accept, .reject, .respond,
            .setExpiry,
            .renew, .identify:
            break
        }
    }
}
