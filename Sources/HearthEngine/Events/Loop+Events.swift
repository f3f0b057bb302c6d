// Telling the host. What concerns membership and the end of a connection goes through one queue, so that what
// a callback does about an event (leave the room just joined, free the server) is told after the event, never
// in the middle of it.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthWire
internal import Synchronization

extension Loop {
    /// Calls the host. It may call the library back, but not end the engine.
    @inline(__always)
    func emit(_ event: inout EngineEvent) {
        context.callbackDepth += 1
        event.endpoint._withUnsafeGuaranteedRef { endpoint in
            if let callback = endpoint.callback {
                withUnsafePointer(to: &event) { callback(endpoint.callbackContext, UnsafeRawPointer($0)) }
            } else if hasPoller {
                engine.queue.append(event)
            }
        }
        context.callbackDepth -= 1
    }

    /// Tells the host of a message. Where no callback is waited for, in the few words that a message takes.
    @inline(__always)
    func emitMessage(
        _ place: ConnectionRef, _ opcode: Opcode, _ payload: UnsafeBufferPointer<UInt8>
    ) {
        place.pointee.endpoint._withUnsafeGuaranteedRef { endpoint in
            guard context.callbackDepth == 0, let callback = endpoint.messageCallback else {
                return emitMessageEvent(place, opcode, payload)
            }
            var message = MessageEvent(
                connection: place.pointee.id.raw, context: place.pointee.context,
                wallMilliseconds: wallMilliseconds, data: Borrowed(payload.baseAddress, payload.count),
                opcode: UInt32(opcode.rawValue), route: place.pointee.route, loop: index)
            context.callbackDepth = 1
            withUnsafePointer(to: &message) { callback(endpoint.callbackContext, UnsafeRawPointer($0)) }
            context.callbackDepth = 0
        }
    }

    @inline(never)
    private func emitMessageEvent(
        _ place: ConnectionRef, _ opcode: Opcode, _ payload: UnsafeBufferPointer<UInt8>
    ) {
        var event = event(.message, place)
        event.opcode = UInt32(opcode.rawValue)
        event.data = Borrowed(payload.baseAddress, payload.count)
        emit(&event)
    }

    @inline(__always)
    func event(_ type: EventType, _ place: ConnectionRef) -> EngineEvent {
        var event = EngineEvent(type, place.pointee.endpoint, wallMilliseconds: wallMilliseconds)
        event.connection = place.pointee.isClient ? 0 : place.pointee.id.raw
        event.context = place.pointee.context
        event.route = place.pointee.route
        return event
    }

    func pending(_ type: EventType, _ place: ConnectionRef) -> PendingEvent {
        PendingEvent(
            type: type, endpoint: place.pointee.endpoint.takeUnretainedValue(), connection: place.pointee.id,
            context: place.pointee.context, route: place.pointee.route)
    }

    /// Emits the event after all that wait; at once if none is being told.
    func emitInOrder(_ event: consuming PendingEvent) {
        pendingEvents.append(event)
        if !isEmittingPending { emitPending() }
    }

    /// Collects what `body` tells and emits it when `body` is done.
    func emittingAfter(_ body: () -> Void) {
        let wasEmitting = isEmittingPending
        isEmittingPending = true
        body()
        isEmittingPending = wasEmitting
        if !wasEmitting { emitPending() }
    }

    private func emitPending() {
        isEmittingPending = true
        while let event = pendingEvents.popFirst() { emit(event) }
        isEmittingPending = false
    }

    private func emit(_ pending: borrowing PendingEvent) {
        if pending.endpoint.kind == .client { return emitOfClient(pending) }
        withTerminated(pending.room?.bytes ?? []) { room in
            withTerminated(pending.user?.bytes ?? []) { user in
                pending.data.withUnsafeBufferPointer { data in
                    var event = EngineEvent(
                        pending.type, Unmanaged.passUnretained(pending.endpoint),
                        wallMilliseconds: wallMilliseconds)
                    event.connection = pending.connection.raw
                    event.context = pending.context
                    event.route = pending.route
                    event.code = pending.code
                    event.flags = pending.flags
                    event.room = room
                    event.user = user
                    event.data = Borrowed(data.baseAddress, data.count)
                    event.version = pending.version
                    if pending.type == .clusterAnswer {
                        emitAnswer(&event, unsafeDowncast(pending.endpoint, to: Server.self))
                    } else {
                        emit(&event)
                    }
                    if let channel = pending.channel, channel.callback != nil { emit(&event, to: channel) }
                }
            }
        }
        // The id is good in its own CLOSE event, so that a host can still ask what it kept with the
        // connection.
        if pending.type == .close, let place = place(of: pending.connection) {
            port.lock.withLock { place.pointee.id = .none }
        }
    }

    private func emitAnswer(_ event: inout EngineEvent, _ server: Server) {
        guard let callback = server.answerCallback else { return emit(&event) }
        context.callbackDepth += 1
        withUnsafePointer(to: &event) { callback(server.answerContext, UnsafeRawPointer($0)) }
        context.callbackDepth -= 1
    }

    private func emitOfClient(_ pending: borrowing PendingEvent) {
        withTerminated(pending.path) { path in
            pending.data.withUnsafeBufferPointer { data in
                var event = EngineEvent(
                    pending.type, Unmanaged.passUnretained(pending.endpoint),
                    wallMilliseconds: wallMilliseconds)
                event.code = pending.code
                event.flags = pending.flags
                event.client = pending.client
                event.path = path
                event.data = Borrowed(data.baseAddress, data.count)
                emit(&event)
            }
        }
    }

    /// Lends the bytes with a NUL behind them.
    @inline(__always)
    func withTerminated(_ bytes: [UInt8], _ body: (Borrowed) -> Void) {
        if bytes.isEmpty { return body(.empty) }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: bytes.count + 1) { place in
            for index in 0..<bytes.count { place[index] = bytes[index] }
            place[bytes.count] = 0
            body(Borrowed(place.baseAddress, bytes.count))
        }
    }

    // MARK: The log

    func logOpen(_ place: ConnectionRef, _ user: ByteString?) {
        guard context.logs(.debug) else { return }
        context.log(
            .debug, "session", "a connection is open",
            LogFields().adding("peer", place.pointee.address.text).adding("connection", place.pointee.id.raw)
                .adding("user", user?.bytes ?? []).adding("route", decimal(Int(place.pointee.route))))
    }

    func logEnd(
        _ place: ConnectionRef, code: UInt16, reason: [UInt8], flags: UInt32
    ) {
        guard context.logs(.debug) else { return }
        let user = hub.user(of: place.pointee.slot).map { hub.userName($0).bytes } ?? []
        context.log(
            .debug, "session", "a connection has ended",
            LogFields().adding("peer", place.pointee.address.text).adding("connection", place.pointee.id.raw)
                .adding("user", user).adding("code", UInt64(code)).adding("reason", reason)
                .adding("by_peer", flags & EngineEvent.isByPeer == 0 ? "no" : "yes")
                .adding("received", place.pointee.messagesReceived.load(ordering: .relaxed))
                .adding("sent", hub.sentCount(place.pointee.slot)))
    }
}
