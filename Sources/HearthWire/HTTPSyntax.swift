// The characters of HTTP (RFC 9110 5.5, 5.6, RFC 3986 2) and comparing names.

package enum HTTPSyntax {
    /// RFC 9110 5.6.2.
    @inline(__always)
    package static func isTokenCharacter(_ byte: UInt8) -> Bool {
        // A bit for each of the characters up to 0x7F: digits, letters and !#$%&'*+-.^_`|~.
        let half: UInt64 = byte < 0x40 ? 0x03FF_6CFA_0000_0000 : 0x57FF_FFFF_C7FF_FFFE
        return byte < 0x80 && half &>> UInt64(byte & 0x3F) & 1 != 0
    }

    /// The index of the first byte that is a control character, or `to`. It may stop earlier.
    @inline(__always)
    static func skipVisible(_ bytes: borrowing Span<UInt8>, _ from: Int, _ to: Int) -> Int {
        precondition(from >= 0 && from <= to && to <= bytes.count, "range beyond the bytes")
        let raw = unsafe bytes.bytes
        var index = from
        while index &+ 8 <= to {
            // Every load ends at `to` or before, which was checked.
            let word = unsafe raw.unsafeLoadUnaligned(fromUncheckedByteOffset: index, as: UInt64.self)
            // The high bit of a byte is set if the byte is below 0x20, above 0x7E, or behind one that is.
            let low = (word &- 0x2020_2020_2020_2020) | word | (word &+ 0x0101_0101_0101_0101)
            if low & 0x8080_8080_8080_8080 != 0 { break }
            index &+= 8
        }
        while index < to, bytes[index] >= 0x20, bytes[index] < 0x7F { index &+= 1 }
        return index
    }

    package static func isToken(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>) -> Bool {
        for index in range where !isTokenCharacter(bytes[index]) { return false }
        return !range.isEmpty
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

    /// Whether the bytes are the word, which is in lower case, whatever the case of theirs.
    @_optimize(speed)
    package static func matches(
        _ bytes: borrowing Span<UInt8>, _ range: Range<Int>, _ word: StaticString
    ) -> Bool {
        if range.count != word.utf8CodeUnitCount { return false }
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count, "range beyond the bytes")
        let start = range.lowerBound
        for index in 0..<range.count {
            let byte = unsafe bytes[unchecked: start &+ index]
            let lower = byte &- 0x41 < 26 ? byte | 0x20 : byte
            // A static text lives as long as the program, and both counts are the same.
            if unsafe word.utf8Start[index] != lower { return false }
        }
        return true
    }

    /// The same with the word's case.
    static func equals(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>, _ word: StaticString) -> Bool {
        if range.count != word.utf8CodeUnitCount { return false }
        // As above.
        for index in 0..<range.count where unsafe word.utf8Start[index] != bytes[range.lowerBound + index] {
            return false
        }
        return true
    }

    /// The same with a name that the program chose.
    static func equals(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>, _ name: [UInt8]) -> Bool {
        if range.count != name.count { return false }
        for index in 0..<name.count where bytes[range.lowerBound + index] != name[index] { return false }
        return true
    }

    /// The range without spaces and tabs at its ends.
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
