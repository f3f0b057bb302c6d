// What a program asks of a client, on any thread: done at once on the client's own loop, posted from
// elsewhere.

internal import HearthBytes
internal import HearthPlatform
internal import HearthSession
internal import HearthWire
internal import Synchronization

package enum ClientCommand {
    case open
    case close(code: UInt16, reason: [UInt8])
    case applyInbox
    case poke
    case hold
    case proceed
    case decline(reason: [UInt8])
    case tell
    case cut
}

package struct ClientInformation {
    /// A `ClientState`.
    package var state: UInt32 = 0
    package var attempts: UInt32 = 0
    package var opens: UInt32 = 0
    package var latencyMicroseconds: Int64 = -1
    package var openedAtWall: UInt64 = 0
    package var lastReceivedWall: UInt64 = 0
    package var messagesReceived: UInt64 = 0
    package var messagesSent: UInt64 = 0
    package var messagesDropped: UInt64 = 0
    package var queueMessages: UInt64 = 0
    package var queueBytes: UInt64 = 0
    package var waitingBytes: UInt64 = 0
}

extension Client {
    private static var declineBytesMax: Int { 1000 }

    package func setCallback(_ callback: EventCallback?, _ context: UnsafeMutableRawPointer?) -> Status {
        guard state.load(ordering: .relaxed) == .idle else {
            return engine.fail(.state, ascii("the event callback is set before the client is opened"))
        }
        self.callback = callback
        callbackContext = context
        return .ok
    }

    package func open() -> Status {
        if isFreed.load(ordering: .relaxed) { return .gone }
        for before in [ClientState.idle, .closed, .gaveUp] {
            let begun = state.compareExchange(
                expected: before, desired: .connecting, ordering: .acquiringAndReleasing)
            if !begun.exchanged { continue }
            let status = engine.open(self)
            if status != .ok { state.store(before, ordering: .relaxed) }
            return status
        }
        return engine.fail(.state, ascii("the client is open, or opening, already"))
    }

    package func close(code: Int32, reason: [UInt8]) -> Status {
        guard let code = UInt16(exactly: code), CloseCode(rawValue: code).mayBeSentByHost else {
            return .invalid
        }
        if reason.count > 123 { return .tooLarge }
        if state.load(ordering: .relaxed).isAtRest { return .state }
        lock.lock()
        let wasWanted = isWanted
        isWanted = false
        lock.unlock()
        if !wasWanted { return ask(.close(code: code, reason: reason)) ? .ok : .gone }
        // There is no loop yet that could tell of it.
        state.store(.closed, ordering: .relaxed)
        return .ok
    }

    /// Returns the message's number, or an error.
    @inline(__always)
    package func send(_ opcode: UInt32, _ payload: UnsafeBufferPointer<UInt8>, keeps: Bool) -> Int64 {
        guard let kind = Connections.messageOpcode(opcode, payload) else {
            return Int64(Status.invalid.rawValue)
        }
        if payload.count > Int(Int32.max) - 16 { return Int64(Status.tooLarge.rawValue) }
        if !MemoryGate.grantsFrame(payload.count) { return Int64(Status.memory.rawValue) }
        if let loop = ownLoop { return loop.send(self, kind, payload, keeps: keeps) }
        return leave(kind, payload, keeps: keeps)
    }

    package func poke() -> Status { ask(.poke) ? .ok : .state }

    /// Also before it is open, and over all its connections.
    package func pause(_ isPaused: Bool) -> Status {
        if isFreed.load(ordering: .relaxed) { return .gone }
        self.isPaused.store(isPaused, ordering: .relaxed)
        _ = ask(.hold)
        return .ok
    }

