// The part of an address between its slashes: user, host and port (RFC 3986 3.2).

internal import HearthBytes

struct URLAuthority {
    /// In lower case, IPv6 without brackets.
    var host: [UInt8] = []
    var isIPv6 = false
    var port: UInt16?
    /// "user:password", decoded; empty: none.
    var credentials: [UInt8] = []

    /// Where the authority that begins at `start` ends.
    static func end(_ text: borrowing Span<UInt8>, from start: Int) -> Int {
        var index = start
        while index < text.count {
            switch text[index] {
            case UInt8(ascii: "/"), UInt8(ascii: "?"), UInt8(ascii: "#"): return index
            default: index += 1
            }
        }
        return index
    }

    static func parse(_ text: borrowing Span<UInt8>, _ range: Range<Int>) throws(URLFault) -> URLAuthority {
        var authority = URLAuthority()
        var start = range.lowerBound
        // A password may have an at sign that was not encoded: the last one ends it.
        for index in range where text[index] == UInt8(ascii: "@") { start = index + 1 }
        if start > range.lowerBound { try authority.readCredentials(text, range.lowerBound..<(start - 1)) }
        var hostEnd = start
        if start < range.upperBound, text[start] == UInt8(ascii: "[") {
            hostEnd = try authority.readIPv6(text, start..<range.upperBound)
        } else {
            while hostEnd < range.upperBound, text[hostEnd] != UInt8(ascii: ":") { hostEnd += 1 }
            try authority.readName(text, start..<hostEnd)
        }
        try authority.readPort(text, hostEnd..<range.upperBound)
        return authority
    }

    // MARK: Parts

    private mutating func readCredentials(
        _ text: borrowing Span<UInt8>, _ range: Range<Int>
    ) throws(URLFault) {
        try Self.decode(text, range, into: &credentials)
        var hasColon = false
        for byte in credentials {
            // RFC 7617 2.
            if byte < 0x20 || byte == 0x7F { throw URLFault(.badCredentials, at: range.lowerBound) }
            if byte == UInt8(ascii: ":") { hasColon = true }
        }
        if !hasColon { credentials.append(UInt8(ascii: ":")) }
    }

    private mutating func readName(_ text: borrowing Span<UInt8>, _ range: Range<Int>) throws(URLFault) {
        if range.isEmpty { throw URLFault(.missingHost, at: range.lowerBound) }
        if range.count > 253 { throw URLFault(.hostTooLong, at: range.lowerBound + 253) }
        for index in range {
            switch text[index] {
            case 0x30...0x39, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                host.append(text[index])
            case 0x41...0x5A: host.append(text[index] | 0x20)
            case 0x80...: throw URLFault(.nonASCIIHost, at: index)
            default: throw URLFault(.badHost, at: index)
            }
        }
    }

    /// Returns the position behind the bracket.
    private mutating func readIPv6(
        _ text: borrowing Span<UInt8>, _ range: Range<Int>
    ) throws(URLFault) -> Int {
        var end = range.lowerBound
        while end < range.upperBound, text[end] != UInt8(ascii: "]") { end += 1 }
        var zone = range.lowerBound + 1
        while zone < end, text[zone] != UInt8(ascii: "%") { zone += 1 }
        let address = (range.lowerBound + 1)..<max(zone, range.lowerBound + 1)
        guard end < range.upperBound, IPv6Text.isAddress(text, address) else {
            throw URLFault(.badIPv6, at: range.lowerBound)
        }
        for index in address {
            host.append(text[index] &- 0x41 < 26 ? text[index] | 0x20 : text[index])
        }
        isIPv6 = true
        if zone < end { try readZone(text, zone..<end) }
        return end + 1
    }

    /// RFC 6874: `%25` and the name of an interface.
    private mutating func readZone(_ text: borrowing Span<UInt8>, _ range: Range<Int>) throws(URLFault) {
        let name = min(range.lowerBound + 3, range.upperBound)..<range.upperBound
        guard HTTPSyntax.equals(text, range.lowerBound..<name.lowerBound, "%25"), !name.isEmpty,
            name.count <= 15
        else { throw URLFault(.badIPv6, at: range.lowerBound) }
        host.append(UInt8(ascii: "%"))
        for index in name {
            switch text[index] {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"):
                host.append(text[index])
            default: throw URLFault(.badIPv6, at: index)
            }
        }
    }

