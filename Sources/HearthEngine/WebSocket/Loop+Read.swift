// Bytes from a socket to messages, and messages to the host and to rooms: the hot path inward.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import HearthWire
internal import Synchronization

extension Loop {
    /// The socket can be read, or written, or both.
    @inline(__always)
    func ready(_ place: ConnectionRef, _ readiness: Readiness) {
        if place.pointee.phase == .released { return }
        if readiness.contains(.broken) { return drainBroken(place) }
        // What is not watched for any more is not done, though it may be in the set's answer.
        if readiness.intersection(place.pointee.interest).contains(.writable) { writable(place) }
        if readiness.intersection(place.pointee.interest).contains(.readable) { readable(place) }
    }

    /// The descriptor reports an error, and would again and again: read what came before, then end it.
    private func drainBroken(_ place: ConnectionRef) {
        if place.pointee.phase == .connecting {
            setInterest(place, [])
            return connectionDecided(place)
        }
        if Socket.hasInput(place.pointee.descriptor) {
            if place.pointee.holds.isEmpty, !engine.queue.isFull { readable(place) }
            if place.pointee.phase == .released { return }
            if !place.pointee.holds.isEmpty || engine.queue.isFull {
                // It is watched again when it may be read again, and that leads here again.
                setInterest(place, [])
                if place.pointee.holds.isEmpty { ingress.pause(place.pointee.id) }
                return
            }
            // The rest has its turn.
            if Socket.hasInput(place.pointee.descriptor) { return }
        }
        setInterest(place, [])
        transportFailed(place)
    }

    @_optimize(speed)
    private func readable(_ place: ConnectionRef) {
        if place.pointee.phase.rawValue >= Phase.released.rawValue { return unreadable(place) }
        if engine.queue.isFull || !place.pointee.holds.isEmpty { return pauseReading(place) }
        switch Socket.receive(place.pointee.descriptor, input, ingress.readBytes) {
        case .bytes(0): inputEnded(place)
        case .bytes(let count):
            place.pointee.session.noteReceived(now: now)
            place.pointee.counters.add(.bytesReceived, UInt64(count))
            if place.pointee.isSealed { receiveSealed(place, count) } else { received(place, input, count) }
        case .blocked: break
        case .failed: transportFailed(place)
        }
    }

    /// Plain bytes, as they came or unsealed.
    @inline(__always)
    func received(
        _ place: ConnectionRef, _ bytes: UnsafeMutablePointer<UInt8>, _ count: Int
    ) {
        switch place.pointee.phase {
        case .open:
            if place.pointee.exchange != nil { return receiveBehindLeftover(place, bytes, count) }
            serve(place, bytes, count)
        case .request, .body, .host: receiveHTTP(place, UnsafeBufferPointer(start: bytes, count: count))
        case .tunnel, .handshake: receiveAnswer(place, UnsafeBufferPointer(start: bytes, count: count))
        case .finishing, .released, .proxy, .connecting, .sealing: break
        }
    }

    private func unreadable(_ place: ConnectionRef) {
        if place.pointee.phase == .proxy { receiveProxyHeader(place) }
    }

    /// Bytes that came for an open WebSocket. What exceeds the budget of a turn is kept.
    @inline(__always)
    private func serve(
        _ place: ConnectionRef, _ bytes: UnsafeMutablePointer<UInt8>, _ count: Int
    ) {
        ingress.inflatableBytes = Ingress.inflatedBytesPerTurn
        let left = feed(place, bytes, count)
        if left >= 0 { keep(place, bytes + (count - left), left) }
    }

