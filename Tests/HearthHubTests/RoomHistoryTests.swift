import HearthBytes
import HearthHub
import HearthWire
import Testing

private let kib = 1 << 10

/// A history with one room, texts as strings, and marks that follow from what was published.
private final class Shelf {
    let history: RoomHistory
    var policy = HistoryPolicy(countMax: 5, ageMax: 60_000)
    var now: UInt64 = 1_000_000

    init(bytesMax: Int = 64 * kib, roomBytesMax: Int = 16 * kib, roomsMax: Int = 100) {
        history = RoomHistory(
            seed: (1, 2),
            limits: HistoryLimits(
                bytesMax: bytesMax, roomBytesMax: roomBytesMax, roomsMax: roomsMax,
                metaTimeToLive: 3_600_000))
    }

    func room(_ name: String = "hall", random: UInt64 = 0x5EED_0000_0000_004D) -> UInt32 {
        let name = Array(name.utf8)
        return history.open(server: 0, name.span, policy, random: random, now: now)
    }

    func exists(_ name: String) -> Bool {
        let name = Array(name.utf8)
        return history.find(server: 0, name.span) != nil
    }

    @discardableResult
    func publish(_ text: String, _ name: String = "hall", tag: UInt32 = 1) -> RoomPosition {
        let room = room(name)
        let mark = history.position(room).mark &* 31 &+ tag
        return Array(text.utf8).withUnsafeBytes { data in
            let empty = UnsafeRawBufferPointer(start: nil, count: 0)
            return history.publish(
                KeptPublication(
                    opcode: 1, isEvent: true, name: data, data: data, stamp: empty, key: empty,
                    exception: empty),
                in: room, mark: mark, now: now)
        }
    }

    func recover(_ since: RoomPosition?, _ name: String = "hall", countMax: Int = 500) -> Recovery {
        history.recover(room(name), since: since, countMax: countMax, now: now)
    }

    /// What a recovery replays.
    func replay(_ recovery: Recovery, _ name: String = "hall") -> [String] {
        (0..<UInt64(recovery.count)).map {
            let entry = history.entry(room(name), at: recovery.firstOffset + $0)
            return String(decoding: entry!.publication.data, as: UTF8.self)
        }
    }
}

@Suite("The history of rooms")
struct RoomHistoryTests {
    @Test("a reader without a position is fresh and is given one, also with no publication")
    func fresh() {
        let shelf = Shelf()
        let recovery = shelf.recover(nil)
        #expect(recovery.outcome == .fresh)
        #expect(recovery.position.offset == 0)
        #expect(shelf.recover(recovery.position).outcome == .recovered)
    }

    @Test("a reader that comes back gets what it has missed, once and in order")
    func recovered() {
        let shelf = Shelf()
        let seen = shelf.publish("a")
        shelf.publish("b")
        shelf.publish("c")
        let recovery = shelf.recover(seen)
        #expect(recovery.outcome == .recovered)
        #expect(shelf.replay(recovery) == ["b", "c"])
        #expect(recovery.position.offset == 3)
        #expect(shelf.recover(recovery.position).count == 0)
    }

    @Test("missing exactly as many as are kept is recovered, one more is a gap")
    func edgeOfTheRing() {
        let shelf = Shelf()
        let start = shelf.recover(nil).position
        let first = shelf.publish("1")
        for text in ["2", "3", "4", "5"] { shelf.publish(text) }
        #expect(shelf.replay(shelf.recover(start)) == ["1", "2", "3", "4", "5"])
        shelf.publish("6")
        #expect(shelf.recover(start).outcome == .gap)
        #expect(shelf.replay(shelf.recover(first)) == ["2", "3", "4", "5", "6"])
    }

    @Test("more than may be recovered at once is a gap")
    func moreThanMayBeRecovered() {
        let shelf = Shelf()
        let start = shelf.recover(nil).position
        for text in ["1", "2", "3"] { shelf.publish(text) }
        #expect(shelf.recover(start, countMax: 3).outcome == .recovered)
        #expect(shelf.recover(start, countMax: 2).outcome == .gap)
    }

    @Test("another epoch, an offset above the top and another mark are expired")
    func expired() {
        let shelf = Shelf()
        let seen = shelf.publish("a")
        let top = shelf.publish("b")
        let other = RoomEpoch(random: 4)
        for wrong in [
            RoomPosition(epoch: other, offset: seen.offset, mark: seen.mark),
            RoomPosition(epoch: top.epoch, offset: 3, mark: top.mark),
            RoomPosition(epoch: top.epoch, offset: .max, mark: top.mark),
            RoomPosition(epoch: top.epoch, offset: 2, mark: top.mark &+ 1),
            RoomPosition(epoch: top.epoch, offset: 1, mark: seen.mark &+ 1),
            RoomPosition(epoch: top.epoch, offset: 0, mark: 0),
        ] {
            #expect(shelf.recover(wrong).outcome == .expired)
        }
    }

    @Test("what is older than its time is not replayed, and the top stays recoverable")
    func age() {
        let shelf = Shelf()
        let first = shelf.publish("old")
        shelf.now += 40_000
        let second = shelf.publish("new")
        shelf.now += 20_000
        #expect(shelf.recover(first).outcome == .recovered)
        let start = RoomPosition(epoch: first.epoch, offset: 0, mark: 0)
        #expect(shelf.recover(start).outcome == .gap)
        shelf.now += 3_600_000 - 60_000
        #expect(shelf.recover(first).outcome == .gap)
        #expect(shelf.recover(second).outcome == .recovered)
        #expect(shelf.history.ringBytes == 0 && shelf.history.entryCount == 0)
    }

