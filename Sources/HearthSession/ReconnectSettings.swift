// How a client comes back. One value per client's configuration, lent to the policy with every call.

internal import HearthBytes

/// How the delays grow from one failed attempt to the next. `ReconnectPolicy` has the formulas.
package enum ReconnectShape: Int, Sendable {
    /// With the time since the connection was lost.
    case adaptive
    /// For servers with so many clients that a second attempt of all of them would overload it.
    case crowd
    /// The same delay each time.
    case fixed
}

package struct ReconnectSettings {
    package var isEnabled = true
    package var shape = ReconnectShape.adaptive
    /// Attempts after which it is given up; 0: never.
    package var attemptsMax = 0
    // Milliseconds.
    package var base: UInt64 = 1000
    package var max: UInt64 = 30_000
    package var floor: UInt64 = 500
    /// A connection that held so long was good: counting begins anew.
    package var stable: UInt64 = 10_000
    /// By how many thousandths a delay may be shorter, but for `adaptive`, whose delays are all chance.
    package var jitterPermille: UInt64 = 100
    // What the program has decided otherwise than the table of `ReconnectPolicy`.
    package var reconnectOn = CodeList()
    package var stopOn = CodeList()

    package init() {}

    package init(
        isEnabled: Bool, shape: ReconnectShape, attemptsMax: Int, base: UInt64, max: UInt64, floor: UInt64,
        stable: UInt64, jitterPermille: UInt64, reconnectOn: CodeList, stopOn: CodeList
    ) {
        self.isEnabled = isEnabled
        self.shape = shape
        self.attemptsMax = attemptsMax
        self.base = base
        self.max = max
        self.floor = floor
        self.stable = stable
        self.jitterPermille = jitterPermille
        self.reconnectOn = reconnectOn
        self.stopOn = stopOn
    }
}

/// Close codes and HTTP statuses: "1008,4000-4099,503".
package struct CodeList {
    package static var rangesMax: Int { 64 }

    private var ranges: [ClosedRange<UInt16>] = []

    /// No codes.
    package init() {}

    /// nil: not numbers from 100 to 599 or from 1000 to 4999, and ranges of them, with commas between them.
    package init?(_ text: borrowing Span<UInt8>) {
        var start = 0
        if text.isEmpty { return }
        for index in 0...text.count where index == text.count || text[index] == UInt8(ascii: ",") {
            guard ranges.count < Self.rangesMax, let range = Self.range(text, start..<index) else {
                return nil
            }
            ranges.append(range)
            start = index + 1
        }
    }

    package func contains(_ code: Int) -> Bool {
        for range in ranges where code >= Int(range.lowerBound) && code <= Int(range.upperBound) {
            return true
        }
        return false
    }

    private static func range(
        _ text: borrowing Span<UInt8>, _ item: Range<Int>
    ) -> ClosedRange<UInt16>? {
        var hyphen = item.lowerBound
        while hyphen < item.upperBound, text[hyphen] != UInt8(ascii: "-") { hyphen += 1 }
        guard let first = number(text, item.lowerBound..<hyphen) else { return nil }
        if hyphen == item.upperBound { return first...first }
        guard let last = number(text, (hyphen + 1)..<item.upperBound), first <= last else { return nil }
        return first...last
    }

    private static func number(_ text: borrowing Span<UInt8>, _ range: Range<Int>) -> UInt16? {
        var start = range.lowerBound
        var end = range.upperBound
        while start < end, text[start] == 0x20 { start += 1 }
        while end > start, text[end - 1] == 0x20 { end -= 1 }
        guard end > start, end - start <= 4 else { return nil }
        var number: UInt16 = 0
        for index in start..<end {
            guard text[index] >= 0x30, text[index] <= 0x39 else { return nil }
            number = number * 10 + UInt16(text[index] - 0x30)
        }
        switch number {
        case 100...599, 1000...4999: return number
        default: return nil
        }
    }
}
