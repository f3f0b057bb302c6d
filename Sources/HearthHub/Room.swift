// Rooms, and who is in them.

package import HearthBytes

/// A named set of connections of one server on one loop. It exists while it has members.
struct Room {
    struct MemberReference {
        var slot: UInt32
        var membership: UInt32
    }

    let name: ByteString
    let server: UInt16
    var members: [MemberReference] = []
}

/// One connection in one room. A connection's memberships form a list.
struct Membership {
    var room: UInt32
    /// Where the room's list has the connection.
    var index: UInt32
    var next: UInt32
    var previous: UInt32
}

/// A user of one server, with the connections on this loop.
struct User {
    let name: ByteString
    let server: UInt16
    var slots: [UInt32] = []
}

/// The names that are in use in one server on this loop.
final class ServerNames {
    var rooms: ByteTable
    var users: ByteTable

    init(seed: (UInt64, UInt64)) {
        rooms = ByteTable(seed: seed)
        users = ByteTable(seed: (seed.1, seed.0))
    }
}

package enum JoinResult {
    case joined(room: UInt32)
    case alreadyThere
    /// `max_rooms_per_connection` is reached.
    case limitReached
}
