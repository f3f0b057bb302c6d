import HearthBytes
import Testing

@Suite("Frame arena")
struct FrameArenaTests {
    private let arena = FrameArena()

    private func write(_ byte: UInt8, _ count: Int) -> Segment {
        let (segment, place) = arena.reserve(count)
        [UInt8](repeating: byte, count: count).withUnsafeBufferPointer { bytes in
            if count > 0 { place.update(from: bytes.baseAddress!, count: count) }
        }
        return segment
    }

    private func content(_ segment: Segment) -> [UInt8] {
        Array(UnsafeBufferPointer(start: arena.place(of: segment), count: segment.count))
    }

    /// Ends the turn and writes over what may be used again.
    private func endTurn() {
        arena.endTurn()
        for _ in 0..<16 { overwrite(arena) }
        arena.endTurn()
    }

    private func hold(_ segment: Segment) -> Segment {
        var tail: Segment?
        return arena.hold(segment, tail: &tail)!
    }

    @Test("small pieces of a turn lie behind each other")
    func piecesAreContiguous() {
        let segments = (1...100).map { write(UInt8($0), $0) }
        for (former, next) in zip(segments, segments.dropFirst()) {
            #expect(former.chunk == next.chunk)
            #expect(former.end == next.start)
        }
        #expect(arena.turnBytes == 5050)
    }

    @Test("pieces of one turn never lie over each other, however many chunks they need")
    func piecesAreApart() {
        let segments = (0..<200).map { write(UInt8($0), $0 % 7 == 0 ? 40_000 : 7_000) }
        for (index, segment) in segments.enumerated() {
            #expect(content(segment) == Array(repeating: UInt8(index), count: segment.count))
        }
    }

    @Test(
        "pieces of the largest shared size and one byte more are both whole",
        arguments: [FrameArena.largeBytesMin, FrameArena.largeBytesMin + 1, FrameArena.chunkBytes + 1])
    func boundaryIsWhole(count: Int) {
        let before = write(1, 10)
        let segment = write(2, count)
        let after = write(3, 10)
        #expect(segment.count == count)
        #expect(content(segment) == Array(repeating: 2, count: count))
        #expect((segment.chunk == before.chunk) == (count <= FrameArena.largeBytesMin))
        #expect(after.chunk == before.chunk)
    }

    @Test("an empty piece is a piece")
    func emptyPiece() {
        let segment = write(0, 0)
        #expect(segment.count == 0)
        #expect(content(segment).isEmpty)
    }

    @Test("what was reserved and not used is given back")
    func shrinkGivesBack() {
        var (segment, place) = arena.reserve(100)
        place.update(repeating: 1, count: 30)
        arena.shrink(&segment, by: 70)
        let next = write(2, 5)
        #expect(segment.count == 30)
        #expect(next.start == segment.end)
        #expect(arena.turnBytes == 35)
    }

    @Test("turns use the same memory, however many there are")
    func turnsReuseMemory() {
        var capacities: Set<Int> = []
        for turn in 0..<100 {
            for _ in 0..<100 { _ = write(UInt8(turn), 8_000) }
            _ = write(0, 100_000)
            arena.endTurn()
            if turn > 0 { capacities.insert(arena.capacityBytes) }
        }
        #expect(capacities.count == 1)
        #expect(arena.turnBytes == 0)
    }

    @Test(
        "what is held outlives the turn, small or large",
        arguments: [1, 100, 30_000, 32_768, 32_769, 300_000])
    func heldOutlivesTurn(count: Int) {
        let held = hold(write(7, count))
        #expect(held.isHeld)
        endTurn()
        #expect(content(held) == Array(repeating: 7, count: count))
        arena.release(held)
    }

    @Test("a large piece that is held is not copied, a small one is")
    func largeIsCounted() {
        let large = write(1, 50_000)
        let small = write(2, 100)
        #expect(arena.place(of: hold(large)) == arena.place(of: large))
        #expect(arena.place(of: hold(small)) != arena.place(of: small))
    }

    @Test("small pieces that are held go to the end of the holder's last one while there is room")
    func tailGrows() {
        var tail: Segment? = hold(write(1, 100))
        let chunk = tail!.chunk
        var bytes = [UInt8](repeating: 1, count: 100)
        while true {
            let segment = write(UInt8(truncatingIfNeeded: bytes.count), 100)
            let held = arena.hold(segment, tail: &tail)
            endTurn()
            if let held {
                #expect(held.chunk != chunk)
                break
            }
            bytes += [UInt8](repeating: UInt8(truncatingIfNeeded: bytes.count), count: 100)
            #expect(content(tail!) == bytes)
        }
        #expect(bytes.count == 4_000)
    }

    @Test("a piece that two hold goes with the second, and is not made longer")
    func sharedPieceStays() {
        let large = write(5, 50_000)
        let first = hold(large)
        var second: Segment? = hold(large)
        endTurn()
        #expect(arena.hold(write(6, 10), tail: &second) != nil)
        arena.release(first)
        endTurn()
        #expect(content(second!) == Array(repeating: 5, count: 50_000))
    }

    @Test("spare memory is bounded: what a burst needed is given back to the system")
    func spareMemoryIsBounded() {
        let calm = arena.capacityBytes
        let held = (0..<400).map { hold(write(UInt8(truncatingIfNeeded: $0), 60_000)) }
        #expect(arena.capacityBytes >= 400 * 60_000)
        endTurn()
        for segment in held { arena.release(segment) }
        #expect(arena.capacityBytes <= calm + (4 << 20) + FrameArena.chunkBytes * 4)
    }

    @Test(
        "what is held stays whole through any holding and releasing", arguments: 1...6 as ClosedRange<UInt64>)
    func heldStaysWhole(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var held: [(segment: Segment, byte: UInt8)] = []
        for turn in 0..<300 {
            for _ in 0..<Int.random(in: 0..<6, using: &random) {
                let byte = UInt8(truncatingIfNeeded: turn)
                let count = [1, 50, 3_000, 40_000].randomElement(using: &random)!
                let segment = write(byte, count)
                for _ in 0..<Int.random(in: 0..<3, using: &random) { held.append((hold(segment), byte)) }
            }
            endTurn()
            while held.count > 40 {
                let (segment, byte) = held.remove(at: .random(in: 0..<held.count, using: &random))
                #expect(content(segment) == Array(repeating: byte, count: segment.count))
                arena.release(segment)
            }
        }
    }
}
