import HearthBytes
import HearthHub
import HearthWire
import Testing

/// Of a peer that does not read, when its outbox is full. Every message here is a frame of ten bytes, the
/// limit five of them.
@Suite("Slow consumer")
struct SlowConsumerTests {
    private static let bytesMax = 50

    private func message(_ number: Int) -> Frame {
        let digits = "\(number)"
        return .text(String(repeating: "0", count: 8 - digits.count) + digits)
    }

    /// A blocked peer that took `taken` bytes, with messages 1 to `count` given to it since.
    private func blockedWorld(_ policy: SlowConsumerPolicy, count: Int, taken: Int = 0) -> World {
        let world = World()
        world.open(1, bytesMax: Self.bytesMax, policy: policy)
        world.appetite[1] = taken
        if count > 0 { world.send(message(1), to: 1) }
        world.endTurn()
        if count > 1 { for number in 2...count { world.send(message(number), to: 1) } }
        return world
    }

    private func expectReceived(
        _ numbers: [Int], _ world: World, dropped: Int, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(world.hub.takeDropped(1) == dropped, sourceLocation: sourceLocation)
        #expect(world.hub.takeDropped(1) == 0, sourceLocation: sourceLocation)
        world.endTurn()
        world.feed(1)
        HearthHubTests.expectReceived(world, 1, numbers.map(message), sourceLocation: sourceLocation)
    }

    private static let policies: [SlowConsumerPolicy] = [.close, .dropOldest, .dropNewest, .latest]

    // MARK: Bytes on their way

    /// Of a peer to which the first `count` bytes of four messages are on their way, when a sixth comes.
    @Test(
        "what is on its way stays, to the end of the frame in which it ends", arguments: [1, 10, 11, 39, 40])
    func committedBytesStay(count: Int) {
        let world = World()
        world.open(1, bytesMax: Self.bytesMax, policy: .latest)
        for number in 1...4 { world.send(message(number), to: 1) }
        world.hub.commit(1, count: count)
        #expect(world.hub.isBlocked(1))
        let kept = (count + 9) / 10
        world.send(message(5), to: 1)
        world.send(message(6), to: 1)
        #expect(world.hub.waitingBytes(1) == (kept + 1) * 10)
        expectReceived(Array(1...kept) + [6], world, dropped: 5 - kept)
    }

    @Test("an empty outbox waits too, if something else is on its way")
    func nothingIsCommitted() {
        let world = World()
        world.open(1, bytesMax: Self.bytesMax, policy: .close)
        world.hub.commit(1, count: 0)
        world.send(message(1), to: 1)
        world.endTurn()
        #expect(world.received(1).frames.isEmpty)
        expectReceived([1], world, dropped: 0)
    }

    // MARK: At the limit and one beyond

    @Test("as much as the limit is queued, whatever the policy", arguments: policies)
    func limitIsQueued(policy: SlowConsumerPolicy) {
        let world = blockedWorld(policy, count: 5)
        #expect(world.hub.waitingBytes(1) == Self.bytesMax)
        expectReceived([1, 2, 3, 4, 5], world, dropped: 0)
    }

    @Test("one byte more than the limit is too much, whatever the policy", arguments: policies)
    func oneByteMoreIsTooMuch(policy: SlowConsumerPolicy) {
        let world = blockedWorld(policy, count: 4)
        let result = world.send(.text(String(repeating: "x", count: 9)), to: 1)
        #expect(world.hub.waitingBytes(1) <= Self.bytesMax)
        #expect((result == .queued) == (policy == .dropOldest || policy == .latest))
    }

    @Test("close: the message is refused, what waits stays")
    func closePolicy() {
        let world = blockedWorld(.close, count: 5)
        #expect(world.send(message(6), to: 1) == .tooSlow)
        expectReceived([1, 2, 3, 4, 5], world, dropped: 0)
    }

    @Test("drop_newest: the new message is dropped and counted")
    func dropNewestPolicy() {
        let world = blockedWorld(.dropNewest, count: 5)
        #expect(world.send(message(6), to: 1) == .dropped)
        #expect(world.send(message(7), to: 1) == .dropped)
        #expect(world.hub.sentCount(1) == 5)
        expectReceived([1, 2, 3, 4, 5], world, dropped: 2)
    }

    @Test("drop_oldest: the oldest give way, as many as it takes")
    func dropOldestPolicy() {
        let world = blockedWorld(.dropOldest, count: 5)
        #expect(world.send(message(6), to: 1) == .queued)
        #expect(world.send(message(7), to: 1) == .queued)
        expectReceived([3, 4, 5, 6, 7], world, dropped: 2)
    }

    @Test("latest: only the newest stays")
    func latestPolicy() {
        let world = blockedWorld(.latest, count: 5)
        #expect(world.send(message(6), to: 1) == .queued)
        expectReceived([6], world, dropped: 5)
    }

    // MARK: What is never dropped

    @Test("a frame that was begun is never cut, wherever the write stopped", arguments: policies)
    func begunFrameStays(policy: SlowConsumerPolicy) {
        for taken in 1..<10 {
            let world = blockedWorld(policy, count: 5, taken: taken)
            for number in 6..<30 { world.send(message(number), to: 1) }
            let dropped = world.hub.takeDropped(1)
            world.endTurn()
            world.feed(1)
            let received = world.received(1)
            #expect(received.rest == 0, "after \(taken) bytes")
            #expect(received.frames.first == message(1), "after \(taken) bytes")
            let refused = policy == .close ? 24 : 0
            #expect(received.frames.count + dropped + refused == 29, "after \(taken) bytes")
        }
    }

