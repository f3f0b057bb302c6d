// What the library's events of one client go to. The library knows it by a number, not by its address: its
// last event may come when the program has let go of the client.

internal import CHearth

final class ClientTarget: Sendable {
    struct Preparing: @unchecked Sendable {
        let prepare: @Sendable (PreparedAttempt) async throws -> Preparation?
    }

    struct State {
        var client = ClientState.idle
        // Messages.
        var messages: [Message] = []
        var taken = 0
        var receiver: (ticket: UInt64, continuation: CheckedContinuation<Message?, Never>)?
        var lastTicket: UInt64 = 0
        var isPaused = false
        // Who watches.
        var stateWatchers: [UInt64: AsyncStream<ClientState>.Continuation] = [:]
        var deliveryWatchers: [UInt64: AsyncStream<Delivery>.Continuation] = [:]
        var nextWatcher: UInt64 = 0
        var senders: [UInt64: CheckedContinuation<Void, any Error>] = [:]

        var waiting: Int { messages.count - taken }

        mutating func take() -> Message? {
            guard taken < messages.count else { return nil }
            let message = messages[taken]
            taken += 1
            if taken == messages.count || taken >= 64 && taken > messages.count / 2 {
                messages.removeFirst(taken)
                taken = 0
            }
            return message
        }
    }

    let state = Locked(State())
    let number: UInt
    private let preparing: Preparing?
    private let waitingMax: Int
    private let handle = Locked<ClientHandle?>(nil)

    init(waitingMax: Int, prepare: (@Sendable (PreparedAttempt) async throws -> Preparation?)?) {
        self.waitingMax = waitingMax
        preparing = prepare.map(Preparing.init(prepare:))
        number = Self.registry.withLock { registry in
            registry.last += 1
            return registry.last
        }
    }

    // MARK: Being found

    private static let registry = Locked<(last: UInt, targets: [UInt: ClientTarget])>((0, [:]))

    func register(_ client: ClientHandle) {
        handle.withLock { $0 = client }
        Self.registry.withLock { $0.targets[number] = self }
    }

    /// No event comes from here on.
    func unregister() {
        handle.withLock { $0 = nil }
        Self.registry.withLock { _ = $0.targets.removeValue(forKey: number) }
    }

    static let eventCallback: hearth_event_fn = { context, event in
        guard let event else { return }
        let number = UInt(bitPattern: context)
        let target = ClientTarget.registry.withLock { $0.targets[number] }
        target?.receive(event)
    }

    // MARK: Events. Thread: the loop's.

    private func receive(_ event: UnsafePointer<hearth_event>) {
        switch event.pointee.type {
        case HEARTH_EVENT_MESSAGE.rawValue: put(Message(event))
        case HEARTH_EVENT_CLIENT_STATE.rawValue: change(ClientState(event))
        case HEARTH_EVENT_CLIENT_SENT.rawValue: report(.sent(through: event.pointee.message))
        case HEARTH_EVENT_CLIENT_DROPPED.rawValue:
            let reason = DropReason(rawValue: event.pointee.code) ?? .closed
            report(.dropped(event.pointee.message, reason))
        case HEARTH_EVENT_CLIENT_PREPARE.rawValue: prepare(PreparedAttempt(event))
        default: break
        }
    }

    private func put(_ message: Message) {
        let receiver = state.withLock { state in
            if let receiver = state.receiver {
                state.receiver = nil
                return Optional(receiver.continuation)
            }
            state.messages.append(message)
            if !state.isPaused, state.waiting >= waitingMax { pause(true, &state) }
            return nil
        }
        receiver?.resume(returning: message)
    }

    func change(_ client: ClientState) {
        let (watchers, receiver) = state.withLock { state in
            state.client = client
            let watchers = Array(state.stateWatchers.values)
            if !client.isFinal { return (watchers, nil as CheckedContinuation<Message?, Never>?) }
            state.stateWatchers = [:]
            defer { state.receiver = nil }
            return (watchers, state.receiver?.continuation)
        }
        receiver?.resume(returning: nil)
        for watcher in watchers {
            watcher.yield(client)
            if client.isFinal { watcher.finish() }
        }
    }

    private func report(_ delivery: Delivery) {
        let (watchers, senders) = state.withLock { state in
            var senders: [(CheckedContinuation<Void, any Error>, DropReason?)] = []
            switch delivery {
            case .sent(let last):
                for number in state.senders.keys where number <= last {
                    senders.append((state.senders.removeValue(forKey: number)!, nil))
                }
            case .dropped(let number, let reason):
                if let sender = state.senders.removeValue(forKey: number) { senders.append((sender, reason)) }
            }
            return (Array(state.deliveryWatchers.values), senders)
        }
        for (sender, reason) in senders {
            if let reason { sender.resume(throwing: reason) } else { sender.resume() }
        }
        for watcher in watchers { watcher.yield(delivery) }
    }

