// How connections end: every way leads through `end`, which tells the host exactly once.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import HearthWire
internal import Synchronization

extension Loop {
    /// Begins the closing handshake.
    func close(_ place: ConnectionRef, code: UInt16, reason: [UInt8]) -> Status {
        context.enter()
        if place.pointee.dialect == .json, place.pointee.phase == .open, !place.pointee.isTooSlow {
            flushBatch(place)
        }
        guard place.pointee.phase == .open, place.pointee.session.close(now: now) else { return .gone }
        place.pointee.isOpenFlag.store(false, ordering: .relaxed)
        hub.stopMessages(place.pointee.slot)
        place.pointee.link?.closing = (code, reason)
        sendClose(place, code, reason)
        setDeadline(place, now + place.pointee.endpoint._withUnsafeGuaranteedRef { $0.closeTimeout })
        return .ok
    }

    /// Sends all connections of a user on this loop away. They leave their rooms at once, as a decision.
    func kick(_ server: Server, user name: borrowing Span<UInt8>, code: UInt16, reason: [UInt8]) -> Int {
        guard let user = hub.findUser(server: server.number, name) else { return 0 }
        var ids: [ConnectionID] = []
        for index in 0..<hub.connectionCount(user: user) {
            ids.append(connections[hub.connection(user: user, at: index)].id)
        }
        var count = 0
        for id in ids {
            // A callback for the one before may have ended it.
            guard let place = place(of: id), place.pointee.phase == .open else { continue }
            if close(place, code: code, reason: reason) == .ok { count += 1 }
            emittingAfter {
                while let room = hub.anyRoom(place.pointee.slot) { leaveRoom(place, room, isLost: false) }
            }
        }
        return count
    }

    /// An outbox is full and its policy closes: what waits is given up, as nobody reads it.
    func closeTooSlow(_ place: ConnectionRef) {
        if place.pointee.isTooSlow { return }
        place.pointee.isTooSlow = true
        place.pointee.counters.add(.slowConsumersClosed)
        context.log(
            .warning, "session", "closing a slow consumer", place, reason: "max_outbox_bytes is reached")
        hub.dropOldest(place.pointee.slot, untilBytes: 0)
        _ = close(place, code: OwnCloseCode.slowConsumer.rawValue, reason: ascii("slow consumer"))
    }

    /// The peer began: echo its code (RFC 6455 5.5.1) and go. The server ends the TCP connection first
    /// (7.1.1).
    func closeReceived(
        _ place: ConnectionRef, _ code: CloseCode?, _ reason: UnsafeBufferPointer<UInt8>
    ) {
        let mayAnswer = stopMessages(place)
        if mayAnswer {
            if let code { sendClose(place, code.rawValue, []) } else { sendControl(place, .close, []) }
        }
        let id = place.pointee.id
        end(
            place, code: code?.rawValue ?? CloseCode.noStatus.rawValue, reason: Array(reason),
            flags: EngineEvent.isClean | EngineEvent.isByPeer)
        if place.pointee.isClient, place.pointee.id != id { return }
        if mayAnswer { finish(place, lingers: place.pointee.isClient) } else { release(place) }
    }

    /// The peer answered our close.
    func closeAnswered(_ place: ConnectionRef, _ code: CloseCode?) {
        end(
            place, code: code?.rawValue ?? CloseCode.noStatus.rawValue, reason: [], flags: EngineEvent.isClean
        )
        // The server ends the TCP connection first (RFC 6455 7.1.1).
        finish(place, lingers: place.pointee.isClient)
    }

    /// The peer broke the protocol: say why by a code, and drop the transport (RFC 6455 7.1.7).
    func protocolFailed(_ place: ConnectionRef, _ error: WireError, sendsClose: Bool) {
        context.log(.info, "session", "protocol violation", place, reason: error.sentence)
        let mayWrite = stopMessages(place)
        if place.pointee.isClient {
            client(of: place).endError =
                error == .maskedFrame ? .maskedFrame : error == .noMemory ? .memory : .protocolError
        }
        if sendsClose, mayWrite { sendClose(place, error.closeCode.rawValue, ascii(error.sentence)) }
        end(place, code: error.closeCode.rawValue, reason: ascii(error.sentence), flags: 0)
        finish(place, lingers: true)
    }

