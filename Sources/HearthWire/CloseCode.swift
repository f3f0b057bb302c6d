// Why a connection was closed (RFC 6455 7.4 and the registry of IANA).

package struct CloseCode: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt16

    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let normal = CloseCode(rawValue: 1000)
    package static let goingAway = CloseCode(rawValue: 1001)
    package static let protocolError = CloseCode(rawValue: 1002)
    package static let unsupportedData = CloseCode(rawValue: 1003)
    /// Told to a program when the peer's close frame had no code; never on the wire.
    package static let noStatus = CloseCode(rawValue: 1005)
    /// Told to a program when the connection ended without a close frame; never on the wire.
    package static let abnormal = CloseCode(rawValue: 1006)
    package static let invalidPayload = CloseCode(rawValue: 1007)
    package static let policyViolation = CloseCode(rawValue: 1008)
    package static let messageTooBig = CloseCode(rawValue: 1009)
    package static let mandatoryExtension = CloseCode(rawValue: 1010)
    package static let internalError = CloseCode(rawValue: 1011)
    package static let serviceRestart = CloseCode(rawValue: 1012)
    package static let tryAgainLater = CloseCode(rawValue: 1013)
    package static let badGateway = CloseCode(rawValue: 1014)
    /// Told to a program when TLS could not be set up; never on the wire.
    package static let tlsHandshake = CloseCode(rawValue: 1015)

    /// Whether a close frame may carry the code (7.4.1, 7.4.2).
    package var isValidOnWire: Bool {
        switch rawValue {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }

    /// Whether a program may close with the code: 1002 is for the protocol's own use.
    package var mayBeSentByHost: Bool { isValidOnWire && self != .protocolError }

    /// RFC 6455 5.5: a control frame has at most 125 bytes, of which the code takes two.
    package static var reasonBytesMax: Int { 123 }

    /// As much of a reason in UTF-8 as fits into a close frame, without half a character.
    package static func shortened(_ reason: [UInt8]) -> [UInt8] {
        if reason.count <= reasonBytesMax { return reason }
        var count = reasonBytesMax
        while count > 0, reason[count] & 0xC0 == 0x80 { count -= 1 }
        return Array(reason[..<count])
    }
}
