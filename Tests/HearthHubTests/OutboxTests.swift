import HearthBytes
import HearthHub
import HearthWire
import Testing

@Suite("Outbox")
struct OutboxTests {
    private func long(_ letter: Character, _ count: Int) -> Frame {
        .text(String(repeating: letter, count: count))
    }

    // MARK: Who gets what

    @Test("a publication reaches every member once, and nobody else")
    func publicationReachesMembers() {
        let world = World()
        world.open(1, 2, 3, 4)
        world.join(1, 2, 3, room: "a")
        #expect(world.publish("hi", room: "a") == 3)
        world.endTurn()
        for slot in [1, 2, 3] as [Slot] { expectReceived(world, slot, [.text("hi")]) }
        expectReceived(world, 4, [])
    }

    @Test("a publication leaves out a connection, or all connections of a user")
    func publicationLeavesOut() {
        let world = World()
        world.open(1, 2, 3)
        world.join(1, 2, 3, room: "a")
        world.setUser(1, "kim")
        world.setUser(2, "kim")
        #expect(world.publish("not for 1", room: "a", except: 1) == 2)
        #expect(world.publish("not for kim", room: "a", exceptUser: "kim") == 1)
        #expect(world.publish("for nobody", room: "a", except: 3, exceptUser: "kim") == 0)
        world.endTurn()
        expectReceived(world, 1, [])
        expectReceived(world, 2, [.text("not for 1")])
        expectReceived(world, 3, [.text("not for 1"), .text("not for kim")])
    }

    @Test("a connection without a user is not left out with a user")
    func nobodyIsNoUser() {
        let world = World()
        world.open(1, 2)
        world.join(1, 2, room: "a")
        world.setUser(1, "kim")
        #expect(world.publish("hi", room: "a", exceptUser: "kim") == 1)
        #expect(world.publish("hi", room: "a", exceptUser: "nobody") == 2)
    }

    @Test("messages come in the order in which they were queued, over rooms, direct sends and control frames")
    func orderIsKept() {
        let world = World()
        world.open(1, 2, 3)
        world.join(1, 2, room: "a")
        world.join(1, 3, room: "b")
        var expected: [Frame] = []
        for number in 0..<30 {
            world.publish("a\(number)", room: "a")
            world.send("other \(number)", to: 3)
            world.publish("b\(number)", room: "b")
            world.send("one \(number)", to: 1)
            world.sendAlways(.pong("\(number)"), to: 1)
            world.send("two \(number)", to: 1)
            expected += [
                .text("a\(number)"), .text("b\(number)"), .text("one \(number)"), .pong("\(number)"),
                .text("two \(number)"),
            ]
        }
        world.endTurn()
        expectReceived(world, 1, expected)
        expectReceived(world, 2, (0..<30).map { .text("a\($0)") })
        expectReceived(world, 3, (0..<30).flatMap { [.text("other \($0)"), .text("b\($0)")] })
    }

    @Test("before it starts and after it stops a connection takes no message; what waits still goes out")
    func closedTakesNoMessage() {
        let world = World()
        world.hub.open(1, server: 0, bytesMax: 100, policy: .close)
        #expect(world.send("early", to: 1) == .closed)
        world.open(1)
        #expect(world.send("hi", to: 1) == .queued)
        world.hub.stopMessages(1)
        #expect(!world.hub.acceptsMessages(1))
        #expect(world.send("late", to: 1) == .closed)
        #expect(world.hub.sentCount(1) == 1)
        world.endTurn()
        expectReceived(world, 1, [.text("hi")])
    }

    // MARK: One piece

    @Test("what is written to one connection in a turn lies in one piece")
    func sendsBecomeOnePiece() throws {
        let world = World()
        world.open(1)
        for number in 0..<100 { world.send("\(number)", to: 1) }
        world.sendAlways(.pong("beat"), to: 1)
        let piece = try #require(world.hub.singlePiece(1))
        #expect(piece.count == world.hub.waitingBytes(1))
    }

