// One timer for everything that waits for a moment. Setting, moving and removing a deadline costs the same
// however many there are. Deadlines are met up to one granule late, never early.
//
// The wheel has levels of 64 buckets. A deadline lies at the level at which its tick first differs from the
// wheel's own tick, counted in groups of six bits; when the wheel comes to a bucket above the lowest level,
// what lies in it moves down. So a deadline is moved at most ten times, whatever its distance.

package struct TimingWheel: ~Copyable {
    private struct Entry {
        var due: UInt64 = 0
        var next: UInt32 = none
        var previous: UInt32 = none
        /// Of all levels; `none`: not in the wheel.
        var bucket: UInt32 = none
    }

    /// The entries of one kind, by their index.
    private struct Table {
        var entries: UnsafeMutablePointer<Entry>?
        var count = 0
        var capacity = 0
    }

    private static var none: UInt32 { UInt32.max }
    private static var levelCount: Int { 11 }
    private static var kindShift: UInt32 { 28 }
    private static var capacityMin: Int { 64 }
    /// Kinds of deadlines that one wheel has.
    package static var kindCount: Int { 1 << (32 - Int(kindShift)) }

    private let granule: UInt64
    private let tables: UnsafeMutablePointer<Table>
    private let buckets: UnsafeMutablePointer<UInt32>
    /// For each level, which of its buckets have anything.
    private let used: UnsafeMutablePointer<UInt64>
    /// Which levels have anything.
    private var levels: UInt16 = 0
    private var lastTick: UInt64
    /// How many deadlines are set.
    package private(set) var count = 0

    package init(granuleMilliseconds: UInt64, now: UInt64) {
        granule = max(1, granuleMilliseconds)
        lastTick = now / granule
        tables = .allocate(capacity: Self.kindCount)
        tables.initialize(repeating: Table(), count: Self.kindCount)
        buckets = .allocate(capacity: Self.levelCount * 64)
        buckets.initialize(repeating: Self.none, count: Self.levelCount * 64)
        used = .allocate(capacity: Self.levelCount)
        used.initialize(repeating: 0, count: Self.levelCount)
    }

    /// Afterwards it is not to be used any more.
    package func deallocate() {
        for kind in 0..<Self.kindCount { tables[kind].entries?.deallocate() }
        tables.deallocate()
        buckets.deallocate()
        used.deallocate()
    }

    /// The name of the deadline of one of the things of a kind. `index`: below 2^28.
    @inline(__always)
    package static func key(kind: UInt8, index: UInt32) -> UInt32 { UInt32(kind) << kindShift | index }

    @inline(__always)
    package static func kind(of key: UInt32) -> UInt8 { UInt8(truncatingIfNeeded: key >> kindShift) }

    @inline(__always)
    package static func index(of key: UInt32) -> UInt32 { key & (1 << kindShift - 1) }

    @inline(__always)
    private func entry(_ key: UInt32) -> UnsafeMutablePointer<Entry> {
        tables[Int(Self.kind(of: key))].entries! + Int(Self.index(of: key))
    }

    /// When the deadline comes; nil: it is not set.
    package func due(_ key: UInt32) -> UInt64? {
        let table = tables[Int(Self.kind(of: key))]
        guard let entries = table.entries, Int(Self.index(of: key)) < table.count else { return nil }
        let entry = entries + Int(Self.index(of: key))
        return entry.pointee.bucket == Self.none ? nil : entry.pointee.due
    }

    package mutating func set(_ key: UInt32, due: UInt64) {
        remove(key)
        makeRoom(key)
        entry(key).pointee.due = due
        // Rounded up, and never into a bucket that was emptied already.
        insert(key, tick: max(due / granule + (due % granule == 0 ? 0 : 1), lastTick + 1))
        count += 1
    }

    package mutating func remove(_ key: UInt32) {
        let table = tables[Int(Self.kind(of: key))]
        guard let entries = table.entries, Int(Self.index(of: key)) < table.count else { return }
        let place = entries + Int(Self.index(of: key))
        if place.pointee.bucket == Self.none { return }
        if place.pointee.previous == Self.none {
            buckets[Int(place.pointee.bucket)] = place.pointee.next
            if place.pointee.next == Self.none { noteEmpty(Int(place.pointee.bucket)) }
        } else {
            entry(place.pointee.previous).pointee.next = place.pointee.next
        }
        if place.pointee.next != Self.none {
            entry(place.pointee.next).pointee.previous = place.pointee.previous
        }
        place.pointee.bucket = Self.none
        count -= 1
    }

    /// Takes out all whose deadline has come, appending their keys to `expired`, earlier ticks first.
    package mutating func expire(now: UInt64, into expired: inout [UInt32]) {
        let tick = now / granule
        while let (bucket, start) = nextBucket, start <= tick {
            lastTick = start
            var key = buckets[bucket]
            buckets[bucket] = Self.none
            noteEmpty(bucket)
            while key != Self.none {
                let place = entry(key)
                let next = place.pointee.next
                place.pointee.bucket = Self.none
                let due = place.pointee.due
                // Above the lowest level a bucket has what comes later as well.
                let own = due / granule + (due % granule == 0 ? 0 : 1)
                if own > start {
                    insert(key, tick: own)
                } else {
                    expired.append(key)
                    count -= 1
                }
                key = next
            }
        }
        lastTick = max(lastTick, tick)
    }

    /// The next moment at which `expire` may have something to do; nil: nothing is set.
    @inline(__always)
    package func nextDue() -> UInt64? { nextBucket.map { $0.start * granule } }

    /// The first bucket that is not empty, and the tick at which it begins. What lies at a level comes before
    /// all that lies above.
    private var nextBucket: (bucket: Int, start: UInt64)? {
        @inline(__always)
        get {
            if levels == 0 { return nil }
            let level = levels.trailingZeroBitCount
            let index = used[level].trailingZeroBitCount
            let shift = UInt64(level) * 6
            // Beyond the highest level there are no bits.
            let above = shift + 6 >= 64 ? 0 : lastTick & ~((1 << (shift + 6)) - 1)
            return (level * 64 + index, above | UInt64(index) << shift)
        }
    }

    private mutating func insert(_ key: UInt32, tick: UInt64) {
        let level = (63 - (tick ^ lastTick | 1).leadingZeroBitCount) / 6
        let index = Int(tick >> (UInt64(level) * 6) & 63)
        let bucket = level * 64 + index
        let first = buckets[bucket]
        let place = entry(key)
        place.pointee.next = first
        place.pointee.previous = Self.none
        place.pointee.bucket = UInt32(bucket)
        if first != Self.none { entry(first).pointee.previous = key }
        buckets[bucket] = key
        // Not `|=`: of that the compiler makes wrong code for the thread sanitizer (Swift 6.3.1).
        used[level] = used[level] | 1 << UInt64(index)
        levels |= 1 << UInt16(level)
    }

    private mutating func noteEmpty(_ bucket: Int) {
        let level = bucket / 64
        used[level] = used[level] & ~(1 << UInt64(bucket % 64))
        if used[level] == 0 { levels &= ~(1 << UInt16(level)) }
    }

    private func makeRoom(_ key: UInt32) {
        let table = tables + Int(Self.kind(of: key))
        let needed = Int(Self.index(of: key)) + 1
        if needed > table.pointee.capacity {
            var capacity = max(Self.capacityMin, table.pointee.capacity)
            while capacity < needed { capacity *= 2 }
            let larger = UnsafeMutablePointer<Entry>.allocate(capacity: capacity)
            if let old = table.pointee.entries {
                larger.moveInitialize(from: old, count: table.pointee.count)
                old.deallocate()
            }
            table.pointee.entries = larger
            table.pointee.capacity = capacity
        }
        while table.pointee.count < needed {
            (table.pointee.entries! + table.pointee.count).initialize(to: Entry())
            table.pointee.count += 1
        }
    }
}
