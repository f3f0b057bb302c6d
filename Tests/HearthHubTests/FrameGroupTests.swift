import HearthBytes
import HearthHub
import HearthWire
import Testing

@Suite("Groups that get the same frames")
struct FrameGroupTests {
    private func world() -> World {
        let world = World()
        world.open(0, 1, 2, 3, 4)
        world.join(0, 1, 2, 3, 4, room: "a")
        world.hub.setGroup(1, .group(7))
        world.hub.setGroup(2, .group(7))
        world.hub.setGroup(3, .individual)
        return world
    }

    @Test("a frame goes to the members of its groups, and the groups passed over are known")
    func passedOverGroupsAreKnown() {
        let world = world()
        let room = world.find("a")!
        world.hub.beginPass()
        let first = world.hub.publish(
            world.encode(.text("plain")), for: .plain, room: room, exceptSlot: nil, exceptUser: nil)
        #expect(first == 2)
        #expect(world.hub.missedGroups.without(.individual) == .group(7))
        #expect(world.hub.takeIndividuals() == [3])
        #expect(world.hub.takeIndividuals() == [])
        world.hub.beginPass()
        let second = world.hub.publish(
            world.encode(.text("packed")), for: .group(7), room: room, exceptSlot: 2, exceptUser: nil)
        #expect(second == 1)
        #expect(world.hub.missedGroups == FrameGroups.none.union(.plain).union(.individual))
        world.endTurn()
        expectReceived(world, 0, [.text("plain")])
        expectReceived(world, 1, [.text("packed")])
        expectReceived(world, 2, [])
        expectReceived(world, 3, [])
        expectReceived(world, 4, [.text("plain")])
    }

    @Test("a frame for all goes to every group, and nothing is passed over")
    func allMeansAll() {
        let world = world()
        world.hub.beginPass()
        let count = world.hub.publish(
            world.encode(.text("x")), room: world.find("a")!, exceptSlot: nil, exceptUser: nil)
        #expect(count == 5)
        #expect(world.hub.missedGroups.isEmpty)
        #expect(world.hub.takeIndividuals() == [])
    }

    @Test("the next owner of a slot begins as plain")
    func slotsBeginPlain() {
        let world = world()
        world.close(1)
        world.open(1)
        #expect(world.hub.group(of: 1) == .plain)
        #expect(world.hub.group(of: 2) == .group(7))
    }

    @Test("the first of several groups is the one of the lowest number")
    func firstOfSeveral() {
        let groups = FrameGroups.group(9).union(.group(3)).union(.individual)
        #expect(groups.first == .group(3))
        #expect(groups.first.number == 3)
        #expect(groups.without(groups.first).first.number == 9)
        #expect(FrameGroups.none.first.isEmpty)
    }

    @Test("the oldest compressed messages are dropped like others")
    func compressedMessagesAreDropped() {
        let world = World()
        world.open(0, bytesMax: 300, policy: .dropOldest)
        world.appetite[0] = 0
        for number in 0..<5 as Range<UInt8> {
            let payload = [UInt8](repeating: number, count: 98)
            let frame = payload.withUnsafeBufferPointer { world.hub.encode(.text, $0, isCompressed: true) }
            if world.hub.append(frame, to: 0) == .flushFirst {
                world.flush(0)
                #expect(world.hub.append(frame, to: 0) == .queued)
            }
        }
        #expect(world.hub.takeDropped(0) == 2)
        world.feed(0)
        var expected: [UInt8] = []
        for number in 2..<5 as Range<UInt8> {
            expected += [0xC1, 98] + [UInt8](repeating: number, count: 98)
        }
        #expect(world.wire[0] == expected)
    }
}

extension FrameGroups {
    fileprivate func union(_ other: FrameGroups) -> FrameGroups {
        var groups = self
        groups.insert(other)
        return groups
    }
}
