// The members of a room. Most rooms have one or two: those lie in the room itself, and only more take memory
// of their own.

/// One of the connections in a room, and where it keeps that.
struct MemberReference {
    var slot: UInt32
    var membership: UInt32
}

/// To be emptied before it is given up: it owns memory that nothing else frees.
struct MemberList {
    private static var inlineCapacity: Int { 2 }

    /// Two members, or in the first the address of all.
    private var low: UInt64 = 0
    private var high: UInt64 = 0
    private var heldCount: UInt32 = 0
    /// 0: they lie in the list itself.
    private var capacity: UInt32 = 0

    @inline(__always) var count: Int { Int(heldCount) }
    @inline(__always) var isEmpty: Bool { heldCount == 0 }
    var first: MemberReference? { isEmpty ? nil : self[0] }

    @inline(__always)
    private var heap: UnsafeMutablePointer<MemberReference> {
        UnsafeMutablePointer(bitPattern: UInt(low))!
    }

    subscript(_ index: Int) -> MemberReference {
        @inline(__always)
        get {
            if capacity > 0 { return heap[index] }
            return Self.unpack(index == 0 ? low : high)
        }
        set {
            if capacity > 0 {
                heap[index] = newValue
            } else if index == 0 {
                low = Self.pack(newValue)
            } else {
                high = Self.pack(newValue)
            }
        }
    }

    mutating func append(_ member: MemberReference) {
        if capacity == 0, count == Self.inlineCapacity { grow(to: 4) }
        if capacity > 0, heldCount == capacity { grow(to: count * 2) }
        heldCount += 1
        self[count - 1] = member
    }

    /// There must be one. A list of which little is left gives its memory back.
    mutating func removeLast() -> MemberReference {
        let last = self[count - 1]
        heldCount -= 1
        if capacity > 0 {
            if count <= 1 {
                let left = count == 1 ? heap[0] : MemberReference(slot: 0, membership: 0)
                heap.deallocate()
                capacity = 0
                low = Self.pack(left)
            } else if capacity > 4, count * 4 <= Int(capacity) {
                grow(to: Int(capacity) / 2)
            }
        }
        return last
    }

    mutating func removeAll() {
        if capacity > 0 { heap.deallocate() }
        capacity = 0
        heldCount = 0
    }

    /// Moves what there is to memory for so many.
    private mutating func grow(to size: Int) {
        let larger = UnsafeMutablePointer<MemberReference>.allocate(capacity: size)
        for index in 0..<count { (larger + index).initialize(to: self[index]) }
        if capacity > 0 { heap.deallocate() }
        low = UInt64(UInt(bitPattern: larger))
        capacity = UInt32(size)
    }

    private static func pack(_ member: MemberReference) -> UInt64 {
        UInt64(member.membership) << 32 | UInt64(member.slot)
    }

    private static func unpack(_ packed: UInt64) -> MemberReference {
        MemberReference(
            slot: UInt32(truncatingIfNeeded: packed), membership: UInt32(truncatingIfNeeded: packed >> 32))
    }
}
