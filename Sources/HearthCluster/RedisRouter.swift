// Redis as a broker: one server, or those of a Redis Cluster, each with the channels of its slots.

internal import HearthBytes

package struct RedisRouter: Broker {
    package let terms: RedisTerms
    /// In the order of the map.
    package private(set) var servers: [RedisBroker] = []
    /// nil: the one server has all channels.
    package private(set) var map: SlotMap?
    package var output: [UInt8] = []
    /// The server whose message is being written.
    private var current: RedisBroker?

    package init(_ terms: RedisTerms) { self.terms = terms }

    package mutating func use(_ servers: [RedisBroker], _ map: SlotMap?) {
        self.servers = servers
        self.map = map
    }

    package var keepsOrder: Bool { map == nil }

    private func server(of name: borrowing Span<UInt8>) -> RedisBroker? {
        guard let map else { return servers.first }
        guard let owner = map.owner(of: name) else { return nil }
        return servers[owner]
    }

    /// Has what is not about one room or user.
    package var home: RedisBroker? {
        let key = terms.secretKey
        return server(of: key.span)
    }

    package func place(of channel: borrowing Span<UInt8>) -> UInt32? {
        guard let server = server(of: channel), server.isOpen else { return nil }
        return server.number
    }

    package mutating func beginMessage(to channel: borrowing Span<UInt8>, count: Int) -> Published {
        guard let server = server(of: channel), server.isOpen else { return .away }
        if !server.beginMessage(to: channel, count: count) { return .full }
        current = server
        swap(&output, &server.output)
        return .sent
    }

    package mutating func endMessage() {
        guard let server = current else { return }
        swap(&output, &server.output)
        server.endMessage()
        current = nil
    }

    package mutating func subscribe(_ channel: borrowing Span<UInt8>) {
        server(of: channel)?.subscribe(channel)
    }

    package mutating func unsubscribe(_ channel: borrowing Span<UInt8>) {
        server(of: channel)?.unsubscribe(channel)
    }

    package mutating func renewSecret() { home?.renewSecret() }
}

/// What came on the connection that listens, by its first word: of a server alone or of a Redis Cluster.
package enum Heard: Equatable {
    case message, subscribed, unsubscribed

    package init?(_ word: borrowing Span<UInt8>) {
        switch word.count {
        case 7, 8:
            guard Self.ends(word, "message") else { return nil }
            self = .message
        case 9, 10:
            guard Self.ends(word, "subscribe") else { return nil }
            self = .subscribed
        case 11, 12:
            guard Self.ends(word, "unsubscribe") else { return nil }
            self = .unsubscribed
        default: return nil
        }
        // Those of a Redis Cluster have one letter more.
        if word.count & 1 == 0, word[0] != UInt8(ascii: "s") { return nil }
    }

    private static func ends(_ word: borrowing Span<UInt8>, _ end: StaticString) -> Bool {
        let start = word.count - end.utf8CodeUnitCount
        // A static text lives as long as the program.
        for index in start..<word.count where unsafe end.utf8Start[index - start] != word[index] {
            return false
        }
        return true
    }
}
