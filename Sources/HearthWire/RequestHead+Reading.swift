// A head in one go: the request line, each field, and what they say together.

extension RequestHead {
    /// Fields that the head itself looks at.
    enum Seen {
        static var host: UInt16 { 1 }
        static var contentLength: UInt16 { 2 }
        static var transferEncoding: UInt16 { 4 }
        static var key: UInt16 { 8 }
        static var version: UInt16 { 16 }
        static var origin: UInt16 { 32 }
        static var authorization: UInt16 { 64 }
        static var contentType: UInt16 { 128 }
        static var closes: UInt16 { 256 }
        static var keepsAlive: UInt16 { 512 }
        static var connectionUpgrade: UInt16 { 1024 }
        static var upgradeWebSocket: UInt16 { 2048 }
    }

    /// Looks no further than `last`. Every line ends with CR LF, and no other control character is there but
    /// tab. Returns where the head ends; nil: not there, or something is in it that no head can have.
    @_optimize(speed)
    mutating func read(
        _ bytes: borrowing Span<UInt8>, _ last: Int, _ limits: HeadLimits
    ) throws(HTTPFault) -> Int? {
        fields.removeAll(keepingCapacity: true)
        seen = 0
        contentLength = nil
        isChunked = false
        expectsContinue = false
        webSocketKey = nil
        webSocketVersion = nil
        offersSubprotocols = false
        // RFC 9112 2.2: one empty line before the request line is to be ignored.
        var start = Self.isLineEnd(bytes, 0, last) ? 2 : 0
        guard let lineEnd = Self.lineEnd(bytes, from: start, last) else { return nil }
        try readRequestLine(bytes, start..<lineEnd)
        start = lineEnd + 2
        while !Self.isLineEnd(bytes, start, last) {
            if start >= last { return nil }
            if fields.count == limits.maxFields { throw .tooManyFields }
            guard let end = try readField(bytes, start..<last) else { return nil }
            start = end + 2
        }
        try conclude()
        return start + 2
    }

    @inline(__always)
    private static func isLineEnd(_ bytes: borrowing Span<UInt8>, _ index: Int, _ last: Int) -> Bool {
        index + 1 < last && bytes[index] == 0x0D && bytes[index + 1] == 0x0A
    }

    /// nil: it does not end before `last`, or not as a line does.
    private static func lineEnd(_ bytes: borrowing Span<UInt8>, from start: Int, _ last: Int) -> Int? {
        var index = HTTPSyntax.skipVisible(bytes, start, last)
        while index < last, bytes[index] != 0x0D {
            if !HTTPSyntax.isValueCharacter(bytes[index]) { return nil }
            index = HTTPSyntax.skipVisible(bytes, index + 1, last)
        }
        return isLineEnd(bytes, index, last) ? index : nil
    }

    // MARK: The request line (RFC 9112 3)

    @_optimize(speed)
    private mutating func readRequestLine(
        _ bytes: borrowing Span<UInt8>, _ line: Range<Int>
    ) throws(HTTPFault) {
        var index = line.lowerBound
        while index < line.upperBound, HTTPSyntax.isTokenCharacter(bytes[index]) { index += 1 }
        method = line.lowerBound..<index
        if method.isEmpty || index == line.upperBound || bytes[index] != 0x20 { throw .badRequestLine }
        let targetStart = index + 1
        index = targetStart
        index = HTTPSyntax.find(0x20, bytes, targetStart..<line.upperBound)
        target = targetStart..<index
        if target.isEmpty || index == line.upperBound { throw .badRequestLine }
        if HTTPSyntax.skipVisible(bytes, targetStart, index) < index { throw .badRequestLine }
        try readVersion(bytes, (index + 1)..<line.upperBound)
        knownMethod = Self.method(bytes, method)
        if knownMethod == .other, HTTPSyntax.equals(bytes, method, "CONNECT") { throw .unsupportedMethod }
        try readTarget(bytes)
    }

    private mutating func readVersion(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>) throws(HTTPFault) {
        let start = range.lowerBound
        if HTTPSyntax.equals(bytes, range, "HTTP/1.1") {
            isHTTP10 = false
            return
        }
        guard range.count == 8, HTTPSyntax.equals(bytes, start..<(start + 5), "HTTP/"),
            HTTPSyntax.isDigit(bytes[start + 5]), bytes[start + 6] == UInt8(ascii: "."),
            HTTPSyntax.isDigit(bytes[start + 7])
        else { throw .badRequestLine }
        guard bytes[start + 5] == UInt8(ascii: "1"), bytes[start + 7] <= UInt8(ascii: "1") else {
            throw .unsupportedVersion
        }
        isHTTP10 = bytes[start + 7] == UInt8(ascii: "0")
    }

