// One client: where it connects to, what it does when the connection ends, and what waits until there is
// one. It lives on one loop, as its connection does; other threads leave their calls in the loop's mailbox
// and their messages in the inbox.

internal import HearthBytes
internal import HearthPlatform
internal import HearthSession
internal import HearthWire
internal import Synchronization

/// A message that was passed in on another thread than the loop's.
struct InboxMessage {
    let id: UInt64
    let opcode: Opcode
    let payload: [UInt8]
    let keeps: Bool
}

package final class Client: Endpoint, @unchecked Sendable {
    let settings: ClientSettings
    // Of the settings, what every message asks for.
    let isBatching: Bool
    let answersJSONPing: Bool

    // What other threads may read at any time.
    let state = Atomic<ClientState>(.idle)
    let isFreed = Atomic<Bool>(false)
    let isPaused = Atomic<Bool>(false)
    /// The port of the loop on which it lives, from its first opening on; -1: none.
    let home = Atomic<Int>(-1)
    let counts = ClientCounts()

    /// Guards what follows, up to the next mark. Many clients share it, and nobody holds two of them.
    let lock: Lock
    /// As the program wrote it.
    var urlText: [UInt8]
    /// The program's header fields, lines that end with CRLF.
    var fields: [UInt8]
    private(set) var lastMessage: UInt64 = 0
    var inbox: [InboxMessage] = []
    var inboxBytes = 0
    var queue = OfflineQueue()
    /// It was opened before the engine had loops.
    var isWanted = false

    // The loop's own.
    /// Its place among the clients of the loop; nil: it is not there.
    var slot: UInt32?
    var life = ClientLife()
    var reconnect = ReconnectPolicy()
    /// The attempt that is being made.
    var attempt: ClientAttempt?
    /// The connection that is open; none: there is none.
    var connection = ConnectionID.none
    /// With which the program closed it.
    var closeReason: [UInt8] = []
    /// It was opened and has not come to rest.
    var isActive = false
    /// What the loop does for it at the end of the turn.
    var duties: ClientDuties = []
    /// The next attempt is made then; 0: none is planned.
    var retryAt: UInt64 = 0
    /// What its loop knows of the end of the connection, beyond the close code.
    var endError = Status.ok
    /// With `duties.ends`.
    var ending: PlannedEnding?
    /// Why the last attempt failed, for the one who prepares the next.
    var lastFailure = (error: Status.ok, httpStatus: UInt32(0))
    var outgoing = ClientOutgoing()
    /// Of the open connection; empty: it has no TLS.
    var sealedHost: [UInt8] = []
    /// With which the next connection to that host can begin.
    var tlsSession: (host: [UInt8], session: TLSSession)?
    /// Messages of the window that is running.
    var batch = BatchWindow()
    /// Good as long as it has a slot.
    unowned(unsafe) var loop: Loop?

    init(engine: Engine, number: Int, configuration: Configuration) throws(ClientFault) {
        urlText = configuration.text(of: .url)
        if urlText.isEmpty {
            throw ClientFault(
                .url, ascii("the key url is empty: set it, for example to ws://127.0.0.1:9000/"))
        }
        fields = try Self.fields(configuration.text(of: .headers))
        settings = try engine.clientSettings(configuration)
        isBatching = settings.batch != nil
        answersJSONPing = settings.answersJSONPing
        lock = engine.clientLocks[number % engine.clientLocks.count]
        if WebSocketURL.isSecure(urlText) {
            do throws(TLSFault) {
                _ = try engine.clientTLS(settings.tls)
            } catch {
                throw ClientFault(.tls, error.sentence)
            }
        }
        super.init(
            .client, engine: engine, number: number, configuration: configuration, limits: settings.limits)
    }

    /// The program closed it, and it has not come to rest.
    var isDeliberate: Bool { life.phase == .closing || life.phase == .ending }

    /// nil: it connects without one.
    var proxy: ProxyURL? {
        let text = settings.proxy
        return text.isEmpty ? nil : try? ProxyURL.parse(text.span)
    }

    /// The next message's number. Under the lock.
    func takeNumber() -> UInt64 {
        lastMessage += 1
        return lastMessage
    }

    /// Header fields, one a line, as they go into a request.
    static func fields(_ text: [UInt8]) throws(ClientFault) -> [UInt8] {
        var block: [UInt8] = []
        for line in text.split(separator: UInt8(ascii: "\n")) {
            let field = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            if field.isEmpty { continue }
            block.append(contentsOf: field)
            block.append(UInt8(ascii: "\r"))
            block.append(UInt8(ascii: "\n"))
        }
        if !block.isEmpty, !HeaderBlock.isSafeRequest(block.span) {
            throw ClientFault(
                .invalidValue,
                ascii("headers are lines Name: value, without those that the library writes by itself"))
        }
        return block
    }
}

struct ClientFault: Error {
    let status: Status
    let sentence: [UInt8]

    init(_ status: Status, _ sentence: [UInt8]) {
        self.status = status
        self.sentence = sentence
    }
}

/// What is to be done for a client when the turn ends.
struct ClientDuties: OptionSet {
    let rawValue: UInt8
    /// An attempt begins.
    static let starts = ClientDuties(rawValue: 1)
    /// It comes to rest as `ending` says.
    static let ends = ClientDuties(rawValue: 2)
    /// What waits is sent, as far as it goes.
    static let drains = ClientDuties(rawValue: 4)
    /// The program is told what has left.
    static let reports = ClientDuties(rawValue: 8)
    /// The program has prepared the attempt, or declined it.
    static let connects = ClientDuties(rawValue: 16)
    /// It is among those that are scheduled.
    static let isScheduled = ClientDuties(rawValue: 128)
}

/// How a client came to rest, or an attempt or a connection ended.
struct ClientEnding {
    var state = ClientState.closed
    var code: Int32 = 0
    var error = Status.ok
    /// The HTTP status that refused; 0: none did.
    var httpStatus: UInt32 = 0
    var flags: UInt32 = 0
    var text: [UInt8] = []
}

/// By itself, as few clients have one.
final class PlannedEnding {
    let ending: ClientEnding

    init(_ ending: ClientEnding) { self.ending = ending }
}

/// Numbers that the loop writes and any thread reads.
struct ClientCounts: ~Copyable {
    let attempts = Atomic<UInt32>(0)
    let opens = Atomic<UInt32>(0)
    let openedAtWall = Atomic<UInt64>(0)
    let lastReceivedWall = Atomic<UInt64>(0)
    let latency = Atomic<Int64>(-1)
    let received = Atomic<UInt64>(0)
    let sent = Atomic<UInt64>(0)
    let dropped = Atomic<UInt64>(0)
    let waitingBytes = Atomic<UInt64>(0)

    init() {}
}
