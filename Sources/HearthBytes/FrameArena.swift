// Where outgoing bytes lie. What is written during one turn of the loop goes into shared chunks, one piece
// behind the other, so that many small messages to one peer form one run of memory. At the end of the turn
// the chunks are used again. What must live longer is held: copied into a chunk of its own, or, for a large
// message, counted.

/// A run of bytes in an arena.
package struct Segment {
    package var chunk: UInt32
    package var start: UInt32
    package var end: UInt32
    /// Whether the segment keeps its chunk alive beyond the turn.
    package var isHeld: Bool

    package init(chunk: UInt32, start: UInt32, end: UInt32, isHeld: Bool) {
        self.chunk = chunk
        self.start = start
        self.end = end
        self.isHeld = isHeld
    }

    package var count: Int { Int(end &- start) }

    /// To be put nowhere.
    package static var empty: Segment { Segment(chunk: 0, start: 0, end: 0, isHeld: false) }
}

package final class FrameArena {
    /// Shared chunks have this size; what is larger than `largeBytesMin` gets a chunk of its own.
    package static var chunkBytes: Int { 256 << 10 }
    package static var largeBytesMin: Int { 32 << 10 }
    /// Free chunks beyond so many bytes are given back to the system.
    private static var spareBytesMax: Int { 4 << 20 }

    private struct Chunk {
        var base: UnsafeMutablePointer<UInt8>
        var capacity: Int
        var used: Int
        var references: UInt32
        var isShared: Bool
        var isOfTurn: Bool
    }

    // Not an array: each message would ask whether the array is shared.
    private var chunks: UnsafeMutablePointer<Chunk>
    private var chunksCount = 0
    private var chunksCapacity = 16
    private var freeNumbers: [UInt32] = []
    private var spares: [(base: UnsafeMutablePointer<UInt8>, capacity: Int)] = []
    private var spareBytes = 0
    private var current: UInt32
    private var turnChunks: [UInt32] = []
    /// Bytes written since the last `endTurn`.
    package private(set) var turnBytes = 0
    /// Bytes of memory in chunks, spare ones included.
    package private(set) var capacityBytes = 0

    package init() {
        chunks = .allocate(capacity: chunksCapacity)
        current = 0
        current = makeChunk(capacity: Self.chunkBytes, isShared: true)
    }

    deinit {
        for number in 0..<chunksCount where chunks[number].capacity > 0 { chunks[number].base.deallocate() }
        chunks.deallocate()
        for index in 0..<spares.count { spares[index].base.deallocate() }
    }

    /// Room for `count` bytes of this turn, to be written at once. `count` must be below 2^31.
    @inline(__always)
    package func reserve(_ count: Int) -> (segment: Segment, place: UnsafeMutablePointer<UInt8>) {
        turnBytes += count
        let number = current
        let chunk = chunks + Int(number)
        let used = chunk.pointee.used
        if count <= Self.largeBytesMin, used + count <= chunk.pointee.capacity {
            chunk.pointee.used = used + count
            let segment = Segment(
                chunk: number, start: UInt32(truncatingIfNeeded: used),
                end: UInt32(truncatingIfNeeded: used + count),
                isHeld: false)
            return (segment, chunk.pointee.base + used)
        }
        return reserveElsewhere(count)
    }

    private func reserveElsewhere(
        _ count: Int
    ) -> (segment: Segment, place: UnsafeMutablePointer<UInt8>) {
        let isLarge = count > Self.largeBytesMin
        let number = makeChunk(
            capacity: isLarge ? Self.roundedUp(count) : Self.chunkBytes, isShared: !isLarge)
        if isLarge {
            chunks[Int(number)].isOfTurn = true
            turnChunks.append(number)
        } else {
            chunks[Int(current)].isOfTurn = true
            turnChunks.append(current)
            current = number
        }
        chunks[Int(number)].used = count
        let segment = Segment(chunk: number, start: 0, end: UInt32(truncatingIfNeeded: count), isHeld: false)
        return (segment, chunks[Int(number)].base)
    }

    /// Takes the unused end of the newest reservation back.
    package func shrink(_ segment: inout Segment, by count: Int) {
        precondition(Int(segment.end) == chunks[Int(segment.chunk)].used, "not the newest reservation")
        segment.end -= UInt32(count)
        chunks[Int(segment.chunk)].used -= count
        turnBytes -= count
    }

    @inline(__always)
    package func place(of segment: Segment) -> UnsafeMutablePointer<UInt8> {
        chunks[Int(segment.chunk)].base + Int(segment.start)
    }

    @inline(__always)
    package func place(chunk: UInt32, at start: UInt32) -> UnsafeMutablePointer<UInt8> {
        chunks[Int(chunk)].base + Int(start)
    }

    /// The turn is over and nothing refers to its bytes but what is held.
    @inline(__always)
    package func endTurn() {
        chunks[Int(current)].used = 0
        turnBytes = 0
        if !turnChunks.isEmpty { endTurnChunks() }
    }

    private func endTurnChunks() {
        for index in 0..<turnChunks.count {
            let number = turnChunks[index]
            chunks[Int(number)].isOfTurn = false
            if chunks[Int(number)].references == 0 { freeChunk(number) }
        }
        turnChunks.removeAll(keepingCapacity: true)
    }

    // MARK: Beyond the turn

    /// Makes a segment of this turn outlive it: a large message is shared, small ones are copied to the end
    /// of `tail`, the holder's last held segment, or to a chunk of the holder's own.
    /// Returns the held segment, or nil if `tail` was made longer instead.
    package func hold(_ segment: Segment, tail: inout Segment?) -> Segment? {
        if segment.isHeld { return segment }
        if !chunks[Int(segment.chunk)].isShared {
            chunks[Int(segment.chunk)].references += 1
            return Segment(chunk: segment.chunk, start: segment.start, end: segment.end, isHeld: true)
        }
        let source = place(of: segment)
        if let last = tail, chunks[Int(last.chunk)].isShared == false,
            chunks[Int(last.chunk)].references == 1, !chunks[Int(last.chunk)].isOfTurn,
            chunks[Int(last.chunk)].used == Int(last.end),
            chunks[Int(last.chunk)].used + segment.count <= chunks[Int(last.chunk)].capacity
        {
            let end = UnsafeMutableRawPointer(chunks[Int(last.chunk)].base + Int(last.end))
            end.copyMemory(from: source, byteCount: segment.count)
            chunks[Int(last.chunk)].used += segment.count
            tail = Segment(
                chunk: last.chunk, start: last.start, end: last.end + UInt32(segment.count), isHeld: true)
            return nil
        }
        let capacity = max(4 << 10, Self.roundedUp(segment.count * 2))
        let number = makeChunk(capacity: capacity, isShared: false)
        chunks[Int(number)].references = 1
        chunks[Int(number)].used = segment.count
        // makeChunk may have moved the table of chunks, not the bytes: `source` is still good.
        UnsafeMutableRawPointer(chunks[Int(number)].base).copyMemory(from: source, byteCount: segment.count)
        return Segment(chunk: number, start: 0, end: UInt32(segment.count), isHeld: true)
    }

    /// A second held segment in the same chunk.
    package func retain(_ segment: Segment) {
        if segment.isHeld { chunks[Int(segment.chunk)].references += 1 }
    }

    /// The holder needs the segment no longer.
    package func release(_ segment: Segment) {
        if !segment.isHeld { return }
        chunks[Int(segment.chunk)].references -= 1
        if chunks[Int(segment.chunk)].references == 0, !chunks[Int(segment.chunk)].isOfTurn {
            freeChunk(segment.chunk)
        }
    }

    /// Gives free chunks back to the system.
    package func trim() {
        for index in 0..<spares.count {
            spares[index].base.deallocate()
            capacityBytes -= spares[index].capacity
        }
        spares.removeAll()
        spareBytes = 0
    }

    // MARK: Chunks

    static func roundedUp(_ count: Int) -> Int {
        var capacity = 4 << 10
        while capacity < count { capacity <<= 1 }
        return capacity
    }

    private func makeChunk(capacity: Int, isShared: Bool) -> UInt32 {
        var base: UnsafeMutablePointer<UInt8>
        if let spare = spares.firstIndex(where: { $0.capacity == capacity }) {
            base = spares.remove(at: spare).base
            spareBytes -= capacity
        } else {
            base = .allocate(capacity: capacity)
            capacityBytes += capacity
        }
        let chunk = Chunk(
            base: base, capacity: capacity, used: 0, references: 0, isShared: isShared, isOfTurn: false)
        if let number = freeNumbers.popLast() {
            chunks[Int(number)] = chunk
            return number
        }
        if chunksCount == chunksCapacity {
            let larger = UnsafeMutablePointer<Chunk>.allocate(capacity: chunksCapacity * 2)
            larger.moveInitialize(from: chunks, count: chunksCount)
            chunks.deallocate()
            chunks = larger
            chunksCapacity *= 2
        }
        (chunks + chunksCount).initialize(to: chunk)
        chunksCount += 1
        return UInt32(chunksCount - 1)
    }

    private func freeChunk(_ number: UInt32) {
        let chunk = chunks[Int(number)]
        chunks[Int(number)].capacity = 0
        freeNumbers.append(number)
        if spareBytes + chunk.capacity <= Self.spareBytesMax {
            spares.append((chunk.base, chunk.capacity))
            spareBytes += chunk.capacity
        } else {
            chunk.base.deallocate()
            capacityBytes -= chunk.capacity
        }
    }
}
