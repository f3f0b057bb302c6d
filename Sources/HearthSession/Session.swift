// One WebSocket connection's life after the opening handshake, without socket, clock or randomness: bytes and
// the time come in, and what to do comes out.
//
//   state    event                         next     what to do
//   open     message                       open     deliver
//   open     ping                          open     send a pong with its payload
//   open     close                         ended    echo its code, then drop the transport (RFC 6455 5.5.1)
// open     violation                     ended    send a close with its code, then drop the transport (7.1.7)
//   open     host closes                   closing  send a close
//   open     nothing for pingInterval      open     send a ping
//   open     nothing for pingTimeout more  ended    drop the transport
//   open     a message for messageTimeout  open     close
//   closing  message, ping                 closing  nothing (5.5.1: no data after a close)
//   closing  close                         ended    drop the transport
//   closing  violation                     ended    drop the transport
//   closing  nothing for closeTimeout      ended    drop the transport
//   ended    anything                      ended    nothing

internal import HearthBytes
package import HearthWire

package enum SessionState: UInt8 { case open, closing, ended }

package enum SessionEvent {
    case needMore
    case message(Opcode, Body)
    /// The same, to be inflated first.
    case compressed(Opcode, Body)
    case pingReceived(Body)
    /// The latency is known anew: call `recordPong`.
    case pongReceived
    /// A pong that answers no ping of ours.
    case pongUnasked
    /// A message or a ping of a peer that we have sent a close: nothing is to be done.
    case skipped
    /// The peer began the closing handshake: echo the code, drop the transport.
    case closeReceived(CloseCode?, reason: Body)
    /// The peer answered our close: drop the transport.
    case closeAnswered(CloseCode?)
    /// The peer broke the protocol. `isFirst`: send a close with the error's code; else one was sent already.
    case failed(WireError, isFirst: Bool)
}

package enum TickAction: Equatable {
    case none
    /// Send a ping with these eight bytes.
    case sendPing(UInt64)
    /// The peer is dead: nothing came after the ping.
    case pingTimedOut
    /// A message is not whole after messageTimeout: close.
    case messageTimedOut
    /// The peer did not answer the close.
    case closeTimedOut
}

