// The algorithms that a token may be signed with (RFC 7518 3.1, RFC 8037 3.1, RFC 9864 2.2). "none" is not
// among them.

internal import HearthBytes

/// What kind of key an algorithm works with. A key of one kind is never used for another: a public key is no
/// secret (RFC 8725 3.1).
package enum TokenKeyType: UInt8, Sendable { case secret, rsa, p256, p384, p521, ed25519 }

package enum TokenAlgorithm: UInt8, CaseIterable, Sendable {
    case hs256, hs384, hs512
    case rs256, rs384, rs512
    case ps256, ps384, ps512
    case es256, es384, es512
    /// The first name of the second, which RFC 9864 deprecates.
    case edDSA, ed25519

    package var name: StaticString {
        switch self {
        case .hs256: "HS256"
        case .hs384: "HS384"
        case .hs512: "HS512"
        case .rs256: "RS256"
        case .rs384: "RS384"
        case .rs512: "RS512"
        case .ps256: "PS256"
        case .ps384: "PS384"
        case .ps512: "PS512"
        case .es256: "ES256"
        case .es384: "ES384"
        case .es512: "ES512"
        case .edDSA: "EdDSA"
        case .ed25519: "Ed25519"
        }
    }

    package var keyType: TokenKeyType {
        switch self {
        case .hs256, .hs384, .hs512: .secret
        case .rs256, .rs384, .rs512, .ps256, .ps384, .ps512: .rsa
        case .es256: .p256
        case .es384: .p384
        case .es512: .p521
        case .edDSA, .ed25519: .ed25519
        }
    }

    /// RFC 7518 3.2, 3.3: a secret is as long as the digest at least, an RSA key has 2048 bits.
    package var keyBitsMin: Int {
        switch self {
        case .hs256: 256
        case .hs384: 384
        case .hs512: 512
        case .rs256, .rs384, .rs512, .ps256, .ps384, .ps512: 2048
        case .es256, .es384, .es512, .edDSA, .ed25519: 0
        }
    }

    /// By its exact name; nil: there is none.
    package static func named(_ name: [UInt8]) -> TokenAlgorithm? {
        for algorithm in allCases where ByteString(algorithm.name).bytes == name { return algorithm }
        return nil
    }
}
