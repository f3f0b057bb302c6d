// Moments and identifiers as texts.

internal import HearthBytes

package enum Timestamp {
    /// Appends the moment as RFC 3339 writes it, in UTC with milliseconds: 2026-11-21T08:49:37.042Z.
    package static func write(epochMilliseconds: UInt64, into text: inout [UInt8]) {
        let milliseconds = Int(min(epochMilliseconds, 253_402_300_799_999))
        let seconds = milliseconds / 1000
        let (year, month, day) = HTTPDate.civilDate(daysSince1970: seconds / 86_400)
        HTTPDate.appendTwoDigits(year / 100, to: &text)
        HTTPDate.appendTwoDigits(year % 100, to: &text)
        append("-", to: &text)
        HTTPDate.appendTwoDigits(month, to: &text)
        append("-", to: &text)
        HTTPDate.appendTwoDigits(day, to: &text)
        append("T", to: &text)
        HTTPDate.appendTwoDigits(seconds % 86_400 / 3600, to: &text)
        append(":", to: &text)
        HTTPDate.appendTwoDigits(seconds % 3600 / 60, to: &text)
        append(":", to: &text)
        HTTPDate.appendTwoDigits(seconds % 60, to: &text)
        append(".", to: &text)
        text.append(UInt8(ascii: "0") + UInt8(milliseconds % 1000 / 100))
        HTTPDate.appendTwoDigits(milliseconds % 100, to: &text)
        append("Z", to: &text)
    }
}

/// Makes identifiers that are unique without asking anybody and sort by the time of their making: UUIDs of
/// version 7 (RFC 9562 5.7) with a counter in their twelve bits, which keeps those of one millisecond in
/// order.
package struct MessageIdentifiers {
    private var state: UInt64
    private var millisecond: UInt64 = 0
    private var counter: UInt64 = 0

    /// `seed` must be another one for each maker.
    package init(seed: UInt64) { state = seed }

    /// The text of the next one. A clock that goes back does not bring one back.
    package mutating func next(epochMilliseconds: UInt64) -> [UInt8] {
        if epochMilliseconds > millisecond {
            millisecond = epochMilliseconds
            counter = 0
        } else {
            counter += 1
            if counter > 0xFFF {
                millisecond += 1
                counter = 0
            }
        }
        let high = millisecond << 16 | 0x7000 | counter
        let low = nextRandom() >> 2 | 1 << 63
        var text: [UInt8] = []
        text.reserveCapacity(36)
        for digit in 0..<32 {
            if digit == 8 || digit == 12 || digit == 16 || digit == 20 { text.append(UInt8(ascii: "-")) }
            let half = digit < 16 ? high : low
            text.append(hexadecimalDigit(UInt8(truncatingIfNeeded: half >> UInt64(60 - digit % 16 * 4)) & 15))
        }
        return text
    }

    /// SplitMix64: it need not be secret, only different.
    private mutating func nextRandom() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ state >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