    @Test("a publication larger than a room may keep is counted, not kept, and leaves a gap")
    func tooLargeForARoom() {
        let shelf = Shelf(roomBytesMax: 1 * kib)
        let seen = shelf.publish("a")
        let large = shelf.publish(String(repeating: "x", count: 2 * kib))
        #expect(large.offset == 2)
        #expect(shelf.recover(seen).outcome == .gap)
        #expect(shelf.recover(large).outcome == .recovered)
        shelf.publish("b")
        #expect(shelf.replay(shelf.recover(large)) == ["b"])
    }

    @Test(
        "above the bound for all rooms the ring of the longest idle room goes, and its readers hear of a gap")
    func evictsRings() {
        let shelf = Shelf(bytesMax: 2 * kib, roomBytesMax: 2 * kib)
        let text = String(repeating: "x", count: 300)
        let start = shelf.recover(nil, "idle").position
        let idle = shelf.publish(text, "idle")
        for number in 0..<6 { shelf.publish(text, "room \(number)") }
        #expect(shelf.history.ringBytes <= 2 * kib)
        #expect(shelf.history.evictedRings > 0)
        #expect(shelf.recover(start, "idle").outcome == .gap)
        #expect(shelf.recover(idle, "idle").outcome == .recovered)
    }

    @Test("above the number of rooms the longest idle one is forgotten, and its readers are expired")
    func evictsMetas() {
        let shelf = Shelf(roomsMax: 3)
        let seen = shelf.publish("a", "first")
        for number in 0..<3 { shelf.publish("b", "room \(number)") }
        #expect(shelf.history.roomCount == 3 && shelf.history.evictedMetas == 1)
        #expect(!shelf.exists("first"))
        let again = shelf.room("first", random: 99)
        #expect(shelf.history.position(again).offset == 0)
        #expect(shelf.recover(seen, "first").outcome == .expired)
    }

    @Test("a deleted publication keeps its offset and mark, and has no content")
    func removed() {
        let shelf = Shelf()
        let start = shelf.recover(nil).position
        shelf.publish("secret")
        let second = shelf.publish("b")
        #expect(shelf.history.removeContent(of: 1, in: shelf.room()))
        #expect(!shelf.history.removeContent(of: 3, in: shelf.room()))
        #expect(shelf.recover(start).outcome == .recovered)
        #expect(shelf.history.entry(shelf.room(), at: 1)!.isRemoved)
        #expect(!shelf.replay(shelf.recover(start)).contains("secret"))
        #expect(!shelf.history.entry(shelf.room(), at: second.offset)!.isRemoved)
    }

    @Test("memory comes back when the time is over, first of the publications and then of the room")
    func expires() {
        let shelf = Shelf()
        shelf.publish("a")
        _ = shelf.room("never used")
        #expect(shelf.history.expire(now: shelf.now) == shelf.now + 60_000)
        shelf.now += 60_000
        #expect(shelf.history.expire(now: shelf.now) != nil)
        #expect(shelf.history.ringBytes == 0)
        #expect(shelf.exists("hall") && !shelf.exists("never used"))
        shelf.now += 3_600_000
        #expect(shelf.history.expire(now: shelf.now) == nil)
        #expect(shelf.history.roomCount == 0)
    }

    @Test("an entry costs 24 bytes beside its parts, and none is allocated once the ring has its size")
    func costs() {
        let shelf = Shelf()
        shelf.policy.countMax = 64
        let text = String(repeating: "x", count: 50)
        for _ in 0..<200 { shelf.publish(text) }
        let bytes = shelf.history.ringBytes
        #expect(bytes >= 64 * 124 && bytes <= 2 * 64 * 124 + 2 * 64 * 4)
        for _ in 0..<1000 {
            shelf.publish(text)
            #expect(shelf.history.ringBytes == bytes)
        }
    }

    @Test("a ring gives back what was put in, whatever the sizes and the order", arguments: 0..<20)
    func anySizes(seed: UInt64) {
        var random = Seeded(seed)
        let shelf = Shelf(roomBytesMax: 4 * kib)
        shelf.policy = HistoryPolicy(countMax: 1 + UInt32(random.next() % 40), ageMax: 10_000)
        var published: [(text: String, at: UInt64, position: RoomPosition)] = []
        let start = shelf.recover(nil).position
        for step in 0..<500 {
            shelf.now += random.next() % 300
            let text = String(repeating: "\(step % 10)", count: Int(random.next() % 500))
            published.append((text, shelf.now, shelf.publish(text, tag: UInt32(step))))
            let kept = shelf.history.keptOffsets(shelf.room(), now: shelf.now)
            #expect(kept.upperBound == UInt64(published.count) + 1)
            #expect(kept.count <= Int(shelf.policy.countMax))
            for offset in kept {
                let entry = shelf.history.entry(shelf.room(), at: offset)!
                let sent = published[Int(offset) - 1]
                #expect(String(decoding: entry.publication.data, as: UTF8.self) == sent.text)
                #expect(String(decoding: entry.publication.name, as: UTF8.self) == sent.text)
                #expect(shelf.now - sent.at < 10_000)
            }
            let since = random.next() % UInt64(published.count)
            let position = since == 0 ? start : published[Int(since) - 1].position
            let outcome = shelf.recover(position).outcome
            #expect(outcome == (since + 1 >= kept.lowerBound ? .recovered : .gap))
        }
    }
}

/// SplitMix64.
private struct Seeded {
    var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ state >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
