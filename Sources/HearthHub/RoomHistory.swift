// The counted rooms of one loop: the position of each, and what is kept of its publications. Bytes, the time,
// random numbers and marks come in; who is sent what is for others.
//
// A counted room has a meta (epoch, offset of its top, mark) and, while something is kept, a ring. What is
// kept is bounded per room and for all rooms. Above the bound for all, the ring of the room that is longest
// idle goes first; its meta stays, so that a reader is told "gap". Above the number of rooms the meta of the
// longest idle room goes; its readers are told "expired".

package import HearthBytes
package import HearthWire

/// What is kept of a room.
package struct HistoryPolicy: Equatable, Sendable {
    /// The last so many publications; 0: they are only counted.
    package var countMax: UInt32
    /// Milliseconds: older ones are not replayed.
    package var ageMax: UInt64

    package init(countMax: UInt32, ageMax: UInt64) {
        self.countMax = countMax
        self.ageMax = ageMax
    }
}

package struct HistoryLimits: Sendable {
    /// `max_history_bytes`, of all rooms.
    package var bytesMax: Int
    /// `max_history_room_bytes`
    package var roomBytesMax: Int
    /// `max_history_rooms`
    package var roomsMax: Int
    /// `history_meta_ttl`, milliseconds.
    package var metaTimeToLive: UInt64

    package init(bytesMax: Int, roomBytesMax: Int, roomsMax: Int, metaTimeToLive: UInt64) {
        self.bytesMax = bytesMax
        self.roomBytesMax = roomBytesMax
        self.roomsMax = roomsMax
        self.metaTimeToLive = metaTimeToLive
    }
}

/// What a reader with a position is told.
package enum RecoveryOutcome: UInt8, Sendable {
    /// It gave no position.
    case fresh = 0
    /// Everything since its position follows, once and in order.
    case recovered = 1
    /// Something since then is not kept any more.
    case gap = 2
    /// What it has seen is not what was kept: the counting began anew, or the pasts differ.
    case expired = 3
}

package struct Recovery: Equatable, Sendable {
    package var outcome: RecoveryOutcome
    /// Of the room, now.
    package var position: RoomPosition
    /// Offsets of what follows, if recovered.
    package var firstOffset: UInt64
    package var count: Int
}

/// A counted room.
struct CountedRoom: Named, ~Copyable {
    let name: ByteString
    let hash: UInt32
    let server: UInt16
    /// In the list of rooms with a ring, or of those without.
    var hasRing = false
    var policy: HistoryPolicy
    let epoch: RoomEpoch
    /// Offset and mark of the last publication.
    var top: UInt64 = 0
    var mark: UInt32
    /// The mark before the oldest entry of the ring.
    var markBefore: UInt32
    /// Milliseconds: the last publication or recovery.
    var usedAt: UInt64
    var previous = RoomHistory.none
    var next = RoomHistory.none
    var ring = HistoryRing()
}

/// The names of the counted rooms of one server.
private final class CountedNames {
    var table: NameTable

    init(seed: (UInt64, UInt64)) { table = NameTable(seed: seed) }
}

