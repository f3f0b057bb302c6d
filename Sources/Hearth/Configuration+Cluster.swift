extension Configuration {
    /// Servers of several processes that are one, through Redis (docs/scaling.md).
    public struct Cluster: Sendable {
        /// "redis://user:password@host:6379/0", "rediss://…" with TLS, "unix:/path"; nil: this process alone.
        public var redisURL: String?
        /// What names of channels and keys begin with; servers with the same one belong together.
        public var redisPrefix: String?
        /// PEM file with the authorities that are trusted for "rediss://"; nil: those of the system.
        public var redisAuthorities: String?
        /// Name of this process in statistics; nil: a random one.
        public var nodeID: String?
        /// A process that is not heard of for this time is gone for the others.
        public var nodeLease: Duration?
        /// How often a process sends itself a message through Redis.
        public var brokerProbe: Duration?
        /// How long the channel of a room or user is kept after its last connection here.
        public var brokerLinger: Duration?
        /// The longest wait before another attempt to reach Redis.
        public var maxBrokerReconnect: Duration?
        /// Bytes of a message to other processes.
        public var maxBrokerMessage: Int?
        /// Bytes that may wait for Redis.
        public var maxBrokerOutput: Int?
        /// Bytes published before Redis is first reached that wait for it, for ``nodeLease``.
        public var maxBrokerPending: Int?
        /// Rooms and users of this process that messages of others can be for.
        public var maxBrokerChannels: Int?
        /// Other processes that are known at a time.
        public var maxBrokerNodes: Int?
        /// Users of other processes, for each room and process, whose presence is known.
        public var maxBrokerPresence: Int?

        public init() {}

        var settings: [(key: String, value: String?)] {
            [
                ("redis_url", redisURL),
                ("redis_prefix", redisPrefix),
                ("redis_ca_file", redisAuthorities),
                ("node_id", nodeID),
                ("node_lease", nodeLease.map { "\($0.milliseconds)ms" }),
                ("broker_probe", brokerProbe.map { "\($0.milliseconds)ms" }),
                ("broker_linger", brokerLinger.map { "\($0.milliseconds)ms" }),
                ("max_broker_reconnect", maxBrokerReconnect.map { "\($0.milliseconds)ms" }),
                ("max_broker_message", maxBrokerMessage.map { "\($0)" }),
                ("max_broker_output", maxBrokerOutput.map { "\($0)" }),
                ("max_broker_pending", maxBrokerPending.map { "\($0)" }),
                ("max_broker_channels", maxBrokerChannels.map { "\($0)" }),
                ("max_broker_nodes", maxBrokerNodes.map { "\($0)" }),
                ("max_broker_presence", maxBrokerPresence.map { "\($0)" }),
            ]
        }
    }
}
