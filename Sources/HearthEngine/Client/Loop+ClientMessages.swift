// A client's messages: at once into the outbox when it is open and nothing waits, else into the queue; and
// back into the queue when the connection breaks before the system had them.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import HearthWire
internal import Synchronization

extension Loop {
    // MARK: From the program

    /// A message that the program passes on the loop's thread. Returns its number, or an error.
    func send(
        _ client: Client, _ opcode: Opcode, _ payload: UnsafeBufferPointer<UInt8>, keeps: Bool
    ) -> Int64 {
        client.lock.lock()
        if !client.inbox.isEmpty {
            client.lock.unlock()
            applyInbox(client)
            client.lock.lock()
        }
        let id = client.takeNumber()
        client.lock.unlock()
        let status = accept(client, id, opcode, payload, nil, keeps: keeps)
        return status == .ok ? Int64(id) : Int64(status.rawValue)
    }

    /// Messages that other threads have left, in the order of their numbers.
    func applyInbox(_ client: Client) {
        client.lock.lock()
        let messages = client.inbox
        client.inbox = []
        client.inboxBytes = 0
        if moveToQueue(client, messages) {
            client.lock.unlock()
            schedule(client, .reports)
            return setClientDeadline(client)
        }
        client.lock.unlock()
        for message in messages {
            let status = message.payload.withUnsafeBufferPointer {
                accept(client, message.id, message.opcode, $0, message.payload, keeps: message.keeps)
            }
            if status == .ok { continue }
            let reason: DropReason = status == .queueFull ? .count : status == .notOpen ? .lost : .closed
            client.lock.withLock { client.queue.note(QueueDrop(id: message.id, reason: reason)) }
            schedule(client, .reports)
        }
    }

    /// Puts messages that cannot go out yet from the one list into the other without letting go of the lock:
    /// a program that asks for them, or clears them, finds them in one of the two. False: they may go out, or
    /// into a batch. Under the lock.
    private func moveToQueue(_ client: Client, _ messages: [InboxMessage]) -> Bool {
        let state = client.state.load(ordering: .relaxed)
        if client.isDeliberate || client.isFreed.load(ordering: .relaxed) || client.isBatching {
            return false
        }
        if state == .closed || state == .gaveUp || state == .open && client.queue.isEmpty { return false }
        context.enter()
        let limits = client.settings.queue
        for message in messages {
            if state != .open, !message.keeps || limits.messagesMax == 0 {
                client.queue.note(QueueDrop(id: message.id, reason: .lost))
                continue
            }
            let isTaken = client.queue.append(
                id: message.id, opcode: message.opcode, payload: message.payload, keeps: message.keeps,
                now: now,
                limits)
            if !isTaken { client.queue.note(QueueDrop(id: message.id, reason: .count)) }
        }
        return true
    }

    /// `owned`: the payload as an array, if there is one already.
    private func accept(
        _ client: Client, _ id: UInt64, _ opcode: Opcode, _ payload: UnsafeBufferPointer<UInt8>,
        _ owned: [UInt8]?, keeps: Bool
    ) -> Status {
        if client.isDeliberate || client.isFreed.load(ordering: .relaxed) { return .state }
        let state = client.state.load(ordering: .relaxed)
        if state == .closed || state == .gaveUp { return .state }
        if client.isBatching, opcode == .text, keeps,
            joinsBatch(client, id, owned ?? Array(payload))
        {
            return .ok
        }
        var isOpen = state == .open
        if isOpen, client.queue.isEmpty, let place = place(of: client.connection) {
            let status = sendOut(client, place, id, opcode, payload, owned, keeps: keeps)
            if status != .notOpen { return status }
            isOpen = false
        }
        if !isOpen, !keeps || client.settings.queue.messagesMax == 0 { return .notOpen }
        return enqueue(client, id, opcode, owned ?? Array(payload), keeps: keeps)
    }