package final class RoomHistory {
    static let none = UInt32.max
    /// Rooms that one call of `expire` looks at.
    private static let expiredAtOnce = 64
    private static let unitMilliseconds: UInt64 = 100

    private struct List {
        var first = RoomHistory.none
        var last = RoomHistory.none
    }

    private let limits: HistoryLimits
    private let seed: (UInt64, UInt64)
    private let rooms = Slab<CountedRoom>()
    /// By the server's number.
    private var names: [CountedNames] = []
    /// The longest idle room first.
    private var withRing = List()
    private var withoutRing = List()
    /// Of all rings.
    package private(set) var ringBytes = 0
    package private(set) var entryCount = 0
    /// Rings that went because all together were too large, and metas because there were too many.
    package private(set) var evictedRings = 0
    package private(set) var evictedMetas = 0

    /// `seed` keys the table of names that peers choose; it must not be known to them.
    package init(seed: (UInt64, UInt64), limits: HistoryLimits) {
        self.seed = seed
        self.limits = limits
    }

    package var roomCount: Int { rooms.count }

    // MARK: Rooms

    package func find(server: Int, _ name: borrowing Span<UInt8>) -> UInt32? {
        server < names.count ? names[server].table.find(name, in: rooms) : nil
    }

    /// The room of that name, made if there is none: then its epoch and its first mark are made of `random`.
    package func open(
        server: Int, _ name: borrowing Span<UInt8>, _ policy: HistoryPolicy, random: UInt64, now: UInt64
    ) -> UInt32 {
        if let room = find(server: server, name) {
            rooms[room].policy = policy
            return room
        }
        while rooms.count >= max(limits.roomsMax, 1) { evictMeta() }
        while names.count <= server { names.append(CountedNames(seed: seed)) }
        let first = UInt32(truncatingIfNeeded: random >> 32)
        let room = rooms.insert(
            CountedRoom(
                name: ByteString(name), hash: names[server].table.hash(name), server: UInt16(server),
                policy: policy, epoch: RoomEpoch(random: random), mark: first, markBefore: first,
                usedAt: now))
        names[server].table.insert(room, in: rooms)
        link(room)
        return room
    }

    package func position(_ room: UInt32) -> RoomPosition {
        RoomPosition(epoch: rooms[room].epoch, offset: rooms[room].top, mark: rooms[room].mark)
    }

    /// Forgets the room. Its readers are told "expired".
    package func forget(_ room: UInt32) {
        drop(ringOf: room)
        unlink(room)
        names[Int(rooms[room].server)].table.remove(room, in: rooms)
        rooms.remove(room)
    }

    // MARK: Publishing

    /// Counts a publication and keeps it if it fits. `mark` is made from `position(room).mark` and the
    /// publication's tag. One that is larger than a room may keep is counted and leaves a gap.
    package func publish(
        _ publication: KeptPublication, in room: UInt32, mark: UInt32, now: UInt64
    ) -> RoomPosition {
        let place = rooms.place(room)
        place.pointee.top += 1
        dropAged(room, now: now)
        let isKept = place.pointee.policy.countMax > 0 && makeRoom(for: publication, in: room)
        if isKept {
            place.pointee.ring.append(publication, mark: mark, time: Self.units(now))
            entryCount += 1
        } else {
            drop(ringOf: room)
            place.pointee.markBefore = mark
        }
        place.pointee.mark = mark
        touch(room, now: now)
        while ringBytes > limits.bytesMax, withRing.first != Self.none { evictRing() }
        return position(room)
    }

    /// Deletes what is kept of one publication; its offset and mark stay. False: it is not kept.
    package func removeContent(of offset: UInt64, in room: UInt32) -> Bool {
        guard let index = index(of: offset, in: room) else { return false }
        rooms[room].ring.removeContent(index)
        return true
    }

    // MARK: Reading

    /// What a reader that has seen `position` is to be given. More than `countMax` missing is a gap.
    package func recover(
        _ room: UInt32, since position: RoomPosition?, countMax: Int, now: UInt64
    ) -> Recovery {
        dropAged(room, now: now)
        touch(room, now: now)
        let top = rooms[room].top
        var recovery = Recovery(
            outcome: .fresh, position: self.position(room), firstOffset: top + 1, count: 0)
        guard let position else { return recovery }
        recovery.outcome = outcome(room, position)
        if recovery.outcome != .recovered { return recovery }
        let missing = top - position.offset
        if missing > UInt64(max(countMax, 0)) {
            recovery.outcome = .gap
        } else {
            recovery.firstOffset = position.offset + 1
            recovery.count = Int(missing)
        }
        return recovery
    }

    /// The offsets that are kept.
    package func keptOffsets(_ room: UInt32, now: UInt64) -> Range<UInt64> {
        dropAged(room, now: now)
        let top = rooms[room].top
        return (top - UInt64(rooms[room].ring.count) + 1)..<(top + 1)
    }

    /// The publication at an offset, if it is kept. Its bytes are good until the next call that changes
    /// anything.
    package func entry(_ room: UInt32, at offset: UInt64) -> HistoryEntry? {
        guard let index = index(of: offset, in: room) else { return nil }
        return rooms[room].ring[index]
    }

    // MARK: Time

    /// Gives back what is too old of the longest idle rooms. Returns when to call again at the latest.
    package func expire(now: UInt64) -> UInt64? {
        for _ in 0..<Self.expiredAtOnce {
            let room = withRing.first
            if room == Self.none || now < rooms[room].usedAt + rooms[room].policy.ageMax { break }
            // Nothing in it is younger than its last use.
            drop(ringOf: room)
        }
        for _ in 0..<Self.expiredAtOnce {
            let room = withoutRing.first
            if room == Self.none || now < metaDue(room) { break }
            forget(room)
        }
        return nextDue(now: now)
    }

    private func nextDue(now: UInt64) -> UInt64? {
        var due: UInt64?
        if withRing.first != Self.none {
            due = rooms[withRing.first].usedAt + rooms[withRing.first].policy.ageMax
        }
        if withoutRing.first != Self.none {
            let other = metaDue(withoutRing.first)
            if due == nil || other < due! { due = other }
        }
        return due.map { max($0, now + 1) }
    }

    /// A room without any publication is forgotten with its history's time.
    private func metaDue(_ room: UInt32) -> UInt64 {
        rooms[room].usedAt + (rooms[room].top == 0 ? rooms[room].policy.ageMax : limits.metaTimeToLive)
    }

    private static func units(_ milliseconds: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: milliseconds / unitMilliseconds)
    }

    // MARK: Outcomes

    private func outcome(_ room: UInt32, _ position: RoomPosition) -> RecoveryOutcome {
        let place = rooms.place(room)
        if position.epoch != place.pointee.epoch || position.offset > place.pointee.top { return .expired }
        if position.offset == place.pointee.top {
            return position.mark == place.pointee.mark ? .recovered : .expired
        }
        let oldest = place.pointee.top - UInt64(place.pointee.ring.count) + 1
        if position.offset + 1 < oldest { return .gap }
        let mark =
            position.offset + 1 == oldest
            ? place.pointee.markBefore : place.pointee.ring.mark(UInt32(position.offset - oldest))
        return position.mark == mark ? .recovered : .expired
    }

    private func index(of offset: UInt64, in room: UInt32) -> UInt32? {
        let oldest = rooms[room].top - UInt64(rooms[room].ring.count) + 1
        return offset >= oldest && offset <= rooms[room].top ? UInt32(offset - oldest) : nil
    }

    // MARK: Rings

    /// Drops the oldest entries as far as number and bytes ask for, and makes memory. False: it is too large.
    private func makeRoom(for publication: KeptPublication, in room: UInt32) -> Bool {
        let place = rooms.place(room)
        while place.pointee.ring.count >= place.pointee.policy.countMax { dropFirst(room) }
        if place.pointee.ring.hasRoom(for: publication) { return true }
        if !publication.isKeepable { return false }
        while place.pointee.ring.bytesCount(grownFor: publication) > limits.roomBytesMax {
            if place.pointee.ring.isEmpty { return false }
            dropFirst(room)
            if place.pointee.ring.hasRoom(for: publication) { return true }
        }
        ringBytes -= place.pointee.ring.bytesCount
        place.pointee.ring.grow(for: publication)
        ringBytes += place.pointee.ring.bytesCount
        return true
    }

    private func dropAged(_ room: UInt32, now: UInt64) {
        let place = rooms.place(room)
        // Times are rounded to tenths of a second: what may be too old counts as too old.
        while !place.pointee.ring.isEmpty,
            UInt64(Self.units(now) &- place.pointee.ring.time(0) &+ 1) * Self.unitMilliseconds
                > place.pointee.policy.ageMax
        {
            dropFirst(room)
        }
        if place.pointee.ring.isEmpty, place.pointee.hasRing { drop(ringOf: room) }
    }

    private func dropFirst(_ room: UInt32) {
        let place = rooms.place(room)
        place.pointee.markBefore = place.pointee.ring.mark(0)
        place.pointee.ring.dropFirst()
        entryCount -= 1
    }

    /// Gives the room's ring back. What is missing from now on is a gap.
    private func drop(ringOf room: UInt32) {
        let place = rooms.place(room)
        entryCount -= Int(place.pointee.ring.count)
        ringBytes -= place.pointee.ring.bytesCount
        place.pointee.ring = HistoryRing()
        place.pointee.markBefore = place.pointee.mark
        relink(room)
    }

    private func evictRing() {
        drop(ringOf: withRing.first)
        evictedRings += 1
    }

    private func evictMeta() {
        forget(withoutRing.first != Self.none ? withoutRing.first : withRing.first)
        evictedMetas += 1
    }

    // MARK: Lists

    /// Puts the room behind all others of its list.
    private func touch(_ room: UInt32, now: UInt64) {
        rooms[room].usedAt = now
        relink(room)
    }

    private func relink(_ room: UInt32) {
        unlink(room)
        link(room)
    }

    private func link(_ room: UInt32) {
        let place = rooms.place(room)
        place.pointee.hasRing = place.pointee.ring.bytesCount > 0
        var list = place.pointee.hasRing ? withRing : withoutRing
        place.pointee.previous = list.last
        place.pointee.next = Self.none
        if list.last == Self.none { list.first = room } else { rooms[list.last].next = room }
        list.last = room
        if place.pointee.hasRing { withRing = list } else { withoutRing = list }
    }

    private func unlink(_ room: UInt32) {
        let place = rooms.place(room)
        var list = place.pointee.hasRing ? withRing : withoutRing
        let (previous, next) = (place.pointee.previous, place.pointee.next)
        if previous == Self.none { list.first = next } else { rooms[previous].next = next }
        if next == Self.none { list.last = previous } else { rooms[next].previous = previous }
        if place.pointee.hasRing { withRing = list } else { withoutRing = list }
    }
}
