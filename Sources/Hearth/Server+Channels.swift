// Transports that the program brings: connections without a socket of the library's.

internal import CHearth

/// What is said of a new connection of a channel.
public struct ChannelPeer: Sendable {
    /// What the program calls it: a chat number, an address.
    public var recipient: String?
    /// What a peer would have asked for: decides the route.
    public var path: String
    public var query: String?
    public var headers: [(name: String, value: String)] = []
    public var user: String?
    public var address: String?
    public var subprotocol: String?

    public init(path: String = "/", recipient: String? = nil, user: String? = nil) {
        self.path = path
        self.recipient = recipient
        self.user = user
    }
}

extension Server {
    /// Registers a transport: what its connections are to send comes as `Event.channelSend`, and its name
    /// connects them. Before the server is started.
    ///
    /// - acknowledges: at most 64 KiB of a connection are in the program's hands until `Connection.noteSent`.
    /// - liveness: a connection ends of which nothing is heard for `ping_interval` and `ping_timeout`.
    public func channel(
        _ name: String, acknowledges: Bool = false, liveness: Bool = false
    ) throws(HearthError) {
        let options = "acknowledge=\(acknowledges ? "on" : "off"),liveness=\(liveness ? "on" : "off")"
        try check(
            try withText(name) { (name) throws(HearthError) -> Int32 in
                try withText(options) { options in
                    hearth_server_channel(handle.pointer, name, options, nil, nil, nil)
                }
            })
    }

    /// A connection of a channel begins: `Event.open` tells of it. Elsewhere than on a loop's thread this
    /// waits until a loop has made it.
    public func connect(channel: String, _ peer: ChannelPeer) throws(HearthError) -> Connection {
        let headers = peer.headers.map { "\($0.name): \($0.value)\r\n" }.joined()
        let texts: [String?] = [
            peer.path, peer.recipient, peer.query, headers, peer.user, peer.address, peer.subprotocol,
            channel,
        ]
        var pointers: [UnsafePointer<CChar>?] = []
        var id: hearth_connection = 0
        let status = try lend(texts[...], &pointers) { texts in
            var native = hearth_channel_peer()
            native.size = UInt32(MemoryLayout<hearth_channel_peer>.size)
            native.path = texts[0]
            native.recipient = texts[1]
            native.query = texts[2]
            native.headers = texts[3]
            native.user = texts[4]
            native.address = texts[5]
            native.subprotocol = texts[6]
            return hearth_server_connect_channel(handle.pointer, texts[7], &native, &id)
        }
        try check(status)
        return Connection(id: id)
    }

    private func lend(
        _ texts: ArraySlice<String?>, _ pointers: inout [UnsafePointer<CChar>?],
        _ body: ([UnsafePointer<CChar>?]) -> Int32
    ) throws(HearthError) -> Int32 {
        guard let first = texts.first else { return body(pointers) }
        return try withText(first) { (pointer) throws(HearthError) -> Int32 in
            pointers.append(pointer)
            return try lend(texts.dropFirst(), &pointers, body)
        }
    }
}

extension Connection {
    /// A message came over the channel of this connection.
    public func receive(_ message: Message) throws(HearthError) {
        let status = message.withPayload { hearth_channel_receive(id, $0.rawValue, $1.baseAddress, $1.count) }
        try HearthError.check(status)
    }

    /// Its transport has let go of so many bytes.
    public func noteSent(bytes: Int) throws(HearthError) {
        try HearthError.check(hearth_channel_sent(id, bytes))
    }

    /// Its transport has given a sign of life.
    public func noteAlive() throws(HearthError) {
        try HearthError.check(hearth_channel_alive(id))
    }

    /// Its transport has ended.
    public func noteClosed(code: UInt16 = CloseCode.abnormal, reason: String? = nil) throws(HearthError) {
        try HearthError.check(try withText(reason) { hearth_channel_closed(id, Int32(code), $0) })
    }

    /// What the program called it when it connected it.
    public var recipient: String {
        get throws(HearthError) { try readText { hearth_connection_recipient(id, $0, $1) } }
    }
}
