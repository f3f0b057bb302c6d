import HearthBytes
import HearthCluster
import HearthWire
import Testing

@Suite("Redis Cluster's slots, and who is asked for them")
struct SlotMapTests {
    private static let asked = RedisAddress(host: utf8("seed"), port: 7000)

    private func text(_ text: String) -> ReplyPiece { ReplyPiece(.string, text: utf8(text)) }
    private func number(_ number: Int64) -> ReplyPiece { ReplyPiece(.integer, number: number) }
    private func array(_ count: Int64) -> ReplyPiece { ReplyPiece(.array, number: count) }

    private func slot(of name: [UInt8]) -> Int { SlotMap.slot(of: name.span) }
    private func owner(_ map: SlotMap, _ name: [UInt8]) -> Int? { map.owner(of: name.span) }
    private func heard(_ word: String) -> Heard? { Heard(utf8(word).span) }

    private func server(_ host: ReplyPiece, _ port: Int64) -> [ReplyPiece] {
        [array(4), host, number(port), text("id"), array(2), text("hostname"), text("h")]
    }

    private func range(_ first: Int64, _ last: Int64, _ servers: [ReplyPiece]...) -> [ReplyPiece] {
        [array(Int64(2 + servers.count)), number(first), number(last)] + servers.flatMap { $0 }
    }

    private var whole: [ReplyPiece] {
        [array(3)] + range(0, 5000, server(text("10.0.0.1"), 1), server(text("10.0.0.9"), 9))
            + range(5001, 10000, server(ReplyPiece(.null), 2))
            + range(10001, 16383, server(text("10.0.0.1"), 1))
    }

    @Test(
        "a name has the slot that Redis says",
        arguments: [
            ("123456789", 12739), ("foo", 12182), ("", 0), ("{foo}bar", 12182), ("x{foo}{bar}", 12182),
            ("foo{}{bar}", 8363), ("foo{{bar}}zap", 4015), ("ws:r:lobby", 14206), ("{", 4092),
        ])
    func slots(_ name: String, _ slot: Int) { #expect(self.slot(of: utf8(name)) == slot) }

    @Test("all names of one prefix that are not of a room or user are in one slot")
    func common() {
        for prefix in ["ws:", "", "a{b", "a}b", "{app}:"] {
            let terms = ["a:", "secret", "l:ann", "n:0000000000000001"].map {
                slot(of: commonPrefix(utf8(prefix)) + utf8($0))
            }
            #expect(Set(terms).count == 1, "\(prefix)")
        }
    }

    @Test("knows the server of each slot, and that the one that was asked may not know its name")
    func servers() throws {
        let map = try #require(SlotMap(whole, asked: Self.asked))
        #expect(
            map.servers == [
                RedisAddress(host: utf8("10.0.0.1"), port: 1), RedisAddress(host: utf8("seed"), port: 2),
            ])
        #expect(map.uncovered == 0)
        #expect(owner(map, utf8("123456789")) == 0)
        #expect(owner(map, utf8("foo{}{bar}")) == 1)
        let name = try #require(map.name(utf8("p:"), ownedBy: 1))
        #expect(name.starts(with: utf8("p:")))
        #expect(owner(map, name) == 1)
    }

    @Test("slots without a server are known")
    func gaps() throws {
        let map = try #require(SlotMap([array(1)] + range(0, 0, server(text("h"), 1)), asked: Self.asked))
        #expect(map.uncovered == 16383)
        #expect(owner(map, utf8("123456789")) == nil)
        let empty = try #require(SlotMap([array(0)], asked: Self.asked))
        #expect(empty.servers.isEmpty && empty.uncovered == 16384)
    }

