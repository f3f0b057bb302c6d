// One peer, as a number. It may be kept for ever: once the peer has gone every call answers
// `HearthError.Code.gone`.

internal import CHearth

/// One WebSocket connection. A call made on the thread of the connection's loop, that is inside a handler
/// given to `Server.onEvent(_:)`, acts at once; from elsewhere it is posted to that loop, in order.
public struct Connection: Hashable, Sendable {
    /// Unique in this process for ever.
    public let id: UInt64

    public init(id: UInt64) {
        self.id = id
    }

    // MARK: Sending

    /// Queues a text message. Everything sent in one turn of the loop leaves in one write.
    /// Returns whether it was queued: false if the `slow_consumer` policy dropped it.
    @discardableResult
    public func send(_ text: String) throws(HearthError) -> Bool {
        var text = text
        let answer = text.withUTF8 {
            hearth_connection_send(id, Opcode.text.rawValue, $0.baseAddress, $0.count)
        }
        return try HearthError.count(answer) > 0
    }

    /// Queues a binary message.
    @discardableResult
    public func send(_ bytes: [UInt8]) throws(HearthError) -> Bool {
        let answer = bytes.withUnsafeBytes {
            hearth_connection_send(id, Opcode.binary.rawValue, $0.baseAddress, $0.count)
        }
        return try HearthError.count(answer) > 0
    }

    @discardableResult
    public func send(_ message: Message) throws(HearthError) -> Bool {
        let answer = message.withPayload { opcode, payload in
            hearth_connection_send(id, opcode.rawValue, payload.baseAddress, payload.count)
        }
        return try HearthError.count(answer) > 0
    }

    /// Queues bytes that are borrowed until the call returns. With `.text` they must be UTF-8.
    @inline(__always) @discardableResult
    public func send(_ opcode: Opcode, _ payload: UnsafeRawBufferPointer) throws(HearthError) -> Bool {
        let answer = hearth_connection_send(id, opcode.rawValue, payload.baseAddress, payload.count)
        return try HearthError.count(answer) > 0
    }

    /// Begins the closing handshake; what was sent before goes out first. The reason has at most 123 bytes
    /// of UTF-8.
    public func close(code: UInt16 = CloseCode.normal, reason: String = "") throws(HearthError) {
        try HearthError.check(try withText(reason) { hearth_connection_close(id, Int32(code), $0) })
    }

    // MARK: Being accepted

    /// Answers `Event.connect`: the peer is let in. Without a subprotocol the route chooses.
    public func accept(user: String? = nil, subprotocol: String? = nil) throws(HearthError) {
        let status = try withText(user) { (user) throws(HearthError) -> Int32 in
            try withText(subprotocol) { subprotocol in
                hearth_connection_accept(id, user, subprotocol)
            }
        }
        try HearthError.check(status)
    }

    /// Answers `Event.connect`: 400 to 599 is an HTTP status instead of the upgrade; 1000 to 4999 accepts
    /// and closes with that code, which a browser's script can read. A longer reason than the 123 bytes of a
    /// close frame is shortened. If the refusal cannot be given, this throws and the peer gets 500.
    public func reject(code: Int = 403, reason: String? = nil) throws(HearthError) {
        let code = Int32(clamping: code)
        do throws(HearthError) {
            try HearthError.check(try withText(reason) { hearth_connection_reject(id, code, $0) })
        } catch {
            hearth_connection_reject(id, 500, nil)
            throw error
        }
    }

    // MARK: Rooms and user

    /// Joins a room. Twice is the same as once.
    public func join(_ room: String) throws(HearthError) {
        try HearthError.check(try withText(room) { hearth_connection_join(id, $0) })
    }

    /// Leaves a room; `.notFound` if it is not in it.
    public func leave(_ room: String) throws(HearthError) {
        try HearthError.check(try withText(room) { hearth_connection_leave(id, $0) })
    }

    /// Says whose connection it is; nil for nobody's.
    public func setUser(_ user: String?) throws(HearthError) {
        try HearthError.check(try withText(user) { hearth_connection_set_user(id, $0) })
    }

    // MARK: What is known

    /// Whose connection it is; nil for nobody's or one that has gone.
    public var user: String? {
        guard let user = try? readText({ hearth_connection_user(id, $0, $1) }), !user.isEmpty else {
            return nil
        }
        return user
    }

    /// The names of the rooms it is in.
    public var rooms: [String] {
        get throws(HearthError) { try readNames { hearth_connection_rooms(id, $0, $1) } }
    }

    /// The peer's address, such as "127.0.0.1:51234".
    public var address: String {
        get throws(HearthError) { try readText { hearth_connection_address(id, $0, $1) } }
    }

    /// What TLS has agreed with the peer; nil without TLS.
    public var tls: TLSDetails? {
        get throws(HearthError) {
            let bytes = try readBytes { hearth_connection_tls(id, $0, $1) }
            if bytes.isEmpty { return nil }
            let parts = bytes.split(separator: 0, omittingEmptySubsequences: false)
                .map { String(decoding: $0, as: UTF8.self) }
            var facts: [String: String] = [:]
            for index in stride(from: 0, to: parts.count - 1, by: 2) {
                facts[parts[index]] = parts[index + 1]
            }
            return TLSDetails(
                version: facts["version"] ?? "", cipher: facts["cipher"] ?? "",
                isResumed: facts["resumed"] == "yes",
                subject: facts["subject"].flatMap { $0.isEmpty ? nil : $0 })
        }
    }

    /// Bytes of the host's, at most `max_metadata`, that are kept with the connection.
    public var metadata: [UInt8] {
        get throws(HearthError) { try readBytes { hearth_connection_metadata(id, $0, $1) } }
    }

    /// Empty bytes remove what was kept.
    public func setMetadata(_ bytes: [UInt8]) throws(HearthError) {
        try HearthError.check(
            bytes.withUnsafeBytes { hearth_connection_set_metadata(id, $0.baseAddress, $0.count) })
    }

    /// Whether it is open; false while it closes and once it has gone.
    public var isOpen: Bool {
        (try? statistics)?.isOpen ?? false
    }
}

/// What TLS has agreed with a peer.
public struct TLSDetails: Hashable, Sendable {
    /// Such as "TLSv1.3".
    public let version: String
    /// Such as "TLS_AES_128_GCM_SHA256".
    public let cipher: String
    /// An earlier connection's session goes on.
    public let isResumed: Bool
    /// Of the verified certificate that the peer has shown, such as "CN=Ada,O=Engines"; nil: none.
    public let subject: String?
}
