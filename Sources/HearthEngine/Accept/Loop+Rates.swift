// Messages and handshakes beyond their rate.

internal import HearthBytes
internal import HearthPlatform
internal import HearthSession
internal import HearthWire
internal import Synchronization

extension Loop {
    // MARK: Messages

    /// An open connection of a server that limits rates has a limiter until it is released.
    func startLimiting(_ place: ConnectionRef, _ server: Server, user: ByteString?) {
        guard let rates = server.rates, rates.limitsMessages else { return }
        let limiter = limiter(of: place)
        limiter.pointee.limitsMessages = true
        if let user { limiter.pointee.user = rates.name(user.bytes) }
        if let address = place.pointee.address.ip {
            limiter.pointee.address = rates.name(address.counted.key)
        }
    }

    private func limiter(of place: ConnectionRef) -> UnsafeMutablePointer<Limiter> {
        if let limiter = place.pointee.limiter { return limiter }
        let limiter = UnsafeMutablePointer<Limiter>.allocate(capacity: 1)
        limiter.initialize(to: Limiter())
        place.pointee.limiter = limiter
        return limiter
    }

    /// Whether its messages are limited.
    @inline(__always)
    func isLimited(_ place: ConnectionRef) -> Bool {
        place.pointee.limiter?.pointee.limitsMessages ?? false
    }

    func stopLimiting(_ place: ConnectionRef) {
        guard let limiter = place.pointee.limiter else { return }
        place.pointee.limiter = nil
        place.pointee.server._withUnsafeGuaranteedRef { $0.rates?.giveBack(&limiter.pointee) }
        limiter.deinitialize(count: 1)
        limiter.deallocate()
    }

    func renameLimited(_ place: ConnectionRef, _ server: Server, user: ByteString?) {
        guard let limiter = place.pointee.limiter, let rates = server.rates else { return }
        rates.giveBack(&limiter.pointee)
        limiter.pointee.user = user.map { rates.name($0.bytes) } ?? 0
    }

    /// Whether a message is to be delivered. The host is told of what is not, and may have ended the
    /// connection when this returns.
    func isWithinRates(
        _ place: ConnectionRef, _ limiter: UnsafeMutablePointer<Limiter>, bytes: Int
    ) -> Bool {
        if !limiter.pointee.limitsMessages { return true }
        let excess = place.pointee.server._withUnsafeGuaranteedRef {
            $0.rates?.take(&limiter.pointee, UInt64(bytes), now: now)
        }
        return isWithinRates(place, limiter, excess)
    }

    /// A ping, or a pong that was not asked for, has come: whether it is to be answered. A client's server
    /// has no rate.
    func isControlWithinRate(_ place: ConnectionRef) -> Bool {
        if place.pointee.isClient { return true }
        let server = place.pointee.server
        guard server._withUnsafeGuaranteedRef({ $0.rates?.limitsControl ?? false }) else { return true }
        let limiter = limiter(of: place)
        let excess = server._withUnsafeGuaranteedRef { $0.rates?.takeControl(&limiter.pointee, now: now) }
        return isWithinRates(place, limiter, excess)
    }

    /// A message that was let through turned out to be larger by so many bytes.
    func chargeInflated(_ place: ConnectionRef, bytes: Int) {
        guard let limiter = place.pointee.limiter, limiter.pointee.limitsMessages, bytes > 0 else { return }
        place.pointee.server._withUnsafeGuaranteedRef {
            $0.rates?.charge(&limiter.pointee, UInt64(bytes), now: now)
        }
    }

    private func isWithinRates(
        _ place: ConnectionRef, _ limiter: UnsafeMutablePointer<Limiter>,
        _ excess: RateExcess?
    ) -> Bool {
        let id = place.pointee.id
        let server = place.pointee.server
        guard let excess else {
            if limiter.pointee.escalation.isCalm { return true }
            let untold = limiter.pointee.escalation.comply(now: now)
            if untold > 0 { tellLimited(place, "", dropped: untold) }
            return place.pointee.id == id && place.pointee.phase == .open
        }
        let dropsMax = server._withUnsafeGuaranteedRef { $0.rates?.dropsMax ?? 0 }
        switch limiter.pointee.escalation.exceed(now: now, dropsMax: dropsMax) {
        case .warn:
            context.log(.info, "session", "a peer exceeds its rate", place, reason: excess.key)
            tellLimited(place, excess.key, dropped: 0)
            return place.pointee.id == id && place.pointee.phase == .open
        case .drop(let report):
            place.pointee.counters.add(.messagesLimited)
            if let report { tellLimited(place, excess.key, dropped: report) }
        case .close(let report):
            place.pointee.counters.add(.messagesLimited)
            context.log(
                .warning, "session", "closing a peer that exceeds its rate", place, reason: excess.key)
            tellLimited(place, excess.key, dropped: report)
            if place.pointee.id == id, place.pointee.phase == .open { closeLimited(place, excess) }
        }
        return false
    }

    private func closeLimited(_ place: ConnectionRef, _ excess: RateExcess) {
        var reason = ascii("retry=")
        appendDecimal(max(1000, excess.milliseconds), to: &reason)
        _ = close(place, code: OwnCloseCode.rateExceeded.rawValue, reason: reason + ascii(";why=rate limit"))
    }

    private func tellLimited(
        _ place: ConnectionRef, _ key: StaticString, dropped: UInt32
    ) {
        var event = event(.limited, place)
        event.code = Int32(clamping: dropped)
        event.data = Borrowed(key.utf8Start, key.utf8CodeUnitCount)
        emit(&event)
    }

    // MARK: Handshakes

    /// Whether the address may shake hands. If not, the peer has its answer.
    func mayShakeHands(_ place: ConnectionRef, _ server: Server) -> Bool {
        guard let rates = server.rates, let handshakes = rates.handshakesOfAddress,
            let address = place.pointee.address.ip
        else { return true }
        let name = rates.name(address.counted.key)
        guard let excess = handshakes.take(1, of: name, now: now) else { return true }
        context.log(.info, "handshake", "connection refused", place, reason: excess.key)
        respondTooMany(place, "too many connection attempts", afterMilliseconds: excess.milliseconds)
        return false
    }

    /// Milliseconds until the user may shake hands; 0: now.
    func handshakeWait(_ server: Server, user: ByteString) -> UInt64 {
        guard let rates = server.rates, let handshakes = rates.handshakesOfUser else { return 0 }
        return handshakes.take(1, of: rates.name(user.bytes), now: now)?.milliseconds ?? 0
    }

    func respondTooMany(
        _ place: ConnectionRef, _ sentence: StaticString,
        afterMilliseconds milliseconds: UInt64
    ) {
        var headers = ascii("Retry-After: ")
        appendDecimal(max(1, (milliseconds + 999) / 1000), to: &headers)
        headers += ascii("\r\n")
        exchange(of: place).keepsAlive = false
        respondText(place, 429, sentence, headers)
    }
}
