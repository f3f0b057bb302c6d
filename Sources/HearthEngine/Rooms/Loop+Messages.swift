// Messages to one and to many: the hot path outward.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import HearthWire
internal import Synchronization

extension Loop {
    // MARK: To one

    /// A message of the host's for one connection of this loop.
    @inline(__always)
    func send(
        _ place: ConnectionRef, _ opcode: Opcode, _ payload: UnsafeBufferPointer<UInt8>
    ) -> Int64 {
        if place.pointee.dialect == .json { return send(place, Outgoing(opcode, payload)) }
        return sendFrame(place, opcode, payload)
    }

    /// Queues a message for one connection in the form that it gets.
    func send(_ place: ConnectionRef, _ outgoing: Outgoing) -> Int64 {
        if place.pointee.phase != .open { return Int64(Status.gone.rawValue) }
        guard place.pointee.dialect == .json else {
            return outgoing.reachesRaw ? sendFrame(place, outgoing.opcode, outgoing.raw) : 0
        }
        if place.pointee.endpoint._withUnsafeGuaranteedRef({ $0.batches }) {
            if outgoing.isEvent { return addToBatch(place, outgoing.json) }
            // What is no event cannot stand in a JSON array. It does not overtake what stands there.
            flushBatch(place)
        }
        return sendFrame(place, outgoing.opcode, outgoing.json)
    }

    /// Queues one frame with these bytes.
    @inline(__always)
    func sendFrame(
        _ place: ConnectionRef, _ opcode: Opcode, _ payload: UnsafeBufferPointer<UInt8>
    ) -> Int64 {
        if place.pointee.phase != .open { return Int64(Status.gone.rawValue) }
        let slot = place.pointee.slot
        let isPlain = hub.group(of: slot) == .plain
        let frame = isPlain ? hub.encode(opcode, payload) : encode(opcode, payload, for: place)
        let result = hub.append(frame, to: slot)
        context.ensureTurn()
        switch result {
        case .queued: return 1
        case .flushFirst: return sendAfterFlush(place, frame)
        case .dropped: return 0
        case .tooSlow:
            closeTooSlow(place)
            return Int64(Status.queueFull.rawValue)
        case .closed: return Int64(Status.gone.rawValue)
        }
    }

    private func sendAfterFlush(_ place: ConnectionRef, _ frame: Segment) -> Int64 {
        flush(place.pointee.slot)
        if place.pointee.phase != .open { return Int64(Status.gone.rawValue) }
        return retry(frame, to: place.pointee.slot) ? 1 : 0
    }

    /// Appends once more after a flush: what is full now is full for good.
    private func retry(_ frame: Segment, to slot: UInt32) -> Bool {
        let place = connections.place(slot)
        if place.pointee.phase != .open { return false }
        switch hub.append(frame, to: slot) {
        case .queued: return true
        case .flushFirst, .tooSlow:
            closeTooSlow(place)
            return false
        case .dropped, .closed: return false
        }
    }

    // MARK: To many

    /// Those whose outbox was full in the fan-out: flush and try once more. Returns how many took it.
    func retryOverflowing(_ frame: Segment) -> Int {
        if hub.overflowing.isEmpty { return 0 }
        let slots = hub.overflowing
        hub.overflowing.removeAll(keepingCapacity: true)
        var count = 0
        for slot in slots {
            if hub.mayFlush(slot) { flush(slot) }
            if retry(frame, to: slot) { count += 1 }
        }
        return count
    }

    /// A member's message to its rooms, without the host.
    @inline(__always)
    func relay(
        _ place: ConnectionRef, _ opcode: Opcode, _ payload: UnsafeBufferPointer<UInt8>
    ) {
        if hub.roomsOfConnection(place.pointee.slot) == 0 { return }
        if opcode == .text, place.pointee.server._withUnsafeGuaranteedRef({ $0.speaksJSON }) {
            return relayText(place, payload)
        }
        relay(place, Outgoing(opcode, payload))
    }

    @_optimize(speed)
    func relay(_ place: ConnectionRef, _ outgoing: Outgoing) {
        noteBroadcast(place.pointee.counters)
        if clusters.isUsed { forward(place, outgoing) }
        let slot = place.pointee.slot
        let leftOut = place.pointee.relay == .others ? slot : nil
        if hub.roomsOfConnection(slot) == 1, loopCount == 1, let room = hub.anyRoom(slot) {
            if isTheSame(outgoing, for: place.pointee.endpoint) {
                // The same as below, without what a closure costs.
                let frame = hub.encode(outgoing.opcode, outgoing.raw)
                _ = hub.publish(frame, room: room, exceptSlot: leftOut, exceptUser: nil)
                _ = retryOverflowing(frame)
            } else {
                _ = fanOut(place.pointee.endpoint, outgoing, first: hub.anyGroup(room)) {
                    hub.publish($0, for: $1, room: room, exceptSlot: leftOut, exceptUser: nil)
                }
            }
            return context.ensureTurn()
        }
        var rooms: [UInt32] = []
        hub.forEachRoom(slot) {
            rooms.append($0)
            return true
        }
        guard let firstRoom = rooms.first else { return }
        let exception = Exception(connection: leftOut == nil ? .none : place.pointee.id, user: nil)
        let server = place.pointee.server.takeUnretainedValue()
        _ = fanOut(place.pointee.endpoint, outgoing, first: hub.anyGroup(firstRoom)) { frame, groups in
            for room in rooms {
                _ = hub.publish(frame, for: groups, room: room, exceptSlot: leftOut, exceptUser: nil)
            }
            return 0
        }
        for room in rooms where loopCount > 1 {
            server.postMessage(room: hub.roomName(room), outgoing, exception)
        }
        context.ensureTurn()
    }

