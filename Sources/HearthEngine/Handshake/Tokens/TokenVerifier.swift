// Verifies the tokens of one server, on any thread. The keys can be exchanged meanwhile.

internal import HearthBytes
internal import HearthPlatform
internal import HearthSession
internal import HearthWire
internal import Synchronization

#if HEARTH_JWT
    final class TokenVerifier: @unchecked Sendable {
        let rules: TokenRules
        private let bytesMax: Int
        private let sources: KeySources
        /// Milliseconds; 0: files are not looked at.
        private let interval: UInt64
        /// Monotonic milliseconds: when the files may be looked at again.
        private let nextLook = Atomic<UInt64>(0)
        /// Guards what follows.
        private let lock = Lock()
        private var ring: KeyRing
        private var stamps: [FileStamp?]

        /// The same, for tokens that no key fits.
        private let nextExtraLook = Atomic<UInt64>(0)
        private static var extraLookMilliseconds: UInt64 { 1000 }

        /// nil: the configuration has no keys.
        static func make(_ configuration: Configuration) throws(Route.Fault) -> TokenVerifier? {
            let sources = KeySources(configuration)
            if sources.isEmpty { return nil }
            return try TokenVerifier(configuration, sources)
        }

        private init(_ configuration: Configuration, _ sources: KeySources) throws(Route.Fault) {
            var rules = TokenRules()
            for name in configuration.list(.jwtAlgorithms) {
                guard let algorithm = TokenAlgorithm.named(name) else {
                    throw Route.Fault(
                        .invalidValue,
                        [
                            ascii("jwt_algorithms: \""), name,
                            ascii(
                                "\" is not one of HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, "),
                            ascii("PS512, ES256, ES384, ES512, EdDSA, Ed25519"),
                        ])
                }
                rules.algorithms.append(algorithm)
            }
            if rules.algorithms.isEmpty {
                throw Route.Fault(
                    .invalidValue,
                    [ascii("jwt_algorithms is empty: list the algorithms of your tokens, such as RS256")])
            }
            rules.issuers = configuration.list(.jwtIssuers)
            rules.audiences = configuration.list(.jwtAudiences)
            rules.type = configuration.text(of: .jwtType)
            rules.requiredClaims = configuration.list(.jwtRequiredClaims)
            rules.userClaim = configuration.text(of: .jwtUserClaim)
            rules.scopeClaims = configuration.list(.jwtScopeClaims)
            rules.leeway = Int64(configuration.milliseconds(.jwtLeeway))
            self.rules = rules
            self.sources = sources
            bytesMax = configuration.size(.maxJWTSize)
            interval = configuration.milliseconds(.jwtReloadInterval)
            // Before reading: what is written meanwhile is seen at the next look.
            stamps = sources.paths.map { FileStamp($0) }
            do throws(KeyFault) {
                ring = try KeyRing.read(sources, rules.algorithms)
            } catch {
                throw Route.Fault(.invalidValue, [error.sentence])
            }
        }

        // MARK: Keys

        /// Reads all keys anew. On failure the old ones stay; the sentence says why.
        func reload() -> [UInt8]? {
            let stamps = sources.paths.map { FileStamp($0) }
            do throws(KeyFault) {
                let ring = try KeyRing.read(sources, rules.algorithms)
                lock.withLock {
                    self.ring = ring
                    self.stamps = stamps
                }
                return nil
            } catch {
                // The same files need not be read again before they change.
                lock.withLock { self.stamps = stamps }
                return error.sentence
            }
        }

        /// Looks at the files if it is time, and reads them if one has changed. A sentence: that failed.
        func refresh(now: UInt64) -> [UInt8]? {
            if interval == 0 || !Self.take(nextLook, now, interval) || !haveFilesChanged { return nil }
            return reload()
        }

        /// Whether it is time, and the caller is the one who goes.
        private static func take(_ next: borrowing Atomic<UInt64>, _ now: UInt64, _ interval: UInt64) -> Bool
        {
            let due = next.load(ordering: .relaxed)
            if now < due { return false }
            return next.compareExchange(expected: due, desired: now + interval, ordering: .relaxed).exchanged
        }

        private var haveFilesChanged: Bool {
            let current = sources.paths.map { FileStamp($0) }
            return lock.withLock { current != stamps }
        }

        /// A token that no key fits may be the first with a new key.
        private func hasNewKeys(now: UInt64) -> Bool {
            if interval == 0 || !Self.take(nextExtraLook, now, Self.extraLookMilliseconds) { return false }
            return haveFilesChanged && reload() == nil
        }

        // MARK: Tokens

        /// `wall`: milliseconds since 1970; `now`: monotonic.
        func verify(_ token: [UInt8], wall: UInt64, now: UInt64) throws(TokenFault) -> VerifiedToken {
            if token.count > bytesMax { throw .tooLarge }
            guard let parts = CompactToken(token.span) else { throw .notCompact }
            guard let header = json(token, parts.header).flatMap({ TokenHeader($0.root) }) else {
                throw .badHeader
            }
            let algorithm = try rules.check(header)
            var fault = checkSignature(token, parts, algorithm, header.keyID)
            if fault != nil, hasNewKeys(now: now) {
                fault = checkSignature(token, parts, algorithm, header.keyID)
            }
            if let fault { throw fault }
            var payload: [UInt8] = []
            _ = Base64URL.decode(token.span, parts.payload, into: &payload)
            guard let document = payload.withUnsafeBufferPointer({ JSON.parsed($0) }),
                let claims = Claims(document.root)
            else { throw .badClaims }
            let expiresAt = try rules.check(claims, now: Int64(clamping: wall))
            return VerifiedToken(
                claims: claims, json: payload, user: claims.user(rules.userClaim),
                scopes: claims.scopes(rules.scopeClaims), expiresAt: expiresAt.map { UInt64($0) } ?? 0)
        }

        private func checkSignature(
            _ token: [UInt8], _ parts: CompactToken, _ algorithm: TokenAlgorithm, _ keyID: [UInt8]?
        ) -> TokenFault? {
            let keys = lock.withLock { ring }.candidates(algorithm, id: keyID)
            for key in keys
            where key.verifies(
                token, header: parts.header, payload: parts.payload, signature: parts.signature)
            {
                return nil
            }
            return keys.isEmpty ? .noKey : .badSignature
        }

        private func json(_ token: [UInt8], _ range: Range<Int>) -> JSON? {
            var bytes: [UInt8] = []
            guard Base64URL.decode(token.span, range, into: &bytes) else { return nil }
            return bytes.withUnsafeBufferPointer { JSON.parsed($0) }
        }
    }
#else
    /// There is none in a library without libjose.
    final class TokenVerifier: @unchecked Sendable {
        static func make(_ configuration: Configuration) throws(Route.Fault) -> TokenVerifier? {
            let isAsked =
                !configuration.list(.jwtSecrets).isEmpty || !configuration.list(.jwtPublicKeys).isEmpty
                || !configuration.text(of: .jwtKeySet).isEmpty
            if !isAsked { return nil }
            throw Route.Fault(.unsupported, [notBuiltIn])
        }

        private init() {}

        func reload() -> [UInt8]? { nil }
        func refresh(now: UInt64) -> [UInt8]? { nil }

        func verify(_ token: [UInt8], wall: UInt64, now: UInt64) throws(TokenFault) -> VerifiedToken {
            throw .noKey
        }
    }
#endif

extension TokenVerifier {
    static var isBuiltIn: Bool {
        #if HEARTH_JWT
            true
        #else
            false
        #endif
    }

    static var notBuiltIn: [UInt8] {
        ascii("this library was built without JSON Web Tokens: build it with HEARTH_WITH_JWT=ON")
    }
}
