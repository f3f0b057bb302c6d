import HearthBytes
import HearthHub
import Testing

@Suite("Rooms and users")
struct RoomTests {
    @Test("a room exists from its first member to its last")
    func roomLives() {
        let world = World()
        world.open(1, 2)
        #expect(world.find("a") == nil)
        #expect(world.join(1, 2, room: "a") == ["joined", "joined"])
        #expect(world.hub.roomCount(server: 0) == 1)
        #expect(world.leave(1, room: "a"))
        #expect(world.members(of: "a") == [2])
        #expect(world.leave(2, room: "a"))
        #expect(world.find("a") == nil)
        #expect(world.hub.roomCount(server: 0) == 0)
    }

    @Test("joining twice is joining once, and leaving twice leaves once")
    func joiningIsIdempotent() {
        let world = World()
        world.open(1, 2)
        world.join(2, room: "a")
        #expect(world.join(1, 1, room: "a") == ["joined", "already there"])
        #expect(world.members(of: "a") == [1, 2])
        #expect(world.leave(1, room: "a"))
        #expect(!world.leave(1, room: "a"))
        #expect(world.members(of: "a") == [2])
    }

    @Test("a connection is in as many rooms as the limit says, and in no more")
    func roomsAreLimited() {
        let world = World()
        world.open(1)
        #expect(world.join(1, room: "a", roomsMax: 2) == ["joined"])
        #expect(world.join(1, room: "b", roomsMax: 2) == ["joined"])
        #expect(world.join(1, room: "c", roomsMax: 2) == ["limit reached"])
        #expect(world.find("c") == nil)
        #expect(world.join(1, room: "a", roomsMax: 2) == ["already there"])
        world.leave(1, room: "a")
        #expect(world.join(1, room: "c", roomsMax: 2) == ["joined"])
        #expect(world.rooms(of: 1) == ["b", "c"])
    }

    @Test("servers have rooms and users of their own, whatever their names")
    func serversAreApart() {
        let world = World(servers: 2)
        world.open(1, server: 0)
        world.open(2, server: 1)
        world.join(1, 2, room: "a")
        world.setUser(1, "kim")
        world.setUser(2, "kim")
        #expect(world.members(of: "a", server: 0) == [1])
        #expect(world.members(of: "a", server: 1) == [2])
        #expect(world.connections(of: "kim", server: 0) == [1])
        #expect(world.connections(of: "kim", server: 1) == [2])
        var names: [ByteString] = []
        world.hub.forEachRoomName(server: 1) { names.append($0) }
        #expect(names == [ByteString("a")])
    }

    @Test("a user has any number of connections, and is gone with the last")
    func usersHaveConnections() {
        let world = World()
        world.open(1, 2, 3)
        world.setUser(1, "kim")
        world.setUser(2, "kim")
        world.setUser(3, "lee")
        #expect(world.connections(of: "kim") == [1, 2])
        #expect(world.hub.userCount(server: 0) == 2)
        world.setUser(1, "lee")
        #expect(world.connections(of: "kim") == [2])
        #expect(world.connections(of: "lee") == [1, 3])
        world.setUser(2, nil)
        #expect(world.connections(of: "kim").isEmpty)
        #expect(world.hub.userCount(server: 0) == 1)
        #expect(world.user(of: 2) == nil)
    }

    @Test(
        "rooms, members and users stay true through any joining and leaving",
        arguments: 1...8 as ClosedRange<UInt64>)
    func membershipStaysTrue(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let world = World()
        let slots = Array(Slot(0)..<70)
        for slot in slots { world.open(slot) }
        var rooms: [String: Set<Slot>] = [:]
        var users: [String: Set<Slot>] = [:]
        for _ in 0..<3_000 {
            let slot = slots.randomElement(using: &random)!
            let name = "\(Int.random(in: 0..<40, using: &random))"
            switch Int.random(in: 0..<5, using: &random) {
            case 0, 1:
                world.join(slot, room: name)
                rooms[name, default: []].insert(slot)
            case 2:
                #expect(world.leave(slot, room: name) == (rooms[name]?.remove(slot) != nil))
            case 3:
                world.setUser(slot, name)
                for user in users.keys { users[user]!.remove(slot) }
                users[name, default: []].insert(slot)
            default:
                world.close(slot)
                for room in rooms.keys { rooms[room]!.remove(slot) }
                for user in users.keys { users[user]!.remove(slot) }
                world.open(slot)
            }
            #expect(world.members(of: name) == rooms[name] ?? [])
            #expect(world.connections(of: name) == users[name] ?? [])
        }
        #expect(world.hub.roomCount(server: 0) == rooms.values.filter { !$0.isEmpty }.count)
        #expect(world.hub.userCount(server: 0) == users.values.filter { !$0.isEmpty }.count)
        for slot in slots {
            #expect(world.rooms(of: slot) == Set(rooms.filter { $0.value.contains(slot) }.keys))
            #expect(world.hub.roomsOfConnection(slot) == world.rooms(of: slot).count)
        }
    }
}

@Suite("Members of a room")
struct MemberTests {
    @Test("rooms of every size keep their members while they grow and shrink")
    func growAndShrink() {
        let world = World()
        let slots = (0..<40).map { UInt32($0) }
        for slot in slots { world.open(slot) }
        for size in 1...40 {
            for slot in slots[..<size] { world.join(slot, room: "r") }
            #expect(world.members(of: "r") == Set(slots[..<size]))
            for (index, slot) in slots[..<size].enumerated() {
                #expect(world.leave(slot, room: "r"))
                #expect(world.members(of: "r") == Set(slots[(index + 1)..<size]))
            }
            #expect(world.find("r") == nil)
        }
    }
}
