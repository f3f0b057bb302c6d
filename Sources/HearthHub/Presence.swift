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
    let stamp: UInt32
}

package enum PresenceLeave {
    /// Other connections of the user are in the room.
    case stays
    case left(PresenceChange)
    /// Nobody is told before `expire`.
    case departs(PresenceDeparture)
}

/// Something that other processes are told: a user is in a room here, with that data, or is there no more.
package struct PresenceNews {
    package let room: ByteString
    package let user: ByteString
    package let isHere: Bool
    package let data: [UInt8]
    package let joinedAt: UInt64
}

/// A user in a snapshot.
package struct PresentUser {
    package let name: ByteString
    package let data: [UInt8]
    /// Wall clock, milliseconds, in whole seconds.
    package let joinedAt: UInt64
}

package struct Presence: ~Copyable {
    /// A user in a room.
    struct Entry {
        let room: UInt32
        let user: UInt32
        /// Wall clock, seconds.
        let joinedAt: UInt32
        /// Not 0 while the time of grace runs.
        var departure: UInt32 = 0
        var connections: UInt32 = 1
        /// Of them: processes that have the user in the room, each of which counts as one.
        var elsewhere: UInt32 = 0
        /// Other processes know that the user is here.
        var isTold = false
        var nextInRoom = none
        var previousInRoom = none
        var nextOfUser = none
        var previousOfUser = none
    }

    /// A room with users.
    struct PresenceRoom: Named {
        let name: ByteString
        let hash: UInt32
        var version: UInt64
        var first = none
        var count: UInt32 = 0
    }

    /// A user with connections, or in a room.
    struct KnownUser: Named {
        let name: ByteString
        let hash: UInt32
        var data: [UInt8] = []
        var first = none
        /// In rooms or not.
        var connections: UInt32 = 0
    }

    static var none: UInt32 { UInt32.max }

    let entries = Slab<Entry>()
    let rooms = Slab<PresenceRoom>()
    let users = Slab<KnownUser>()
    private var roomNames: NameTable
    private var userNames: NameTable
    /// Entries by room and user.
    private var pairs = IndexTable()
    /// Greatest version of any room so far. A room begins with it, so that a name's versions never go back.
    private var newest: UInt64 = 0
    private var lastDeparture: UInt32 = 0
    /// Users that more than so many others are kept for are not kept.
    private let departingMax: Int
    package private(set) var departingCount = 0
    /// Users that have a connection.
    package private(set) var connectedCount = 0
    /// Whether other processes are told.
    package var hasCluster = false
    /// In the order in which it happened.
    private var news: [PresenceNews] = []

    package init(seed: (UInt64, UInt64), departingMax: Int) {
        roomNames = NameTable(seed: seed)
        userNames = NameTable(seed: (seed.1, seed.0))
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
        guard let user = userNames.find(name.bytes.span, in: users) else { return }
        users[user].connections -= 1
        if users[user].connections == 0 { connectedCount -= 1 }
        forgetIfUnused(user: user)
    }

    package func knows(_ name: borrowing Span<UInt8>) -> Bool { userNames.find(name, in: users) != nil }

    /// Says what is shown with a user. Returns what each of its rooms is to be told; nil: there is no such
    /// user.
    package mutating func setData(
        _ name: borrowing Span<UInt8>, _ data: [UInt8], isFromElsewhere: Bool = false
    ) -> [PresenceChange]? {
        guard let user = userNames.find(name, in: users) else { return nil }
        if users[user].data == data { return [] }
        users[user].data = data
        var changes: [PresenceChange] = []
        var entry = users[user].first
        while entry != Self.none {
            changes.append(change(of: entry))
            if entries[entry].isTold, !isFromElsewhere { tell(entry, isHere: true) }
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
        if let entry = findEntry(room, user) {
            if entries[entry].departure != 0 {
                entries[entry].departure = 0
                departingCount -= 1
            }
            entries[entry].connections += 1
            if hasCluster, !entries[entry].isTold { tell(entry, isHere: true) }
            return nil
        }
        let entry = insert(room, user, at: wall)
        if hasCluster { tell(entry, isHere: true) }
        return change(of: entry)
    }

    private mutating func insert(_ room: UInt32, _ user: UInt32, at wall: UInt64) -> UInt32 {
        let entry = entries.insert(
            Entry(
                room: room, user: user, joinedAt: UInt32(clamping: wall / 1000),
                nextInRoom: rooms[room].first,
                nextOfUser: users[user].first))
        if rooms[room].first != Self.none { entries[rooms[room].first].previousInRoom = entry }
        rooms[room].first = entry
        rooms[room].count += 1
        if users[user].first != Self.none { entries[users[user].first].previousOfUser = entry }
        users[user].first = entry
        insertPair(entry)
        return entry
    }

    /// A connection of the user has left. With `isKept` the user stays until `expire`, if it was the last.
    package mutating func leave(
        room: borrowing Span<UInt8>, user: borrowing Span<UInt8>, isKept: Bool
    ) -> PresenceLeave {
        guard let room = roomNames.find(room, in: rooms), let user = userNames.find(user, in: users),
            let entry = findEntry(room, user), entries[entry].connections > entries[entry].elsewhere
        else { return .stays }
        entries[entry].connections -= 1
        if entries[entry].connections > 0 {
            if entries[entry].isTold, entries[entry].connections == entries[entry].elsewhere {
                tell(entry, isHere: false)
            }
            return .stays
        }
        if isKept, departingCount < departingMax {
            lastDeparture = lastDeparture == UInt32.max ? 1 : lastDeparture + 1
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
        guard let room = roomNames.find(room, in: rooms) else { return newest }
        var entry = rooms[room].first
        while entry != Self.none {
            let user = entries[entry].user
            body(
                PresentUser(
                    name: users[user].name, data: users[user].data,
                    joinedAt: UInt64(entries[entry].joinedAt) * 1000))
            entry = entries[entry].nextInRoom
        }
        return rooms[room].version
    }

    // MARK: Other processes

    /// A user is in a room on one process more. Returns what is to be told here, if it was not there before.
    package mutating func joinElsewhere(
        room: ByteString, user: ByteString, data: [UInt8], at wall: UInt64
    ) -> PresenceChange? {
        let user = findOrAddUser(user)
        let room = findOrAddRoom(room)
        if users[user].data.isEmpty { users[user].data = data }
        if let entry = findEntry(room, user) {
            if entries[entry].departure != 0 {
                // Who was waited for here has come back there.
                entries[entry].departure = 0
                departingCount -= 1
                if entries[entry].isTold { tell(entry, isHere: false) }
            }
            entries[entry].connections += 1
            entries[entry].elsewhere += 1
            return nil
        }
        let entry = insert(room, user, at: wall)
        entries[entry].elsewhere = 1
        return change(of: entry)
    }

    /// And on one process less.
    package mutating func leaveElsewhere(
        room: borrowing Span<UInt8>, user: borrowing Span<UInt8>
    ) -> PresenceChange? {
        guard let room = roomNames.find(room, in: rooms), let user = userNames.find(user, in: users),
            let entry = findEntry(room, user), entries[entry].elsewhere > 0
        else { return nil }
        entries[entry].elsewhere -= 1
        entries[entry].connections -= 1
        return entries[entry].connections == 0 ? remove(entry) : nil
    }

    package mutating func takeNews() -> [PresenceNews] {
        let taken = news
        news = []
        return taken
    }

    /// All of the room that other processes know to be here.
    package func told(room: borrowing Span<UInt8>) -> [PresenceNews] {
        guard let room = roomNames.find(room, in: rooms) else { return [] }
        var all: [PresenceNews] = []
        var entry = rooms[room].first
        while entry != Self.none {
            if entries[entry].isTold { all.append(describe(entry, isHere: true)) }
            entry = entries[entry].nextInRoom
        }
        return all
    }

    private mutating func tell(_ entry: UInt32, isHere: Bool) {
        entries[entry].isTold = isHere
        news.append(describe(entry, isHere: isHere))
    }

    private func describe(_ entry: UInt32, isHere: Bool) -> PresenceNews {
        let user = entries[entry].user
        return PresenceNews(
            room: rooms[entries[entry].room].name, user: users[user].name, isHere: isHere,
            data: users[user].data, joinedAt: UInt64(entries[entry].joinedAt) * 1000)
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
        if entries[index].isTold { tell(index, isHere: false) }
        removePair(index)
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
            roomNames.remove(entry.room, in: rooms)
            rooms.remove(entry.room)
        }
        forgetIfUnused(user: entry.user)
        return change
    }

    private func findEntry(_ room: UInt32, _ user: UInt32) -> UInt32? {
        pairs.find(Self.hash(room, user)) { entries[$0].room == room && entries[$0].user == user }
    }

    private mutating func insertPair(_ entry: UInt32) {
        let entries = entries
        pairs.insert(entry) { Self.hash(entries[$0].room, entries[$0].user) }
    }

    private mutating func removePair(_ entry: UInt32) {
        let entries = entries
        pairs.remove(entry) { Self.hash(entries[$0].room, entries[$0].user) }
    }

    /// The numbers are given out by us, one after the other: they need to be spread, not to be kept secret.
    private static func hash(_ room: UInt32, _ user: UInt32) -> UInt32 {
        var mixed = UInt64(room) << 32 | UInt64(user)
        mixed = (mixed ^ mixed >> 32) &* 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ mixed >> 29) &* 0xBF58_476D_1CE4_E5B9
        return UInt32(truncatingIfNeeded: mixed >> 32)
    }

    private mutating func findOrAddRoom(_ name: ByteString) -> UInt32 {
        if let room = roomNames.find(name.bytes.span, in: rooms) { return room }
        let hash = roomNames.hash(name.bytes.span)
        let room = rooms.insert(PresenceRoom(name: name, hash: hash, version: newest))
        roomNames.insert(room, in: rooms)
        return room
    }

    private mutating func findOrAddUser(_ name: ByteString) -> UInt32 {
        if let user = userNames.find(name.bytes.span, in: users) { return user }
        let user = users.insert(KnownUser(name: name, hash: userNames.hash(name.bytes.span)))
        userNames.insert(user, in: users)
        return user
    }

    private mutating func forgetIfUnused(user: UInt32) {
        if users[user].connections > 0 || users[user].first != Self.none { return }
        userNames.remove(user, in: users)
        users.remove(user)
    }
}