    private static func method(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>) -> HTTPMethod {
        if HTTPSyntax.equals(bytes, range, "GET") { return .get }
        if HTTPSyntax.equals(bytes, range, "HEAD") { return .head }
        if HTTPSyntax.equals(bytes, range, "POST") { return .post }
        if HTTPSyntax.equals(bytes, range, "PUT") { return .put }
        if HTTPSyntax.equals(bytes, range, "DELETE") { return .delete }
        if HTTPSyntax.equals(bytes, range, "OPTIONS") { return .options }
        if HTTPSyntax.equals(bytes, range, "PATCH") { return .patch }
        return HTTPSyntax.equals(bytes, range, "TRACE") ? .trace : .other
    }

    /// RFC 9112 3.2: a path, an absolute URI, or, for OPTIONS, an asterisk.
    private mutating func readTarget(_ bytes: borrowing Span<UInt8>) throws(HTTPFault) {
        if HTTPSyntax.find(UInt8(ascii: "#"), bytes, target) < target.upperBound { throw .badRequestTarget }
        var start = target.lowerBound
        authority = start..<start
        if bytes[start] == UInt8(ascii: "*") {
            guard target.count == 1, knownMethod == .options else { throw .badRequestTarget }
            path = target
            query = target.upperBound..<target.upperBound
            return
        }
        if bytes[start] != UInt8(ascii: "/") {
            start = try Self.skipAuthority(bytes, target)
            authority = Self.schemeEnd(bytes, target)!..<start
        }
        let pathEnd = HTTPSyntax.find(UInt8(ascii: "?"), bytes, start..<target.upperBound)
        path = start..<pathEnd
        query = min(pathEnd + 1, target.upperBound)..<target.upperBound
        // An absolute URI may have no path: the second slash before its authority stands for it.
        if path.isEmpty || bytes[start] != UInt8(ascii: "/") {
            let slash = Self.schemeEnd(bytes, target)! - 1
            path = slash..<(slash + 1)
        }
    }

    /// Where the path, the query or the end comes behind `http://authority`.
    private static func skipAuthority(
        _ bytes: borrowing Span<UInt8>, _ target: Range<Int>
    ) throws(HTTPFault) -> Int {
        guard let start = schemeEnd(bytes, target) else { throw .badRequestTarget }
        var index = start
        while index < target.upperBound, bytes[index] != UInt8(ascii: "/"), bytes[index] != UInt8(ascii: "?")
        {
            index += 1
        }
        if index == start || !isHost(bytes, start..<index) { throw .badRequestTarget }
        return index
    }

    /// Behind the `://` of a scheme that is ours.
    private static func schemeEnd(_ bytes: borrowing Span<UInt8>, _ target: Range<Int>) -> Int? {
        var end = target.lowerBound
        while end < target.upperBound, bytes[end] != UInt8(ascii: "/") { end += 1 }
        let scheme = target.lowerBound..<end
        let isOurs =
            HTTPSyntax.matches(bytes, scheme, "http:") || HTTPSyntax.matches(bytes, scheme, "https:")
            || HTTPSyntax.matches(bytes, scheme, "ws:") || HTTPSyntax.matches(bytes, scheme, "wss:")
        if isOurs, end + 1 < target.upperBound, bytes[end + 1] == UInt8(ascii: "/") { return end + 2 }
        return nil
    }

