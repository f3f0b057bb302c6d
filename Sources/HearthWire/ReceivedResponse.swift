// The head of an HTTP response, as a client reads it (RFC 9112 4): where its parts lie in the bytes given.
// As strict as the reading of requests, but that HTTP/1.0 is taken, which proxies speak.
//
// A loop keeps one and uses it again for every response; nothing is copied out of the bytes.

internal import HearthBytes

package enum ResponseResult: Equatable {
    case needMore
    /// The head takes so many bytes; what follows is the body, or what was switched to.
    case complete(headCount: Int)
    case rejected(ResponseFault)
}

package enum ResponseFault: Error, Equatable, CaseIterable {
    case notHTTP
    case badStatusLine
    case badCharacter
    case badLineEnd
    case badField
    case duplicateField
    case headTooLarge
    case tooManyFields

    package var sentence: StaticString {
        switch self {
        case .notHTTP: "the server does not answer with HTTP/1.1"
        case .badStatusLine: "the first line is not a status line"
        case .badCharacter: "the response has a character that none may have"
        case .badLineEnd: "a line of the response does not end with CR LF"
        case .badField: "a header field of the response is malformed"
        case .duplicateField: "a header field that may come once came twice"
        case .headTooLarge: "the response head is longer than the limit"
        case .tooManyFields: "the response has more header fields than the limit"
        }
    }
}

