// One server in an engine of its own. Its routes and handlers are set, it is started, and it stops politely.

internal import CHearth

/// The library's name for a server. It may outlive the server: calls with it answer an error then.
struct ServerHandle: @unchecked Sendable {
    let pointer: OpaquePointer
}

/// A WebSocket server inside this process.
///
///     let server = try Server(listen: "127.0.0.1:9000") { $0.pingInterval = .seconds(20) }
///     try server.route("/rooms/{room}", join: .auto, relay: .others)
///     try await server.run()
///
/// It runs on threads of its own. Events reach the program in one of four ways: `run(_:)` calls an
/// asynchronous function, for the events of one connection one after the other; `serve(_:)` calls one for
/// each connection; a handler given to `onEvent(_:)` is called on the loop's thread; `events` is the
/// sequence of all of them.
public final class Server: Sendable {
    private enum Phase { case idle, started, draining, stopping, freed }

    let handle: ServerHandle
    let pump: EventPump
    private let engine: EngineHandle
    let target: EventTarget
    private let phase = Locked(Phase.idle)

    public init(_ configuration: Configuration) throws(HearthError) {
        let target = EventTarget()
        let (engine, server) = try configuration.withNative {
            (native) throws(HearthError) -> (EngineHandle, ServerHandle) in
            guard let engine = hearth_engine_new(native) else {
                throw Configuration.fault(HEARTH_ERR_INVALID.rawValue, native)
            }
            guard let server = hearth_server_new(engine, native) else {
                let error = EngineHandle(pointer: engine).error(HEARTH_ERR_INVALID.rawValue)
                hearth_engine_free(engine)
                throw error
            }
            return (EngineHandle(pointer: engine), ServerHandle(pointer: server))
        }
        do throws(HearthError) {
            pump = try EventPump(engine: engine.pointer, stopped: target.stopped)
        } catch {
            hearth_engine_free(engine.pointer)
            throw error
        }
        self.target = target
        self.engine = engine
        handle = server
    }

    /// listen: "127.0.0.1:9000", "[::1]:9000", "unix:/path", separated by commas; port 0 takes a free one.
    public convenience init(
        listen: String, _ configure: (inout Configuration) -> Void = { _ in }
    ) throws(HearthError) {
        var configuration = Configuration()
        configuration.listen = listen
        configure(&configuration)
        try self.init(configuration)
    }

    deinit {
        free()
    }

    // MARK: Before it starts

    /// Adds a WebSocket route, tried in order of adding. {name} stands for one segment of the path and
    /// {name*}, at the end, for the rest. A server without WebSocket routes accepts every path.
    ///
    /// - reportsRelayed: whether messages that the library relays or handles are events too.
    /// - subprotocols: what this route speaks, in order of preference.
    /// - access: whether a token is needed, and which.
    /// - Returns: the number of the route.
    @discardableResult
    public func route(
        _ pattern: String, join: RouteJoin = .nothing, relay: RouteRelay = .nobody,
        reportsRelayed: Bool = false,
        accept: RouteAccept = .auto, subprotocols: [String] = [], dialect: RouteDialect = .raw,
        access: RouteAccess = RouteAccess()
    ) throws(HearthError) -> Int {
        let options = try routeOptions(
            join: join, relay: relay, reportsRelayed: reportsRelayed, accept: accept,
            subprotocols: subprotocols, access: access)
        let others = try routeOptions(dialect)
        return try add(pattern, options.isEmpty || others.isEmpty ? options + others : "\(options),\(others)")
    }

    /// Adds a route whose requests of these methods are `Event.http`.
    @discardableResult
    public func routeHTTP(_ pattern: String, methods: [String] = ["GET"]) throws(HearthError) -> Int {
        try add(pattern, "http=\(methods.joined(separator: "|"))")
    }

    /// Reads the files with keys for tokens again. On failure the old keys stay, and the error says why.
    public func reloadKeys() throws(HearthError) {
        try check(hearth_server_reload_keys(handle.pointer))
    }

    /// Sets the handler, which is called on the thread of the loop that owns the connection: with `threads`
    /// = N on N threads at once. It must not block. It is released when the server has stopped.
    public func onEvent(_ handler: @escaping @Sendable (borrowing BorrowedEvent) -> Void) throws(HearthError)
    {
        try whileIdle { target.onEvent = handler }
    }

