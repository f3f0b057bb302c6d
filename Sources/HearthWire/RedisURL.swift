// Where Redis is: redis://user:password@host:port/database, rediss://…, unix:///socket?db=0, or whom to ask:
// redis+sentinel://user:password@host:port,host:port/name/database. Several hosts are tried in turn.

internal import HearthBytes

package struct RedisAddress: Equatable {
    /// In lower case, IPv6 without brackets; empty: a Unix socket.
    package let host: [UInt8]
    package let port: UInt16

    package init(host: [UInt8], port: UInt16) {
        self.host = host
        self.port = port
    }

    package var text: [UInt8] {
        var text: [UInt8] = []
        URLAuthority.appendHost(host, isIPv6: host.contains(UInt8(ascii: ":")), to: &text)
        text.append(UInt8(ascii: ":"))
        append(decimal: Int(port), to: &text)
        return text
    }
}

package struct RedisURL: Equatable {
    package private(set) var isSecure = false
    /// One at least; of sentinels, if there is a name of a master.
    package private(set) var hosts: [RedisAddress] = []
    package private(set) var socketPath: [UInt8] = []
    /// What sentinels know the server by that can be written to; empty: they are not asked.
    package private(set) var master: [UInt8] = []
    package private(set) var sentinelUser: [UInt8] = []
    package private(set) var sentinelPassword: [UInt8] = []
    /// Empty: Redis' own user "default".
    package private(set) var user: [UInt8] = []
    package private(set) var password: [UInt8] = []
    package private(set) var database = 0

    private static var databaseMax: Int { 65535 }
    package static var hostsMax: Int { 32 }

    package static func parse(_ text: borrowing Span<UInt8>) throws(URLFault) -> RedisURL {
        if text.count > WebSocketURL.bytesMax { throw URLFault(.tooLong, at: WebSocketURL.bytesMax) }
        let end = WebSocketURL.schemeEnd(text)
        let scheme = 0..<end
        var url = RedisURL()
        if HTTPSyntax.matches(text, scheme, "unix:") {
            try url.readSocket(text, from: end)
            return url
        }
        let isSecureSentinel = HTTPSyntax.matches(text, scheme, "rediss+sentinel:")
        let asksSentinels = isSecureSentinel || HTTPSyntax.matches(text, scheme, "redis+sentinel:")
        url.isSecure = isSecureSentinel || HTTPSyntax.matches(text, scheme, "rediss:")
        if !url.isSecure, !asksSentinels, !HTTPSyntax.matches(text, scheme, "redis:") {
            throw URLFault(.noRedis, at: 0)
        }
        guard WebSocketURL.hasSlashes(text, at: end) else { throw URLFault(.noRedis, at: end) }
        let authorityEnd = URLAuthority.end(text, from: end + 2)
        try url.readHosts(text, (end + 2)..<authorityEnd, port: asksSentinels ? 26379 : 6379)
        if asksSentinels {
            try url.readMaster(text, from: authorityEnd)
            return url
        }
        var path = authorityEnd
        if path < text.count, text[path] == UInt8(ascii: "/") { path += 1 }
        try url.readDatabase(text, path..<text.count)
        return url
    }

    // MARK: Parts

    /// user:password@host:port,host:port
    private mutating func readHosts(
        _ text: borrowing Span<UInt8>, _ range: Range<Int>, port: UInt16
    ) throws(URLFault) {
        var hostsStart = range.lowerBound
        for index in range where text[index] == UInt8(ascii: "@") { hostsStart = index + 1 }
        // Before the first host are user and password.
        var start = range.lowerBound
        for index in hostsStart...range.upperBound
        where index == range.upperBound || text[index] == UInt8(ascii: ",") {
            if hosts.count == Self.hostsMax { throw URLFault(.tooManyHosts, at: start) }
            let authority = try URLAuthority.parse(text, start..<index)
            hosts.append(RedisAddress(host: authority.host, port: authority.port ?? port))
            if hosts.count == 1 { readCredentials(authority.credentials) }
            start = index + 1
        }
    }

    /// /name, /name/database, and what the sentinels themselves ask for: ?sentinel_user=…&sentinel_password=…
    private mutating func readMaster(
        _ text: borrowing Span<UInt8>, from start: Int
    ) throws(URLFault) {
        var query = start
        while query < text.count, text[query] != UInt8(ascii: "?") { query += 1 }
        var end = min(start + 1, query)
        while end < query, text[end] != UInt8(ascii: "/") { end += 1 }
        if end <= start + 1 { throw URLFault(.missingMaster, at: start) }
        try URLAuthority.decode(text, (start + 1)..<end, into: &master)
        try readDatabase(text, min(end + 1, query)..<query)
        var index = query + 1
        while index < text.count {
            var next = index
            while next < text.count, text[next] != UInt8(ascii: "&") { next += 1 }
            var value = index
            while value < next, text[value] != UInt8(ascii: "=") { value += 1 }
            let range = min(value + 1, next)..<next
            if HTTPSyntax.equals(text, index..<value, "sentinel_user") {
                try URLAuthority.decode(text, range, into: &sentinelUser)
            } else if HTTPSyntax.equals(text, index..<value, "sentinel_password") {
                try URLAuthority.decode(text, range, into: &sentinelPassword)
            } else {
                throw URLFault(.unknownParameter, at: index)
            }
            index = next + 1
        }
    }

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
        hosts = [RedisAddress(host: [], port: 0)]
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