package struct Session: ~Copyable {
    package var decoder = MessageDecoder()
    package private(set) var state = SessionState.open
    private var isPingOutstanding = false
    private var pingNumber: UInt16 = 0
    /// When the message that is in progress began, if there is one: the lowest bits of that time.
    private var messageBeganAt: UInt32 = 0
    /// Monotonic milliseconds of the last byte that came.
    package private(set) var lastReceivedAt: UInt64
    /// Of the last ping that was sent; before the first, of the beginning. Of one that closes, of our close.
    private var lastPingAt: UInt64
    private var lastPingNanoseconds: UInt64 = 0

    package init(now: UInt64) {
        lastReceivedAt = now
        lastPingAt = now
    }

    /// Something came from the peer. Anything counts as a sign of life.
    @inline(__always)
    package mutating func noteReceived(now: UInt64) { lastReceivedAt = now }

    /// Decodes from `bytes` at `offset` on, unmasking in place. Call until it answers `needMore`. `spare` is
    /// memory for large messages, the caller's to keep from one call to the next.
    @inline(__always)
    package mutating func receive(
        _ bytes: inout MutableSpan<UInt8>, _ offset: inout Int, _ limits: borrowing SessionLimits,
        spare: inout [UInt8]
    ) -> SessionEvent {
        let decoded = decoder.next(&bytes, &offset, limits.decoder, spare: &spare)
        if state == .ended { return .needMore }
        switch decoded {
        case .needMore:
            return .needMore
        case .message(let opcode, let body):
            return state == .open ? .message(opcode, body) : .skipped
        case .compressed(let opcode, let body):
            return state == .open ? .compressed(opcode, body) : .skipped
        case .ping(let body):
            return state == .open ? .pingReceived(body) : .skipped
        case .pong(let body):
            if isAwaited(body, bytes) { return .pongReceived }
            return state == .open ? .pongUnasked : .skipped
        case .close(let code, let reason):
            let wasOpen = state == .open
            state = .ended
            return wasOpen ? .closeReceived(code, reason: reason) : .closeAnswered(code)
        case .failed(let error):
            let wasOpen = state == .open
            state = .ended
            return .failed(error, isFirst: wasOpen)
        }
    }

    /// The host closes. Returns whether a close frame is to be sent: false if one was.
    package mutating func close(now: UInt64) -> Bool {
        guard state == .open else { return false }
        state = .closing
        lastPingAt = now
        return true
    }

    /// `receive` needs more. Returns whether a message has begun of which only a part has come: the deadline
    /// is another then.
    @inline(__always)
    package mutating func notesBeginning() -> Bool {
        if !decoder.hasBegunMessage { return false }
        decoder.hasBegunMessage = false
        messageBeganAt = UInt32(truncatingIfNeeded: lastReceivedAt)
        return true
    }

    /// The message that is in progress has not been read: its time begins anew.
    package mutating func excuseMessage(now: UInt64) { messageBeganAt = UInt32(truncatingIfNeeded: now) }

    /// Frees what has come of a message. The connection is to be closed.
    package mutating func dropMessage() { decoder.drop() }

    /// The transport is gone or given up.
    package mutating func end() { state = .ended }

    // MARK: Keepalive

    /// Returns how long the answer took, in microseconds.
    package mutating func recordPong(nanoseconds: UInt64) -> Int64 {
        isPingOutstanding = false
        return Int64((nanoseconds &- lastPingNanoseconds) / 1000)
    }

    /// When `tick` is to be called next; nil: never.
    package func deadline(_ limits: borrowing SessionLimits) -> UInt64? {
        switch state {
        case .ended: return nil
        case .closing: return lastPingAt + limits.closeTimeout
        case .open:
            guard let due = messageDue(limits) else { return livenessDue(limits) }
            return min(due, livenessDue(limits) ?? due)
        }
    }

    private func livenessDue(_ limits: borrowing SessionLimits) -> UInt64? {
        if limits.pingInterval == 0 { return nil }
        return isSilentSincePing ? lastPingAt + limits.pingTimeout : pingDue(limits)
    }

    private func messageDue(_ limits: borrowing SessionLimits) -> UInt64? {
        if limits.messageTimeout == 0 || !decoder.isInMessage { return nil }
        // Nothing has come later than `lastReceivedAt`, but a message may be excused at a later time.
        let age = Int32(truncatingIfNeeded: Int64(bitPattern: lastReceivedAt) - Int64(messageBeganAt))
        return UInt64(Int64(bitPattern: lastReceivedAt) - Int64(age)) + limits.messageTimeout
    }

    package mutating func tick(
        now: UInt64, nanoseconds: UInt64, _ limits: borrowing SessionLimits
    ) -> TickAction {
        guard let deadline = deadline(limits), now >= deadline else { return .none }
        if state == .closing {
            state = .ended
            return .closeTimedOut
        }
        if let due = messageDue(limits), now >= due { return .messageTimedOut }
        if isSilentSincePing {
            state = .ended
            return .pingTimedOut
        }
        return .sendPing(ping(now: now, nanoseconds: nanoseconds))
    }

    /// The number of a ping that is to be sent now.
    package mutating func ping(now: UInt64, nanoseconds: UInt64) -> UInt64 {
        pingNumber &+= 1
        isPingOutstanding = true
        lastPingAt = now
        lastPingNanoseconds = nanoseconds
        return UInt64(pingNumber)
    }

    private var isSilentSincePing: Bool { isPingOutstanding && lastReceivedAt <= lastPingAt }

    /// A silent peer is asked after one interval. A busy one needs no asking; it is pinged every fourth, so
    /// that its latency stays known.
    private func pingDue(_ limits: borrowing SessionLimits) -> UInt64 {
        let silent = lastReceivedAt + limits.pingInterval
        return min(max(silent, lastPingAt + limits.pingInterval), lastPingAt + 4 * limits.pingInterval)
    }

    private func isAwaited(_ body: Body, _ bytes: borrowing MutableSpan<UInt8>) -> Bool {
        guard isPingOutstanding else { return false }
        var value: UInt64 = 0
        var count = 0
        switch body {
        case .inPlace(let range):
            for index in range {
                value = value << 8 | UInt64(bytes[index])
                count += 1
            }
        case .assembled:
            decoder.withAssembled { span in
                for index in span.indices { value = value << 8 | UInt64(span[index]) }
                count = span.count
            }
        }
        return count == 8 && value == UInt64(pingNumber)
    }
}