    private func enqueue(
        _ client: Client, _ id: UInt64, _ opcode: Opcode, _ payload: [UInt8], keeps: Bool
    ) -> Status {
        context.enter()
        client.lock.lock()
        let isTaken = client.queue.append(
            id: id, opcode: opcode, payload: payload, keeps: keeps, now: now, client.settings.queue)
        client.lock.unlock()
        if client.settings.queue.dropsOldest { schedule(client, .reports) }
        setClientDeadline(client)
        return isTaken ? .ok : .queueFull
    }

    // MARK: Into the outbox

    /// `.notOpen`: the connection has broken in this turn.
    private func sendOut(
        _ client: Client, _ place: ConnectionRef, _ id: UInt64, _ opcode: Opcode,
        _ payload: UnsafeBufferPointer<UInt8>, _ owned: [UInt8]?, keeps: Bool
    ) -> Status {
        if place.pointee.phase != .open || place.pointee.session.state != .open { return .state }
        if !hasRoom(client, place, payload.count) { return .queueFull }
        if !hub.acceptsMessages(place.pointee.slot) { return .notOpen }
        queueFrame(place, opcode, payload)
        trackUnsent(client, place, id, opcode, payload, owned, keeps: keeps)
        return .ok
    }

    /// The outbox must accept messages and have room. What compression makes longer goes in all the same: it
    /// was taken, and those behind may refer to it.
    private func queueFrame(
        _ place: ConnectionRef, _ opcode: Opcode, _ payload: UnsafeBufferPointer<UInt8>
    ) {
        hub.appendPastLimit(encodeMessage(place, opcode, payload), to: place.pointee.slot)
        context.ensureTurn()
    }

    /// The frame of a client's message, compressed if that was agreed on. It must be queued.
    private func encodeMessage(
        _ place: ConnectionRef, _ opcode: Opcode, _ payload: UnsafeBufferPointer<UInt8>
    ) -> Segment {
        let settings = place.pointee.endpoint._withUnsafeGuaranteedRef { $0.compression }
        guard let compression = place.pointee.compression, payload.count >= settings.threshold else {
            return encode(place, opcode, payload)
        }
        let compressed =
            compression.sendsTakeover
            ? codecs.compress(payload, level: settings.level, for: compression)
            : codecs.compress(payload, level: settings.level, windowBits: compression.sentWindowBits)
        guard let compressed else { return encode(place, opcode, payload) }
        let frame = hub.encode(opcode, compressed, maskKey: clients.nextMaskKey(), isCompressed: true)
        codecs.trimDeflated()
        return frame
    }

    /// Notes that the message is sent when the system has what the outbox holds now.
    private func trackUnsent(
        _ client: Client, _ place: ConnectionRef, _ id: UInt64, _ opcode: Opcode,
        _ payload: UnsafeBufferPointer<UInt8>, _ owned: [UInt8]?, keeps: Bool
    ) {
        let end = client.outgoing.handedOver + UInt64(hub.waitingBytes(place.pointee.slot))
        client.outgoing.add(
            InFlight(
                id: id, opcode: opcode, keeps: keeps, queuedAt: now, end: end,
                stored: owned == nil ? clients.storePayload(payload) : 0..<0, payload: owned ?? []))
    }

    /// Whether a message of so many bytes fits into the outbox, after a flush if need be. The flush may find
    /// that the connection is broken: then there is room, and the outbox accepts nothing.
    private func hasRoom(
        _ client: Client, _ place: ConnectionRef, _ count: Int
    ) -> Bool {
        let slot = place.pointee.slot
        let needed = count + FrameHeader.bytesMax
        if hub.waitingBytes(slot) + needed <= client.outboxBytesMax || hub.waitingBytes(slot) == 0 {
            return true
        }
        if hub.isBlocked(slot) { return false }
        flush(slot)
        return hub.waitingBytes(slot) + needed <= client.outboxBytesMax || hub.waitingBytes(slot) == 0
    }

    /// One frame in the form of this end: a client's are masked (RFC 6455 5.3), each with a key of its own.
    @inline(__always)
    func encode(
        _ place: ConnectionRef, _ opcode: Opcode, _ payload: UnsafeBufferPointer<UInt8>
    ) -> Segment {
        place.pointee.isClient
            ? hub.encode(opcode, payload, maskKey: clients.nextMaskKey()) : hub.encode(opcode, payload)
    }

