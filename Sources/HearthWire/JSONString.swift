// Strings of a JSON text: compared, decoded, measured and written. `range` is what lies between the quotation
// marks of a string that was checked before.

internal import HearthBytes

package enum JSONString {
    /// Whether the string is this text.
    package static func equals(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>, _ text: [UInt8]) -> Bool {
        if hasEscape(bytes, range) {
            var decoded: [UInt8] = []
            return decode(bytes, range, into: &decoded) && decoded == text
        }
        if range.count != text.count { return false }
        for offset in 0..<text.count where bytes[range.lowerBound + offset] != text[offset] { return false }
        return true
    }

    /// Appends the text of the string. False: half of a surrogate pair stands alone, which no text can hold.
    package static func decode(
        _ bytes: borrowing Span<UInt8>, _ range: Range<Int>, into text: inout [UInt8]
    ) -> Bool {
        var index = range.lowerBound
        while index < range.upperBound {
            if bytes[index] != UInt8(ascii: "\\") {
                text.append(bytes[index])
                index += 1
                continue
            }
            guard let scalar = escape(bytes, &index, range.upperBound), !(0xD800...0xDFFF).contains(scalar)
            else { return false }
            append(scalar: scalar, to: &text)
        }
        return true
    }

    /// How many characters (code points) the string has without the white space around them, and where those
    /// lie.
    package static func measure(
        _ bytes: borrowing Span<UInt8>, _ range: Range<Int>
    ) -> (trimmed: Range<Int>, characters: Int) {
        var index = range.lowerBound
        var trimmed = range.lowerBound..<range.lowerBound
        var characters = 0
        var spaces = 0
        while index < range.upperBound {
            let start = index
            let scalar =
                bytes[index] == UInt8(ascii: "\\")
                ? escape(bytes, &index, range.upperBound) ?? 0xFFFD : character(bytes, &index)
            if isSpace(scalar) {
                spaces += 1
                continue
            }
            if characters == 0 {
                trimmed = start..<index
                characters = 1
            } else {
                trimmed = trimmed.lowerBound..<index
                characters += spaces + 1
            }
            spaces = 0
        }
        return (trimmed, characters)
    }

    /// Appends the text as a string with its quotation marks. It must be UTF-8.
    package static func write(_ text: borrowing Span<UInt8>, into json: inout [UInt8]) {
        json.append(UInt8(ascii: "\""))
        for index in 0..<text.count { append(text[index], to: &json) }
        json.append(UInt8(ascii: "\""))
    }

    package static func write(_ text: [UInt8], into json: inout [UInt8]) { write(text.span, into: &json) }

    private static func append(_ byte: UInt8, to json: inout [UInt8]) {
        switch byte {
        case 0x22, 0x5C:
            json.append(UInt8(ascii: "\\"))
            json.append(byte)
        case 0x0A: HearthBytes.append("\\n", to: &json)
        case 0x0D: HearthBytes.append("\\r", to: &json)
        case 0x09: HearthBytes.append("\\t", to: &json)
        case 0..<0x20:
            HearthBytes.append("\\u00", to: &json)
            json.append(hexadecimalDigit(byte >> 4))
            json.append(hexadecimalDigit(byte & 15))
        default: json.append(byte)
        }
    }

    // MARK: Parts

    private static func hasEscape(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>) -> Bool {
        for index in range where bytes[index] == UInt8(ascii: "\\") { return true }
        return false
    }

    /// What an escape stands for; two that are a surrogate pair are one. nil never comes of a checked string.
    private static func escape(_ bytes: borrowing Span<UInt8>, _ index: inout Int, _ end: Int) -> UInt32? {
        guard index + 1 < end else { return nil }
        let kind = bytes[index + 1]
        index += 2
        switch kind {
        case UInt8(ascii: "b"): return 0x08
        case UInt8(ascii: "f"): return 0x0C
        case UInt8(ascii: "n"): return 0x0A
        case UInt8(ascii: "r"): return 0x0D
        case UInt8(ascii: "t"): return 0x09
        case UInt8(ascii: "u"):
            guard let high = fourDigits(bytes, index, end) else { return nil }
            index += 4
            guard (0xD800...0xDBFF).contains(high), index + 1 < end, bytes[index] == UInt8(ascii: "\\"),
                bytes[index + 1] == UInt8(ascii: "u"), let low = fourDigits(bytes, index + 2, end),
                (0xDC00...0xDFFF).contains(low)
            else { return high }
            index += 6
            return 0x10000 + (high - 0xD800) << 10 + (low - 0xDC00)
        default: return UInt32(kind)
        }
    }

    private static func fourDigits(_ bytes: borrowing Span<UInt8>, _ start: Int, _ end: Int) -> UInt32? {
        if start + 4 > end { return nil }
        var number: UInt32 = 0
        for index in start..<(start + 4) {
            guard let digit = JSONScanner.hexadecimal(bytes[index]) else { return nil }
            number = number << 4 | digit
        }
        return number
    }

    /// The character of valid UTF-8 at the index, which moves behind it.
    private static func character(_ bytes: borrowing Span<UInt8>, _ index: inout Int) -> UInt32 {
        let first = bytes[index]
        index += 1
        var scalar: UInt32
        let rest: Int
        switch first {
        case 0..<0x80: return UInt32(first)
        case 0..<0xE0: (scalar, rest) = (UInt32(first & 0x1F), 1)
        case 0..<0xF0: (scalar, rest) = (UInt32(first & 0x0F), 2)
        default: (scalar, rest) = (UInt32(first & 0x07), 3)
        }
        for _ in 0..<rest where index < bytes.count {
            scalar = scalar << 6 | UInt32(bytes[index] & 0x3F)
            index += 1
        }
        return scalar
    }

    /// White_Space of Unicode, and the zero width characters behind which an empty text can hide.
    private static func isSpace(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x20, 0x09...0x0D, 0x85, 0xA0, 0x1680, 0x2000...0x200D, 0x2028, 0x2029, 0x202F, 0x205F, 0x2060,
            0x3000, 0xFEFF:
            true
        default: false
        }
    }

    private static func append(scalar: UInt32, to text: inout [UInt8]) {
        switch scalar {
        case 0..<0x80:
            text.append(UInt8(scalar))
        case 0..<0x800:
            text.append(UInt8(0xC0 | scalar >> 6))
            text.append(UInt8(0x80 | scalar & 0x3F))
        case 0..<0x10000:
            text.append(UInt8(0xE0 | scalar >> 12))
            text.append(UInt8(0x80 | scalar >> 6 & 0x3F))
            text.append(UInt8(0x80 | scalar & 0x3F))
        default:
            text.append(UInt8(0xF0 | scalar >> 18))
            text.append(UInt8(0x80 | scalar >> 12 & 0x3F))
            text.append(UInt8(0x80 | scalar >> 6 & 0x3F))
            text.append(UInt8(0x80 | scalar & 0x3F))
        }
    }
}

func hexadecimalDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
}
