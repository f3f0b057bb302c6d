// Dates as HTTP writes them (RFC 9110 5.6.7): Sun, 06 Nov 1994 08:49:37 GMT.

internal import HearthBytes

package enum HTTPDate {
    /// Appends the date of a moment, which is in the year 9999 at the latest.
    package static func write(epochSeconds: UInt64, into text: inout [UInt8]) {
        let seconds = Int(min(epochSeconds, 253_402_300_799))
        let days = seconds / 86_400
        let (year, month, day) = civilDate(daysSince1970: days)
        append(weekday((days + 4) % 7), to: &text)
        append(", ", to: &text)
        appendTwoDigits(day, to: &text)
        append(" ", to: &text)
        append(name(ofMonth: month), to: &text)
        append(" ", to: &text)
        append(decimal: year, to: &text)
        append(" ", to: &text)
        appendTwoDigits(seconds % 86_400 / 3600, to: &text)
        append(":", to: &text)
        appendTwoDigits(seconds % 3600 / 60, to: &text)
        append(":", to: &text)
        appendTwoDigits(seconds % 60, to: &text)
        append(" GMT", to: &text)
    }

    /// The Gregorian date, counted in eras of 400 years that begin on the first of March.
    static func civilDate(daysSince1970 days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    static func appendTwoDigits(_ number: Int, to text: inout [UInt8]) {
        text.append(UInt8(ascii: "0") + UInt8(number / 10))
        text.append(UInt8(ascii: "0") + UInt8(number % 10))
    }

    private static func weekday(_ number: Int) -> StaticString {
        switch number {
        case 0: "Sun"
        case 1: "Mon"
        case 2: "Tue"
        case 3: "Wed"
        case 4: "Thu"
        case 5: "Fri"
        default: "Sat"
        }
    }

    static func name(ofMonth month: Int) -> StaticString {
        switch month {
        case 1: "Jan"
        case 2: "Feb"
        case 3: "Mar"
        case 4: "Apr"
        case 5: "May"
        case 6: "Jun"
        case 7: "Jul"
        case 8: "Aug"
        case 9: "Sep"
        case 10: "Oct"
        case 11: "Nov"
        default: "Dec"
        }
    }
}
