// Why a connection was closed (RFC 6455 7.4 and the registry of IANA).

package struct CloseCode: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt16

    package init(rawValue: UInt16) { self.rawValue = rawValue }

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
