// Dates as servers send them (RFC 9110 5.6.7): in the one form that is to be written and in the two that are
// only to be understood.

extension HTTPDate {
    /// The moment in seconds since 1970; nil: it is no date, or one before. A year of two digits is at most
    /// 50 years ahead of now.
    package static func parse(
        _ bytes: borrowing Span<UInt8>, _ range: Range<Int>, nowEpochSeconds: UInt64
    ) -> UInt64? {
        var words = Words()
        guard words.split(bytes, range), words.count == 5 || words.count == 6 else { return nil }
        let isAsctime = words.count == 5
        if !isAsctime, !HTTPSyntax.equals(bytes, words[5], "GMT") { return nil }
        guard let month = month(bytes, words[isAsctime ? 1 : 2]),
            let day = number(bytes, words[isAsctime ? 2 : 1], digits: 1...2),
            let second = secondOfDay(bytes, words[isAsctime ? 3 : 4]),
            var year = number(bytes, words[isAsctime ? 4 : 3], digits: 2...4)
        else { return nil }
        if words[isAsctime ? 4 : 3].count == 2 {
            let thisYear = 1970 + Int(min(nowEpochSeconds, 253_402_300_799)) / 31_556_952
            year += thisYear / 100 * 100
            if year > thisYear + 50 { year -= 100 }
        }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        guard year >= 1970, day >= 1, day <= length(ofMonth: month, isLeap: isLeap) else { return nil }
        return UInt64(days(year, month, day) * 86_400 + second)
    }

    /// The at most six words of a date, between which are spaces, commas and hyphens.
    private struct Words {
        private var ends: (Range<Int>, Range<Int>, Range<Int>, Range<Int>, Range<Int>, Range<Int>) = (
            0..<0, 0..<0, 0..<0, 0..<0, 0..<0, 0..<0
        )
        private(set) var count = 0

        subscript(index: Int) -> Range<Int> {
            switch index {
            case 0: ends.0
            case 1: ends.1
            case 2: ends.2
            case 3: ends.3
            case 4: ends.4
            default: ends.5
            }
        }

        /// False: there are more than six.
        mutating func split(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>) -> Bool {
            var start = range.lowerBound
            for index in range.lowerBound...range.upperBound {
                let isWord = index < range.upperBound && !Self.isBetween(bytes[index])
                if isWord { continue }
                if index > start {
                    if count == 6 { return false }
                    put(start..<index)
                }
                start = index + 1
            }
            return true
        }

        private mutating func put(_ word: Range<Int>) {
            switch count {
            case 0: ends.0 = word
            case 1: ends.1 = word
            case 2: ends.2 = word
            case 3: ends.3 = word
            case 4: ends.4 = word
            default: ends.5 = word
            }
            count += 1
        }

        private static func isBetween(_ byte: UInt8) -> Bool {
            byte == 0x20 || byte == UInt8(ascii: ",") || byte == UInt8(ascii: "-")
        }
    }

    private static func number(
        _ bytes: borrowing Span<UInt8>, _ range: Range<Int>, digits: ClosedRange<Int>
    ) -> Int? {
        if !digits.contains(range.count) { return nil }
        var number = 0
        for index in range {
            if !HTTPSyntax.isDigit(bytes[index]) { return nil }
            number = number * 10 + Int(bytes[index] - 0x30)
        }
        return number
    }

    /// "08:49:37"; a leap second counts as the one before.
    private static func secondOfDay(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>) -> Int? {
        let start = range.lowerBound
        guard range.count == 8, bytes[start + 2] == UInt8(ascii: ":"), bytes[start + 5] == UInt8(ascii: ":"),
            let hour = number(bytes, start..<(start + 2), digits: 2...2),
            let minute = number(bytes, (start + 3)..<(start + 5), digits: 2...2),
            let second = number(bytes, (start + 6)..<(start + 8), digits: 2...2),
            hour < 24, minute < 60, second <= 60
        else { return nil }
        return hour * 3600 + minute * 60 + min(second, 59)
    }

    private static func month(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>) -> Int? {
        for month in 1...12 where HTTPSyntax.equals(bytes, range, name(ofMonth: month)) { return month }
        return nil
    }

    private static func length(ofMonth month: Int, isLeap: Bool) -> Int {
        switch month {
        case 2: isLeap ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Since 1970, counted in eras as `write` does.
    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }
}
