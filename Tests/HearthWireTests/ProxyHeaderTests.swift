import HearthBytes
import HearthWire
import Testing

private let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0, 0x0D, 0x0A] + utf8("QUIT\n")

private func binary(_ command: UInt8, _ family: UInt8, _ body: [UInt8]) -> [UInt8] {
    signature + [command, family, UInt8(body.count >> 8), UInt8(body.count & 0xFF)] + body
}

private func parse(_ bytes: [UInt8]) -> ProxyHeader { ProxyHeader.parse(bytes.span) }

private func peer(_ text: String, _ port: UInt16) -> ProxiedPeer {
    let bytes = utf8(text)
    return ProxiedPeer(address: IPAddress(bytes.span, 0..<bytes.count)!, port: port)
}

@Suite("PROXY protocol")
struct ProxyHeaderTests {
    /// Expects the header to be read whole, to ask for more wherever it is cut, and not to look behind.
    private func expectRead(
        _ header: [UInt8], _ peer: ProxiedPeer?, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let whole = ProxyHeader.complete(count: header.count, peer)
        var wrong: [Int] = []
        for count in 0..<header.count where parse(Array(header[..<count])) != .needMore {
            wrong.append(count)
        }
        #expect(wrong.isEmpty, sourceLocation: sourceLocation)
        #expect(parse(header) == whole, sourceLocation: sourceLocation)
        #expect(parse((header + [0x16, 0x03, 0])) == whole, sourceLocation: sourceLocation)
        #expect(parse((header + header)) == whole, sourceLocation: sourceLocation)
    }

    @Test(
        "version 1: a line says whose the connection is",
        arguments: [
            ("PROXY TCP4 192.0.2.1 192.0.2.2 4711 443\r\n", "192.0.2.1", 4711),
            ("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255", 65535),
            ("PROXY TCP6 2001:db8::1 ::1 1 2\r\n", "2001:db8::1", 1),
            ("PROXY TCP6 ::ffff:192.0.2.1 ::1 0 2\r\n", "192.0.2.1", 0),
        ] as [(String, String, UInt16)])
    func line(_ text: String, _ address: String, _ port: UInt16) {
        expectRead(utf8(text), peer(address, port))
    }

    @Test(
        "version 1: addresses are of the family that the line names",
        arguments: ["TCP6 192.0.2.1 ::1", "TCP6 ::1 192.0.2.1", "TCP4 ::1 192.0.2.1", "TCP4 192.0.2.1 ::1"])
    func otherFamily(_ text: String) {
        #expect(parse(utf8("PROXY \(text) 1 2\r\n")) == .rejected)
    }

    @Test("version 1: an unknown origin has no address, whatever follows the word")
    func unknown() {
        expectRead(utf8("PROXY UNKNOWN\r\n"), nil)
        expectRead(utf8("PROXY UNKNOWN ffff::1 what ever\r\n"), nil)
        let longest = "PROXY UNKNOWN " + String(repeating: "x", count: 107 - 16) + "\r\n"
        expectRead(utf8(longest), nil)
    }

    @Test(
        "version 1: what is no such line is refused",
        arguments: [
            "GET / HTTP/1.1\r\n", "PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n", "PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n", "PROXY \r\n",
            "PROXY TCP4 ::1 ::1 1 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\rx", "proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
            "PROXY TCP4 1.2.3.4 name 1 2\r\n", "PROXY UNKNOWNS\r\n", "PROXY\tTCP4 1.2.3.4 1.2.3.4 1 2\r\n",
            "PROXY UNKNOWN " + String(repeating: "x", count: 107 - 15) + "\r\n",
        ])
    func badLine(_ text: String) {
        #expect(parse(utf8(text)) == .rejected)
    }

    @Test("version 2: addresses of both families, with and without further fields")
    func version2() {
        let four: [UInt8] = [192, 0, 2, 1, 192, 0, 2, 2, 0x12, 0x67, 1, 0xBB]
        let six: [UInt8] =
            [0x20, 1, 0x0D, 0xB8] + Array(repeating: 0, count: 11) + [1]
            + Array(repeating: 0, count: 15) + [1, 0x12, 0x67, 1, 0xBB]
        expectRead(binary(0x21, 0x11, four), peer("192.0.2.1", 4711))
        expectRead(binary(0x21, 0x11, four + [4, 0, 1, 0xFF]), peer("192.0.2.1", 4711))
        expectRead(binary(0x21, 0x12, four), peer("192.0.2.1", 4711))
        expectRead(binary(0x21, 0x21, six), peer("2001:db8::1", 4711))
        expectRead(binary(0x21, 0x31, Array(repeating: 0x41, count: 216)), nil)
        expectRead(binary(0x21, 0x00, []), nil)
        expectRead(binary(0x20, 0x00, []), nil)
        // A health check of the balancer: what it says of addresses does not count.
        expectRead(binary(0x20, 0x11, [1, 2, 3]), nil)
        expectRead(binary(0x21, 0x11, four + Array(repeating: 7, count: 4096 - 28)), peer("192.0.2.1", 4711))
    }

    @Test("version 2: wrong commands, families and lengths are refused")
    func badVersion2() {
        let four: [UInt8] = [192, 0, 2, 1, 192, 0, 2, 2, 0x12, 0x67, 1, 0xBB]
        for header in [
            binary(0x22, 0x11, four), binary(0x11, 0x11, four), binary(0x31, 0x11, four),
            binary(0x21, 0x13, four), binary(0x21, 0x41, four), binary(0x21, 0x11, Array(four.dropLast())),
            binary(0x21, 0x21, four), binary(0x21, 0x31, four),
            binary(0x21, 0x11, four + Array(repeating: 7, count: 4096 - 27)),
            [0x0D, 0x0A, 0x0D, 0x0A, 1], [0x0D, 0x0D],
        ] {
            #expect(parse(header) == .rejected)
        }
    }
}
