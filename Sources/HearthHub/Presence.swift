// Who is in a room, by user, over all loops of a server. A user is in a room from the first connection that
// joins until the last one has gone, and, where its going is no decision but a lost connection, a time of
// grace longer. Every change has a version, one more than the one before in its room, so that a snapshot and
// the changes that follow it fit together whatever the order in which they arrive.

package import HearthBytes

/// Something that others are told: a user joined, left, or has other data.
package struct PresenceChange {
    package let room: ByteString
    package let user: ByteString
    package let version: UInt64
    package let data: [UInt8]
}

/// A user without connections whose time of grace runs. It names nobody any more when the user came back.
package struct PresenceDeparture {
    let entry: UInt32
    let stamp: UInt64
}

package enum PresenceLeave {
    /// Other connections of the user are in the room.
    case stays
    case left(PresenceChange)
    /// Nobody is told before `expire`.
    case departs(PresenceDeparture)
}

/// A user in a snapshot.
package struct PresentUser {
    package let name: ByteString
    package let data: [UInt8]
    /// Wall clock.
    package let joinedAt: UInt64
}

package struct Presence: ~Copyable {
    /// A user in a room.
    struct Entry {
        let room: UInt32
        let user: UInt32
        /// Wall clock.
        let joinedAt: UInt64
        /// Not 0 while the time of grace runs.
        var departure: UInt64 = 0
        var connections: UInt32 = 1
        var nextInRoom = none
        var previousInRoom = none
        var nextOfUser = none
        var previousOfUser = none
    }

    /// A room with users.
    struct PresenceRoom {
        let name: ByteString
        var version: UInt64
        var first = none
        var count: UInt32 = 0
    }

    /// A user with connections, or in a room.
    struct KnownUser {
        let name: ByteString
        var data: [UInt8] = []
        var first = none
        /// In rooms or not.
        var connections: UInt32 = 0
    }

    static var none: UInt32 { UInt32.max }

    let entries = Slab<Entry>()
    let rooms = Slab<PresenceRoom>()
    let users = Slab<KnownUser>()
    private var roomNames: ByteTable
    private var userNames: ByteTable
    var pairs = PairTable()
    /// Greatest version of any room so far. A room begins with it, so that a name's versions never go back.
    private var newest: UInt64 = 0
    private var lastDeparture: UInt64 = 0
    /// Users that more than so many others are kept for are not kept.
    private let departingMax: Int
    package private(set) var departingCount = 0
    /// Users that have a connection.
    package private(set) var connectedCount = 0

    package init(seed: (UInt64, UInt64), departingMax: Int) {
        roomNames = ByteTable(seed: seed)
        userNames = ByteTable(seed: (seed.1, seed.0))
        self.departingMax = departingMax
    }

    /// Users in rooms, each counted for each.
    package var entryCount: Int { entries.count }

    // MARK: Users

    /// One more connection is the user's.
    package mutating func connect(_ name: ByteString) {
        let user = findOrAddUser(name)
        if users[user].connections == 0 { connectedCount += 1 }
        users[user].connections += 1
    }

    package mutating func disconnect(_ name: ByteString) {
        guard let user = userNames.find(name.bytes.span) else { return }
        users[user].connections -= 1
        if users[user].connections == 0 { connectedCount -= 1 }
        forgetIfUnused(user: user)
    }

    package func knows(_ name: borrowing Span<UInt8>) -> Bool { userNames.find(name) != nil }

    /// Says what is shown with a user. Returns what each of its rooms is to be told; nil: there is no such
    /// user.
    package mutating func setData(_ name: borrowing Span<UInt8>, _ data: [UInt8]) -> [PresenceChange]? {
        guard let user = userNames.find(name) else { return nil }
        if users[user].data == data { return [] }
        users[user].data = data
        var changes: [PresenceChange] = []
        var entry = users[user].first
        while entry != Self.none {
            changes.append(change(of: entry))
            entry = entries[entry].nextOfUser
        }
        return changes
    }

    /// Names of users that have a connection, from a place in the list on. Returns where to go on; nil: that
    /// were all.
    package func listUsers(from start: UInt32, _ body: (ByteString) -> Bool) -> UInt32? {
        var index = start
        while Int(index) < users.endIndex {
            if users.contains(index), users[index].connections > 0, !body(users[index].name) { return index }
            index += 1
        }
        return nil
    }

    // MARK: Rooms

    /// A connection of the user has joined. Returns what is to be told, if it is the first.
    package mutating func join(room: ByteString, user: ByteString, at wall: UInt64) -> PresenceChange? {
        let user = findOrAddUser(user)
        let room = findOrAddRoom(room)
        if let entry = pairs.find(room, user, entries) {
            if entries[entry].departure != 0 {
                entries[entry].departure = 0
                departingCount -= 1
            }
            entries[entry].connections += 1
            return nil
        }
        let entry = entries.insert(
            Entry(
                room: room, user: user, joinedAt: wall, nextInRoom: rooms[room].first,
                nextOfUser: users[user].first))
        if rooms[room].first != Self.none { entries[rooms[room].first].previousInRoom = entry }
        rooms[room].first = entry
        rooms[room].count += 1
        if users[user].first != Self.none { entries[users[user].first].previousOfUser = entry }
        users[user].first = entry
        pairs.insert(entry, entries)
        return change(of: entry)
    }

    /// A connection of the user has left. With `isKept` the user stays until `expire`, if it was the last.
    package mutating func leave(
        room: borrowing Span<UInt8>, user: borrowing Span<UInt8>, isKept: Bool
    ) -> PresenceLeave {
        guard let room = roomNames.find(room), let user = userNames.find(user),
            let entry = pairs.find(room, user, entries), entries[entry].connections > 0
        else { return .stays }
        entries[entry].connections -= 1
        if entries[entry].connections > 0 { return .stays }
        if isKept, departingCount < departingMax {
            lastDeparture += 1
            departingCount += 1
            entries[entry].departure = lastDeparture
            return .departs(PresenceDeparture(entry: entry, stamp: lastDeparture))
        }
        return .left(remove(entry))
    }

    /// The time of grace is over. Nil: the user came back before.
    package mutating func expire(_ departure: PresenceDeparture) -> PresenceChange? {
        guard entries.contains(departure.entry), entries[departure.entry].departure == departure.stamp else {
            return nil
        }
        departingCount -= 1
        return remove(departure.entry)
    }

    /// Calls `body` with each user of the room. Returns the version: changes up to it are in what was told,
    /// those above it are not.
    package func snapshot(room: borrowing Span<UInt8>, _ body: (PresentUser) -> Void) -> UInt64 {
        guard let room = roomNames.find(room) else { return newest }
        var entry = rooms[room].first
        while entry != Self.none {
            let user = entries[entry].user
            body(
                PresentUser(
                    name: users[user].name, data: users[user].data, joinedAt: entries[entry].joinedAt))
            entry = entries[entry].nextInRoom
        }
        return rooms[room].version
    }

    // MARK: Parts

    private mutating func change(of entry: UInt32) -> PresenceChange {
        let room = entries[entry].room
        let user = entries[entry].user
        rooms[room].version += 1
        newest = max(newest, rooms[room].version)
        return PresenceChange(
            room: rooms[room].name, user: users[user].name, version: rooms[room].version,
            data: users[user].data)
    }

    private mutating func remove(_ index: UInt32) -> PresenceChange {
        let change = change(of: index)
        pairs.remove(index, entries)
        let entry = entries[index]
        if entry.nextInRoom != Self.none { entries[entry.nextInRoom].previousInRoom = entry.previousInRoom }
        if entry.previousInRoom != Self.none {
            entries[entry.previousInRoom].nextInRoom = entry.nextInRoom
        } else {
            rooms[entry.room].first = entry.nextInRoom
        }
        if entry.nextOfUser != Self.none { entries[entry.nextOfUser].previousOfUser = entry.previousOfUser }
        if entry.previousOfUser != Self.none {
            entries[entry.previousOfUser].nextOfUser = entry.nextOfUser
        } else {
            users[entry.user].first = entry.nextOfUser
        }
        entries.remove(index)
        rooms[entry.room].count -= 1
        if rooms[entry.room].count == 0 {
            _ = roomNames.remove(change.room.bytes.span)
            rooms.remove(entry.room)
        }
        forgetIfUnused(user: entry.user)
        return change
    }

    private mutating func findOrAddRoom(_ name: ByteString) -> UInt32 {
        if let room = roomNames.find(name.bytes.span) { return room }
        let room = rooms.insert(PresenceRoom(name: name, version: newest))
        roomNames.insert(name, value: room)
        return room
    }

    private mutating func findOrAddUser(_ name: ByteString) -> UInt32 {
        if let user = userNames.find(name.bytes.span) { return user }
        let user = users.insert(KnownUser(name: name))
        userNames.insert(name, value: user)
        return user
    }

    private mutating func forgetIfUnused(user: UInt32) {
        if users[user].connections > 0 || users[user].first != Self.none { return }
        let name = users[user].name
        _ = userNames.remove(name.bytes.span)
        users.remove(user)
    }
}
