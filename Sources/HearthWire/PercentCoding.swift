// Percent-encoding (RFC 3986 2.1).

internal import HearthBytes

package enum PercentCoding {
    /// Appends what the range of `text` stands for. False: an escape is broken, or the result would have a
    /// NUL or not be UTF-8; then nothing was appended.
    package static func decode(
        _ text: borrowing Span<UInt8>, _ range: Range<Int>, into bytes: inout [UInt8]
    ) -> Bool {
        let start = bytes.count
        if decodeEscapes(text, range, &bytes), UTF8Validator.isValid(bytes.span, start, bytes.count) {
            return true
        }
        bytes.removeSubrange(start...)
        return false
    }

    private static func decodeEscapes(
        _ text: borrowing Span<UInt8>, _ range: Range<Int>, _ bytes: inout [UInt8]
    ) -> Bool {
        var index = range.lowerBound
        while index < range.upperBound {
            var byte = text[index]
            index += 1
            if byte == UInt8(ascii: "%") {
                guard index + 1 < range.upperBound, let high = HTTPSyntax.hexadecimalValue(text[index]),
                    let low = HTTPSyntax.hexadecimalValue(text[index + 1])
                else { return false }
                byte = high << 4 | low
                index += 2
            }
            if byte == 0 { return false }
            bytes.append(byte)
        }
        return true
    }
}