    /// Bytes of an open WebSocket. They are unmasked where they lie. Returns how many are left for the next
    /// turn; -1: nothing is, nor is a message still being inflated.
    @_optimize(speed)
    func feed(
        _ place: ConnectionRef, _ bytes: UnsafeMutablePointer<UInt8>, _ count: Int
    ) -> Int {
        let limits = place.pointee.endpoint._withUnsafeGuaranteedRef { $0.limits }
        place.pointee.lastReceivedWall.store(wallMilliseconds, ordering: .relaxed)
        var span = MutableSpan(_unsafeStart: bytes, count: count)
        var offset = 0
        var run = RelayRun()
        var budget = Ingress.framesPerTurn
        while place.pointee.phase == .open {
            if budget == 0, offset < count {
                if !goesOn(place) { break }
                budget = Ingress.framesPerTurn
            }
            budget &-= 1
            if hub.arena.turnBytes > Self.turnBytesMax {
                finish(&run)
                flushAll()
            }
            let event = place.pointee.session.receive(
                &span, &offset, limits.pointee, spare: &spareMemory)
            if case .message(let opcode, let body) = event,
                gathers(place, opcode, content(place, body, bytes), &run)
            {
                continue
            }
            finish(&run)
            switch event {
            case .needMore:
                if place.pointee.session.notesBeginning() { setDeadline(place, openDeadline(place)) }
                return -1
            case .message(let opcode, let body):
                deliver(place, opcode, content(place, body, bytes))
            case .compressed(let opcode, let body):
                if !deliverCompressed(place, opcode, content(place, body, bytes)) { return count - offset }
                if ingress.inflatableBytes <= 0 { budget = 0 }
            case .pingReceived(let body):
                if isControlWithinRate(place) { answerPing(place, content(place, body, bytes)) }
            case .pongUnasked:
                _ = isControlWithinRate(place)
            case .skipped: break
            case .pongReceived:
                let latency = place.pointee.session.recordPong(nanoseconds: Clock.monotonicNanoseconds())
                place.pointee.latency.store(latency, ordering: .relaxed)
                if place.pointee.isClient { noteLatency(place, latency) }
                // The wheel stands at ping_timeout, which is over with the answer: the next ping may be due
                // before.
                setDeadline(place, openDeadline(place))
            case .closeReceived(let code, let reason):
                closeReceived(place, code, content(place, reason, bytes))
            case .closeAnswered(let code):
                closeAnswered(place, code)
            case .failed(let error, let isFirst):
                protocolFailed(place, error, sendsClose: isFirst)
            }
        }
        finish(&run)
        return place.pointee.phase == .open ? count - offset : -1
    }

    /// Bytes have come, and those that came with the request are not handled yet.
    private func receiveBehindLeftover(
        _ place: ConnectionRef, _ bytes: UnsafeMutablePointer<UInt8>, _ count: Int
    ) {
        place.pointee.exchange?.leftover.append(contentsOf: UnsafeBufferPointer(start: bytes, count: count))
        feedLeftover(place)
    }

    /// Bytes that came with the request, before the WebSocket was open.
    func feedLeftover(_ place: ConnectionRef) {
        guard let exchange = place.pointee.exchange else { return }
        var bytes = exchange.leftover
        place.pointee.exchange = nil
        if !place.pointee.isInputEnded { setInterest(place, place.pointee.interest.union(.readable)) }
        bytes.withUnsafeMutableBufferPointer { if let base = $0.baseAddress { serve(place, base, $0.count) } }
    }

    /// Where the payload lies: in the bytes just read, or in the decoder, until the next call of `receive`.
    @inline(__always)
    private func content(
        _ place: ConnectionRef, _ body: Body, _ bytes: UnsafeMutablePointer<UInt8>
    ) -> UnsafeBufferPointer<UInt8> {
        switch body {
        case .inPlace(let range):
            return UnsafeBufferPointer(start: bytes + range.lowerBound, count: range.count)
        case .assembled:
            return place.pointee.session.decoder.withAssembled { span in span.withUnsafeBufferPointer { $0 } }
        }
    }

