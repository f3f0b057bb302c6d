import HearthBytes
import HearthCluster
import Testing

/// The owner of a node, with who is in its rooms.
private final class Owner {
    let node: ClusterNode<MemoryBroker>
    var here: [String: [String: String]] = [:]
    /// As it was told: rooms, users, and on how many processes each is.
    var elsewhere: [String: [String: Int]] = [:]
    private(set) var told: [String] = []

    init(_ node: ClusterNode<MemoryBroker>) { self.node = node }

    func join(_ user: String, _ room: String, data: String = "", now: UInt64) {
        if here[room] == nil { _ = node.hold(.room, utf8(room).span) }
        here[room, default: [:]][user] = data
        node.tellPresence(ByteString(utf8(room)), ByteString(utf8(user)), record(user, data))
    }

    func leave(_ user: String, _ room: String, now: UInt64) {
        here[room]?[user] = nil
        node.tellPresence(ByteString(utf8(room)), ByteString(utf8(user)), nil)
        if here[room]?.isEmpty ?? false {
            here[room] = nil
            _ = node.release(.room, utf8(room).span, now: now)
        }
    }

    private func record(_ user: String, _ data: String) -> PresenceRecord {
        PresenceRecord(user: ByteString(utf8(user)), data: utf8(data), joinedAt: 1000)
    }

    func work(now: UInt64) -> Bool {
        let effects = node.takeEffects()
        for effect in effects {
            switch effect {
            case .joined(let room, let record, let isNew):
                let (room, user) = (text(room), text(record.user))
                if isNew { elsewhere[room, default: [:]][user, default: 0] += 1 }
                told.append("\(isNew ? "+" : "=")\(user)")
            case .left(let room, let user):
                let (room, user) = (text(room), text(user))
                elsewhere[room]![user]! -= 1
                if elsewhere[room]![user] == 0 { elsewhere[room]![user] = nil }
                told.append("-\(user)")
            case .tellRoom(let room, let other, let asks):
                let users = (here[text(room)] ?? [:]).map { record($0.key, $0.value) }
                node.tellSnapshot(room, users, to: other, asks: asks, now: now)
            case .answered(let answer):
                told.append(
                    "\(answer.connections) of \(answer.answered.count), \(answer.missing.count) missing")
            }
        }
        return !effects.isEmpty
    }

    func takeTold() -> [String] {
        defer { told = [] }
        return told.sorted()
    }

    func users(_ room: String) -> [String] { (elsewhere[room] ?? [:]).keys.sorted() }

    private func text(_ bytes: ByteString) -> String { String(decoding: bytes.bytes, as: UTF8.self) }
}

@Suite("Presence over processes")
struct PresenceTests {
    private let exchange = Exchange()
    private let owners: [Owner]

    init() {
        var made: [Owner] = []
        for _ in 0..<3 { made.append(Owner(exchange.add())) }
        owners = made
        for owner in owners { exchange.open(owner.node) }
        settle()
    }

    private func settle() {
        var isDone = false
        while !isDone {
            exchange.settle()
            isDone = true
            for owner in owners where owner.work(now: exchange.now) { isDone = false }
        }
    }

    private func pass(_ milliseconds: UInt64) {
        var left = milliseconds
        while left > 0 {
            exchange.pass(min(left, 100))
            settle()
            left -= min(left, 100)
        }
    }

    private func join(_ index: Int, _ user: String, _ room: String = "r", data: String = "") {
        owners[index].join(user, room, data: data, now: exchange.now)
        settle()
    }

    private func leave(_ index: Int, _ user: String, _ room: String = "r") {
        owners[index].leave(user, room, now: exchange.now)
        settle()
    }

