// Who is in a room, by user, over all loops of a server: how many connections of a user a room has. The first
// one that joins and the last one that leaves are told.

package import HearthBytes

package struct Presence: ~Copyable {
    private var counts: ByteTable

    package init(seed: (UInt64, UInt64)) { counts = ByteTable(seed: seed) }

    /// Returns whether this is the user's first connection in the room.
    package mutating func join(room: ByteString, user: ByteString) -> Bool {
        let key = Self.key(room, user)
        guard let count = counts.find(key.bytes.span) else {
            counts.insert(key, value: 1)
            return true
        }
        _ = counts.update(key.bytes.span, value: count + 1)
        return false
    }

    /// Returns whether it was the user's last connection in the room.
    package mutating func leave(room: ByteString, user: ByteString) -> Bool {
        let key = Self.key(room, user)
        guard let count = counts.find(key.bytes.span) else { return false }
        if count == 1 {
            _ = counts.remove(key.bytes.span)
            return true
        }
        _ = counts.update(key.bytes.span, value: count - 1)
        return false
    }

    // Names hold no NUL, so the pair is read in one way only.
    private static func key(_ room: ByteString, _ user: ByteString) -> ByteString {
        var bytes = room.bytes
        bytes.reserveCapacity(bytes.count + 1 + user.count)
        bytes.append(0)
        bytes.append(contentsOf: user.bytes)
        return ByteString(bytes)
    }
}
