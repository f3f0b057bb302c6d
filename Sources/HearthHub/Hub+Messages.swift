// Messages into outboxes.

package import HearthBytes
package import HearthWire

extension Hub {
    // MARK: Encoding

    /// Writes one frame into the arena, to be appended to any number of outboxes in this turn.
    @inline(__always)
    package func encode(
        _ opcode: Opcode, _ payload: UnsafeBufferPointer<UInt8>, isCompressed: Bool = false
    ) -> Segment {
        let count = payload.count
        let (segment, place) = arena.reserve(FrameHeader.length(payloadCount: count) + count)
        let header = FrameHeader.write(
            opcode: opcode, isCompressed: isCompressed, payloadCount: count, into: place)
        // As raw memory: typed bytes would be copied one by one in Embedded Swift.
        if count > 0 {
            UnsafeMutableRawPointer(place + header).copyMemory(from: payload.baseAddress!, byteCount: count)
        }
        return segment
    }

    /// The same of a client: the payload is masked while it is copied.
    package func encode(
        _ opcode: Opcode, _ payload: UnsafeBufferPointer<UInt8>, maskKey: UInt32,
        isCompressed: Bool = false
    ) -> Segment {
        let count = payload.count
        let (segment, place) = arena.reserve(FrameHeader.length(payloadCount: count) + 4 + count)
        let header = FrameHeader.write(
            opcode: opcode, isCompressed: isCompressed, payloadCount: count, maskKey: maskKey, into: place)
        copyMasked(from: payload, to: UnsafeMutableRawPointer(place + header), key: maskKey)
        return segment
    }

    /// Bytes that are no frame: an HTTP response.
    package func write(_ bytes: UnsafeBufferPointer<UInt8>) -> Segment {
        let (segment, place) = arena.reserve(bytes.count)
        if bytes.count > 0 {
            UnsafeMutableRawPointer(place).copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
        }
        return segment
    }

    // MARK: Appending

    /// Queues a message frame for one connection.
    @inline(__always)
    package func append(_ frame: Segment, to slot: UInt32) -> AppendResult {
        append(frame, of: 1, to: slot, members + Int(slot))
    }

    /// What has several messages is for an outbox that has room for all of them.
    @inline(__always)
    private func append(
        _ frames: Segment, of messages: Int, to slot: UInt32, _ member: UnsafeMutablePointer<Member>
    ) -> AppendResult {
        if !member.pointee.outbox.isOpen { return .closed }
        let bytes = member.pointee.outbox.bytes
        let count = frames.end &- frames.start
        if bytes > 0 || messages > 1,
            UInt64(bytes) &+ UInt64(count) > UInt64(member.pointee.outbox.bytesMax)
        {
            return messages > 1 ? .flushFirst : appendToFull(frames, to: slot)
        }
        appendAlways(frames, to: slot, member)
        member.pointee.sent &+= UInt64(truncatingIfNeeded: messages)
        return .queued
    }

    /// Queues a message frame of a sender that saw to the limit before it made the frame.
    package func appendPastLimit(_ frame: Segment, to slot: UInt32) {
        appendAlways(frame, to: slot)
        members[Int(slot)].sent &+= 1
    }

    /// Queues a control frame or a piece of an HTTP response: no limit, no policy.
    @inline(__always)
    package func appendAlways(_ frame: Segment, to slot: UInt32) {
        appendAlways(frame, to: slot, members + Int(slot))
    }

    @inline(__always)
    private func appendAlways(_ frame: Segment, to slot: UInt32, _ member: UnsafeMutablePointer<Member>) {
        let newest = member.pointee.outbox.chunk
        if newest == frame.chunk && member.pointee.outbox.end == frame.start && !member.pointee.outbox.isHeld
        {
            member.pointee.outbox.end = frame.end
        } else {
            if newest != Outbox.none { pushNewest(slot) }
            member.pointee.outbox.chunk = frame.chunk
            member.pointee.outbox.start = frame.start
            member.pointee.outbox.end = frame.end
            member.pointee.outbox.isHeld = frame.isHeld
        }
        member.pointee.outbox.bytes &+= frame.end &- frame.start
        markDirty(slot, member)
    }

    /// The same for bytes that must go out as they are, with all that waits before them.
    package func appendFixed(_ bytes: Segment, to slot: UInt32) {
        appendAlways(bytes, to: slot)
        members[Int(slot)].outbox.fixedBytes = members[Int(slot)].outbox.bytes
    }

