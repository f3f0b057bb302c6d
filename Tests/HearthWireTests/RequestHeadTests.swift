import HearthBytes
import HearthWire
import Testing

/// A head that was read, with its parts as text.
struct ReadHead: Equatable {
    var result: HeadResult
    var method: String?
    var knownMethod = HTTPMethod.other
    var path: String?
    var query: String?
    var fields: [String] = []
    var contentLength: Int?
    var isChunked = false
    var keepAlive = false
    var expectsContinue = false
    var isUpgrade = false
}

/// Parses what has arrived after each of `counts` bytes.
func readHead(_ bytes: [UInt8], _ counts: [Int], _ limits: HeadLimits) -> (head: ReadHead, after: Int) {
    var head = RequestHead()
    var scanned = 0
    var after = 0
    var result = HeadResult.needMore
    for count in counts where result == .needMore {
        let arrived = Array(bytes[..<count])
        result = head.parse(arrived.span, limits: limits, scanned: &scanned)
        after = count
    }
    guard case .complete = result else { return (ReadHead(result: result), after) }
    var read = ReadHead(
        result: result, method: bytes.string(head.method), knownMethod: head.knownMethod,
        path: bytes.string(head.path), query: bytes.string(head.query))
    for index in 0..<head.fieldCount {
        let field = head.field(at: index)
        read.fields.append(bytes.string(field.name)! + "=" + bytes.string(field.value)!)
    }
    read.contentLength = head.contentLength
    read.isChunked = head.isChunked
    read.keepAlive = head.keepAlive
    read.expectsContinue = head.expectsContinue
    read.isUpgrade = head.isUpgrade
    return (read, after)
}

@Suite("Request heads (RFC 9112)")
struct RequestHeadTests {
    private let limits = HeadLimits(maxBytes: 8192, maxFields: 64)

    /// The head of a text, and the same whatever pieces it comes in.
    private func head(_ text: String, _ limits: HeadLimits? = nil) -> ReadHead { head(utf8(text), limits) }

    private func head(_ bytes: [UInt8], _ limits: HeadLimits? = nil) -> ReadHead {
        let limits = limits ?? self.limits
        let whole = readHead(bytes, [bytes.count], limits).head
        var differing: [ReadHead] = []
        everyCut(bytes.count) { pieces in
            let cut = readHead(bytes, pieces.map(\.upperBound), limits).head
            if cut != whole { differing.append(cut) }
        }
        #expect(differing.isEmpty)
        return whole
    }

    private func fault(_ text: String) -> HTTPFault? { fault(head(text)) }

    private func fault(_ head: ReadHead) -> HTTPFault? {
        if case .rejected(let fault) = head.result { fault } else { nil }
    }

    /// The fault of a request with these fields beside Host.
    private func fault(fields: String) -> HTTPFault? { fault("POST / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n") }

    // MARK: Good requests

    @Test("reads method, path, query and fields")
    func readsParts() {
        let text =
            "GET /rooms/a%20b?x=1&y=? HTTP/1.1\r\nHost: example.org:80\r\n"
            + "X-Empty:\r\nX-Text: \t a \t b  \r\n\r\n"
        let read = head(text + "the next bytes")
        #expect(read.result == .complete(headCount: text.utf8.count))
        #expect(read.method == "GET" && read.knownMethod == .get)
        #expect(read.path == "/rooms/a%20b" && read.query == "x=1&y=?")
        #expect(read.fields == ["Host=example.org:80", "X-Empty=", "X-Text=a \t b"])
        #expect(read.keepAlive && !read.isUpgrade && read.contentLength == nil && !read.isChunked)
    }