    @Test("control frames stay, in their places, beyond the limit too", arguments: policies)
    func controlFramesStay(policy: SlowConsumerPolicy) {
        let world = blockedWorld(policy, count: 1)
        for number in 2..<40 {
            world.sendAlways(.pong("\(number)"), to: 1)
            world.send(message(number), to: 1)
            if number % 3 == 0 { world.endTurn() }
        }
        world.endTurn()
        world.feed(1)
        let received = world.received(1)
        #expect(received.rest == 0)
        let pongs = received.frames.filter { $0.opcode == Opcode.pong.rawValue }
        #expect(pongs == (2..<40).map { .pong("\($0)") })
    }

    @Test("bytes that are no frame stay as they are, with all that waits before them", arguments: policies)
    func fixedBytesStay(policy: SlowConsumerPolicy) {
        let world = blockedWorld(policy, count: 2)
        let response = Array("HTTP/1.1 101 Switching Protocols\r\n\r\n".utf8)
        response.withUnsafeBufferPointer { world.hub.appendFixed(world.hub.write($0), to: 1) }
        for number in 3..<9 { world.send(message(number), to: 1) }
        world.endTurn()
        world.feed(1)
        let start = message(1).bytes + message(2).bytes + response
        #expect(Array(world.wire[1]!.prefix(start.count)) == start)
        #expect(parse(Array(world.wire[1]!.dropFirst(start.count))).rest == 0)
    }

    @Test("a response that goes out in parts is never taken for a frame")
    func responseInParts() {
        let response = Array("HTTP/1.1 101 Switching Protocols\r\n\r\n".utf8)
        for taken in 0..<(response.count + 10) {
            let world = World()
            world.open(1, bytesMax: Self.bytesMax, policy: .latest)
            world.appetite[1] = taken
            response.withUnsafeBufferPointer { world.hub.appendFixed(world.hub.write($0), to: 1) }
            world.send(message(1), to: 1)
            world.endTurn()
            for number in 2..<9 { world.send(message(number), to: 1) }
            world.endTurn()
            world.feed(1)
            #expect(Array(world.wire[1]!.prefix(response.count)) == response, "after \(taken) bytes")
            let received = parse(Array(world.wire[1]!.dropFirst(response.count)))
            #expect(received.rest == 0, "after \(taken) bytes")
            #expect(received.frames.last == message(8), "after \(taken) bytes")
        }
    }

    // MARK: Full, and nobody has tried to write

    @Test("an outbox that fills up within a turn is flushed before a policy is asked", arguments: policies)
    func flushComesFirst(policy: SlowConsumerPolicy) {
        let world = World()
        world.open(1, bytesMax: Self.bytesMax, policy: policy)
        var sent: [Frame] = []
        for number in 1...23 {
            if world.send(message(number), to: 1) == .flushFirst {
                #expect(sent.count % 5 == 0)
                world.flush(1)
                #expect(world.send(message(number), to: 1) == .queued)
            }
            sent.append(message(number))
        }
        world.endTurn()
        HearthHubTests.expectReceived(world, 1, sent)
        #expect(world.hub.takeDropped(1) == 0)
    }

    @Test("a message larger than the limit is taken by an empty outbox, and by no other")
    func largerThanLimit() {
        let world = World()
        world.open(1, bytesMax: Self.bytesMax, policy: .close)
        let large = Frame.text(String(repeating: "x", count: 200))
        #expect(world.send(large, to: 1) == .queued)
        #expect(world.send("", to: 1) == .flushFirst)
        world.appetite[1] = 100
        world.endTurn()
        #expect(world.send("", to: 1) == .tooSlow)
    }

    @Test("full members of a room are listed and not counted; after a flush they take the message")
    func overflowingIsListed() {
        let world = World()
        world.open(1, bytesMax: Self.bytesMax, policy: .close)
        world.open(2, bytesMax: Self.bytesMax, policy: .dropNewest)
        world.open(3, 4)
        world.join(1, 2, 3, 4, room: "a")
        for number in 1...5 { #expect(world.publish(message(number), room: "a") == 4) }
        world.hub.stopMessages(4)
        let sixth = world.encode(message(6))
        #expect(world.hub.publish(sixth, room: world.find("a")!, exceptSlot: nil, exceptUser: nil) == 1)
        #expect(Set(world.hub.overflowing) == [1, 2])
        world.appetite[2] = 0
        for slot in [1, 2] as [Slot] { world.flush(slot) }
        #expect(world.hub.append(sixth, to: 1) == .queued)
        #expect(world.hub.append(sixth, to: 2) == .dropped)
        world.endTurn()
        HearthHubTests.expectReceived(world, 1, (1...6).map(message))
        HearthHubTests.expectReceived(world, 3, (1...6).map(message))
        HearthHubTests.expectReceived(world, 4, (1...5).map(message))
    }

    @Test("a member that is blocked and may lose messages is neither listed nor counted")
    func droppingMemberIsNotListed() {
        let world = blockedWorld(.dropNewest, count: 5)
        world.open(2)
        world.join(1, 2, room: "a")
        #expect(world.publish(message(6), room: "a") == 1)
        #expect(world.hub.overflowing.isEmpty)
        #expect(world.hub.takeDropped(1) == 1)
    }
}
