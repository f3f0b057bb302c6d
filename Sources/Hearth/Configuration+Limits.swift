// Who may come in, and how much of it.

extension Configuration {
    /// So many messages, handshakes or bytes in a time: "100/min", "20/s burst 40", "64KiB/s burst 1MiB".
    public struct Rate: ExpressibleByStringLiteral, Sendable {
        let text: String

        public init(stringLiteral text: String) { self.text = text }

        /// burst: so many at once; nil: what comes in one period.
        public init(_ count: Int, per period: Duration, burst: Int? = nil) {
            text = "\(count)/\(period.milliseconds)ms" + (burst.map { " burst \($0)" } ?? "")
        }
    }

    /// What happens to one connection more than a user may have.
    public enum UserLimitPolicy: String, Sendable {
        case reject
        case evictOldest = "evict_oldest"
        case evictStalest = "evict_stalest"
    }

    /// The header in which trusted proxies say whose a request is.
    public enum ForwardedHeader: String, Sendable {
        case xForwardedFor = "x-forwarded-for"
        case forwarded
        case off
    }

    /// Limits over all loops of a server. What is nil has its default, which is no limit.
    public struct Limits: Sendable {
        public var maxConnectionsPerUser: Int?
        public var maxConnectionsPerIP: Int?
        public var userLimitPolicy: UserLimitPolicy?
        /// How long the stalest connection of a user may take to show that it lives.
        public var userLimitProbe: Duration?
        public var rateLimitMessages: Rate?
        public var rateLimitMessagesPerUser: Rate?
        public var rateLimitMessagesPerIP: Rate?
        public var rateLimitBytes: Rate?
        public var rateLimitBytesPerUser: Rate?
        public var rateLimitBytesPerIP: Rate?
        public var rateLimitControl: Rate?
        public var rateLimitHandshakes: Rate?
        public var rateLimitHandshakesPerUser: Rate?
        /// After so many dropped messages the connection is closed. Zero: never.
        public var maxRateLimitDrops: Int?
        public var maxRateLimitEntries: Int?
        /// Networks, and "unix", separated by commas.
        public var trustedProxies: String?
        public var forwardedHeader: ForwardedHeader?
        public var proxyProtocol: Bool?

        public init() {}

        var settings: [(key: String, value: String?)] {
            [
                ("max_connections_per_user", maxConnectionsPerUser.map { "\($0)" }),
                ("max_connections_per_ip", maxConnectionsPerIP.map { "\($0)" }),
                ("user_limit_policy", userLimitPolicy?.rawValue),
                ("user_limit_probe", userLimitProbe.map { "\($0.milliseconds)ms" }),
                ("rate_limit_messages", rateLimitMessages?.text),
                ("rate_limit_messages_per_user", rateLimitMessagesPerUser?.text),
                ("rate_limit_messages_per_ip", rateLimitMessagesPerIP?.text),
                ("rate_limit_bytes", rateLimitBytes?.text),
                ("rate_limit_bytes_per_user", rateLimitBytesPerUser?.text),
                ("rate_limit_bytes_per_ip", rateLimitBytesPerIP?.text),
                ("rate_limit_control", rateLimitControl?.text),
                ("rate_limit_handshakes", rateLimitHandshakes?.text),
                ("rate_limit_handshakes_per_user", rateLimitHandshakesPerUser?.text),
                ("max_rate_limit_drops", maxRateLimitDrops.map { "\($0)" }),
                ("max_rate_limit_entries", maxRateLimitEntries.map { "\($0)" }),
                ("trusted_proxies", trustedProxies),
                ("forwarded_header", forwardedHeader?.rawValue),
                ("proxy_protocol", proxyProtocol.map { $0 ? "on" : "off" }),
            ]
        }
    }
}
