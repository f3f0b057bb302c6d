import HearthSession
import HearthWire

/// The texts of values, read: units, words and bounds. Every number is checked for overflow before it is
/// made.
enum ConfigurationValue {
    case number(Int)
    case items([[UInt8]])
    /// Nil: off.
    case rate(Rate?)

    static let textBytesMax = 65536

    /// Reads a value as its entry says. Spaces around it do not count.
    static func parse(_ text: [UInt8], as entry: ConfigurationEntry) throws(ValueFault) -> ConfigurationValue
    {
        switch entry.type {
        case .flag: return .number(try flag(text) ? 1 : 0)
        case .choice(let words): return .number(try choice(text, words))
        case .text: return .items([text])
        case .list: return .items(try list(text))
        case .networks: return .items(try networks(text))
        case .rate, .byteRate: return .rate(try rate(text, entry.type))
        case .url, .proxy, .codes: return .items([try checked(text, entry.type)])
        case .fraction, .integer, .integerOrOff, .size, .duration, .durationOrOff:
            let value = try number(text, entry.type)
            guard value >= (try number(entry.min.bytes, entry.type)),
                value <= (try number(entry.max.bytes, entry.type))
            else { throw .outOfRange }
            return .number(value)
        }
    }

    private static func number(_ text: [UInt8], _ type: ConfigurationType) throws(ValueFault) -> Int {
        switch type {
        case .integer: return try integer(text)
        case .integerOrOff: return isOff(text) ? 0 : try integer(text)
        case .size: return try size(text)
        case .durationOrOff: return isOff(text) ? 0 : try duration(text)
        case .duration: return try duration(text)
        case .fraction: return try fraction(text)
        case .flag, .choice, .text, .list, .networks, .rate, .byteRate, .url, .proxy, .codes:
            throw .notInteger
        }
    }

    private static func isOff(_ text: [UInt8]) -> Bool {
        text.isEqual(to: "off") || text.isEqual(to: "none")
    }

    private static func flag(_ text: [UInt8]) throws(ValueFault) -> Bool {
        if text.isEqual(to: "on") || text.isEqual(to: "true") || text.isEqual(to: "yes")
            || text.isEqual(to: "1")
        {
            return true
        }
        if text.isEqual(to: "off") || text.isEqual(to: "false") || text.isEqual(to: "no")
            || text.isEqual(to: "0")
        {
            return false
        }
        throw .notFlag
    }

    private static func choice(_ text: [UInt8], _ words: StaticString) throws(ValueFault) -> Int {
        let index = words.bytes.split(separator: UInt8(ascii: "|")).firstIndex { $0.elementsEqual(text) }
        guard let index else { throw .notChoice(words) }
        return index
    }

