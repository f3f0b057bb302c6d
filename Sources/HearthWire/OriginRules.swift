// Which pages may connect: the Origin that a browser sends (RFC 6454) against what the program allows. A
// request without one is no browser's, and nobody's cookies come with it unasked.

internal import HearthBytes

package struct OriginRules: Sendable {
    enum Rule: Sendable {
        case any
        /// The page came from the host that it connects to.
        case sameHost
        case pattern(OriginPattern)
    }

    private var rules: [Rule] = []

    /// Items as "same-host", "*", "null", "https://example.com", "https://*.example.com:8443" or
    /// "example.com". nil: one of them is none of these.
    package init?(_ items: [[UInt8]]) {
        for item in items {
            let text = lowercased(item.span, 0..<item.count)
            if HTTPSyntax.matches(text.span, 0..<text.count, "*") {
                rules.append(.any)
            } else if HTTPSyntax.matches(text.span, 0..<text.count, "same-host") {
                rules.append(.sameHost)
            } else if let pattern = OriginPattern(text) {
                rules.append(.pattern(pattern))
            } else {
                return nil
            }
        }
    }

    /// `isSealed`: the request came over TLS.
    package func allows(
        _ head: borrowing RequestHead, _ bytes: borrowing Span<UInt8>, isSealed: Bool
    ) -> Bool {
        guard head.hasOrigin, let origin = head.value(of: "origin", in: bytes) else { return true }
        let host = head.host(in: bytes)
        return allows(
            origin: lowercased(bytes, origin), host: host.map { lowercased(bytes, $0) } ?? [],
            isSealed: isSealed)
    }

    private func allows(origin text: [UInt8], host: [UInt8], isSealed: Bool) -> Bool {
        let origin = Origin(text)
        for rule in rules {
            switch rule {
            case .any: return true
            case .sameHost:
                // Who can change a page of http must not speak for one of https. Without TLS a proxy may have
                // taken it off.
                if let origin, let name = HostAndPort(host), origin.isAt(name), !isSealed || origin.isSealed {
                    return true
                }
            case .pattern(let pattern):
                if pattern.matches(text, origin) { return true }
            }
        }
        return false
    }
}

/// A host in lower case and the port beside it, if there is one.
private struct HostAndPort {
    let host: [UInt8]
    let port: Int?

    /// nil: no host, or a port that is none.
    init?(_ text: [UInt8]) {
        var end = text.count
        // The colons of an address in brackets belong to it.
        let first = text.lastIndex(of: UInt8(ascii: "]")) ?? 0
        if let colon = text.lastIndex(of: UInt8(ascii: ":")), colon >= first {
            var number = 0
            for byte in text[(colon + 1)...] {
                guard HTTPSyntax.isDigit(byte), number < 65536 else { return nil }
                number = number * 10 + Int(byte - UInt8(ascii: "0"))
            }
            if number > 65535 || colon + 1 == text.count { return nil }
            port = number
            end = colon
        } else {
            port = nil
        }
        if end == 0 { return nil }
        host = Array(text[..<end])
    }
}

/// scheme://host[:port] in lower case.
private struct Origin {
    let scheme: [UInt8]
    let host: [UInt8]
    /// 0: the scheme has none.
    let port: Int

    init?(_ text: [UInt8]) {
        guard let colon = text.firstIndex(of: UInt8(ascii: ":")), text.count > colon + 3,
            text[colon + 1] == UInt8(ascii: "/"), text[colon + 2] == UInt8(ascii: "/"),
            let place = HostAndPort(Array(text[(colon + 3)...]))
        else { return nil }
        if !HTTPSyntax.isOriginHost(place.host) { return nil }
        scheme = Array(text[..<colon])
        host = place.host
        port = place.port ?? standardPort(scheme)
    }

    var isSealed: Bool { HTTPSyntax.matches(scheme.span, 0..<scheme.count, "https") }

    func isAt(_ place: HostAndPort) -> Bool {
        host == place.host && port == place.port ?? standardPort(scheme)
    }
}

struct OriginPattern: Sendable {
    private enum Port: Sendable { case any, standard, number(Int) }

    /// The whole of it, for origins that are no addresses, as "null".
    private let text: [UInt8]
    /// Empty: http and https.
    private let scheme: [UInt8]
    /// With a dot before it if all subdomains are meant.
    private let host: [UInt8]
    private let isSuffix: Bool
    private let port: Port

    /// Of a text in lower case.
    init?(_ text: [UInt8]) {
        self.text = text
        var rest = text[...]
        var scheme: [UInt8] = []
        if let colon = text.firstIndex(of: UInt8(ascii: ":")), text[colon...].starts(with: Self.separator) {
            scheme = Array(text[..<colon])
            rest = text[(colon + 3)...]
            if scheme.isEmpty { return nil }
        }
        self.scheme = scheme
        var port = Port.standard
        if rest.count > 2, rest.suffix(2).elementsEqual([UInt8(ascii: ":"), UInt8(ascii: "*")]) {
            port = .any
            rest = rest.dropLast(2)
        }
        guard let place = HostAndPort(Array(rest)) else { return nil }
        if let number = place.port { port = .number(number) }
        self.port = port
        isSuffix = place.host.starts(with: [UInt8(ascii: "*"), UInt8(ascii: ".")])
        host = isSuffix ? Array(place.host.dropFirst()) : place.host
        if host.count < 2, isSuffix { return nil }
        if !HTTPSyntax.isOriginHost(isSuffix ? Array(host.dropFirst()) : host) { return nil }
    }

    fileprivate func matches(_ given: [UInt8], _ origin: Origin?) -> Bool {
        if given == text { return true }
        guard let origin else { return false }
        if scheme.isEmpty {
            if standardPort(origin.scheme) == 0 { return false }
        } else if scheme != origin.scheme {
            return false
        }
        switch port {
        case .any: break
        case .standard: if origin.port != standardPort(origin.scheme) { return false }
        case .number(let number): if origin.port != number { return false }
        }
        // A subdomain has at least one character before the dot.
        return isSuffix
            ? origin.host.count > host.count && origin.host.suffix(host.count).elementsEqual(host)
            : origin.host == host
    }

    private static var separator: [UInt8] { [UInt8(ascii: ":"), UInt8(ascii: "/"), UInt8(ascii: "/")] }
}

extension HTTPSyntax {
    /// Whether it can be the host of an origin: an address in brackets, or a name as browsers write it, of
    /// letters, digits, hyphens, underscores and dots.
    fileprivate static func isOriginHost(_ host: [UInt8]) -> Bool {
        if host.first == UInt8(ascii: "["), host.last == UInt8(ascii: "]") {
            return host.dropFirst().dropLast().allSatisfy {
                hexadecimalValue($0) != nil || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".")
            }
        }
        return !host.isEmpty
            && host.allSatisfy {
                isDigit($0) || ($0 | 0x20) &- 0x61 < 26 || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
                    || $0 == UInt8(ascii: ".")
            }
    }
}

private func standardPort(_ scheme: [UInt8]) -> Int {
    let range = 0..<scheme.count
    if HTTPSyntax.matches(scheme.span, range, "https") { return 443 }
    return HTTPSyntax.matches(scheme.span, range, "http") ? 80 : 0
}

private func lowercased(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(range.count)
    for index in range { text.append(bytes[index] &- 0x41 < 26 ? bytes[index] | 0x20 : bytes[index]) }
    return text
}
