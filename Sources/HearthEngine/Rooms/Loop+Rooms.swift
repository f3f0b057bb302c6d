// Rooms and users: joining, leaving, and what members are told of it.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import HearthWire
internal import Synchronization

extension Loop {
    // MARK: Membership

    func join(_ place: ConnectionRef, _ name: ByteString) -> Status {
        join(place, name, isAnswered: false)
    }

    /// `isAnswered`: the peer asked for it by an event and gets one back.
    func join(
        _ place: ConnectionRef, _ name: ByteString, isAnswered: Bool
    ) -> Status {
        guard place.pointee.phase == .open, place.pointee.session.state == .open else { return .gone }
        let slot = place.pointee.slot
        let server = place.pointee.server.takeUnretainedValue()
        port.lock.lock()
        let result = hub.join(slot, room: name, roomsMax: server.roomsMax)
        port.lock.unlock()
        switch result {
        case .alreadyThere:
            if isAnswered { sendRoomEvent(place, ascii("join"), name) { _, _ in } }
            return .ok
        case .limitReached: return .limit
        case .joined(let room):
            if clusters.isUsed, hub.memberCount(room) == 1 { noteRoom(server, name, isThere: true) }
        }
        let user = hub.user(of: slot).map { hub.userName($0) }
        let change = user.flatMap { joinPresence(server, room: name, user: $0) }
        if place.pointee.dialect == .json { greet(place, server, name, isAnswered: isAnswered) }
        emittingAfter {
            tell(.joined, place, name, user)
            if let change { tell(.userJoined, place, change) }
        }
        return .ok
    }

    func leave(_ place: ConnectionRef, _ name: ByteString) -> Status {
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
    func leaveRoom(_ place: ConnectionRef, _ room: UInt32, isLost: Bool) {
        let slot = place.pointee.slot
        let name = hub.roomName(room)
        let isLast = hub.memberCount(room) == 1
        if place.pointee.dialect == .json {
            stopTyping(place, place.pointee.server.takeUnretainedValue(), name)
        }
        port.lock.lock()
        let wasMember = hub.leave(slot, room: room)
        port.lock.unlock()
        guard wasMember else { return }
        let user = hub.user(of: slot).map { hub.userName($0) }
        let server = place.pointee.server.takeUnretainedValue()
        if clusters.isUsed, isLast { noteRoom(server, name, isThere: false) }
        let change = user.flatMap { leavePresence(server, room: name, user: $0, isLost: isLost) }
        emittingAfter {
            tell(.left, place, name, user)
            if let change { tell(.userLeft, place, change) }
        }
    }

    func setUser(_ place: ConnectionRef, _ name: ByteString?) -> Status {
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
        if place.pointee.dialect == .json { for room in rooms { stopTyping(place, server, room) } }
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
        _ type: EventType, _ place: ConnectionRef, _ room: ByteString, _ user: ByteString?
    ) {
        var event = pending(type, place)
        event.room = room
        event.user = user
        emitInOrder(event)
    }

    private func tell(
        _ type: EventType, _ place: ConnectionRef, _ change: PresenceChange
    ) {
        publishPresence(type, place.pointee.server.takeUnretainedValue(), change)
        var event = pending(type, place)
        event.fill(change)
        emitInOrder(event)
    }

    private func joinPresence(_ server: Server, room: ByteString, user: ByteString) -> PresenceChange? {
        let wall = wallMilliseconds
        let change = server.withPresence { $0.join(room: room, user: user, at: wall) }
        notePresence(server)
        return change
    }
}
