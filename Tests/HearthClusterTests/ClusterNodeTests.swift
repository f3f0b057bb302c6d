import HearthBytes
import HearthCluster
import Testing

@Suite("Processes of a cluster")
struct ClusterNodeTests {
    private let exchange = Exchange()

    private func pair() -> (ClusterNode<MemoryBroker>, ClusterNode<MemoryBroker>) {
        let first = exchange.add()
        let second = exchange.add()
        exchange.open(first)
        exchange.open(second)
        return (first, second)
    }

    private func hold(_ node: ClusterNode<MemoryBroker>, _ room: String) {
        _ = node.hold(.room, utf8(room).span)
        exchange.settle()
    }

    @Test("a message reaches those that hold the room, each once, and not its origin")
    func messages() {
        let (first, second) = pair()
        let third = exchange.add()
        exchange.open(third)
        hold(first, "r")
        hold(second, "r")
        _ = second.hold(.room, utf8("r").span)
        #expect(first.say("hello", in: "r", now: exchange.now) == .sent)
        #expect(exchange.settle() == ["1 t:r:r: hello"])
        #expect(second.counts.received > 0)
        #expect(second.counts.missed == 0)
        #expect(third.counts.rejected == 0)
    }

    @Test("a room is listened to until some time after the last hold was released")
    func lingering() {
        let (first, second) = pair()
        hold(second, "r")
        hold(second, "r")
        _ = second.release(.room, utf8("r").span, now: exchange.now)
        exchange.pass(2000)
        _ = first.say("one holds", in: "r", now: exchange.now)
        #expect(exchange.settle() == ["1 t:r:r: one holds"])
        _ = second.release(.room, utf8("r").span, now: exchange.now)
        _ = first.say("just now", in: "r", now: exchange.now)
        #expect(exchange.settle() == ["1 t:r:r: just now"])
        exchange.pass(1500)
        _ = first.say("nobody", in: "r", now: exchange.now)
        #expect(exchange.settle() == [])
    }

    @Test("who holds a room again within the time has missed nothing")
    func returning() {
        let (first, second) = pair()
        hold(second, "r")
        _ = second.release(.room, utf8("r").span, now: exchange.now)
        exchange.pass(500)
        hold(second, "r")
        exchange.pass(3000)
        _ = first.say("still", in: "r", now: exchange.now)
        #expect(exchange.settle() == ["1 t:r:r: still"])
    }

    @Test("what the broker loses is counted by those who should have got it")
    func losses() {
        let (first, second) = pair()
        hold(second, "r")
        _ = first.say("1", in: "r", now: exchange.now)
        exchange.settle()
        exchange.loses = { $0 == utf8("t:r:r") }
        for _ in 0..<5 { _ = first.say("lost", in: "r", now: exchange.now) }
        exchange.settle()
        exchange.loses = { _ in false }
        _ = first.say("7", in: "r", now: exchange.now)
        #expect(exchange.settle() == ["1 t:r:r: 7"])
        #expect(second.counts.missed == 5)
    }

