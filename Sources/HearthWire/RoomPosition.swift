// Where a reader of a counted room is: "<epoch>.<offset>.<mark>", at most 38 bytes. Applications take it as
// an opaque text; the library compares its parts.

internal import HearthBytes

/// The name of one counting of a room: 8 characters of base64url, kept as their bytes. Another epoch means
/// that the counting began anew.
package struct RoomEpoch: Equatable, Sendable {
    package static let count = 8

    /// The characters, the first one in the highest byte.
    package let characters: UInt64

    /// Takes the lowest 48 of the bits, six for each character.
    package init(random bits: UInt64) {
        var bytes: [UInt8] = []
        for index in 0..<6 { bytes.append(UInt8(truncatingIfNeeded: bits >> UInt64(40 - index * 8))) }
        var text: [UInt8] = []
        Base64URL.encode(bytes.span, into: &text)
        var characters: UInt64 = 0
        for character in text { characters = characters << 8 | UInt64(character) }
        self.characters = characters
    }

    /// nil: the range is not exactly 8 characters of base64url.
    package init?(_ text: borrowing Span<UInt8>, _ range: Range<Int>) {
        if range.count != Self.count || !Base64URL.isText(text, range) { return nil }
        var characters: UInt64 = 0
        for index in range { characters = characters << 8 | UInt64(text[index]) }
        self.characters = characters
    }

    package func write(into text: inout [UInt8]) {
        for index in 0..<Self.count {
            text.append(UInt8(truncatingIfNeeded: characters >> UInt64(56 - index * 8)))
        }
    }
}

package struct RoomPosition: Equatable, Sendable {
    /// Longer texts are refused before they are looked at.
    package static let countMax = 40
    private static let offsetDigitsMax = 20
    private static let markDigits = 8

    package let epoch: RoomEpoch
    /// Of the last publication that was seen; 0: none yet.
    package let offset: UInt64
    /// 32 bits of a hash over everything up to this offset. Equal marks mean equal pasts.
    package let mark: UInt32

    package init(epoch: RoomEpoch, offset: UInt64, mark: UInt32) {
        self.epoch = epoch
        self.offset = offset
        self.mark = mark
    }

    /// Reads the one spelling that `write` gives: no sign, no leading zero, digits a to f in lower case.
    package init?(_ text: borrowing Span<UInt8>, _ range: Range<Int>) {
        if range.count > Self.countMax || range.count < RoomEpoch.count + Self.markDigits + 3 { return nil }
        let offsetStart = range.lowerBound + RoomEpoch.count + 1
        let markStart = range.upperBound - Self.markDigits
        guard text[offsetStart - 1] == UInt8(ascii: "."), text[markStart - 1] == UInt8(ascii: "."),
            let epoch = RoomEpoch(text, range.lowerBound..<(offsetStart - 1)),
            let offset = Self.decimal(text, offsetStart..<(markStart - 1)),
            let mark = Self.hexadecimal(text, markStart..<range.upperBound)
        else { return nil }
        self.init(epoch: epoch, offset: offset, mark: mark)
    }

    package func write(into text: inout [UInt8]) {
        epoch.write(into: &text)
        text.append(UInt8(ascii: "."))
        Self.write(offset, into: &text)
        text.append(UInt8(ascii: "."))
        for digit in 0..<Self.markDigits {
            text.append(hexadecimalDigit(UInt8(truncatingIfNeeded: mark >> UInt32(28 - digit * 4)) & 15))
        }
    }

    private static func write(_ number: UInt64, into text: inout [UInt8]) {
        var divisor: UInt64 = 1
        while number / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            text.append(UInt8(ascii: "0") + UInt8(number / divisor % 10))
            divisor /= 10
        }
    }

    private static func decimal(_ text: borrowing Span<UInt8>, _ range: Range<Int>) -> UInt64? {
        if range.isEmpty || range.count > offsetDigitsMax { return nil }
        if range.count > 1, text[range.lowerBound] == UInt8(ascii: "0") { return nil }
        var number: UInt64 = 0
        for index in range {
            let digit = text[index] &- UInt8(ascii: "0")
            if digit > 9 { return nil }
            let (product, overflows) = number.multipliedReportingOverflow(by: 10)
            let (sum, overflowsToo) = product.addingReportingOverflow(UInt64(digit))
            if overflows || overflowsToo { return nil }
            number = sum
        }
        return number
    }

    private static func hexadecimal(_ text: borrowing Span<UInt8>, _ range: Range<Int>) -> UInt32? {
        var number: UInt32 = 0
        for index in range {
            switch text[index] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): number = number << 4 | UInt32(text[index] - 48)
            case UInt8(ascii: "a")...UInt8(ascii: "f"): number = number << 4 | UInt32(text[index] - 87)
            default: return nil
            }
        }
        return number
    }
}
