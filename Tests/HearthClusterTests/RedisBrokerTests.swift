import HearthBytes
import HearthCluster
import HearthWire
import Testing

@Suite("Redis as a broker")
struct RedisBrokerTests {
    private static let secret = ClusterSecret(8, 9)

    private func broker(
        _ url: String = "redis://h", countsPlaces: Bool = false, isShard: Bool = false
    ) throws -> RedisBroker {
        RedisBroker(
            RedisTerms(
                try RedisURL.parse(utf8(url).span), prefix: utf8("ws:"), proposal: Self.secret,
                outputBytesMax: 1000, countsPlaces: countsPlaces), isShard: isShard)
    }

    private func begin(_ broker: RedisBroker, _ channel: String, _ count: Int) -> Bool {
        broker.beginMessage(to: utf8(channel).span, count: count)
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    private func hello(
        mode: String = "standalone", role: String = "master", version: String = "7.0.15"
    ) -> [ReplyPiece] {
        let words = ["server", "redis", "version", version, "mode", mode, "role", role]
        return [ReplyPiece(.array, number: 8)] + words.map { ReplyPiece(.string, text: utf8($0)) }
    }

    private func error(_ text: String) -> [ReplyPiece] { [ReplyPiece(.error, text: utf8(text))] }

    private func opened(_ broker: RedisBroker) -> BrokerEvent {
        broker.commandsOpened()
        broker.subscriberOpened()
        #expect(broker.commandReply(hello()) == .nothing)
        #expect(broker.commandReply([ReplyPiece(.status, text: utf8("OK"))]) == .nothing)
        #expect(broker.subscriberReply(hello()) == .nothing)
        return broker.commandReply([ReplyPiece(.string, text: Self.secret.bytes)])
    }

    @Test("says who it is, and opens when both connections are let in")
    func opening() throws {
        var broker = try broker("redis://ann:pass@h/3")
        broker.commandsOpened()
        #expect(text(broker.output).hasPrefix("*7\r\n$5\r\nHELLO\r\n$1\r\n2\r\n$4\r\nAUTH\r\n$3\r\nann\r\n"))
        #expect(text(broker.output).contains("SELECT\r\n$1\r\n3\r\n"))
        broker = try self.broker()
        #expect(opened(broker) == .opened(Self.secret))
        #expect(broker.isOpen)
    }

    @Test("a message is one command with the bytes as they are")
    func publishing() throws {
        let broker = try broker()
        _ = opened(broker)
        broker.output = []
        #expect(begin(broker, "ws:r:x", 3))
        broker.output += [0, 13, 10]
        broker.endMessage()
        #expect(broker.output == utf8("*3\r\n$7\r\nPUBLISH\r\n$6\r\nws:r:x\r\n$3\r\n\0\r\n\r\n"))
        #expect(broker.commandReply(number: 2) == .nothing)
        #expect(broker.confirmed == 1)
    }

    @Test("takes no more than max_broker_output, with what has not left")
    func bounds() throws {
        let broker = try broker()
        _ = opened(broker)
        broker.output = []
        broker.waitingBytes = 500
        #expect(begin(broker, "c", 500))
        #expect(!begin(broker, "c", 501))
    }

    @Test("what is on its way when the connection breaks is counted")
    func breaking() throws {
        let broker = try broker()
        _ = opened(broker)
        for _ in 0..<5 {
            _ = broker.beginMessage(to: utf8("c").span, count: 0)
            broker.endMessage()
        }
        _ = broker.commandReply(number: 0)
        _ = broker.commandReply(number: 0)
        #expect(broker.lost() == 3)
        #expect(!broker.isOpen)
        #expect(broker.lost() == 0)
        #expect(opened(broker) == .opened(Self.secret))
    }

    @Test(
        "each refusal has its reason",
        arguments: [
            ("WRONGPASS invalid username-password pair", BrokerFault.authentication),
            ("NOAUTH HELLO must be called", .authentication),
            ("ERR unknown command `HELLO`", .tooOld),
            ("LOADING Redis is loading", .refused),
        ])
    func refusals(_ text: String, _ fault: BrokerFault) throws {
        var broker = try broker()
        broker.commandsOpened()
        #expect(broker.commandReply(error(text)) == .failed(fault, text: utf8(text)))
        broker = try self.broker()
        broker.subscriberOpened()
        #expect(broker.subscriberReply(error(text)) == .failed(fault, text: utf8(text)))
    }

    @Test("a replica, a Redis Cluster and one too old are told by their hello")
    func roles() throws {
        var broker = try broker()
        broker.commandsOpened()
        #expect(broker.commandReply(hello(role: "replica")) == .failed(.readOnly, text: []))
        broker = try self.broker()
        broker.commandsOpened()
        #expect(broker.commandReply(hello(mode: "cluster")) == .isShard)
        broker = try self.broker()
        broker.commandsOpened()
        #expect(
            broker.commandReply(hello(mode: "cluster", version: "6.2.14")) == .failed(.sharded, text: []))
    }

