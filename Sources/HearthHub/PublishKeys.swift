// Which publications came before: the keys that publishers gave, within a scope (user, session or connection)
// and the counting of a room. A key is kept as 128 bits of a keyed hash, so that one costs the same whatever
// its length, and nobody outside can make two meet.

package import HearthBytes
package import HearthWire

package struct PublishKeys: ~Copyable {
    /// What was answered to the first publication with the key.
    package struct Answer: Equatable, Sendable {
        package let offset: UInt64
        package let mark: UInt32

        package init(offset: UInt64, mark: UInt32) {
            self.offset = offset
            self.mark = mark
        }
    }

    private struct Entry {
        let hash: (UInt64, UInt64)
        let answer: Answer
        let until: UInt64
        /// The key that came after it.
        var next: UInt32
    }

    private static let none = UInt32.max

    private let seeds: ((UInt64, UInt64), (UInt64, UInt64))
    private let countMax: Int
    /// Milliseconds.
    private let window: UInt64
    private let entries = Slab<Entry>()
    private var table = IndexTable()
    private var oldest = Self.none
    private var newest = Self.none
    /// Keys that went before their time because there were too many.
    package private(set) var evicted = 0
    private var text: [UInt8] = []

    /// `countMax`: `max_dedup_keys`; above it the oldest key goes. `window`: `dedup_window` in milliseconds.
    package init(seed: (UInt64, UInt64), countMax: Int, window: UInt64) {
        seeds = (seed, (seed.1 ^ 0x6B65_7973_6F66_726F, seed.0 ^ 0x6F6D_7061_7374_7321))
        self.countMax = max(countMax, 1)
        self.window = window
    }

    package var count: Int { entries.count }

    /// The answer that the key had in the room's present counting, if its time is not over.
    package mutating func find(
        _ key: borrowing Span<UInt8>, scope: borrowing Span<UInt8>, in epoch: RoomEpoch, now: UInt64
    ) -> Answer? {
        expire(now: now)
        let hash = hash(key, scope, epoch)
        guard let index = find(hash) else { return nil }
        return entries[index].answer
    }

    /// `find` must have answered nil.
    package mutating func insert(
        _ key: borrowing Span<UInt8>, scope: borrowing Span<UInt8>, in epoch: RoomEpoch, _ answer: Answer,
        now: UInt64
    ) {
        expire(now: now)
        while entries.count >= countMax {
            removeOldest()
            evicted += 1
        }
        let hash = hash(key, scope, epoch)
        let index = entries.insert(
            Entry(hash: hash, answer: answer, until: now &+ window, next: Self.none))
        let entries = entries
        table.insert(index) { UInt32(truncatingIfNeeded: entries[$0].hash.0) }
        if newest == Self.none { oldest = index } else { entries[newest].next = index }
        newest = index
    }

    /// Forgets the keys whose time is over.
    package mutating func expire(now: UInt64) {
        while oldest != Self.none, entries[oldest].until <= now { removeOldest() }
    }

    private mutating func removeOldest() {
        let index = oldest
        let entries = entries
        oldest = entries[index].next
        if oldest == Self.none { newest = Self.none }
        table.remove(index) { UInt32(truncatingIfNeeded: entries[$0].hash.0) }
        entries.remove(index)
    }

    private func find(_ hash: (UInt64, UInt64)) -> UInt32? {
        table.find(UInt32(truncatingIfNeeded: hash.0)) { entries[$0].hash == hash }
    }

    /// The length of the scope stands before it, so that no two pairs of scope and key are the same text.
    private mutating func hash(
        _ key: borrowing Span<UInt8>, _ scope: borrowing Span<UInt8>, _ epoch: RoomEpoch
    ) -> (UInt64, UInt64) {
        text.removeAll(keepingCapacity: true)
        epoch.write(into: &text)
        for shift in [0, 8, 16, 24] as [UInt64] {
            text.append(UInt8(truncatingIfNeeded: UInt64(scope.count) >> shift))
        }
        append(scope, 0, scope.count, to: &text)
        append(key, 0, key.count, to: &text)
        return (SipHash.hash(text.span, seed: seeds.0), SipHash.hash(text.span, seed: seeds.1))
    }
}
