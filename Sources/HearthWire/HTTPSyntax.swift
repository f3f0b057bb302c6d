// The characters of HTTP (RFC 9110 5.5, 5.6, RFC 3986 2) and comparing names.

package enum HTTPSyntax {
    /// RFC 9110 5.6.2.
    @inline(__always)
    package static func isTokenCharacter(_ byte: UInt8) -> Bool {
        // A bit for each of the characters up to 0x7F: digits, letters and !#$%&'*+-.^_`|~.
        let half: UInt64 = byte < 0x40 ? 0x03FF_6CFA_0000_0000 : 0x57FF_FFFF_C7FF_FFFE
        return byte < 0x80 && half &>> UInt64(byte & 0x3F) & 1 != 0
    }

    /// Whether a field's value may have the byte (RFC 9110 5.5): visible, space, tab, or beyond ASCII.
    package static func isValueCharacter(_ byte: UInt8) -> Bool { byte >= 0x20 ? byte != 0x7F : byte == 0x09 }

    static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

    static func hexadecimalValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }

    /// Whether the bytes are the name, which the program chose.
    static func equals(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>, _ name: [UInt8]) -> Bool {
        if range.count != name.count { return false }
        for index in 0..<name.count where bytes[range.lowerBound + index] != name[index] { return false }
        return true
    }

    /// The range without spaces and tabs at its ends.
    @inline(__always)
    static func trim(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>) -> Range<Int> {
        var start = range.lowerBound
        var end = range.upperBound
        while start < end, bytes[start] == 0x20 || bytes[start] == 0x09 { start += 1 }
        while end > start, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end -= 1 }
        return start..<end
    }

    /// The next item of a comma-separated list (RFC 9110 5.6.1), which is taken off `rest`; empty items do
    /// not count.
    static func takeItem(_ bytes: borrowing Span<UInt8>, _ rest: inout Range<Int>) -> Range<Int>? {
        while !rest.isEmpty {
            var end = rest.lowerBound
            while end < rest.upperBound, bytes[end] != UInt8(ascii: ",") { end += 1 }
            let item = trim(bytes, rest.lowerBound..<end)
            rest = min(end + 1, rest.upperBound)..<rest.upperBound
            if !item.isEmpty { return item }
        }
        return nil
    }

    /// Whether the bytes are tokens, with commas between them, each there once, as the subprotocols that a
    /// client offers must be (RFC 6455 4.1).
    package static func isTokenList(_ bytes: borrowing Span<UInt8>) -> Bool {
        var rest = 0..<bytes.count
        while let item = takeItem(bytes, &rest) {
            if !isToken(bytes, item) { return false }
            var others = rest
            while let other = takeItem(bytes, &others) {
                if other.count == item.count, isSame(bytes, item, other) { return false }
            }
        }
        return true
    }

    private static func isSame(
        _ bytes: borrowing Span<UInt8>, _ left: Range<Int>, _ right: Range<Int>
    ) -> Bool {
        for index in 0..<left.count
        where bytes[left.lowerBound + index] != bytes[right.lowerBound + index] { return false }
        return true
    }
}
