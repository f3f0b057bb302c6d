// Where to listen, and who has connected. Text in both directions; nothing here asks a name server.

internal import CLibuv
package import HearthBytes

/// A peer's address, kept small: 16 bytes of IP, port, family.
package struct PeerAddress {
    package enum Family: UInt8 { case none, ipv4, ipv6, unix }
    package var bytes: (UInt64, UInt64) = (0, 0)
    package var port: UInt16 = 0
    package var family: Family = .none

    package init() {}

    init(_ storage: UnsafePointer<sockaddr_storage>) {
        let raw = UnsafeRawPointer(storage)
        switch Int32(storage.pointee.ss_family) {
        case AF_INET:
            let address = raw.loadUnaligned(as: sockaddr_in.self)
            bytes.0 = UInt64(address.sin_addr.s_addr)
            port = UInt16(bigEndian: address.sin_port)
            family = .ipv4
        case AF_INET6:
            let address = raw.loadUnaligned(as: sockaddr_in6.self)
            withUnsafeBytes(of: address.sin6_addr) {
                bytes.0 = $0.loadUnaligned(as: UInt64.self)
                bytes.1 = $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
            }
            port = UInt16(bigEndian: address.sin6_port)
            family = .ipv6
        default:
            family = .unix
        }
    }

    /// "127.0.0.1:51234", "[::1]:51234", "unix".
    package var text: [UInt8] {
        var text = TextBuffer()
        write(into: &text)
        let bytes = text.array
        text.deallocate()
        return bytes
    }

    /// The same behind what is there, without an allocation of its own for IPv4.
    package func write(into text: inout TextBuffer) {
        switch family {
        case .none: break
        case .unix: text.append("unix")
        case .ipv4:
            // By hand, as every connection needs it and snprintf takes its time.
            for index in 0..<4 {
                text.append(decimal: bytes.0 &>> UInt64(8 &* index) & 0xFF)
                text.append(index < 3 ? UInt8(ascii: ".") : UInt8(ascii: ":"))
            }
            text.append(decimal: UInt64(port))
        case .ipv6:
            var host = [CChar](repeating: 0, count: 64)
            var copy = bytes
            _ = withUnsafeBytes(of: &copy) {
                uv_inet_ntop(AF_INET6, $0.baseAddress!, &host, host.count)
            }
            text.append(UInt8(ascii: "["))
            for character in host where character != 0 { text.append(UInt8(bitPattern: character)) }
            text.append(UInt8(ascii: "]"))
            text.append(UInt8(ascii: ":"))
            text.append(decimal: UInt64(port))
        }
    }
}

/// One place to listen, as the key `listen` names it: "127.0.0.1:9000", "[::1]:0", "localhost:80", "*:80",
/// "unix:/path".
package enum ListenAddress {
    case ip(host: [UInt8], port: UInt16, isIPv6: Bool)
    case unix(path: [UInt8])

    /// Nil: not an address.
    package init?(_ text: [UInt8]) {
        let prefix = Array("unix:".utf8)
        if text.starts(with: prefix) {
            let path = Array(text[prefix.count...])
            // sun_path holds 108 bytes with its NUL.
            if path.isEmpty || path.count > 107 { return nil }
            self = .unix(path: path)
            return
        }
        guard let colon = text.lastIndex(of: UInt8(ascii: ":")) else { return nil }
        var port = 0
        let digits = text[(colon + 1)...]
        if digits.isEmpty || digits.count > 5 { return nil }
        for digit in digits {
            guard digit >= 0x30, digit <= 0x39 else { return nil }
            port = port * 10 + Int(digit - 0x30)
        }
        if port > 65535 { return nil }
        var host = Array(text[..<colon])
        var isIPv6 = false
        if host.first == UInt8(ascii: "["), host.last == UInt8(ascii: "]") {
            host = Array(host[1..<(host.count - 1)])
            isIPv6 = true
        }
        if host == Array("localhost".utf8) { host = Array("127.0.0.1".utf8) }
        if host == Array("*".utf8) { host = Array("0.0.0.0".utf8) }
        if host.isEmpty { return nil }
        var scratch: (UInt64, UInt64) = (0, 0)
        let parsed = withUnsafeMutableBytes(of: &scratch) { place in
            (host + [0]).withUnsafeBytes {
                uv_inet_pton(
                    isIPv6 ? AF_INET6 : AF_INET, $0.baseAddress!.assumingMemoryBound(to: CChar.self),
                    place.baseAddress!)
            }
        }
        if parsed != 0 { return nil }
        self = .ip(host: host, port: UInt16(port), isIPv6: isIPv6)
    }
}

/// Decimal digits, without going through String.
package func appendDecimal(_ value: UInt64, to bytes: inout [UInt8]) {
    if value >= 10 { appendDecimal(value / 10, to: &bytes) }
    bytes.append(UInt8(ascii: "0") + UInt8(value % 10))
}
