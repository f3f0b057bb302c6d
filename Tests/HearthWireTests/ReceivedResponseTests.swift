import HearthBytes
import HearthWire
import Testing

/// A response that was read, with its parts as text.
struct ReadResponse: Equatable {
    var result: ResponseResult
    var status = 0
    var reason: String?
    var fields: [String] = []
}

@Suite("Responses as a client reads them (RFC 9112)")
struct ReceivedResponseTests {
    private let limits = HeadLimits(maxBytes: 8192, maxFields: 64)

    private func read(_ bytes: [UInt8], _ counts: [Int], _ limits: HeadLimits) -> ReadResponse {
        var response = ReceivedResponse()
        var scanned = 0
        var result = ResponseResult.needMore
        for count in counts where result == .needMore {
            result = response.parse(Array(bytes[..<count]).span, limits: limits, scanned: &scanned)
        }
        guard case .complete = result else { return ReadResponse(result: result) }
        var read = ReadResponse(
            result: result, status: response.status, reason: bytes.string(response.reason))
        for index in 0..<response.fieldCount {
            let field = response.field(at: index)
            read.fields.append(bytes.string(field.name)! + "=" + bytes.string(field.value)!)
        }
        return read
    }

    /// The head of a text, and the same whatever pieces it comes in.
    private func read(_ text: String, _ limits: HeadLimits? = nil) -> ReadResponse {
        let bytes = utf8(text)
        let whole = read(bytes, [bytes.count], limits ?? self.limits)
        var differing: [ReadResponse] = []
        everyCut(bytes.count) { pieces in
            let cut = read(bytes, pieces.map(\.upperBound), limits ?? self.limits)
            if cut != whole { differing.append(cut) }
        }
        #expect(differing.isEmpty)
        return whole
    }

    private func fault(_ text: String, _ limits: HeadLimits? = nil) -> ResponseFault? {
        if case .rejected(let fault) = read(text, limits).result { fault } else { nil }
    }

