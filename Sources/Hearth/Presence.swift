// Who is in a room, by user.

internal import CHearth

/// The users of a room. Of the room's changes, which are events with versions that grow by one, those up to
/// `version` are in it, those above it are not.
public struct Presence: Sendable {
    public struct User: Sendable {
        public let name: String
        /// Empty: the last one was lost, and `presence_grace` runs.
        public let connections: [Connection]
        /// See `User.setPresence(_:)`.
        public let data: [UInt8]
        /// Milliseconds since 1970.
        public let joinedAt: UInt64
    }

    public let version: UInt64
    public let users: [User]

    /// Reads records of hearth_presence, one after the other.
    init(version: UInt64, records: UnsafeRawBufferPointer) {
        var users: [User] = []
        var rest = records
        while rest.count >= MemoryLayout<hearth_presence>.size {
            let head = rest.load(as: hearth_presence.self)
            var start = Int(head.head_size)
            var connections: [Connection] = []
            for _ in 0..<head.connection_count {
                connections.append(Connection(id: rest.load(fromByteOffset: start, as: UInt64.self)))
                start += 8
            }
            let name = String(decoding: rest[start..<start + Int(head.user_length)], as: UTF8.self)
            start += Int(head.user_length) + 1
            let data = Array(rest[start..<start + Int(head.data_length)])
            users.append(
                User(name: name, connections: connections, data: data, joinedAt: head.joined_at_ms))
            rest = UnsafeRawBufferPointer(rebasing: rest[Int(head.size)...])
        }
        self.version = version
        self.users = users
    }
}

extension Room {
    /// Who is in the room, by user.
    public var presence: Presence {
        get throws(HearthError) {
            let name = try checkedName(name)
            var size = 1024
            while true {
                let words = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 8)
                defer { words.deallocate() }
                var version: UInt64 = 0
                let needed = try HearthError.count(
                    hearth_room_presence(server.pointer, name, &version, words.baseAddress, size))
                if needed <= size {
                    let records = UnsafeRawBufferPointer(rebasing: words[..<needed])
                    return Presence(version: version, records: records)
                }
                size = needed + 1024
            }
        }
    }
}

extension User {
    /// What is shown with the user to the others in its rooms: at most `max_metadata` bytes. It is kept as
    /// long as the user has a connection or is in a room; `.notFound` if the user is not here.
    public func setPresence(_ data: [UInt8]) throws(HearthError) {
        let status = try withText(name) { name in
            data.withUnsafeBytes {
                hearth_user_set_presence(server.pointer, name, $0.baseAddress, $0.count)
            }
        }
        try HearthError.check(status)
    }
}
