// What the tests share: a record of events, and waiting for what must become true.

import Hearth
import Testing

/// Events in the order in which a handler saw them.
final class Record: Sendable {
    private let list = Locked<[Event]>([])

    func append(_ event: Event) {
        list.withLock { $0.append(event) }
    }

    var events: [Event] { list.withLock { $0 } }

    /// Names of the cases.
    var kinds: [String] { events.map(\.kindName) }

    var closings: [Closing] {
        events.compactMap { if case .close(_, let closing) = $0 { closing } else { nil } }
    }

    var openConnections: [Connection] {
        events.compactMap { if case .open(let connection, _, _) = $0 { connection } else { nil } }
    }
}

extension Event {
    var kindName: String {
        switch self {
        case .connect: "connect"
        case .open: "open"
        case .message: "message"
        case .close: "close"
        case .joined: "joined"
        case .left: "left"
        case .userJoined: "userJoined"
        case .userLeft: "userLeft"
        case .presenceUpdated: "presenceUpdated"
        case .named: "named"
        case .http: "http"
        case .dropped: "dropped"
        case .limited: "limited"
        case .channelSend: "channelSend"
        case .expiring: "expiring"
        case .expired: "expired"
        case .stopped: "stopped"
        }
    }
}

/// Waits until it is true, for a time that is only reached when it never will be.
func eventually(
    _ what: String, sourceLocation: SourceLocation = #_sourceLocation, _ condition: () throws -> Bool
) async throws {
    let start = ContinuousClock.now
    while ContinuousClock.now - start < .seconds(20) {
        if try condition() { return }
        try await Task.sleep(for: .milliseconds(1))
    }
    Issue.record("never became true: \(what)", sourceLocation: sourceLocation)
    throw ClientFault(description: what)
}

/// A server on a free port that echoes what it gets.
func echoServer(_ configure: (inout Configuration) -> Void = { _ in }) throws -> (Server, Record) {
    let record = Record()
    let server = try Server(listen: "127.0.0.1:0", configure)
    try server.onEvent { event in
        record.append(event.copy())
        if event.kind == .message { _ = try? event.connection.send(event.opcode, event.payload) }
    }
    return (server, record)
}

/// Lines of the log.
final class Lines: Sendable {
    private let list = Locked<[LogEntry]>([])

    func append(_ entry: LogEntry) {
        list.withLock { $0.append(entry) }
    }

    var all: [LogEntry] { list.withLock { $0 } }
}
