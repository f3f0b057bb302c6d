// Joining and leaving. Each costs the same however many rooms and members there are; only finding out whether
// a connection is in a room walks its own list, which max_rooms_per_connection bounds.

package import HearthBytes

extension Hub {
    package func roomCount(server: Int) -> Int { names[server].rooms.count }

    package func findRoom(server: Int, _ name: borrowing Span<UInt8>) -> UInt32? {
        names[server].rooms.find(name, in: rooms)
    }

    package func roomName(_ room: UInt32) -> ByteString { rooms[room].name }

    package func memberCount(_ room: UInt32) -> Int { rooms[room].members.count }

    package func member(_ room: UInt32, at index: Int) -> UInt32 { rooms[room].members[index].slot }

    /// The group of one of its members.
    package func anyGroup(_ room: UInt32) -> FrameGroups {
        rooms[room].members.first.map { members[Int($0.slot)].group } ?? .plain
    }

    package func roomsOfConnection(_ slot: UInt32) -> Int { Int(members[Int(slot)].membershipCount) }

    /// The room that the connection joined last, or nil if it is in none.
    package func anyRoom(_ slot: UInt32) -> UInt32? {
        let first = members[Int(slot)].firstMembership
        return first == Outbox.none ? nil : memberships[first].room
    }

    /// Calls `body` with each room of the connection, until it answers false.
    package func forEachRoom(_ slot: UInt32, _ body: (UInt32) -> Bool) {
        var membership = members[Int(slot)].firstMembership
        while membership != Outbox.none {
            let next = memberships[membership].next
            if !body(memberships[membership].room) { return }
            membership = next
        }
    }

    package func forEachRoomName(server: Int, _ body: (ByteString) -> Void) {
        for index in 0..<rooms.endIndex where rooms.contains(UInt32(index)) {
            if rooms[UInt32(index)].server == UInt16(server) { body(rooms[UInt32(index)].name) }
        }
    }

    /// The same from an index of the table on, which is moved behind the last room that `body` took. Returns
    /// whether that were all.
    package func listRooms(server: Int, _ index: inout Int, _ body: (ByteString) -> Bool) -> Bool {
        while index < rooms.endIndex {
            if rooms.contains(UInt32(index)), rooms[UInt32(index)].server == UInt16(server),
                !body(rooms[UInt32(index)].name)
            {
                return false
            }
            index += 1
        }
        return true
    }

    package func isMember(_ slot: UInt32, of room: UInt32) -> Bool { membership(of: slot, in: room) != nil }

    /// Structure.
    package func join(_ slot: UInt32, room name: ByteString, roomsMax: Int) -> JoinResult {
        let server = Int(members[Int(slot)].server)
        var room = names[server].rooms.find(name.bytes.span, in: rooms)
        if let room, membership(of: slot, in: room) != nil { return .alreadyThere }
        if roomsMax > 0, Int(members[Int(slot)].membershipCount) >= roomsMax { return .limitReached }
        if room == nil {
            let hash = names[server].rooms.hash(name.bytes.span)
            let made = rooms.insert(Room(name: name, hash: hash, server: UInt16(server)))
            names[server].rooms.insert(made, in: rooms)
            room = made
        }
        let first = members[Int(slot)].firstMembership
        let membership = memberships.insert(
            Membership(
                room: room!, index: UInt32(rooms[room!].members.count), next: first, previous: Outbox.none))
        if first != Outbox.none { memberships[first].previous = membership }
        members[Int(slot)].firstMembership = membership
        members[Int(slot)].membershipCount += 1
        rooms[room!].members.append(MemberReference(slot: slot, membership: membership))
        return .joined(room: room!)
    }

    /// Returns whether it was in the room. A room without members is gone. Structure.
    package func leave(_ slot: UInt32, room: UInt32) -> Bool {
        guard let membership = membership(of: slot, in: room) else { return false }
        let entry = memberships[membership]
        if entry.next != Outbox.none { memberships[entry.next].previous = entry.previous }
        if entry.previous != Outbox.none {
            memberships[entry.previous].next = entry.next
        } else {
            members[Int(slot)].firstMembership = entry.next
        }
        members[Int(slot)].membershipCount -= 1
        memberships.remove(membership)
        // The last member takes the free place.
        let last = rooms[room].members.removeLast()
        if Int(entry.index) < rooms[room].members.count {
            rooms[room].members[Int(entry.index)] = last
            memberships[last.membership].index = entry.index
        }
        if rooms[room].members.isEmpty {
            let server = Int(rooms[room].server)
            names[server].rooms.remove(room, in: rooms)
            rooms.remove(room)
        }
        return true
    }

    private func membership(of slot: UInt32, in room: UInt32) -> UInt32? {
        var membership = members[Int(slot)].firstMembership
        while membership != Outbox.none {
            if memberships[membership].room == room { return membership }
            membership = memberships[membership].next
        }
        return nil
    }
}