    @Test("the publications of a turn lie in one piece, the same for all members")
    func publicationsAreShared() throws {
        let world = World()
        world.open(1, 2, 3)
        world.join(1, 2, 3, room: "a")
        for number in 0..<100 { world.publish("\(number)", room: "a") }
        let pieces = try ([1, 2, 3] as [Slot]).map { try #require(world.hub.singlePiece($0)) }
        #expect(Set(pieces.map(\.base)).count == 1)
        #expect(Set(pieces.map(\.count)).count == 1)
    }

    @Test("a message between two of ours starts a new piece, and no byte is copied")
    func runsAreSeparate() {
        let world = World()
        world.open(1, 2)
        world.send("one", to: 1)
        world.send("other", to: 2)
        world.send("two", to: 1)
        #expect(world.hub.singlePiece(1) == nil)
        #expect(world.pieces(1).map(\.count) == [5, 5])
        world.endTurn()
        expectReceived(world, 1, [.text("one"), .text("two")])
        expectReceived(world, 2, [.text("other")])
    }

    @Test("more pieces than one write takes go out in several")
    func manyPiecesGoOut() {
        let world = World()
        world.piecesMax = 3
        world.open(1, 2)
        for number in 0..<100 {
            world.send("\(number)", to: 1)
            world.send("\(number)", to: 2)
        }
        world.endTurn()
        expectReceived(world, 1, (0..<100).map { .text("\($0)") })
        #expect(!world.hub.isBlocked(1))
    }

    @Test("a large message is referenced by every outbox, in its turn and while it waits")
    func largeMessagesAreNotCopied() throws {
        let world = World()
        let slots = Array(Slot(0)..<50)
        for slot in slots {
            world.open(slot)
            world.appetite[slot] = Int(slot)
        }
        for slot in slots { world.join(slot, room: "a") }
        let message = long("x", 100_000)
        world.publish(message, room: "a")
        let base = try #require(world.hub.singlePiece(0)?.base)
        let capacity = world.hub.arena.capacityBytes
        world.endTurn()
        #expect(world.hub.arena.capacityBytes == capacity)
        for slot in slots { #expect(world.pieces(slot).map(\.base) == [base + Int(slot)]) }
        for slot in slots { world.feed(slot) }
        for slot in slots { expectReceived(world, slot, [message]) }
    }

    // MARK: Writes that take a part

    @Test("a write may stop at any byte: the rest follows, in order, in later turns")
    func anyPartCanBeSent() {
        let frames: [Frame] = [.text("one"), .pong("beat"), long("x", 200), .text("")]
        let total = frames.reduce(0) { $0 + $1.bytes.count }
        for first in 0...total {
            let world = World()
            world.open(1, 2)
            world.appetite[1] = first
            for frame in frames {
                if frame.opcode == Opcode.pong.rawValue {
                    world.sendAlways(frame, to: 1)
                } else {
                    world.send(frame, to: 1)
                }
                world.send("apart", to: 2)
            }
            world.endTurn()
            #expect(world.wire[1] == Array(frames.flatMap(\.bytes)[..<first]))
            #expect(world.hub.waitingBytes(1) == total - first)
            #expect(world.hub.isBlocked(1) == (first < total))
            world.send("later", to: 1)
            world.endTurn()
            world.feed(1)
            world.endTurn()
            expectReceived(world, 1, frames + [.text("later")])
            #expect(world.hub.waitingBytes(1) == 0)
        }
    }

    @Test("a peer that takes one byte at a time gets everything")
    func byteByByte() {
        let world = World()
        world.open(1, 2)
        world.appetite[1] = 0
        var expected: [Frame] = []
        for turn in 0..<20 {
            for frame in [Frame.text("\(turn)"), long("y", turn * 30), long("z", turn == 10 ? 70_000 : 1)] {
                world.send(frame, to: 1)
                world.send("apart", to: 2)
                expected.append(frame)
            }
            world.endTurn()
        }
        while world.hub.waitingBytes(1) > 0 {
            world.feed(1, world.hub.waitingBytes(1) > 60_000 ? 997 : 1)
            world.endTurn()
        }
        expectReceived(world, 1, expected)
    }

    @Test("hundreds of messages that wait go out in order while more come")
    func longQueueIsKept() {
        let world = World()
        world.open(1, bytesMax: 1 << 30)
        world.appetite[1] = 0
        let messages = (0..<300).map { Frame(.binary, [UInt8](repeating: UInt8($0 % 256), count: 33_000)) }
        for message in messages.prefix(200) {
            world.send(message, to: 1)
            world.endTurn()
        }
        for message in messages.dropFirst(200) {
            world.feed(1, 50_000)
            world.send(message, to: 1)
            world.endTurn()
        }
        world.feed(1)
        expectReceived(world, 1, messages)
    }

    @Test("a blocked connection is not written to, and what comes meanwhile is kept")
    func blockedIsKept() {
        let world = World()
        world.open(1)
        world.appetite[1] = 0
        for number in 0..<50 {
            world.send("\(number)", to: 1)
            world.endTurn()
        }
        #expect(world.wire[1] == [])
        #expect(world.hub.isBlocked(1))
        world.feed(1)
        expectReceived(world, 1, (0..<50).map { .text("\($0)") })
    }

    @Test("small messages that wait share memory: no more is held than a few times their bytes")
    func waitingIsCompact() {
        let world = World()
        world.open(1)
        world.appetite[1] = 0
        let before = world.hub.arena.capacityBytes
        for _ in 0..<2_000 {
            world.send("0123456789", to: 1)
            world.endTurn()
        }
        #expect(world.hub.arena.capacityBytes - before <= 4 * world.hub.waitingBytes(1) + (16 << 10))
    }

    @Test("memory of messages that went out is used again, not added to")
    func memoryIsReused() {
        let world = World()
        world.open(1, 2)
        var capacities: Set<Int> = []
        for turn in 0..<200 {
            world.appetite[1] = 100
            for frame in [long("x", 300), long("y", 50_000)] {
                world.send(frame, to: 1)
                world.send(frame, to: 2)
            }
            world.endTurn()
            for _ in 0..<3 { world.feed(1, 20_000) }
            world.endTurn()
            #expect(world.hub.waitingBytes(1) == 0)
            if turn > 10 { capacities.insert(world.hub.arena.capacityBytes) }
        }
        #expect(capacities.count == 1)
    }

    @Test("members are in step who have the very same bytes of this turn to write")
    func countsWhoIsInStep() {
        let world = World()
        world.open(1, 2, 3, 4, 5)
        world.join(1, 2, 3, 4, 5, room: "a")
        world.appetite[5] = 3
        world.send("held", to: 5)
        world.endTurn()
        world.publish(long("x", 50_000), room: "a")
        world.publish("and a short one", room: "a")
        // What 5 has comes from another turn; 1 is asked for, and is not among the others.
        #expect(world.hub.nextDirty() == 1)
        #expect(world.hub.countInStep(with: 1, among: 10) == 3)
        #expect(world.hub.countInStep(with: 1, among: 2) == 2)
        #expect(world.hub.countInStep(with: 5, among: 10) == 0)
        world.send("more", to: 2)
        #expect(world.hub.countInStep(with: 1, among: 10) == 2)
        #expect(world.hub.countInStep(with: 2, among: 10) == 1)
    }

    @Test("closing gives the memory back, and the slot's next owner gets nothing of it")
    func closingForgets() {
        let world = World()
        world.open(1)
        world.appetite[1] = 3
        world.send(long("x", 100_000), to: 1)
        world.send("rest", to: 1)
        world.endTurn()
        #expect(world.hub.waitingBytes(1) > 0)
        world.close(1)
        #expect(world.hub.waitingBytes(1) == 0)
        world.open(1)
        world.send("new", to: 1)
        world.endTurn()
        expectReceived(world, 1, [.text("new")])
    }
}
