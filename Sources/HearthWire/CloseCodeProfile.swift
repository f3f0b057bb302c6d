/// Which codes are sent for those of `OwnCloseCode`, where clients expect others.
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