    @Test("without memory the secret that is there will do")
    func memory() throws {
        let broker = try broker()
        broker.commandsOpened()
        _ = broker.commandReply(hello())
        #expect(broker.commandReply(error("OOM command not allowed")) == .nothing)
        #expect(
            broker.commandReply([ReplyPiece(.null)])
                == .failed(.outOfMemory, text: utf8("OOM command not allowed")))
    }

    @Test("a secret that is none belongs to another program")
    func collisions() throws {
        for reply in [
            [ReplyPiece(.string, text: utf8("short"))], error("WRONGTYPE Operation"),
            [ReplyPiece(.array, number: 0)],
        ] {
            let broker = try broker()
            broker.commandsOpened()
            _ = broker.commandReply(hello())
            _ = broker.commandReply([ReplyPiece(.status)])
            #expect(broker.commandReply(reply) == .failed(.prefixInUse, text: utf8("ws:{ws:}secret")))
        }
    }

    @Test("a place that is claimed is answered for the connection that claims it")
    func places() throws {
        let broker = try broker(countsPlaces: true)
        broker.commandsOpened()
        broker.subscriberOpened()
        _ = broker.commandReply(hello())
        _ = broker.commandReply([ReplyPiece(.status)])
        _ = broker.commandReply([ReplyPiece(.string, text: utf8("0123"))])
        _ = broker.subscriberReply(hello())
        #expect(broker.commandReply([ReplyPiece(.string, text: Self.secret.bytes)]) == .opened(Self.secret))
        let user = ByteString(utf8("ann"))
        broker.beginLease(utf8("n"), 1000)
        broker.claim(7, user, countMax: 2, utf8("n"), 1000)
        broker.leave(user, utf8("n"), 1000)
        broker.claim(8, user, countMax: 2, utf8("n"), 1000)
        broker.renewLease(utf8("n"), 1000)
        #expect(text(broker.output).contains("EVALSHA\r\n$4\r\n0123\r\n$1\r\n2\r\n$14\r\nws:{ws:}leases"))
        #expect(broker.commandReply(number: 1) == .nothing)
        #expect(broker.commandReply(number: 1) == .claimed(7, isGranted: true))
        #expect(broker.commandReply(number: 1) == .nothing)
        #expect(broker.commandReply(number: 0) == .claimed(8, isGranted: false))
        #expect(broker.commandReply(number: -1) == .leaseEnded)
    }

    @Test("a claim that is answered after its connection has gone is given back")
    func claims() {
        let user = ByteString(utf8("ann"))
        var claims = UserClaims()
        let first = claims.add(71, user, isAsked: true)
        let second = claims.add(72, user, isAsked: true)
        _ = claims.add(73, user, isAsked: false)
        let early = claims.remove(71)
        #expect(early == nil)
        let late = claims.answer(first, isGranted: true)
        #expect(late == .giveBack(user))
        let refused = claims.answer(second, isGranted: false)
        #expect(refused == .refused(72))
        let counts = claims.settle()
        #expect(counts == [user: 1])
        let nothing = claims.remove(72)
        #expect(nothing == nil)
        let own = claims.remove(73)
        #expect(own == user)
        #expect(claims.count == 0)
    }

    @Test("a connection that takes another user before the answer for the first has both answered")
    func changes() {
        let (ann, ben) = (ByteString(utf8("ann")), ByteString(utf8("ben")))
        var claims = UserClaims()
        let first = claims.add(7, ann, isAsked: true)
        let early = claims.remove(7)
        #expect(early == nil)
        let second = claims.add(7, ben, isAsked: true)
        let ofAnn = claims.answer(first, isGranted: true)
        #expect(ofAnn == .giveBack(ann))
        let ofBen = claims.answer(second, isGranted: false)
        #expect(ofBen == .refused(7))
    }

    @Test("replies that nobody asked for are no Redis'")
    func unasked() throws {
        let broker = try broker()
        #expect(broker.commandReply(number: 1) == .failed(.protocolBroken, text: []))
        #expect(broker.commandReply([]) == .failed(.protocolBroken, text: []))
        #expect(broker.subscriberReply([]) == .failed(.protocolBroken, text: []))
        broker.commandsOpened()
        #expect(broker.commandReply([ReplyPiece(.string)]) == .failed(.protocolBroken, text: []))
        #expect(broker.commandReply(number: 1) == .failed(.protocolBroken, text: []))
    }

    // MARK: Redis Cluster

    private func shard(_ url: String = "redis://h") throws -> RedisBroker {
        let broker = try broker(url, isShard: true)
        broker.commandsOpened(isHome: false)
        broker.subscriberOpened()
        return broker
    }

    @Test("a server of a Redis Cluster carries messages of its shard, whoever has the secret")
    func shards() throws {
        let broker = try shard()
        #expect(!text(broker.output).contains("secret"))
        #expect(broker.commandReply(hello(mode: "cluster")) == .nothing)
        #expect(broker.subscriberReply(hello(mode: "cluster")) == .opened(nil))
        broker.output = []
        broker.subscriberOutput = []
        let isBegun = broker.beginMessage(to: utf8("c").span, count: 0)
        broker.endMessage()
        broker.subscribe(utf8("c").span)
        broker.unsubscribe(utf8("c").span)
        #expect(isBegun)
        #expect(broker.output == utf8("*3\r\n$8\r\nSPUBLISH\r\n$1\r\nc\r\n$0\r\n\r\n"))
        #expect(
            text(broker.subscriberOutput)
                == "*2\r\n$10\r\nSSUBSCRIBE\r\n$1\r\nc\r\n*2\r\n$12\r\nSUNSUBSCRIBE\r\n$1\r\nc\r\n")
        broker.keepSecret()
        _ = broker.commandReply(number: 1)
        _ = broker.commandReply([ReplyPiece(.status)])
        let secret = [ReplyPiece(.string, text: Self.secret.bytes)]
        #expect(broker.commandReply(secret) == .opened(Self.secret))
    }

    @Test(
        "what is another server's is no fault of this one",
        arguments: ["MOVED 5 127.0.0.1:7001", "CLUSTERDOWN Hash slot not served", "TRYAGAIN", "ASK 5 h:1"])
    func moving(_ refusal: String) throws {
        let broker = try shard()
        _ = broker.commandReply(hello(mode: "cluster"))
        _ = broker.subscriberReply(hello(mode: "cluster"))
        _ = broker.beginMessage(to: utf8("c").span, count: 0)
        broker.endMessage()
        #expect(broker.commandReply(error(refusal)) == .moved(isMessage: true))
        #expect(broker.subscriberReply(error(refusal)) == .moved(isMessage: false))
        broker.listenToItself(on: utf8("p"))
        _ = broker.probe()
        #expect(broker.commandReply(error(refusal)) == .moved(isMessage: false))
        broker.keepSecret()
        #expect(broker.commandReply(error(refusal)) == .failed(.moved, text: utf8(refusal)))
    }

    @Test("a probe that does not come back is told with the next one")
    func probing() throws {
        let broker = try shard()
        _ = broker.commandReply(hello(mode: "cluster"))
        _ = broker.subscriberReply(hello(mode: "cluster"))
        broker.listenToItself(on: utf8("p"))
        #expect(text(broker.subscriberOutput).hasSuffix("SSUBSCRIBE\r\n$1\r\np\r\n"))
        let first = broker.probe()
        #expect(text(broker.output).hasSuffix("SPUBLISH\r\n$1\r\np\r\n$1\r\n1\r\n"))
        broker.heardItself(utf8("1").span)
        let second = broker.probe()
        broker.heardItself(utf8("1").span)
        let third = broker.probe()
        #expect(first && second && !third)
        #expect(broker.lost() == 0)
    }

    @Test("a Redis Cluster has no databases")
    func databases() throws {
        let broker = try broker("redis://h/3")
        broker.commandsOpened()
        #expect(broker.commandReply(hello(mode: "cluster")) == .failed(.database, text: []))
    }
}
