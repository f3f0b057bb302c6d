// From what elements are called by to their numbers, where the elements themselves lie elsewhere: four bytes
// a slot, with linear probing. An entry that goes lets the ones behind it move up. The caller says what an
// element's hash is and which one is meant, so that nothing is kept twice.

package struct IndexTable: ~Copyable {
    private static var slotsMin: Int { 8 }

    /// Numbers of elements, plus one; 0: none.
    private var slots: [UInt32] = []
    package private(set) var count = 0

    package init() {}

    /// The element with the hash that `matches`.
    @inline(__always)
    package func find(_ hash: UInt32, where matches: (UInt32) -> Bool) -> UInt32? {
        if count == 0 { return nil }
        let mask = slots.count - 1
        var slot = Int(hash) & mask
        while slots[slot] != 0 {
            if matches(slots[slot] - 1) { return slots[slot] - 1 }
            slot = (slot + 1) & mask
        }
        return nil
    }

    /// The element must not be in the table.
    package mutating func insert(_ element: UInt32, hashOf: (UInt32) -> UInt32) {
        if (count + 1) * 4 > slots.count * 3 { resize(max(Self.slotsMin, slots.count * 2), hashOf) }
        place(element, hashOf(element))
        count += 1
    }

    /// The element must be in the table, and still have its hash.
    package mutating func remove(_ element: UInt32, hashOf: (UInt32) -> UInt32) {
        let mask = slots.count - 1
        var hole = Int(hashOf(element)) & mask
        while slots[hole] != element + 1 {
            precondition(slots[hole] != 0, "the element is not in the table")
            hole = (hole + 1) & mask
        }
        var next = (hole + 1) & mask
        while slots[next] != 0 {
            // An entry moves up unless that would take it before the slot where its search begins.
            let distance = (next - Int(hashOf(slots[next] - 1))) & mask
            if distance >= (next - hole) & mask {
                slots[hole] = slots[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        slots[hole] = 0
        count -= 1
        if slots.count > Self.slotsMin, count * 8 < slots.count { resize(slots.count / 2, hashOf) }
    }

    private mutating func place(_ element: UInt32, _ hash: UInt32) {
        let mask = slots.count - 1
        var slot = Int(hash) & mask
        while slots[slot] != 0 { slot = (slot + 1) & mask }
        slots[slot] = element + 1
    }

    private mutating func resize(_ size: Int, _ hashOf: (UInt32) -> UInt32) {
        let old = slots
        slots = Array(repeating: 0, count: size)
        for slot in old where slot != 0 { place(slot - 1, hashOf(slot - 1)) }
    }
}
