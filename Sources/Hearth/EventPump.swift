// Takes events from the queue of the engine while somebody wants them. One thread waits on the engine's
// descriptor and on a pipe that says that something changed here. It fetches a batch only when a consumer
// waits and nothing is ready, so what is not consumed stays in the engine's queue, whose limits make the
// sockets wait.

internal import CHearth

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// From the event queue of an engine to tasks. `end()` must come before the engine is freed.
final class EventPump: @unchecked Sendable {
    private struct Waiter {
        let ticket: UInt64
        let continuation: CheckedContinuation<Event?, Never>
    }

    private struct State {
        var ready: [Event] = []
        var taken = 0
        var waiters: [Waiter] = []
        var lastTicket: UInt64 = 0
        var isStarted = false
        var isStopping = false
        var isFinished = false
        var thread: pthread_t?

        var isWanted: Bool { isStopping || (taken == ready.count && !waiters.isEmpty) }

        mutating func take() -> Event? {
            guard taken < ready.count else { return nil }
            defer { taken += 1 }
            return ready[taken]
        }
    }

    private enum Demand { case none, batch, end }

    /// Events of one call of the library.
    private static let batchMax = 256
    private static let eventSize = MemoryLayout<hearth_event>.stride
    /// While the server stops, events are fetched whether or not somebody takes them, for the last one must
    /// come. Messages beyond this many are dropped then.
    private static let readAheadMax = 4096

    private let engine: OpaquePointer
    private let stopped: Gate
    private let wake: WakePipe
    private let state = Locked(State())

    init(engine: OpaquePointer, stopped: Gate) throws(HearthError) {
        self.engine = engine
        self.stopped = stopped
        wake = try WakePipe()
    }

    // MARK: For the server

    /// The engine runs: events may be fetched.
    func start() {
        change { $0.isStarted = true }
    }

    /// Fetches everything until the server has stopped.
    func drain() {
        change { $0.isStopping = true }
    }

    /// Nothing will come: consumers get the end. Waits for the thread.
    func end() {
        let (thread, waiters) = state.withLock { state in
            state.isFinished = true
            defer {
                state.thread = nil
                state.waiters = []
            }
            return (state.thread, state.waiters)
        }
        for waiter in waiters { waiter.continuation.resume(returning: nil) }
        wake.raise()
        if let thread { pthread_join(thread, nil) }
    }

    // MARK: For consumers

    /// The next event; nil after the last one and, if asked for, when the task is cancelled.
    func next(untilCancelled: Bool) async -> Event? {
        let (event, ticket) = state.withLock { state in
            state.lastTicket += 1
            return (state.take(), state.lastTicket)
        }
        if let event { return event }
        guard untilCancelled else {
            return await withCheckedContinuation { register(Waiter(ticket: ticket, continuation: $0)) }
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if Task.isCancelled {
                    continuation.resume(returning: nil)
                } else {
                    register(Waiter(ticket: ticket, continuation: continuation))
                    // A cancellation between the question and the registration found no waiter.
                    if Task.isCancelled { cancel(ticket) }
                }
            }
        } onCancel: {
            cancel(ticket)
        }
    }

    private func register(_ waiter: Waiter) {
        var isAnswered = true
        var event: Event?
        change { state in
            event = state.take()
            isAnswered = event != nil || state.isFinished
            if !isAnswered { state.waiters.append(waiter) }
        }
        if isAnswered { waiter.continuation.resume(returning: event) }
    }

    private func cancel(_ ticket: UInt64) {
        let waiter = state.withLock { state -> Waiter? in
            guard let index = state.waiters.firstIndex(where: { $0.ticket == ticket }) else { return nil }
            return state.waiters.remove(at: index)
        }
        waiter?.continuation.resume(returning: nil)
    }

    /// Changes the state, and wakes or makes the thread if events are wanted now. Without a thread there are
    /// no more events.
    private func change(_ body: (inout State) -> Void) {
        let (isWanted, hasThread) = state.withLock { state in
            body(&state)
            guard state.isStarted && state.isWanted && !state.isFinished else { return (false, true) }
            if state.thread == nil { state.thread = makeThread() }
            return (true, state.thread != nil)
        }
        if isWanted { wake.raise() }
        if !hasThread { finish() }
    }

    // MARK: The thread

    private func makeThread() -> pthread_t? {
        // Signals are for the threads of the host.
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        let context = Unmanaged.passRetained(self)
        #if canImport(Darwin)
            var thread: pthread_t?
            let status = pthread_create(&thread, nil, { pumpThread($0) }, context.toOpaque())
        #else
            var thread = pthread_t()
            let status = pthread_create(&thread, nil, { pumpThread($0!) }, context.toOpaque())
        #endif
        if status != 0 {
            context.release()
            return nil
        }
        return thread
    }

    fileprivate func fetchUntilEnd() {
        let batch = UnsafeMutablePointer<hearth_event>.allocate(capacity: Self.batchMax)
        defer { batch.deallocate() }
        // The descriptor is silent about events of a batch that was cut off at its capacity.
        var mayHaveMore = false
        while true {
            switch demand {
            case .end: return
            case .none: wake.wait(or: -1)
            case .batch:
                if !mayHaveMore && !wake.wait(or: hearth_engine_fd(engine)) { continue }
                let count = Int(hearth_engine_poll(engine, batch, Self.eventSize, Self.batchMax, 0))
                if count < 0 { return finish() }
                mayHaveMore = count == Self.batchMax
                if count > 0 { deliver(UnsafeBufferPointer(start: batch, count: count)) }
            }
        }
    }

    private var demand: Demand {
        state.withLock { state in
            if state.isFinished { return .end }
            return state.isWanted ? .batch : .none
        }
    }

    private func deliver(_ batch: UnsafeBufferPointer<hearth_event>) {
        var isLast = false
        let events = batch.indices.compactMap { Event(batch.baseAddress! + $0) }
        let answers = state.withLock { state -> [(Waiter, Event)] in
            if state.taken == state.ready.count {
                state.ready.removeAll(keepingCapacity: true)
                state.taken = 0
            }
            for event in events {
                if case .stopped = event { isLast = true }
                if case .message = event, state.isStopping, state.ready.count >= Self.readAheadMax {
                    continue
                }
                state.ready.append(event)
            }
            if isLast { state.isFinished = true }
            var answers: [(Waiter, Event)] = []
            while !state.waiters.isEmpty, let event = state.take() {
                answers.append((state.waiters.removeFirst(), event))
            }
            return answers
        }
        for (waiter, event) in answers { waiter.continuation.resume(returning: event) }
        if isLast { finish() }
    }

    private func finish() {
        let waiters = state.withLock { state in
            state.isFinished = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.continuation.resume(returning: nil) }
        stopped.open()
    }
}

private func pumpThread(_ context: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
    Unmanaged<EventPump>.fromOpaque(context).takeRetainedValue().fetchUntilEnd()
    return nil
}
