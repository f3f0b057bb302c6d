// Sec-WebSocket-Extensions, read (RFC 6455 9.1): names by commas, each with parameters by semicolons, whose
// values are tokens or quoted tokens. Numbers are all that is ever asked of a value.

package struct ExtensionParameter {
    package let name: Range<Int>
    package let hasValue: Bool
    /// The value, if it is one or two digits without a leading zero.
    package let number: Int?
}

/// Goes through the value of one field, front to back: ask for an extension, then for its parameters.
package struct ExtensionCursor {
    private var position: Int
    private let end: Int
    private var isInExtension = false
    /// What follows the last answer is no list of extensions.
    package private(set) var isMalformed = false

    package init(_ value: Range<Int>) {
        position = value.lowerBound
        end = value.upperBound
    }

    /// The name of the next extension, whatever was left unread of the one before.
    package mutating func nextExtension(_ bytes: borrowing Span<UInt8>) -> Range<Int>? {
        while nextParameter(bytes) != nil {}
        // RFC 9110 5.6.1: empty items of a list do not count.
        while take(bytes, UInt8(ascii: ",")) {}
        if isMalformed || position == end { return nil }
        isInExtension = true
        return takeToken(bytes)
    }

    /// nil: the extension has no more, or what follows is malformed.
    package mutating func nextParameter(_ bytes: borrowing Span<UInt8>) -> ExtensionParameter? {
        guard isInExtension, !isMalformed else { return nil }
        guard take(bytes, UInt8(ascii: ";")) else {
            isInExtension = false
            isMalformed = position < end && bytes[position] != UInt8(ascii: ",")
            return nil
        }
        guard let name = takeToken(bytes) else { return nil }
        guard take(bytes, UInt8(ascii: "=")) else {
            return ExtensionParameter(name: name, hasValue: false, number: nil)
        }
        let number = takeValue(bytes)
        return isMalformed ? nil : ExtensionParameter(name: name, hasValue: true, number: number)
    }

    // MARK: Words

    private mutating func skipSpace(_ bytes: borrowing Span<UInt8>) {
        while position < end, bytes[position] == 0x20 || bytes[position] == 0x09 { position += 1 }
    }

    /// Takes the byte, with the space around it, if it is the next.
    private mutating func take(_ bytes: borrowing Span<UInt8>, _ byte: UInt8) -> Bool {
        skipSpace(bytes)
        guard position < end, bytes[position] == byte else { return false }
        position += 1
        skipSpace(bytes)
        return true
    }

    private mutating func takeToken(_ bytes: borrowing Span<UInt8>) -> Range<Int>? {
        let start = position
        while position < end, HTTPSyntax.isTokenCharacter(bytes[position]) { position += 1 }
        if position == start {
            isMalformed = true
            return nil
        }
        return start..<position
    }

    /// RFC 6455 9.1: "When using the quoted-string syntax variant, the value after quoted-string unescaping
    /// MUST conform to the 'token' ABNF."
    private mutating func takeValue(_ bytes: borrowing Span<UInt8>) -> Int? {
        let isQuoted = position < end && bytes[position] == UInt8(ascii: "\"")
        if isQuoted { position += 1 }
        var digits = SmallNumber()
        while position < end {
            var byte = bytes[position]
            if isQuoted, byte == UInt8(ascii: "\\"), position + 1 < end {
                position += 1
                byte = bytes[position]
            }
            guard HTTPSyntax.isTokenCharacter(byte) else { break }
            digits.append(byte)
            position += 1
        }
        if isQuoted {
            guard position < end, bytes[position] == UInt8(ascii: "\"") else {
                isMalformed = true
                return nil
            }
            position += 1
        }
        if digits.count == 0 { isMalformed = true }
        return digits.value
    }
}

private struct SmallNumber {
    private(set) var count = 0
    private var number: Int? = 0

    mutating func append(_ byte: UInt8) {
        count += 1
        let isDigit = HTTPSyntax.isDigit(byte) && !(count == 1 && byte == UInt8(ascii: "0")) && count <= 2
        number = isDigit ? number.map { $0 * 10 + Int(byte - UInt8(ascii: "0")) } : nil
    }

    var value: Int? { count == 0 ? nil : number }
}
