// A room as a map: names with values, each with the offset of the change that set it and perhaps a time at
// which it goes. Sorted by name, so that a snapshot is read in pages.

package import HearthBytes

package struct StateLimits: Sendable {
    /// Of names and values, and `RoomState.entryBytes` for each.
    package var bytesMax: Int

    package init(bytesMax: Int) { self.bytesMax = bytesMax }
}

/// What must be so before a change.
package enum StateCondition: Equatable, Sendable {
    case none
    case isNew
    case exists
    /// The last change of the name had this offset.
    case isAt(UInt64)
}

package enum StateResult: Equatable, Sendable {
    case changed
    /// The condition does not hold. The offset is that of the name's last change; 0: the name is not there.
    case conflict(UInt64)
    /// `StateLimits.bytesMax` would be exceeded.
    case full
    /// There is nothing to remove.
    case missing
}

package struct RoomState: ~Copyable {
    package struct Entry {
        package let name: ByteString
        package fileprivate(set) var value: [UInt8]
        /// The offset of the change that set it.
        package fileprivate(set) var offset: UInt64
        /// Milliseconds; nil: it stays.
        package fileprivate(set) var expiresAt: UInt64?
    }

    /// Counted for each name beside the bytes of name and value.
    package static let entryBytes = 64

    /// Sorted by the bytes of their names.
    private var entries: [Entry] = []
    /// Of all entries, as they count against the limit.
    package private(set) var bytes = 0
    /// Not later than the time at which the next entry goes; nil: none does.
    package private(set) var nextDue: UInt64?

    package init() {}

    package var count: Int { entries.count }

    // MARK: Changes

    /// What a change would answer. The offset of a change is known only after its publication, so it is asked
    /// first and made then.
    package func check(
        set name: borrowing Span<UInt8>, valueCount: Int, if condition: StateCondition, _ limits: StateLimits
    ) -> StateResult {
        let found = find(name)
        let entry = found.isThere ? entries[found.index] : nil
        if !holds(condition, entry) { return .conflict(entry?.offset ?? 0) }
        let before = entry.map { Self.size($0.name.count, $0.value.count) } ?? 0
        return bytes - before + Self.size(name.count, valueCount) > limits.bytesMax ? .full : .changed
    }

    package func check(remove name: borrowing Span<UInt8>, if condition: StateCondition) -> StateResult {
        let found = find(name)
        let entry = found.isThere ? entries[found.index] : nil
        if !holds(condition, entry) { return .conflict(entry?.offset ?? 0) }
        return entry == nil ? .missing : .changed
    }

    package mutating func set(
        _ name: borrowing Span<UInt8>, _ value: [UInt8], offset: UInt64, expiresAt: UInt64?
    ) {
        if let expiresAt { noteDue(expiresAt) }
        let found = find(name)
        if found.isThere {
            bytes += value.count - entries[found.index].value.count
            entries[found.index].value = value
            entries[found.index].offset = offset
            entries[found.index].expiresAt = expiresAt
        } else {
            bytes += Self.size(name.count, value.count)
            let entry = Entry(
                name: ByteString(name), value: value, offset: offset, expiresAt: expiresAt)
            entries.insert(entry, at: found.index)
        }
    }

    package mutating func remove(_ name: borrowing Span<UInt8>) {
        let found = find(name)
        if found.isThere { remove(at: found.index) }
    }

    // MARK: Reading

    package func entry(_ name: borrowing Span<UInt8>) -> Entry? {
        let found = find(name)
        return found.isThere ? entries[found.index] : nil
    }

    /// Calls `body` for the entries behind a name in their order, nil: from the first one, as long as it
    /// answers true. Returns whether all that there are were taken.
    package func forEach(after cursor: ByteString?, _ body: (Entry) -> Bool) -> Bool {
        var index = 0
        if let cursor {
            let found = find(cursor.bytes.span)
            index = found.isThere ? found.index + 1 : found.index
        }
        while index < entries.count {
            if !body(entries[index]) { return false }
            index += 1
        }
        return true
    }

    // MARK: Time

    /// The names whose time is over, in their order. The caller publishes the removal of each and removes it.
    /// One pass over all entries: to be asked at `nextDue`, and not more often than a tick.
    package mutating func overdue(now: UInt64) -> [ByteString] {
        var names: [ByteString] = []
        nextDue = nil
        for entry in entries {
            guard let expiresAt = entry.expiresAt else { continue }
            if expiresAt <= now { names.append(entry.name) } else { noteDue(expiresAt) }
        }
        return names
    }

    private mutating func noteDue(_ due: UInt64) {
        if nextDue == nil || due < nextDue! { nextDue = due }
    }

    // MARK: Places

    private func holds(_ condition: StateCondition, _ entry: Entry?) -> Bool {
        switch condition {
        case .none: true
        case .isNew: entry == nil
        case .exists: entry != nil
        case .isAt(let offset): entry?.offset == offset
        }
    }

    private static func size(_ nameCount: Int, _ valueCount: Int) -> Int {
        nameCount + valueCount + entryBytes
    }

    private mutating func remove(at index: Int) {
        bytes -= Self.size(entries[index].name.count, entries[index].value.count)
        entries.remove(at: index)
    }

    /// Where the name is, or would be put.
    private func find(_ name: borrowing Span<UInt8>) -> (index: Int, isThere: Bool) {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            let order = Self.compare(entries[middle].name, name)
            if order == 0 { return (middle, true) }
            if order < 0 { low = middle + 1 } else { high = middle }
        }
        return (low, false)
    }

    private static func compare(_ left: ByteString, _ right: borrowing Span<UInt8>) -> Int {
        for index in 0..<min(left.count, right.count) where left.bytes[index] != right[index] {
            return left.bytes[index] < right[index] ? -1 : 1
        }
        return left.count - right.count
    }
}
