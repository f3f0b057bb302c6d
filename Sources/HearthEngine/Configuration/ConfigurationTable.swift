/// The table of all settings, in the order of the cases of `ConfigurationKey`.
extension ConfigurationKey {
    package static let table: [ConfigurationEntry] =
        general + limits + operation + compressionEntries + tlsEntries + events + clients + access + cluster

    /// What the entries are about, with the first key of each topic, in the order of the table.
    static let topics: [(name: StaticString, first: ConfigurationKey)] = [
        ("General", .threads), ("Connections and rates", .maxConnectionsPerUser),
        ("Draining, health and metrics", .shutdownSpread), ("Compression", .compression),
        ("TLS", .tlsCertificate), ("JSON dialect and batches", .jsonEventKey), ("Clients", .url),
        ("Tokens and origins", .authentication), ("Cluster", .redisURL),
    ]

    private static let general: [ConfigurationEntry] = [
        ConfigurationEntry(
            .threads, "threads", .integer, standard: "1", from: "1", to: "256", .engine,
            "Threads with a loop each that an engine started on its own threads has."),
        ConfigurationEntry(
            .logLevel, "log_level", .choice("debug|info|warning|error"), standard: "info", .engine,
            "Log lines below this level do not reach the log callback."),
        ConfigurationEntry(
            .ioUring, "io_uring", .choice("auto|on|off"), standard: "auto", .engine,
            "Whether io_uring sends what a loop turn queued, where the kernel allows it. on: fail without."),
        ConfigurationEntry(
            .maxEventQueue, "max_event_queue", .integer, standard: "65536", from: "1", to: "1000000000",
            .engine,
            "How many events may wait for the host before sockets are no longer read."),
        ConfigurationEntry(
            .maxEventQueueBytes, "max_event_queue_bytes", .size, standard: "64MiB", from: "1KiB", to: "1TiB",
            .engine,
            "How many bytes of events may wait for the host before sockets are no longer read."),
        ConfigurationEntry(
            .maxMemory, "max_memory", .size, standard: "0", from: "0", to: "1TiB", .engine,
            "Bytes that the library may hold in the process; 0: a quarter of what the system has for it."),
        ConfigurationEntry(
            .listen, "listen", .list, standard: "", .server,
            "127.0.0.1:9000, wss://[::1]:9001, unix:/run/x.sock, by commas; port 0: a free one; or none."
        ),
        ConfigurationEntry(
            .serverRoot, "server_root", .text, standard: "", .server,
            "Folder whose files answer requests that no route takes. Empty: none."),
        ConfigurationEntry(
            .handshakeTimeout, "handshake_timeout", .duration, standard: "10s", from: "1ms", to: "24h",
            .server,
            "Within this time the head of the first request must be complete."),
        ConfigurationEntry(
            .openTimeout, "open_timeout", .duration, standard: "10s", from: "1ms", to: "24h",
            .serverAndClient,
            "Within this time the host must accept or reject a connection, or a client must be open."
        ),
        ConfigurationEntry(
            .closeTimeout, "close_timeout", .duration, standard: "10s", from: "1ms", to: "24h",
            .serverAndClient,
            "How long the peer may take to answer a close frame before it is cut."),
        ConfigurationEntry(
            .pingInterval, "ping_interval", .durationOrOff, standard: "20s", from: "0", to: "24h",
            .serverAndClient,
            "A peer that sent nothing for this time gets a ping. 0: no pings."),
        ConfigurationEntry(
            .pingTimeout, "ping_timeout", .duration, standard: "20s", from: "1ms", to: "24h",
            .serverAndClient,
            "A peer that sends nothing for this time after a ping is dead and is removed."),
        ConfigurationEntry(
            .maxMessageSize, "max_message_size", .size, standard: "1MiB", from: "1", to: "1GiB",
            .serverAndClient,
            "Bytes of one message, its fragments together; more close the connection with 1009."),
        ConfigurationEntry(
            .maxFragments, "max_fragments", .integer, standard: "100000", from: "1", to: "1000000000",
            .serverAndClient,
            "Frames that one message may consist of; more close the connection with 1008."),
        ConfigurationEntry(
            .messageTimeout, "message_timeout", .durationOrOff, standard: "60s", from: "0", to: "24h",
            .serverAndClient,
            "Within this time a message that has begun must be whole, else 1008 closes. 0: no limit."),
        ConfigurationEntry(
            .maxHeaderSize, "max_header_size", .size, standard: "16KiB", from: "256", to: "1MiB",
            .serverAndClient,
            "Bytes of the head of a request, or of a response; more get status 431 or fail the attempt."),
        ConfigurationEntry(
            .maxHeaderFields, "max_header_fields", .integer, standard: "100", from: "1", to: "10000",
            .serverAndClient,
            "Header fields of a request or a response; more get status 431 or fail the attempt."),
        ConfigurationEntry(
            .maxBodySize, "max_body_size", .size, standard: "1MiB", from: "0", to: "1GiB", .server,
            "Bytes of the body of a request; more get status 413."),
        ConfigurationEntry(
            .httpTimeout, "http_timeout", .duration, standard: "30s", from: "1ms", to: "24h", .server,
            "Within this time the host must answer an HTTP request, else it gets status 503."),
        ConfigurationEntry(
            .keepAliveTimeout, "keep_alive_timeout", .duration, standard: "60s", from: "1ms", to: "24h",
            .server,
            "How long an HTTP connection may stay open without a request."),
        ConfigurationEntry(
            .maxConnections, "max_connections", .integerOrOff, standard: "0", from: "0", to: "1000000000",
            .server,
            "Open connections of the server; further ones get status 503. 0: no limit."),
        ConfigurationEntry(
            .maxRoomsPerConnection, "max_rooms_per_connection", .integer, standard: "128", from: "1",
            to: "1000000", .server,
            "Rooms that one connection may be in at a time."),
        ConfigurationEntry(
            .maxRoomName, "max_room_name", .size, standard: "255", from: "1", to: "64KiB", .server,
            "Bytes of the name of a room."),
        ConfigurationEntry(
            .maxUserName, "max_user_name", .size, standard: "255", from: "1", to: "64KiB", .server,
            "Bytes of the name of a user."),
        ConfigurationEntry(
            .maxMetadata, "max_metadata", .size, standard: "4KiB", from: "0", to: "16MiB", .server,
            "Bytes that the host may keep with a connection."),
        ConfigurationEntry(
            .maxOutboxBytes, "max_outbox_bytes", .size, standard: "1MiB", from: "1KiB", to: "1GiB",
            .serverAndClient,
            "Bytes that may wait to be sent to one connection; then slow_consumer decides."),
        ConfigurationEntry(
            .slowConsumer, "slow_consumer", .choice("close|drop_oldest|drop_newest|latest"),
            standard: "close", .server,
            "What happens at max_outbox_bytes: the connection is closed, or messages are dropped."),
        ConfigurationEntry(
            .shutdownTimeout, "shutdown_timeout", .duration, standard: "30s", from: "0", to: "24h", .server,
            "After this time a stopping server cuts what is still open. 0: at once."),
        ConfigurationEntry(
            .listenBacklog, "listen_backlog", .integer, standard: "4096", from: "1", to: "65535", .server,
            "Connections that may wait in the system until they are accepted."),
        ConfigurationEntry(
            .ipv6Only, "ipv6_only", .flag, standard: "on", .server,
            "Whether an IPv6 address takes IPv6 peers only, or IPv4 peers too."),
        ConfigurationEntry(
            .unixMode, "unix_mode", .text, standard: "0660", .server,
            "Mode of the file of a Unix socket, in octal; it is set before anybody can connect."),
        ConfigurationEntry(
            .presenceGrace, "presence_grace", .durationOrOff, standard: "0", from: "0", to: "24h", .server,
            "How long a user whose last connection was lost is still in its rooms. 0: not at all."),
        ConfigurationEntry(
            .maxPresenceGraceUsers, "max_presence_grace_users", .integer, standard: "100000", from: "0",
            to: "1000000000", .server,
            "Users, once for each room, that may be kept by presence_grace; further ones leave at once."),
    ]
}