    @inline(__always)
    func noteBroadcast(_ counters: Counters) {
        counters.add(.broadcasts)
        broadcastsOfTurn &+= 1
        if broadcastsBegan == 0 {
            broadcastsBegan = commandsPosted == 0 ? Clock.monotonicNanoseconds() : commandsPosted
        }
    }

    /// What was broadcast in this turn is with the system.
    func recordBroadcasts() {
        let now = Clock.monotonicNanoseconds()
        meter.broadcastLatency.record(
            nanoseconds: now > broadcastsBegan ? now - broadcastsBegan : 0, times: broadcastsOfTurn)
        broadcastsOfTurn = 0
        broadcastsBegan = 0
    }

    /// Sends to the members of a room on this loop. Returns for how many it was queued.
    func publish(
        _ server: Server, room name: borrowing Span<UInt8>, _ outgoing: Outgoing, _ exception: Exception
    ) -> Int {
        guard let room = hub.findRoom(server: server.number, name) else { return 0 }
        noteBroadcast(server.counters(ofLoop: index))
        let leftOut = slot(of: exception.connection)
        let leftOutUser = exception.user.flatMap { hub.findUser(server: server.number, $0.bytes.span) }
        let count = fanOut(reference(to: server), outgoing, first: hub.anyGroup(room)) {
            hub.publish(
                $0, for: $1, room: room, exceptSlot: leftOut, exceptUser: leftOutUser,
                isEphemeral: outgoing.isEphemeral)
        }
        context.ensureTurn()
        return count
    }

    /// Sends to all open connections of a server on this loop.
    func broadcast(_ server: Server, _ outgoing: Outgoing, _ exception: Exception) -> Int {
        noteBroadcast(server.counters(ofLoop: index))
        let leftOut = slot(of: exception.connection)
        let leftOutUser = exception.user.flatMap { hub.findUser(server: server.number, $0.bytes.span) }
        let endpoint = reference(to: server)
        let count = fanOut(endpoint, outgoing, first: anyGroup(of: endpoint)) { frame, groups in
            var count = 0
            for index in 0..<connections.endIndex {
                let slot = UInt32(index)
                guard isOpen(slot, of: endpoint), slot != leftOut else { continue }
                if let leftOutUser, hub.user(of: slot) == leftOutUser { continue }
                if hub.isIn(groups, slot) { count += append(frame, to: slot) }
            }
            return count
        }
        context.ensureTurn()
        return count
    }

    /// Sends to a user's connections on this loop.
    func send(
        _ server: Server, user name: borrowing Span<UInt8>, _ outgoing: Outgoing, _ exception: Exception
    ) -> Int {
        guard let user = hub.findUser(server: server.number, name) else { return 0 }
        if let other = exception.user, hub.userName(user) == other { return 0 }
        let leftOut = slot(of: exception.connection)
        let first = hub.group(of: hub.connection(user: user, at: 0))
        let count = fanOut(reference(to: server), outgoing, first: first) { frame, groups in
            var count = 0
            for index in 0..<hub.connectionCount(user: user) {
                let slot = hub.connection(user: user, at: index)
                if slot != leftOut, hub.isIn(groups, slot) { count += append(frame, to: slot) }
            }
            return count
        }
        context.ensureTurn()
        return count
    }

    private func reference(to server: Server) -> Unmanaged<Endpoint> { .passUnretained(server) }

    private func isOpen(_ slot: UInt32, of endpoint: Unmanaged<Endpoint>) -> Bool {
        connections.contains(slot) && connections[slot].phase == .open
            && connections[slot].endpoint.toOpaque() == endpoint.toOpaque()
    }

    /// The group of one of the endpoint's open connections.
    private func anyGroup(of endpoint: Unmanaged<Endpoint>) -> FrameGroups {
        for index in 0..<connections.endIndex where isOpen(UInt32(index), of: endpoint) {
            return hub.group(of: UInt32(index))
        }
        return .plain
    }

    func append(_ frame: Segment, to slot: UInt32) -> Int {
        switch hub.append(frame, to: slot) {
        case .queued: return 1
        case .flushFirst, .tooSlow:
            hub.overflowing.append(slot)
            return 0
        case .dropped, .closed: return 0
        }
    }

    private func slot(of id: ConnectionID) -> UInt32? {
        id.raw != 0 && id.loop == port.number ? place(of: id)?.pointee.slot : nil
    }
}
