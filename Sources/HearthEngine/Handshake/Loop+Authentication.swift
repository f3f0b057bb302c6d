// Who asks to connect: origin, token, and what the route wants of it. How a peer is told that it may not.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import HearthWire

/// Why a handshake is refused, in both ways to say so.
struct AccessRefusal: Error {
    let status: Int
    let code: OwnCloseCode
    let sentence: StaticString
    let fields: StaticString

    init(_ status: Int, _ code: OwnCloseCode, _ sentence: StaticString, fields: StaticString = "") {
        self.status = status
        self.code = code
        self.sentence = sentence
        self.fields = fields
    }

    /// RFC 6750 3: what is missing gets no error code, what is wrong does.
    init(_ fault: TokenFault) {
        if fault == .missing {
            self.init(401, .unauthenticated, fault.sentence, fields: "WWW-Authenticate: Bearer\r\n")
        } else if fault.isForbidden {
            self.init(
                403, .forbidden, fault.sentence,
                fields: "WWW-Authenticate: Bearer error=\"insufficient_scope\"\r\n")
        } else {
            self.init(
                401, fault == .expired ? .tokenExpired : .invalidToken, fault.sentence,
                fields: "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n")
        }
    }
}

/// Who a connection is and how long it may stay. What other threads read changes under the port's lock.
final class Identity {
    var principal: Principal?
    var expiry = Expiry()

    init() {}
}

extension Loop {
    /// Checks a handshake whose head is in `head` and whose captures are in `captures`.
    func authenticate(
        _ place: ConnectionRef, _ server: Server, _ bytes: UnsafeBufferPointer<UInt8>
    ) throws(AccessRefusal) {
        let level = server.level(ofRoute: place.pointee.route)
        guard level != .open, let tokens = server.access.tokens else { return }
        let route = server.route(at: Int(place.pointee.route))
        if let sentence = tokens.refresh(now: now) {
            context.log(
                .error, "server", "the keys were not read again, the old ones stay",
                LogFields().adding("error", sentence))
        }
        let expectations = try expectations(route, bytes)
        do throws(TokenFault) {
            let principal: Principal
            if let token = try findToken(server.tokenSources(ofRoute: place.pointee.route), bytes) {
                let verified = try tokens.verify(token, wall: wallMilliseconds, now: now)
                if (verified.user?.count ?? 0) > server.userNameMax { throw .userTooLong }
                try verified.check(
                    expectations, scopes: route?.access.scopes ?? [], needsUser: level == .user)
                principal = verified.principal(expectations)
            } else {
                if level != .optional { throw .missing }
                if expectations.isEmpty { return }
                principal = Principal(
                    user: nil, scopes: [], claims: [], expiresAt: 0, expectations: expectations)
            }
            setPrincipal(place, principal)
        } catch {
            throw AccessRefusal(error)
        }
    }

    /// The token that counts; nil: there is none.
    private func findToken(
        _ sources: TokenSources, _ bytes: UnsafeBufferPointer<UInt8>
    ) throws(TokenFault) -> [UInt8]? {
        sources.find(head, bytes.span, into: &foundTokens)
        guard let found = foundTokens.first else { return nil }
        if found.source != .query { return Array(bytes[found.range]) }
        var token: [UInt8] = []
        guard PercentCoding.decode(bytes.span, found.range, into: &token) else { throw .notCompact }
        return token
    }

    /// The route's rules for claims, with the captures filled in.
    private func expectations(
        _ route: Route?, _ bytes: UnsafeBufferPointer<UInt8>
    ) throws(AccessRefusal) -> [Expectation] {
        var expectations: [Expectation] = []
        for (name, parts) in route?.access.claims ?? [] {
            var value: [UInt8] = []
            for part in parts {
                switch part {
                case .text(let text): value += text
                case .capture(let index):
                    guard PercentCoding.decode(bytes.span, captures[index], into: &value) else {
                        throw AccessRefusal(400, .badRequest, "the path is not well encoded")
                    }
                }
            }
            expectations.append(Expectation(claim: name, value: value))
        }
        return expectations
    }

    func setPrincipal(_ place: ConnectionRef, _ principal: Principal) {
        port.lock.withLock {
            let identity = place.pointee.identity ?? Identity()
            identity.principal = principal
            place.pointee.identity = identity
        }
    }

    /// Where the request has tokens that the host is not to see, because the library has verified them.
    func secretRanges(
        _ place: ConnectionRef, _ server: Server, _ bytes: UnsafeBufferPointer<UInt8>
    ) -> [Range<Int>] {
        if server.level(ofRoute: place.pointee.route) == .open { return [] }
        server.tokenSources(ofRoute: place.pointee.route).find(head, bytes.span, into: &foundTokens)
        return foundTokens.map { $0.range }
    }

    // MARK: Refusing

    /// Refuses an upgrade: by status, or, for who can read only that, by opening and closing with a code.
    func refuseUpgrade(
        _ place: ConnectionRef, _ server: Server, _ bytes: UnsafeBufferPointer<UInt8>,
        _ refusal: AccessRefusal
    ) {
        context.log(.info, "handshake", "connection refused", place, reason: refusal.sentence)
        let route = server.route(at: Int(place.pointee.route))
        var style = route?.access.rejection ?? server.access.rejection
        if style == .auto { style = head.value(of: "origin", in: bytes.span) == nil ? .status : .close }
        if style == .status {
            return respondAndClose(place, refusal.status, refusal.sentence, refusal.fields)
        }
        let exchange = exchange(of: place)
        exchange.isUpgrade = true
        exchange.head = Array(bytes)
        exchange.decision = .rejected(
            code: Int(server.access.closeCodes.code(refusal.code)), reason: ascii(refusal.sentence))
        place.pointee.phase = .host
        if server.access.rejectDelay == 0 { return applyDecision(place) }
        exchange.isHeldBack = true
        setPhaseDeadline(place, server.access.rejectDelay)
    }

    // MARK: Another principal

    /// The host says who it is, of a request that it is asked about or of an open connection.
    func identify(_ place: ConnectionRef, _ principal: Principal) -> Status {
        switch place.pointee.phase {
        case .host:
            guard let exchange = place.pointee.exchange, exchange.isUpgrade, case .none = exchange.decision,
                exchange.placeRequest == nil
            else { return .state }
            setPrincipal(place, principal)
            return .ok
        case .open: return exchangePrincipal(place, principal)
        default: return .gone
        }
    }

    /// A new token was found good.
    func renew(_ place: ConnectionRef, _ principal: Principal) -> Status {
        let id = place.pointee.id
        let status = exchangePrincipal(place, principal)
        if status != .ok || place.pointee.id != id || place.pointee.phase != .open { return status }
        return setExpiry(place, principal.expiresAt)
    }

    private func exchangePrincipal(
        _ place: ConnectionRef, _ principal: Principal
    ) -> Status {
        guard place.pointee.phase == .open, place.pointee.session.state == .open else { return .gone }
        if let user = principal.user, user != place.pointee.identity?.principal?.user {
            let id = place.pointee.id
            let status = setUser(place, user)
            if status != .ok { return status }
            if place.pointee.id != id || place.pointee.phase != .open { return .ok }
        }
        setPrincipal(place, principal)
        return .ok
    }
}
