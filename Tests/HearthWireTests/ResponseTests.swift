import HearthBytes
import HearthWire
import Testing

@Suite("Responses")
struct ResponseTests {
    private func date(_ epochSeconds: UInt64) -> String {
        var text: [UInt8] = []
        HTTPDate.write(epochSeconds: epochSeconds, into: &text)
        return string(text)
    }

    @Test(
        "writes dates as RFC 9110 5.6.7 has them",
        arguments: [
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"), (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_709_251_200, "Fri, 01 Mar 2024 00:00:00 GMT"),
            (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"), (UInt64.max, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] as [(UInt64, String)])
    func writesDates(_ epochSeconds: UInt64, _ expected: String) {
        #expect(date(epochSeconds) == expected)
    }

    @Test("gives every day of 400 years its own date, in order, with the months' right lengths")
    func countsDays() {
        let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        var epochSeconds: UInt64 = 0
        var wrong: [String] = []
        for year in 1970..<2370 {
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            for (month, length) in lengths.enumerated() {
                for day in 1...(month == 1 && isLeap ? 29 : length) {
                    let expected = " \(day < 10 ? "0" : "")\(day) \(names[month]) \(year) 00:00:00 GMT"
                    let written = date(epochSeconds)
                    if !written.hasSuffix(expected) { wrong.append(written) }
                    epochSeconds += 86_400
                }
            }
        }
        #expect(wrong.isEmpty)
    }

    @Test("writes a head with the fields that are always there and the program's own")
    func writesHeads() {
        var response: [UInt8] = []
        ResponseHead.write(
            status: 404, contentLength: 0, keepAlive: true, epochSeconds: 784_111_777,
            fields: utf8("X-A: b\r\n"),
            into: &response)
        #expect(
            string(response)
                == "HTTP/1.1 404 Not Found\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\n"
                + "Connection: keep-alive\r\nX-A: b\r\n\r\n")
        response = []
        ResponseHead.write(
            status: 204, contentLength: nil, keepAlive: false, epochSeconds: 0, fields: [], into: &response)
        #expect(
            string(response)
                == "HTTP/1.1 204 No Content\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
                + "Connection: close\r\n\r\n"
        )
        response = []
        ResponseHead.begin(status: 799, into: &response)
        #expect(string(response) == "HTTP/1.1 799 \r\n")
    }

    @Test(
        "takes blocks of well-formed fields",
        arguments: ["", "A: b\r\n", "Content-Type: text/plain\r\nX-A:\r\nX-B: ä\t\"\r\n", "Dates: a\r\n"])
    func takesSafeBlocks(_ block: String) {
        #expect(isSafeBlock(block))
    }

    @Test(
        "refuses blocks that would break the response or write what the library writes",
        arguments: [
            "A: b", "A: b\r", "A: b\n", "A: b\r\n\r\n", "\r\n", "A b\r\n", "A : b\r\n", ": b\r\n",
            " A: b\r\n",
            "A: b\r\n c\r\n", "A: b\u{0}\r\n", "A: b\rc\r\n", "A: b\nX: c\r\n", "A: b\r\nX\r\n",
            "Date: a\r\n",
            "content-length: 5\r\n", "CONNECTION: close\r\n", "A: b\r\nTransfer-Encoding: chunked\r\n",
            "Ä: b\r\n",
        ])
    func refusesUnsafeBlocks(_ block: String) {
        #expect(!isSafeBlock(block))
    }
}
