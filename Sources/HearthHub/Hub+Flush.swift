// Outboxes onto the wire: the loop asks what to write, writes, and says how much went.

package import HearthBytes

extension Hub {
    @inline(__always)
    /// Gives spare memory back to the system.
    package func trim() { arena.trim() }

    package func waitingBytes(_ slot: UInt32) -> Int { Int(members[Int(slot)].outbox.bytes) }

    /// Whether what was written so far ends with a whole frame.
    package func isBetweenFrames(_ slot: UInt32) -> Bool { members[Int(slot)].outbox.fixedBytes == 0 }

    @inline(__always)
    package func isBlocked(_ slot: UInt32) -> Bool { members[Int(slot)].outbox.isBlocked }

    /// All that waits, if it lies in one piece.
    @inline(__always)
    package func singlePiece(_ slot: UInt32) -> Piece? {
        let member = members + Int(slot)
        let chunk = member.pointee.outbox.chunk
        if member.pointee.outbox.queue != Outbox.none || chunk == Outbox.none { return nil }
        let start = member.pointee.outbox.start
        return Piece(
            base: arena.place(chunk: chunk, at: start), count: Int(member.pointee.outbox.end &- start))
    }

    /// All that waits, oldest first, as far as it fits. Returns how many pieces.
    package func gather(_ slot: UInt32, into pieces: UnsafeMutableBufferPointer<Piece>) -> Int {
        let outbox = members[Int(slot)].outbox
        var count = 0
        if outbox.queue != Outbox.none {
            let queue = Int(outbox.queue)
            for index in queues[queue].head..<queues[queue].segments.count {
                if count == pieces.count { return count }
                let segment = queues[queue].segments[index]
                if segment.count == 0 { continue }
                pieces[count] = Piece(base: arena.place(of: segment), count: segment.count)
                count += 1
            }
        }
        if outbox.chunk != Outbox.none, count < pieces.count {
            pieces[count] = Piece(
                base: arena.place(chunk: outbox.chunk, at: outbox.start),
                count: Int(outbox.end - outbox.start))
            count += 1
        }
        return count
    }

    /// How many of the next `limit` with something to write have the very bytes to write that this one has;
    /// 0 if those are not all of this turn, so that their memory is used again only after it.
    package func countInStep(with slot: UInt32, among limit: Int) -> Int {
        if !isOfTurn(slot) { return 0 }
        var count = 0
        var other = firstDirty
        for _ in 0..<limit where other != Outbox.none {
            if hasSameBytes(slot, other) { count += 1 }
            other = members[Int(other)].outbox.nextDirty
        }
        return count
    }

    private func isOfTurn(_ slot: UInt32) -> Bool {
        let outbox = members[Int(slot)].outbox
        if outbox.isHeld || outbox.chunk == Outbox.none { return false }
        if outbox.queue == Outbox.none { return true }
        let queue = Int(outbox.queue)
        for index in queues[queue].head..<queues[queue].segments.count
        where queues[queue].segments[index].isHeld {
            return false
        }
        return true
    }

    private func hasSameBytes(_ one: UInt32, _ other: UInt32) -> Bool {
        let first = members + Int(one)
        let second = members + Int(other)
        if first.pointee.outbox.bytes != second.pointee.outbox.bytes
            || first.pointee.outbox.chunk != second.pointee.outbox.chunk
            || first.pointee.outbox.end != second.pointee.outbox.end
        {
            return false
        }
        let queue = first.pointee.outbox.queue
        let otherQueue = second.pointee.outbox.queue
        if queue == Outbox.none || otherQueue == Outbox.none { return queue == otherQueue }
        let offset = queues[Int(otherQueue)].head - queues[Int(queue)].head
        let range = queues[Int(queue)].head..<queues[Int(queue)].segments.count
        if queues[Int(otherQueue)].segments.count != range.upperBound + offset { return false }
        for index in range {
            let segment = queues[Int(queue)].segments[index]
            let otherSegment = queues[Int(otherQueue)].segments[index + offset]
            if segment.chunk != otherSegment.chunk || segment.start != otherSegment.start
                || segment.end != otherSegment.end
            {
                return false
            }
        }
        return true
    }

    /// The system took everything.
    @inline(__always)
    package func sentAll(_ slot: UInt32) {
        let member = members + Int(slot)
        if member.pointee.outbox.queue != Outbox.none || member.pointee.outbox.isHeld { discardOutbox(slot) }
        member.pointee.outbox.chunk = Outbox.none
        member.pointee.outbox.bytes = 0
        member.pointee.outbox.fixedBytes = 0
        member.pointee.outbox.isBlocked = member.pointee.outbox.isCarried
    }

