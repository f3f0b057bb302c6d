// Base64 (RFC 4648 4), with padding and without line breaks.

package enum Base64 {
    package static func encode(_ bytes: borrowing Span<UInt8>, into text: inout [UInt8]) {
        if bytes.count == 0 { return }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: encodedCount(bytes.count)) { place in
            encode(bytes, to: place.baseAddress!)
            text.append(contentsOf: UnsafeRawBufferPointer(place))
        }
    }

    package static func encodedCount(_ count: Int) -> Int { (count + 2) / 3 * 4 }

    /// Writes the text to `place`, where there is room for as many bytes as `encodedCount` says.
    @_optimize(speed)
    package static func encode(_ bytes: borrowing Span<UInt8>, to place: UnsafeMutablePointer<UInt8>) {
        // A static text lives as long as the program; six bits are below its count.
        let characters = alphabet.utf8Start
        var target = place
        var index = 0
        while index < bytes.count {
            let left = bytes.count &- index
            // Not beyond the count, as `left` says.
            let first = UInt32(bytes[unchecked: index])
            let second = left > 1 ? UInt32(bytes[unchecked: index &+ 1]) : 0
            let third = left > 2 ? UInt32(bytes[unchecked: index &+ 2]) : 0
            let group = first &<< 16 | second &<< 8 | third
            target[0] = characters[Int(group &>> 18)]
            target[1] = characters[Int(group &>> 12 & 0x3F)]
            target[2] = left > 1 ? characters[Int(group &>> 6 & 0x3F)] : padding
            target[3] = left > 2 ? characters[Int(group & 0x3F)] : padding
            index &+= 3
            target += 4
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
        precondition(range.lowerBound >= 0, "range beyond the bytes")
        for index in range.lowerBound..<(range.upperBound &- 2) {
            // The last index was looked at, and the first compared.
            let character = text[unchecked: index]
            // A bit for each of the characters up to 0x7F.
            let half: UInt64 = character < 0x40 ? 0x03FF_8800_0000_0000 : 0x07FF_FFFE_07FF_FFFE
            if character >= 0x80 || half &>> UInt64(character & 0x3F) & 1 == 0 { return false }
        }
        return true
    }

    private static var padding: UInt8 { UInt8(ascii: "=") }

    private static var alphabet: StaticString {
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
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
