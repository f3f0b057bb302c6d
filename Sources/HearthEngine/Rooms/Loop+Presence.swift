// Who is in which room, told: users whose connections are lost and may come back, and what is shown with a
// user.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import Synchronization

/// Users of one server who stay in their rooms for a while after this loop lost their last connection.
struct DepartureQueue {
    let server: Server
    private var waiting: [(departure: PresenceDeparture, due: UInt64)] = []
    private var head = 0

    init(_ server: Server) { self.server = server }

    /// When the next is due: all wait for the same time, so they are due in the order in which they came.
    var due: UInt64? { head == waiting.count ? nil : waiting[head].due }

    var count: Int { waiting.count - head }

    mutating func append(_ departure: PresenceDeparture, due: UInt64) {
        if head >= 64, head * 2 >= waiting.count {
            waiting.removeSubrange(0..<head)
            head = 0
        }
        waiting.append((departure, due))
    }

    mutating func removeFirst() -> PresenceDeparture {
        let departure = waiting[head].departure
        head += 1
        if head == waiting.count {
            waiting.removeAll(keepingCapacity: waiting.capacity <= 1024)
            head = 0
        }
        return departure
    }
}

extension Loop {
    /// Says whose connection it is; nothing is told.
    func assignUser(_ place: ConnectionRef, _ name: ByteString?) {
        let slot = place.pointee.slot
        let old = hub.user(of: slot).map { hub.userName($0) }
        let isLast =
            clusters.isUsed && (hub.user(of: slot).map { hub.connectionCount(user: $0) == 1 } ?? false)
        place.pointee.server._withUnsafeGuaranteedRef { server in
            let isFirst =
                clusters.isUsed
                && (name.map { hub.findUser(server: server.number, $0.bytes.span) == nil } ?? false)
            port.lock.withLock { hub.setUser(slot, name) }
            if old == nil, name == nil { return }
            server.withPresence { presence in
                // The new one first: what is known of a user stays if it is the same.
                if let name { presence.connect(name) }
                if let old { presence.disconnect(old) }
            }
            if !clusters.isUsed { return }
            noteClaim(place, server, from: old, to: name)
            if isFirst, let name { noteUser(server, name, isThere: true) }
            if isLast, let old { noteUser(server, old, isThere: false) }
        }
    }

    /// The user has one connection less in the room. Returns what is to be told, now.
    func leavePresence(
        _ server: Server, room: ByteString, user: ByteString, isLost: Bool
    ) -> PresenceChange? {
        let waits =
            isLost && server.presenceGrace > 0 && server.state.load(ordering: .relaxed) == .started
            && departureCount(server) < server.presenceGraceUsersMax
        let result = server.withPresence {
            $0.leave(room: room.bytes.span, user: user.bytes.span, isKept: waits)
        }
        notePresence(server)
        switch result {
        case .stays: return nil
        case .left(let change): return change
        case .departs(let departure):
            keep(departure, of: server)
            return nil
        }
    }

    private func departureCount(_ server: Server) -> Int {
        for queue in departures where queue.server === server { return queue.count }
        return 0
    }

    private func keep(_ departure: PresenceDeparture, of server: Server) {
        var found = departures.firstIndex { $0.server === server }
        if found == nil {
            departures.append(DepartureQueue(server))
            found = departures.count - 1
        }
        departures[found!].append(departure, due: now + server.presenceGrace)
        timers.setNoLater(.departures, due: now + server.presenceGrace)
    }

    /// Users whose time is over leave their rooms.
    func expireDepartures() {
        // A callback may end a server, whose queue is gone then: one turn later the others have theirs.
        var index = 0
        while index < departures.count {
            emittingAfter {
                while let due = departures[index].due, due <= now { expireFirst(index) }
            }
            index += 1
        }
        for queue in departures { if let due = queue.due { timers.setNoLater(.departures, due: due) } }
    }

    /// The server ends: nobody can come back.
    func expireAllDepartures(of server: Server) {
        guard let index = departures.firstIndex(where: { $0.server === server }) else { return }
        emittingAfter {
            while departures[index].due != nil { expireFirst(index) }
            departures.remove(at: index)
        }
    }

    private func expireFirst(_ index: Int) {
        let departure = departures[index].removeFirst()
        let server = departures[index].server
        if let change = server.withPresence({ $0.expire(departure) }) { tell(.userLeft, server, change) }
        notePresence(server)
    }

    /// What is shown with a user changes: its rooms are told.
    func setPresence(_ server: Server, user: borrowing Span<UInt8>, _ data: [UInt8]) -> Status {
        var found: [PresenceChange]?
        server.withPresence { found = $0.setData(user, data) }
        guard let changes = found else { return .notFound }
        emittingAfter { for change in changes { tell(.presenceUpdated, server, change) } }
        notePresence(server)
        return .ok
    }

    /// A change that is no connection's.
    func tell(
        _ type: EventType, _ server: Server, _ change: PresenceChange, isFromElsewhere: Bool = false
    ) {
        publishPresence(type, server, change)
        var event = PendingEvent(type: type, endpoint: server, connection: .none, context: nil, route: -1)
        event.fill(change)
        if isFromElsewhere { event.flags = EngineEvent.isFromElsewhere }
        emitInOrder(event)
    }
}

extension PendingEvent {
    mutating func fill(_ change: PresenceChange) {
        room = change.room
        user = change.user
        data = type == .userLeft ? [] : change.data
        version = change.version
    }
}