    /// Answers CLIENT_PREPARE. nil: as before.
    package func proceed(url: [UInt8]?, fields text: [UInt8]?) -> Status {
        if let url {
            do throws(URLFault) {
                _ = try WebSocketURL.parse(url.span)
            } catch {
                var sentence = ascii("url, byte ")
                append(decimal: error.position, to: &sentence)
                return engine.fail(.url, sentence + ascii(": ") + ascii(error.sentence))
            }
        }
        var fields: [UInt8]?
        if let text {
            do throws(ClientFault) {
                fields = try Self.fields(text)
            } catch {
                return engine.fail(.invalid, error.sentence)
            }
        }
        lock.lock()
        if let url { urlText = url }
        if let fields { self.fields = fields }
        lock.unlock()
        return ask(.proceed) ? .ok : .state
    }

    /// Answers CLIENT_PREPARE, too.
    package func decline(reason: [UInt8]) -> Status {
        if reason.count > Self.declineBytesMax { return .tooLarge }
        return ask(.decline(reason: reason)) ? .ok : .state
    }

    /// The client is no more.
    package func cut() -> Status {
        if isFreed.exchange(true, ordering: .acquiringAndReleasing) { return .gone }
        if !ask(.cut) { engine.forget(self) }
        return .ok
    }

    // MARK: Questions

    package var information: ClientInformation {
        var known = ClientInformation()
        known.state = state.load(ordering: .relaxed).rawValue
        known.attempts = counts.attempts.load(ordering: .relaxed)
        known.opens = counts.opens.load(ordering: .relaxed)
        known.latencyMicroseconds = counts.latency.load(ordering: .relaxed)
        known.openedAtWall = counts.openedAtWall.load(ordering: .relaxed)
        known.lastReceivedWall = counts.lastReceivedWall.load(ordering: .relaxed)
        known.messagesReceived = counts.received.load(ordering: .relaxed)
        known.messagesSent = counts.sent.load(ordering: .relaxed)
        known.messagesDropped = counts.dropped.load(ordering: .relaxed)
        known.waitingBytes = counts.waitingBytes.load(ordering: .relaxed)
        lock.lock()
        known.queueMessages = UInt64(queue.count + inbox.count)
        known.queueBytes = UInt64(queue.bytes + inboxBytes)
        lock.unlock()
        return known
    }

    /// As the program wrote it.
    package var url: [UInt8] { lock.withLock { urlText } }

    /// The messages that wait, oldest first.
    package var queuedMessages: [UInt64] {
        lock.lock()
        defer { lock.unlock() }
        var ids: [UInt64] = []
        for index in 0..<queue.count { ids.append(queue.message(at: index).id) }
        for message in inbox { ids.append(message.id) }
        return ids
    }

    /// A message that waits; nil: it does not.
    package func queuedMessage(_ id: UInt64) -> (opcode: UInt32, payload: [UInt8])? {
        lock.lock()
        defer { lock.unlock() }
        for index in 0..<queue.count {
            let message = queue.message(at: index)
            if message.id == id { return (UInt32(message.opcode.rawValue), message.payload) }
        }
        for message in inbox where message.id == id {
            return (UInt32(message.opcode.rawValue), message.payload)
        }
        return nil
    }

    /// Drops what waits. Returns how many messages that were.
    package func clearQueue() -> Int64 {
        lock.lock()
        let count = queue.count + inbox.count
        queue.clear(.cleared)
        for message in inbox { queue.note(QueueDrop(id: message.id, reason: .cleared)) }
        inbox = []
        inboxBytes = 0
        lock.unlock()
        _ = ask(.tell)
        return Int64(count)
    }

    // MARK: To the loop

    /// The client's loop, on its thread.
    @inline(__always)
    private var ownLoop: Loop? {
        let number = home.load(ordering: .relaxed)
        if number < 0 { return nil }
        return LoopPorts.withPort(number) { port in
            guard port.isCurrent, slot != nil else { return nil }
            return port.loop?.takeUnretainedValue()
        }
    }

    /// False: no loop does it.
    func ask(_ command: ClientCommand) -> Bool {
        let number = home.load(ordering: .relaxed)
        if number < 0 { return false }
        return LoopPorts.withPort(number) { port in
            if port.isCurrent, let loop = port.loop?.takeUnretainedValue() {
                loop.apply(command, self)
                return true
            }
            return port.post(.client(self, command))
        }
    }