    @Test("who is there is known to those who come later, and who comes to those who are there")
    func comingLater() {
        join(0, "ann")
        join(1, "ben")
        #expect(owners[1].users("r") == ["ann"])
        #expect(owners[0].users("r") == ["ben"])
        #expect(owners[2].users("r") == [])
        join(0, "cid")
        #expect(owners[1].users("r") == ["ann", "cid"])
        leave(0, "ann")
        #expect(owners[1].users("r") == ["cid"])
        #expect(owners[1].takeTold() == ["+ann", "+cid", "-ann"])
    }

    @Test("a user on several processes is there until the last has lost it")
    func severalProcesses() {
        join(0, "own")
        join(1, "ann")
        join(2, "ann")
        #expect(owners[0].elsewhere["r"]?["ann"] == 2)
        leave(1, "ann")
        #expect(owners[0].elsewhere["r"]?["ann"] == 1)
        leave(2, "ann")
        #expect(owners[0].users("r") == [])
    }

    @Test("data that is shown with a user changes everywhere")
    func data() {
        join(0, "own")
        join(1, "ann", data: "1")
        _ = owners[0].takeTold()
        owners[1].join("ann", "r", data: "2", now: exchange.now)
        settle()
        #expect(owners[0].takeTold() == ["=ann"])
        owners[1].join("ann", "r", data: "2", now: exchange.now)
        settle()
        #expect(owners[0].takeTold() == [])
    }

    @Test(
        "who has a lease that ends is left by each of its users once, and is known again when it comes back")
    func leases() {
        join(0, "own")
        join(1, "ann")
        join(1, "ben")
        _ = owners[0].takeTold()
        exchange.cut(owners[1].node)
        pass(3500)
        #expect(owners[0].takeTold() == ["-ann", "-ben"])
        #expect(owners[1].users("r") == [])
        exchange.open(owners[1].node)
        pass(1500)
        #expect(owners[0].takeTold() == ["+ann", "+ben"])
        #expect(owners[1].users("r") == ["own"])
    }

    @Test("who was cut off for less than a lease was never away, and what changed meanwhile is made up for")
    func shortCuts() {
        join(0, "own")
        join(1, "ann")
        join(1, "ben")
        _ = owners[0].takeTold()
        exchange.cut(owners[1].node)
        owners[1].leave("ann", "r", now: exchange.now)
        owners[1].join("cid", "r", now: exchange.now)
        pass(500)
        exchange.open(owners[1].node)
        pass(500)
        #expect(owners[0].takeTold() == ["+cid", "-ann"])
        #expect(owners[0].users("r") == ["ben", "cid"])
    }

    @Test("a process that stood still for longer than its lease is known again")
    func standstill() {
        join(0, "own")
        join(1, "ann")
        // Its beats are lost, but it hears.
        exchange.loses = { $0 == utf8("t:{t:}b:") }
        pass(3500)
        #expect(owners[0].users("r") == [])
        exchange.loses = { _ in false }
        pass(2000)
        #expect(owners[0].users("r") == ["ann"])
        #expect(owners[1].users("r") == ["own"])
    }

    @Test("a change that was lost is found by the next message, and made up for")
    func repairs() {
        join(0, "own")
        join(1, "ann")
        exchange.loses = { $0 == utf8("t:r:r") }
        leave(1, "ann")
        join(1, "ben")
        #expect(owners[0].users("r") == ["ann"])
        exchange.loses = { _ in false }
        join(1, "cid")
        #expect(owners[0].users("r") == ["ben", "cid"])
    }

    @Test("who was cut off learns what it has missed though nothing is said any more")
    func tails() {
        join(0, "ann")
        join(1, "ben")
        let (first, second) = (owners[0].node, owners[1].node)
        for text in ["1", "2"] { _ = first.say(text, in: "r", now: exchange.now) }
        settle()
        exchange.cut(second)
        for text in ["3", "4", "5"] { _ = first.say(text, in: "r", now: exchange.now) }
        settle()
        #expect(second.counts.missed == 0)
        exchange.open(second)
        settle()
        #expect(second.counts.missed == 3)
        #expect(first.counts.missed == 0 && first.counts.duplicates == 0)
    }

