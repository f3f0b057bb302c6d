// Whether a token will do, apart from its signature: its header before it is verified, its claims after.

internal import HearthBytes

/// Why a token is refused. None of the sentences has anything of the token in it.
package enum TokenFault: Error, CaseIterable, Sendable {
    case missing
    case tooLarge
    case notCompact
    case badHeader
    case algorithmNotAllowed
    case critical
    case encryptedOrNested
    case otherType
    case noKey
    case badSignature
    case badClaims
    case badTime
    case expired
    case notYetValid
    case missingClaim
    case wrongIssuer
    case wrongAudience
    case noUser
    case userTooLong
    case otherUser
    case scopeMissing
    case claimDiffers

    package var sentence: StaticString {
        switch self {
        case .missing: "a token is required"
        case .tooLarge: "the token is longer than max_jwt_size"
        case .notCompact: "the token is not three parts of base64url with dots between"
        case .badHeader: "the header of the token is not a JSON object with an algorithm"
        case .algorithmNotAllowed: "the algorithm of the token is not one of jwt_algorithms"
        case .critical: "the header of the token asks for extensions that are not known"
        case .encryptedOrNested: "the token is encrypted, compressed or holds another token"
        case .otherType: "the token is of another type"
        case .noKey: "there is no key for the token"
        case .badSignature: "the signature of the token is wrong"
        case .badClaims: "the claims of the token are not a JSON object with unique names"
        case .badTime: "exp, nbf or iat of the token is not a number of seconds"
        case .expired: "the token has expired"
        case .notYetValid: "the token is not valid yet"
        case .missingClaim: "the token lacks a claim of jwt_required_claims"
        case .wrongIssuer: "the token is from another issuer"
        case .wrongAudience: "the token is for another audience"
        case .noUser: "the token names no user"
        case .userTooLong: "the user of the token is longer than max_user_name"
        case .otherUser: "the token is another user's"
        case .scopeMissing: "the token lacks a scope"
        case .claimDiffers: "a claim of the token differs from what the path asks for"
        }
    }

    /// The token is good, but not for this.
    package var isForbidden: Bool {
        switch self {
        case .otherUser, .scopeMissing, .claimDiffers: true
        default: false
        }
    }
}

/// What the header of a token says (RFC 7515 4.1).
package struct TokenHeader: Sendable {
    package var algorithm: [UInt8] = []
    package var keyID: [UInt8]?
    package var type: [UInt8]?
    /// It has crit or b64.
    package var hasExtensions = false
    /// It has enc, zip, or cty of a token.
    package var isWrapped = false

    package init() {}
}

package struct TokenRules: Sendable {
    package var algorithms: [TokenAlgorithm] = []
    /// Empty: any.
    package var issuers: [[UInt8]] = []
    /// Empty: a token that is for somebody is for somebody else. "*": any.
    package var audiences: [[UInt8]] = []
    /// Empty: none, "JWT" or "at+jwt".
    package var type: [UInt8] = []
    package var requiredClaims: [[UInt8]] = []
    package var userClaim: [UInt8] = []
    package var scopeClaims: [[UInt8]] = []
    /// Milliseconds.
    package var leeway: Int64 = 0

    package init() {}

    package func check(_ header: TokenHeader) throws(TokenFault) -> TokenAlgorithm {
        guard let algorithm = TokenAlgorithm.named(header.algorithm), algorithms.contains(algorithm) else {
            throw .algorithmNotAllowed
        }
        if header.hasExtensions { throw .critical }
        if header.isWrapped { throw .encryptedOrNested }
        if !isType(header.type) { throw .otherType }
        return algorithm
    }

    /// RFC 7515 4.1.9: names of media types, in which "application/" may be left out.
    private func isType(_ given: [UInt8]?) -> Bool {
        guard let given else { return type.isEmpty }
        let name = withoutApplication(given)
        if !type.isEmpty { return name == withoutApplication(type) }
        return name == ByteString("jwt").bytes || name == ByteString("at+jwt").bytes
    }

    private func withoutApplication(_ type: [UInt8]) -> [UInt8] {
        let lower = type.map { $0 &- 0x41 < 26 ? $0 | 0x20 : $0 }
        let prefix = ByteString("application/").bytes
        return lower.starts(with: prefix) ? Array(lower.dropFirst(prefix.count)) : lower
    }

    /// `now`: milliseconds since 1970. Returns when the token expires, leeway included; nil: never.
    package func check(_ claims: Claims, now: Int64) throws(TokenFault) -> Int64? {
        let expiresAt = try claims.moment("exp")
        // RFC 7519 4.1.4, 4.1.5: not on or after exp, not before nbf.
        if let expiresAt, now >= expiresAt + leeway { throw .expired }
        if let notBefore = try claims.moment("nbf"), now < notBefore - leeway { throw .notYetValid }
        if let issuedAt = try claims.moment("iat"), now < issuedAt - leeway { throw .notYetValid }
        for name in requiredClaims where claims.values(of: name) == nil { throw .missingClaim }
        if !issuers.isEmpty {
            guard case .text(let issuer)? = claims.value(of: ByteString("iss").bytes),
                issuers.contains(issuer)
            else { throw .wrongIssuer }
        }
        if !isForUs(claims) { throw .wrongAudience }
        return expiresAt.map { $0 + leeway }
    }

    /// RFC 7519 4.1.3: who does not find itself in the audience must reject the token.
    private func isForUs(_ claims: Claims) -> Bool {
        if audiences.contains([UInt8(ascii: "*")]) { return true }
        guard let values = claims.values(of: ByteString("aud").bytes) else { return audiences.isEmpty }
        for value in values {
            if case .text(let audience) = value, audiences.contains(audience) { return true }
        }
        return false
    }
}
