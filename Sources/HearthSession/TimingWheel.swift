// One timer for all connections. A connection has at most one deadline; setting, moving and removing it costs
// the same however many there are. Deadlines are met up to one granule late, never early.

package struct TimingWheel: ~Copyable {
    private struct Entry {
        var due: UInt64 = 0
        var next: UInt32 = none
        var previous: UInt32 = none
        /// `none`: not in the wheel.
        var bucket: UInt32 = none
    }

    private static var none: UInt32 { UInt32.max }
    private static var bucketCount: Int { 256 }

    private let granule: UInt64
    private var entries: [Entry] = []
    private var buckets = [UInt32](repeating: none, count: bucketCount)
    private var lastTick: UInt64
    /// How many deadlines are set.
    package private(set) var count = 0

    package init(granuleMilliseconds: UInt64, now: UInt64) {
        granule = max(1, granuleMilliseconds)
        lastTick = now / granule
        // What is not touched the system does not give, and what has room does not move.
        entries.reserveCapacity(1 << 14)
    }

    package mutating func set(_ slot: UInt32, due: UInt64) {
        remove(slot)
        let index = Int(slot)
        if index >= entries.count {
            entries.append(contentsOf: repeatElement(Entry(), count: max(64, index + 1 - entries.count)))
        }
        // Rounded up, and never into a bucket that was emptied already.
        let tick = max((due + granule - 1) / granule, lastTick + 1)
        let bucket = UInt32(tick % UInt64(Self.bucketCount))
        let first = buckets[Int(bucket)]
        entries[index] = Entry(due: due, next: first, previous: Self.none, bucket: bucket)
        if first != Self.none { entries[Int(first)].previous = slot }
        buckets[Int(bucket)] = slot
        count += 1
    }

    package mutating func remove(_ slot: UInt32) {
        guard Int(slot) < entries.count, entries[Int(slot)].bucket != Self.none else { return }
        let entry = entries[Int(slot)]
        if entry.previous == Self.none {
            buckets[Int(entry.bucket)] = entry.next
        } else {
            entries[Int(entry.previous)].next = entry.next
        }
        if entry.next != Self.none { entries[Int(entry.next)].previous = entry.previous }
        entries[Int(slot)].bucket = Self.none
        count -= 1
    }

    /// Takes out all whose deadline has come, appending them to `expired`.
    package mutating func expire(now: UInt64, into expired: inout [UInt32]) {
        let tick = now / granule
        if tick <= lastTick { return }
        let first = max(
            lastTick + 1, tick >= UInt64(Self.bucketCount) ? tick - UInt64(Self.bucketCount) + 1 : 0)
        lastTick = tick
        for passed in first...tick {
            var slot = buckets[Int(passed % UInt64(Self.bucketCount))]
            while slot != Self.none {
                let entry = entries[Int(slot)]
                if entry.due <= now {
                    remove(slot)
                    expired.append(slot)
                }
                slot = entry.next
            }
        }
    }

    /// The next moment at which `expire` may have something to do; nil: nothing is set.
    package func nextDue() -> UInt64? {
        if count == 0 { return nil }
        for step in 1...UInt64(Self.bucketCount) {
            let tick = lastTick + step
            if buckets[Int(tick % UInt64(Self.bucketCount))] != Self.none { return tick * granule }
        }
        return nil
    }
}
