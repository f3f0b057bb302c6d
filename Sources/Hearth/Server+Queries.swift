// What a server knows, and what it sends to all.

internal import CHearth

extension Server {
    /// The port of the first TCP address; 0: there is none.
    public var port: UInt16 { UInt16(clamping: hearth_server_port(handle.pointer)) }

    /// The addresses that it listens on, with the ports that it got.
    public var addresses: [String] {
        var list: [String] = []
        while let address = try? readText({ hearth_server_address(handle.pointer, list.count, $0, $1) }) {
            list.append(address)
        }
        return list
    }

    /// Reads certificates, keys and authorities anew: connections that begin from now on get them. What
    /// cannot be used is refused with the reason, and changes nothing.
    public func reloadTLS() throws(HearthError) { try check(hearth_server_reload_tls(handle.pointer)) }

    /// The room of that name, whether or not it has members.
    public func room(_ name: String) -> Room {
        Room(server: handle, name: name)
    }

    /// The user of that name, whether or not they are here.
    public func user(_ name: String) -> User {
        User(server: handle, name: name)
    }

    /// Sends to every open connection. Returns for how many it was queued.
    @discardableResult
    public func broadcast(_ message: Message, except: Except = .nobody) throws(HearthError) -> Int {
        let answer = try except.withNative { except in
            message.withPayload { opcode, payload in
                hearth_server_broadcast(
                    handle.pointer, opcode.rawValue, payload.baseAddress, payload.count, except)
            }
        }
        return try HearthError.count(answer)
    }

    @discardableResult
    public func broadcast(_ text: String, except: Except = .nobody) throws(HearthError) -> Int {
        try broadcast(.text(text), except: except)
    }

    public var connections: [Connection] {
        get throws(HearthError) { try readConnections { hearth_server_connections(handle.pointer, $0, $1) } }
    }

    /// The rooms that have members.
    public var rooms: [Room] {
        get throws(HearthError) {
            try readNames { hearth_server_rooms(handle.pointer, $0, $1) }.map {
                Room(server: handle, name: $0)
            }
        }
    }

    /// The users that have a connection.
    public var users: [User] {
        get throws(HearthError) {
            var names: [String] = []
            var cursor: UInt64 = 0
            var page = [CChar](repeating: 0, count: 1 << 17)
            repeat {
                let used = try HearthError.count(
                    hearth_server_list_users(handle.pointer, &cursor, &page, page.count))
                names += page[..<used].split(separator: 0).map {
                    String(decoding: $0.map(UInt8.init(bitPattern:)), as: UTF8.self)
                }
            } while cursor != 0
            return names.map { User(server: handle, name: $0) }
        }
    }

    public var connectionCount: Int {
        get throws(HearthError) { try HearthError.count(hearth_server_connection_count(handle.pointer)) }
    }

    public var userCount: Int {
        get throws(HearthError) { try HearthError.count(hearth_server_user_count(handle.pointer)) }
    }

    public var roomCount: Int {
        get throws(HearthError) { try HearthError.count(hearth_server_room_count(handle.pointer)) }
    }

    /// What was counted since the server was made, as a JSON object: connections, messages, bytes,
    /// latencies, drops, closes by code.
    public var statisticsJSON: String {
        get throws(HearthError) { try readText { hearth_server_stats(handle.pointer, $0, $1) } }
    }

    /// The same numbers in the text format of Prometheus, as `metrics_path` serves them.
    public var metrics: String {
        get throws(HearthError) { try readText { hearth_server_metrics(handle.pointer, $0, $1) } }
    }

    /// How the server is, as `health_path` serves it: a JSON object whose "status" is ok, degraded or
    /// draining.
    public var healthJSON: String {
        get throws(HearthError) { try readText { hearth_server_health(handle.pointer, $0, $1) } }
    }
}
