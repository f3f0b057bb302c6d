import HearthBytes
import HearthWire
import Testing

private func network(_ text: String) -> Network? { Network(utf8(text).span) }

private func address(_ text: String) -> IPAddress? {
    let bytes = utf8("<" + text + ">")
    return IPAddress(bytes.span, 1..<(bytes.count - 1))
}

@Suite("Addresses and networks")
struct AddressTests {
    @Test(
        "reads IPv4 and IPv6 in every form that RFC 4291 2.2 allows",
        arguments: [
            ("0.0.0.0", 0, 0, false), ("192.0.2.1", 0, 0xC000_0201, false),
            ("255.255.255.255", 0, 0xFFFF_FFFF, false), ("::", 0, 0, true), ("::1", 0, 1, true),
            ("1::", 0x1_0000_0000_0000, 0, true),
            (
                "2001:db8::8:800:200C:417a",
                0x2001_0DB8_0000_0000, 0x0008_0800_200C_417A, true
            ),
            ("1:2:3:4:5:6:7:8", 0x0001_0002_0003_0004, 0x0005_0006_0007_0008, true),
            ("1:2:3:4:5:6:7::", 0x0001_0002_0003_0004, 0x0005_0006_0007_0000, true),
            ("::2:3:4:5:6:7:8", 0x0000_0002_0003_0004, 0x0005_0006_0007_0008, true),
            ("64:ff9b::192.0.2.33", 0x0064_FF9B_0000_0000, 0xC000_0221, true),
            ("::ffff:192.0.2.1", 0, 0xC000_0201, false), ("::FFFF:c000:201", 0, 0xC000_0201, false),
        ] as [(String, UInt64, UInt64, Bool)])
    func reads(_ text: String, _ high: UInt64, _ low: UInt64, _ isIPv6: Bool) {
        let read = address(text)
        #expect(read?.high == high && read?.low == low && read?.isIPv6 == isIPv6)
    }

    @Test(
        "refuses what is no address, or one that programs read differently",
        arguments: [
            "", ".", "1", "1.2.3", "1.2.3.4.", "1.2.3.4.5", "256.0.0.1", "1.2.3.01", "01.2.3.4", "1..2.3",
            "1.2.3.4 ", " 1.2.3.4", "0x1.2.3.4", "-1.2.3.4", ":", ":::", "1:2", "1::2::3", "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "12345::", "g::", "fe80::1%eth0",
            "[::1]", "::1.2.3", "1.2.3.4::", "::1.2.3.4:5", "1:", ":1", "1:2:3:4:5:6:7:1.2.3.4",
        ])
    func refuses(_ text: String) {
        #expect(address(text) == nil)
    }

    @Test(
        "a network has the addresses that begin like it and no others",
        arguments: [
            ("10.0.0.0/8", "10.255.255.255", true), ("10.0.0.0/8", "11.0.0.0", false),
            ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.0", false),
            ("0.0.0.0/0", "203.0.113.9", true), ("0.0.0.0/0", "::1", false), ("::/0", "192.0.2.1", false),
            ("192.0.2.128/25", "192.0.2.127", false), ("192.0.2.128/25", "::ffff:192.0.2.129", true),
            ("2001:db8::/32", "2001:db8:ffff::1", true), ("2001:db8::/32", "2001:db9::1", false),
            ("2001:db8::/65", "2001:db8::7fff:0:0:1", true), ("2001:db8::/65", "2001:db8::8000:0:0:1", false),
            ("::1", "::1", true), ("::1/128", "::2", false),
        ])
    func contains(_ text: String, _ member: String, _ isIn: Bool) throws {
        let one = try #require(network(text))
        let other = try #require(address(member))
        #expect(one.contains(other) == isIn)
    }

    @Test(
        "refuses what is no network",
        arguments: [
            "", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/08", "10.0.0.0/8/8", "ten",
        ])
    func refusesNetwork(_ text: String) {
        #expect(network(text) == nil)
    }

    @Test("an IPv6 host counts as its /64, whatever the lower half")
    func counted() throws {
        let one = try #require(address("2001:db8:1:2::1"))
        let other = try #require(address("2001:db8:1:2:ffff::"))
        #expect(one.counted == other.counted && one != other)
        #expect(one.counted != address("2001:db8:1:3::1")?.counted)
        #expect(address("::ffff:192.0.2.1")?.key == address("192.0.2.1")?.key)
    }
}