    @Test("a parser that was used reads the next head afresh")
    func isReusable() {
        var head = RequestHead()
        var scanned = 0
        let first = utf8("POST /a?b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        let second = utf8("GET / HTTP/1.0\r\n\r\n")
        let firstResult = head.parse(first.span, limits: limits, scanned: &scanned)
        scanned = 0
        let secondResult = head.parse(second.span, limits: limits, scanned: &scanned)
        #expect(firstResult == .complete(headCount: first.count))
        #expect(secondResult == .complete(headCount: second.count))
        let (count, length, expects) = (head.fieldCount, head.contentLength, head.expectsContinue)
        #expect(count == 0 && length == nil && !expects)
        #expect(second.string(head.path) == "/" && head.query.isEmpty && head.isHTTP10)
    }

    @Test(
        "knows the forms of targets",
        arguments: [
            ("/", "/", ""), ("/?", "/", ""), ("//a//", "//a//", ""), ("/a?b/c", "/a", "b/c"),
            ("http://example.org/a?b", "/a", "b"), ("HTTPS://[::1]:8080/", "/", ""), ("ws://h", "/", ""),
            ("http://h?q", "/", "q"),
        ])
    func readsTargets(_ target: String, _ path: String, _ query: String) {
        let read = head("GET \(target) HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(read.path == path && read.query == query)
    }

    @Test("knows the methods, and takes unknown ones")
    func readsMethods() {
        let methods: [(String, HTTPMethod)] = [
            ("GET", .get), ("HEAD", .head), ("POST", .post), ("PUT", .put), ("DELETE", .delete),
            ("PATCH", .patch),
            ("OPTIONS", .options), ("TRACE", .trace), ("PURGE", .other), ("get", .other),
        ]
        for (name, method) in methods { #expect(head("\(name) / HTTP/1.0\r\n\r\n").knownMethod == method) }
        #expect(head("OPTIONS * HTTP/1.0\r\n\r\n").path == "*")
    }

    @Test("ignores one empty line before the request line and no second one")
    func ignoresOneEmptyLine() {
        let text = "\r\nGET / HTTP/1.0\r\n\r\n"
        #expect(head(text).result == .complete(headCount: text.utf8.count))
        #expect(fault("\r\n\r\nGET / HTTP/1.0\r\n\r\n") == .badRequestLine)
    }

    @Test(
        "keeps the connection as version and Connection field say",
        arguments: [
            ("1.1", "", true), ("1.1", "close", false), ("1.1", "foo, Close ,bar", false),
            ("1.1", "keep-alive", true),
            ("1.0", "", false), ("1.0", "Keep-Alive", true), ("1.0", "keep-alive, close", false),
            ("1.1", "closed", true),
        ])
    func keepsAlive(_ version: String, _ connection: String, _ expected: Bool) {
        #expect(
            head("GET / HTTP/\(version)\r\nHost: a\r\nConnection: \(connection)\r\n\r\n").keepAlive
                == expected)
    }

    @Test("reads the length of a body, and that it waits for a word")
    func readsBodyFields() {
        #expect(head("POST / HTTP/1.1\r\nHost: a\r\nContent-length: 0012\r\n\r\n").contentLength == 12)
        #expect(head("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n").isChunked)
        #expect(head("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n\r\n").expectsContinue)
        #expect(!head("POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").expectsContinue)
    }

    @Test("finds fields by name whatever their case, and the items of lists over several fields")
    func findsFields() {
        let bytes = utf8(
            "GET / HTTP/1.1\r\nHost: a\r\nX-List: a, ,b\r\nx-list:,\r\nX-Lis: no\r\nX-LIST: \"c\" ,d\r\n\r\n")
        var head = RequestHead()
        var scanned = 0
        _ = head.parse(bytes.span, limits: limits, scanned: &scanned)
        let host = head.value(of: "host", in: bytes.span)
        let missing = head.value(of: "hos", in: bytes.span)
        #expect(bytes.string(host) == "a" && missing == nil)
        var items: [String] = []
        head.forEachListItem(of: "x-list", in: bytes.span) { items.append(bytes.string($0)!) }
        #expect(items == ["a", "b", "\"c\"", "d"])
    }

    // MARK: Faults

    @Test("knows the characters of a token (RFC 9110 5.6.2)")
    func knowsTokenCharacters() {
        let digitsAndLetters = Array(0x30...0x39) + Array(0x41...0x5A) + Array(0x61...0x7A)
        let allowed = Set(digitsAndLetters.map { UInt8($0) } + utf8("!#$%&'*+-.^_`|~"))
        for byte in UInt8.min...UInt8.max {
            #expect(HTTPSyntax.isTokenCharacter(byte) == allowed.contains(byte), "\(byte)")
        }
    }

    @Test("refuses a control character wherever it stands in a value, and takes every other byte")
    func findsControlCharacters() {
        let start = utf8("GET / HTTP/1.1\r\nHost: a\r\nX: ")
        for position in 0..<40 {
            for byte in UInt8.min...UInt8.max {
                var value = [UInt8](repeating: UInt8(ascii: "v"), count: 40)
                value[position] = byte
                let bytes = start + value + utf8("\r\n\r\n")
                let result = readHead(bytes, [bytes.count], limits).head.result
                let isGood = byte == 0x09 || byte >= 0x20 && byte != 0x7F
                #expect(
                    (result == .complete(headCount: bytes.count)) == isGood, "\(byte) at \(position)")
            }
        }
    }

    @Test("refuses what is no HTTP from its first bad byte on")
    func refusesGarbageAtOnce() {
        func after(_ bytes: [UInt8]) -> Int { readHead(bytes, Array(1...bytes.count), limits).after }
        let clientHello = hex("16 03 01 02 00 01 00 01 fc 03 03")
        #expect(after(clientHello) == 1)
        #expect(after(utf8(" GET / HTTP/1.1")) == 1)
        #expect(after(utf8("{\"json\": true}")) == 1)
        #expect(after(utf8("GET /\u{0}")) == 6)
        #expect(after(utf8("GET / HTTP/1.1\nHost: a")) == 15)
        #expect(after(utf8("GET / HTTP/1.1\rHost: a")) == 16)
        #expect(after([0x80]) == 1)
    }

    @Test(
        "refuses malformed request lines",
        arguments: [
            ("GET /", HTTPFault.badRequestLine), ("GET", .badRequestLine),
            ("GET  / HTTP/1.1", .badRequestLine),
            ("GET / HTTP/1.1 ", .badRequestLine), ("GET /a b HTTP/1.1", .badRequestLine),
            ("GET\t/ HTTP/1.1", .badRequestLine), ("G@T / HTTP/1.1", .badRequestLine),
            ("GET / http/1.1", .badRequestLine), ("GET / HTTP/11", .badRequestLine),
            ("GET / HTTP/1.", .badRequestLine),
            ("GET /ä HTTP/1.1", .badRequestLine), ("GET / HTTP/2.0", .unsupportedVersion),
            ("PRI * HTTP/2.0", .unsupportedVersion), ("GET / HTTP/1.2", .unsupportedVersion),
            ("GET / HTTP/0.9", .unsupportedVersion), ("GET a HTTP/1.1", .badRequestTarget),
            ("GET /a#b HTTP/1.1", .badRequestTarget), ("GET * HTTP/1.1", .badRequestTarget),
            ("GET ftp://h/ HTTP/1.1", .badRequestTarget), ("GET http:/// HTTP/1.1", .badRequestTarget),
            ("GET http://u@h/ HTTP/1.1", .badRequestTarget), ("CONNECT h:443 HTTP/1.1", .unsupportedMethod),
        ])
    func refusesRequestLines(_ line: String, _ expected: HTTPFault) {
        #expect(fault("\(line)\r\nHost: a\r\n\r\n") == expected)
    }

    @Test(
        "refuses malformed fields",
        arguments: [
            ("X-A : b\r\n", HTTPFault.badFieldName), (": b\r\n", .badFieldName), ("X-A\r\n", .badFieldName),
            ("X A: b\r\n", .badFieldName), ("Ä: b\r\n", .badFieldName),
            ("X-A: b\r\n folded\r\n", .foldedField),
            ("X-A: b\r\n\tfolded\r\n", .foldedField), ("X-A: b\nX-B: c\r\n", .badLineEnd),
            ("X-A: b\rc\r\n", .badLineEnd),
            ("X-A: b\r\r\n", .badLineEnd), ("X-A: \u{0}\r\n", .badCharacter),
            ("X-A: \u{1B}\r\n", .badCharacter),
            ("X-A: \u{7F}\r\n", .badCharacter),
        ])
    func refusesFields(_ fields: String, _ expected: HTTPFault) {
        #expect(fault(fields: fields) == expected)
    }

    @Test("HTTP/1.1 needs exactly one Host, and it must be one")
    func needsHost() {
        #expect(fault("GET / HTTP/1.1\r\n\r\n") == .missingHost)
        #expect(fault("GET / HTTP/1.0\r\n\r\n") == nil)
        #expect(fault(fields: "host: a\r\n") == .duplicateField)
        #expect(fault("GET / HTTP/1.1\r\nHost:\r\n\r\n") == nil)
        for host in ["a, b", "a/b", "u@a", "a b", "a?b", "ä"] {
            #expect(fault("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n") == .badHost)
        }
    }

    @Test(
        "refuses a second field of what may come once",
        arguments: [
            "Content-Length: 5", "Sec-WebSocket-Key: a", "Sec-WebSocket-Version: 13", "Origin: a",
            "Authorization: a",
            "Content-Type: a",
        ])
    func refusesDuplicates(_ field: String) {
        #expect(fault(fields: "\(field)\r\n") == nil)
        #expect(fault(fields: "\(field)\r\n\(field)\r\n") == .duplicateField)
    }

    @Test("refuses body lengths that two programs could read differently")
    func refusesBodyLengths() {
        for length in ["", "+5", "-5", "5 5", "5, 5", "0x5", "5.", "٥"] {
            #expect(fault(fields: "Content-Length: \(length)\r\n") == .badContentLength)
        }
        #expect(fault(fields: "Content-Length: \(Int.max)\r\n") == nil)
        #expect(fault(fields: "Content-Length: 9223372036854775808\r\n") == .contentTooLarge)
        #expect(fault(fields: "Content-Length: 99999999999999999999999\r\n") == .contentTooLarge)
        for coding in ["", "gzip", "gzip, chunked", "chunked, chunked", "xchunked", "chunked;a"] {
            #expect(fault(fields: "Transfer-Encoding: \(coding)\r\n") == .unsupportedTransferEncoding)
        }
        #expect(
            fault(fields: "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") == .duplicateField)
        #expect(fault(fields: "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n") == .twoBodyLengths)
        #expect(fault("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n") == .transferEncodingInHTTP10)
        #expect(fault(fields: "Expect: a miracle\r\n") == .unsupportedExpectation)
    }