    /// A colon without digits stands for the scheme's own port (RFC 3986 3.2.3).
    private mutating func readPort(_ text: borrowing Span<UInt8>, _ range: Range<Int>) throws(URLFault) {
        if range.isEmpty { return }
        if text[range.lowerBound] != UInt8(ascii: ":") { throw URLFault(.badHost, at: range.lowerBound) }
        if range.count == 1 { return }
        var number = 0
        for index in range.dropFirst() {
            if !HTTPSyntax.isDigit(text[index]) { throw URLFault(.badPort, at: index) }
            number = number * 10 + Int(text[index] - 0x30)
            if number > 65535 { throw URLFault(.badPort, at: index) }
        }
        if number == 0 { throw URLFault(.badPort, at: range.lowerBound + 1) }
        port = UInt16(number)
    }

    /// Appends what the range stands for, or throws the place of the escape that is none.
    static func decode(
        _ text: borrowing Span<UInt8>, _ range: Range<Int>, into bytes: inout [UInt8]
    ) throws(URLFault) {
        try checkEscapes(text, range)
        if !PercentCoding.decode(text, range, into: &bytes) {
            throw URLFault(.brokenEscape, at: range.lowerBound)
        }
    }

    static func checkEscapes(_ text: borrowing Span<UInt8>, _ range: Range<Int>) throws(URLFault) {
        for index in range where text[index] == UInt8(ascii: "%") {
            guard index + 2 < range.upperBound, let high = HTTPSyntax.hexadecimalValue(text[index + 1]),
                let low = HTTPSyntax.hexadecimalValue(text[index + 2]), high | low != 0
            else { throw URLFault(.brokenEscape, at: index) }
        }
    }

    /// As a URL has it. RFC 6874 4: the zone means something on this machine only, and is not sent.
    static func appendHost(_ host: [UInt8], isIPv6: Bool, to text: inout [UInt8]) {
        if !isIPv6 {
            text += host
            return
        }
        text.append(UInt8(ascii: "["))
        for byte in host {
            if byte == UInt8(ascii: "%") { break }
            text.append(byte)
        }
        text.append(UInt8(ascii: "]"))
    }
}

/// IPv6 addresses as text (RFC 3986 3.2.2).
enum IPv6Text {
    static func isAddress(_ text: borrowing Span<UInt8>, _ range: Range<Int>) -> Bool {
        var groups = 0
        var isShortened = false
        var index = range.lowerBound
        while index < range.upperBound {
            let isColon = text[index] == UInt8(ascii: ":")
            let isDouble =
                isColon && index + 1 < range.upperBound && text[index + 1] == UInt8(ascii: ":")
            if isDouble {
                if isShortened { return false }
                isShortened = true
                index += 2
                if index == range.upperBound { break }
            } else if index > range.lowerBound {
                if !isColon { return false }
                index += 1
            } else if isColon {
                return false
            }
            let start = index
            while index < range.upperBound, index - start < 4,
                HTTPSyntax.hexadecimalValue(text[index]) != nil
            {
                index += 1
            }
            if index < range.upperBound, text[index] == UInt8(ascii: ".") {
                if !isIPv4(text, start..<range.upperBound) { return false }
                groups += 2
                break
            }
            if index == start { return false }
            groups += 1
        }
        return isShortened ? groups < 8 : groups == 8
    }

    private static func isIPv4(_ text: borrowing Span<UInt8>, _ range: Range<Int>) -> Bool {
        var parts = 0
        var index = range.lowerBound
        while true {
            let start = index
            var number = 0
            while index < range.upperBound, index - start < 3, HTTPSyntax.isDigit(text[index]) {
                number = number * 10 + Int(text[index] - 0x30)
                index += 1
            }
            if index == start || number > 255 { return false }
            parts += 1
            if index == range.upperBound { return parts == 4 }
            if text[index] != UInt8(ascii: ".") || parts == 4 { return false }
            index += 1
        }
    }
}
