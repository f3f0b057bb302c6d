// Connections and HTTP requests, by id.

public import CHearth
internal import HearthBytes
internal import HearthEngine

@c @implementation
public func hearth_connection_accept(
    _ connection: hearth_connection, _ user: UnsafePointer<CChar>!, _ subprotocol: UnsafePointer<CChar>!
) -> Int32 {
    if user != nil, text(user) == nil { return Status.invalid.rawValue }
    if subprotocol != nil, text(subprotocol) == nil { return Status.invalid.rawValue }
    return Connections.accept(ConnectionID(raw: connection), user: text(user), subprotocol: text(subprotocol))
        .rawValue
}

@c @implementation
public func hearth_connection_reject(
    _ connection: hearth_connection, _ code: Int32, _ reason: UnsafePointer<CChar>!
) -> Int32 {
    let code = code == 0 ? 403 : code
    return Connections.reject(
        ConnectionID(raw: connection), code: code, reason: reason == nil ? [] : text(reason)
    )
    .rawValue
}

@c @implementation
@_optimize(speed)
public func hearth_connection_send(
    _ connection: hearth_connection, _ opcode: UInt32, _ data: UnsafeRawPointer!, _ length: Int
) -> Int64 {
    guard let payload = payload(data, length) else { return Int64(Status.invalid.rawValue) }
    return Connections.send(ConnectionID(raw: connection), opcode, payload)
}

@c @implementation
public func hearth_connection_close(
    _ connection: hearth_connection, _ code: Int32, _ reason: UnsafePointer<CChar>!
) -> Int32 {
    if reason != nil, text(reason) == nil { return Status.invalid.rawValue }
    let code = code == 0 ? 1000 : code
    return Connections.close(ConnectionID(raw: connection), code: code, reason: text(reason) ?? []).rawValue
}

@c @implementation
public func hearth_connection_join(_ connection: hearth_connection, _ room: UnsafePointer<CChar>!) -> Int32 {
    guard let room = text(room) else { return Status.invalid.rawValue }
    return Connections.join(ConnectionID(raw: connection), room: room).rawValue
}

@c @implementation
public func hearth_connection_leave(_ connection: hearth_connection, _ room: UnsafePointer<CChar>!) -> Int32 {
    guard let room = text(room) else { return Status.invalid.rawValue }
    return Connections.leave(ConnectionID(raw: connection), room: room).rawValue
}

@c @implementation
public func hearth_connection_set_user(
    _ connection: hearth_connection, _ user: UnsafePointer<CChar>!
) -> Int32 {
    if user != nil, text(user) == nil { return Status.invalid.rawValue }
    return Connections.setUser(ConnectionID(raw: connection), user: text(user)).rawValue
}

@c @implementation
public func hearth_connection_user(
    _ connection: hearth_connection, _ buffer: UnsafeMutablePointer<CChar>!, _ capacity: Int
) -> Int64 {
    Connections.user(ConnectionID(raw: connection)) { copyOut($0, buffer, capacity) }
}

@c @implementation
public func hearth_connection_claims(
    _ connection: hearth_connection, _ buffer: UnsafeMutablePointer<CChar>!, _ capacity: Int
) -> Int64 {
    Connections.claims(ConnectionID(raw: connection)) { copyOut($0, buffer, capacity) }
}

@c @implementation
public func hearth_connection_scopes(
    _ connection: hearth_connection, _ buffer: UnsafeMutablePointer<CChar>!, _ capacity: Int
) -> Int64 {
    guard let scopes = Connections.scopes(ConnectionID(raw: connection)) else {
        return Int64(Status.gone.rawValue)
    }
    return copyOut(list: scopes, buffer, capacity)
}

@c @implementation
public func hearth_connection_set_principal(
    _ connection: hearth_connection, _ user: UnsafePointer<CChar>!, _ scopes: UnsafePointer<CChar>!,
    _ claims: UnsafePointer<CChar>!
) -> Int32 {
    if user != nil, text(user) == nil { return Status.invalid.rawValue }
    if scopes != nil, text(scopes) == nil { return Status.invalid.rawValue }
    if claims != nil, text(claims) == nil { return Status.invalid.rawValue }
    return Connections.setPrincipal(
        ConnectionID(raw: connection), user: text(user), scopes: text(scopes) ?? [],
        claims: text(claims) ?? []
    ).rawValue
}

