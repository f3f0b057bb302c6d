// A client of one address, which comes back by itself.

internal import CHearth

/// A connection to a WebSocket server that survives restarts and dead networks, and says what it could not
/// deliver.
///
///     let client = try await Client.connect("wss://example.org/rooms/1")
///     try client.send("hello")
///     for try await message in client.messages { print(message) }
///
/// It connects again when a connection ends, as `reconnect…` of its configuration says; messages sent in the
/// meantime wait, as `queue…` allows. All clients of a process share one thread.
public final class Client: Sendable {
    private let handle: ClientHandle
    private let engine: ClientEngine
    let target: ClientTarget
    private let isFreed = Locked(false)

    /// Makes a client that is not open yet.
    ///
    /// - query: parameters that are put behind the address, escaped.
    /// - prepare: called before each attempt, where expired tokens are refreshed. What it returns takes the
    ///   place of address and headers from then on. When it throws, the attempt fails.
    public init(
        _ url: String, query: [(name: String, value: String)] = [],
        headers: [(name: String, value: String)] = [], subprotocols: [String] = [],
        _ configure: (inout Configuration) -> Void = { _ in },
        @_inheritActorContext prepare: (@Sendable (PreparedAttempt) async throws -> Preparation?)? = nil
    ) throws(HearthError) {
        var configuration = Configuration()
        configure(&configuration)
        configuration.url = withQuery(url, query)
        if !headers.isEmpty { configuration.headers = try Preparation.lines(headers) }
        if !subprotocols.isEmpty { configuration.subprotocols = subprotocols.joined(separator: ",") }
        if prepare != nil { configuration.prepares = true }
        let engine = try ClientEngine.acquire()
        do throws(HearthError) {
            let (made, waitingMax) = try configuration.withNative {
                (native) throws(HearthError) -> (ClientHandle, Int) in
                guard let client = hearth_client_new(engine.handle.pointer, native) else {
                    throw engine.handle.error(HEARTH_ERR_INVALID_VALUE.rawValue)
                }
                let size = try readText { hearth_config_get(native, "max_queue_size", $0, $1) }
                return (ClientHandle(pointer: client), Int(size) ?? 16)
            }
            handle = made
            target = ClientTarget(waitingMax: max(1, waitingMax), prepare: prepare)
        } catch {
            ClientEngine.release()
            throw error
        }
        self.engine = engine
        target.register(handle)
        let context = UnsafeMutableRawPointer(bitPattern: target.number)
        hearth_client_on_event(handle.pointer, ClientTarget.eventCallback, context)
    }

    deinit {
        free()
    }

    // MARK: Life

    /// A client that is open. The first attempt must succeed: how it ended is thrown at once.
    public nonisolated(nonsending) static func connect(
        _ url: String, query: [(name: String, value: String)] = [],
        headers: [(name: String, value: String)] = [], subprotocols: [String] = [],
        _ configure: (inout Configuration) -> Void = { _ in },
        @_inheritActorContext prepare: (@Sendable (PreparedAttempt) async throws -> Preparation?)? = nil
    ) async throws -> Client {
        let client = try Client(
            url, query: query, headers: headers, subprotocols: subprotocols, configure, prepare: prepare)
        // From before it opens: a server may close at once.
        let states = client.states
        try client.open()
        for await state in states {
            switch state {
            case .open: return client
            case .reconnecting(_, _, let end), .closed(let end), .gaveUp(let end): throw end
            case .idle, .connecting: break
            }
        }
        throw CancellationError()
    }

    /// Begins to connect; `states` says how that goes. Possible again when it has ended.
    public func open() throws(HearthError) {
        let before = target.state.withLock { state in
            defer { if state.client.isFinal { state.client = .idle } }
            return state.client
        }
        let status = hearth_client_open(handle.pointer)
        if status < 0 {
            target.state.withLock { if before.isFinal { $0.client = before } }
            throw engine.handle.error(status)
        }
    }

    /// Ends it for good, after what was sent before, and waits for the end. What waits for a connection is
    /// dropped.
    public func close(code: UInt16 = CloseCode.normal, reason: String = "") async throws(HearthError) {
        let status = try withText(reason) { hearth_client_close(handle.pointer, Int32(code), $0) }
        if status == HEARTH_ERR_STATE.rawValue { return }
        if status < 0 { throw engine.handle.error(status) }
        for await state in target.states where state.isFinal { break }
    }

    /// Says that the network may be back: an attempt that waits is made now.
    public func poke() {
        hearth_client_poke(handle.pointer)
    }

    // MARK: Sending

    /// Sends a message, or lets it wait for a connection. Returns its number, which `deliveries` will name.
    ///
    /// - keeps: false: now or never; it does not wait for a connection.
    @discardableResult
    public func send(_ message: Message, keeps: Bool = true) throws(HearthError) -> UInt64 {
        let answer = message.withPayload { opcode, payload in
            hearth_client_send(
                handle.pointer, opcode.rawValue, payload.baseAddress, payload.count,
                keeps ? 0 : HEARTH_SEND_NO_QUEUE.rawValue)
        }
        return UInt64(try HearthError.count(answer))
    }

