import HearthBytes
import HearthWire

/// The first byte chooses the limits, the second where the rest, a request, is cut. Wherever that is, the
/// same is read; every range lies in the head, and what the head promises is so. What follows the head is
/// read as a body in chunks.
@c(LLVMFuzzerTestOneInput)
public func fuzzHandshake(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    guard input.count >= 2 else { return 0 }
    let limits = HeadLimits(maxBytes: input[0] & 1 == 0 ? 8192 : 100, maxFields: input[0] & 2 == 0 ? 64 : 3)
    let request = Array(input[2...])
    var head = RequestHead()
    var scanned = 0
    let result = head.parse(request.span, limits: limits, scanned: &scanned)
    checkCut(request, min(Int(input[1]), request.count), limits, result)
    if case .complete(let headCount) = result {
        precondition(headCount <= limits.maxBytes && headCount <= request.count)
        checkHead(head, request, headCount)
        checkUpgrade(head, request)
        checkPath(Array(request[head.path]))
        checkBody(Array(request[headCount...]), Int(input[1]))
    }
    _ = HeaderBlock.isSafe(request.span)
    return 0
}

private func checkCut(_ request: [UInt8], _ cut: Int, _ limits: HeadLimits, _ expected: HeadResult) {
    var head = RequestHead()
    var scanned = 0
    let first = Array(request[..<cut])
    var result = head.parse(first.span, limits: limits, scanned: &scanned)
    precondition(scanned <= cut)
    if result == .needMore { result = head.parse(request.span, limits: limits, scanned: &scanned) }
    precondition(result == expected)
}

private func checkHead(_ head: borrowing RequestHead, _ bytes: [UInt8], _ end: Int) {
    precondition(!head.method.isEmpty && head.method.upperBound < head.target.lowerBound)
    precondition(head.target.upperBound < end && head.query.upperBound <= head.target.upperBound)
    precondition(!head.path.isEmpty && head.target.contains(head.path.lowerBound))
    precondition(!(head.isChunked && head.contentLength != nil))
    var last = head.target.upperBound
    for index in 0..<head.fieldCount {
        let field = head.field(at: index)
        precondition(field.name.lowerBound > last && field.name.upperBound < field.value.lowerBound + 1)
        precondition(field.value.upperBound <= end - 4)
        precondition(HTTPSyntax.isToken(bytes.span, field.name))
        for byte in bytes[field.value] { precondition(HTTPSyntax.isValueCharacter(byte)) }
        last = field.value.upperBound
    }
}

private func checkUpgrade(_ head: borrowing RequestHead, _ bytes: [UInt8]) {
    guard case .upgrade(let upgrade) = ServerHandshake.check(head, bytes.span) else { return }
    var input = TextBuffer()
    ServerHandshake.writeAcceptInput(upgrade, bytes.span, into: &input)
    precondition(input.count == 60)
    input.deallocate()
    precondition(head.knownMethod == .get && head.value(of: "host", in: bytes.span) != nil)
    head.forEachListItem(of: "sec-websocket-protocol", in: bytes.span) { item in
        precondition(HTTPSyntax.isToken(bytes.span, item))
    }
}

private func checkPath(_ path: [UInt8]) {
    var decoded: [UInt8] = []
    if PercentCoding.decode(path.span, 0..<path.count, into: &decoded) {
        precondition(!decoded.contains(0) && String(validating: decoded, as: UTF8.self) != nil)
    } else {
        precondition(decoded.isEmpty)
    }
    var captures: [Range<Int>] = []
    do throws(RoutePatternError) {
        let pattern = try RoutePattern.parse(ByteString(path))
        // A path that is a pattern is matched by it, captures and all.
        precondition(pattern.match(path.span, 0..<path.count, captures: &captures))
        precondition(captures.count == pattern.names.count)
    } catch {
        precondition(error.position <= path.count)
    }
}

private func checkBody(_ bytes: [UInt8], _ cut: Int) {
    var whole = ChunkedDecoder(maxBytes: 1000)
    var wholeBody: [UInt8] = []
    let expected = whole.decode(bytes.span, into: &wholeBody)
    precondition(wholeBody.count <= 1000)
    let cut = min(cut, bytes.count)
    var pieces = ChunkedDecoder(maxBytes: 1000)
    var body: [UInt8] = []
    var result = pieces.decode(Array(bytes[..<cut]).span, into: &body)
    if result == .needMore {
        result = pieces.decode(Array(bytes[cut...]).span, into: &body)
        if case .complete(let count) = result { result = .complete(count: cut + count) }
    }
    precondition(result == expected && body == wholeBody)
}
