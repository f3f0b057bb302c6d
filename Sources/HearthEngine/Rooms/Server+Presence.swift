// Presence as a program asks for it, from any thread.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import Synchronization

extension Server {
    /// What is shown with a user, in all of its rooms. On a loop's thread at once, else soon.
    package func setPresence(
        user: UnsafeBufferPointer<UInt8>, _ data: UnsafeBufferPointer<UInt8>
    ) -> Status {
        if data.count > metadataMax { return .tooLarge }
        let loops = engine.currentLoops
        for loop in loops where loop.port.isCurrent && !loop.context.isRetired {
            return loop.setPresence(self, user: user.span, Array(data))
        }
        guard withPresence({ $0.knows(user.span) }), let loop = loops.first else { return .notFound }
        let command = ServerCommand.setPresence(user: ByteString(Array(user)), Array(data))
        return loop.port.post(.server(self, command)) ? .ok : .notFound
    }

    /// The users in a room, each with its connections there, as records of the header's hearth_presence.
    package func presence(inRoom room: UnsafeBufferPointer<UInt8>) -> (version: UInt64, records: [[UInt8]]) {
        var users: [PresentUser] = []
        let version = withPresence { $0.snapshot(room: room.span) { users.append($0) } }
        var numbers: [ByteString: Int] = [:]
        for (number, user) in users.enumerated() { numbers[user.name] = number }
        var connections = [[UInt64]](repeating: [], count: users.count)
        forEachLoop { loop in
            guard let found = loop.hub.findRoom(server: number, room.span) else { return }
            for index in 0..<loop.hub.memberCount(found) {
                let slot = loop.hub.member(found, at: index)
                guard let user = loop.hub.user(of: slot) else { continue }
                guard let number = numbers[loop.hub.userName(user)] else { continue }
                connections[number].append(loop.connections.place(slot).pointee.id.raw)
            }
        }
        var records: [[UInt8]] = []
        for (number, user) in users.enumerated() { records.append(record(of: user, connections[number])) }
        return (version, records)
    }

    /// Bytes of the header's hearth_presence, before the ids.
    private static var presenceHeadBytes: Int { 32 }

    private func record(of user: PresentUser, _ connections: [UInt64]) -> [UInt8] {
        let size =
            (Self.presenceHeadBytes + connections.count * 8 + user.name.count + 1 + user.data.count + 7) & ~7
        var record: [UInt8] = []
        record.reserveCapacity(size)
        append(UInt32(size), to: &record)
        append(UInt32(connections.count), to: &record)
        append(UInt32(user.name.count), to: &record)
        append(UInt32(user.data.count), to: &record)
        append(user.joinedAt, to: &record)
        append(UInt32(Self.presenceHeadBytes), to: &record)
        append(UInt32(0), to: &record)
        for connection in connections { append(connection, to: &record) }
        record += user.name.bytes
        record.append(0)
        record += user.data
        while record.count < size { record.append(0) }
        return record
    }

    /// In the machine's order, as in a struct.
    private func append<Value: FixedWidthInteger>(_ value: Value, to record: inout [UInt8]) {
        withUnsafeBytes(of: value) { record.append(contentsOf: $0) }
    }
}
