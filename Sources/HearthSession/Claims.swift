// What a token says, after its JSON was read.

internal import HearthBytes

/// A simple value, or what counts as none.
package enum ClaimValue: Equatable, Sendable {
    case text([UInt8])
    case integer(Int64)
    case real(Double)
    case flag(Bool)
    case other

    /// As a rule writes it; nil: it can be compared with no text.
    package var comparable: [UInt8]? {
        switch self {
        case .text(let text): return text
        case .integer(let number):
            var text: [UInt8] = number < 0 ? [UInt8(ascii: "-")] : []
            append(decimal: Int(clamping: number.magnitude), to: &text)
            return text
        case .flag(let isTrue): return ByteString(isTrue ? "true" : "false").bytes
        case .real, .other: return nil
        }
    }
}

package struct Claim: Equatable, Sendable {
    /// A member of an object that is a claim has the names of both, with a dot between.
    package let name: [UInt8]
    /// One, or the elements of a list.
    package let values: [ClaimValue]
    package let isList: Bool

    package init(name: [UInt8], list values: [ClaimValue]) {
        self.name = name
        self.values = values
        isList = true
    }

    package init(name: [UInt8], value: ClaimValue) {
        self.name = name
        values = [value]
        isList = false
    }
}

package struct Claims: Sendable {
    package var list: [Claim]

    package init(_ list: [Claim]) { self.list = list }

    package func values(of name: [UInt8]) -> [ClaimValue]? {
        for claim in list where claim.name == name { return claim.values }
        return nil
    }

    /// nil: the claim is not there, or a list.
    package func value(of name: [UInt8]) -> ClaimValue? {
        for claim in list where claim.name == name { return claim.isList ? nil : claim.values[0] }
        return nil
    }

    /// Whether the claim has that value, or is a list that has it.
    package func has(_ name: [UInt8], _ value: [UInt8]) -> Bool {
        for found in values(of: name) ?? [] where found.comparable == value { return true }
        return false
    }

    /// Who it is; nil: the claim is not there or is no text or number.
    package func user(_ name: [UInt8]) -> [UInt8]? {
        switch value(of: name) {
        // A control character could end a line of a log or of a header.
        case .text(let text): return text.isEmpty || Self.hasControl(text) ? nil : text
        case .integer(let number): return ClaimValue.integer(number).comparable
        case .real, .flag, .other, nil: return nil
        }
    }

    /// Whether the text has a control character: C0, DEL, or C1 in UTF-8.
    private static func hasControl(_ text: [UInt8]) -> Bool {
        for (index, byte) in text.enumerated() {
            if byte < 0x20 || byte == 0x7F { return true }
            if byte == 0xC2, index + 1 < text.count, text[index + 1] < 0xA0 { return true }
        }
        return false
    }

    /// The words of all claims of these names: a text has them separated by spaces (RFC 8693 4.2), a list as
    /// its elements.
    package func scopes(_ names: [[UInt8]]) -> [[UInt8]] {
        var scopes: [[UInt8]] = []
        for name in names {
            for value in values(of: name) ?? [] {
                guard case .text(let text) = value, !Self.hasControl(text) else { continue }
                for word in text.split(separator: 0x20) where !scopes.contains(Array(word)) {
                    scopes.append(Array(word))
                }
            }
        }
        return scopes
    }

    /// A moment in milliseconds since 1970 (RFC 7519 2, NumericDate); nil: the claim is not there.
    func moment(_ name: StaticString) throws(TokenFault) -> Int64? {
        let name = ByteString(name).bytes
        if values(of: name) == nil { return nil }
        switch value(of: name) {
        case .integer(let seconds):
            if seconds < -Self.secondsMax || seconds > Self.secondsMax { throw .badTime }
            return seconds * 1000
        case .real(let seconds):
            guard seconds.isFinite, seconds.magnitude <= Double(Self.secondsMax) else { throw .badTime }
            return Int64(seconds * 1000)
        case .text, .flag, .other, nil: throw .badTime
        }
    }

    /// Some 30,000 years, so that sums of milliseconds do not overflow.
    private static var secondsMax: Int64 { 1_000_000_000_000 }
}
