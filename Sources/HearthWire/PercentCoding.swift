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

    /// Appends the escape of a byte.
    static func encode(_ byte: UInt8, into text: inout [UInt8]) {
        text.append(UInt8(ascii: "%"))
        text.append(digit(byte >> 4))
        text.append(digit(byte & 0x0F))
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
    }
}