    // MARK: What waits

    /// Sends what waits, in order, as far as the outbox and the rate allow.
    func drain(_ client: Client) {
        guard let place = place(of: client.connection), place.pointee.phase == .open,
            place.pointee.session.state == .open
        else { return }
        var window = BatchWindow()
        while !client.queue.isEmpty,
            hasRoom(client, place, window.bytes + client.queue.message(at: 0).payload.count + 2),
            hub.acceptsMessages(place.pointee.slot)
        {
            client.lock.lock()
            let message = client.queue.next(now: now, client.settings.queue)
            client.lock.unlock()
            guard let message else { break }
            if joins(message, &window, client, place) { continue }
            sendBatch(&window, client, place)
            message.payload.withUnsafeBufferPointer {
                queueFrame(place, message.opcode, $0)
                trackUnsent(
                    client, place, message.id, message.opcode, $0, message.payload, keeps: message.keeps)
            }
            relieveArena()
        }
        sendBatch(&window, client, place)
        setClientDeadline(client)
    }

    /// When something of what waits is due; nil: nothing.
    func outgoingDue(_ client: Client) -> UInt64? {
        var due = client.batch.deadline
        if client.queue.isEmpty { return due }
        if let expiry = client.queue.deadline(client.settings.queue) { due = min(due ?? expiry, expiry) }
        if client.state.load(ordering: .relaxed) == .open, let next = client.queue.nextAllowed(now: now),
            next > now
        {
            due = min(due ?? next, next)
        }
        return due
    }

    func outgoingOverdue(_ client: Client) {
        if let due = client.batch.deadline, now >= due { flushBatch(client) }
        if client.queue.isEmpty { return }
        client.lock.withLock { client.queue.expire(now: now, client.settings.queue) }
        schedule(client, [.drains, .reports])
    }

    // MARK: After a flush

    func noteTaken(_ place: ConnectionRef, _ transfer: Transfer) {
        guard case .bytes(let count) = transfer else { return }
        let client = client(of: place)
        if client.connection != place.pointee.id { return }
        client.outgoing.handedOver += UInt64(count)
        client.outgoing.taken += UInt64(count)
    }

    /// The outbox was written, wholly or in part.
    func clientFlushed(_ place: ConnectionRef) {
        let client = client(of: place)
        if client.connection != place.pointee.id { return }
        let slot = place.pointee.slot
        client.counts.waitingBytes.store(UInt64(hub.waitingBytes(slot)), ordering: .relaxed)
        let count = client.outgoing.retireSent()
        if count > 0 {
            client.counts.sent.store(
                client.counts.sent.load(ordering: .relaxed) + UInt64(count), ordering: .relaxed)
            schedule(client, .reports)
        }
        if !client.outgoing.isEmpty { clients.keepUnsent(of: client) }
        if !client.queue.isEmpty, !hub.isBlocked(slot) { schedule(client, .drains) }
    }

    /// Messages that the system does not have go back to the queue, before those that wait there. The last
    /// bytes of a frame have not left if the frame has not, so no server has seen the message. Returns
    /// whether another frame may be written to this connection.
    func requeueUnsent(_ place: ConnectionRef) -> Bool {
        let client = client(of: place)
        if client.connection != place.pointee.id || client.outgoing.isEmpty { return true }
        let isBetweenFrames = hub.isBetweenFrames(place.pointee.slot)
        // What is sealed must not be written any more, not even at the end.
        if !isBetweenFrames { port.lock.withLock { place.pointee.tls = nil } }
        hub.discardOutbox(place.pointee.slot)
        let unsent = clients.takeUnsent(of: client)
        client.lock.lock()
        client.queue.dropUnkept()
        for message in unsent.reversed() {
            if message.keeps {
                client.queue.prepend(
                    id: message.id, opcode: message.opcode, payload: message.payload, keeps: true,
                    queuedAt: message.queuedAt)
            } else {
                client.queue.note(QueueDrop(id: message.id, reason: .lost))
            }
        }
        client.lock.unlock()
        schedule(client, .reports)
        return isBetweenFrames
    }

