import HearthBytes
import HearthWire

private let sources = TokenSources(
    order: [.header, .subprotocol, .cookie, .query], header: Array("authorization".utf8),
    cookie: Array("token".utf8), query: Array("token".utf8), subprotocol: Array("bearer".utf8))

/// A request's head is searched for tokens, and compared with rules for origins; the same bytes are read as
/// a cookie field, as a pattern of an origin and as a token. Every range lies where it should, and what is
/// found in a field is found by plain means too.
@c(LLVMFuzzerTestOneInput)
public func fuzzTokens(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    checkHead(input)
    checkCookies(input)
    checkToken(input)
    if let rules = OriginRules([input]) { checkOrigins(rules, input) }
    return 0
}

private func parse(_ bytes: [UInt8], _ head: inout RequestHead) -> Bool {
    var scanned = 0
    let limits = HeadLimits(maxBytes: 8192, maxFields: 64)
    if case .complete = head.parse(bytes.span, limits: limits, scanned: &scanned) { return true }
    return false
}

private func checkHead(_ bytes: [UInt8]) {
    var head = RequestHead()
    guard parse(bytes, &head) else { return }
    var found: [FoundToken] = []
    sources.find(head, bytes.span, into: &found)
    var hasSubprotocol = false
    for token in found {
        precondition(token.range.upperBound <= bytes.count)
        switch token.source {
        case .query: precondition(head.query.contains(token.range.lowerBound))
        case .subprotocol: hasSubprotocol = true
        case .header, .cookie: precondition(token.range.lowerBound > head.target.upperBound)
        }
    }
    precondition(sources.offersToken(head, bytes.span) == hasSubprotocol)
    precondition(OriginRules([Array("*".utf8)])!.allows(head, bytes.span, isSealed: true))
    let isAllowed = OriginRules([])!.allows(head, bytes.span, isSealed: false)
    precondition(isAllowed == (head.value(of: "origin", in: bytes.span) == nil))
}

private func checkCookies(_ bytes: [UInt8]) {
    var values: [[UInt8]] = []
    let name = Array("token".utf8)
    Cookies.forEachValue(of: name, in: bytes.span, 0..<bytes.count) { values.append(Array(bytes[$0])) }
    let space: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 }
    func trimmed(_ text: ArraySlice<UInt8>) -> [UInt8] {
        Array(text.drop(while: space).reversed().drop(while: space).reversed())
    }
    var expected: [[UInt8]] = []
    for pair in bytes.split(separator: UInt8(ascii: ";")) {
        guard let equals = pair.firstIndex(of: UInt8(ascii: "=")), trimmed(pair[..<equals]) == name else {
            continue
        }
        var value = trimmed(pair[(equals + 1)...])
        if value.count >= 2, value.first == UInt8(ascii: "\""), value.last == UInt8(ascii: "\"") {
            value = Array(value.dropFirst().dropLast())
        }
        expected.append(value)
    }
    precondition(values == expected)
}

private func checkToken(_ bytes: [UInt8]) {
    guard let token = CompactToken(bytes.span) else { return }
    precondition(bytes.count == token.header.count + token.payload.count + token.signature.count + 2)
    for range in [token.header, token.payload, token.signature] {
        var decoded: [UInt8] = []
        precondition(Base64URL.decode(bytes.span, range, into: &decoded))
        var encoded: [UInt8] = []
        Base64URL.encode(decoded.span, into: &encoded)
        precondition(encoded == Array(bytes[range]))
    }
}

/// A pattern without wildcards is the origin that it allows.
private func checkOrigins(_ rules: OriginRules, _ pattern: [UInt8]) {
    if pattern.contains(UInt8(ascii: "*")) || pattern.count > 256 { return }
    let lower = pattern.map { $0 &- 0x41 < 26 ? $0 | 0x20 : $0 }
    if lower == Array("same-host".utf8) { return }
    let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\nOrigin: ".utf8) + pattern + Array("\r\n\r\n".utf8)
    var head = RequestHead()
    if parse(bytes, &head), head.value(of: "origin", in: bytes.span)?.count == pattern.count {
        precondition(rules.allows(head, bytes.span, isSealed: true))
    }
}
