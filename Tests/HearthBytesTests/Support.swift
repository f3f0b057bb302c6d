@testable import HearthBytes

// What can be neither copied nor kept is no argument of an expectation: here it is called with arrays.

func isText(_ bytes: [UInt8], _ range: Range<Int>? = nil) -> Bool {
    let range = range ?? 0..<bytes.count
    return UTF8Validator.isValid(bytes.span, range.lowerBound, range.upperBound)
}

/// A table that names are given to as arrays.
final class Table {
    private var table: ByteTable

    init(seed: (UInt64, UInt64)) { table = ByteTable(seed: seed) }

    var count: Int { table.count }
    var slotCount: Int { table.slotCount }

    func find(_ key: [UInt8]) -> UInt32? { table.find(key.span) }
    func insert(_ key: [UInt8], _ value: UInt32) { table.insert(ByteString(key), value: value) }
    func update(_ key: [UInt8], _ value: UInt32) -> Bool { table.update(key.span, value: value) }
    func remove(_ key: [UInt8]) -> UInt32? { table.remove(key.span) }

    var entries: [[UInt8]: UInt32] {
        var entries: [[UInt8]: UInt32] = [:]
        for index in 0..<table.slotCount {
            if let (key, value) = table.entry(at: index) { entries[key.bytes] = value }
        }
        return entries
    }
}
