// What one read brings for a room goes to the members together: each takes one run of bytes, however many
// messages are in it.

internal import HearthBytes
internal import HearthHub
internal import HearthWire

/// Messages of one connection for its room, encoded one behind the other, that no member has yet. Nothing
/// else happens to the loop as long as there are any.
struct RelayRun {
    var frames = Segment.empty
    /// 0: there are none.
    var count = 0
    var room: UInt32 = 0
    var leftOut: UInt32?
}

extension Loop {
    /// Whether the message is nobody's but its one room's; then it is behind the others of the run.
    @inline(__always)
    func gathers(
        _ place: ConnectionRef, _ opcode: Opcode, _ payload: UnsafeBufferPointer<UInt8>,
        _ run: inout RelayRun
    ) -> Bool {
        if place.pointee.relay == .none || place.pointee.emitsMessages || loopCount > 1 || clusters.isUsed {
            return false
        }
        return gather(place, opcode, payload, &run)
    }

    @_optimize(speed)
    private func gather(
        _ place: ConnectionRef, _ opcode: Opcode, _ payload: UnsafeBufferPointer<UInt8>,
        _ run: inout RelayRun
    ) -> Bool {
        let slot = place.pointee.slot
        if place.pointee.dialect != .raw || isLimited(place) { return false }
        if opcode == .text, place.pointee.server._withUnsafeGuaranteedRef({ $0.speaksJSON }) { return false }
        guard hub.roomsOfConnection(slot) == 1, let room = hub.anyRoom(slot),
            isTheSame(Outgoing(opcode, payload), for: place.pointee.endpoint)
        else { return false }
        place.pointee.messagesReceived.increase()
        place.pointee.counters.add(.messagesReceived)
        noteBroadcast(place.pointee.counters)
        let frame = hub.encode(opcode, payload)
        if run.count > 0, run.frames.chunk == frame.chunk, run.frames.end == frame.start {
            run.frames.end = frame.end
            run.count &+= 1
            return true
        }
        finish(&run)
        run = RelayRun(
            frames: frame, count: 1, room: room, leftOut: place.pointee.relay == .others ? slot : nil)
        return true
    }

    /// Gives the members what has been gathered.
    @inline(__always)
    func finish(_ run: inout RelayRun) {
        if run.count > 0 { publish(&run) }
    }

    @inline(never)
    private func publish(_ run: inout RelayRun) {
        let count = run.count
        run.count = 0
        _ = hub.publish(run.frames, of: count, room: run.room, exceptSlot: run.leftOut, exceptUser: nil)
        if !hub.overflowing.isEmpty {
            if count == 1 { _ = retryOverflowing(run.frames) } else { publishSingly(run.frames) }
        }
        context.ensureTurn()
    }

    /// Those whose outbox has no room for all of it get one message after the other, as far as it goes, and
    /// then as their policy says.
    private func publishSingly(_ frames: Segment) {
        let slots = hub.overflowing
        hub.overflowing.removeAll(keepingCapacity: true)
        var rest = frames
        while rest.count > 0 {
            let frame = hub.takeFirst(of: &rest)
            for slot in slots {
                switch hub.append(frame, to: slot) {
                case .flushFirst, .tooSlow: hub.overflowing.append(slot)
                case .queued, .dropped, .closed: break
                }
            }
            _ = retryOverflowing(frame)
        }
    }
}