    /// Sets what gets the log, on the thread on which the thing happens. Nothing is logged otherwise.
    public func onLog(_ handler: @escaping @Sendable (LogEntry) -> Void) throws(HearthError) {
        try whileIdle {
            target.onLog = handler
            hearth_engine_on_log(
                engine.pointer, EventTarget.logCallback, Unmanaged.passUnretained(target).toOpaque())
        }
    }

    // MARK: Running

    /// Listens and serves on threads of its own. Without a handler, `events` must be consumed: when
    /// `max_event_queue` of them wait, the sockets wait too.
    public func start() throws(HearthError) {
        try phase.withLock { (phase) throws(HearthError) in
            guard phase == .idle else { throw HearthError(.state) }
            let context = Unmanaged.passUnretained(target).toOpaque()
            try HearthError.check(
                hearth_server_on_answer(handle.pointer, EventTarget.answerCallback, context))
            if target.onEvent != nil {
                try HearthError.check(
                    hearth_server_on_event(handle.pointer, EventTarget.eventCallback, context))
            }
            try check(hearth_server_start(handle.pointer))
            try check(hearth_engine_start(engine.pointer))
            phase = .started
        }
        if target.onEvent == nil { pump.start() }
    }

    /// The events of a server without a handler. For one with a handler it waits for the end and gives
    /// nothing.
    public var events: Events { Events(server: self) }

    /// Starts, serves until the task is cancelled, and stops politely. A server without a handler does what
    /// its routes say.
    public func run() async throws(HearthError) {
        try whileIdle { if target.onEvent == nil { target.onEvent = { _ in } } }
        try start()
        await withTaskCancellationHandler {
            await target.stopped.wait()
        } onCancel: {
            try? beginStop("server shutdown")
        }
        free()
    }

    /// Stops politely: no new connections, close 1001 with the reason to all, and after `shutdown_timeout`
    /// what is left is cut. Returns when every connection has ended and the threads are gone.
    public func stop(reason: String = "server shutdown") async throws(HearthError) {
        try beginStop(reason)
        await target.stopped.wait()
        free()
    }

    /// Stops so that clients can go elsewhere: takes nobody new, sends the farewell to all, and closes one
    /// after the other over `shutdown_spread`, each with a hint when to come back. A `stop` meanwhile closes
    /// the rest at once. Returns when every connection has ended and the threads are gone.
    public func drain(farewell: Message? = nil, why: String = "draining") async throws(HearthError) {
        try phase.withLock { (phase) throws(HearthError) in
            guard phase == .started else { throw HearthError(.state) }
            try check(try beginDrain(farewell, why))
            phase = .draining
        }
        pump.drain()
        await target.stopped.wait()
        free()
    }

    private func beginDrain(_ farewell: Message?, _ why: String) throws(HearthError) -> Int32 {
        try withText(why) { why in
            var options = hearth_drain()
            options.size = UInt32(MemoryLayout<hearth_drain>.size)
            options.why = why
            guard let farewell else { return hearth_server_drain(handle.pointer, &options) }
            return farewell.withPayload { opcode, payload in
                options.opcode = opcode.rawValue
                options.data = payload.baseAddress
                options.length = payload.count
                return hearth_server_drain(handle.pointer, &options)
            }
        }
    }

    func beginStop(_ reason: String) throws(HearthError) {
        try phase.withLock { (phase) throws(HearthError) in
            switch phase {
            case .idle: throw HearthError(.state, detail: "the server was not started")
            case .started:
                try check(try withText(reason) { hearth_server_stop(handle.pointer, $0) })
                phase = .stopping
            case .draining:
                // It may be done by itself at the same time.
                _ = try withText(reason) { hearth_server_stop(handle.pointer, $0) }
                phase = .stopping
            case .stopping, .freed: break
            }
        }
        pump.drain()
    }

    // MARK: Inside

    private func add(_ pattern: String, _ options: String) throws(HearthError) -> Int {
        let number = try withText(pattern) { (pattern) throws(HearthError) -> Int32 in
            try withText(options) { options in
                hearth_server_route(handle.pointer, pattern, options)
            }
        }
        try check(number)
        return Int(number)
    }

    private func whileIdle(_ body: () -> Void) throws(HearthError) {
        try phase.withLock { (phase) throws(HearthError) in
            guard phase == .idle else { throw HearthError(.state) }
            body()
        }
    }

    func check(_ status: Int32) throws(HearthError) {
        if status < 0 { throw engine.error(status) }
    }

    func free() {
        let isFirst = phase.withLock { phase in
            defer { phase = .freed }
            return phase != .freed
        }
        guard isFirst else { return }
        pump.end()
        engine.free(target)
    }
}
