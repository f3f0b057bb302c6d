// The last publications of one room, one behind the other in a ring of bytes. What is kept is what every form
// of a message is made from: name, data, stamp, key, exception. A publication costs 24 bytes beside them, and
// no allocation once the ring has its size.

package import HearthBytes
internal import HearthWire

/// What a ring keeps of a publication. All bytes are lent.
package struct KeptPublication {
    package var opcode: UInt8
    /// An event of a dialect with names; else the data is the message.
    package var isEvent: Bool
    package var name: UnsafeRawBufferPointer
    package var data: UnsafeRawBufferPointer
    /// Who sent it, when, and its identifier, as the engine writes them.
    package var stamp: UnsafeRawBufferPointer
    /// Of keep-latest.
    package var key: UnsafeRawBufferPointer
    /// Who does not get it, as the engine writes it.
    package var exception: UnsafeRawBufferPointer

    static let nameCountMax = Int(UInt16.max)
    static let keyCountMax = Int(UInt8.max)

    package init(
        opcode: UInt8, isEvent: Bool, name: UnsafeRawBufferPointer, data: UnsafeRawBufferPointer,
        stamp: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer, exception: UnsafeRawBufferPointer
    ) {
        self.opcode = opcode
        self.isEvent = isEvent
        self.name = name
        self.data = data
        self.stamp = stamp
        self.key = key
        self.exception = exception
    }

    /// Whether the ring's fields can say how long each part is.
    var isKeepable: Bool {
        name.count <= Self.nameCountMax && stamp.count <= Self.nameCountMax
            && exception.count <= Self.nameCountMax && key.count <= Self.keyCountMax
            && data.count <= Int(UInt32.max) / 2
    }

    var bytesCount: Int { name.count + data.count + stamp.count + key.count + exception.count }
}

/// A publication in a ring. The bytes are good until the ring is changed.
package struct HistoryEntry {
    package let mark: UInt32
    /// When it was published, in tenths of a second.
    package let time: UInt32
    /// Its content was deleted; offset and mark stay.
    package let isRemoved: Bool
    package let publication: KeptPublication
}

struct HistoryRing: ~Copyable {
    /// Beside the parts of a publication: its head, and its number in `starts`.
    static let entryBytes = headBytes + 4
    private static let headBytes = 20
    private static let bytesMin = 256
    private static let startsMin: UInt32 = 4
    private static let isEventFlag: UInt8 = 0x10
    private static let isRemovedFlag: UInt8 = 0x20

    private var memory: UnsafeMutableRawPointer?
    /// Of `memory`.
    private(set) var capacity = 0
    /// Where the next entry is put. Entries never wrap around: one that does not fit at the end lies at 0.
    private var tail = 0
    /// Where each entry begins: a ring of its own.
    private var starts: UnsafeMutablePointer<UInt32>?
    private var startsCapacity: UInt32 = 0
    private var firstStart: UInt32 = 0
    private(set) var count: UInt32 = 0

    init() {}

    deinit {
        memory?.deallocate()
        starts?.deallocate()
    }

    /// What the ring has of memory.
    var bytesCount: Int { capacity + Int(startsCapacity) * 4 }

    var isEmpty: Bool { count == 0 }

    /// The entry at an index, 0 the oldest.
    subscript(index: UInt32) -> HistoryEntry {
        precondition(index < count, "no entry there")
        let place = memory! + Int(start(index))
        let flags = place.load(fromByteOffset: 19, as: UInt8.self)
        var next = UnsafeRawPointer(place + Self.headBytes)
        func part(_ count: Int) -> UnsafeRawBufferPointer {
            defer { next += count }
            return UnsafeRawBufferPointer(start: next, count: count)
        }
        let counts = partCounts(place)
        return HistoryEntry(
            mark: place.loadUnaligned(as: UInt32.self),
            time: place.loadUnaligned(fromByteOffset: 4, as: UInt32.self),
            isRemoved: flags & Self.isRemovedFlag != 0,
            publication: KeptPublication(
                opcode: flags & 0x0F, isEvent: flags & Self.isEventFlag != 0,
                name: part(counts.name), data: part(counts.data), stamp: part(counts.stamp),
                key: part(counts.key), exception: part(counts.exception)))
    }

    func time(_ index: UInt32) -> UInt32 {
        precondition(index < count, "no entry there")
        return (memory! + Int(start(index))).loadUnaligned(fromByteOffset: 4, as: UInt32.self)
    }

    func mark(_ index: UInt32) -> UInt32 {
        precondition(index < count, "no entry there")
        return (memory! + Int(start(index))).loadUnaligned(as: UInt32.self)
    }

    // MARK: Changes

    /// Whether one more entry fits without memory and without dropping any.
    func hasRoom(for publication: KeptPublication) -> Bool {
        count < startsCapacity && place(for: Self.headBytes + publication.bytesCount) != nil
    }

    /// How large `bytesCount` becomes if memory is made for one more entry beside those that there are.
    func bytesCount(grownFor publication: KeptPublication) -> Int {
        grownCapacity(publication) + Int(grownStarts()) * 4
    }

