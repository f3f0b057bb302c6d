// One connection of a server as a sequence of its messages.

internal import CHearth

/// An open connection that a task of its own serves: see `Server.serve(_:)`.
///
///     try await server.serve { session in
///         for try await message in session { try session.send(message) }
///     }
///
/// The sequence ends when the connection does, or when the task is cancelled. One task at a time receives.
@dynamicMemberLookup
public final class Session: AsyncSequence, Sendable {
    public typealias Element = Message
    public typealias Failure = any Error

    private struct State {
        var waiting: [Message] = []
        var taken = 0
        var bytes = 0
        var closing: Closing?
        var receiver: CheckedContinuation<Message?, Never>?

        mutating func take() -> Message? {
            guard taken < waiting.count else { return nil }
            let message = waiting[taken]
            taken += 1
            bytes -= message.byteCount
            if taken >= 64 || taken == waiting.count {
                waiting.removeFirst(taken)
                taken = 0
            }
            return message
        }
    }

    public let connection: Connection
    /// The request that opened it.
    public let request: Request
    /// Whose connection it was when it opened.
    public let user: String?
    private let state = Locked(State())

    init(_ connection: Connection, _ request: Request, user: String?) {
        self.connection = connection
        self.request = request
        self.user = user
    }

    /// How it ended; nil: it has not.
    public var closing: Closing? { state.withLock { $0.closing } }

    /// What is known of the connection.
    public subscript<Value>(dynamicMember path: KeyPath<Connection, Value>) -> Value {
        connection[keyPath: path]
    }

    public func makeAsyncIterator() -> Iterator { Iterator(session: self) }

    public struct Iterator: AsyncIteratorProtocol {
        let session: Session

        /// nil: the connection has ended, or the task was cancelled.
        public mutating func next() async throws -> Message? { await session.next() }

        public mutating func next(isolation actor: isolated (any Actor)?) async throws -> Message? {
            await session.next()
        }
    }

    // MARK: Inside

    /// False: too much waits. The limits are those of `Lanes`.
    func put(_ message: Message) -> Bool {
        let size = message.byteCount
        let receiver = state.withLock { state -> (isTaken: Bool, CheckedContinuation<Message?, Never>?) in
            if let receiver = state.receiver {
                state.receiver = nil
                return (true, receiver)
            }
            let isFull =
                state.waiting.count - state.taken >= Lanes.messagesMax
                || state.bytes > 0 && state.bytes + size > Lanes.bytesMax
            if isFull { return (false, nil) }
            state.waiting.append(message)
            state.bytes += size
            return (true, nil)
        }
        receiver.1?.resume(returning: message)
        return receiver.isTaken
    }

    func end(_ closing: Closing) {
        let receiver = state.withLock { state in
            state.closing = closing
            defer { state.receiver = nil }
            return state.receiver
        }
        receiver?.resume(returning: nil)
    }

    private func next() async -> Message? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                var isAnswered = true
                let message = state.withLock { state -> Message? in
                    if let message = state.take() { return message }
                    isAnswered = state.closing != nil || Task.isCancelled
                    if !isAnswered { state.receiver = continuation }
                    return nil
                }
                if isAnswered || message != nil { continuation.resume(returning: message) }
            }
        } onCancel: {
            let receiver = state.withLock { state in
                defer { state.receiver = nil }
                return state.receiver
            }
            receiver?.resume(returning: nil)
        }
    }
}

extension Session {
    /// As `Connection.send`.
    @discardableResult
    public func send(_ message: Message) throws(HearthError) -> Bool { try connection.send(message) }

    @discardableResult
    public func send(_ text: String) throws(HearthError) -> Bool { try connection.send(text) }

    @discardableResult
    public func send(_ bytes: [UInt8]) throws(HearthError) -> Bool { try connection.send(bytes) }

    /// As `Connection.join`.
    public func join(_ room: String) throws(HearthError) { try connection.join(room) }

    public func leave(_ room: String) throws(HearthError) { try connection.leave(room) }

    public func close(code: UInt16 = CloseCode.normal, reason: String = "") throws(HearthError) {
        try connection.close(code: code, reason: reason)
    }
}

extension Message {
    var byteCount: Int {
        switch self {
        case .text(let text): text.utf8.count
        case .binary(let bytes): bytes.count
        }
    }
}
