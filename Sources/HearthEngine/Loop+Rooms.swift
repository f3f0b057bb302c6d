// Rooms and users: joining, leaving, and messages to many: the hot path outward.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import HearthWire
internal import Synchronization

extension Loop {
    // MARK: Membership

    func join(_ place: UnsafeMutablePointer<Connection>, _ name: ByteString) -> Status {
        guard place.pointee.phase == .open, place.pointee.session.state == .open else { return .gone }
        let slot = place.pointee.slot
        let server = place.pointee.server.takeUnretainedValue()
        port.lock.lock()
        let result = hub.join(slot, room: name, roomsMax: server.roomsMax)
        port.lock.unlock()
        switch result {
        case .alreadyThere: return .ok
        case .limitReached: return .limit
        case .joined: break
        }
        let user = hub.user(of: slot).map { hub.userName($0) }
        let change = user.flatMap { joinPresence(server, room: name, user: $0) }
        emittingAfter {
            tell(.joined, place, name, user)
            if let change { tell(.userJoined, place, change) }
        }
        return .ok
    }

    func leave(_ place: UnsafeMutablePointer<Connection>, _ name: ByteString) -> Status {
        guard place.pointee.phase == .open else { return .gone }
        let server = place.pointee.server._withUnsafeGuaranteedRef { $0.number }
        guard let room = hub.findRoom(server: server, name.bytes.span),
            hub.isMember(place.pointee.slot, of: room)
        else {
            return .notFound
        }
        leaveRoom(place, room, isLost: false)
        return .ok
    }

    /// isLost: it did not leave, its end came. Its user may come back.
    func leaveRoom(_ place: UnsafeMutablePointer<Connection>, _ room: UInt32, isLost: Bool) {
        let slot = place.pointee.slot
        let name = hub.roomName(room)
        port.lock.lock()
        let wasMember = hub.leave(slot, room: room)
        port.lock.unlock()
        guard wasMember else { return }
        let user = hub.user(of: slot).map { hub.userName($0) }
        let server = place.pointee.server.takeUnretainedValue()
        let change = user.flatMap { leavePresence(server, room: name, user: $0, isLost: isLost) }
        emittingAfter {
            tell(.left, place, name, user)
            if let change { tell(.userLeft, place, change) }
        }
    }

    func setUser(_ place: UnsafeMutablePointer<Connection>, _ name: ByteString?) -> Status {
        guard place.pointee.phase == .open else { return .gone }
        let slot = place.pointee.slot
        let old = hub.user(of: slot).map { hub.userName($0) }
        if old == name { return .ok }
        let server = place.pointee.server.takeUnretainedValue()
        if let name, !moveUserPlace(place, server, from: old, to: name) { return .limit }
        if name == nil { leaveUserPlace(place, user: old) }
        renameLimited(place, server, user: name)
        var rooms: [ByteString] = []
        hub.forEachRoom(slot) {
            rooms.append(hub.roomName($0))
            return true
        }
        assignUser(place, name)
        emittingAfter {
            for room in rooms {
                if let old, let change = leavePresence(server, room: room, user: old, isLost: false) {
                    tell(.userLeft, place, change)
                }
                if let name, let change = joinPresence(server, room: room, user: name) {
                    tell(.userJoined, place, change)
                }
            }
        }
        return .ok
    }

    private func tell(
        _ type: EventType, _ place: UnsafeMutablePointer<Connection>, _ room: ByteString, _ user: ByteString?
    ) {
        var event = pending(type, place)
        event.room = room
        event.user = user
        emitInOrder(event)
    }

    private func tell(
        _ type: EventType, _ place: UnsafeMutablePointer<Connection>, _ change: PresenceChange
    ) {
        var event = pending(type, place)
        event.fill(change)
        emitInOrder(event)
    }

    private func joinPresence(_ server: Server, room: ByteString, user: ByteString) -> PresenceChange? {
        let wall = wallMilliseconds
        return server.withPresence { $0.join(room: room, user: user, at: wall) }
    }

    // MARK: Messages