    /// Whether the bytes can be a host with or without a port (RFC 3986 3.2.2): no user, no path, no list.
    @_optimize(speed)
    private static func isHost(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>) -> Bool {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count, "range beyond the bytes")
        for index in range {
            let byte = unsafe bytes[unchecked: index]
            // A bit for each of the characters up to 0x7F: digits, letters and -._~%:[]!$&'()*+;=.
            let half: UInt64 = byte < 0x40 ? 0x2FFF_6FF2_0000_0000 : 0x47FF_FFFE_AFFF_FFFE
            if byte >= 0x80 || half &>> UInt64(byte & 0x3F) & 1 == 0 { return false }
        }
        return true
    }

    // MARK: Fields (RFC 9112 5)

    /// The field begins the range. Returns where its line ends; nil as `lineEnd`.
    @_optimize(speed)
    private mutating func readField(
        _ bytes: borrowing Span<UInt8>, _ rest: Range<Int>
    ) throws(HTTPFault) -> Int? {
        let start = rest.lowerBound
        // 5.2: a line that begins with white space goes on with the one before.
        if bytes[start] == 0x20 || bytes[start] == 0x09 { throw .foldedField }
        // Of a later line if this one has none, but then what is before it is no name.
        let colon = HTTPSyntax.find(UInt8(ascii: ":"), bytes, rest)
        if colon == rest.upperBound { throw .badFieldName }
        guard let lineEnd = Self.lineEnd(bytes, from: colon + 1, rest.upperBound) else { return nil }
        let value = HTTPSyntax.trim(bytes, (colon + 1)..<lineEnd)
        fields.append(HeadField(name: start..<colon, value: value))
        try take(bytes, start..<colon, value)
        return lineEnd
    }

    /// What is no name of ours may be no name at all.
    @_optimize(speed)
    private mutating func take(
        _ bytes: borrowing Span<UInt8>, _ name: Range<Int>, _ value: Range<Int>
    ) throws(HTTPFault) {
        switch name.count {
        case 4 where HTTPSyntax.matches(bytes, name, "host"):
            try once(Seen.host)
            if !Self.isHost(bytes, value) { throw .badHost }
        case 6 where HTTPSyntax.matches(bytes, name, "origin"): try once(Seen.origin)
        case 6 where HTTPSyntax.matches(bytes, name, "expect"):
            if !HTTPSyntax.matches(bytes, value, "100-continue") { throw .unsupportedExpectation }
            expectsContinue = true
        case 7 where HTTPSyntax.matches(bytes, name, "upgrade"): takeUpgrade(bytes, value)
        case 10 where HTTPSyntax.matches(bytes, name, "connection"): takeConnection(bytes, value)
        case 12 where HTTPSyntax.matches(bytes, name, "content-type"): try once(Seen.contentType)
        case 13 where HTTPSyntax.matches(bytes, name, "authorization"): try once(Seen.authorization)
        case 14 where HTTPSyntax.matches(bytes, name, "content-length"):
            try once(Seen.contentLength)
            contentLength = try Self.readContentLength(bytes, value)
        case 17 where HTTPSyntax.matches(bytes, name, "transfer-encoding"):
            try once(Seen.transferEncoding)
            if !HTTPSyntax.matches(bytes, value, "chunked") { throw .unsupportedTransferEncoding }
            isChunked = true
        case 17 where HTTPSyntax.matches(bytes, name, "sec-websocket-key"):
            try once(Seen.key)
            webSocketKey = value
        case 21 where HTTPSyntax.matches(bytes, name, "sec-websocket-version"):
            try once(Seen.version)
            webSocketVersion = value
        case 22 where HTTPSyntax.matches(bytes, name, "sec-websocket-protocol"): offersSubprotocols = true
        default: if !HTTPSyntax.isToken(bytes, name) { throw .badFieldName }
        }
    }

    private mutating func once(_ field: UInt16) throws(HTTPFault) {
        if seen & field != 0 { throw .duplicateField }
        seen |= field
    }

    private mutating func takeConnection(_ bytes: borrowing Span<UInt8>, _ value: Range<Int>) {
        if HTTPSyntax.matches(bytes, value, "upgrade") {
            seen |= Seen.connectionUpgrade
            return
        }
        var rest = value
        while let item = HTTPSyntax.takeItem(bytes, &rest) {
            if HTTPSyntax.matches(bytes, item, "close") { seen |= Seen.closes }
            if HTTPSyntax.matches(bytes, item, "keep-alive") { seen |= Seen.keepsAlive }
            if HTTPSyntax.matches(bytes, item, "upgrade") { seen |= Seen.connectionUpgrade }
        }
    }

    private mutating func takeUpgrade(_ bytes: borrowing Span<UInt8>, _ value: Range<Int>) {
        if HTTPSyntax.matches(bytes, value, "websocket") {
            seen |= Seen.upgradeWebSocket
            return
        }
        var rest = value
        while let item = HTTPSyntax.takeItem(bytes, &rest) {
            if HTTPSyntax.matches(bytes, item, "websocket") { seen |= Seen.upgradeWebSocket }
        }
    }

    /// RFC 9110 8.6: digits and nothing else.
    private static func readContentLength(
        _ bytes: borrowing Span<UInt8>, _ value: Range<Int>
    ) throws(HTTPFault) -> Int {
        if value.isEmpty { throw .badContentLength }
        for index in value where !HTTPSyntax.isDigit(bytes[index]) { throw .badContentLength }
        var length = 0
        for index in value {
            let (tens, isTooLong) = length.multipliedReportingOverflow(by: 10)
            let (sum, isTooLarge) = tens.addingReportingOverflow(Int(bytes[index] - 0x30))
            if isTooLong || isTooLarge { throw .contentTooLarge }
            length = sum
        }
        return length
    }

    // MARK: Together

    private mutating func conclude() throws(HTTPFault) {
        // RFC 9112 3.2: a request of HTTP/1.1 without Host is answered with 400.
        if !isHTTP10, seen & Seen.host == 0 { throw .missingHost }
        if isChunked {
            // 6.1: such a message was likely made to smuggle another.
            if contentLength != nil { throw .twoBodyLengths }
            if isHTTP10 { throw .transferEncodingInHTTP10 }
        }
        keepAlive = seen & Seen.closes == 0 && (!isHTTP10 || seen & Seen.keepsAlive != 0)
        isUpgrade = seen & Seen.connectionUpgrade != 0 && seen & Seen.upgradeWebSocket != 0
        if isHTTP10 { expectsContinue = false }
    }
}