    /// The system took `count` bytes and no more: what is left waits until it is writable again.
    package func sentPart(_ slot: UInt32, count: Int) {
        if members[Int(slot)].outbox.chunk != Outbox.none { pushNewest(slot) }
        members[Int(slot)].outbox.fixedBytes = UInt32(fixedBytes(slot, afterSending: count))
        members[Int(slot)].outbox.bytes -= UInt32(count)
        members[Int(slot)].outbox.isBlocked = true
        var left = count
        let queue = Int(members[Int(slot)].outbox.queue)
        while left > 0 || (!queues[queue].isEmpty && queues[queue].segments[queues[queue].head].count == 0) {
            var segment = queues[queue].segments[queues[queue].head]
            if left < segment.count {
                segment.start += UInt32(left)
                queues[queue].segments[queues[queue].head] = segment
                break
            }
            left -= segment.count
            arena.release(segment)
            queues[queue].removeFirst()
        }
        keep(slot)
    }

    /// The first `count` bytes are on their way but not yet taken by the system: they, and the frame that
    /// they end in, go out as they are. The rest waits until it is writable.
    package func commit(_ slot: UInt32, count: Int) {
        if count > 0 {
            if members[Int(slot)].outbox.chunk != Outbox.none { pushNewest(slot) }
            let fixed = count + fixedBytes(slot, afterSending: count)
            members[Int(slot)].outbox.fixedBytes = UInt32(fixed)
        }
        members[Int(slot)].outbox.isBlocked = true
        keep(slot)
    }

    /// The system can take more.
    package func unblock(_ slot: UInt32) {
        members[Int(slot)].outbox.isBlocked = false
        if members[Int(slot)].outbox.bytes > 0 { markDirty(slot) }
    }

    /// Makes what waits outlive the turn.
    package func keep(_ slot: UInt32) {
        if members[Int(slot)].outbox.chunk != Outbox.none { pushNewest(slot) }
        if members[Int(slot)].outbox.queue == Outbox.none { return }
        let queue = Int(members[Int(slot)].outbox.queue)
        var firstUnheld = queues[queue].segments.count
        while firstUnheld > queues[queue].head, !queues[queue].segments[firstUnheld - 1].isHeld {
            firstUnheld -= 1
        }
        if firstUnheld == queues[queue].segments.count { return }
        let unheld = Array(queues[queue].segments[firstUnheld...])
        queues[queue].segments.removeSubrange(firstUnheld...)
        for segment in unheld {
            var tail = queues[queue].isEmpty ? nil : queues[queue].segments.last
            let held = arena.hold(segment, tail: &tail)
            if let held {
                queues[queue].segments.append(held)
            } else if let tail {
                queues[queue].segments[queues[queue].segments.count - 1] = tail
            }
        }
    }

    /// Forgets all that waits.
    package func discardOutbox(_ slot: UInt32) {
        if members[Int(slot)].outbox.queue != Outbox.none {
            let queue = Int(members[Int(slot)].outbox.queue)
            for index in queues[queue].head..<queues[queue].segments.count {
                arena.release(queues[queue].segments[index])
            }
            queues[queue].segments.removeAll(keepingCapacity: queues[queue].segments.capacity <= 64)
            queues[queue].head = 0
            freeQueues.append(UInt32(queue))
        }
        if members[Int(slot)].outbox.chunk != Outbox.none, members[Int(slot)].outbox.isHeld {
            let outbox = members[Int(slot)].outbox
            arena.release(Segment(chunk: outbox.chunk, start: outbox.start, end: outbox.end, isHeld: true))
        }
        members[Int(slot)].outbox.queue = Outbox.none
        members[Int(slot)].outbox.chunk = Outbox.none
        members[Int(slot)].outbox.isHeld = false
        members[Int(slot)].outbox.bytes = 0
        members[Int(slot)].outbox.fixedBytes = 0
        members[Int(slot)].outbox.isBlocked = members[Int(slot)].outbox.isCarried
    }

    // MARK: Parts

    /// Moves the newest run behind the older ones.
    func pushNewest(_ slot: UInt32) {
        let outbox = members[Int(slot)].outbox
        var queue = outbox.queue
        if queue == Outbox.none {
            if let free = freeQueues.popLast() {
                queue = free
            } else {
                queue = UInt32(queues.count)
                queues.append(SegmentQueue())
            }
            members[Int(slot)].outbox.queue = queue
        }
        queues[Int(queue)].append(
            Segment(chunk: outbox.chunk, start: outbox.start, end: outbox.end, isHeld: outbox.isHeld))
        members[Int(slot)].outbox.chunk = Outbox.none
        members[Int(slot)].outbox.isHeld = false
    }

    /// How many bytes after the first `count` belong to a frame (or a response) that those began.
    private func fixedBytes(_ slot: UInt32, afterSending count: Int) -> Int {
        let queue = Int(members[Int(slot)].outbox.queue)
        // `position`: where the next frame begins, counted from the front of the outbox.
        var position = Int(members[Int(slot)].outbox.fixedBytes)
        var segmentStart = 0
        for index in queues[queue].head..<queues[queue].segments.count {
            let segment = queues[queue].segments[index]
            while position < count, position < segmentStart + segment.count {
                position +=
                    measureFrame(
                        arena.place(chunk: segment.chunk, at: segment.start + UInt32(position - segmentStart))
                    ).count
            }
            if position >= count { break }
            segmentStart += segment.count
        }
        return max(0, position - count)
    }
}
