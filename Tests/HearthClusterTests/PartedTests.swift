import HearthBytes
import HearthCluster
import Testing

@Suite("Processes that do not understand each other")
struct PartedTests {
    private let exchange = Exchange()
    private let other = ClusterSecret(7, 7)

    /// Two processes in one room, the second of which has another secret.
    private func parted() -> (ClusterNode<MemoryBroker>, ClusterNode<MemoryBroker>) {
        let first = exchange.add()
        let second = exchange.add()
        exchange.open(first)
        second.broker.isOpen = true
        second.opened(other, now: exchange.now)
        exchange.settle()
        for node in [first, second] { _ = node.hold(.room, utf8("r").span) }
        exchange.settle()
        return (first, second)
    }

    @Test("a heartbeat under another secret is told as long as they are heard, and one lease more")
    func telling() {
        let (first, second) = parted()
        #expect(first.partedBy == .parted)
        exchange.pass(1000)
        #expect(second.partedBy == .parted)
        exchange.pass(10_000)
        #expect(first.partedBy == .parted)
        #expect(first.nodes.isEmpty)
        second.changeSecret(Exchange.secret, now: exchange.now)
        exchange.pass(3100)
        #expect(first.partedBy == .none)
        #expect(second.partedBy == .none)
        #expect(first.nodes.count == 1)
    }

    @Test("who is in rooms elsewhere is asked for when the secret has changed")
    func presence() {
        let (first, second) = parted()
        _ = (first.takeEffects(), second.takeEffects())
        second.changeSecret(Exchange.secret, now: exchange.now)
        #expect(second.takeEffects().count == 1)
    }

    @Test("messages under the former secret are taken for one lease")
    func former() {
        let first = exchange.add()
        let second = exchange.add()
        for node in [first, second] {
            exchange.open(node)
            _ = node.hold(.room, utf8("r").span)
        }
        exchange.settle()
        second.changeSecret(other, now: exchange.now)
        _ = first.say("under the former", in: "r", now: exchange.now)
        #expect(exchange.settle().contains("1 t:r:r: under the former"))
        exchange.now += 3000
        _ = first.say("too late", in: "r", now: exchange.now)
        #expect(exchange.settle().contains("t:r:r rejected") == false)
        #expect(second.counts.rejected > 0)
    }

    @Test("a message that is refused makes the process look for the secret, but not again and again")
    func looking() {
        let (first, second) = parted()
        exchange.pass(1000)
        let before = first.broker.renewals
        for _ in 0..<1000 {
            _ = second.say("x", in: "r", now: exchange.now)
            exchange.settle()
            first.tick(now: exchange.now)
        }
        #expect(first.broker.renewals - before <= 1)
        exchange.pass(3000)
        #expect(first.broker.renewals - before <= 13)
        #expect(first.broker.renewals > before)
    }

    @Test("what strangers publish on a room's channel degrades nobody")
    func strangers() {
        let (first, _) = (exchange.add(), exchange.add())
        exchange.open(first)
        _ = first.hold(.room, utf8("r").span)
        exchange.settle()
        _ = exchange.deliver(utf8("t:r:r"), utf8("nonsense"), to: first)
        _ = exchange.deliver(utf8("t:{t:}b:"), utf8("nonsense"), to: first)
        #expect(first.counts.rejected == 2)
        #expect(first.partedBy == .none)
    }

    @Test("a process is proven when a message of its own has come back")
    func proving() {
        let node = exchange.add()
        exchange.loses = { _ in true }
        exchange.open(node)
        #expect(node.isLinked)
        #expect(!node.isProven)
        exchange.loses = { _ in false }
        exchange.cut(node)
        exchange.open(node)
        #expect(node.isProven)
    }

    // MARK: Before the broker is reached

    @Test("what is published before the broker is reached goes on in its order")
    func waiting() {
        let first = exchange.add()
        let second = exchange.add()
        exchange.open(second)
        _ = second.hold(.room, utf8("r").span)
        first.begin(now: exchange.now)
        #expect(first.say("1", in: "r", now: exchange.now) == .waits)
        #expect(first.say("2", in: "r", now: exchange.now) == .waits)
        exchange.open(first)
        #expect(first.release(now: exchange.now) == [.sent, .sent])
        #expect(exchange.settle() == ["1 t:r:r: 1", "1 t:r:r: 2"])
        #expect(first.say("3", in: "r", now: exchange.now) == .sent)
    }

    @Test("as much waits as may, and no byte more")
    func bounds() {
        var settings = ClusterSettings()
        settings.pendingBytesMax = 2 * (128 + 2)
        let node = ClusterNode(settings, MemoryBroker(), number: 5, epoch: 1, seed: (1, 2))
        node.begin(now: 1000)
        #expect(node.say("a", in: "r", now: 1000) == .waits)
        #expect(node.say("bb", in: "r", now: 1000) == .full)
        #expect(node.say("b", in: "r", now: 1000) == .waits)
        #expect(node.say("", in: "", now: 1000) == .full)
    }

    @Test("what has waited for a lease waits no more")
    func time() {
        let node = exchange.add()
        node.begin(now: exchange.now)
        #expect(node.say("a", in: "r", now: exchange.now) == .waits)
        #expect(node.due == exchange.now + 3000)
        #expect(!node.isWaitOver(now: exchange.now + 2999))
        #expect(node.isWaitOver(now: exchange.now + 3000))
        #expect(node.release(now: exchange.now + 3000) == [.away])
        #expect(node.say("b", in: "r", now: exchange.now + 3000) == .away)
    }
}
