// Where Redis is: redis://user:password@host:port/database, rediss://…, unix:///socket?db=0.

internal import HearthBytes

package struct RedisURL: Equatable {
    package private(set) var isSecure = false
    /// In lower case, IPv6 without brackets; empty: a Unix socket.
    package private(set) var host: [UInt8] = []
    package private(set) var port: UInt16 = 0
    package private(set) var socketPath: [UInt8] = []
    /// Empty: Redis' own user "default".
    package private(set) var user: [UInt8] = []
    package private(set) var password: [UInt8] = []
    package private(set) var database = 0

    private static var databaseMax: Int { 65535 }

    package static func parse(_ text: borrowing Span<UInt8>) throws(URLFault) -> RedisURL {
        if text.count > WebSocketURL.bytesMax { throw URLFault(.tooLong, at: WebSocketURL.bytesMax) }
        let end = WebSocketURL.schemeEnd(text)
        let scheme = 0..<end
        var url = RedisURL()
        if HTTPSyntax.matches(text, scheme, "unix:") {
            try url.readSocket(text, from: end)
            return url
        }
        url.isSecure = HTTPSyntax.matches(text, scheme, "rediss:")
        if !url.isSecure, !HTTPSyntax.matches(text, scheme, "redis:") { throw URLFault(.noRedis, at: 0) }
        guard WebSocketURL.hasSlashes(text, at: end) else { throw URLFault(.noRedis, at: end) }
        let authorityEnd = URLAuthority.end(text, from: end + 2)
        let authority = try URLAuthority.parse(text, (end + 2)..<authorityEnd)
        url.host = authority.host
        url.port = authority.port ?? 6379
        url.readCredentials(authority.credentials)
        var path = authorityEnd
        if path < text.count, text[path] == UInt8(ascii: "/") { path += 1 }
        try url.readDatabase(text, path..<text.count)
        return url
    }

    /// For logs: nothing in it is secret.
    package var text: [UInt8] {
        var text: [UInt8] = []
        if host.isEmpty {
            append("unix:", to: &text)
            return text + socketPath
        }
        append(isSecure ? "rediss://" : "redis://", to: &text)
        URLAuthority.appendHost(host, isIPv6: host.contains(UInt8(ascii: ":")), to: &text)
        text.append(UInt8(ascii: ":"))
        append(decimal: Int(port), to: &text)
        return text
    }

    // MARK: Parts

    /// unix:/path, unix:///path and unix://user:password@/path, each with ?db=N or without.
    private mutating func readSocket(_ text: borrowing Span<UInt8>, from start: Int) throws(URLFault) {
        var path = start
        if WebSocketURL.hasSlashes(text, at: start) {
            path = URLAuthority.end(text, from: start + 2)
            if path > start + 2 {
                guard text[path - 1] == UInt8(ascii: "@") else { throw URLFault(.missingPath, at: path) }
                var decoded: [UInt8] = []
                try URLAuthority.decode(text, (start + 2)..<(path - 1), into: &decoded)
                readCredentials(decoded)
            }
        }
        var end = path
        while end < text.count, text[end] != UInt8(ascii: "?") { end += 1 }
        guard path < end, text[path] == UInt8(ascii: "/") else { throw URLFault(.missingPath, at: path) }
        try URLAuthority.decode(text, path..<end, into: &socketPath)
        // sun_path holds 108 bytes with its NUL.
        if socketPath.count > 107 { throw URLFault(.socketPathTooLong, at: path) }
        if end == text.count { return }
        let value = end + 4
        guard value < text.count, HTTPSyntax.equals(text, end..<value, "?db=") else {
            throw URLFault(.badDatabase, at: end)
        }
        try readDatabase(text, value..<text.count)
    }

    /// "user:password"; a name without a colon is one without a password.
    private mutating func readCredentials(_ credentials: [UInt8]) {
        let colon = credentials.firstIndex(of: UInt8(ascii: ":")) ?? credentials.count
        user = Array(credentials[..<colon])
        password = Array(credentials[min(colon + 1, credentials.count)...])
    }

    private mutating func readDatabase(
        _ text: borrowing Span<UInt8>, _ range: Range<Int>
    ) throws(URLFault) {
        for index in range {
            guard HTTPSyntax.isDigit(text[index]) else { throw URLFault(.badDatabase, at: index) }
            database = database * 10 + Int(text[index] - 0x30)
            if database > Self.databaseMax { throw URLFault(.badDatabase, at: index) }
        }
    }
}
