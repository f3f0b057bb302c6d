// From names that peers choose to small numbers. Open addressing with linear probing; an entry that goes lets
// the ones behind it move up, so that there are no gravestones. The hash is keyed by the seed, so that nobody
// outside can make names collide.

package struct ByteTable: ~Copyable {
    private static var slotsMin: Int { 8 }

    private let seed: (UInt64, UInt64)
    /// Hashes of the entries, 0 where there is none; keys and values lie at the same indices.
    private var hashes: [UInt32] = []
    private var keys: [ByteString] = []
    private var values: [UInt32] = []
    package private(set) var count = 0

    package init(seed: (UInt64, UInt64)) { self.seed = seed }

    // MARK: Entries

    package func find(_ key: borrowing Span<UInt8>) -> UInt32? {
        guard let slot = slot(of: key) else { return nil }
        return values[slot]
    }

    /// The key must not be in the table.
    package mutating func insert(_ key: ByteString, value: UInt32) {
        if (count + 1) * 4 > hashes.count * 3 { resize(max(Self.slotsMin, hashes.count * 2)) }
        let hash = hash(key.bytes.span)
        precondition(slot(of: key.bytes.span, hash: hash) == nil, "the key is in the table already")
        place(hash, key, value)
        count += 1
    }

    /// Returns whether the key is in the table.
    package mutating func update(_ key: borrowing Span<UInt8>, value: UInt32) -> Bool {
        guard let slot = slot(of: key) else { return false }
        values[slot] = value
        return true
    }

    /// Returns the value that the key had.
    package mutating func remove(_ key: borrowing Span<UInt8>) -> UInt32? {
        guard var hole = slot(of: key) else { return nil }
        let value = values[hole]
        let mask = hashes.count - 1
        var next = (hole + 1) & mask
        while hashes[next] != 0 {
            // An entry moves up unless that would take it before the slot where its search begins.
            let distance = (next - Int(hashes[next])) & mask
            if distance >= (next - hole) & mask {
                hashes[hole] = hashes[next]
                keys[hole] = keys[next]
                values[hole] = values[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        hashes[hole] = 0
        keys[hole] = ByteString([])
        count -= 1
        if hashes.count > Self.slotsMin, count * 8 < hashes.count { resize(hashes.count / 2) }
        return value
    }

    // MARK: Walking

    /// Entries lie at some of the indices below this.
    package var slotCount: Int { hashes.count }

    /// The entry at an index, if there is one. Good until the table is changed.
    package func entry(at index: Int) -> (ByteString, UInt32)? {
        hashes[index] == 0 ? nil : (keys[index], values[index])
    }

    // MARK: Slots

    private func slot(of key: borrowing Span<UInt8>) -> Int? {
        count == 0 ? nil : slot(of: key, hash: hash(key))
    }

    private func slot(of key: borrowing Span<UInt8>, hash: UInt32) -> Int? {
        let mask = hashes.count - 1
        var slot = Int(hash) & mask
        while hashes[slot] != 0 {
            if hashes[slot] == hash, keys[slot].equals(key) { return slot }
            slot = (slot + 1) & mask
        }
        return nil
    }

    private mutating func place(_ hash: UInt32, _ key: ByteString, _ value: UInt32) {
        let mask = hashes.count - 1
        var slot = Int(hash) & mask
        while hashes[slot] != 0 { slot = (slot + 1) & mask }
        hashes[slot] = hash
        keys[slot] = key
        values[slot] = value
    }

    private mutating func resize(_ slots: Int) {
        let (oldHashes, oldKeys, oldValues) = (hashes, keys, values)
        hashes = Array(repeating: 0, count: slots)
        keys = Array(repeating: ByteString([]), count: slots)
        values = Array(repeating: 0, count: slots)
        for index in 0..<oldHashes.count where oldHashes[index] != 0 {
            place(oldHashes[index], oldKeys[index], oldValues[index])
        }
    }

    /// Never 0, which marks a slot without an entry.
    private func hash(_ key: borrowing Span<UInt8>) -> UInt32 {
        let hash = UInt32(truncatingIfNeeded: SipHash.hash(key, seed: seed))
        return hash == 0 ? 1 : hash
    }
}