    private static func list(_ text: [UInt8]) throws(ValueFault) -> [[UInt8]] {
        guard !text.isEmpty else { return [] }
        var items: [[UInt8]] = []
        for part in text.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            let item = part.withoutSpacesAround
            guard !item.isEmpty else { throw .emptyItem }
            items.append(item)
        }
        return items
    }

    private static func networks(_ text: [UInt8]) throws(ValueFault) -> [[UInt8]] {
        let items = try list(text)
        for item in items where !item.isEqual(to: "unix") && Network(item.span) == nil {
            throw .notNetworks
        }
        return items
    }

    /// AMOUNT/PERIOD, and perhaps: burst AMOUNT. Without it the burst is what comes in one period.
    private static func rate(_ text: [UInt8], _ type: ConfigurationType) throws(ValueFault) -> Rate? {
        if isOff(text) || text.isEqual(to: "0") { return nil }
        guard let slash = text.firstIndex(of: UInt8(ascii: "/")) else { throw .notRate }
        let rest = text[(slash + 1)...].withoutSpacesAround
        var period = rest
        var burst: [UInt8]?
        if let space = rest.firstIndex(of: 0x20) {
            let tail = rest[space...].withoutSpacesAround
            let word = "burst " as StaticString
            guard tail.starts(with: word.bytes) else { throw .notRate }
            period = Array(rest[..<space])
            burst = tail[word.utf8CodeUnitCount...].withoutSpacesAround
        }
        let count = try amount(text[..<slash].withoutSpacesAround, type)
        // A unit alone is one of it.
        if let first = period.first, !(0x30...0x39).contains(first) { period.insert(0x31, at: 0) }
        guard let milliseconds = try? duration(period), (1...86_400_000).contains(milliseconds) else {
            throw .notRate
        }
        var atOnce = count
        if let burst { atOnce = try amount(burst, type) }
        return Rate(count: count, periodMilliseconds: UInt64(milliseconds), burst: atOnce)
    }

    private static func amount(_ text: [UInt8], _ type: ConfigurationType) throws(ValueFault) -> UInt64 {
        let value: Int?
        switch type {
        case .byteRate: value = try? size(text)
        default: value = try? integer(text)
        }
        guard let value, value > 0, value <= 1 << 50 else { throw .notRate }
        return UInt64(value)
    }

    private static func integer(_ text: [UInt8]) throws(ValueFault) -> Int {
        let quantity = Quantity(text)
        guard let quantity, quantity.isWhole, quantity.unit.isEmpty else { throw .notInteger }
        guard let value = quantity.times(1) else { throw .outOfRange }
        return value
    }

    private static func fraction(_ text: [UInt8]) throws(ValueFault) -> Int {
        guard let quantity = Quantity(text), quantity.unit.isEmpty else { throw .notFraction }
        guard let value = quantity.times(1000) else { throw .outOfRange }
        return value
    }

    /// Text of a form of its own. Empty: it is not set.
    private static func checked(
        _ text: [UInt8], _ type: ConfigurationType
    ) throws(ValueFault) -> [UInt8] {
        if text.isEmpty { return text }
        if case .codes = type {
            if CodeList(text.span) == nil { throw .notCodes }
            return text
        }
        do throws(URLFault) {
            if case .proxy = type {
                _ = try ProxyURL.parse(text.span)
            } else {
                _ = try WebSocketURL.parse(text.span)
            }
        } catch {
            throw .notURL(error)
        }
        return text
    }

    private static func size(_ text: [UInt8]) throws(ValueFault) -> Int {
        guard let quantity = Quantity(text), let factor = bytesPerUnit(quantity) else { throw .notSize }
        guard factor > 1 || quantity.isWhole else { throw .notSize }
        guard let value = quantity.times(factor) else { throw .outOfRange }
        return value
    }

    private static func bytesPerUnit(_ quantity: Quantity) -> Int? {
        let unit = quantity.unit
        if unit.isEmpty || unit.isEqual(to: "b") { return 1 }
        if unit.isEqual(to: "kib") { return 1 << 10 }
        if unit.isEqual(to: "mib") { return 1 << 20 }
        if unit.isEqual(to: "gib") { return 1 << 30 }
        if unit.isEqual(to: "tib") { return 1 << 40 }
        if unit.isEqual(to: "kb") { return 1_000 }
        if unit.isEqual(to: "mb") { return 1_000_000 }
        if unit.isEqual(to: "gb") { return 1_000_000_000 }
        return nil
    }

    private static func duration(_ text: [UInt8]) throws(ValueFault) -> Int {
        guard let quantity = Quantity(text), let factor = millisecondsPerUnit(quantity) else {
            throw .notDuration
        }
        guard let value = quantity.times(factor) else { throw .outOfRange }
        // A time that is not nothing must not become nothing: 0 has a meaning of its own.
        return value == 0 && !quantity.isZero ? 1 : value
    }

    private static func millisecondsPerUnit(_ quantity: Quantity) -> Int? {
        let unit = quantity.unit
        if unit.isEmpty || unit.isEqual(to: "s") { return 1_000 }
        if unit.isEqual(to: "ms") { return 1 }
        if unit.isEqual(to: "min") { return 60_000 }
        if unit.isEqual(to: "h") { return 3_600_000 }
        if unit.isEqual(to: "d") { return 86_400_000 }
        return nil
    }
}

/// A decimal number with a unit: "1.5 MiB".
private struct Quantity {
    private var whole = 0
    private var overflows = false
    /// The digits after the point as billionths; finer ones do not count.
    private var billionths = 0
    private var hasFraction = false
    /// In lower case, without spaces.
    private(set) var unit: [UInt8] = []

    /// Nil: it does not begin with a digit, or a digit is missing after the point.
    init?(_ text: [UInt8]) {
        var position = 0
        while position < text.count, let digit = decimal(text[position]) {
            let (product, overflow) = whole.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(digit)
            overflows = overflows || overflow || carry
            whole = overflows ? 0 : sum
            position += 1
        }
        guard position > 0 else { return nil }
        if position < text.count, text[position] == UInt8(ascii: ".") {
            hasFraction = true
            position += 1
            var place = 100_000_000
            let first = position
            while position < text.count, let digit = decimal(text[position]) {
                billionths += digit * place
                place /= 10
                position += 1
            }
            guard position > first else { return nil }
        }
        unit = text[position...].withoutSpacesAround.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
    }

    var isWhole: Bool { !hasFraction }
    var isZero: Bool { !overflows && whole == 0 && billionths == 0 }

    /// Rounded to the nearest whole number; nil if it does not fit.
    func times(_ factor: Int) -> Int? {
        guard !overflows else { return nil }
        let (product, overflow) = whole.multipliedReportingOverflow(by: factor)
        let (fraction, fractionOverflow) = billionths.multipliedReportingOverflow(by: factor)
        guard !overflow else { return nil }
        // A unit over nine billion leaves no room for billionths: thousandths are enough for it.
        let rounded =
            fractionOverflow
            ? billionths / 1_000_000 * (factor / 1_000) : (fraction + 500_000_000) / 1_000_000_000
        let (sum, carry) = product.addingReportingOverflow(rounded)
        return carry ? nil : sum
    }

    private func decimal(_ byte: UInt8) -> Int? {
        (0x30...0x39).contains(byte) ? Int(byte - 0x30) : nil
    }
}