    /// For the loop to send.
    private func leave(_ opcode: Opcode, _ payload: UnsafeBufferPointer<UInt8>, keeps: Bool) -> Int64 {
        if isFreed.load(ordering: .relaxed) { return Int64(Status.gone.rawValue) }
        let state = state.load(ordering: .relaxed)
        if state == .closed || state == .gaveUp { return Int64(Status.state.rawValue) }
        if state != .open, !keeps || settings.queue.messagesMax == 0 {
            return Int64(Status.notOpen.rawValue)
        }
        lock.lock()
        if isFull(state, payload.count) {
            lock.unlock()
            return Int64(Status.queueFull.rawValue)
        }
        let id = takeNumber()
        inbox.append(InboxMessage(id: id, opcode: opcode, payload: Array(payload), keeps: keeps))
        inboxBytes += payload.count
        let isFirst = inbox.count == 1
        lock.unlock()
        if isFirst { _ = ask(.applyInbox) }
        return Int64(id)
    }

    /// Whether there is no place for a message of so many bytes. Under the lock.
    private func isFull(_ state: ClientState, _ count: Int) -> Bool {
        if state == .open {
            let waiting = Int(counts.waitingBytes.load(ordering: .relaxed)) + inboxBytes
            return waiting > 0 && waiting + count + FrameHeader.bytesMax > outboxBytesMax
        }
        let limits = settings.queue
        let others = limits.dropsOldest ? 0 : queue.count
        let otherBytes = limits.dropsOldest ? 0 : queue.bytes
        return others + inbox.count >= limits.messagesMax
            || otherBytes + inboxBytes + count > limits.bytesMax
    }
}

extension Loop {
    func apply(_ command: ClientCommand, _ client: Client) {
        // A loop of another engine may have the port meanwhile.
        if client.engine !== engine || client.home.load(ordering: .relaxed) != port.number { return }
        switch command {
        case .open: openClient(client)
        case .close(let code, let reason): closeClient(client, code: code, reason: reason)
        case .applyInbox: applyInbox(client)
        case .poke: pokeClient(client)
        case .hold: holdClient(client)
        case .proceed: proceedClient(client)
        case .decline(let reason): declineClient(client, reason: reason)
        case .tell: schedule(client, .reports)
        case .cut: cutClient(client)
        }
    }
}

extension Engine {
    package func addClient(configuration: Configuration) -> Client? {
        do throws(ClientFault) {
            let client = try Client(
                engine: self, number: takeClientNumber(), configuration: configuration)
            lock.withLock { clients[client.number] = client }
            return client
        } catch {
            fail(error.status, error.sentence)
            return nil
        }
    }

    package func clientHandle(number: Int) -> UnsafeMutableRawPointer? {
        lock.withLock { clients[number]?.handle }
    }

    package var clientHandles: [UnsafeMutableRawPointer] {
        lock.withLock { clients.values.compactMap { $0.handle } }
    }

    func forget(_ client: Client) { lock.withLock { _ = clients.removeValue(forKey: client.number) } }

    /// Gives the client a loop, or notes that it is to get one.
    func open(_ client: Client) -> Status {
        lock.lock()
        if isEnded {
            lock.unlock()
            return .gone
        }
        let number = loops.isEmpty ? -1 : loops[client.number % loops.count].port.number
        client.lock.withLock { client.isWanted = number < 0 }
        if number >= 0 {
            client.home.store(number, ordering: .relaxed)
            // At once, so that a close that follows is one of a client that is opening.
            client.state.store(.connecting, ordering: .relaxed)
        }
        lock.unlock()
        return number < 0 || client.ask(.open) ? .ok : .gone
    }

    /// Clients that were opened before there were loops.
    func openWantedClients() {
        let wanted = lock.withLock { clients.values.filter { $0.isWanted } }
        for client in wanted { _ = open(client) }
    }
}
