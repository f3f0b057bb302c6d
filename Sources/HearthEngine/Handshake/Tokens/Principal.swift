// Who a connection was found to be. It does not change; a new token makes a new one.

internal import HearthBytes
internal import HearthSession

/// What a route asks of a claim, with the captures of the path filled in.
struct Expectation: Sendable {
    let claim: [UInt8]
    let value: [UInt8]
}

package final class Principal: @unchecked Sendable {
    let user: ByteString?
    let scopes: [[UInt8]]
    /// JSON, as the token has it; empty: there was no token.
    let claims: [UInt8]
    /// Milliseconds since 1970; 0: never.
    let expiresAt: UInt64
    /// What later tokens of this connection have to say, too.
    let expectations: [Expectation]

    init(
        user: ByteString?, scopes: [[UInt8]], claims: [UInt8], expiresAt: UInt64, expectations: [Expectation]
    ) {
        self.user = user
        self.scopes = scopes
        self.claims = claims
        self.expiresAt = expiresAt
        self.expectations = expectations
    }
}

/// What a token was found to say.
struct VerifiedToken {
    let claims: Claims
    let json: [UInt8]
    let user: [UInt8]?
    let scopes: [[UInt8]]
    let expiresAt: UInt64

    func principal(_ expectations: [Expectation]) -> Principal {
        Principal(
            user: user.map { ByteString($0) }, scopes: scopes, claims: json, expiresAt: expiresAt,
            expectations: expectations)
    }

    /// Whether it will do for a route.
    func check(
        _ expectations: [Expectation], scopes needed: [[UInt8]], needsUser: Bool
    ) throws(TokenFault) {
        if needsUser, user == nil { throw .noUser }
        for scope in needed where !scopes.contains(scope) { throw .scopeMissing }
        for expected in expectations where !claims.has(expected.claim, expected.value) { throw .claimDiffers }
    }
}
