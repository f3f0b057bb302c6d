// The settings of a server. What is nil has the library's default; docs list all keys with their defaults.

internal import CHearth

/// Settings of a server. They are checked when the server is made.
public struct Configuration: Sendable {
    /// What happens when `maxOutboxBytes` wait for one connection.
    public enum SlowConsumer: String, Sendable {
        case close
        case dropOldest = "drop_oldest"
        case dropNewest = "drop_newest"
        case latest
    }

    /// Whether io_uring sends where the kernel has it. on: the engine cannot be made without.
    public enum IOUring: String, Sendable {
        case auto, on, off
    }

    /// With which code a draining server closes.
    public enum DrainCloseCode: String, Sendable {
        case goingAway = "1001"
        case serviceRestart = "1012"
    }

    public enum LogLevel: UInt32, Sendable {
        case debug, info, warning, error
    }

    /// Addresses: "127.0.0.1:9000", "wss://[::1]:9000", "unix:/path", separated by commas; port 0 takes a
    /// free one.
    public var listen: String?
    /// Folder whose files answer requests that no route takes.
    public var serverRoot: String?
    /// How many loops, each with a thread of its own.
    public var threads: Int?
    public var logLevel: LogLevel?
    public var ioUring: IOUring?
    public var maxEventQueue: Int?
    public var maxEventQueueBytes: Int?

    public var handshakeTimeout: Duration?
    public var openTimeout: Duration?
    public var closeTimeout: Duration?
    /// Zero: no pings.
    public var pingInterval: Duration?
    public var pingTimeout: Duration?
    public var httpTimeout: Duration?
    public var keepAliveTimeout: Duration?
    public var shutdownTimeout: Duration?
    /// Over how long a draining server spreads its closes.
    public var shutdownSpread: Duration?
    public var drainCloseCode: DrainCloseCode?
    /// A draining server tells each connection a time to come back after: this to twice this.
    public var drainRetry: Duration?
    /// Paths of the pages about the server itself; empty: none.
    public var healthPath: String?
    public var metricsPath: String?
    /// Parameter of the query by which clients say that they come back.
    public var reconnectParameter: String?
    /// A loop that was later than this in the last seconds makes the server degraded.
    public var maxHealthLag: Duration?

    public var maxMessageSize: Int?
    public var maxFragments: Int?
    /// Within this time a message that has begun must be whole; zero: no limit.
    public var messageTimeout: Duration?
    /// Of the process, in bytes; zero: a quarter of what the system has for it. With the C library only.
    public var maxMemory: Int?
    public var maxHeaderSize: Int?
    public var maxHeaderFields: Int?
    public var maxBodySize: Int?
    /// Zero: no limit.
    public var maxConnections: Int?
    public var maxRoomsPerConnection: Int?
    public var maxRoomName: Int?
    public var maxUserName: Int?
    public var maxMetadata: Int?
    public var maxOutboxBytes: Int?
    public var slowConsumer: SlowConsumer?
    /// How long a user whose last connection was lost is still in its rooms. Zero: not at all.
    public var presenceGrace: Duration?
    public var maxPresenceGraceUsers: Int?
    public var limits = Limits()
    public var cluster = Cluster()
    /// Whether permessage-deflate is agreed on with peers that know it.
    public var compression: Bool?
    public var compressionThreshold: Int?
    public var compressionContextTakeover: Bool?
    public var compressionWindowBits: Int?
    public var compressionLevel: Int?
    public var tls = TLS()
    public var tokens = Tokens()
    public var access = Access()
    public var listenBacklog: Int?
    public var ipv6Only: Bool?
    /// Mode of the file of a Unix socket, such as 0o660.
    public var unixMode: Int?

    /// Routes with `dialect: .json`.
    public var json = JSONDialect()

    // Of clients.

    /// HTTP proxy that a client goes through: "http://user:password@host:port".
    public var proxy: String?
    /// Redirects in a row that a client follows; never from wss to ws.
    public var followRedirects: Int?
    /// Whether `Client.deliveries` and `Client.deliver(_:)` are told what has left.
    public var sentEvents: Bool?
    /// Whether the message {"type":"ping"} is answered by itself.
    public var jsonPing: Bool?
    /// Messages that may wait for a receiver; then the socket is not read.
    public var maxQueueSize: Int?
    public var reconnectEnabled: Bool?
    /// Zero: a client never gives up.
    public var reconnectMaxAttempts: Int?
    public var reconnectBackoffBase: Duration?
    public var reconnectBackoffMax: Duration?
    /// From 0 to 1.
    public var reconnectJitter: Double?
    public var reconnectFloor: Duration?
    public var reconnectStable: Duration?
    public var reconnectPolicy: ReconnectPolicy?
    /// Close codes and HTTP statuses after which a client comes back: "1008,4000-4099,503".
    public var reconnectOn: String?
    public var stopOn: String?
    /// Zero: no message waits for a connection.
    public var maxQueueMessages: Int?
    public var maxQueueBytes: Int?
    /// Zero: for ever.
    public var maxQueueAge: Duration?
    public var queueFull: QueueFull?
    /// Messages in a second of those that waited. Zero: as fast as it goes.
    public var queueFlushRate: Int?
    // What the initializer of a client sets.
    package var url: String?
    package var headers: String?
    package var subprotocols: String?
    package var prepares: Bool?

