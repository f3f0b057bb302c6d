// A room and a user are names in a server. Neither needs to exist for a call: a room without members takes a
// broadcast and gives it to nobody.

internal import CHearth

/// A room of a server.
public struct Room: Sendable {
    let server: ServerHandle
    public let name: String

    /// Sends to every member. Returns for how many it was queued.
    @discardableResult
    public func broadcast(_ message: Message, except: Except = .nobody) throws(HearthError) -> Int {
        let answer = try except.withNative { (except) throws(HearthError) -> Int64 in
            try withText(name) { name in
                message.withPayload { opcode, payload in
                    hearth_room_broadcast(
                        server.pointer, name, opcode.rawValue, payload.baseAddress, payload.count, except)
                }
            }
        }
        return try HearthError.count(answer)
    }

    @discardableResult
    public func broadcast(_ text: String, except: Except = .nobody) throws(HearthError) -> Int {
        try broadcast(.text(text), except: except)
    }

    public var members: [Connection] {
        get throws(HearthError) {
            let name = try checkedName(name)
            return try readConnections { hearth_room_members(server.pointer, name, $0, $1) }
        }
    }

    /// The users in it, each once.
    public var users: [String] {
        get throws(HearthError) {
            let name = try checkedName(name)
            return try readNames { hearth_room_users(server.pointer, name, $0, $1) }
        }
    }
}

extension Room: Hashable {
    public static func == (left: Room, right: Room) -> Bool {
        left.server.pointer == right.server.pointer && left.name == right.name
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(server.pointer)
        hasher.combine(name)
    }
}

/// A user of a server: all connections that were accepted with, or given, the same name.
public struct User: Sendable {
    let server: ServerHandle
    public let name: String

    /// Sends to every connection of the user. Returns for how many it was queued, 0 if the user is not here.
    @discardableResult
    public func send(_ message: Message, except: Except = .nobody) throws(HearthError) -> Int {
        let answer = try except.withNative { (except) throws(HearthError) -> Int64 in
            try withText(name) { name in
                message.withPayload { opcode, payload in
                    hearth_user_send(
                        server.pointer, name, opcode.rawValue, payload.baseAddress, payload.count, except)
                }
            }
        }
        return try HearthError.count(answer)
    }

    @discardableResult
    public func send(_ text: String, except: Except = .nobody) throws(HearthError) -> Int {
        try send(.text(text), except: except)
    }

    public var connections: [Connection] {
        get throws(HearthError) {
            let name = try checkedName(name)
            return try readConnections { hearth_user_connections(server.pointer, name, $0, $1) }
        }
    }

    /// Sends the user away: all connections leave their rooms at once and are closed with the code. Returns
    /// how many they were.
    @discardableResult
    public func kick(code: UInt16 = CloseCode.kicked, reason: String = "") throws(HearthError) -> Int {
        let answer = try withText(name) { (name) throws(HearthError) -> Int64 in
            try withText(reason) { hearth_user_kick(server.pointer, name, Int32(code), $0) }
        }
        return try HearthError.count(answer)
    }

    public var isHere: Bool {
        get throws(HearthError) { try !connections.isEmpty }
    }
}

/// A name that holds a NUL would reach the library cut off.
func checkedName(_ name: String) throws(HearthError) -> String {
    try withText(name) { _ in name }
}