    @Test("reads status, reason and fields, and leaves what follows")
    func readsParts() {
        let head = "HTTP/1.1 503 Busy, come later\r\nRetry-After: 5\r\nX-A:\r\nX-B: \t c d \r\n\r\n"
        #expect(
            read(head + "body\n\0")
                == ReadResponse(
                    result: .complete(headCount: head.utf8.count), status: 503, reason: "Busy, come later",
                    fields: ["Retry-After=5", "X-A=", "X-B=c d"]))
        #expect(read("HTTP/1.0 200\r\n\r\n").status == 200)
        #expect(read("HTTP/1.1 200 \r\n\r\n").reason == "")
    }

    @Test("says which responses are followed by another")
    func knowsInterim() {
        for (status, isInterim) in [(100, true), (103, true), (101, false), (200, false), (404, false)] {
            var response = ReceivedResponse()
            var scanned = 0
            _ = response.parse(utf8("HTTP/1.1 \(status)\r\n\r\n").span, limits: limits, scanned: &scanned)
            #expect(response.isInterim == isInterim)
        }
    }

    @Test(
        "refuses what is no response",
        arguments: [
            ("SSH-2.0-x\r\n", .notHTTP), ("\r\nHTTP/1.1 200 OK\r\n\r\n", .notHTTP),
            ("HTTP/2.0 200 OK\r\n\r\n", .notHTTP), ("HTTP/1.2 200 OK\r\n\r\n", .notHTTP),
            ("HTTP/1.1 20 OK\r\n\r\n", .badStatusLine), ("HTTP/1.1 2000 OK\r\n\r\n", .badStatusLine),
            ("HTTP/1.1  200 OK\r\n\r\n", .badStatusLine), ("HTTP/1.1 099 OK\r\n\r\n", .badStatusLine),
            ("HTTP/1.1 600 OK\r\n\r\n", .badStatusLine), ("HTTP/1.1\r\n\r\n", .badStatusLine),
            ("HTTP/1.1 2x0 OK\r\n\r\n", .badStatusLine),
            ("HTTP/1.1 200 OK\n", .badLineEnd), ("HTTP/1.1 200 OK\rX", .badLineEnd),
            ("HTTP/1.1 200 O\0K\r\n", .badCharacter), ("HTTP/1.1 200 OK\r\nA : b\r\n\r\n", .badField),
            ("HTTP/1.1 200 OK\r\n a: b\r\n\r\n", .badField), ("HTTP/1.1 200 OK\r\nab\r\n\r\n", .badField),
            (
                "HTTP/1.1 101 OK\r\nSec-WebSocket-Accept: a\r\nsec-websocket-accept: b\r\n\r\n",
                .duplicateField
            ), ("HTTP/1.1 301 OK\r\nLocation: /a\r\nLocation: /b\r\n\r\n", .duplicateField),
        ] as [(String, ResponseFault)])
    func refusesFaults(_ text: String, _ expected: ResponseFault) { #expect(fault(text) == expected) }

    @Test("holds the limits, and takes what just reaches them")
    func holdsLimits() {
        let head = "HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\n\r\n"
        let count = head.utf8.count
        #expect(fault(head, HeadLimits(maxBytes: count, maxFields: 2)) == nil)
        #expect(fault(head, HeadLimits(maxBytes: count - 1, maxFields: 2)) == .headTooLarge)
        #expect(fault(head, HeadLimits(maxBytes: count, maxFields: 1)) == .tooManyFields)
        #expect(fault("HTTP/1.1 200 OK", HeadLimits(maxBytes: 15, maxFields: 1)) == .headTooLarge)
    }

    @Test("refuses what is no HTTP at its first wrong byte")
    func refusesEarly() {
        var response = ReceivedResponse()
        var scanned = 0
        let result = response.parse(utf8("HTTQ").span, limits: limits, scanned: &scanned)
        #expect(result == .rejected(.notHTTP))
        for fault in ResponseFault.allCases { #expect(fault.sentence.utf8CodeUnitCount > 10) }
    }

    // MARK: Retry-After

    private func retryAfter(_ value: String, now: UInt64 = 784_111_700) -> UInt64? {
        let bytes = utf8("HTTP/1.1 503 Busy\r\nRetry-After: \(value)\r\n\r\n")
        var response = ReceivedResponse()
        var scanned = 0
        _ = response.parse(bytes.span, limits: limits, scanned: &scanned)
        return response.retryAfterMilliseconds(in: bytes.span, epochSeconds: now)
    }

    @Test("reads Retry-After in seconds and as a date in each of the three forms of RFC 9110 5.6.7")
    func readsRetryAfter() {
        #expect(retryAfter("0") == 0)
        #expect(retryAfter("120") == 120_000)
        #expect(retryAfter("99999999999999999999999999") == 1_000_000_000_000)
        #expect(retryAfter("Sun, 06 Nov 1994 08:49:37 GMT") == 77_000)
        #expect(retryAfter("Sunday, 06-Nov-94 08:49:37 GMT") == 77_000)
        #expect(retryAfter("Sun Nov  6 08:49:37 1994") == 77_000)
        #expect(retryAfter("Sun, 06 Nov 1994 08:49:37 GMT", now: 784_111_800) == 0)
    }

    @Test(
        "takes no date that is none",
        arguments: [
            "", "-1", "1.5", "soon", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 31 Nov 1994 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 29 Feb 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT",
            "Sun, 06 Nov 1969 08:49:37 GMT", "Sun, 06 Now 1994 08:49:37 GMT",
            "a b c d e f g", "Sun, 6x Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08-49-37 GMT",
        ])
    func refusesDates(_ value: String) { #expect(retryAfter(value) == nil) }

    @Test("reads every date that it writes")
    func readsWrittenDates() {
        var wrong: [UInt64] = []
        var epochSeconds: UInt64 = 0
        while epochSeconds < 253_402_300_799 {
            var text: [UInt8] = []
            HTTPDate.write(epochSeconds: epochSeconds, into: &text)
            if HTTPDate.parse(text.span, 0..<text.count, nowEpochSeconds: 0) != epochSeconds {
                wrong.append(epochSeconds)
            }
            epochSeconds += 86_400 * 97 + 12_345
        }
        #expect(wrong.isEmpty)
    }

    @Test("takes a year of two digits as one at most 50 years ahead")
    func readsShortYears() {
        func year(_ digits: String, now: UInt64) -> UInt64? {
            let text = utf8("Friday, 01-Jan-\(digits) 00:00:00 GMT")
            return HTTPDate.parse(text.span, 0..<text.count, nowEpochSeconds: now)
        }
        let in2026: UInt64 = 1_780_000_000
        #expect(year("30", now: in2026) == 1_893_456_000)
        #expect(year("76", now: in2026) == 3_345_062_400)
        #expect(year("77", now: in2026) == 220_924_800)
    }
}
