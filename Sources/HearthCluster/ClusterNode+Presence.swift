// Who is in a room on other processes. A process tells what it has when it begins to listen to a room, then
// every change; the others answer with what they have. What is told last is true: where messages on different
// channels may overtake each other, what is for one process goes on the channel of the room too.

package import HearthBytes

extension ClusterNode {
    /// Bytes of users in one part of a snapshot.
    private var partBytesMax: Int { min(settings.messageBytesMax / 2, 256 << 10) }

    // MARK: Out

    /// A user came to the room in this process, or is shown with other data; or is there no more (nil). What
    /// happens before others listen is in the snapshot.
    package func tellPresence(_ room: ByteString, _ user: ByteString, _ record: PresenceRecord?) {
        guard let channel = listened(room) else { return }
        if let record {
            var message = NodeMessage(.joined)
            message.number = record.joinedAt
            sendOwn(message, channel, name: user.bytes, first: record.data)
        } else {
            sendOwn(NodeMessage(.left), channel, name: user.bytes)
        }
    }

    /// Tells all that are in the room here, everybody or one process, and asks for the same if told to.
    package func tellSnapshot(
        _ room: ByteString, _ users: [PresenceRecord], to node: UInt64?, asks: Bool, now: UInt64
    ) {
        guard let home = listened(room) else { return }
        var channel: UInt32? = home
        if let node, broker.keepsOrder {
            let name = Self.hexadecimal(node)
            channel = reach(.node, name.span, now: now)
        }
        guard let channel else { return }
        var index = 0
        repeat {
            var message = NodeMessage(.snapshot)
            message.number = node ?? 0
            var bytes: [UInt8] = []
            if index == 0 { message.flags.insert(.first) }
            while index < users.count, bytes.isEmpty || bytes.count + users[index].bytesCount <= partBytesMax
            {
                PresenceRecord.append(users[index], to: &bytes)
                index += 1
            }
            if index == users.count { message.flags.insert(.last) }
            if asks, message.flags.contains(.last) {
                message.flags.insert(.asks)
                if node == nil, hasHeard(home) { message.flags.insert(.again) }
            }
            sendOwn(message, channel, name: room.bytes, first: bytes)
        } while index < users.count
    }

    // MARK: In

    func receivePresence(
        _ message: NodeMessage, _ payload: borrowing Span<UInt8>, in room: ByteString
    ) {
        let user = ByteString(payload, message.name)
        if user.isEmpty { return }
        if message.kind == .left {
            if presence.leave(message.origin, room, user) { effects.append(.left(room: room, user: user)) }
            return
        }
        let data = HearthBytes.copy(payload, message.first.lowerBound, message.first.upperBound)
        note(message.origin, room, PresenceRecord(user: user, data: data, joinedAt: message.number))
    }

    func receiveSnapshot(_ message: NodeMessage, _ payload: borrowing Span<UInt8>) {
        if message.number != 0, message.number != number { return }
        let room = ByteString(payload, message.name)
        guard listened(room) != nil, let users = PresenceRecord.readAll(payload, message.first) else {
            return
        }
        for record in users { note(message.origin, room, record) }
        let gone = presence.name(
            message.origin, room, users, isFirst: message.flags.contains(.first),
            isLast: message.flags.contains(.last))
        for user in gone where presence.leave(message.origin, room, user) {
            effects.append(.left(room: room, user: user))
        }
        if message.flags.contains(.asks) {
            effects.append(.tellRoom(room, to: message.origin, asks: false))
        }
    }

    private func note(_ node: UInt64, _ room: ByteString, _ record: PresenceRecord) {
        if let isNew = presence.join(node, room, record) {
            effects.append(.joined(room: room, record, isNew: isNew))
        }
    }

    func nodeGone(_ node: UInt64) {
        for entry in presence.remove(node) { effects.append(.left(room: entry.room, user: entry.user)) }
    }

    func roomGone(_ room: ByteString) {
        for user in presence.remove(room: room, among: presence.origins) {
            effects.append(.left(room: room, user: user))
        }
    }
}