    @Test("an answer that is cut, or has a piece of another kind, is none")
    func foreign() {
        for count in 0..<whole.count {
            #expect(SlotMap(Array(whole[..<count]), asked: Self.asked) == nil)
        }
        for index in whole.indices {
            for kind in [ReplyPiece.Kind.string, .array, .integer, .null, .status] {
                for value in [Int64.min, -1, 0, 1, 2, 16384, 65536, Int64.max] {
                    var other = whole
                    other[index] = ReplyPiece(kind, number: value, text: utf8("x"))
                    if let map = SlotMap(other, asked: Self.asked) { #expect(map.servers.count <= 3) }
                }
            }
        }
    }

    @Test(
        "ranges that are none are refused",
        arguments: [[-1, 5, 1], [5, 4, 1], [0, 16384, 1], [0, 5, 0], [0, 5, 65536]])
    func ranges(_ values: [Int64]) {
        let pieces = [array(1)] + range(values[0], values[1], server(text("h"), values[2]))
        #expect(SlotMap(pieces, asked: Self.asked) == nil)
        let twice = [array(2)] + range(0, 5, server(text("h"), 1)) + range(5, 6, server(text("h"), 1))
        #expect(SlotMap(twice, asked: Self.asked) == nil)
    }

    // MARK: Finding

    private func finder(_ url: String) throws -> RedisFinder {
        RedisFinder(try RedisURL.parse(utf8(url).span), asked: Self.asked)
    }

    private func hello(_ mode: String, version: String = "7.2.0", role: String = "replica") -> [ReplyPiece] {
        [array(8)] + ["version", version, "mode", mode, "role", role, "modules", ""].map { text($0) }
    }

    private func error(_ text: String) -> [ReplyPiece] { [ReplyPiece(.error, text: utf8(text))] }

    @Test("any server of a Redis Cluster is asked for its slots")
    func findingSlots() throws {
        var finder = try finder("redis://ann:pw@h")
        #expect(String(decoding: finder.output, as: UTF8.self).hasSuffix("CLUSTER\r\n$5\r\nSLOTS\r\n"))
        var event = finder.reply(hello("cluster"))
        #expect(event == .nothing)
        event = finder.reply(whole)
        #expect(event == .map(try #require(SlotMap(whole, asked: Self.asked))))
        event = finder.reply(whole)
        #expect(event == .failed(.protocolBroken, text: []))
        finder = try self.finder("redis://h")
        event = finder.reply(hello("standalone"))
        #expect(event == .standsAlone)
        finder = try self.finder("redis://h")
        event = finder.reply(hello("cluster", version: "6.2.1"))
        #expect(event == .failed(.sharded, text: []))
    }

    @Test("sentinels are asked for the master of the name")
    func findingMasters() throws {
        var finder = try finder("redis+sentinel://:data@h/m?sentinel_user=u&sentinel_password=p")
        let output = String(decoding: finder.output, as: UTF8.self)
        #expect(output.hasPrefix("*3\r\n$4\r\nAUTH\r\n$1\r\nu\r\n$1\r\np\r\n"))
        #expect(output.hasSuffix("GET-MASTER-ADDR-BY-NAME\r\n$1\r\nm\r\n"))
        #expect(!output.contains("data"))
        var event = finder.reply([ReplyPiece(.status, text: utf8("OK"))])
        #expect(event == .nothing)
        event = finder.reply([array(2), text("10.0.0.2"), text("6390")])
        #expect(event == .master(RedisAddress(host: utf8("10.0.0.2"), port: 6390)))
    }

    @Test("what sentinels refuse has its reason")
    func refusals() throws {
        for (reply, fault) in [
            ([ReplyPiece(.null)], BrokerFault.unknownMaster),
            (error("NOAUTH Authentication required."), .authentication),
            (error("ERR unknown command `SENTINEL`"), .noSentinel),
            ([array(2), text("h"), text("0")], .protocolBroken),
            ([array(2), text("h"), text("99999")], .protocolBroken),
            ([array(2), text(""), text("1")], .protocolBroken), ([text("h")], .protocolBroken),
        ] {
            var finder = try finder("redis+sentinel://h/m")
            let event = finder.reply(reply)
            #expect(event == .failed(fault, text: reply[0].kind == .error ? reply[0].text : []))
        }
    }

    @Test("what is heard is told by its first word")
    func firstWords() {
        for (word, heard) in [
            ("message", Heard.message), ("smessage", .message), ("subscribe", .subscribed),
            ("ssubscribe", .subscribed), ("unsubscribe", .unsubscribed), ("sunsubscribe", .unsubscribed),
        ] { #expect(self.heard(word) == heard) }
        for word in ["", "pmessage", "xmessage", "psubscribe", "punsubscribe", "messages", "xsubscribe"] {
            #expect(heard(word) == nil, "\(word)")
        }
    }
}
