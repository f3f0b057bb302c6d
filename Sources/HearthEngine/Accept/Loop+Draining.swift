// A server that sends its connections away, a few at a time, so that they do not all come back at once.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import HearthWire
internal import Synchronization

/// What a program says to those who are sent away.
package struct Farewell {
    package let opcode: UInt32
    /// A last message to all; empty: none.
    package let message: [UInt8]
    /// For the reason of the close.
    package let why: [UInt8]

    package init(opcode: UInt32, message: [UInt8], why: [UInt8]) {
        self.opcode = opcode
        self.message = message
        self.why = why
    }
}

/// One loop's part of it.
struct Drain {
    let server: Server
    let why: [UInt8]
    let began: UInt64
    let deadline: UInt64
    /// Connections that were open when it began, and how many of them were told to close.
    let total: Int
    var told = 0
    /// Slots before this one have been looked at.
    var cursor = 0
    var due: UInt64

    /// How many should have been told by now.
    func toldUntil(_ now: UInt64) -> Int {
        let spread = server.shutdownSpread
        if total == 0 || spread == 0 || now - began >= spread { return total }
        return 1 + Int(UInt64(total - 1) * (now - began) / spread)
    }
}

extension Loop {
    private static var drainStepMilliseconds: UInt64 { 50 }

    func drainServer(_ server: Server, _ farewell: Farewell) {
        if server.state.load(ordering: .relaxed) != .draining { return }
        context.enter()
        if !farewell.message.isEmpty {
            farewell.message.withUnsafeBufferPointer {
                guard let kind = Connections.messageOpcode(farewell.opcode, $0) else { return }
                _ = broadcast(server, Outgoing(kind, $0), .nobody)
            }
        }
        var total = 0
        forEachConnection(of: server) { if $0.pointee.phase == .open { total += 1 } }
        drains.append(
            Drain(
                server: server, why: farewell.why, began: now, deadline: now + server.shutdownTimeout,
                total: total, due: now))
        timers.setNoLater(.drain, due: now)
        context.requestTurn()
    }

    /// Tells those whose turn has come, and finds out whether all have gone.
    func goOnDraining() {
        var index = 0
        while index < drains.count {
            if drains[index].due <= now, takeDrainStep(index) { finishDrain(drains.remove(at: index)) }
            index += 1
        }
        for drain in drains { timers.setNoLater(.drain, due: drain.due) }
    }

    /// Returns whether it is over.
    private func takeDrainStep(_ index: Int) -> Bool {
        let server = drains[index].server
        let wanted = drains[index].toldUntil(now)
        while drains[index].told < wanted, drains[index].cursor < connections.endIndex {
            let slot = UInt32(drains[index].cursor)
            drains[index].cursor += 1
            guard connections.contains(slot) else { continue }
            let place = connections.place(slot)
            guard place.pointee.phase == .open,
                place.pointee.endpoint.toOpaque() == Unmanaged.passUnretained(server).toOpaque()
            else { continue }
            drains[index].told += 1
            sendAway(place, server, drains[index].why)
        }
        drains[index].due = min(now + Self.drainStepMilliseconds, drains[index].deadline)
        if now >= drains[index].deadline { return true }
        var isEmpty = true
        forEachConnection(of: server) { if $0.pointee.phase == .open { isEmpty = false } }
        return isEmpty
    }

    /// Closes with a hint when to come back: a time of its own for each.
    private func sendAway(_ place: ConnectionRef, _ server: Server, _ why: [UInt8]) {
        let retry = server.drainRetry + Crypto.randomUInt64() % (server.drainRetry + 1)
        var reason = ascii("retry=")
        appendDecimal(retry, to: &reason)
        reason += ascii(";why=") + why
        _ = close(place, code: server.drainCloseCode, reason: reason)
    }

    private func finishDrain(_ drain: Drain) {
        let server = drain.server
        forEachConnection(of: server) { place in
            guard place.pointee.phase == .open else { return }
            server.cutCount.add(1, ordering: .relaxed)
            end(place, code: CloseCode.abnormal.rawValue, reason: [], flags: 0)
            release(place)
        }
        if server.loopsToDrain.subtract(1, ordering: .acquiringAndReleasing).newValue > 0 { return }
        server.stopDrained(deadline: max(now, drain.deadline))
    }
}
