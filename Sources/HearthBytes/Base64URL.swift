// Base64 for URLs (RFC 4648 5), without padding, as tokens have it (RFC 7515 2).

package enum Base64URL {
    /// Whether the range is what some bytes, at least one, are encoded to.
    package static func isText(_ text: borrowing Span<UInt8>, _ range: Range<Int>) -> Bool {
        if range.isEmpty || range.count % 4 == 1 { return false }
        for index in range where value(text[index]) == nil { return false }
        // RFC 4648 3.5: the bits that no byte takes must be zero.
        let last = value(text[range.upperBound - 1])!
        switch range.count % 4 {
        case 2: return last & 0x0F == 0
        case 3: return last & 0x03 == 0
        default: return true
        }
    }

    /// Appends what the range stands for. False: it is not base64url, and nothing was appended.
    package static func decode(
        _ text: borrowing Span<UInt8>, _ range: Range<Int>, into bytes: inout [UInt8]
    ) -> Bool {
        if !isText(text, range) { return false }
        var group: UInt32 = 0
        var bits = 0
        for index in range {
            group = group << 6 | UInt32(value(text[index])!)
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: group >> UInt32(bits)))
            }
        }
        return true
    }

    package static func encode(_ bytes: borrowing Span<UInt8>, into text: inout [UInt8]) {
        let start = text.count
        Base64.encode(bytes, into: &text)
        while text.last == UInt8(ascii: "=") { text.removeLast() }
        for index in start..<text.count {
            if text[index] == UInt8(ascii: "+") { text[index] = UInt8(ascii: "-") }
            if text[index] == UInt8(ascii: "/") { text[index] = UInt8(ascii: "_") }
        }
    }

    private static func value(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): character - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): character - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0") + 52
        case UInt8(ascii: "-"): 62
        case UInt8(ascii: "_"): 63
        default: nil
        }
    }
}