    // MARK: Batches

    /// Whether the message waits for the end of its window. One that no array can have goes by itself, behind
    /// what was passed before it.
    private func joinsBatch(_ client: Client, _ id: UInt64, _ payload: [UInt8]) -> Bool {
        guard let limits = client.settings.batch else { return false }
        context.enter()
        var result = client.batch.append(id: id, payload: payload, now: now, limits)
        if result == .full {
            flushBatch(client)
            result = client.batch.append(id: id, payload: payload, now: now, limits)
        }
        if result != .taken {
            flushBatch(client)
            return false
        }
        if let due = client.batch.deadline, due <= now {
            flushBatch(client)
        } else {
            setClientDeadline(client)
        }
        return true
    }

    /// The window is over: one frame with an array of its messages or, while there is no connection, each of
    /// them into the queue.
    func flushBatch(_ client: Client) {
        if client.batch.isEmpty { return }
        if client.state.load(ordering: .relaxed) == .open, client.queue.isEmpty,
            let place = place(of: client.connection), place.pointee.phase == .open,
            place.pointee.session.state == .open, hasRoom(client, place, client.batch.bytes + 2),
            hub.acceptsMessages(place.pointee.slot)
        {
            return sendBatch(&client.batch, client, place)
        }
        for message in client.batch.takeArray().messages {
            let status = enqueue(client, message.id, .text, message.payload, keeps: true)
            if status == .ok { continue }
            client.lock.withLock { client.queue.note(QueueDrop(id: message.id, reason: .count)) }
            schedule(client, .reports)
        }
    }

    /// Whether what has waited goes into the next array, as it would have done before.
    private func joins(
        _ message: QueuedMessage, _ window: inout BatchWindow, _ client: Client,
        _ place: ConnectionRef
    ) -> Bool {
        guard let limits = client.settings.batch, message.opcode == .text else { return false }
        var result = window.append(id: message.id, payload: message.payload, now: now, limits)
        if result == .full {
            sendBatch(&window, client, place)
            result = window.append(id: message.id, payload: message.payload, now: now, limits)
        }
        return result == .taken
    }

    private func sendBatch(
        _ window: inout BatchWindow, _ client: Client, _ place: ConnectionRef
    ) {
        if window.isEmpty { return }
        let (array, messages) = window.takeArray()
        if !hub.acceptsMessages(place.pointee.slot) {
            client.lock.lock()
            for message in messages.reversed() {
                client.queue.prepend(
                    id: message.id, opcode: .text, payload: message.payload, keeps: true, queuedAt: now)
            }
            return client.lock.unlock()
        }
        array.withUnsafeBufferPointer { queueFrame(place, .text, $0) }
        for message in messages {
            message.payload.withUnsafeBufferPointer {
                trackUnsent(client, place, message.id, .text, $0, message.payload, keeps: true)
            }
        }
    }

    // MARK: In band

    func noteLatency(_ place: ConnectionRef, _ microseconds: Int64) {
        client(of: place).counts.latency.store(microseconds, ordering: .relaxed)
    }

    /// Counts the message. Returns whether it was for the library: a ping that it is to answer.
    func isForClient(
        _ place: ConnectionRef, _ opcode: Opcode, _ payload: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        let client = client(of: place)
        client.counts.received.increase()
        client.counts.lastReceivedWall.store(wallMilliseconds, ordering: .relaxed)
        guard client.answersJSONPing, opcode == .text, JSONText.isPing(payload.span) else {
            return false
        }
        // A server that pings and does not read gets no more answers than the outbox may hold.
        if hasRoom(client, place, JSONText.pong.utf8CodeUnitCount),
            hub.acceptsMessages(place.pointee.slot)
        {
            JSONText.pong.withUTF8Buffer { queueFrame(place, .text, $0) }
        }
        return true
    }
}
