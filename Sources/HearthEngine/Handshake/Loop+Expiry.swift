// When a connection's permission ends: the notices before, the close, and new tokens of peers.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import HearthWire

extension Loop {
    /// When an open connection is to be looked at next.
    func openDeadline(_ place: ConnectionRef) -> UInt64? {
        let due = sessionDeadline(place)
        guard let expiry = place.pointee.identity?.expiry.due, place.pointee.session.state == .open else {
            return due
        }
        let wall = wallMilliseconds
        return min(due ?? UInt64.max, now + (expiry > wall ? expiry - wall : 0))
    }

    /// `at`: milliseconds since 1970; 0: never.
    func setExpiry(_ place: ConnectionRef, _ at: UInt64) -> Status {
        guard place.pointee.phase == .open, place.pointee.session.state == .open else { return .gone }
        context.enter()
        if !place.pointee.endpoint.isServer { return .invalid }
        if at == 0, place.pointee.identity == nil { return .ok }
        if place.pointee.identity == nil { port.lock.withLock { place.pointee.identity = Identity() } }
        let access = place.pointee.server.takeUnretainedValue().access
        place.pointee.identity?.expiry.set(
            at, now: wallMilliseconds, interval: access.noticeInterval, window: access.noticeWindow)
        setDeadline(place, openDeadline(place))
        context.requestTurn()
        return .ok
    }

    func expiryDue(_ place: ConnectionRef) {
        guard place.pointee.session.state == .open, let identity = place.pointee.identity else { return }
        let access = place.pointee.server.takeUnretainedValue().access
        switch identity.expiry.tick(
            now: wallMilliseconds, interval: access.noticeInterval, window: access.noticeWindow)
        {
        case .none: break
        case .notice(let seconds):
            if tellsPeer(place) { sendExpiry(place, ascii("expiring"), decimal(seconds)) }
            tellExpiry(.expiring, place, code: seconds)
        case .expired: expire(place, grace: access.expiryGrace)
        case .closing: closeExpired(place)
        }
    }

    /// Tells the host, who may send for `grace` milliseconds, or give the connection a new end.
    private func expire(_ place: ConnectionRef, grace: UInt64) {
        context.log(.info, "session", "the connection has expired", place, reason: "its time is over")
        let id = place.pointee.id
        if grace > 0 { place.pointee.identity?.expiry.close(at: wallMilliseconds + grace) }
        if tellsPeer(place) { sendEvent(place, ascii("expired"), isAtOnce: false) }
        tellExpiry(.expired, place, code: 0)
        if grace > 0 || place.pointee.id != id || place.pointee.phase != .open { return }
        if place.pointee.identity?.expiry.due == nil { closeExpired(place) }
    }

    private func closeExpired(_ place: ConnectionRef) {
        let access = place.pointee.server.takeUnretainedValue().access
        _ = close(
            place, code: access.closeCodes.code(.tokenExpired), reason: ascii("the session has expired"))
    }

    private func tellExpiry(_ type: EventType, _ place: ConnectionRef, code: Int) {
        var event = pending(type, place)
        event.code = Int32(clamping: code)
        event.user = hub.user(of: place.pointee.slot).map { hub.userName($0) }
        emitInOrder(event)
    }

    // MARK: Peers that take care of it themselves

    /// Whether the route has the event authenticate, and with it the notices.
    private func tellsPeer(_ place: ConnectionRef) -> Bool {
        guard place.pointee.speaker != nil, place.pointee.route >= 0 else { return false }
        let server = place.pointee.server.takeUnretainedValue()
        return server.routes[Int(place.pointee.route)].events.builtIns.contains(.authenticate)
    }

    private func sendExpiry(
        _ place: ConnectionRef, _ name: [UInt8], _ seconds: [UInt8]
    ) {
        let text = place.pointee.server._withUnsafeGuaranteedRef { $0.events.text }
        var json: [UInt8] = []
        _ = text.begin(name, into: &json)
        text.member(ascii("seconds"), into: &json)
        json += seconds
        _ = text.end(into: &json)
        json.withUnsafeBufferPointer { _ = send(place, Outgoing(event: $0, raw: nil, isEphemeral: false)) }
    }

    /// {"type":"authenticate","data":{"token":"…"}}: the answer says for how many seconds it is good.
    func authenticateByEvent(
        _ place: ConnectionRef, _ server: Server, _ event: ReceivedEvent
    ) {
        let bytes = event.bytes.span
        guard let tokens = server.access.tokens else { return answer(place, .unknownEvent) }
        var token: [UInt8] = []
        guard let value = Envelope.member(bytes, of: event.envelope.data, ascii("token")),
            let range = Envelope.string(bytes, value), JSONString.decode(bytes, range, into: &token)
        else { return answer(place, .tokenRequired) }
        let id = place.pointee.id
        let principal: Principal
        do throws(TokenFault) {
            principal = try Connections.Present(self, place).judge(token, tokens)
        } catch {
            context.log(.info, "session", "a new token is refused", place, reason: error.sentence)
            return answer(place, error.isForbidden ? .tokenNotAllowed : .tokenRefused)
        }
        if renew(place, principal) != .ok { return answer(place, .tokenNotAllowed) }
        if place.pointee.id != id || place.pointee.phase != .open { return }
        let wall = wallMilliseconds
        if principal.expiresAt == 0 { return sendEvent(place, ascii("authenticate"), isAtOnce: false) }
        let left = principal.expiresAt > wall ? (principal.expiresAt - wall) / 1000 : 0
        sendExpiry(place, ascii("authenticate"), decimal(Int(left)))
    }
}