@c @implementation
public func hearth_connection_authenticate(
    _ connection: hearth_connection, _ token: UnsafePointer<CChar>!
) -> Int32 {
    guard let token = text(token) else { return Status.invalid.rawValue }
    return Connections.authenticate(ConnectionID(raw: connection), token: token).rawValue
}

@c @implementation
public func hearth_connection_set_expiry(_ connection: hearth_connection, _ timeMilliseconds: UInt64) -> Int32
{
    // So that sums with durations do not overflow.
    if timeMilliseconds > 1 << 60 { return Status.invalid.rawValue }
    return Connections.setExpiry(ConnectionID(raw: connection), timeMilliseconds).rawValue
}

@c @implementation
public func hearth_connection_set_metadata(
    _ connection: hearth_connection, _ data: UnsafeRawPointer!, _ length: Int
) -> Int32 {
    guard let bytes = payload(data, length) else { return Status.invalid.rawValue }
    return Connections.setMetadata(ConnectionID(raw: connection), bytes).rawValue
}

@c @implementation
public func hearth_connection_metadata(
    _ connection: hearth_connection, _ buffer: UnsafeMutableRawPointer!, _ capacity: Int
) -> Int64 {
    Connections.metadata(ConnectionID(raw: connection)) { bytes in
        if let buffer, capacity > 0 {
            bytes.withUnsafeBytes {
                buffer.copyMemory(
                    from: $0.baseAddress ?? UnsafeRawPointer(buffer), byteCount: min(bytes.count, capacity))
            }
        }
        return Int64(bytes.count)
    }
}

@c @implementation
public func hearth_connection_set_context(
    _ connection: hearth_connection, _ context: UnsafeMutableRawPointer!
) -> Int32 {
    Connections.setContext(ConnectionID(raw: connection), context).rawValue
}

@c @implementation
public func hearth_connection_context(_ connection: hearth_connection) -> UnsafeMutableRawPointer! {
    Connections.context(ConnectionID(raw: connection))
}

@c @implementation
public func hearth_connection_rooms(
    _ connection: hearth_connection, _ buffer: UnsafeMutablePointer<CChar>!, _ capacity: Int
) -> Int64 {
    guard let rooms = Connections.rooms(ConnectionID(raw: connection)) else {
        return Int64(Status.gone.rawValue)
    }
    return copyOut(list: rooms, buffer, capacity)
}

@c @implementation
public func hearth_connection_address(
    _ connection: hearth_connection, _ buffer: UnsafeMutablePointer<CChar>!, _ capacity: Int
) -> Int64 {
    Connections.address(ConnectionID(raw: connection)) { copyOut($0, buffer, capacity) }
}

@c @implementation
public func hearth_connection_tls(
    _ connection: hearth_connection, _ buffer: UnsafeMutablePointer<CChar>!, _ capacity: Int
) -> Int64 {
    guard let facts = Connections.tls(ConnectionID(raw: connection)) else {
        return Int64(Status.gone.rawValue)
    }
    return copyOut(list: facts, buffer, capacity)
}

@c @implementation
public func hearth_connection_get_info(
    _ connection: hearth_connection, _ info: UnsafeMutablePointer<hearth_connection_info>!
) -> Int32 {
    guard let info else { return Status.invalid.rawValue }
    guard let known = Connections.information(ConnectionID(raw: connection)) else {
        return Status.gone.rawValue
    }
    var filled = hearth_connection_info()
    filled.route = known.route
    filled.opened_at_ms = known.openedAtWall
    filled.last_received_at_ms = known.lastReceivedWall
    filled.latency_us = known.latencyMicroseconds
    filled.messages_received = known.messagesReceived
    filled.messages_sent = known.messagesSent
    filled.outbox_bytes = known.waitingBytes
    filled.rooms = known.rooms
    filled.is_open = known.isOpen ? 1 : 0
    if !write(filled, least: 8, to: info) { return Status.invalid.rawValue }
    return 0
}

@c @implementation
public func hearth_http_respond(
    _ request: hearth_connection, _ status: Int32, _ headers: UnsafePointer<CChar>!,
    _ body: UnsafeRawPointer!,
    _ length: Int
) -> Int32 {
    guard let body = payload(body, length) else { return Status.invalid.rawValue }
    var block: [UInt8] = []
    if headers != nil {
        guard let given = text(headers) else { return Status.invalid.rawValue }
        block = given
    }
    return block.withUnsafeBufferPointer {
        Connections.respond(ConnectionID(raw: request), status: status, headers: $0, body: body).rawValue
    }
}
