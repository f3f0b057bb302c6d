import Testing

@testable import HearthBytes

@Suite("Arena of frames")
struct FrameArenaTests {
    /// Reserves and fills a segment.
    private func write(_ arena: inout FrameArena, _ count: Int, _ byte: UInt8) -> Segment {
        let (segment, place) = arena.reserve(count)
        place.update(repeating: byte, count: count)
        return segment
    }

    /// Whether every byte of the segment is `byte`.
    private func holds(_ arena: borrowing FrameArena, _ segment: Segment, _ byte: UInt8) -> Bool {
        let place = arena.place(of: segment)
        return (0..<segment.count).allSatisfy { place[$0] == byte }
    }

    @Test("small messages of one turn lie behind each other")
    func packsSmallMessages() {
        var arena = FrameArena()
        let first = write(&arena, 10, 1)
        var second = write(&arena, 100, 2)
        arena.shrink(&second, by: 40)
        let third = write(&arena, 5, 3)
        #expect(first.chunk == second.chunk && second.chunk == third.chunk)
        #expect(first.end == second.start && second.end == third.start && second.count == 60)
        let isWhole = holds(arena, first, 1) && holds(arena, second, 2) && holds(arena, third, 3)
        let turnBytes = arena.turnBytes
        #expect(isWhole && turnBytes == 75)
        arena.endTurn()
        let next = write(&arena, 1, 4)
        #expect(next.chunk == first.chunk && next.start == first.start)
    }

    @Test("what does not fit goes into further chunks, and no byte of the turn is lost")
    func growsInTheTurn() {
        var arena = FrameArena()
        var segments: [(Segment, UInt8)] = []
        for number in 0..<200 {
            let byte = UInt8(truncatingIfNeeded: number)
            let isLarge = number % 7 == 0
            segments.append((write(&arena, isLarge ? FrameArena.largeBytesMin + 1 : 9000, byte), byte))
        }
        var isWhole = true
        for (segment, byte) in segments where !holds(arena, segment, byte) { isWhole = false }
        #expect(isWhole)
        let largeChunks = segments.filter { $0.0.count > FrameArena.largeBytesMin }.map(\.0.chunk)
        #expect(Set(largeChunks).count == largeChunks.count)
    }

    @Test("memory of many large turns does not add up")
    func boundsMemory() {
        var arena = FrameArena()
        var most = 0
        for turn in 0..<50 {
            for _ in 0..<40 { _ = write(&arena, 30_000 + turn * 1000, 1) }
            if turn == 4 { most = arena.capacityBytes }
            arena.endTurn()
        }
        let capacityBytes = arena.capacityBytes
        #expect(most > 0 && capacityBytes <= (4 << 20) + 2 * FrameArena.chunkBytes)
    }

    @Test("a small message that is held survives the turn, and the next one is put behind it")
    func holdsSmallMessages() {
        var arena = FrameArena()
        let segment = write(&arena, 100, 7)
        var tail: Segment?
        guard let held = arena.hold(segment, tail: &tail) else {
            Issue.record("nothing was held")
            return
        }
        arena.endTurn()
        let other = write(&arena, 100, 8)
        tail = held
        let joined = arena.hold(other, tail: &tail)
        arena.endTurn()
        _ = write(&arena, 200, 9)
        let longer = tail!
        #expect(held.isHeld && joined == nil && longer.chunk == held.chunk && longer.count == 200)
        var front = longer
        front.end = longer.start + 100
        var back = longer
        back.start = front.end
        let isWhole = holds(arena, front, 7) && holds(arena, back, 8)
        #expect(isWhole)
        arena.release(longer)
    }

    @Test("a large message is held without a copy by all that need it, until the last one releases it")
    func sharesLargeMessages() {
        var arena = FrameArena()
        let before = arena.capacityBytes
        let segment = write(&arena, 5 << 20, 5)
        var tail: Segment?
        let held = (0..<3).compactMap { _ in arena.hold(segment, tail: &tail) }
        #expect(held.count == 3 && held.allSatisfy { $0.chunk == segment.chunk && $0.isHeld })
        arena.endTurn()
        arena.release(held[0])
        arena.release(held[1])
        _ = write(&arena, 5 << 20, 6)
        let isWhole = holds(arena, held[2], 5)
        #expect(isWhole)
        arena.release(held[2])
        arena.endTurn()
        let after = arena.capacityBytes
        #expect(after == before)
    }

    @Test("a held segment that is cut in two keeps its bytes until both parts are released")
    func keepsBothParts() {
        var arena = FrameArena()
        var tail: Segment?
        let held = arena.hold(write(&arena, 6 << 20, 3), tail: &tail)!
        arena.endTurn()
        arena.retain(held)
        arena.release(held)
        _ = write(&arena, 6 << 20, 4)
        arena.endTurn()
        let isWhole = holds(arena, held, 3)
        #expect(isWhole)
        arena.release(held)
        let capacityBytes = arena.capacityBytes
        #expect(capacityBytes < 6 << 20)
    }
}
