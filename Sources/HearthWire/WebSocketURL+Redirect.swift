// Where a redirect leads (RFC 9110 10.2.2, RFC 3986 5.2).

internal import HearthBytes

extension WebSocketURL {
    /// The address that a Location field of this one's server names. User and password go along only to the
    /// same host.
    package func redirected(to location: borrowing Span<UInt8>) throws(URLFault) -> WebSocketURL {
        if location.count > Self.bytesMax { throw URLFault(.tooLong, at: Self.bytesMax) }
        var end = 0
        while end < location.count, location[end] != UInt8(ascii: "#") { end += 1 }
        let text = copy(location, 0, end)
        let scheme = Self.schemeEnd(text.span)
        var url = self
        if scheme > 0 {
            url.isSecure = try Self.isSecureScheme(text.span, 0..<scheme)
            guard Self.hasSlashes(text.span, at: scheme) else { throw URLFault(.unknownScheme, at: scheme) }
        }
        if scheme == 0, !Self.hasSlashes(text.span, at: 0) {
            url.target = try resolve(text)
            return url
        }
        if isUnix { throw URLFault(.redirectLeavesSocket, at: 0) }
        try url.readAuthority(text.span, from: scheme + 2)
        if isSecure, !url.isSecure { throw URLFault(.insecureRedirect, at: 0) }
        if url.credentials.isEmpty, isSameOrigin(as: url) { url.credentials = credentials }
        return url
    }

    private static func isSecureScheme(
        _ text: borrowing Span<UInt8>, _ scheme: Range<Int>
    ) throws(URLFault) -> Bool {
        if HTTPSyntax.matches(text, scheme, "wss:") || HTTPSyntax.matches(text, scheme, "https:") {
            return true
        }
        if HTTPSyntax.matches(text, scheme, "ws:") || HTTPSyntax.matches(text, scheme, "http:") {
            return false
        }
        throw URLFault(.unknownScheme, at: 0)
    }

    /// The target that a reference without a host stands for.
    private func resolve(_ reference: [UInt8]) throws(URLFault) -> [UInt8] {
        var pathEnd = 0
        while pathEnd < target.count, target[pathEnd] != UInt8(ascii: "?") { pathEnd += 1 }
        var merged: [UInt8] = []
        if reference.isEmpty {
            merged = target
        } else if reference[0] == UInt8(ascii: "/") {
            merged = reference
        } else if reference[0] == UInt8(ascii: "?") {
            merged = target[..<pathEnd] + reference
        } else {
            while pathEnd > 0, target[pathEnd - 1] != UInt8(ascii: "/") { pathEnd -= 1 }
            merged = target[..<pathEnd] + reference
        }
        var url = WebSocketURL()
        try url.readTarget(merged.span, 0..<merged.count)
        return Self.withoutDots(url.target)
    }

    /// RFC 3986 5.2.4. The target begins with a slash.
    private static func withoutDots(_ target: [UInt8]) -> [UInt8] {
        var pathEnd = 0
        while pathEnd < target.count, target[pathEnd] != UInt8(ascii: "?") { pathEnd += 1 }
        var result: [UInt8] = []
        var start = 0
        while start < pathEnd {
            var end = start + 1
            while end < pathEnd, target[end] != UInt8(ascii: "/") { end += 1 }
            let dots = end - start - 1
            let isDot = dots == 1 && target[start + 1] == UInt8(ascii: ".")
            let isDouble =
                dots == 2 && target[start + 1] == UInt8(ascii: ".") && target[start + 2] == UInt8(ascii: ".")
            if isDouble {
                while let last = result.popLast(), last != UInt8(ascii: "/") {}
            }
            if !isDot, !isDouble {
                result += target[start..<end]
            } else if end == pathEnd {
                result.append(UInt8(ascii: "/"))
            }
            start = end
        }
        return result + target[pathEnd...]
    }
}