    @Test("a room that nobody here is in any more has nobody elsewhere, as far as is known here")
    func leavingRooms() {
        join(0, "own")
        join(1, "ann")
        leave(0, "own")
        #expect(owners[0].users("r") == ["ann"])
        pass(1500)
        #expect(owners[0].users("r") == [])
        join(0, "own")
        #expect(owners[0].users("r") == ["ann"])
    }

    @Test("a question is answered when all have, or at its time with those that have not")
    func questions() {
        let room = ByteString(utf8("r"))
        let own = LocalAnswer(connections: 1, names: [ByteString(utf8("ann"))])
        exchange.answers = LocalAnswer(connections: 2, names: [])
        #expect(owners[0].node.ask(1, .room, room, own: own, timeout: 1000, now: exchange.now))
        settle()
        #expect(owners[0].takeTold() == ["5 of 3, 0 missing"])
        exchange.answers = nil
        #expect(owners[0].node.ask(2, .room, room, own: own, timeout: 1000, now: exchange.now))
        pass(900)
        #expect(owners[0].takeTold() == [])
        pass(200)
        #expect(owners[0].takeTold() == ["1 of 1, 2 missing"])
        exchange.cut(owners[0].node)
        #expect(owners[0].node.ask(3, .room, room, own: own, timeout: 1000, now: exchange.now))
        settle()
        #expect(owners[0].takeTold() == ["1 of 1, 2 missing"])
    }

    @Test("rooms larger than one message are told in parts")
    func parts() {
        let count = 3000
        for index in 0..<count {
            owners[1].join("user \(index)", "r", data: String(repeating: "x", count: 500), now: exchange.now)
        }
        settle()
        join(0, "own")
        #expect(owners[0].users("r").count == count)
        for index in 0..<count where index % 2 == 0 {
            owners[1].leave("user \(index)", "r", now: exchange.now)
        }
        settle()
        #expect(owners[0].users("r").count == count / 2)
    }

    @Test("after a thousand turns of everything, all know what is true within two leases")
    func simulation() {
        var random = SystemRandomNumberGenerator()
        let rooms = ["r", "s"]
        for _ in 0..<1000 {
            let index = Int.random(in: 0..<3, using: &random)
            let owner = owners[index]
            let user = "u\(Int.random(in: 0..<5, using: &random))"
            let room = rooms.randomElement(using: &random)!
            switch Int.random(in: 0..<12, using: &random) {
            case 0: if owner.node.isLinked { exchange.cut(owner.node) }
            case 1, 2: if !owner.node.isLinked { exchange.open(owner.node) }
            case 3: exchange.loses = Bool.random(using: &random) ? { _ in false } : { $0 == utf8("t:r:r") }
            case 4...6: pass(UInt64.random(in: 0..<1500, using: &random))
            case 7...9: owner.join(user, room, now: exchange.now)
            default: if owner.here[room]?[user] != nil { owner.leave(user, room, now: exchange.now) }
            }
            if Bool.random(using: &random) { settle() }
        }
        exchange.loses = { _ in false }
        for owner in owners where !owner.node.isLinked { exchange.open(owner.node) }
        settle()
        // What was lost last is found by the next message in a room.
        for (index, owner) in owners.enumerated() {
            for room in rooms { owner.join("last\(index)", room, now: exchange.now) }
        }
        settle()
        for (index, owner) in owners.enumerated() {
            for room in rooms { owner.join("very last\(index)", room, now: exchange.now) }
        }
        pass(6000)
        for (index, owner) in owners.enumerated() {
            for room in rooms {
                var wanted = Set<String>()
                for (other, there) in owners.enumerated() where other != index {
                    wanted.formUnion((there.here[room] ?? [:]).keys)
                }
                #expect(owner.users(room) == wanted.sorted())
            }
        }
    }
}
