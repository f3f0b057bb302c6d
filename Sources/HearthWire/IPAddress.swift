// Addresses of the Internet protocol as numbers, to be compared with networks and counted. Text is read here
// without asking anybody: no names, no zones.

internal import HearthBytes

package struct IPAddress: Equatable, Sendable {
    /// The upper half of an IPv6 address; of an IPv4 address 0.
    package let high: UInt64
    /// The lower half, or the 32 bits of an IPv4 address.
    package let low: UInt64
    package let isIPv6: Bool

    package init(ipv4: UInt32) {
        high = 0
        low = UInt64(ipv4)
        isIPv6 = false
    }

    /// An IPv4 address that is mapped into IPv6 (RFC 4291 2.5.5.2) is the IPv4 address.
    package init(high: UInt64, low: UInt64) {
        let isMapped = high == 0 && low >> 32 == 0xFFFF
        self.high = high
        self.low = isMapped ? low & 0xFFFF_FFFF : low
        isIPv6 = !isMapped
    }

    /// "192.0.2.1" or "2001:db8::1"; nil: it is neither.
    package init?(_ text: borrowing Span<UInt8>, _ range: Range<Int>) {
        guard !range.isEmpty, range.count <= 45 else { return nil }
        var hasColon = false
        for index in range where text[index] == UInt8(ascii: ":") { hasColon = true }
        if hasColon {
            guard let halves = Self.readIPv6(text, range) else { return nil }
            self.init(high: halves.0, low: halves.1)
        } else {
            guard let number = Self.readIPv4(text, range) else { return nil }
            self.init(ipv4: number)
        }
    }

    /// What is counted as one peer: an IPv4 address, or the /64 network that an IPv6 host has to itself.
    package var counted: IPAddress { isIPv6 ? IPAddress(high: high, low: 0) : self }

    /// The same for every text of an address, and different for different ones.
    package var key: [UInt8] {
        var bytes: [UInt8] = [isIPv6 ? 6 : 4]
        for half in isIPv6 ? [high, low] : [low] {
            var shift: UInt64 = 64
            while shift > 0 {
                shift -= 8
                bytes.append(UInt8(truncatingIfNeeded: half >> shift))
            }
        }
        return bytes
    }

    // MARK: Text

    /// Four decimal numbers without leading zeros, which some programs read as octal.
    private static func readIPv4(_ text: borrowing Span<UInt8>, _ range: Range<Int>) -> UInt32? {
        var address: UInt32 = 0
        var number: UInt32 = 0
        var digits = 0
        var dots = 0
        for index in range {
            let byte = text[index]
            if byte == UInt8(ascii: ".") {
                guard digits > 0, dots < 3 else { return nil }
                address = address << 8 | number
                number = 0
                digits = 0
                dots += 1
                continue
            }
            guard byte >= 0x30, byte <= 0x39, digits < 3, digits == 0 || number > 0 else { return nil }
            number = number * 10 + UInt32(byte - 0x30)
            digits += 1
            if number > 255 { return nil }
        }
        return dots == 3 && digits > 0 ? address << 8 | number : nil
    }

    /// RFC 4291 2.2: eight groups, one run of them as "::", the last two perhaps as an IPv4 address.
    private static func readIPv6(_ text: borrowing Span<UInt8>, _ range: Range<Int>) -> (UInt64, UInt64)? {
        var groups: [UInt64] = []
        var gap: Int?
        var index = range.lowerBound
        if text[index] == UInt8(ascii: ":") {
            guard range.count >= 2, text[index + 1] == UInt8(ascii: ":") else { return nil }
            gap = 0
            index += 2
        }
        while index < range.upperBound {
            if groups.count >= 8 { return nil }
            let start = index
            var group: UInt64 = 0
            while index < range.upperBound, let digit = HTTPSyntax.hexadecimalValue(text[index]) {
                group = group << 4 | UInt64(digit)
                index += 1
                if index - start > 4 { return nil }
            }
            if index < range.upperBound, text[index] == UInt8(ascii: ".") {
                guard let tail = readIPv4(text, start..<range.upperBound) else { return nil }
                groups.append(UInt64(tail >> 16))
                groups.append(UInt64(tail & 0xFFFF))
                index = range.upperBound
                break
            }
            if index == start { return nil }
            groups.append(group)
            if index == range.upperBound { break }
            guard text[index] == UInt8(ascii: ":") else { return nil }
            index += 1
            if index == range.upperBound { return nil }
            if text[index] == UInt8(ascii: ":") {
                if gap != nil { return nil }
                gap = groups.count
                index += 1
            }
        }
        return halves(groups, gap)
    }

    private static func halves(_ groups: [UInt64], _ gap: Int?) -> (UInt64, UInt64)? {
        guard gap == nil ? groups.count == 8 : groups.count <= 7 else { return nil }
        let zeros = 8 - groups.count
        var halves: (UInt64, UInt64) = (0, 0)
        for place in 0..<8 {
            var group: UInt64 = 0
            if let gap {
                if place < gap { group = groups[place] }
                if place >= gap + zeros { group = groups[place - zeros] }
            } else {
                group = groups[place]
            }
            if place < 4 { halves.0 = halves.0 << 16 | group } else { halves.1 = halves.1 << 16 | group }
        }
        return halves
    }
}

/// All addresses that begin with the same bits: "10.0.0.0/8", "::1", "2001:db8::/32".
package struct Network: Sendable {
    package let address: IPAddress
    package let prefix: Int

    /// Nil: it is no address, or the prefix is longer than the address.
    package init?(_ text: borrowing Span<UInt8>) {
        var end = 0
        while end < text.count, text[end] != UInt8(ascii: "/") { end += 1 }
        guard let address = IPAddress(text, 0..<end) else { return nil }
        let bits = address.isIPv6 ? 128 : 32
        var prefix = bits
        if end < text.count {
            guard let number = readPort(text, (end + 1)..<text.count), number <= bits else { return nil }
            prefix = Int(number)
        }
        self.address = address
        self.prefix = prefix
    }

    package func contains(_ other: IPAddress) -> Bool {
        if other.isIPv6 != address.isIPv6 { return false }
        if !address.isIPv6 { return Self.agree(other.low << 32, address.low << 32, prefix) }
        return Self.agree(other.high, address.high, min(prefix, 64))
            && Self.agree(other.low, address.low, max(0, prefix - 64))
    }

    private static func agree(_ left: UInt64, _ right: UInt64, _ bits: Int) -> Bool {
        bits == 0 || (left ^ right) >> UInt64(64 - bits) == 0
    }
}

/// A decimal number up to 65535 without leading zeros.
func readPort(_ text: borrowing Span<UInt8>, _ range: Range<Int>) -> UInt16? {
    guard !range.isEmpty, range.count <= 5 else { return nil }
    if range.count > 1, text[range.lowerBound] == UInt8(ascii: "0") { return nil }
    var number = 0
    for index in range {
        guard text[index] >= 0x30, text[index] <= 0x39 else { return nil }
        number = number * 10 + Int(text[index] - 0x30)
    }
    return UInt16(exactly: number)
}
