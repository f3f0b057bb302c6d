// Calls about who a connection is. Tokens are verified on the caller's thread.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import HearthWire
internal import Synchronization

extension Connections {
    /// The claims as JSON, empty for none.
    package static func claims(_ id: ConnectionID, _ body: ([UInt8]) -> Int64) -> Int64 {
        copied(id, body) { _, place in place.pointee.identity?.principal?.claims ?? [] }
    }

    package static func scopes(_ id: ConnectionID) -> [[UInt8]]? {
        var scopes: [[UInt8]] = []
        let result = look(id) { _, place in
            scopes = place.pointee.identity?.principal?.scopes ?? []
            return 0
        }
        return result == 0 ? scopes : nil
    }

    package static func setExpiry(_ id: ConnectionID, _ at: UInt64) -> Status {
        let result = reach(id) { loop, place in
            answer(loop.setExpiry(place, at))
        } elsewhere: { _, place in
            place.pointee.isOpenFlag.load(ordering: .relaxed)
                ? .post(.setExpiry(at), answer: 0) : .answer(answer(.gone))
        }
        return Status(rawValue: Int32(result)) ?? .invalid
    }

    /// The host says who a connection is: `scopes` are words with spaces between, `claims` is JSON.
    package static func setPrincipal(
        _ id: ConnectionID, user: [UInt8]?, scopes: [UInt8], claims: [UInt8]
    ) -> Status {
        if let user, user.isEmpty { return .invalid }
        let words = scopes.split(separator: 0x20).map { Array($0) }
        let result = reach(id) { loop, place in
            guard place.pointee.endpoint.isServer else { return answer(.invalid) }
            if isTooLong(user, scopes, claims, place) { return answer(.tooLarge) }
            return answer(loop.identify(place, principal(user, words, claims, place)))
        } elsewhere: { _, place in
            guard place.pointee.endpoint.isServer else { return .answer(answer(.invalid)) }
            if isTooLong(user, scopes, claims, place) { return .answer(answer(.tooLarge)) }
            return .post(.identify(principal(user, words, claims, place)), answer: 0)
        }
        return Status(rawValue: Int32(result)) ?? .invalid
    }

    private static func isTooLong(
        _ user: [UInt8]?, _ scopes: [UInt8], _ claims: [UInt8], _ place: ConnectionRef
    ) -> Bool {
        let server = place.pointee.server.takeUnretainedValue()
        return (user?.count ?? 0) > server.userNameMax
            || scopes.count + claims.count > server.access.principalBytesMax
    }

    /// What the route expects of claims stays, for tokens that come later.
    private static func principal(
        _ user: [UInt8]?, _ scopes: [[UInt8]], _ claims: [UInt8],
        _ place: ConnectionRef
    ) -> Principal {
        Principal(
            user: user.map { ByteString($0) } ?? place.pointee.identity?.principal?.user,
            scopes: scopes, claims: claims, expiresAt: 0,
            expectations: place.pointee.identity?.principal?.expectations ?? [])
    }

    /// What is to be known of a connection to judge a new token of its.
    struct Present {
        let server: Server
        let route: Route?
        let user: ByteString?
        let expectations: [Expectation]

        /// Thread: the loop's, or under the port's lock.
        init(_ loop: Loop, _ place: ConnectionRef) {
            server = place.pointee.server.takeUnretainedValue()
            let principal = place.pointee.identity?.principal
            route = server.route(at: Int(place.pointee.route))
            user = principal?.user ?? loop.hub.user(of: place.pointee.slot).map { loop.hub.userName($0) }
            expectations = principal?.expectations ?? []
        }

        /// Who it is by the new token.
        func judge(_ token: [UInt8], _ tokens: TokenVerifier) throws(TokenFault) -> Principal {
            let now = Clock.monotonicNanoseconds() / 1_000_000
            _ = tokens.refresh(now: now)
            let verified = try tokens.verify(token, wall: Clock.wallMilliseconds(), now: now)
            if (verified.user?.count ?? 0) > server.userNameMax { throw .userTooLong }
            try verified.check(
                expectations, scopes: route?.access.scopes ?? [],
                needsUser: server.access.level(of: route) == .user)
            let principal = verified.principal(expectations)
            if !server.access.allowsUserChange, let user, principal.user != user { throw .otherUser }
            return principal
        }
    }

    package static func authenticate(_ id: ConnectionID, token: [UInt8]) -> Status {
        var present: Present?
        _ = look(id) { loop, place in
            if place.pointee.isOpenFlag.load(ordering: .relaxed), place.pointee.endpoint.isServer {
                present = Present(loop, place)
            }
            return 0
        }
        guard let present else { return .gone }
        let server = present.server
        guard let tokens = server.access.tokens else {
            return server.engine.fail(ServerAccess.noKeysStatus ?? .state, ServerAccess.noKeys)
        }
        let principal: Principal
        do throws(TokenFault) {
            principal = try present.judge(token, tokens)
        } catch {
            return server.engine.fail(error.isForbidden ? .notAllowed : .token, ascii(error.sentence))
        }
        let result = reach(id) { loop, place in
            answer(loop.renew(place, principal))
        } elsewhere: { _, place in
            place.pointee.isOpenFlag.load(ordering: .relaxed)
                ? .post(.renew(principal), answer: 0) : .answer(answer(.gone))
        }
        return Status(rawValue: Int32(result)) ?? .invalid
    }
}

extension Server {
    /// Reads the files with keys again.
    package func reloadKeys() -> Status {
        guard let tokens = access.tokens else {
            return engine.fail(ServerAccess.noKeysStatus ?? .state, ServerAccess.noKeys)
        }
        guard let sentence = tokens.reload() else { return .ok }
        return engine.fail(.invalidValue, sentence)
    }
}
