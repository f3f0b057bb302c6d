// What a client can say of itself.

internal import CHearth

/// What a client does.
public enum ClientState: Sendable {
    /// Made and not opened.
    case idle
    /// An attempt is being made. attempt: counted since the last connection that held; 0 is the first of all.
    case connecting(attempt: Int)
    case open(OpenConnection)
    /// It waits for the time of the next attempt.
    case reconnecting(attempt: Int, delay: Duration, because: ClientEnd)
    /// A connection ended, or the program closed the client; nothing follows.
    case closed(ClientEnd)
    /// An attempt failed and nothing follows.
    case gaveUp(ClientEnd)

    public var isOpen: Bool {
        if case .open = self { true } else { false }
    }

    /// Nothing follows, unless the program opens the client again.
    public var isFinal: Bool {
        switch self {
        case .closed, .gaveUp: true
        default: false
        }
    }
}

/// What the server's answer to the handshake said.
public struct OpenConnection: Sendable {
    public let subprotocol: String?
    /// "127.0.0.1:9000", "[::1]:9000", "unix".
    public let address: String
    public let headers: Fields
}

/// How a connection, or an attempt to have one, ended.
public struct ClientEnd: Error, Sendable, CustomStringConvertible {
    /// The close code; 1005 if there was none, 1006 if the connection was lost (RFC 6455 7.4.1); nil: there
    /// was no connection.
    public let code: UInt16?
    /// Of the close frame.
    public let reason: String
    public let isClean: Bool
    public let isByPeer: Bool
    /// Why an attempt failed, or a connection ended without a close frame.
    public let error: HearthError?
    /// The HTTP status of an answer that refused.
    public let status: Int?

    public var description: String {
        if let code { return reason.isEmpty ? "closed with \(code)" : "closed with \(code): \(reason)" }
        return error.map { "\($0)" } ?? "closed"
    }
}

/// What became of messages that were sent.
public enum Delivery: Sendable, Equatable {
    /// The system has taken this message, and every one before it that was not dropped.
    case sent(through: UInt64)
    case dropped(UInt64, DropReason)
}

/// Why a message was not sent.
public enum DropReason: Int32, Error, Sendable {
    /// `maxQueueMessages`, with `queueFull` set to drop the oldest.
    case count = 1
    /// `maxQueueBytes`, likewise.
    case bytes = 2
    /// `maxQueueAge`.
    case age = 3
    /// `clearQueue()`.
    case cleared = 4
    /// The client ended.
    case closed = 5
    /// It was not to be kept, and the connection broke.
    case lost = 6
}

/// What is known of a client.
public struct ClientStatistics: Sendable {
    /// Counted since the last connection that held.
    public let attempts: Int
    /// How often it was open.
    public let opens: Int
    /// Round trip of the last ping that was answered.
    public let latency: Duration?
    /// Milliseconds since 1970; 0: never.
    public let openedAt: UInt64
    public let lastReceivedAt: UInt64
    public let messagesReceived: UInt64
    public let messagesSent: UInt64
    public let messagesDropped: UInt64
    public let queueMessages: Int
    public let queueBytes: Int
    public let outboxBytes: Int
}

extension ClientState {
    init(_ event: UnsafePointer<hearth_event>) {
        let attempt = Int(event.pointee.attempt)
        switch event.pointee.state {
        case HEARTH_CLIENT_OPEN.rawValue: self = .open(OpenConnection(event))
        case HEARTH_CLIENT_RECONNECTING.rawValue:
            self = .reconnecting(
                attempt: attempt, delay: .milliseconds(Int64(clamping: event.pointee.delay_ms)),
                because: ClientEnd(event))
        case HEARTH_CLIENT_CLOSED.rawValue: self = .closed(ClientEnd(event))
        case HEARTH_CLIENT_GAVE_UP.rawValue: self = .gaveUp(ClientEnd(event))
        case HEARTH_CLIENT_CONNECTING.rawValue: self = .connecting(attempt: attempt)
        default: self = .idle
        }
    }
}

extension OpenConnection {
    fileprivate init(_ event: UnsafePointer<hearth_event>) {
        let chosen = copyBytes(event.pointee.data, event.pointee.data_length)
        subprotocol = chosen.isEmpty ? nil : String(decoding: chosen, as: UTF8.self)
        address = copyText(event.pointee.address, event.pointee.address_length)
        let list = UnsafeRawBufferPointer(
            start: event.pointee.headers, count: event.pointee.headers_length)
        headers = Fields(list: list.assumingMemoryBound(to: UInt8.self))
    }
}

extension ClientEnd {
    fileprivate init(_ event: UnsafePointer<hearth_event>) {
        let text = String(decoding: copyBytes(event.pointee.data, event.pointee.data_length), as: UTF8.self)
        let hasCode = event.pointee.code != 0
        code = hasCode ? UInt16(truncatingIfNeeded: event.pointee.code) : nil
        reason = hasCode ? text : ""
        isClean = event.pointee.flags & HEARTH_EVENT_CLEAN.rawValue != 0
        isByPeer = event.pointee.flags & HEARTH_EVENT_BY_PEER.rawValue != 0
        status = event.pointee.status == 0 ? nil : Int(event.pointee.status)
        let number = event.pointee.error
        error =
            number == 0
            ? nil
            : HearthError(HearthError.Code(rawValue: number), detail: hasCode ? "" : text)
    }

    /// The client was freed before it was asked to close.
    static var freed: ClientEnd {
        ClientEnd(
            code: CloseCode.abnormal, reason: "", isClean: false, isByPeer: false, error: nil, status: nil)
    }
}