package struct ReceivedResponse: ~Copyable {
    package private(set) var status = 0
    package private(set) var reason = 0..<0
    package private(set) var isHTTP10 = false
    private var fields: [HeadField] = []

    package init() {}

    /// Another response follows this one (RFC 9110 15.2): take its head away and parse anew.
    package var isInterim: Bool { status < 200 && status != 101 }

    /// Reads a head that begins with `bytes`. `scanned` is 0 at first and is to be given back with the same
    /// bytes and more behind them, so that nothing is looked at twice. What is no HTTP is refused from its
    /// first wrong byte on.
    package mutating func parse(
        _ bytes: borrowing Span<UInt8>, limits: HeadLimits, scanned: inout Int
    ) -> ResponseResult {
        do throws(ResponseFault) {
            guard let end = try Self.findEnd(bytes, limits, &scanned) else { return .needMore }
            try read(bytes, end, limits)
            return .complete(headCount: end)
        } catch {
            return .rejected(error)
        }
    }

    // MARK: Fields

    package var fieldCount: Int { fields.count }

    package func field(at index: Int) -> HeadField { fields[index] }

    /// The value of the first field of that name, which is in lower case.
    package func value(of name: StaticString, in bytes: borrowing Span<UInt8>) -> Range<Int>? {
        fields.value(of: name, in: bytes)
    }

    /// Calls `body` with each item of the lists that all fields of that name make together (RFC 9110 5.3).
    package func forEachListItem(
        of name: StaticString, in bytes: borrowing Span<UInt8>, _ body: (Range<Int>) -> Void
    ) {
        fields.forEachListItem(of: name, in: bytes, body)
    }

    /// How long the server asks to wait (RFC 9110 10.2.3); nil: it does not, or not legibly.
    package func retryAfterMilliseconds(in bytes: borrowing Span<UInt8>, epochSeconds: UInt64) -> UInt64? {
        guard let value = value(of: "retry-after", in: bytes), !value.isEmpty else { return nil }
        var seconds: UInt64 = 0
        for index in value {
            if !HTTPSyntax.isDigit(bytes[index]) {
                guard let date = HTTPDate.parse(bytes, value, nowEpochSeconds: epochSeconds) else {
                    return nil
                }
                return date > epochSeconds ? (date - epochSeconds) * 1000 : 0
            }
            seconds = min(seconds * 10 + UInt64(bytes[index] - 0x30), 1_000_000_000)
        }
        return seconds * 1000
    }

    // MARK: The end

    /// Looks for the empty line. Every byte up to `scanned` was found good before.
    private static func findEnd(
        _ bytes: borrowing Span<UInt8>, _ limits: HeadLimits, _ scanned: inout Int
    ) throws(ResponseFault) -> Int? {
        let last = min(bytes.count, limits.maxBytes)
        while scanned < last {
            let byte = bytes[scanned]
            if scanned < version.utf8CodeUnitCount {
                // A static text lives as long as the program, and the index was compared with its count.
                if unsafe version.utf8Start[scanned] != byte { throw .notHTTP }
            } else if byte == 0x0A {
                if bytes[scanned - 1] != 0x0D { throw .badLineEnd }
                if bytes[scanned - 2] == 0x0A {
                    scanned += 1
                    return scanned
                }
            } else {
                if bytes[scanned - 1] == 0x0D { throw .badLineEnd }
                if byte != 0x0D, !HTTPSyntax.isValueCharacter(byte) { throw .badCharacter }
            }
            scanned += 1
        }
        if bytes.count < limits.maxBytes { return nil }
        throw .headTooLarge
    }

    private static var version: StaticString { "HTTP/1." }

    // MARK: Reading

    /// `end` is behind the empty line. Every line ends with CR LF, and no other control character is there
    /// but tab.
    private mutating func read(
        _ bytes: borrowing Span<UInt8>, _ end: Int, _ limits: HeadLimits
    ) throws(ResponseFault) {
        fields.removeAll(keepingCapacity: true)
        var lineEnd = Self.lineEnd(bytes, from: 0)
        try readStatusLine(bytes, 0..<lineEnd)
        var start = lineEnd + 2
        while start < end - 2 {
            lineEnd = Self.lineEnd(bytes, from: start)
            if fields.count == limits.maxFields { throw .tooManyFields }
            guard let field = HeadField(bytes, line: start..<lineEnd) else { throw .badField }
            try refuseDuplicate(bytes, field)
            fields.append(field)
            start = lineEnd + 2
        }
    }

    private static func lineEnd(_ bytes: borrowing Span<UInt8>, from start: Int) -> Int {
        var index = start
        while bytes[index] != 0x0D { index += 1 }
        return index
    }

    /// The reason may be missing, and with it the space before it.
    private mutating func readStatusLine(
        _ bytes: borrowing Span<UInt8>, _ line: Range<Int>
    ) throws(ResponseFault) {
        guard line.count >= 12, bytes[8] == 0x20, line.count == 12 || bytes[12] == 0x20 else {
            throw .badStatusLine
        }
        switch bytes[7] {
        case UInt8(ascii: "0"): isHTTP10 = true
        case UInt8(ascii: "1"): isHTTP10 = false
        default: throw .notHTTP
        }
        status = 0
        for index in 9..<12 {
            if !HTTPSyntax.isDigit(bytes[index]) { throw .badStatusLine }
            status = status * 10 + Int(bytes[index] - 0x30)
        }
        if status < 100 || status > 599 { throw .badStatusLine }
        reason = min(13, line.upperBound)..<line.upperBound
    }

    /// What decides whether a WebSocket is open may not be said twice.
    private func refuseDuplicate(
        _ bytes: borrowing Span<UInt8>, _ field: HeadField
    ) throws(ResponseFault) {
        let isSingle =
            HTTPSyntax.matches(bytes, field.name, "sec-websocket-accept")
            || HTTPSyntax.matches(bytes, field.name, "location")
            || HTTPSyntax.matches(bytes, field.name, "retry-after")
        if !isSingle { return }
        for index in 0..<fields.count
        where fields[index].name.count == field.name.count
            && Self.areSame(bytes, fields[index].name, field.name)
        {
            throw .duplicateField
        }
    }

    private static func areSame(
        _ bytes: borrowing Span<UInt8>, _ left: Range<Int>, _ right: Range<Int>
    ) -> Bool {
        for index in 0..<left.count {
            let one = bytes[left.lowerBound + index] | 0x20
            if one != bytes[right.lowerBound + index] | 0x20 { return false }
        }
        return true
    }
}
