// Servers.

public import CHearth
internal import HearthBytes
internal import HearthEngine

@c @implementation
public func hearth_server_new(_ engine: OpaquePointer!, _ config: OpaquePointer!) -> OpaquePointer! {
    var handle: OpaquePointer?
    _ = withEngine(engine) { engine in
        withConfiguration(config) { configuration in
            guard let server = engine.engine.addServer(configuration: configuration.configuration) else {
                return Int64(Status.invalid.rawValue)
            }
            handle = HandleTable.shared.insert(server, .server)
            server.handle = UnsafeMutableRawPointer(handle)
            if let handle { engine.add(handle, number: server.number) }
            return 0
        }
    }
    return handle
}

@c @implementation
public func hearth_server_free(_ server: OpaquePointer!) -> Int32 {
    if server == nil { return 0 }
    return Int32(
        withServer(server) { object in
            let status = object.cut()
            _ = HandleTable.shared.remove(server, .server)
            return Int64(status.rawValue)
        })
}

@c @implementation
public func hearth_server_number(_ server: OpaquePointer!) -> Int32 {
    Int32(withServer(server) { Int64($0.number) })
}

@c @implementation
public func hearth_server_route(
    _ server: OpaquePointer!, _ pattern: UnsafePointer<CChar>!, _ options: UnsafePointer<CChar>!
) -> Int32 {
    Int32(
        withServer(server) { object in
            guard let pattern = text(pattern) else { return Int64(Status.invalid.rawValue) }
            if options == nil { return Int64(object.addRoute(pattern: pattern, options: [])) }
            guard let options = text(options) else { return Int64(Status.invalid.rawValue) }
            return Int64(object.addRoute(pattern: pattern, options: options))
        })
}

@c @implementation
public func hearth_server_on_event(
    _ server: OpaquePointer!, _ callback: hearth_event_fn!, _ context: UnsafeMutableRawPointer!
) -> Int32 {
    Int32(
        withServer(server) { object in
            Int64(setCallback(callback, context, of: object, object.setCallback).rawValue)
        })
}

@c @implementation
public func hearth_server_start(_ server: OpaquePointer!) -> Int32 {
    Int32(withServer(server) { Int64($0.start().rawValue) })
}

@c @implementation
public func hearth_server_reload_keys(_ server: OpaquePointer!) -> Int32 {
    Int32(withServer(server) { Int64($0.reloadKeys().rawValue) })
}

@c @implementation
public func hearth_server_port(_ server: OpaquePointer!) -> Int32 {
    Int32(withServer(server) { Int64($0.port) })
}

@c @implementation
public func hearth_server_address(
    _ server: OpaquePointer!, _ index: Int, _ buffer: UnsafeMutablePointer<CChar>!, _ capacity: Int
) -> Int64 {
    withServer(server) { object in
        guard index >= 0, let address = object.address(at: index) else {
            return Int64(Status.notFound.rawValue)
        }
        return copyOut(address, buffer, capacity)
    }
}

@c @implementation
public func hearth_server_reload_tls(_ server: OpaquePointer!) -> Int32 {
    Int32(withServer(server) { Int64($0.reloadCertificates().rawValue) })
}

@c @implementation
public func hearth_server_stop(_ server: OpaquePointer!, _ reason: UnsafePointer<CChar>!) -> Int32 {
    Int32(
        withServer(server) { object in
            if reason == nil { return Int64(object.stop(reason: bytes("server shutdown")).rawValue) }
            guard let reason = text(reason) else { return Int64(Status.invalid.rawValue) }
            return Int64(object.stop(reason: reason).rawValue)
        })
}

@c @implementation
public func hearth_server_wait(_ server: OpaquePointer!, _ timeout_ms: Int32) -> Int32 {
    Int32(withServer(server) { $0.waitUntilStopped(milliseconds: timeout_ms) })
}

@c @implementation
public func hearth_server_adopt(
    _ server: OpaquePointer!, _ descriptor: Int32, _ data: UnsafeRawPointer!, _ length: Int
) -> Int32 {
    Int32(
        withServer(server) { object in
            guard let bytes = payload(data, length) else { return Int64(Status.invalid.rawValue) }
            return Int64(object.adopt(descriptor, bytes).rawValue)
        })
}

// MARK: Messages

/// Who is left out; nil: the struct is not well formed.
func exception(_ except: UnsafePointer<hearth_except>?) -> Exception? {
    guard let except else { return Exception(connection: ConnectionID(raw: 0), user: nil) }
    guard let except = read(except, least: 16, into: hearth_except()), except.flags & ~1 == 0 else {
        return nil
    }
    var exception = Exception(connection: ConnectionID(raw: except.connection), user: nil)
    exception.isHereOnly = except.flags & 1 != 0
    if let name = except.user {
        guard let user = text(name) else { return nil }
        exception.user = ByteString(user)
    }
    return exception
}

