// Clients.

public import CHearth
internal import HearthBytes
internal import HearthEngine

@c @implementation
public func hearth_client_new(_ engine: OpaquePointer!, _ config: OpaquePointer!) -> OpaquePointer! {
    var handle: OpaquePointer?
    _ = withEngine(engine) { engine in
        withConfiguration(config) { configuration in
            guard let client = engine.engine.addClient(configuration: configuration.configuration) else {
                return Int64(Status.invalid.rawValue)
            }
            handle = HandleTable.shared.insert(client, .client)
            client.handle = UnsafeMutableRawPointer(handle)
            if handle == nil { return Int64(client.cut().rawValue) }
            return 0
        }
    }
    return handle
}

@c @implementation
public func hearth_client_free(_ client: OpaquePointer!) -> Int32 {
    if client == nil { return 0 }
    return Int32(
        withClient(client) { object in
            // Whoever frees it at the same time finds nothing any more.
            guard HandleTable.shared.remove(client, .client) != nil else {
                return Int64(Status.invalid.rawValue)
            }
            return Int64(object.cut().rawValue)
        })
}

@c @implementation
public func hearth_client_number(_ client: OpaquePointer!) -> Int32 {
    Int32(withClient(client) { Int64($0.number) })
}

@c @implementation
public func hearth_client_on_event(
    _ client: OpaquePointer!, _ callback: hearth_event_fn!, _ context: UnsafeMutableRawPointer!
) -> Int32 {
    Int32(withClient(client) { Int64(setCallback(callback, context, of: $0, $0.setCallback).rawValue) })
}

@c @implementation
public func hearth_client_open(_ client: OpaquePointer!) -> Int32 {
    Int32(withClient(client) { Int64($0.open().rawValue) })
}

@c @implementation
public func hearth_client_close(
    _ client: OpaquePointer!, _ code: Int32, _ reason: UnsafePointer<CChar>!
) -> Int32 {
    Int32(
        withClient(client) { object in
            if reason != nil, text(reason) == nil { return Int64(Status.invalid.rawValue) }
            return Int64(object.close(code: code == 0 ? 1000 : code, reason: text(reason) ?? []).rawValue)
        })
}

@c @implementation
public func hearth_client_send(
    _ client: OpaquePointer!, _ opcode: UInt32, _ data: UnsafeRawPointer!, _ length: Int, _ flags: UInt32
) -> Int64 {
    withClient(client) { object in
        guard let payload = payload(data, length), flags & ~HEARTH_SEND_NO_QUEUE.rawValue == 0 else {
            return Int64(Status.invalid.rawValue)
        }
        return object.send(opcode, payload, keeps: flags & HEARTH_SEND_NO_QUEUE.rawValue == 0)
    }
}

@c @implementation
public func hearth_client_poke(_ client: OpaquePointer!) -> Int32 {
    Int32(withClient(client) { Int64($0.poke().rawValue) })
}

@c @implementation
public func hearth_client_pause(_ client: OpaquePointer!, _ paused: Int32) -> Int32 {
    Int32(withClient(client) { Int64($0.pause(paused != 0).rawValue) })
}

@c @implementation
public func hearth_client_proceed(
    _ client: OpaquePointer!, _ url: UnsafePointer<CChar>!, _ headers: UnsafePointer<CChar>!
) -> Int32 {
    Int32(
        withClient(client) { object in
            if url != nil, text(url) == nil { return Int64(Status.invalid.rawValue) }
            if headers != nil, text(headers) == nil { return Int64(Status.invalid.rawValue) }
            return Int64(object.proceed(url: text(url), fields: text(headers)).rawValue)
        })
}

@c @implementation
public func hearth_client_decline(_ client: OpaquePointer!, _ reason: UnsafePointer<CChar>!) -> Int32 {
    Int32(
        withClient(client) { object in
            if reason != nil, text(reason) == nil { return Int64(Status.invalid.rawValue) }
            return Int64(object.decline(reason: text(reason) ?? []).rawValue)
        })
}

@c @implementation
public func hearth_client_get_info(
    _ client: OpaquePointer!, _ info: UnsafeMutablePointer<hearth_client_info>!
) -> Int32 {
    Int32(
        withClient(client) { object in
            guard let info else { return Int64(Status.invalid.rawValue) }
            let known = object.information
            var filled = hearth_client_info()
            filled.state = known.state
            filled.attempts = known.attempts
            filled.opens = known.opens
            filled.latency_us = known.latencyMicroseconds
            filled.opened_at_ms = known.openedAtWall
            filled.last_received_at_ms = known.lastReceivedWall
            filled.messages_received = known.messagesReceived
            filled.messages_sent = known.messagesSent
            filled.messages_dropped = known.messagesDropped
            filled.queue_messages = known.queueMessages
            filled.queue_bytes = known.queueBytes
            filled.outbox_bytes = known.waitingBytes
            if !write(filled, least: 8, to: info) { return Int64(Status.invalid.rawValue) }
            return 0
        })
}

@c @implementation
public func hearth_client_url(
    _ client: OpaquePointer!, _ buffer: UnsafeMutablePointer<CChar>!, _ capacity: Int
) -> Int64 {
    withClient(client) { copyOut($0.url, buffer, capacity) }
}

// MARK: What waits

@c @implementation
public func hearth_client_queue(
    _ client: OpaquePointer!, _ messages: UnsafeMutablePointer<UInt64>!, _ capacity: Int
) -> Int64 {
    withClient(client) { copyOut(ids: $0.queuedMessages, messages, capacity) }
}

@c @implementation
public func hearth_client_queue_message(
    _ client: OpaquePointer!, _ message: UInt64, _ opcode: UnsafeMutablePointer<UInt32>!,
    _ buffer: UnsafeMutableRawPointer!, _ capacity: Int
) -> Int64 {
    withClient(client) { object in
        guard let found = object.queuedMessage(message) else { return Int64(Status.notFound.rawValue) }
        opcode?.pointee = found.opcode
        if let buffer, capacity > 0 {
            found.payload.withUnsafeBytes {
                buffer.copyMemory(
                    from: $0.baseAddress ?? UnsafeRawPointer(buffer), byteCount: min($0.count, capacity))
            }
        }
        return Int64(found.payload.count)
    }
}

@c @implementation
public func hearth_client_queue_clear(_ client: OpaquePointer!) -> Int64 {
    withClient(client) { $0.clearQueue() }
}
