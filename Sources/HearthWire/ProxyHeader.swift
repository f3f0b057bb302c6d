// The header of the PROXY protocol, versions 1 and 2: what a load balancer writes before the bytes of the
// connection that it passes on, to say whose they are. Only a balancer that is trusted may be believed.

internal import HearthBytes

/// Who connected to the balancer.
package struct ProxiedPeer: Equatable, Sendable {
    package let address: IPAddress
    package let port: UInt16

    package init(address: IPAddress, port: UInt16) {
        self.address = address
        self.port = port
    }
}

package enum ProxyHeader: Equatable {
    /// What is there can be the beginning of a header. All of it belongs to the header.
    case needMore
    /// The header takes so many bytes. Without a peer the connection is the balancer's own, or its origin has
    /// no address.
    case complete(count: Int, ProxiedPeer?)
    /// No header can begin like this.
    case rejected

    /// A line of version 1 has at most 107 bytes, its end included.
    private static var lineBytesMax: Int { 107 }
    /// Version 2 may carry 64 KiB of further fields, of which nothing is needed.
    package static var bytesMax: Int { 4096 }
    private static var signature: StaticString { "\r\n\r\n\0\r\nQUIT\n" }
    private static var signatureCount: Int { 12 }

    /// Reads the header that `bytes` begin with.
    package static func parse(_ bytes: borrowing Span<UInt8>) -> ProxyHeader {
        if bytes.isEmpty { return .needMore }
        return bytes[0] == 0x0D ? parseBinary(bytes) : parseLine(bytes)
    }

    // MARK: Version 1

    private static func parseLine(_ bytes: borrowing Span<UInt8>) -> ProxyHeader {
        let count = min(bytes.count, lineBytesMax)
        guard begins(bytes, with: "PROXY ", from: 0) else { return .rejected }
        var end: Int?
        for index in 0..<count {
            if index > 0, bytes[index - 1] == 0x0D {
                if bytes[index] != 0x0A { return .rejected }
                end = index - 1
                break
            }
            if bytes[index] != 0x0D, bytes[index] < 0x20 || bytes[index] > 0x7E { return .rejected }
        }
        guard let end else { return bytes.count < lineBytesMax ? .needMore : .rejected }
        if end < 6 { return .rejected }
        return readLine(bytes, end)
    }

    /// Whether the bytes that are there agree with the text.
    private static func begins(
        _ bytes: borrowing Span<UInt8>, with text: StaticString, from start: Int
    ) -> Bool {
        let count = min(text.utf8CodeUnitCount, bytes.count - start)
        for index in 0..<max(0, count) where bytes[start + index] != byte(of: text, at: index) {
            return false
        }
        return true
    }

    private static func byte(of text: StaticString, at index: Int) -> UInt8 {
        text.withUTF8Buffer { unsafe $0[index] }
    }

    private static func readLine(_ bytes: borrowing Span<UInt8>, _ end: Int) -> ProxyHeader {
        var words: [Range<Int>] = []
        var start = 6
        for index in start...end where index == end || bytes[index] == 0x20 {
            if index == start { return .rejected }
            words.append(start..<index)
            start = index + 1
        }
        guard let family = words.first else { return .rejected }
        if family.count == 7, begins(bytes, with: "UNKNOWN", from: family.lowerBound) {
            return .complete(count: end + 2, nil)
        }
        guard words.count == 5, family.count == 4, begins(bytes, with: "TCP", from: family.lowerBound),
            let source = IPAddress(bytes, words[1]), let target = IPAddress(bytes, words[2]),
            let port = readPort(bytes, words[3]), readPort(bytes, words[4]) != nil
        else { return .rejected }
        let digit = bytes[family.lowerBound + 3]
        // A mapped address is one of IPv4 here, and may be written in a line of either family, but with the
        // colons of IPv6 where the line says so.
        switch digit {
        case UInt8(ascii: "4"): if source.isIPv6 || target.isIPv6 { return .rejected }
        case UInt8(ascii: "6"):
            for word in words[1...2] where HTTPSyntax.find(UInt8(ascii: ":"), bytes, word) == word.upperBound
            {
                return .rejected
            }
        default: return .rejected
        }
        return .complete(count: end + 2, ProxiedPeer(address: source, port: port))
    }

    // MARK: Version 2

    private static func parseBinary(_ bytes: borrowing Span<UInt8>) -> ProxyHeader {
        guard begins(bytes, with: signature, from: 0) else { return .rejected }
        if bytes.count > signatureCount {
            let command = bytes[signatureCount]
            guard command == 0x20 || command == 0x21 else { return .rejected }
        }
        if bytes.count < 16 { return .needMore }
        let isLocal = bytes[12] == 0x20
        let family = bytes[13]
        let length = Int(bytes[14]) << 8 | Int(bytes[15])
        let count = 16 + length
        if count > bytesMax { return .rejected }
        let needed = isLocal ? 0 : addressBytes(family)
        guard let needed, length >= needed else { return .rejected }
        if bytes.count < count { return .needMore }
        if isLocal { return .complete(count: count, nil) }
        switch family >> 4 {
        case 1:
            let address = IPAddress(ipv4: UInt32(truncatingIfNeeded: number(bytes, 16, 4)))
            let port = UInt16(truncatingIfNeeded: number(bytes, 24, 2))
            return .complete(count: count, ProxiedPeer(address: address, port: port))
        case 2:
            let address = IPAddress(high: number(bytes, 16, 8), low: number(bytes, 24, 8))
            let port = UInt16(truncatingIfNeeded: number(bytes, 48, 2))
            return .complete(count: count, ProxiedPeer(address: address, port: port))
        default:
            return .complete(count: count, nil)
        }
    }

    /// Bytes of the two addresses with their ports; nil: there is no such family.
    private static func addressBytes(_ family: UInt8) -> Int? {
        guard family & 0x0F <= 2 else { return nil }
        switch family >> 4 {
        case 0: return 0
        case 1: return 12
        case 2: return 36
        case 3: return 216
        default: return nil
        }
    }

    private static func number(_ bytes: borrowing Span<UInt8>, _ start: Int, _ count: Int) -> UInt64 {
        var number: UInt64 = 0
        for index in start..<(start + count) { number = number << 8 | UInt64(bytes[index]) }
        return number
    }
}
