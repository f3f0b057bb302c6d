// Places of users and addresses. A user that has all of its connections and comes with one more may have lost
// one without anybody's notice: before it is refused, the stalest is pinged, and if nothing comes from it in
// a short time it makes room. The newcomer waits meanwhile.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import HearthWire
internal import Synchronization

/// A newcomer of a user that has all its places.
struct PlaceRequest {
    let user: ByteString
    let subprotocol: [UInt8]?
    /// Whom it waits for, and when something came from it last.
    let ghost: ConnectionID
    let receivedAt: UInt64
    let until: UInt64
}

extension Loop {
    /// How often a newcomer looks whether the other has answered.
    private static var probeStepMilliseconds: UInt64 { 100 }

    // MARK: Addresses

    /// Whether the address may have one more connection. If not, the request is answered.
    func takeAddressPlace(_ place: ConnectionRef, _ server: Server) -> Bool {
        guard let admission = server.admission, !place.pointee.hasAddressPlace,
            let address = place.pointee.address.ip
        else { return true }
        if !admission.enter(address) { return false }
        place.pointee.hasAddressPlace = true
        return true
    }

    func leaveAddressPlace(_ place: ConnectionRef, _ server: Server) {
        guard place.pointee.hasAddressPlace, let address = place.pointee.address.ip else { return }
        place.pointee.hasAddressPlace = false
        server.admission?.leave(address)
    }

    /// Counts a connection where the socket says whose it is. Behind a proxy that is known later.
    func countAddress(_ place: ConnectionRef, _ server: Server) {
        if let proxies = server.proxies, proxies.trust(place.pointee.address) { return }
        if !takeAddressPlace(place, server) { place.pointee.refusal = .address }
    }

    func refuseAddress(_ place: ConnectionRef) {
        context.log(
            .warning, "server", "connection refused", place, reason: "max_connections_per_ip is reached")
        respondTooMany(place, "too many connections from this address", afterMilliseconds: 5000)
    }

    // MARK: Users

    enum UserPlace {
        case taken
        case refused(code: OwnCloseCode, reason: [UInt8])
        /// It is known later; the head must be kept.
        case waiting(PlaceRequest)
    }

    func takeUserPlace(
        _ place: ConnectionRef, _ server: Server, user: ByteString, subprotocol: [UInt8]?
    ) -> UserPlace {
        let wait = handshakeWait(server, user: user)
        if wait > 0 {
            var reason = ascii("retry=")
            appendDecimal(wait, to: &reason)
            return .refused(code: .rateExceeded, reason: reason + ascii(";why=rate limit"))
        }
        guard let admission = server.admission else { return .taken }
        place.pointee.lastReceivedWall.store(wallMilliseconds, ordering: .relaxed)
        switch admission.enter(place.pointee.id, user: user) {
        case .admitted: return .taken
        case .admittedFor(let other, let code):
            evict(other, code: code)
            return .taken
        case .full(let stalest, let receivedAt):
            Connections.post(.probe(receivedAt: receivedAt), to: stalest)
            return .waiting(
                PlaceRequest(
                    user: user, subprotocol: subprotocol, ghost: stalest, receivedAt: receivedAt,
                    until: now + admission.probeTimeout))
        }
    }

    static func refusedForUser() -> (code: OwnCloseCode, reason: [UInt8]) {
        (.tooManyConnections, ascii("too many connections"))
    }

    /// The newcomer's request is kept until the other one has answered or not.
    func waitForPlace(
        _ place: ConnectionRef, _ bytes: UnsafeBufferPointer<UInt8>,
        _ request: PlaceRequest
    ) {
        let exchange = exchange(of: place)
        exchange.isUpgrade = true
        exchange.head = Array(bytes)
        exchange.placeRequest = request
        place.pointee.phase = .host
        setPhaseDeadline(
            place, min(Self.probeStepMilliseconds, request.until > now ? request.until - now : 1))
    }