    // MARK: Limits

    @Test("takes a head of the greatest size and refuses one byte more")
    func limitsBytes() {
        let bytes = utf8("GET /path HTTP/1.1\r\nHost: a\r\nX-A: b\r\n\r\n")
        let fits = HeadLimits(maxBytes: bytes.count, maxFields: 2)
        #expect(head(bytes + utf8("more"), fits).result == .complete(headCount: bytes.count))
        let tooSmall = HeadLimits(maxBytes: bytes.count - 1, maxFields: 2)
        #expect(fault(head(bytes, tooSmall)) == .headTooLarge)
        let smallerThanLine = HeadLimits(maxBytes: 19, maxFields: 2)
        #expect(fault(head(bytes, smallerThanLine)) == .requestLineTooLong)
        #expect(fault(head([0x0D, 0x0A] + bytes, smallerThanLine)) == .requestLineTooLong)
    }

    @Test("takes as many fields as are granted and refuses one more")
    func limitsFields() {
        let bytes = utf8("GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\nX-B: c\r\n\r\n")
        #expect(head(bytes, HeadLimits(maxBytes: 999, maxFields: 3)).fields.count == 3)
        #expect(fault(head(bytes, HeadLimits(maxBytes: 999, maxFields: 2))) == .tooManyFields)
    }

    @Test("every fault has a status of the client's or the server's side and a sentence")
    func faultsHaveStatus() {
        for fault in HTTPFault.allCases {
            #expect((400...599).contains(fault.status) && fault.sentence.utf8CodeUnitCount > 0)
            #expect(ResponseHead.reasonPhrase(of: fault.status).utf8CodeUnitCount > 0)
        }
    }
}