    /// A message of the host's for one connection of this loop.
    @inline(__always)
    func send(
        _ place: UnsafeMutablePointer<Connection>, _ opcode: Opcode, _ payload: UnsafeBufferPointer<UInt8>
    ) -> Int64 {
        if place.pointee.phase != .open { return Int64(Status.gone.rawValue) }
        let slot = place.pointee.slot
        let isPlain = hub.group(of: slot) == .plain
        let frame = isPlain ? hub.encode(opcode, payload) : encode(opcode, payload, for: place)
        let result = hub.append(frame, to: slot)
        noteQueued()
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

    private func sendAfterFlush(_ place: UnsafeMutablePointer<Connection>, _ frame: Segment) -> Int64 {
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

    /// Those whose outbox was full in the fan-out: flush and try once more. Returns how many took it.
    func retryOverflowing(_ frame: Segment) -> Int {
        if hub.overflowing.isEmpty { return 0 }
        let slots = hub.overflowing
        hub.overflowing.removeAll(keepingCapacity: true)
        var count = 0
        for slot in slots {
            if !hub.isBlocked(slot) { flush(slot) }
            if retry(frame, to: slot) { count += 1 }
        }
        return count
    }

    /// A member's message to its rooms, without the host.
    func relay(
        _ place: UnsafeMutablePointer<Connection>, _ opcode: Opcode, _ payload: UnsafeBufferPointer<UInt8>
    ) {
        let slot = place.pointee.slot
        if hub.roomsOfConnection(slot) == 0 { return }
        noteBroadcast(place.pointee.counters)
        let leftOut = place.pointee.relay == .others ? slot : nil
        if hub.roomsOfConnection(slot) == 1, loopCount == 1, let room = hub.anyRoom(slot) {
            if isSentPlain(payload, by: place.pointee.endpoint) {
                // The same as below, without what a closure costs.
                let frame = hub.encode(opcode, payload)
                _ = hub.publish(frame, room: room, exceptSlot: leftOut, exceptUser: nil)
                _ = retryOverflowing(frame)
            } else {
                _ = fanOut(place.pointee.endpoint, opcode, payload, first: hub.anyGroup(room)) {
                    hub.publish($0, for: $1, room: room, exceptSlot: leftOut, exceptUser: nil)
                }
            }
            return noteQueued()
        }
        var rooms: [UInt32] = []
        hub.forEachRoom(slot) {
            rooms.append($0)
            return true
        }
        let exception = Exception(connection: leftOut == nil ? .none : place.pointee.id, user: nil)
        let server = place.pointee.server.takeUnretainedValue()
        _ = fanOut(place.pointee.endpoint, opcode, payload, first: hub.anyGroup(rooms[0])) { frame, groups in
            for room in rooms {
                _ = hub.publish(frame, for: groups, room: room, exceptSlot: leftOut, exceptUser: nil)
            }
            return 0
        }
        for room in rooms {
            let name = hub.roomName(room)
            engine.postToOtherLoops(than: self) {
                .publish(server: server, room: name, opcode, Array(payload), exception)
            }
        }
        noteQueued()
    }

    @inline(__always)
    private func noteBroadcast(_ counters: Counters) {
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
        _ server: Server, room name: borrowing Span<UInt8>, _ opcode: Opcode,
        _ payload: UnsafeBufferPointer<UInt8>,
        _ exception: Exception
    ) -> Int {
        guard let room = hub.findRoom(server: server.number, name) else { return 0 }
        noteBroadcast(server.counters(ofLoop: index))
        let leftOut = slot(of: exception.connection)
        let leftOutUser = exception.user.flatMap { hub.findUser(server: server.number, $0.bytes.span) }
        let count = fanOut(reference(to: server), opcode, payload, first: hub.anyGroup(room)) {
            hub.publish($0, for: $1, room: room, exceptSlot: leftOut, exceptUser: leftOutUser)
        }
        noteQueued()
        return count
    }

    /// Sends to all open connections of a server on this loop.
    func broadcast(
        _ server: Server, _ opcode: Opcode, _ payload: UnsafeBufferPointer<UInt8>, _ exception: Exception
    ) -> Int {
        noteBroadcast(server.counters(ofLoop: index))
        let leftOut = slot(of: exception.connection)
        let leftOutUser = exception.user.flatMap { hub.findUser(server: server.number, $0.bytes.span) }
        let endpoint = reference(to: server)
        let count = fanOut(endpoint, opcode, payload, first: anyGroup(of: endpoint)) { frame, groups in
            var count = 0
            for index in 0..<connections.endIndex {
                let slot = UInt32(index)
                guard isOpen(slot, of: endpoint), slot != leftOut else { continue }
                if let leftOutUser, hub.user(of: slot) == leftOutUser { continue }
                if hub.isIn(groups, slot) { count += append(frame, to: slot) }
            }
            return count
        }
        noteQueued()
        return count
    }

    /// Sends to a user's connections on this loop.
    func send(
        _ server: Server, user name: borrowing Span<UInt8>, _ opcode: Opcode,
        _ payload: UnsafeBufferPointer<UInt8>,
        _ exception: Exception
    ) -> Int {
        guard let user = hub.findUser(server: server.number, name) else { return 0 }
        if let other = exception.user, hub.userName(user) == other { return 0 }
        let leftOut = slot(of: exception.connection)
        let first = hub.group(of: hub.connection(user: user, at: 0))
        let count = fanOut(reference(to: server), opcode, payload, first: first) { frame, groups in
            var count = 0
            for index in 0..<hub.connectionCount(user: user) {
                let slot = hub.connection(user: user, at: index)
                if slot != leftOut, hub.isIn(groups, slot) { count += append(frame, to: slot) }
            }
            return count
        }
        noteQueued()
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