    /// Queues a frame for every member of a room that is in one of the groups, but the ones left out. Returns
    /// for how many; those that are full are in `overflowing`, not counted. What is ephemeral is not for
    /// members that have enough to read. `messages`: so many frames, one behind the other; who has no room
    /// for all of them is given none.
    @_optimize(speed)
    package func publish(
        _ frame: Segment, of messages: Int = 1, for groups: FrameGroups = .all, room: UInt32,
        exceptSlot: UInt32?, exceptUser: UInt32?, isEphemeral: Bool = false
    ) -> Int {
        var count = 0
        let leftOut = exceptSlot ?? Outbox.none
        // Nothing here changes who is in the room, or where a member lies.
        let list = rooms[room].members
        for index in 0..<list.count {
            let slot = list[index].slot
            let member = members + Int(slot)
            if slot == leftOut { continue }
            if let exceptUser, member.pointee.user == exceptUser { continue }
            if !member.pointee.group.meets(groups) {
                noteMissed(slot)
                continue
            }
            if isEphemeral, !isIdle(slot) { continue }
            switch append(frame, of: messages, to: slot, member) {
            case .queued: count += 1
            case .flushFirst, .tooSlow: overflowing.append(slot)
            case .dropped, .closed: break
            }
        }
        return count
    }

    /// Takes the first frame off the front of several.
    package func takeFirst(of frames: inout Segment) -> Segment {
        let count = measureFrame(arena.place(of: frames)).count
        var first = frames
        first.end = frames.start + UInt32(count)
        frames.start = first.end
        return first
    }

    // MARK: Full outboxes

    private func appendToFull(_ frame: Segment, to slot: UInt32) -> AppendResult {
        if members[Int(slot)].outbox.mayFlush { return .flushFirst }
        switch members[Int(slot)].outbox.policy {
        case .close:
            return .tooSlow
        case .dropNewest:
            members[Int(slot)].outbox.dropped &+= 1
            return .dropped
        case .dropOldest:
            dropOldest(slot, untilBytes: Int(members[Int(slot)].outbox.bytesMax) - frame.count)
        case .latest:
            dropOldest(slot, untilBytes: 0)
        }
        let bytes = members[Int(slot)].outbox.bytes
        let fixed = members[Int(slot)].outbox.fixedBytes
        if Int(bytes) + frame.count > Int(members[Int(slot)].outbox.bytesMax), bytes > fixed {
            members[Int(slot)].outbox.dropped &+= 1
            return .dropped
        }
        appendAlways(frame, to: slot)
        members[Int(slot)].sent &+= 1
        return .queued
    }

    /// Drops whole messages from the front until at most so many bytes wait. Control frames and what has been
    /// begun stay.
    package func dropOldest(_ slot: UInt32, untilBytes target: Int) {
        if members[Int(slot)].outbox.chunk != Outbox.none { pushNewest(slot) }
        let queue = Int(members[Int(slot)].outbox.queue)
        if queue == Int(Outbox.none) { return }
        var index = queues[queue].head
        var skip = Int(members[Int(slot)].outbox.fixedBytes)
        while Int(members[Int(slot)].outbox.bytes) > target {
            while index < queues[queue].segments.count, skip >= queues[queue].segments[index].count {
                skip -= queues[queue].segments[index].count
                index += 1
            }
            if index == queues[queue].segments.count { return }
            let segment = queues[queue].segments[index]
            let frame = measureFrame(arena.place(chunk: segment.chunk, at: segment.start + UInt32(skip)))
            if frame.isControl {
                skip += frame.count
                continue
            }
            index = cut(frame.count, at: skip, from: index, of: queue)
            members[Int(slot)].outbox.bytes -= UInt32(frame.count)
            members[Int(slot)].outbox.dropped &+= 1
        }
    }

    /// Takes `count` bytes at `offset` out of a segment of a queue, in two parts if they were in the middle.
    /// Returns the index at which the search goes on.
    private func cut(_ count: Int, at offset: Int, from index: Int, of queue: Int) -> Int {
        var segment = queues[queue].segments[index]
        if offset > 0 {
            var front = segment
            front.end = segment.start + UInt32(offset)
            segment.start = front.end + UInt32(count)
            queues[queue].segments[index] = front
            if segment.count > 0 {
                arena.retain(segment)
                queues[queue].segments.insert(segment, at: index + 1)
            }
            return index
        }
        segment.start += UInt32(count)
        queues[queue].segments[index] = segment
        if segment.count > 0 { return index }
        arena.release(segment)
        if index == queues[queue].head {
            queues[queue].head += 1
            return index + 1
        }
        queues[queue].segments.remove(at: index)
        return index
    }

    /// How many messages were dropped since it was last asked.
    package func takeDropped(_ slot: UInt32) -> Int {
        let dropped = members[Int(slot)].outbox.dropped
        members[Int(slot)].outbox.dropped = 0
        return Int(dropped)
    }
}

/// How long the frame is that begins at `place`, and whether it is a control frame. The hub wrote it, so it
/// is whole.
func measureFrame(_ place: UnsafePointer<UInt8>) -> (count: Int, isControl: Bool) {
    let isControl = place[0] & 0x08 != 0
    let maskCount = place[1] & 0x80 == 0 ? 0 : 4
    let short = Int(place[1] & 0x7F)
    if short < 126 { return (2 + maskCount + short, isControl) }
    var length = 0
    let lengthCount = short == 126 ? 2 : 8
    for index in 0..<lengthCount { length = length << 8 | Int(place[2 + index]) }
    return (2 + lengthCount + maskCount + length, isControl)
}
