// Where a client connects to: ws://host/path?query, wss://…, unix:/socket:/path (RFC 6455 3).

internal import HearthBytes

package struct WebSocketURL: Equatable {
    package static var bytesMax: Int { 8192 }

    package internal(set) var isSecure = false
    package internal(set) var isUnix = false
    /// In lower case, IPv6 without brackets; of a socket "localhost".
    package internal(set) var host: [UInt8] = []
    package internal(set) var isIPv6 = false
    package internal(set) var port: UInt16 = 0
    package internal(set) var socketPath: [UInt8] = []
    /// "user:password", decoded; empty: none.
    package internal(set) var credentials: [UInt8] = []
    /// Path and query as the request line has them.
    package internal(set) var target: [UInt8] = []

    /// What a program writes: `ws:`, `wss:`, `unix:` or `ws+unix:`.
    package static func parse(_ text: borrowing Span<UInt8>) throws(URLFault) -> WebSocketURL {
        if text.count > bytesMax { throw URLFault(.tooLong, at: bytesMax) }
        let end = schemeEnd(text)
        let scheme = 0..<end
        var url = WebSocketURL()
        if HTTPSyntax.matches(text, scheme, "unix:") || HTTPSyntax.matches(text, scheme, "ws+unix:") {
            try url.readSocket(text, end..<text.count)
            return url
        }
        url.isSecure = HTTPSyntax.matches(text, scheme, "wss:")
        if !url.isSecure, !HTTPSyntax.matches(text, scheme, "ws:") { throw URLFault(.unknownScheme, at: 0) }
        guard hasSlashes(text, at: end) else { throw URLFault(.unknownScheme, at: end) }
        try url.readAuthority(text, from: end + 2)
        return url
    }

    /// Whether the text is an address with TLS.
    package static func isSecure(_ text: [UInt8]) -> Bool { (try? parse(text.span))?.isSecure ?? false }

    package var isDefaultPort: Bool { port == (isSecure ? 443 : 80) }

    /// What the Host field says.
    package var hostField: [UInt8] {
        var field: [UInt8] = []
        URLAuthority.appendHost(host, isIPv6: isIPv6, to: &field)
        if !isUnix, !isDefaultPort {
            field.append(UInt8(ascii: ":"))
            append(decimal: Int(port), to: &field)
        }
        return field
    }

    /// The address again, without user and password.
    package var text: [UInt8] {
        var text: [UInt8] = []
        if isUnix {
            append("unix:", to: &text)
            text += socketPath
            if target.count > 1 {
                text.append(UInt8(ascii: ":"))
                text += target
            }
            return text
        }
        append(isSecure ? "wss://" : "ws://", to: &text)
        text += hostField
        return text + target
    }

    /// Whether what is meant for the one may be sent to the other.
    package func isSameOrigin(as other: WebSocketURL) -> Bool {
        isSecure == other.isSecure && isUnix == other.isUnix && host == other.host && port == other.port
            && socketPath == other.socketPath
    }

    // MARK: Reading

    /// Behind the first colon, if a scheme stands before it.
    static func schemeEnd(_ text: borrowing Span<UInt8>) -> Int {
        var index = 0
        while index < text.count {
            switch text[index] {
            case UInt8(ascii: ":"): return index + 1
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "+"), UInt8(ascii: "-"),
                UInt8(ascii: "."):
                index += 1
            default: return 0
            }
        }
        return 0
    }

    static func hasSlashes(_ text: borrowing Span<UInt8>, at index: Int) -> Bool {
        index + 1 < text.count && text[index] == UInt8(ascii: "/") && text[index + 1] == UInt8(ascii: "/")
    }

    mutating func readAuthority(_ text: borrowing Span<UInt8>, from start: Int) throws(URLFault) {
        let end = URLAuthority.end(text, from: start)
        let authority = try URLAuthority.parse(text, start..<end)
        host = authority.host
        isIPv6 = authority.isIPv6
        port = authority.port ?? (isSecure ? 443 : 80)
        credentials = authority.credentials
        try readTarget(text, end..<text.count)
    }

    private mutating func readSocket(_ text: borrowing Span<UInt8>, _ range: Range<Int>) throws(URLFault) {
        var end = range.lowerBound
        while end < range.upperBound {
            if text[end] == UInt8(ascii: ":"), end + 1 < range.upperBound,
                text[end + 1] == UInt8(ascii: "/")
            {
                break
            }
            end += 1
        }
        if end == range.lowerBound { throw URLFault(.missingPath, at: end) }
        try URLAuthority.decode(text, range.lowerBound..<end, into: &socketPath)
        // sun_path holds 108 bytes with its NUL.
        if socketPath.count > 107 { throw URLFault(.socketPathTooLong, at: range.lowerBound) }
        isUnix = true
        append("localhost", to: &host)
        try readTarget(text, min(end + 1, range.upperBound)..<range.upperBound)
    }

    /// What may stand in a request line is taken as it is; what is only missing its escape gets it.
    mutating func readTarget(_ text: borrowing Span<UInt8>, _ range: Range<Int>) throws(URLFault) {
        target.removeAll()
        if range.isEmpty || text[range.lowerBound] != UInt8(ascii: "/") { target.append(UInt8(ascii: "/")) }
        for index in range {
            switch text[index] {
            case 0...0x20, 0x7F: throw URLFault(.unsafeCharacter, at: index)
            case UInt8(ascii: "#"): throw URLFault(.fragment, at: index)
            case UInt8(ascii: "\""), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "\\"),
                UInt8(ascii: "^"), UInt8(ascii: "`"), UInt8(ascii: "{"), UInt8(ascii: "|"),
                UInt8(ascii: "}"), 0x80...:
                PercentCoding.encode(text[index], into: &target)
            default: target.append(text[index])
            }
        }
        try URLAuthority.checkEscapes(text, range)
    }
}
