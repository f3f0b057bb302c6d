// Percent-encoding (RFC 3986 2.1).

package import HearthBytes

package enum PercentCoding {
    /// Appends what the range of `text` stands for. False: an escape is broken, or the result would have a
    /// NUL or not be UTF-8; then nothing was appended.
    package static func decode(
        _ text: borrowing Span<UInt8>, _ range: Range<Int>, into decoded: inout TextBuffer
    ) -> Bool {
        let start = decoded.count
        if decodeEscapes(text, range, &decoded), isText(decoded.bytes, from: start) { return true }
        decoded.truncate(to: start)
        return false
    }

    package static func decode(
        _ text: borrowing Span<UInt8>, _ range: Range<Int>, into bytes: inout [UInt8]
    ) -> Bool {
        var decoded = TextBuffer()
        let isDecoded = decode(text, range, into: &decoded)
        if isDecoded { unsafe bytes.append(contentsOf: UnsafeRawBufferPointer(decoded.bytes)) }
        decoded.deallocate()
        return isDecoded
    }

    private static func isText(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Bool {
        let bytes = unsafe bytes.span
        return UTF8Validator.isValid(bytes, start, bytes.count)
    }

    private static func decodeEscapes(
        _ text: borrowing Span<UInt8>, _ range: Range<Int>, _ decoded: inout TextBuffer
    ) -> Bool {
        var index = range.lowerBound
        while index < range.upperBound {
            let percent = HTTPSyntax.find(UInt8(ascii: "%"), text, index..<range.upperBound)
            if HTTPSyntax.find(0, text, index..<percent) < percent { return false }
            decoded.append(text, index..<percent)
            if percent == range.upperBound { return true }
            guard percent + 2 < range.upperBound,
                let high = HTTPSyntax.hexadecimalValue(text[percent + 1]),
                let low = HTTPSyntax.hexadecimalValue(text[percent + 2]), high | low != 0
            else { return false }
            decoded.append(high << 4 | low)
            index = percent + 3
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
