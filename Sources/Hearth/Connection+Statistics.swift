// Figures of one connection.

internal import CHearth

extension Connection {
    /// What is known of a connection. Read on another thread than its loop's it may be a turn of the loop
    /// old.
    public struct Statistics: Sendable {
        /// Number of its route; nil for a server without routes.
        public let route: Int?
        /// Milliseconds since 1970.
        public let openedAt: UInt64
        /// Milliseconds since 1970; any byte counts.
        public let lastReceivedAt: UInt64
        /// Round trip of the last ping that was answered.
        public let latency: Duration?
        public let messagesReceived: UInt64
        /// Queued for it; those that were dropped are not counted.
        public let messagesSent: UInt64
        /// Queued and not yet taken by the system.
        public let outboxBytes: UInt64
        public let rooms: Int
        public let isOpen: Bool
    }

    public var statistics: Statistics {
        get throws(HearthError) {
            var info = hearth_connection_info()
            info.size = UInt32(MemoryLayout<hearth_connection_info>.size)
            try HearthError.check(hearth_connection_get_info(id, &info))
            return Statistics(
                route: info.route < 0 ? nil : Int(info.route), openedAt: info.opened_at_ms,
                lastReceivedAt: info.last_received_at_ms,
                latency: info.latency_us < 0 ? nil : .microseconds(info.latency_us),
                messagesReceived: info.messages_received, messagesSent: info.messages_sent,
                outboxBytes: info.outbox_bytes, rooms: Int(info.rooms), isOpen: info.is_open != 0)
        }
    }
}