@Suite("Forwarding fields")
struct ForwardedTests {
    private func peer(
        _ fields: String, _ field: ForwardedField = .xForwardedFor,
        trusted: [String] = ["10.0.0.0/8", "fd00::/8"]
    ) -> String {
        let request = utf8("GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n\r\n")
        var head = RequestHead()
        var scanned = 0
        let limits = HeadLimits(maxBytes: 8192, maxFields: 20)
        guard case .complete = head.parse(request.span, limits: limits, scanned: &scanned) else {
            return "bad"
        }
        let networks = trusted.map { network($0)! }
        let hop = ProxiedPeer(address: address("10.0.0.1")!, port: 5)
        let found = head.forwardedPeer(in: request.span, field, trusted: networks, hop: hop)
        let text =
            found.address.isIPv6
            ? String(found.address.high, radix: 16) + ":" + String(found.address.low, radix: 16)
            : stride(from: 24, through: 0, by: -8).map { String(found.address.low >> UInt64($0) & 255) }
                .joined(separator: ".")
        return text + "/" + String(found.port)
    }

    @Test(
        "the nearest address that is not trusted is the peer's",
        arguments: [
            ("X-Forwarded-For: 203.0.113.9", "203.0.113.9/0"),
            ("x-forwarded-for: 198.51.100.1, 203.0.113.9 , 10.1.1.1", "203.0.113.9/0"),
            ("X-Forwarded-For: 203.0.113.9:4711", "203.0.113.9/4711"),
            ("X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 203.0.113.9,10.2.2.2", "203.0.113.9/0"),
            ("X-Forwarded-For: [2001:db8::9]:80", "20010db800000000:9/80"),
            ("X-Forwarded-For: 2001:db8::9", "20010db800000000:9/0"),
            ("X-Forwarded-For: 10.9.9.9, fd00::1, 10.1.1.1", "10.9.9.9/0"),
            ("X-Forwarded-For: ,, 203.0.113.9 ,, 10.1.1.1,", "203.0.113.9/0"),
        ])
    func findsPeer(_ fields: String, _ expected: String) {
        #expect(peer(fields) == expected)
    }

    @Test(
        "what cannot be read ends the search at the last proxy that is known",
        arguments: [
            ("X-Forwarded-For: 203.0.113.9, unknown", "10.0.0.1/5"),
            ("X-Forwarded-For: unknown, 10.3.3.3", "10.3.3.3/0"), ("X-Forwarded-For: 1.2.3.4:", "10.0.0.1/5"),
            ("X-Forwarded-For: 1.2.3.4:99999", "10.0.0.1/5"), ("X-Forwarded-For: [::1", "10.0.0.1/5"),
            ("X-Forwarded-For: [::1]x80", "10.0.0.1/5"), ("X-Forwarded-For: ::1:", "10.0.0.1/5"),
            ("X-Forwarded-For:", "10.0.0.1/5"), ("Forwarded: for=203.0.113.9", "10.0.0.1/5"),
        ])
    func stopsAtNonsense(_ fields: String, _ expected: String) {
        #expect(peer(fields) == expected)
    }

    @Test(
        "Forwarded is read where it is asked for (RFC 7239)",
        arguments: [
            ("Forwarded: for=203.0.113.9;proto=https", "203.0.113.9/0"),
            ("Forwarded: proto=http; For=\"203.0.113.9:80\" ;by=10.0.0.1, for=10.4.4.4", "203.0.113.9/80"),
            ("Forwarded: for=\"[2001:db8::9]\"", "20010db800000000:9/0"),
            ("Forwarded: for=\"198.51.100.1, for=203.0.113.9", "203.0.113.9/0"),
            ("Forwarded: for=_hidden, for=10.4.4.4", "10.4.4.4/0"), ("Forwarded: proto=https", "10.0.0.1/5"),
            ("Forwarded: for=\"", "10.0.0.1/5"), ("Forwarded: for=", "10.0.0.1/5"),
            ("X-Forwarded-For: 203.0.113.9", "10.0.0.1/5"),
        ])
    func readsForwarded(_ fields: String, _ expected: String) {
        #expect(peer(fields, .forwarded) == expected)
    }

    @Test("a field that is switched off says nothing")
    func off() {
        #expect(peer("X-Forwarded-For: 203.0.113.9\r\nForwarded: for=203.0.113.9", .none) == "10.0.0.1/5")
    }
}
