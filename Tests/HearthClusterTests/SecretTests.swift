import HearthBytes
import HearthCluster
import Testing

@Suite("The secret of a cluster")
struct SecretTests {
    private let redis = MiniRedis()
    private let small = ClusterSecret(1, 9)
    private let large = ClusterSecret(2, 0)

    private func renew(_ brokers: RedisBroker...) -> [BrokerEvent] {
        brokers.flatMap { broker -> [BrokerEvent] in
            broker.renewSecret()
            return redis.serve(broker)
        }
    }

    @Test("secrets are compared by their bytes, one after the other")
    func order() {
        #expect(ClusterSecret(0x0200, 0) < ClusterSecret(0x01, 0))
        #expect(ClusterSecret(1, 0x0100) < ClusterSecret(1, 0x02))
        #expect(!(small < small))
    }

    @Test("a secret that was deleted is told again with the next renewal")
    func retelling() {
        let broker = redis.broker(small)
        #expect(redis.open(broker) == [.opened(small)])
        redis.stored = nil
        #expect(renew(broker) == [])
        #expect(redis.stored == small.bytes)
    }

    @Test("of two secrets the lexically smaller wins, whichever came first")
    func agreeing() {
        for (old, new) in [(small, large), (large, small)] {
            let redis = MiniRedis()
            let first = redis.broker(old)
            #expect(redis.open(first) == [.opened(old)])
            redis.stored = nil
            let second = redis.broker(new)
            #expect(redis.open(second) == [.opened(new)])
            var changes: [BrokerEvent] = []
            for _ in 0..<2 {
                for broker in [first, second] {
                    broker.renewSecret()
                    changes += redis.serve(broker)
                }
            }
            #expect(changes == [.secretChanged(small)])
            #expect(redis.stored == small.bytes)
        }
    }

    @Test("whoever may not write the secret takes the one that is there, and says so")
    func readers() {
        let broker = redis.broker(small)
        _ = redis.open(broker)
        redis.stored = large.bytes
        redis.refuses["SET"] = "NOPERM User ann has no permissions to run the 'set' command"
        #expect(renew(broker) == [.secretChanged(large)])
        #expect(broker.trouble?.fault == .noPermission)
        #expect(
            broker.trouble.map { String(decoding: $0.text, as: UTF8.self) }?.hasPrefix("+set is missing")
                == true)
    }

    @Test("a server that is no master any more is found by the next renewal")
    func demotion() {
        let broker = redis.broker(small)
        _ = redis.open(broker)
        redis.role = "replica"
        #expect(renew(broker).first == .failed(.readOnly, text: []))
        redis.role = "master"
        let other = redis.broker(small)
        _ = redis.open(other)
        redis.refuses["SET"] = "READONLY You can't write against a read only replica."
        #expect(renew(other).first == .failed(.readOnly, text: utf8(redis.refuses["SET"]!)))
    }

    @Test("a renewal that cannot be done keeps the connections and is told")
    func troubles() {
        for (command, error, fault) in [
            (
                "HELLO", "NOPERM User ann has no permissions to run the 'hello' command",
                BrokerFault.noPermission
            ),
            ("GET", "NOPERM No permissions to access a key", .noPermission),
            ("SET", "OOM command not allowed", .outOfMemory),
            ("SET", "MISCONF Redis cannot persist", .refused),
        ] {
            let redis = MiniRedis()
            let broker = redis.broker(small)
            _ = redis.open(broker)
            redis.stored = nil
            redis.refuses[command] = error
            broker.renewSecret()
            #expect(redis.serve(broker) == [])
            #expect(broker.trouble?.fault == fault)
            #expect(broker.isOpen)
        }
    }

    @Test("a script that Redis has forgotten is sent whole, once, and no claim is lost")
    func scripts() {
        let broker = redis.broker(small, countsPlaces: true)
        _ = redis.open(broker)
        redis.refuses["EVALSHA"] = "NOSCRIPT No matching script."
        for number in 1...3 {
            broker.claim(UInt64(number), ByteString(utf8("ann")), countMax: 9, utf8("n"), 1000)
        }
        let commands = MiniRedis.commands(broker.output).count
        #expect(commands == 3)
        // The first answer brings the script; from then on Redis has it.
        for _ in 0..<3 { _ = broker.commandReply([ReplyPiece(.error, text: utf8("NOSCRIPT"))]) }
        redis.refuses = [:]
        let again = MiniRedis.commands(broker.output).dropFirst(3).map {
            String(decoding: $0[0], as: UTF8.self)
        }
        #expect(again == ["EVAL", "EVALSHA", "EVALSHA"])
        var granted: [BrokerEvent] = []
        for _ in 0..<3 { granted.append(broker.commandReply(number: 1)) }
        #expect(granted == (1...3).map { .claimed($0, isGranted: true) })
        #expect(broker.trouble == nil)
    }

    @Test(
        "a permission that is missing is named",
        arguments: [
            ("NOPERM User ann has no permissions to run the 'publish' command", "+publish"),
            (
                "NOPERM this user has no permissions to run the 'publish' command or its subcommand",
                "+publish"
            ),
            ("NOPERM No permissions to access a channel", "&ws:*"),
            ("NOPERM this user has no permissions to access one of the channels used as arguments", "&ws:*"),
        ])
    func permissions(_ error: String, _ rule: String) {
        let broker = redis.broker(small)
        _ = redis.open(broker)
        _ = broker.beginMessage(to: utf8("c").span, count: 0)
        broker.endMessage()
        let text = utf8(rule + " is missing: " + error)
        #expect(broker.commandReply([ReplyPiece(.error, text: utf8(error))]) == .notPublished(text: text))
        #expect(broker.trouble?.fault == .noPermission)
        let heard = broker.subscriberReply([ReplyPiece(.error, text: utf8(error))])
        guard case .notSubscribed(.noPermission, _) = heard else {
            Issue.record("\(heard)")
            return
        }
    }

    @Test("what Redis lost of users it is told again, round by round, but not what it has not answered")
    func retellingPlaces() {
        var claims = UserClaims()
        let users = (0..<250).map { ByteString(utf8("u\($0)")) }
        for (index, user) in users.enumerated() { _ = claims.add(UInt64(index + 1), user, isAsked: false) }
        let open = claims.add(1000, users[0], isAsked: true)
        var told: [ByteString: Int] = [:]
        for _ in 0..<3 { for one in claims.takeUntold() { told[one.user] = one.count } }
        #expect(told.count == 249)
        #expect(told[users[0]] == nil)
        _ = claims.answer(open, isGranted: true)
        for _ in 0..<3 { for one in claims.takeUntold() { told[one.user] = one.count } }
        #expect(told[users[0]] == 2)
        for index in 0..<250 { _ = claims.remove(UInt64(index + 1)) }
        _ = claims.remove(1000)
        let rest = claims.takeUntold() + claims.takeUntold() + claims.takeUntold()
        #expect(rest.isEmpty)
    }
}
