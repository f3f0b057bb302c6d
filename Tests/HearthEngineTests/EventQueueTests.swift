import HearthBytes
import Testing

@testable import HearthEngine

/// A record as the header describes it.
private struct Record: Equatable {
    var size = 0
    var type = 0
    var flags = 0
    var connection: UInt64 = 0
    var server = 0
    var code = 0
    var opcode = 0
    var route = 0
    var time: UInt64 = 0
    /// data, room, user, path
    var strings: [String] = []
    /// method, query, address, headers, captures; of the events that have them
    var info: [String] = []

    init(_ bytes: [UInt8]) {
        func number(_ offset: Int, _ count: Int) -> UInt64 {
            bytes[offset..<(offset + count)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        func length(_ offset: Int) -> Int { Int(number(offset, 4)) }
        size = length(0)
        type = Int(number(4, 2))
        flags = Int(number(6, 2))
        connection = number(8, 8)
        server = length(16)
        code = Int(Int32(truncatingIfNeeded: number(20, 4)))
        opcode = length(24)
        route = Int(Int32(truncatingIfNeeded: number(28, 4)))
        time = number(56, 8)
        var index = EventQueue.recordHeaderBytes
        func take(_ count: Int) -> String {
            index += count
            return String(decoding: bytes[(index - count)..<index], as: UTF8.self)
        }
        strings = [32, 36, 40, 44].map { take(length($0)) }
        if length(48) > 0 {
            let start = index
            index += 20
            info = (0..<5).map { take(length(start + 4 * $0)) }
        }
    }
}

/// A queue, and an engine whose events go into it.
private final class World {
    let engine: Engine
    let server: Server
    let queue: EventQueue

    init(countMax: Int = 100, bytesMax: Int = 1 << 20) throws {
        engine = try Engine(configuration: Configuration())
        server = try #require(engine.addServer(configuration: Configuration()))
        queue = try EventQueue(countMax: countMax, bytesMax: bytesMax)
    }

    // An engine and its servers know each other until it is ended.
    deinit { _ = engine.end() }

    /// Appends a message event.
    func append(_ text: String, connection: UInt64 = 1) {
        withBorrowed(text) { data in
            var event = EngineEvent(.message, Unmanaged.passUnretained(server), wallMilliseconds: 5)
            event.connection = connection
            event.opcode = 1
            event.data = data
            queue.append(event)
        }
    }

    func takeOne() -> Record? {
        queue.takeOne { place in
            let size = UnsafeRawPointer(place).loadUnaligned(as: UInt32.self)
            return Record(Array(UnsafeBufferPointer(start: place, count: Int(size))))
        }
    }

    /// The data of all records that wait, and whether the loops may read again.
    func takeAll() -> (data: [String], mayRead: Bool) {
        var data: [String] = []
        let taken = queue.takeAll { bytes, count in
            var index = 0
            while index < bytes.count {
                let record = Record(Array(bytes[index...]))
                data.append(record.strings[0])
                index += record.size
            }
            #expect(data.count == count)
        }
        #expect(taken.count == data.count)
        return (data, taken.mayRead)
    }

    var isReadable: Bool { queue.wait(milliseconds: 0) }
}

/// Lends a text's bytes, as the loops do.
private func withBorrowed(_ text: String, _ body: (Borrowed) -> Void) {
    Array(text.utf8).withUnsafeBufferPointer { body(Borrowed($0.baseAddress, $0.count)) }
}

@Suite("Event queue")
struct EventQueueTests {
    @Test("every field of an event is in its record")
    func recordHasEverything() throws {
        let world = try World()
        var event = EngineEvent(
            .open, Unmanaged.passUnretained(world.server), wallMilliseconds: 1_700_000_000_123)
        event.connection = 0x0102_0304_0506_0708
        event.flags = 3
        event.code = -7
        event.opcode = 2
        event.route = -1
        withBorrowed("data|room|user|path|GET|q=1|1.2.3.4:5|a\0b\0|c\0d\0") { all in
            var parts: [Borrowed] = []
            var start = 0
            for index in 0...all.count where index == all.count || all.base![index] == UInt8(ascii: "|") {
                parts.append(Borrowed(all.base! + start, index - start))
                start = index + 1
            }
            (event.data, event.room, event.user, event.path) = (parts[0], parts[1], parts[2], parts[3])
            (event.method, event.query, event.address) = (parts[4], parts[5], parts[6])
            (event.headers, event.captures) = (parts[7], parts[8])
            world.queue.append(event)
        }
        _ = world.queue.refill()
        let record = try #require(world.takeOne())
        #expect(
            record.type == 2 && record.flags == 3 && record.code == -7 && record.opcode == 2
                && record.route == -1)
        #expect(record.connection == 0x0102_0304_0506_0708)
        #expect(record.server == world.server.number)
        #expect(record.time == 1_700_000_000_123)
        #expect(record.strings == ["data", "room", "user", "path"])
        #expect(record.info == ["GET", "q=1", "1.2.3.4:5", "a\0b\0", "c\0d\0"])
    }

    @Test("a record is as long as its strings, rounded up to eight bytes", arguments: 0...40)
    func recordIsPadded(count: Int) throws {
        let world = try World()
        let text = String(repeating: "x", count: count)
        world.append(text)
        _ = world.queue.refill()
        let record = try #require(world.takeOne())
        #expect(record.size == (EventQueue.recordHeaderBytes + count + 7) / 8 * 8)
        #expect(record.strings[0] == text)
        #expect(record.info.isEmpty)
    }

    @Test("events come in the order in which they were appended, one by one or all at once")
    func orderIsKept() throws {
        let world = try World(countMax: 10_000)
        let texts = (0..<1_000).map { "\($0)" }
        for text in texts { world.append(text) }
        #expect(world.takeAll().data == texts)
        for text in texts { world.append(text) }
        _ = world.queue.refill()
        #expect((0..<1_000).compactMap { _ in world.takeOne()?.strings[0] } == texts)
        #expect(world.takeOne() == nil)
        #expect(world.queue.isEmpty)
    }

    @Test("what was lent is taken first, and what came meanwhile waits for the next refill")
    func refillComesAfter() throws {
        let world = try World()
        world.append("1")
        world.append("2")
        _ = world.queue.refill()
        world.append("3")
        #expect(world.takeOne()?.strings[0] == "1")
        #expect(!world.queue.refill())
        #expect(world.queue.hasLent)
        #expect(world.takeOne()?.strings[0] == "2")
        #expect(world.takeOne() == nil)
        #expect(!world.queue.isEmpty)
        _ = world.queue.refill()
        #expect(world.takeOne()?.strings[0] == "3")
        #expect(world.takeAll().data == [])
    }

    @Test("all at once takes what was lent and not taken, and then what came meanwhile")
    func takeAllAfterOne() throws {
        let world = try World()
        for text in ["1", "2", "3"] { world.append(text) }
        _ = world.queue.refill()
        #expect(world.takeOne()?.strings[0] == "1")
        world.append("4")
        #expect(world.takeAll().data == ["2", "3"])
        #expect(world.takeAll().data == ["4"])
    }

    // MARK: Bounds

    @Test("the queue is full with as many events as the limit says, not with one fewer")
    func countIsLimited() throws {
        let world = try World(countMax: 10)
        for number in 1...9 { world.append("\(number)") }
        #expect(!world.queue.isFull)
        world.append("10")
        #expect(world.queue.isFull)
    }

    @Test("the queue is full with as many bytes as the limit says, not with one record fewer")
    func bytesAreLimited() throws {
        let world = try World(bytesMax: 3 * (EventQueue.recordHeaderBytes + 1_000))
        let text = String(repeating: "x", count: 1_000)
        world.append(text)
        world.append(text)
        #expect(!world.queue.isFull)
        world.append(text)
        #expect(world.queue.isFull)
    }

    @Test("events that come although the queue is full are not lost")
    func fullLosesNothing() throws {
        let world = try World(countMax: 3)
        for number in 1...8 { world.append("\(number)") }
        #expect(world.takeAll().data == (1...8).map { "\($0)" })
    }

    @Test("when a full queue is taken from, the loops may read again, and are told once")
    func readingGoesOn() throws {
        let world = try World(countMax: 3)
        for number in 1...3 { world.append("\(number)") }
        #expect(world.takeAll().mayRead)
        #expect(!world.queue.isFull)
        #expect(!world.takeAll().mayRead)
    }

    @Test("what is lent counts toward the limit until it was taken")
    func lentCounts() throws {
        let world = try World(countMax: 4)
        for number in 1...3 { world.append("\(number)") }
        _ = world.queue.refill()
        world.append("4")
        #expect(world.queue.isFull)
        #expect(world.takeOne() != nil)
        #expect(world.queue.isFull)
        _ = world.takeOne()
        _ = world.takeOne()
        #expect(world.queue.refill())
        #expect(!world.queue.isFull)
    }

    // MARK: The descriptor

    @Test("the descriptor is readable while something waits, lent and not taken included")
    func descriptorTells() throws {
        let world = try World()
        #expect(!world.isReadable)
        world.append("1")
        world.append("2")
        #expect(world.isReadable)
        _ = world.queue.refill()
        #expect(world.isReadable)
        _ = world.takeOne()
        #expect(world.isReadable)
        _ = world.takeOne()
        #expect(!world.isReadable)
        world.append("3")
        #expect(world.isReadable)
        #expect(world.takeAll().data == ["3"])
        #expect(!world.isReadable)
    }

    @Test("clearing drops what waits, and the queue goes on")
    func clearingDrops() throws {
        let world = try World(countMax: 2)
        world.append("1")
        world.append("2")
        world.queue.clear()
        #expect(!world.queue.isFull)
        #expect(world.queue.isEmpty)
        world.append("3")
        #expect(world.takeAll().data == ["3"])
    }
}