    mutating func grow(for publication: KeptPublication) {
        let larger = grownCapacity(publication)
        let moreStarts = grownStarts()
        let newMemory = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 8)
        let newStarts = UnsafeMutablePointer<UInt32>.allocate(capacity: Int(moreStarts))
        var end = 0
        for index in 0..<count {
            let place = memory! + Int(start(index))
            let size = entrySize(place)
            (newMemory + end).copyMemory(from: place, byteCount: size)
            newStarts[Int(index)] = UInt32(end)
            end += size
        }
        memory?.deallocate()
        starts?.deallocate()
        (memory, capacity, tail) = (newMemory, larger, end)
        (starts, startsCapacity, firstStart) = (newStarts, moreStarts, 0)
    }

    /// The publication must have room.
    mutating func append(_ publication: KeptPublication, mark: UInt32, time: UInt32) {
        let size = Self.headBytes + publication.bytesCount
        guard count < startsCapacity, let at = place(for: size) else {
            preconditionFailure("the ring is full")
        }
        starts![Int((firstStart + count) % startsCapacity)] = UInt32(at)
        count += 1
        tail = at + size
        write(publication, mark: mark, time: time, at: memory! + at)
    }

    mutating func dropFirst() {
        precondition(count > 0, "nothing to drop")
        firstStart = (firstStart + 1) % startsCapacity
        count -= 1
        if count == 0 { (tail, firstStart) = (0, 0) }
    }

    /// Deletes the content of an entry. Its place is free again when it is dropped.
    mutating func removeContent(_ index: UInt32) {
        precondition(index < count, "no entry there")
        let place = memory! + Int(start(index))
        let flags = place.load(fromByteOffset: 19, as: UInt8.self)
        let size = entrySize(place)
        (place + Self.headBytes).initializeMemory(as: UInt8.self, repeating: 0, count: size - Self.headBytes)
        place.storeBytes(of: flags | Self.isRemovedFlag, toByteOffset: 19, as: UInt8.self)
    }

    // MARK: Places

    private func start(_ index: UInt32) -> UInt32 { starts![Int((firstStart + index) % startsCapacity)] }

    /// Where so many bytes fit in one piece.
    private func place(for size: Int) -> Int? {
        if count == 0 { return size <= capacity ? 0 : nil }
        let head = Int(start(0))
        if tail > head {
            if size <= capacity - tail { return tail }
            return size <= head ? 0 : nil
        }
        return size <= head - tail ? tail : nil
    }

    private func usedBytes() -> Int {
        var used = 0
        for index in 0..<count { used += entrySize(memory! + Int(start(index))) }
        return used
    }

    private func grownCapacity(_ publication: KeptPublication) -> Int {
        let size = Self.headBytes + publication.bytesCount
        if place(for: size) != nil { return capacity }
        var larger = max(capacity, Self.bytesMin)
        // MARK: The head of an entry: mark, time, counts (data, name, stamp, exception, key), flags
        // that entries of one size need no memory any more once their number is reached.
        let needed = (usedBytes() + size) / 4 * 5
        while larger < needed { larger *= 2 }
        return larger
    }

    private func grownStarts() -> UInt32 {
        count < startsCapacity ? startsCapacity : max(startsCapacity * 2, Self.startsMin)
    }

    // MARK: The head of an entry: mark, time, count of the data, of name, stamp, exception and key, flags

    private func write(
        _ publication: KeptPublication, mark: UInt32, time: UInt32,
        at place: UnsafeMutableRawPointer
    ) {
        place.storeBytes(of: mark, as: UInt32.self)
        place.storeBytes(of: time, toByteOffset: 4, as: UInt32.self)
        place.storeBytes(of: UInt32(publication.data.count), toByteOffset: 8, as: UInt32.self)
        place.storeBytes(of: UInt16(publication.name.count), toByteOffset: 12, as: UInt16.self)
        place.storeBytes(of: UInt16(publication.stamp.count), toByteOffset: 14, as: UInt16.self)
        place.storeBytes(of: UInt16(publication.exception.count), toByteOffset: 16, as: UInt16.self)
        place.storeBytes(of: UInt8(publication.key.count), toByteOffset: 18, as: UInt8.self)
        place.storeBytes(
            of: publication.opcode | (publication.isEvent ? Self.isEventFlag : 0), toByteOffset: 19,
            as: UInt8.self)
        var next = place + Self.headBytes
        func copy(_ part: UnsafeRawBufferPointer) {
            if part.count > 0 { next.copyMemory(from: part.baseAddress!, byteCount: part.count) }
            next += part.count
        }
        copy(publication.name)
        copy(publication.data)
        copy(publication.stamp)
        copy(publication.key)
        copy(publication.exception)
    }

    private struct PartCounts {
        let name, data, stamp, key, exception: Int
    }

    private func partCounts(_ place: UnsafeMutableRawPointer) -> PartCounts {
        PartCounts(
            name: Int(place.loadUnaligned(fromByteOffset: 12, as: UInt16.self)),
            data: Int(place.loadUnaligned(fromByteOffset: 8, as: UInt32.self)),
            stamp: Int(place.loadUnaligned(fromByteOffset: 14, as: UInt16.self)),
            key: Int(place.loadUnaligned(fromByteOffset: 18, as: UInt8.self)),
            exception: Int(place.loadUnaligned(fromByteOffset: 16, as: UInt16.self)))
    }

    private func entrySize(_ place: UnsafeMutableRawPointer) -> Int {
        let counts = partCounts(place)
        return Self.headBytes + counts.name + counts.data + counts.stamp + counts.key + counts.exception
    }
}
