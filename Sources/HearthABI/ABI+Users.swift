// Users sent away, servers drained, lists in pages.

public import CHearth
internal import HearthBytes
internal import HearthEngine

@c @implementation
public func hearth_server_ask(
    _ server: OpaquePointer!, _ subject: UInt32, _ name: UnsafePointer<CChar>!, _ timeout: Int32
) -> Int64 {
    withServer(server) { object in
        lend(name) { object.ask(subject, $0, timeoutMilliseconds: timeout) }
            ?? Int64(Status.invalid.rawValue)
    }
}

@c @implementation
public func hearth_server_on_answer(
    _ server: OpaquePointer!, _ callback: hearth_event_fn!, _ context: UnsafeMutableRawPointer!
) -> Int32 {
    Int32(
        withServer(server) { Int64(setAnswerCallback(callback, context, of: $0).rawValue) })
}

@c @implementation
public func hearth_user_kick(
    _ server: OpaquePointer!, _ user: UnsafePointer<CChar>!, _ code: Int32, _ reason: UnsafePointer<CChar>!
) -> Int64 {
    withServer(server) { object in
        if reason != nil, text(reason) == nil { return Int64(Status.invalid.rawValue) }
        return lend(user) { object.kick(user: $0, code: code, reason: text(reason) ?? []) }
            ?? Int64(Status.invalid.rawValue)
    }
}

@c @implementation
public func hearth_server_drain(_ server: OpaquePointer!, _ options: UnsafePointer<hearth_drain>!) -> Int32 {
    Int32(
        withServer(server) { object in
            guard let options else {
                let farewell = Farewell(opcode: 1, message: [], why: bytes("draining"))
                return Int64(object.drain(farewell).rawValue)
            }
            guard let given = read(options, least: 8, into: hearth_drain()),
                let message = payload(given.data, given.length)
            else { return Int64(Status.invalid.rawValue) }
            var why = bytes("draining")
            if let pointer = given.why {
                guard let given = text(pointer) else { return Int64(Status.invalid.rawValue) }
                why = given
            }
            let farewell = Farewell(opcode: given.opcode, message: Array(message), why: why)
            return Int64(object.drain(farewell).rawValue)
        })
}

@c @implementation
public func hearth_server_list_connections(
    _ server: OpaquePointer!, _ cursor: UnsafeMutablePointer<UInt64>!,
    _ connections: UnsafeMutablePointer<hearth_connection>!, _ capacity: Int
) -> Int64 {
    withServer(server) { object in
        guard let cursor, let connections, capacity > 0 else { return Int64(Status.invalid.rawValue) }
        var count = 0
        object.listConnections(&cursor.pointee) { id in
            if count == capacity { return false }
            connections[count] = id
            count += 1
            return true
        }
        return Int64(count)
    }
}

@c @implementation
public func hearth_server_list_rooms(
    _ server: OpaquePointer!, _ cursor: UnsafeMutablePointer<UInt64>!, _ buffer: UnsafeMutablePointer<CChar>!,
    _ capacity: Int
) -> Int64 {
    withServer(server) { object in
        list(cursor, buffer, capacity) { object.listRooms(&$0, $1) }
    }
}

@c @implementation
public func hearth_server_list_users(
    _ server: OpaquePointer!, _ cursor: UnsafeMutablePointer<UInt64>!, _ buffer: UnsafeMutablePointer<CChar>!,
    _ capacity: Int
) -> Int64 {
    withServer(server) { object in
        list(cursor, buffer, capacity) { object.listUsers(&$0, $1) }
    }
}

/// One page of names, each with a NUL.
private func list(
    _ cursor: UnsafeMutablePointer<UInt64>?, _ buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int,
    _ walk: (inout UInt64, ([UInt8]) -> Bool) -> Void
) -> Int64 {
    guard let cursor, let buffer, capacity > 0 else { return Int64(Status.invalid.rawValue) }
    var used = 0
    walk(&cursor.pointee) { name in
        if used + name.count + 1 > capacity { return false }
        for index in 0..<name.count { buffer[used + index] = CChar(bitPattern: name[index]) }
        buffer[used + name.count] = 0
        used += name.count + 1
        return true
    }
    return used == 0 && cursor.pointee != 0 ? Int64(Status.tooLarge.rawValue) : Int64(used)
}