/// A C string of the host's, lent without a copy; nil if it is NULL.
func lend<Result>(
    _ name: UnsafePointer<CChar>?, _ body: (UnsafeBufferPointer<UInt8>) -> Result
) -> Result? {
    guard let name else { return nil }
    let count = nameLength(name)
    return body(
        UnsafeBufferPointer(start: UnsafeRawPointer(name).assumingMemoryBound(to: UInt8.self), count: count))
}

@c @implementation
public func hearth_server_broadcast(
    _ server: OpaquePointer!, _ opcode: UInt32, _ data: UnsafeRawPointer!, _ length: Int,
    _ except: UnsafePointer<hearth_except>!
) -> Int64 {
    withServer(server) { object in
        guard let payload = payload(data, length), let except = exception(except) else {
            return Int64(Status.invalid.rawValue)
        }
        return object.broadcast(opcode, payload, except)
    }
}

@c @implementation
public func hearth_room_broadcast(
    _ server: OpaquePointer!, _ room: UnsafePointer<CChar>!, _ opcode: UInt32, _ data: UnsafeRawPointer!,
    _ length: Int, _ except: UnsafePointer<hearth_except>!
) -> Int64 {
    withServer(server) { object in
        guard let payload = payload(data, length), let except = exception(except) else {
            return Int64(Status.invalid.rawValue)
        }
        return lend(room) { object.publish(room: $0, opcode, payload, except) }
            ?? Int64(Status.invalid.rawValue)
    }
}

@c @implementation
public func hearth_user_send(
    _ server: OpaquePointer!, _ user: UnsafePointer<CChar>!, _ opcode: UInt32, _ data: UnsafeRawPointer!,
    _ length: Int, _ except: UnsafePointer<hearth_except>!
) -> Int64 {
    withServer(server) { object in
        guard let payload = payload(data, length), let except = exception(except) else {
            return Int64(Status.invalid.rawValue)
        }
        return lend(user) { object.send(user: $0, opcode, payload, except) } ?? Int64(Status.invalid.rawValue)
    }
}

// MARK: Questions

@c @implementation
public func hearth_server_connection_count(_ server: OpaquePointer!) -> Int64 {
    withServer(server) { $0.openConnectionCount }
}

@c @implementation
public func hearth_server_user_count(_ server: OpaquePointer!) -> Int64 {
    withServer(server) { $0.userCount }
}

@c @implementation
public func hearth_server_room_count(_ server: OpaquePointer!) -> Int64 {
    withServer(server) { $0.roomCount }
}

@c @implementation
public func hearth_server_rooms(
    _ server: OpaquePointer!, _ buffer: UnsafeMutablePointer<CChar>!, _ capacity: Int
) -> Int64 {
    withServer(server) { copyOut(list: $0.roomNames(), buffer, capacity) }
}

@c @implementation
public func hearth_server_connections(
    _ server: OpaquePointer!, _ connections: UnsafeMutablePointer<hearth_connection>!, _ capacity: Int
) -> Int64 {
    withServer(server) { copyOut(ids: $0.openConnections(), connections, capacity) }
}

@c @implementation
public func hearth_room_members(
    _ server: OpaquePointer!, _ room: UnsafePointer<CChar>!,
    _ connections: UnsafeMutablePointer<hearth_connection>!,
    _ capacity: Int
) -> Int64 {
    withServer(server) { object in
        lend(room) { copyOut(ids: object.members(ofRoom: $0), connections, capacity) }
            ?? Int64(Status.invalid.rawValue)
    }
}

@c @implementation
public func hearth_room_users(
    _ server: OpaquePointer!, _ room: UnsafePointer<CChar>!, _ buffer: UnsafeMutablePointer<CChar>!,
    _ capacity: Int
) -> Int64 {
    withServer(server) { object in
        lend(room) { copyOut(list: object.users(inRoom: $0), buffer, capacity) }
            ?? Int64(Status.invalid.rawValue)
    }
}

@c @implementation
public func hearth_user_connections(
    _ server: OpaquePointer!, _ user: UnsafePointer<CChar>!,
    _ connections: UnsafeMutablePointer<hearth_connection>!,
    _ capacity: Int
) -> Int64 {
    withServer(server) { object in
        lend(user) { copyOut(ids: object.connections(ofUser: $0), connections, capacity) }
            ?? Int64(Status.invalid.rawValue)
    }
}
