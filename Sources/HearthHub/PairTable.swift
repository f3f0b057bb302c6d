// From a room and a user to what is known of both: open addressing over the numbers of entries, which are not
// copied into the table. Four bytes a slot, as there is one for each user of each room.

internal import HearthBytes

struct PairTable: ~Copyable {
    private static var slotsMin: Int { 16 }

    /// Numbers of entries, plus one; 0: none.
    private var slots: [UInt32] = []
    private var count = 0

    func find(_ room: UInt32, _ user: UInt32, _ entries: Slab<Presence.Entry>) -> UInt32? {
        if count == 0 { return nil }
        let mask = slots.count - 1
        var slot = Self.hash(room, user) & mask
        while slots[slot] != 0 {
            let entry = slots[slot] - 1
            if entries[entry].room == room, entries[entry].user == user { return entry }
            slot = (slot + 1) & mask
        }
        return nil
    }

    /// Its pair must not be in the table.
    mutating func insert(_ entry: UInt32, _ entries: Slab<Presence.Entry>) {
        if (count + 1) * 4 > slots.count * 3 { resize(max(Self.slotsMin, slots.count * 2), entries) }
        place(entry, entries)
        count += 1
    }

    /// The entry must be in the table.
    mutating func remove(_ entry: UInt32, _ entries: Slab<Presence.Entry>) {
        let mask = slots.count - 1
        var hole = Self.home(entry, entries) & mask
        while slots[hole] != entry + 1 { hole = (hole + 1) & mask }
        var next = (hole + 1) & mask
        while slots[next] != 0 {
            // An entry moves up unless that would take it before the slot where its search begins.
            let distance = (next - Self.home(slots[next] - 1, entries)) & mask
            if distance >= (next - hole) & mask {
                slots[hole] = slots[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        slots[hole] = 0
        count -= 1
        if slots.count > Self.slotsMin, count * 8 < slots.count { resize(slots.count / 2, entries) }
    }

    private mutating func place(_ entry: UInt32, _ entries: Slab<Presence.Entry>) {
        let mask = slots.count - 1
        var slot = Self.home(entry, entries) & mask
        while slots[slot] != 0 { slot = (slot + 1) & mask }
        slots[slot] = entry + 1
    }

    private mutating func resize(_ size: Int, _ entries: Slab<Presence.Entry>) {
        let old = slots
        slots = Array(repeating: 0, count: size)
        for slot in old where slot != 0 { place(slot - 1, entries) }
    }

    private static func home(_ entry: UInt32, _ entries: Slab<Presence.Entry>) -> Int {
        hash(entries[entry].room, entries[entry].user)
    }

    /// The numbers are given out by us, one after the other: they need to be spread, not to be kept secret.
    private static func hash(_ room: UInt32, _ user: UInt32) -> Int {
        var mixed = UInt64(room) << 32 | UInt64(user)
        mixed = (mixed ^ mixed >> 32) &* 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ mixed >> 29) &* 0xBF58_476D_1CE4_E5B9
        return Int(truncatingIfNeeded: (mixed ^ mixed >> 32) & 0x7FFF_FFFF)
    }
}
