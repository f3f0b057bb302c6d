// Close codes of the library's own, and the codes that stand for them where clients expect others. 4000 to
// 4099 belong to programs. 4100 to 4499: come back; 4500 to 4999: coming back will not help.

package enum OwnCloseCode: UInt16, CaseIterable, Sendable {
    case reconnectNow = 4100
    case draining = 4101
    case slowConsumer = 4102
    case noPong = 4103
    case resynchronize = 4104
    case rateExceeded = 4105
    /// Get a new token, then come back.
    case tokenExpired = 4106
    case evictedAsStale = 4107
    case overloaded = 4108
    case unauthenticated = 4500
    case invalidToken = 4501
    case forbidden = 4502
    case tooManyConnections = 4503
    case replaced = 4504
    case kicked = 4505
    case badRequest = 4506
    case helloTimedOut = 4507
    case protocolMismatch = 4508
    case revoked = 4509
}

/// Which codes are sent for them.
package enum CloseCodeProfile: UInt8, Sendable {
    case own
    /// 4001 without a token, 4003 with one that does not do, 4008 for too many connections.
    case classic
    /// 1008 (policy violation) for all of these.
    case policy

    package func code(_ code: OwnCloseCode) -> UInt16 {
        switch self {
        case .own: return code.rawValue
        case .classic:
            switch code {
            case .draining: return CloseCode.goingAway.rawValue
            case .unauthenticated: return 4001
            case .invalidToken, .forbidden, .tokenExpired: return 4003
            case .tooManyConnections: return 4008
            default: return code.rawValue
            }
        case .policy:
            switch code {
            case .draining: return CloseCode.goingAway.rawValue
            case .unauthenticated, .invalidToken, .forbidden, .tokenExpired, .tooManyConnections:
                return CloseCode.policyViolation.rawValue
            default: return code.rawValue
            }
        }
    }
}
