// Running a server with an asynchronous function for its events, or for each of its connections.

internal import CHearth

extension Server {
    /// Starts, calls the function for each event until the task is cancelled, and stops politely.
    ///
    /// Events of one connection are handled one after the other, in order; those of different connections
    /// side by side, so that a slow one delays no other. Events of users and of the server are a sequence of
    /// their own. In an actor, or a class of the main actor, the function runs on that actor.
    ///
    /// An error of the function costs its connection (close code 1011) or its request (status 500) and
    /// nothing else; it is logged. A connection for which more than 1,024 messages or 4 MiB wait is closed
    /// with 1013.
    public func run(
        @_inheritActorContext _ handle: @escaping @Sendable (Event) async throws -> Void
    ) async throws(HearthError) {
        try start()
        let lanes = Lanes()
        await whileRunning { event, group in
            handleInLane(event, lanes, &group, handle)
        }
    }

    /// Starts, and calls the function for each connection that opens, in a task of its own, until the task is
    /// cancelled. The session is the sequence of the connection's messages. When the function returns, the
    /// connection is closed with 1000; when it throws, with 1011, and the error is logged.
    ///
    /// - others: is called for all other events, as by `run(_:)`: requests, events of the json dialect, rooms
    ///   and users. The open and close of a connection and its messages are the session's.
    public func serve(
        @_inheritActorContext others: @escaping @Sendable (Event) async throws -> Void = { _ in },
        @_inheritActorContext _ handle: @escaping @Sendable (Session) async throws -> Void
    ) async throws(HearthError) {
        try start()
        let lanes = Lanes()
        var sessions: [Connection: Session] = [:]
        await whileRunning { event, group in
            switch event {
            case .open(let connection, let request, let user):
                let session = Session(connection, request, user: user)
                sessions[connection] = session
                group.addTask {
                    do {
                        try await handle(session)
                        if !Task.isCancelled { try? session.close() }
                    } catch {
                        let hasEnded = session.closing != nil
                        self.failed(error, hasEnded ? nil : .open(connection, request, user: user))
                    }
                }
            case .message(let connection, let message):
                if sessions[connection]?.put(message) == false { self.closeAsFull(connection) }
            case .close(let connection, let closing):
                sessions.removeValue(forKey: connection)?.end(closing)
            default: handleInLane(event, lanes, &group, others)
            }
        }
    }

    /// Takes events until the server has stopped, which begins when the task is cancelled.
    private nonisolated(nonsending) func whileRunning(
        _ take: (Event, inout DiscardingTaskGroup) -> Void
    ) async {
        await withTaskCancellationHandler {
            await withDiscardingTaskGroup { group in
                while let event = await pump.next(untilCancelled: false) { take(event, &group) }
            }
        } onCancel: {
            try? beginStop("server shutdown")
        }
        free()
    }

    private func handleInLane(
        _ event: Event, _ lanes: Lanes, _ group: inout DiscardingTaskGroup,
        _ handle: @escaping @Sendable (Event) async throws -> Void
    ) {
        var key = event.connection?.id ?? 0
        if case .http(let request) = event { key = request.id }
        switch lanes.add(event, key) {
        case .queued: break
        case .full: if let connection = event.connection { closeAsFull(connection) }
        case .idle:
            group.addTask {
                while let event = lanes.next(key) {
                    do {
                        try await handle(event)
                    } catch {
                        lanes.skipMessages(key)
                        self.failed(error, event)
                    }
                }
            }
        }
    }

    private func closeAsFull(_ connection: Connection) {
        try? connection.close(code: CloseCode.tryAgainLater, reason: "too many messages wait")
    }

    /// A handler threw: that ends what it was about, and nothing else. nil: that has ended already.
    private func failed(_ error: any Error, _ event: Event?) {
        guard let event else { return }
        // The server stops: handlers are interrupted.
        if error is CancellationError, Task.isCancelled { return }
        switch event {
        case .connect(let connection, _): try? connection.reject(code: 500)
        case .http(let request): try? request.respond(status: 500, text: "internal error")
        default: try? event.connection?.close(code: CloseCode.internalError, reason: "internal error")
        }
        if case .close = event { return log(error, event) }
        // A peer that has left is no fault of the program.
        if let error = error as? HearthError, error.code == .gone { return }
        log(error, event)
    }

    private func log(_ error: any Error, _ event: Event) {
        guard let onLog = target.onLog else { return }
        onLog(LogEntry(.error, area: "program", message: "a handler failed: \(error)", event.connection))
    }
}
