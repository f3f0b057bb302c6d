import HearthBytes
import HearthCluster
import Testing

@Suite("What processes tell each other")
struct NodeMessageTests {
    private let secret = ClusterSecret(5, 6)
    private let channel = utf8("ws:r:lobby")

    private func written() -> [UInt8] {
        var message = NodeMessage(.room)
        message.flags = [.event, .raw, .except]
        message.opcode = 2
        message.origin = 0x0102_0304_0506_0708
        message.epoch = 9
        message.sequence = 10
        message.number = 11
        message.domain = 3
        var bytes = utf8("before")
        message.append(
            name: utf8("ann").span, first: utf8("raw").span, second: utf8("{}").span, channel: channel.span,
            secret, to: &bytes)
        return Array(bytes[6...])
    }

    private func read(
        _ bytes: [UInt8], on channel: String = "ws:r:lobby", domain: UInt16 = 3
    ) -> NodeMessageFault? {
        do throws(NodeMessageFault) {
            _ = try NodeMessage.read(bytes.span, channel: utf8(channel).span, domain: domain, secret)
            return nil
        } catch {
            return error
        }
    }

    @Test("a message is read as it was written")
    func roundTrip() throws {
        let bytes = written()
        let message = try NodeMessage.read(bytes.span, channel: channel.span, domain: 3, secret)
        #expect(message.kind == .room)
        #expect(message.flags == [.event, .raw, .except])
        #expect(message.opcode == 2)
        #expect(message.origin == 0x0102_0304_0506_0708)
        #expect((message.epoch, message.sequence, message.number) == (9, 10, 11))
        #expect(Array(bytes[message.name]) == utf8("ann"))
        #expect(Array(bytes[message.first]) == utf8("raw"))
        #expect(Array(bytes[message.second]) == utf8("{}"))
    }

    @Test("a message of another database is told from a forged one")
    func domains() {
        #expect(read(written()) == nil)
        #expect(read(written(), domain: 4) == .otherDomain)
        #expect(read(written(), on: "ws:r:other") == .forged)
    }

    @Test("a message that is cut anywhere is refused")
    func cuts() {
        let bytes = written()
        for end in 0..<bytes.count { #expect(read(Array(bytes[..<end])) != nil) }
        #expect(read(bytes + [0]) != nil)
    }

    @Test("a message of which any byte was changed is refused")
    func changes() {
        let bytes = written()
        for index in 0..<bytes.count {
            var other = bytes
            other[index] ^= 0x10
            #expect(read(other) != nil)
        }
    }

    @Test("a message is good on its channel alone, and with the secret alone")
    func forgeries() {
        #expect(read(written()) == nil)
        #expect(read(written(), on: "ws:r:other") == .forged)
        var message = NodeMessage(.room)
        message.opcode = 1
        var bytes: [UInt8] = []
        message.append(
            name: utf8("").span, first: utf8("x").span, second: utf8("").span, channel: channel.span,
            ClusterSecret(5, 7), to: &bytes)
        #expect(read(bytes, domain: 0) == .forged)
    }

    @Test("another version is told from another program")
    func versions() {
        var bytes = written()
        bytes[2] = 9
        #expect(read(bytes) == .version)
        #expect(read(utf8(String(repeating: "x", count: 200))) == .foreign)
    }

    @Test("a secret is 16 bytes")
    func secrets() {
        #expect(ClusterSecret(secret.bytes) == secret)
        #expect(ClusterSecret(secret.bytes + [0]) == nil)
        #expect(ClusterSecret([]) == nil)
    }
}