    /// Prefix of environment variables that are read last, and so win; "WS_" for WS_PING_INTERVAL=30.
    public var environmentPrefix: String?

    private var texts: [Setting] = []

    public init() {}

    /// Sets a key as text with units: "20s", "500ms", "1MiB", "on". A property of the same key wins over it.
    public mutating func set(_ key: String, _ value: String) {
        texts.append(Setting(key: key, value: value))
    }

    /// All keys as JSON, with type, default and help.
    public static var description: String {
        String(cString: hearth_config_describe())
    }
}

extension Configuration {
    package struct Setting: Sendable {
        package let key: String
        package let value: String
    }

    /// What was set, as the library takes it.
    package var settings: [Setting] {
        var list = texts
        func add(_ key: String, _ value: String?) {
            if let value { list.append(Setting(key: key, value: value)) }
        }
        func add(_ key: String, _ value: Int?) {
            add(key, value.map { "\($0)" })
        }
        func add(_ key: String, _ value: Bool?) {
            add(key, value.map { $0 ? "on" : "off" })
        }
        func add(_ key: String, _ value: Duration?) {
            add(key, value.map { "\($0.milliseconds)ms" })
        }
        add("listen", listen)
        add("server_root", serverRoot)
        add("threads", threads)
        add("log_level", logLevel.map { "\($0)" })
        add("io_uring", ioUring?.rawValue)
        add("max_event_queue", maxEventQueue)
        add("max_event_queue_bytes", maxEventQueueBytes)
        add("handshake_timeout", handshakeTimeout)
        add("open_timeout", openTimeout)
        add("close_timeout", closeTimeout)
        add("ping_interval", pingInterval)
        add("ping_timeout", pingTimeout)
        add("http_timeout", httpTimeout)
        add("keep_alive_timeout", keepAliveTimeout)
        add("shutdown_timeout", shutdownTimeout)
        add("max_message_size", maxMessageSize)
        add("max_fragments", maxFragments)
        add("message_timeout", messageTimeout)
        add("max_memory", maxMemory)
        add("max_header_size", maxHeaderSize)
        add("max_header_fields", maxHeaderFields)
        add("max_body_size", maxBodySize)
        add("max_connections", maxConnections)
        add("max_rooms_per_connection", maxRoomsPerConnection)
        add("max_room_name", maxRoomName)
        add("max_user_name", maxUserName)
        add("max_metadata", maxMetadata)
        add("max_outbox_bytes", maxOutboxBytes)
        add("slow_consumer", slowConsumer?.rawValue)
        add("shutdown_spread", shutdownSpread)
        add("drain_close_code", drainCloseCode?.rawValue)
        add("drain_retry", drainRetry)
        add("health_path", healthPath)
        add("max_health_lag", maxHealthLag)
        add("metrics_path", metricsPath)
        add("reconnect_parameter", reconnectParameter)
        add("presence_grace", presenceGrace)
        add("max_presence_grace_users", maxPresenceGraceUsers)
        for (key, value) in limits.settings + tls.settings + tokens.settings + access.settings {
            add(key, value)
        }
        for (key, value) in cluster.settings { add(key, value) }
        add("compression", compression)
        add("compression_threshold", compressionThreshold)
        add("compression_context_takeover", compressionContextTakeover)
        add("compression_window_bits", compressionWindowBits)
        add("compression_level", compressionLevel)
        add("listen_backlog", listenBacklog)
        add("ipv6_only", ipv6Only)
        if let unixMode { add("unix_mode", String(unixMode, radix: 8)) }
        list += json.settings
        return list + clientSettings
    }

    /// Lends the library's form of it.
    func withNative<Result: ~Copyable>(
        _ body: (OpaquePointer) throws(HearthError) -> Result
    ) throws(HearthError) -> Result {
        guard let native = hearth_config_new() else { throw HearthError(.memory) }
        defer { hearth_config_free(native) }
        for setting in settings {
            let status = try withText(setting.key) { (key) throws(HearthError) -> Int32 in
                try withText(setting.value) { value in hearth_config_set(native, key, value) }
            }
            if status < 0 { throw Self.fault(status, native) }
        }
        if let environmentPrefix {
            let answer = try withText(environmentPrefix) { prefix in
                hearth_config_load_env(native, prefix)
            }
            if answer < 0 { throw Self.fault(Int32(truncatingIfNeeded: answer), native) }
        }
        return try body(native)
    }

    static func fault(_ status: Int32, _ native: OpaquePointer) -> HearthError {
        let sentence = try? readText { hearth_config_error(native, $0, $1) }
        return HearthError(HearthError.Code(rawValue: status), detail: sentence ?? "")
    }
}

extension Duration {
    /// Rounded up, so that a short time does not become none.
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        let fraction = attoseconds / 1_000_000_000_000_000
        let isWhole = attoseconds % 1_000_000_000_000_000 == 0
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        if overflow { return seconds < 0 ? .min : .max }
        let (sum, sumOverflow) = product.addingReportingOverflow(
            fraction + (isWhole || attoseconds < 0 ? 0 : 1))
        return sumOverflow ? .max : sum
    }
}
