/// Settings of servers that work together, in the order of the cases of `ConfigurationKey`.
extension ConfigurationKey {
    static let cluster: [ConfigurationEntry] = [
        ConfigurationEntry(
            .redisURL, "redis_url", .text, standard: "", .server,
            "Redis that makes processes one: redis://USER:PASSWORD@HOST:6379/0, redis+sentinel://HOST/NAME."
        ),
        ConfigurationEntry(
            .redisPrefix, "redis_prefix", .text, standard: "ws:", .server,
            "What names of channels and keys begin with; servers with the same one belong together."),
        ConfigurationEntry(
            .redisAuthorities, "redis_ca_file", .text, standard: "", .server,
            "PEM file with the authorities that are trusted for rediss://. Empty: the system's."),
        ConfigurationEntry(
            .nodeID, "node_id", .text, standard: "", .server,
            "Name of this process in statistics of the cluster. Empty: a random one."),
        ConfigurationEntry(
            .nodeLease, "node_lease", .duration, standard: "10s", from: "100ms", to: "1h", .server,
            "A process that is not heard of for this time is gone for the others, with its users."),
        ConfigurationEntry(
            .brokerProbe, "broker_probe", .duration, standard: "5s", from: "50ms", to: "1h", .server,
            "How often a process sends itself a message through Redis; one that is lost means degraded."),
        ConfigurationEntry(
            .brokerLinger, "broker_linger", .duration, standard: "5s", from: "0", to: "1h", .server,
            "How long the channel of a room or user is kept after its last connection here."),
        ConfigurationEntry(
            .maxBrokerReconnect, "max_broker_reconnect", .duration, standard: "5s", from: "10ms", to: "1h",
            .server,
            "The longest wait before another attempt to reach Redis."),
        ConfigurationEntry(
            .maxBrokerMessage, "max_broker_message", .size, standard: "1MiB", from: "1KiB", to: "8MiB",
            .server,
            "Bytes of a message to other processes; Redis itself drops listeners for which 32 MB wait."),
        ConfigurationEntry(
            .maxBrokerOutput, "max_broker_output", .size, standard: "16MiB", from: "64KiB", to: "1GiB",
            .server,
            "Bytes that may wait for Redis; further messages are not forwarded, and counted."),
        ConfigurationEntry(
            .maxBrokerPending, "max_broker_pending", .size, standard: "1MiB", from: "0", to: "1GiB", .server,
            "Bytes published before Redis is first reached that wait for it, for node_lease; more is lost."),
        ConfigurationEntry(
            .maxBrokerChannels, "max_broker_channels", .integer, standard: "1000000", from: "16",
            to: "1000000000", .server,
            "Rooms and users of this process that messages of other processes can be for."),
        ConfigurationEntry(
            .maxBrokerNodes, "max_broker_nodes", .integer, standard: "1000", from: "2", to: "100000",
            .server,
            "Other processes that are known at a time."),
        ConfigurationEntry(
            .maxBrokerPresence, "max_broker_presence", .integer, standard: "1000000", from: "16",
            to: "1000000000", .server,
            "Users of other processes, for each room and process, whose presence is known."),
    ]
}
