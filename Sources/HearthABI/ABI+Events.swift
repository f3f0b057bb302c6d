// Events of the json dialect.

public import CHearth
internal import HearthBytes
internal import HearthEngine

private let invalid = Int64(Status.invalid.rawValue)

@c @implementation
public func hearth_connection_send_event(
    _ connection: hearth_connection, _ name: UnsafePointer<CChar>!, _ data: UnsafeRawPointer!, _ length: Int
) -> Int64 {
    guard let name = text(name), let data = payload(data, length) else { return invalid }
    return Connections.sendEvent(ConnectionID(raw: connection), name, data)
}

@c @implementation
public func hearth_room_send_event(
    _ server: OpaquePointer!, _ room: UnsafePointer<CChar>!, _ name: UnsafePointer<CChar>!,
    _ data: UnsafeRawPointer!, _ length: Int, _ except: UnsafePointer<hearth_except>!
) -> Int64 {
    withServer(server) { object in
        guard let name = text(name), let data = payload(data, length), let except = exception(except) else {
            return invalid
        }
        return lend(room) { object.sendEvent(room: $0, name, data, except) } ?? invalid
    }
}

@c @implementation
public func hearth_user_send_event(
    _ server: OpaquePointer!, _ user: UnsafePointer<CChar>!, _ name: UnsafePointer<CChar>!,
    _ data: UnsafeRawPointer!, _ length: Int, _ except: UnsafePointer<hearth_except>!
) -> Int64 {
    withServer(server) { object in
        guard let name = text(name), let data = payload(data, length), let except = exception(except) else {
            return invalid
        }
        return lend(user) { object.sendEvent(user: $0, name, data, except) } ?? invalid
    }
}

@c @implementation
public func hearth_server_send_event(
    _ server: OpaquePointer!, _ name: UnsafePointer<CChar>!, _ data: UnsafeRawPointer!, _ length: Int,
    _ except: UnsafePointer<hearth_except>!
) -> Int64 {
    withServer(server) { object in
        guard let name = text(name), let data = payload(data, length), let except = exception(except) else {
            return invalid
        }
        return object.sendEvent(name, data, except)
    }
}
