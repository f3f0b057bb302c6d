// Messages to frames: once for each group of receivers, and once for each connection that has an encoding of
// its own.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthWire

extension Loop {
    /// Queues a message for many. `pass` is given a frame and the groups it is for, and appends it to the
    /// outboxes of those, by way of `hub.publish` or after `hub.isIn`; it is called again for each group that
    /// it met besides. `first` is the group to begin with, best the one of a receiver. Returns for how many
    /// connections the message was queued.
    func fanOut(
        _ endpoint: Unmanaged<Endpoint>, _ opcode: Opcode, _ payload: UnsafeBufferPointer<UInt8>,
        first: @autoclosure () -> FrameGroups, _ pass: (Segment, FrameGroups) -> Int
    ) -> Int {
        if isSentPlain(payload, by: endpoint) {
            let frame = hub.encode(opcode, payload)
            let count = pass(frame, .all)
            return count + retryOverflowing(frame)
        }
        return fanOutByGroup(endpoint, opcode, payload, first: first(), pass)
    }

    /// Whether one frame does for all groups.
    @inline(__always)
    func isSentPlain(_ payload: UnsafeBufferPointer<UInt8>, by endpoint: Unmanaged<Endpoint>) -> Bool {
        payload.count < endpoint._withUnsafeGuaranteedRef { $0.compression.threshold }
    }

    private func fanOutByGroup(
        _ endpoint: Unmanaged<Endpoint>, _ opcode: Opcode, _ payload: UnsafeBufferPointer<UInt8>,
        first: FrameGroups, _ pass: (Segment, FrameGroups) -> Int
    ) -> Int {
        let level = endpoint._withUnsafeGuaranteedRef { $0.compression.level }
        var served = FrameGroups.none
        var next = first
        var count = 0
        repeat {
            hub.beginPass()
            let (frame, groups) = encode(opcode, payload, level: level, for: next)
            count += pass(frame, groups)
            count += retryOverflowing(frame)
            served.insert(groups)
            next = hub.missedGroups.without(served).without(.individual).first
        } while !next.isEmpty
        // Every pass has met all of these.
        for slot in hub.takeIndividuals() {
            let place = connections.place(slot)
            if place.pointee.phase != .open { continue }
            let frame = encode(opcode, payload, for: place)
            if append(frame, to: slot) == 1 || retryOverflowing(frame) == 1 { count += 1 }
        }
        return count
    }

    /// The frame for a group, and all groups that it is good for.
    private func encode(
        _ opcode: Opcode, _ payload: UnsafeBufferPointer<UInt8>, level: Int, for group: FrameGroups
    ) -> (Segment, FrameGroups) {
        if group == .individual { return (.empty, .none) }
        guard let windowBits = group.windowBits else { return (hub.encode(opcode, payload), group) }
        guard let compressed = codecs.compress(payload, level: level, windowBits: windowBits) else {
            return (hub.encode(opcode, payload), FrameGroups.all.without(.individual))
        }
        return (encodeCompressed(opcode, compressed), group)
    }

    /// The frame for a connection whose messages are not plain. It must be queued, or the connection closed.
    func encode(
        _ opcode: Opcode, _ payload: UnsafeBufferPointer<UInt8>,
        for place: UnsafeMutablePointer<Connection>
    ) -> Segment {
        let settings = place.pointee.endpoint._withUnsafeGuaranteedRef { $0.compression }
        guard payload.count >= settings.threshold, hub.acceptsMessages(place.pointee.slot),
            let compression = place.pointee.compression
        else { return hub.encode(opcode, payload) }
        guard compression.sendsTakeover else {
            return encode(opcode, payload, level: settings.level, for: compression.group).0
        }
        guard let compressed = codecs.compress(payload, level: settings.level, for: compression) else {
            return hub.encode(opcode, payload)
        }
        return encodeCompressed(opcode, compressed)
    }

    private func encodeCompressed(_ opcode: Opcode, _ compressed: UnsafeBufferPointer<UInt8>) -> Segment {
        let frame = hub.encode(opcode, compressed, isCompressed: true)
        codecs.trim()
        return frame
    }
}
