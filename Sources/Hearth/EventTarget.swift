// The one object that the library knows of a Swift server: what C callbacks call.

internal import CHearth

/// Handlers of a server. They are set before it starts and cleared after the library has let go of it, so
/// the loops read them without a lock.
final class EventTarget: @unchecked Sendable {
    var onEvent: (@Sendable (borrowing BorrowedEvent) -> Void)?
    var onLog: (@Sendable (LogEntry) -> Void)?
    /// Opens when the server has stopped.
    let stopped = Gate()
    let answers = Answers()

    /// Thread: the loop's that owns the connection.
    @inline(__always)
    func receive(_ event: UnsafePointer<hearth_event>) {
        if let onEvent, let borrowed = BorrowedEvent(event) { onEvent(borrowed) }
        if event.pointee.type == EventKind.stopped.rawValue { stopped.open() }
    }

    func clear() {
        onEvent = nil
        onLog = nil
        answers.end()
    }

    static let eventCallback: hearth_event_fn = { context, event in
        guard let context, let event else { return }
        // The server keeps the target until the library has promised to call no more.
        Unmanaged<EventTarget>.fromOpaque(context)._withUnsafeGuaranteedRef { $0.receive(event) }
    }

    static let answerCallback: hearth_event_fn = { context, event in
        guard let context, let event else { return }
        let data = UnsafeRawBufferPointer(start: event.pointee.data, count: event.pointee.data_length)
        Unmanaged<EventTarget>.fromOpaque(context)._withUnsafeGuaranteedRef {
            $0.answers.receive(Int(event.pointee.code), data)
        }
    }

    static let logCallback: hearth_log_fn = { context, entry in
        guard let context, let entry else { return }
        Unmanaged<EventTarget>.fromOpaque(context)._withUnsafeGuaranteedRef { $0.onLog?(LogEntry(entry)) }
    }
}

/// Opens once; who waits goes on then.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Locked(State())

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }
}

/// One line of the log.
public struct LogEntry: Sendable {
    public let level: Configuration.LogLevel
    /// Milliseconds since 1970.
    public let time: UInt64
    /// "engine", "server", "handshake", "session", "http", or "program" where a handler failed.
    public let area: String
    public let message: String
    /// Structured values, such as peer, connection and reason.
    public let fields: Fields

    init(_ entry: UnsafePointer<hearth_log_entry>) {
        level = Configuration.LogLevel(rawValue: entry.pointee.level) ?? .error
        time = entry.pointee.time_ms
        area = String(cString: entry.pointee.area)
        message = String(cString: entry.pointee.message)
        let bytes = UnsafeRawBufferPointer(start: entry.pointee.fields, count: entry.pointee.fields_length)
        fields = Fields(list: bytes.assumingMemoryBound(to: UInt8.self))
    }
}

extension LogEntry {
    /// A line of this module's own.
    init(_ level: Configuration.LogLevel, area: String, message: String, _ connection: Connection?) {
        self.level = level
        self.area = area
        self.message = message
        time = wallClock()
        fields = Fields(connection.map { [("connection", "\($0.id)")] } ?? [])
    }
}