    /// Time has passed for a newcomer: is the other one alive?
    func lookForPlace(
        _ place: ConnectionRef, _ exchange: Exchange, _ request: PlaceRequest
    ) {
        let server = place.pointee.server.takeUnretainedValue()
        guard let admission = server.admission else { return }
        let receivedAt = Connections.lastReceivedWall(request.ghost)
        if let receivedAt, receivedAt <= request.receivedAt, now < request.until {
            let step = min(Self.probeStepMilliseconds, max(1, request.until - now))
            return setPhaseDeadline(place, step)
        }
        exchange.placeRequest = nil
        if !server.isServing {
            return respondAndClose(place, 503, "the server is stopping", "Retry-After: 5\r\n")
        }
        // A probe that was not answered has moved the time back.
        let isDead = receivedAt.map { $0 < request.receivedAt } ?? true
        if isDead, admission.enter(place.pointee.id, insteadOf: request.ghost, user: request.user) {
            Connections.post(.cutGhost, to: request.ghost)
            return reopen(
                place, server, exchange, user: request.user, subprotocol: request.subprotocol,
                rejection: nil, hasPlace: true)
        }
        context.log(
            .info, "handshake", "connection refused", place, reason: "max_connections_per_user is reached")
        let refusal = Self.refusedForUser()
        reopen(
            place, server, exchange, user: nil, subprotocol: nil,
            rejection: (server.access.closeCodes.code(refusal.code), refusal.reason), hasPlace: false)
    }

    /// The connection gets another user, or its first. False: that user has all its places, and the old one
    /// stays. Nobody is asked whether he lives, as the caller waits for the answer.
    func moveUserPlace(
        _ place: ConnectionRef, _ server: Server, from old: ByteString?,
        to user: ByteString
    ) -> Bool {
        guard let admission = server.admission else { return true }
        switch admission.enter(place.pointee.id, user: user) {
        case .admitted: break
        case .admittedFor(let other, let code): evict(other, code: code)
        case .full: return false
        }
        if let old { admission.leave(place.pointee.id, user: old) }
        return true
    }

    func leaveUserPlace(_ place: ConnectionRef, user: ByteString?) {
        guard let user else { return }
        let id = place.pointee.id
        place.pointee.server._withUnsafeGuaranteedRef { $0.admission?.leave(id, user: user) }
    }

    func closeUserLimit(_ place: ConnectionRef) {
        let refusal = Self.refusedForUser()
        let codes = place.pointee.server._withUnsafeGuaranteedRef { $0.access.closeCodes }
        _ = close(place, code: codes.code(refusal.code), reason: refusal.reason)
    }

    private func evict(_ other: ConnectionID, code: OwnCloseCode) {
        let reason =
            code == .replaced ? ascii("replaced by a newer connection") : ascii("stale")
        Connections.post(.close(code: code.rawValue, reason: reason), to: other)
    }

    // MARK: The other one

    /// Somebody wants this connection's place: does it live? Where nothing came since it was asked for, its
    /// time is moved back a little, which any sign of life undoes.
    func probe(_ place: ConnectionRef, receivedAt: UInt64) {
        guard place.pointee.phase == .open else { return }
        if place.pointee.lastReceivedWall.load(ordering: .relaxed) == receivedAt {
            place.pointee.lastReceivedWall.store(receivedAt &- 1, ordering: .relaxed)
        }
        // The host of a channel says when one of its connections ends: until then it lives.
        if place.pointee.link != nil { return noteAlive(place) }
        sendControl(place, .ping, [])
    }

    func cutGhost(_ place: ConnectionRef) {
        guard place.pointee.phase == .open else { return }
        place.pointee.counters.add(.staleRemoved)
        context.log(
            .warning, "session", "the peer is gone", place, reason: "its place was wanted, and it was silent")
        hub.stopMessages(place.pointee.slot)
        sendClose(place, OwnCloseCode.evictedAsStale.rawValue, ascii("stale"))
        flush(place.pointee.slot)
        end(place, code: OwnCloseCode.evictedAsStale.rawValue, reason: ascii("stale"), flags: 0)
        release(place)
    }
}