    @discardableResult
    public func send(_ text: String, keeps: Bool = true) throws(HearthError) -> UInt64 {
        try send(.text(text), keeps: keeps)
    }

    @discardableResult
    public func send(_ bytes: [UInt8], keeps: Bool = true) throws(HearthError) -> UInt64 {
        try send(.binary(bytes), keeps: keeps)
    }

    /// Sends a message and waits until the system has all of it. Throws its `DropReason` if it never will.
    public func deliver(_ message: Message, keeps: Bool = true) async throws {
        try await withCheckedThrowingContinuation { continuation in
            // Under the lock that the events take, so that none comes in between.
            let fault = target.state.withLock { state -> HearthError? in
                do throws(HearthError) {
                    state.senders[try send(message, keeps: keeps)] = continuation
                    return nil
                } catch {
                    return error
                }
            }
            if let fault { continuation.resume(throwing: fault) }
        }
    }

    /// What becomes of messages, from now on. A consumer that is slow misses what is older than the last
    /// 65,536 reports.
    public var deliveries: AsyncStream<Delivery> { target.deliveries }

    /// The numbers of the messages that wait for a connection, oldest first.
    public var queue: [UInt64] {
        var capacity = 64
        while true {
            var total = 0
            let numbers = [UInt64](unsafeUninitializedCapacity: capacity) { buffer, count in
                total = max(0, Int(hearth_client_queue(handle.pointer, buffer.baseAddress, capacity)))
                count = min(total, capacity)
            }
            if total <= capacity { return numbers }
            capacity = total + total / 4
        }
    }

    /// A message that waits; nil: it does not any more.
    public func queuedMessage(_ number: UInt64) -> Message? {
        var opcode: UInt32 = 0
        let bytes = try? readBytes { buffer, capacity in
            hearth_client_queue_message(handle.pointer, number, &opcode, buffer, capacity)
        }
        guard let bytes else { return nil }
        return opcode == Opcode.text.rawValue ? .text(String(decoding: bytes, as: UTF8.self)) : .binary(bytes)
    }

    /// Drops what waits. Returns how many messages that were.
    @discardableResult
    public func clearQueue() throws(HearthError) -> Int {
        try HearthError.count(hearth_client_queue_clear(handle.pointer))
    }

    // MARK: Receiving

    /// What the server sends, over all connections, until the client has ended. A consumer that is slow
    /// makes the server wait: at `maxQueueSize` messages the socket is not read.
    public var messages: ClientMessages { ClientMessages(client: self) }

    // MARK: What is known of it

    public var state: ClientState { target.state.withLock { $0.client } }

    /// The state it is in, and each one that it comes into, until the last.
    public var states: AsyncStream<ClientState> { target.states }

    public var isConnected: Bool { state.isOpen }

    /// Round trip of the last ping that was answered.
    public var latency: Duration? { try? statistics().latency }

    public var url: String {
        (try? readText { hearth_client_url(handle.pointer, $0, $1) }) ?? ""
    }

    public func statistics() throws(HearthError) -> ClientStatistics {
        var info = hearth_client_info()
        info.size = UInt32(MemoryLayout<hearth_client_info>.size)
        try HearthError.check(hearth_client_get_info(handle.pointer, &info))
        return ClientStatistics(
            attempts: Int(info.attempts), opens: Int(info.opens),
            latency: info.latency_us < 0 ? nil : .microseconds(info.latency_us),
            openedAt: info.opened_at_ms, lastReceivedAt: info.last_received_at_ms,
            messagesReceived: info.messages_received, messagesSent: info.messages_sent,
            messagesDropped: info.messages_dropped, queueMessages: Int(info.queue_messages),
            queueBytes: Int(info.queue_bytes), outboxBytes: Int(info.outbox_bytes))
    }

    // MARK: Inside

    private func free() {
        let isFirst = isFreed.withLock { isFreed in
            defer { isFreed = true }
            return !isFreed
        }
        guard isFirst else { return }
        target.unregister()
        hearth_client_free(handle.pointer)
        target.finish()
        ClientEngine.release()
    }
}

/// The messages of a client, one after the other. One task at a time receives.
public struct ClientMessages: AsyncSequence, Sendable {
    public typealias Element = Message
    public typealias Failure = any Error

    let client: Client

    public func makeAsyncIterator() -> Iterator {
        Iterator(client: client)
    }

    public struct Iterator: AsyncIteratorProtocol {
        private static let regular: [UInt16?] = [
            CloseCode.normal, CloseCode.goingAway, CloseCode.noStatus,
        ]

        let client: Client

        /// The next message; nil when the client was closed, or the server closed with 1000 or 1001, or the
        /// task was cancelled. Throws the `ClientEnd` of any other end.
        public mutating func next() async throws -> Message? {
            if let message = await client.target.next() { return message }
            if Task.isCancelled { return nil }
            switch client.state {
            case .gaveUp(let end): throw end
            case .closed(let end) where end.error != nil: throw end
            case .closed(let end) where end.isByPeer && !Self.regular.contains(end.code): throw end
            default: return nil
            }
        }
    }
}