    /// There is no memory for what the connection needs now.
    func memoryFailed(_ place: UnsafeMutablePointer<Connection>, _ reason: StaticString) {
        if place.pointee.isClient { client(of: place).endError = .memory }
        fail(place, .internalError, reason)
    }

    /// Sends a close, tells the program and drops the transport.
    func fail(_ place: UnsafeMutablePointer<Connection>, _ code: CloseCode, _ reason: StaticString) {
        context.log(
            code == .internalError ? .warning : .info, "session", "closing a connection", place,
            reason: reason)
        if stopMessages(place) { sendClose(place, code.rawValue, ascii(reason)) }
        end(place, code: code.rawValue, reason: ascii(reason), flags: 0)
        finish(place, lingers: true)
    }

    /// No message goes out any more. Returns whether a close frame may: not in the midst of a client's
    /// frame that was taken back.
    func stopMessages(_ place: ConnectionRef) -> Bool {
        let slot = place.pointee.slot
        // A client's that were sent before this end leave before it, as far as the system takes them.
        if place.pointee.isClient, hub.acceptsMessages(slot), !hub.isBlocked(slot) { flush(slot) }
        hub.stopMessages(slot)
        return !place.pointee.isClient || requeueUnsent(place)
    }

    func sendClose(_ place: ConnectionRef, _ code: UInt16, _ reason: [UInt8]) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 125) { body in
            body[0] = UInt8(code >> 8)
            body[1] = UInt8(code & 0xFF)
            let count = min(reason.count, 123)
            for index in 0..<count { body[index + 2] = reason[index] }
            sendControl(place, .close, UnsafeBufferPointer(start: body.baseAddress, count: count + 2))
        }
    }

    func sendControl(_ place: ConnectionRef, _ opcode: Opcode, _ body: [UInt8]) {
        body.withUnsafeBufferPointer { sendControl(place, opcode, $0) }
    }

    private func sendControl(
        _ place: ConnectionRef, _ opcode: Opcode, _ body: UnsafeBufferPointer<UInt8>
    ) {
        hub.appendAlways(encode(place, opcode, body), to: place.pointee.slot)
        context.ensureTurn()
    }

    /// The host's connection ends: it leaves its rooms, and the host is told. The socket lives on until
    /// `finish` or
    /// `release`.
    func end(_ place: ConnectionRef, code: UInt16, reason: [UInt8], flags: UInt32) {
        precondition(place.pointee.phase == .open, "ended twice")
        place.pointee.phase = .finishing
        place.pointee.isOpenFlag.store(false, ordering: .relaxed)
        place.pointee.session.end()
        let slot = place.pointee.slot
        hub.stopMessages(slot)
        if place.pointee.isClient { return endOfClient(place, code: code, reason: reason, flags: flags) }
        place.pointee.counters.addClose(Int(code))
        _ = takeDropped(place)
        logEnd(place, code: code, reason: reason, flags: flags)
        emittingAfter {
            while let room = hub.anyRoom(slot) { leaveRoom(place, room, isLost: true) }
            var event = pending(.close, place)
            event.code = Int32(code)
            event.flags = flags
            if let link = place.pointee.link {
                event.flags |= EngineEvent.isOfChannel
                event.channel = link.channel
            }
            event.data = reason
            let user = hub.user(of: slot).map { hub.userName($0) }
            event.user = user
            pendingEvents.append(event)
            if user == nil { return }
            leaveUserPlace(place, user: user)
            assignUser(place, nil)
        }
    }

    /// Writes what waits and closes the socket. With `lingers` the peer may still be sending: it is read
    /// until it stops, for a socket closed with unread bytes resets the connection and can take our last
    /// bytes with it.
    func finish(_ place: ConnectionRef, lingers: Bool) {
        if place.pointee.phase == .released { return }
        context.enter()
        place.pointee.phase = .finishing
        place.pointee.lingers = lingers
        place.pointee.deadline = now + place.pointee.endpoint._withUnsafeGuaranteedRef { $0.closeTimeout }
        setDeadline(place, place.pointee.deadline)
        if hub.waitingBytes(place.pointee.slot) == 0 { afterwork.note(.emptied(place.pointee.slot)) }
    }
}