    /// When it throws the attempt fails, and before the next one this is called again.
    private func prepare(_ attempt: PreparedAttempt) {
        guard let preparing else { return }
        Task {
            do {
                let answer = try await preparing.prepare(attempt) ?? Preparation()
                let lines = try answer.headers.map { try Preparation.lines($0) }
                try proceed(url: answer.url, lines: lines)
            } catch {
                decline("\(error)")
            }
        }
    }

    private func proceed(url: String?, lines: String?) throws {
        try handle.withLock { handle in
            guard let handle else { return }
            let status = try withText(url) { (url) throws(HearthError) -> Int32 in
                try withText(lines) { lines in hearth_client_proceed(handle.pointer, url, lines) }
            }
            try HearthError.check(status)
        }
    }

    private func decline(_ reason: String) {
        // As much as the library takes, without what would end the text.
        var reason = String(reason.prefix(1000).filter { $0 != "\0" })
        while reason.utf8.count > 1000 { reason.removeLast() }
        handle.withLock { handle in
            guard let handle else { return }
            _ = try? withText(reason) { hearth_client_decline(handle.pointer, $0) }
        }
    }

    // MARK: For consumers

    /// The next message; nil behind the last one, and when the task is cancelled.
    func next() async -> Message? {
        let ticket = state.withLock { state in
            state.lastTicket += 1
            return state.lastTicket
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in register(continuation, ticket) }
        } onCancel: {
            cancel(ticket)
        }
    }

    private func register(_ continuation: CheckedContinuation<Message?, Never>, _ ticket: UInt64) {
        let isCancelled = Task.isCancelled
        let (answer, previous) = state.withLock { state in
            let previous = state.receiver?.continuation
            if let message = state.take() {
                if state.isPaused, state.waiting <= waitingMax / 2 { pause(false, &state) }
                return (Optional(Optional(message)), nil as CheckedContinuation<Message?, Never>?)
            }
            if isCancelled || state.client.isFinal { return (Optional(nil as Message?), nil) }
            state.receiver = (ticket, continuation)
            return (nil, previous)
        }
        if let answer { continuation.resume(returning: answer) }
        // Of two tasks that receive the last one gets the messages.
        previous?.resume(returning: nil)
        if answer == nil, Task.isCancelled { cancel(ticket) }
    }

    private func cancel(_ ticket: UInt64) {
        let continuation = state.withLock { state -> CheckedContinuation<Message?, Never>? in
            guard let receiver = state.receiver, receiver.ticket == ticket else { return nil }
            state.receiver = nil
            return receiver.continuation
        }
        continuation?.resume(returning: nil)
    }

    /// Under the lock of the state, so that the client is asked in the order in which that changes: else a
    /// pause that comes after its end would last for ever. The client calls nobody back in it.
    private func pause(_ paused: Bool, _ state: inout State) {
        state.isPaused = paused
        handle.withLock { handle in
            if let handle { _ = hearth_client_pause(handle.pointer, paused ? 1 : 0) }
        }
    }

    // MARK: Streams

    private static let statesMax = 1024
    private static let deliveriesMax = 65_536

    var states: AsyncStream<ClientState> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: ClientState.self, bufferingPolicy: .bufferingNewest(Self.statesMax))
        let (number, client) = state.withLock { state in
            state.nextWatcher += 1
            if !state.client.isFinal { state.stateWatchers[state.nextWatcher] = continuation }
            // Under the lock, so that no later state overtakes it.
            continuation.yield(state.client)
            return (state.nextWatcher, state.client)
        }
        if client.isFinal { continuation.finish() }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.stateWatchers.removeValue(forKey: number) }
        }
        return stream
    }

    var deliveries: AsyncStream<Delivery> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: Delivery.self, bufferingPolicy: .bufferingNewest(Self.deliveriesMax))
        let number = state.withLock { state in
            state.nextWatcher += 1
            state.deliveryWatchers[state.nextWatcher] = continuation
            return state.nextWatcher
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.deliveryWatchers.removeValue(forKey: number) }
        }
        return stream
    }

    /// The client is gone: everybody who waits is told.
    func finish() {
        if !state.withLock({ $0.client.isFinal }) { change(.closed(.freed)) }
        let (watchers, senders) = state.withLock { state in
            defer {
                state.deliveryWatchers = [:]
                state.senders = [:]
            }
            return (Array(state.deliveryWatchers.values), Array(state.senders.values))
        }
        for sender in senders { sender.resume(throwing: DropReason.closed) }
        for watcher in watchers { watcher.finish() }
    }
}
