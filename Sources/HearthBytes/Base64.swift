// Base64 (RFC 4648 4), with padding and without line breaks.

package enum Base64 {
    @_optimize(speed)
    package static func encode(_ bytes: borrowing Span<UInt8>, into text: inout [UInt8]) {
        var place = text.count
        text.append(contentsOf: repeatElement(padding, count: (bytes.count + 2) / 3 * 4))
        var target = text.mutableSpan
        var index = 0
        while index < bytes.count {
            let left = bytes.count - index
            let second = left > 1 ? UInt32(bytes[index + 1]) : 0
            let third = left > 2 ? UInt32(bytes[index + 2]) : 0
            let group = UInt32(bytes[index]) << 16 | second << 8 | third
            target[place] = character(group >> 18)
            target[place + 1] = character(group >> 12)
            if left > 1 { target[place + 2] = character(group >> 6) }
            if left > 2 { target[place + 3] = character(group) }
            index += 3
            place += 4
        }
    }

    /// How many bytes the text stands for; nil: it is not base64.
    package static func decodedCount(_ text: borrowing Span<UInt8>, _ range: Range<Int>) -> Int? {
        guard range.count % 4 == 0 else { return nil }
        var end = range.upperBound
        while end > range.lowerBound, range.upperBound - end < 2, text[end - 1] == padding { end -= 1 }
        for index in range.lowerBound..<end where value(text[index]) == nil { return nil }
        let padded = range.upperBound - end
        // RFC 4648 3.5: the bits that no byte takes must be zero.
        if padded > 0, value(text[end - 1])! & (padded == 1 ? 0x03 : 0x0F) != 0 { return nil }
        return range.count / 4 * 3 - padded
    }

    /// Appends what the text stands for. False: it is not base64, and nothing was appended.
    package static func decode(
        _ text: borrowing Span<UInt8>, _ range: Range<Int>, into bytes: inout [UInt8]
    ) -> Bool {
        guard let count = decodedCount(text, range) else { return false }
        let end = bytes.count + count
        var index = range.lowerBound
        while index < range.upperBound {
            var group: UInt32 = 0
            for place in index..<(index + 4) { group = group << 6 | UInt32(value(text[place]) ?? 0) }
            for place in 0..<3 where bytes.count < end {
                bytes.append(UInt8(truncatingIfNeeded: group >> UInt32(16 - 8 * place)))
            }
            index += 4
        }
        return true
    }

    /// Whether the text decodes to 16 bytes, as a Sec-WebSocket-Key must (RFC 6455 4.2.1). Unused bits may be
    /// set: the key is echoed as text and never decoded.
    @_optimize(speed)
    package static func isKeyOf16Bytes(_ text: borrowing Span<UInt8>, _ range: Range<Int>) -> Bool {
        guard range.count == 24, text[range.upperBound - 1] == padding, text[range.upperBound - 2] == padding
        else {
            return false
        }
        for index in range.dropLast(2) where value(text[index]) == nil { return false }
        return true
    }

    private static var padding: UInt8 { UInt8(ascii: "=") }

    private static func character(_ bits: UInt32) -> UInt8 {
        let value = UInt8(truncatingIfNeeded: bits & 0x3F)
        switch value {
        case 0...25: return UInt8(ascii: "A") + value
        case 26...51: return UInt8(ascii: "a") + value - 26
        case 52...61: return UInt8(ascii: "0") + value - 52
        case 62: return UInt8(ascii: "+")
        default: return UInt8(ascii: "/")
        }
    }

    private static func value(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): character - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): character - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