    @Test("what is published while the broker is away is missed by the others, and said so")
    func away() {
        let (first, second) = pair()
        hold(second, "r")
        _ = first.say("before", in: "r", now: exchange.now)
        exchange.settle()
        exchange.cut(first)
        #expect(!first.isLinked)
        for _ in 0..<3 { #expect(first.say("x", in: "r", now: exchange.now) == .away) }
        exchange.open(first)
        #expect(first.isLinked)
        #expect(first.say("after", in: "r", now: exchange.now) == .sent)
        #expect(exchange.settle() == ["1 t:r:r: after"])
        #expect(second.counts.missed == 3)
    }

    @Test("who was cut off listens again to all it holds")
    func resubscribing() {
        let (first, second) = pair()
        hold(second, "r")
        hold(second, "s")
        exchange.cut(second)
        _ = second.release(.room, utf8("s").span, now: exchange.now)
        exchange.open(second)
        _ = first.say("r", in: "r", now: exchange.now)
        _ = first.say("s", in: "s", now: exchange.now)
        #expect(exchange.settle() == ["1 t:r:r: r"])
    }

    @Test("the same bytes again are delivered once")
    func replays() {
        let (first, second) = pair()
        hold(second, "r")
        _ = first.say("once", in: "r", now: exchange.now)
        let sent = first.broker.takePublished()
        for _ in 0..<3 {
            for (channel, bytes) in sent { _ = exchange.deliver(channel, bytes, to: second) }
        }
        #expect(second.counts.duplicates == 2)
    }

    @Test("too large, too many, too full: each has its answer")
    func bounds() {
        let (first, _) = pair()
        #expect(first.say(String(repeating: "x", count: 1 << 20), in: "r", now: 1) == .sent)
        #expect(first.say(String(repeating: "x", count: 1 << 20 + 1), in: "r", now: 1) == .tooLarge)
        for index in 0..<100 { _ = first.hold(.room, utf8("room \(index)").span) }
        let isHeld = first.hold(.room, utf8("one more").span)
        #expect(!isHeld)
        #expect(first.channelCount == 100)
        #expect(first.say("x", in: "one more", now: 1) == .full)
        first.broker.room = 0
        #expect(first.say("x", in: "r", now: 1) == .full)
    }

    @Test("rooms that were only spoken to are forgotten after a while")
    func forgetting() {
        let (first, _) = pair()
        for index in 0..<50 { _ = first.say("x", in: "room \(index)", now: exchange.now) }
        #expect(first.channelCount == 53)
        exchange.pass(1500)
        #expect(first.channelCount == 3)
    }

    @Test("processes know each other from the first beat on, and no longer than a lease")
    func leases() {
        let (first, second) = pair()
        second.own = NodeCounts(connections: 3, users: 2, rooms: 1)
        exchange.pass(2000)
        #expect(first.nodes.map(\.name.bytes) == [utf8("node1")])
        #expect(first.nodes[0].counts == NodeCounts(connections: 3, users: 2, rooms: 1))
        exchange.cut(second)
        exchange.pass(2900)
        exchange.pass(1000)
        #expect(first.nodes.isEmpty)
        #expect(first.counts.nodesLost == 1)
        exchange.open(second)
        exchange.pass(1500)
        #expect(first.nodes.count == 1)
        #expect(second.nodes.count == 1)
    }

    @Test("who says farewell is gone at once")
    func farewell() {
        let (first, second) = pair()
        second.bidFarewell()
        exchange.settle()
        #expect(first.nodes.isEmpty)
        #expect(first.counts.nodesLost == 0)
    }

    @Test("who stood still does not take the others for dead")
    func standstill() {
        let (first, second) = pair()
        exchange.pass(1500)
        exchange.now += 60_000
        first.tick(now: exchange.now)
        #expect(first.nodes.count == 1)
        #expect(second.nodes.count == 1)
    }

    @Test("a subscription that hears nothing is found out by a probe")
    func deafness() {
        let (first, _) = pair()
        exchange.pass(20_000)
        #expect(!first.isDeaf)
        exchange.loses = { $0.starts(with: utf8("t:{t:}n:")) }
        exchange.pass(11_000)
        #expect(first.isDeaf)
    }

    @Test("a thousand turns of everything: what arrived and what was missed is what was sent")
    func simulation() {
        let (first, second) = pair()
        hold(first, "r")
        hold(second, "r")
        var random = SystemRandomNumberGenerator()
        var sent: UInt64 = 0
        var received: UInt64 = 0
        _ = first.say("0", in: "r", now: exchange.now)
        exchange.settle()
        for _ in 0..<1000 {
            switch UInt8.random(in: 0..<10, using: &random) {
            case 0 where first.isLinked: exchange.cut(first)
            case 1 where second.isLinked: exchange.cut(second)
            case 2...4:
                if !first.isLinked { exchange.open(first) }
                if !second.isLinked { exchange.open(second) }
            case 5: received += UInt64(exchange.pass(300).filter { $0.hasPrefix("1 t:r:r") }.count)
            default:
                sent += 1
                _ = first.say("x", in: "r", now: exchange.now)
                received += UInt64(exchange.settle().filter { $0.hasPrefix("1 t:r:r") }.count)
            }
        }
        if !first.isLinked { exchange.open(first) }
        if !second.isLinked { exchange.open(second) }
        _ = first.say("last", in: "r", now: exchange.now)
        received += UInt64(exchange.settle().filter { $0.hasPrefix("1 t:r:r") }.count)
        // The first was received before.
        #expect(received + second.counts.missed == sent + 1)
        #expect(second.counts.duplicates == 0)
    }

    @Test("whatever a broker loses, repeats and delays: once, in order, and what is missing is counted")
    func unreliable() {
        var seed: UInt64 = 1
        func random(_ count: Int) -> Int {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(seed >> 33) % count
        }
        let nodes = (0..<3).map { _ in exchange.add() }
        for node in nodes {
            exchange.open(node)
            hold(node, "r")
        }
        var heard = [[[Int]]](repeating: [[Int]](repeating: [], count: 3), count: 3)
        func note(_ delivered: [String]) {
            for text in delivered {
                let words = text.split(separator: " ")
                heard[Int(words[0])!][Int(words[2])!].append(Int(words[3])!)
            }
        }
        let rounds = 2000
        for number in 0...rounds {
            let isTroubled = number > 0 && number < rounds
            exchange.fate = { $0 == utf8("t:r:r") && isTroubled ? Fate.allCases[random(4)] : .carried }
            for (index, node) in nodes.enumerated() {
                _ = node.say("\(index) \(number)", in: "r", now: exchange.now)
            }
            note(exchange.settle())
            if random(5) == 0 { note(exchange.release()) }
        }
        note(exchange.release())
        for (receiver, node) in nodes.enumerated() {
            var received = 0
            for origin in 0..<3 where origin != receiver {
                let numbers = heard[receiver][origin]
                #expect(numbers == Array(Set(numbers)).sorted())
                #expect(numbers.first == 0 && numbers.last == rounds)
                received += numbers.count
            }
            #expect(heard[receiver][receiver].isEmpty)
            #expect(received + Int(node.counts.missed) == 2 * (rounds + 1))
        }
    }
}