    @inline(__always)
    func deliver(
        _ place: ConnectionRef, _ opcode: Opcode, _ payload: UnsafeBufferPointer<UInt8>
    ) {
        noteMessage(place)
        if let limiter = place.pointee.limiter, !isWithinRates(place, limiter, bytes: payload.count) {
            return
        }
        deliverCounted(place, opcode, payload)
    }

    @inline(__always)
    func noteMessage(_ place: ConnectionRef) {
        place.pointee.messagesReceived.increase()
        place.pointee.counters.add(.messagesReceived)
    }

    /// Delivers a message that the rates have let through.
    @inline(__always)
    func deliverCounted(
        _ place: ConnectionRef, _ opcode: Opcode, _ payload: UnsafeBufferPointer<UInt8>
    ) {
        if place.pointee.dialect == .json, opcode == .text { return receiveEvent(place, payload) }
        if place.pointee.relay != .none { relay(place, opcode, payload) }
        guard place.pointee.emitsMessages, place.pointee.phase == .open else { return }
        if place.pointee.isClient, isForClient(place, opcode, payload) { return }
        emitMessage(place, opcode, payload)
    }

    private func answerPing(_ place: ConnectionRef, _ payload: UnsafeBufferPointer<UInt8>) {
        // A peer that pings and does not read gets no more pongs than its outbox may hold.
        let endpoint = place.pointee.endpoint
        let waiting = hub.waitingBytes(place.pointee.slot)
        if waiting > endpoint._withUnsafeGuaranteedRef({ $0.outboxBytesMax }) { return }
        hub.appendAlways(encode(place, .pong, payload), to: place.pointee.slot)
        context.ensureTurn()
    }

    // MARK: Backpressure from the host

    private func pauseReading(_ place: ConnectionRef) {
        // In the next turn it goes on with what has been read, or finds that it may not.
        if place.pointee.holds == .backlog { return }
        setInterest(place, place.pointee.interest.subtracting(.readable))
        if place.pointee.holds.isEmpty { ingress.pause(place.pointee.id) }
    }

    func resumeReading() {
        for id in ingress.takePaused() {
            guard let place = place(of: id) else { continue }
            setInterest(place, place.pointee.interest.union(.readable))
            goOnLater(withBacklogOf: place)
        }
        goOnHanding()
    }

    // MARK: Ends

    /// The peer sends no more.
    func inputEnded(_ place: ConnectionRef) {
        place.pointee.isInputEnded = true
        switch place.pointee.phase {
        case .open:
            end(place, code: CloseCode.abnormal.rawValue, reason: [], flags: EngineEvent.isByPeer)
            release(place)
        case .host:
            // A plain request is still answered; who asked for a WebSocket has gone.
            if place.pointee.exchange?.isUpgrade ?? true { return release(place) }
            setInterest(place, place.pointee.interest.subtracting(.readable))
        case .finishing:
            setInterest(place, place.pointee.interest.subtracting(.readable))
            if hub.waitingBytes(place.pointee.slot) == 0 { release(place) }
        case .request where !(place.pointee.exchange?.leftover.isEmpty ?? true):
            // It sent requests ahead, which are still answered.
            setInterest(place, place.pointee.interest.subtracting(.readable))
        case .request where hub.waitingBytes(place.pointee.slot) > 0:
            // The answer to its last request is still on its way.
            finish(place, lingers: false)
        case .connecting, .tunnel, .sealing, .handshake: attemptLost(place)
        case .request, .body, .released, .proxy:
            release(place)
        }
    }

    /// The connection is broken: reset, timed out.
    func transportFailed(_ place: ConnectionRef) {
        if place.pointee.phase == .released { return }
        if place.pointee.phase == .open {
            if place.pointee.holds.contains(.backlog), let backlog = ingress.backlog(of: place.pointee.slot) {
                backlog.isBroken = true
                return
            }
            end(place, code: CloseCode.abnormal.rawValue, reason: [], flags: EngineEvent.isByPeer)
        }
        if place.pointee.isOfAttempt { return attemptLost(place) }
        release(place)
    }
}
