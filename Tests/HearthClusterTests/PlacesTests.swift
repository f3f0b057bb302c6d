import HearthBytes
import HearthCluster
import Testing

@Suite("A broker of several servers")
struct PlacesTests {
    private let exchange = Exchange()

    /// The room "r" is on a server of its own, the rest on another.
    private func pair() -> (ClusterNode<MemoryBroker>, ClusterNode<MemoryBroker>) {
        let nodes = (exchange.add(), exchange.add())
        for node in exchange.nodes {
            node.broker.keepsOrder = false
            place(node, room: 2)
            exchange.open(node)
            for room in ["r", "s"] { _ = node.hold(.room, utf8(room).span) }
        }
        exchange.settle()
        for node in exchange.nodes { _ = node.takeEffects() }
        return nodes
    }

    private func place(_ node: ClusterNode<MemoryBroker>, room: UInt32?, rest: UInt32? = 1) {
        node.broker.placed = { $0 == utf8("t:r:r") ? room : rest }
    }

    private func say(_ node: ClusterNode<MemoryBroker>, _ text: String, in room: String) -> [String] {
        _ = node.say(text, in: room, now: exchange.now)
        return exchange.settle()
    }

    @Test("a server that is away takes its channels, and no others")
    func away() {
        let (first, second) = pair()
        #expect(say(first, "before", in: "r") == ["1 t:r:r: before"])
        place(first, room: nil)
        first.closed(now: exchange.now)
        #expect(first.isLinked)
        #expect(first.say("lost", in: "r", now: exchange.now) == .away)
        #expect(say(first, "kept", in: "s") == ["1 t:r:s: kept"])
        place(first, room: 2)
        first.opened(Exchange.secret, now: exchange.now)
        #expect(first.broker.takeAsked() == [utf8("t:r:r")])
        #expect(say(first, "after", in: "r") == ["1 t:r:r: after"])
        #expect(second.counts.missed == 1)
    }

    @Test("a channel that has another server is asked for there, once")
    func moving() {
        let (first, second) = pair()
        place(second, room: 3)
        second.closed(now: exchange.now)
        second.opened(Exchange.secret, now: exchange.now)
        second.opened(Exchange.secret, now: exchange.now)
        #expect(second.broker.takeAsked() == [utf8("t:r:r")])
        // What the former one still says is no answer.
        second.subscribed(utf8("t:r:r").span, at: 2, now: exchange.now)
        #expect(second.takeEffects().isEmpty)
        second.subscribed(utf8("t:r:r").span, at: 3, now: exchange.now)
        #expect(second.takeEffects().count == 1)
        #expect(say(first, "moved", in: "r") == ["1 t:r:r: moved"])
    }

    @Test("a server that gives up a channel is believed, if it is the one that had it")
    func givingUp() {
        let (_, second) = pair()
        var isNeeded = second.unsubscribed(utf8("t:r:r").span, at: 1, now: exchange.now)
        #expect(!isNeeded)
        isNeeded = second.unsubscribed(utf8("t:r:r").span, at: 2, now: exchange.now)
        #expect(isNeeded)
        isNeeded = second.unsubscribed(utf8("t:r:r").span, at: 2, now: exchange.now)
        #expect(!isNeeded)
        #expect(second.isLinked)
        isNeeded = second.unsubscribed(utf8("t:{t:}b:").span, at: 1, now: exchange.now)
        #expect(isNeeded)
        #expect(!second.isLinked)
        second.opened(Exchange.secret, now: exchange.now)
        exchange.settle()
        #expect(second.isLinked)
    }

    @Test("what was asked for and refused is asked for again")
    func refusals() {
        let (first, _) = pair()
        _ = first.hold(.room, utf8("x").span)
        #expect(first.broker.takeAsked() == [utf8("t:r:x")])
        first.closed(now: exchange.now)
        first.opened(Exchange.secret, now: exchange.now)
        #expect(first.broker.takeAsked().isEmpty)
        first.closed(forgetsAsked: true, now: exchange.now)
        first.opened(Exchange.secret, now: exchange.now)
        #expect(first.broker.takeAsked() == [utf8("t:r:x")])
    }

    @Test("rooms that were heard before the process was linked are told when it is")
    func linking() {
        let node = exchange.add()
        place(node, room: 2, rest: nil)
        exchange.open(node)
        _ = node.hold(.room, utf8("r").span)
        exchange.settle()
        #expect(!node.isLinked)
        #expect(node.takeEffects().isEmpty)
        place(node, room: 2)
        node.opened(Exchange.secret, now: exchange.now)
        exchange.settle()
        #expect(node.isLinked)
        let effects = node.takeEffects()
        #expect(effects.count == 1)
    }

    @Test("what is told to one process does not overtake what is told to the room")
    func order() {
        let (first, second) = pair()
        let room = ByteString(utf8("r"))
        let ann = PresenceRecord(user: ByteString(utf8("ann")), data: [], joinedAt: 1)
        let other = exchange.add()
        _ = first.broker.takePublished()
        first.tellSnapshot(room, [ann], to: other.number, asks: false, now: exchange.now)
        for (channel, bytes) in first.broker.takePublished() {
            #expect(channel == utf8("t:r:r"))
            _ = exchange.deliver(channel, bytes, to: second)
        }
        #expect(second.takeEffects().isEmpty)
        first.tellSnapshot(room, [ann], to: second.number, asks: false, now: exchange.now)
        exchange.settle()
        #expect(second.takeEffects().count == 1)
    }

    @Test("what a process said before its farewell and comes after it does not bring it back")
    func farewell() {
        let (first, second) = pair()
        first.tellPresence(
            ByteString(utf8("r")), ByteString(utf8("ann")),
            PresenceRecord(user: ByteString(utf8("ann")), data: [], joinedAt: 1))
        let late = first.broker.takePublished()
        first.bidFarewell()
        exchange.settle()
        #expect(second.nodes.isEmpty)
        for (channel, bytes) in late { _ = exchange.deliver(channel, bytes, to: second) }
        #expect(second.nodes.isEmpty)
        #expect(second.takeEffects().isEmpty)
        // The same process may begin again.
        exchange.pass(2000)
        #expect(second.nodes.count == 1)
    }
}
