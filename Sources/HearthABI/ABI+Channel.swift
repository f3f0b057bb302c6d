// Channels: transports that the host brings.

public import CHearth
internal import HearthBytes
internal import HearthEngine

@c @implementation
public func hearth_server_channel(
    _ server: OpaquePointer!, _ name: UnsafePointer<CChar>!, _ options: UnsafePointer<CChar>!,
    _ send: hearth_event_fn!, _ check: hearth_channel_check_fn!, _ context: UnsafeMutableRawPointer!
) -> Int32 {
    Int32(
        withServer(server) { object in
            guard let name = text(name) else { return Int64(Status.invalid.rawValue) }
            if options != nil, text(options) == nil { return Int64(Status.invalid.rawValue) }
            var callback: EventCallback?
            var target: EventTarget?
            if let send {
                target = EventTarget(send, context)
                callback = { target, event in
                    guard let target else { return }
                    Unmanaged<EventTarget>.fromOpaque(target)._withUnsafeGuaranteedRef {
                        $0.deliver(event.assumingMemoryBound(to: EngineEvent.self))
                    }
                }
            }
            var ask: (([UInt8]) -> Int32)?
            if let check {
                let context: UnsafeMutableRawPointer? = context
                ask = { recipient in
                    (recipient + [0]).withUnsafeBytes {
                        check(context, $0.baseAddress!.assumingMemoryBound(to: CChar.self))
                    }
                }
            }
            return Int64(
                object.addChannel(
                    name: name, options: text(options) ?? [],
                    callback: callback,
                    context: target.map { Unmanaged.passUnretained($0).toOpaque() }, owner: target, check: ask
                ).rawValue)
        })
}

@c @implementation
public func hearth_server_connect_channel(
    _ server: OpaquePointer!, _ channel: UnsafePointer<CChar>!,
    _ peer: UnsafePointer<hearth_channel_peer>!, _ connection: UnsafeMutablePointer<hearth_connection>!
) -> Int32 {
    Int32(
        withServer(server) { object in
            guard let channel = text(channel), let peer, let connection,
                let peer = read(peer, least: 24, into: hearth_channel_peer()), peer.reserved == 0,
                let translated = translate(peer)
            else { return Int64(Status.invalid.rawValue) }
            let result = object.connect(channel: channel, translated)
            if result < 0 { return result }
            connection.pointee = UInt64(bitPattern: result)
            return 0
        })
}

/// Nil: a text is not UTF-8, or the path is missing.
private func translate(_ peer: hearth_channel_peer) -> ChannelPeer? {
    guard let path = text(peer.path) else { return nil }
    for optional in [peer.recipient, peer.query, peer.headers, peer.user, peer.address, peer.subprotocol] {
        if optional != nil, text(optional) == nil { return nil }
    }
    var translated = ChannelPeer()
    translated.path = path
    translated.recipient = text(peer.recipient) ?? []
    translated.query = text(peer.query) ?? []
    translated.headers = text(peer.headers) ?? []
    translated.user = text(peer.user)
    translated.address = text(peer.address)
    translated.subprotocol = text(peer.subprotocol) ?? []
    translated.context = peer.connection_context
    return translated
}

@c @implementation
public func hearth_channel_receive(
    _ connection: hearth_connection, _ opcode: UInt32, _ data: UnsafeRawPointer!, _ length: Int
) -> Int32 {
    guard let payload = payload(data, length) else { return Status.invalid.rawValue }
    return Connections.receive(ConnectionID(raw: connection), opcode, payload).rawValue
}

@c @implementation
public func hearth_channel_sent(_ connection: hearth_connection, _ bytes: Int) -> Int32 {
    Connections.channelSent(ConnectionID(raw: connection), bytes: bytes).rawValue
}

@c @implementation
public func hearth_channel_alive(_ connection: hearth_connection) -> Int32 {
    Connections.channelAlive(ConnectionID(raw: connection)).rawValue
}

@c @implementation
public func hearth_channel_closed(
    _ connection: hearth_connection, _ code: Int32, _ reason: UnsafePointer<CChar>!
) -> Int32 {
    if reason != nil, text(reason) == nil { return Status.invalid.rawValue }
    return Connections.channelClosed(ConnectionID(raw: connection), code: code, reason: text(reason) ?? [])
        .rawValue
}

@c @implementation
public func hearth_connection_recipient(
    _ connection: hearth_connection, _ buffer: UnsafeMutablePointer<CChar>!, _ capacity: Int
) -> Int64 {
    Connections.recipient(ConnectionID(raw: connection)) { copyOut($0, buffer, capacity) }
}
