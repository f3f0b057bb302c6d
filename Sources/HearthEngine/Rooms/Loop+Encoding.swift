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
        _ endpoint: Unmanaged<Endpoint>, _ outgoing: Outgoing, first: @autoclosure () -> FrameGroups,
        _ pass: (Segment, FrameGroups) -> Int
    ) -> Int {
        if isTheSame(outgoing, for: endpoint) {
            let frame = hub.encode(outgoing.opcode, outgoing.raw)
            let count = pass(frame, .all)
            return count + retryOverflowing(frame)
        }
        return fanOutByGroup(endpoint, outgoing, first: first(), pass)
    }

    /// Whether one frame does for all groups.
    @inline(__always)
    func isTheSame(_ outgoing: Outgoing, for endpoint: Unmanaged<Endpoint>) -> Bool {
        if outgoing.isEvent { return false }
        return endpoint._withUnsafeGuaranteedRef {
            outgoing.raw.count < $0.compression.threshold && !$0.batches
        }
    }

    private func fanOutByGroup(
        _ endpoint: Unmanaged<Endpoint>, _ outgoing: Outgoing, first: FrameGroups,
        _ pass: (Segment, FrameGroups) -> Int
    ) -> Int {
        let settings = endpoint._withUnsafeGuaranteedRef { $0.compression }
        var served = FrameGroups.none
        var next = first
        var count = 0
        repeat {
            hub.beginPass()
            let (frame, groups) = encode(outgoing, settings, for: next)
            count += pass(frame, groups)
            count += retryOverflowing(frame)
            served.insert(next)
            served.insert(groups)
            next = hub.missedGroups.without(served).without(.individual).first
        } while !next.isEmpty
        // Every pass has met all of these.
        for slot in hub.takeIndividuals() {
            let place = connections.place(slot)
            if place.pointee.phase != .open || (outgoing.isEphemeral && !hub.isIdle(slot)) { continue }
            if send(place, outgoing) > 0 { count += 1 }
        }
        return count
    }

    /// The frame for a group, and all groups that it is good for: none if the group gets nothing.
    private func encode(
        _ outgoing: Outgoing, _ settings: CompressionSettings, for group: FrameGroups
    ) -> (Segment, FrameGroups) {
        let isJSON = group.dialect == .json
        if group == .individual || (!isJSON && !outgoing.reachesRaw) { return (.empty, .none) }
        let payload = isJSON ? outgoing.json : outgoing.raw
        // Who gets the same bytes, compressed or not.
        let equals = outgoing.isEvent ? FrameGroups.all(of: group.dialect) : .all.without(.individual)
        if payload.count < settings.threshold { return (hub.encode(outgoing.opcode, payload), equals) }
        let alike = outgoing.isEvent ? group : group.ofEveryDialect
        guard let windowBits = group.windowBits else {
            return (hub.encode(outgoing.opcode, payload), alike)
        }
        guard let compressed = codecs.compress(payload, level: settings.level, windowBits: windowBits) else {
            return (hub.encode(outgoing.opcode, payload), equals)
        }
        return (encodeCompressed(outgoing.opcode, compressed), alike)
    }

    /// The frame for a connection whose messages are not plain. It must be queued, or the connection closed.
    func encode(
        _ opcode: Opcode, _ payload: UnsafeBufferPointer<UInt8>,
        for place: ConnectionRef
    ) -> Segment {
        let settings = place.pointee.endpoint._withUnsafeGuaranteedRef { $0.compression }
        guard payload.count >= settings.threshold, hub.acceptsMessages(place.pointee.slot),
            let compression = place.pointee.compression
        else { return hub.encode(opcode, payload) }
        guard compression.sendsTakeover else {
            guard
                let compressed = codecs.compress(
                    payload, level: settings.level, windowBits: compression.sentWindowBits)
            else { return hub.encode(opcode, payload) }
            return encodeCompressed(opcode, compressed)
        }
        guard let compressed = codecs.compress(payload, level: settings.level, for: compression) else {
            return hub.encode(opcode, payload)
        }
        return encodeCompressed(opcode, compressed)
    }

    private func encodeCompressed(_ opcode: Opcode, _ compressed: UnsafeBufferPointer<UInt8>) -> Segment {
        let frame = hub.encode(opcode, compressed, isCompressed: true)
        codecs.trimDeflated()
        return frame
    }
}
