// Rooms, and who is in them.

package import HearthBytes

/// A named set of connections of one server on one loop. It exists while it has members.
struct Room: Named {
    let name: ByteString
    let hash: UInt32
    let server: UInt16
    var members = MemberList()
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
struct User: Named {
    let name: ByteString
    let hash: UInt32
    let server: UInt16
    var slots: [UInt32] = []
}

/// The names that are in use in one server on this loop.
final class ServerNames {
    var rooms: NameTable
    var users: NameTable

    init(seed: (UInt64, UInt64)) {
        rooms = NameTable(seed: seed)
        users = NameTable(seed: (seed.1, seed.0))
    }
}

package enum JoinResult {
    case joined(room: UInt32)
    case alreadyThere
    /// `max_rooms_per_connection` is reached.
    case limitReached
}
