// What every room of a loop uses and none of them owns: the clock, the log, and whether a turn is running.
// It is the bottom of the tree of rooms and names none of them. Thread: the loop's, unless a member says
// otherwise.
//
// A room calls what it holds itself by a `let`: that costs no retain. What is reached through two of them
// (`context.events.now`) is retained around the call, so it is not offered here.

internal import HearthBytes
internal import HearthPlatform

/// A line of the log that waits for the end of the turn, where the host's callback can do no harm.
struct PendingLog {
    let level: LogLevel
    let area: StaticString
    let message: StaticString
    let fields: LogFields
}

final class LoopContext {
    /// More lines of one turn are not written; the last one says how many were left out.
    private static let logLinesMax = 256

    private let events: EventLoop
    private let afterwork: Afterwork
    private unowned(unsafe) let engine: Engine
    /// True while the loop calls the engine; else a call comes from host code on this thread and must ask for
    /// a turn.
    private(set) var isDispatching = false
    /// The loop has been taken out of libuv: no turn can be asked for.
    var isRetired = false
    /// Calls into the host that have not returned: while there are any, the engine is not to be ended or run.
    var callbackDepth = 0
    private var wallOfTurn: UInt64 = 0
    private var pendingLogs: [PendingLog] = []
    private var skippedLogs = 0

    init(engine: Engine, events: EventLoop, afterwork: Afterwork) {
        self.engine = engine
        self.afterwork = afterwork
        self.events = events
    }

    // MARK: Turns

    /// Marks the loop as dispatching. Returns what to pass to `endDispatch`.
    @inline(__always)
    func beginDispatch() -> Bool {
        let wasDispatching = isDispatching
        isDispatching = true
        return wasDispatching
    }

    @inline(__always)
    func endDispatch(_ wasDispatching: Bool) { isDispatching = wasDispatching }

    /// A call from the host begins. Outside of a turn the time of the last one is old: it is read anew.
    @inline(__always)
    func enter() {
        if !isDispatching { events.updateTime() }
    }

    /// Something waits for the end of a turn: outside of a turn one is asked for.
    @inline(__always)
    func ensureTurn() {
        if !isDispatching { requestTurn() }
    }

    /// Makes the next turn come at once.
    func requestTurn() {
        if !isRetired { events.requestTurn() }
    }

    // MARK: Time

    /// Monotonic milliseconds, as read at the start of the turn.
    @inline(__always) var now: UInt64 { events.now }

    /// Milliseconds since 1970, read once a turn.
    @inline(__always)
    var wallMilliseconds: UInt64 {
        if wallOfTurn == 0 { wallOfTurn = Clock.wallMilliseconds() }
        return wallOfTurn
    }

    /// The wall clock is read anew when it is next asked for.
    @inline(__always)
    func forgetWallClock() { wallOfTurn = 0 }

    // MARK: The log

    /// Whether a line of that level would be written: ask before building fields.
    @inline(__always)
    func logs(_ level: LogLevel) -> Bool { engine.log.wants(level) }

    /// Writes the line at the end of the turn.
    func log(_ level: LogLevel, _ area: StaticString, _ message: StaticString, _ fields: LogFields) {
        guard engine.log.wants(level) else { return }
        if pendingLogs.count >= Self.logLinesMax {
            skippedLogs += 1
            return
        }
        if pendingLogs.isEmpty { afterwork.note(.log) }
        pendingLogs.append(PendingLog(level: level, area: area, message: message, fields: fields))
        ensureTurn()
    }

    func log(
        _ level: LogLevel, _ area: StaticString, _ message: StaticString, _ connection: ConnectionRef,
        reason: StaticString
    ) {
        guard engine.log.wants(level) else { return }
        log(
            level, area, message,
            LogFields().adding("peer", connection.pointee.address.text)
                .adding("connection", connection.pointee.id.raw).adding("reason", reason))
    }

    func writeLogs() {
        if pendingLogs.isEmpty { return }
        let lines = pendingLogs
        pendingLogs = []
        callbackDepth += 1
        for line in lines { engine.log.write(line.level, line.area, line.message, line.fields) }
        if skippedLogs > 0 {
            let fields = LogFields().adding("lines", UInt64(skippedLogs))
            skippedLogs = 0
            engine.log.write(.warning, "engine", "more lines than a turn may log were left out", fields)
        }
        callbackDepth -= 1
    }
}
