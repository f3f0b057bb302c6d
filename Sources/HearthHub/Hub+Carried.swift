// Outboxes whose messages somebody else carries: no socket takes them, the loop hands them over as frames. To
// everybody else such an outbox is one that is blocked, so that the way to the sockets asks nothing more.

package import HearthBytes
package import HearthWire

/// A frame as it lies in an outbox.
package struct WaitingFrame {
    package let opcode: Opcode
    /// Header and payload.
    package let count: Int
    package let headerCount: Int

    /// The hub wrote it, so it is whole.
    package init(at place: UnsafePointer<UInt8>) {
        opcode = Opcode(rawValue: place[0] & 0x0F) ?? .binary
        count = measureFrame(place).count
        let short = place[1] & 0x7F
        headerCount = short < 126 ? 2 : short == 126 ? 4 : 10
    }
}

extension Hub {
    /// What is queued for it is carried by somebody else, from the beginning.
    package func setCarried(_ slot: UInt32) {
        members[Int(slot)].outbox.isCarried = true
        members[Int(slot)].outbox.isBlocked = true
    }

    package func isStalled(_ slot: UInt32) -> Bool { members[Int(slot)].outbox.isStalled }

    /// Nothing more is taken for the moment: what waits outlives the turn.
    package func stall(_ slot: UInt32) {
        members[Int(slot)].outbox.isStalled = true
        keep(slot)
    }

    package func unstall(_ slot: UInt32) {
        members[Int(slot)].outbox.isStalled = false
        if members[Int(slot)].outbox.bytes > 0 { markDirty(slot) }
    }

    /// Whether a flush could make room.
    package func mayFlush(_ slot: UInt32) -> Bool { members[Int(slot)].outbox.mayFlush }

    /// All that waits, if it is one run of this turn, which others may have as well.
    package func sharedRun(_ slot: UInt32) -> Segment? {
        let outbox = members[Int(slot)].outbox
        if outbox.queue != Outbox.none || outbox.chunk == Outbox.none || outbox.isHeld { return nil }
        return Segment(chunk: outbox.chunk, start: outbox.start, end: outbox.end, isHeld: false)
    }

    /// Calls `body` with each run of whole frames that waits, oldest first, until it answers false.
    package func forEachWaiting(_ slot: UInt32, _ body: (UnsafePointer<UInt8>, Int) -> Bool) {
        let outbox = members[Int(slot)].outbox
        if outbox.queue != Outbox.none {
            let queue = Int(outbox.queue)
            for index in queues[queue].head..<queues[queue].segments.count {
                let segment = queues[queue].segments[index]
                if !body(arena.place(of: segment), segment.count) { return }
            }
        }
        if outbox.chunk == Outbox.none { return }
        _ = body(arena.place(chunk: outbox.chunk, at: outbox.start), Int(outbox.end - outbox.start))
    }
}
