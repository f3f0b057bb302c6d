import Hearth
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

@Suite("Configuration")
struct ConfigurationTests {
    @Test("every key has a property")
    func everyKey() throws {
        let set = Set(complete.settings.map(\.key))
        #expect(set.count > 20)
        #expect(set == keys(Configuration.description))
    }

    #if HEARTH_JWT
        @Test("every property is taken by the library")
        func everyProperty() throws {
            _ = try Server(complete)
        }
    #endif

    @Test("a duration is given in milliseconds, rounded up")
    func durations() {
        var configuration = Configuration()
        configuration.pingInterval = .seconds(20)
        configuration.pingTimeout = .microseconds(1)
        configuration.closeTimeout = .zero
        configuration.openTimeout = .milliseconds(1500)
        let values = Dictionary(uniqueKeysWithValues: configuration.settings.map { ($0.key, $0.value) })
        #expect(values["ping_interval"] == "20000ms")
        #expect(values["ping_timeout"] == "1ms")
        #expect(values["close_timeout"] == "0ms")
        #expect(values["open_timeout"] == "1500ms")
    }

    @Test("an unknown key is an error that names the nearest one")
    func unknownKey() {
        do {
            _ = try Server(listen: "127.0.0.1:0") { $0.set("ping_intervall", "20s") }
            Issue.record("the key was taken")
        } catch {
            #expect(error.code == .unknownKey)
            #expect(error.description.contains("ping_interval"))
        }
    }

    @Test("a value that a key does not take is an error")
    func badValue() {
        #expect(
            throwsError(.invalidValue) { _ = try Server(listen: "127.0.0.1:0") { $0.set("threads", "many") } }
        )
        #expect(
            throwsError(.invalidValue) {
                _ = try Server(listen: "127.0.0.1:0") { $0.pingInterval = .seconds(-1) }
            })
    }

    @Test("the environment wins over the program")
    func environment() throws {
        setenv("HEARTH_SWIFT_TEST_THREADS", "many", 1)
        defer { unsetenv("HEARTH_SWIFT_TEST_THREADS") }
        do {
            _ = try Server(listen: "127.0.0.1:0") {
                $0.threads = 1
                $0.environmentPrefix = "HEARTH_SWIFT_TEST_"
            }
            Issue.record("the variable was not read")
        } catch {
            #expect(error.code == .invalidValue)
            #expect(error.description.contains("threads") || error.description.contains("THREADS"))
        }
    }

    @Test("a route option that would break into two is refused")
    func commaInOption() throws {
        let server = try Server(listen: "127.0.0.1:0")
        #expect(throwsError(.invalidValue) { try server.route("/a", join: .template("x,relay=all")) })
        #expect(throwsError(.invalidValue) { try server.route("/a", subprotocols: ["x,y"]) })
    }

    @Test("a bad pattern is an error with a sentence")
    func badPattern() throws {
        let server = try Server(listen: "127.0.0.1:0")
        do {
            try server.route("/{a}/{a}")
            Issue.record("the pattern was taken")
        } catch {
            #expect(!error.description.isEmpty)
        }
    }

    private var tokens: Configuration.Tokens {
        var tokens = Configuration.Tokens()
        tokens.algorithms = ["HS256", "Ed25519"]
        tokens.secrets = [
            "0123456789abcdef0123456789abcdef", "base64:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
        ]
        tokens.publicKeys = [
            """
            -----BEGIN PUBLIC KEY-----
            MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
            -----END PUBLIC KEY-----
            """
        ]
        tokens.keySet = #"{"keys":[{"kty":"oct","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}]}"#
        tokens.issuers = ["https://a"]
        tokens.audiences = ["a", "b"]
        tokens.type = "at+jwt"
        tokens.leeway = .seconds(1)
        tokens.maxSize = 4096
        tokens.requiredClaims = ["exp", "sub"]
        tokens.userClaim = "uid"
        tokens.scopeClaims = ["scope"]
        tokens.reloadInterval = .seconds(60)
        tokens.sources = [.subprotocol, .header, .cookie, .query]
        tokens.header = "x-token"
        tokens.cookie = "session"
        tokens.query = "access_token"
        tokens.subprotocol = "token"
        tokens.allowsUserChange = true
        return tokens
    }

    private var complete: Configuration {
        var all = Configuration()
        all.listen = "127.0.0.1:0"
        all.serverRoot = "."
        all.threads = 1
        all.logLevel = .warning
        all.ioUring = .auto
        all.maxEventQueue = 1000
        all.maxEventQueueBytes = 1 << 20
        all.handshakeTimeout = .seconds(1)
        all.openTimeout = .seconds(1)
        all.closeTimeout = .seconds(1)
        all.pingInterval = .seconds(1)
        all.pingTimeout = .seconds(1)
        all.httpTimeout = .seconds(1)
        all.keepAliveTimeout = .seconds(1)
        all.shutdownTimeout = .seconds(1)
        all.maxMessageSize = 1 << 20
        all.maxFragments = 100
        all.messageTimeout = .seconds(1)
        all.maxMemory = 1 << 30
        all.maxHeaderSize = 8192
        all.maxHeaderFields = 50
        all.maxBodySize = 1 << 20
        all.maxConnections = 10
        all.maxRoomsPerConnection = 10
        all.maxRoomName = 100
        all.maxUserName = 100
        all.maxMetadata = 100
        all.maxOutboxBytes = 1 << 20
        all.slowConsumer = .dropOldest
        all.shutdownSpread = .seconds(1)
        all.drainCloseCode = .serviceRestart
        all.drainRetry = .seconds(2)
        all.healthPath = "/healthz"
        all.metricsPath = "/metrics"
        all.reconnectParameter = "again"
        all.maxHealthLag = .seconds(2)
        all.presenceGrace = .seconds(10)
        all.maxPresenceGraceUsers = 7
        all.limits = limits
        all.compression = true
        all.compressionThreshold = 512
        all.compressionContextTakeover = true
        all.compressionWindowBits = 12
        all.compressionLevel = 6
        all.tls.certificates = ["a.pem", "b.pem"]
        all.tls.privateKeys = ["a.key", "b.key"]
        all.tls.minVersion = .tls13
        all.tls.clientCertificate = .required
        all.tls.clientAuthorities = "ca.pem"
        all.tls.maxHandshakeSize = 32 << 10
        all.tls.watchesFiles = true
        all.tokens = tokens
        all.access.level = .optional
        all.access.allowedOrigins = ["same-host", "https://*.example.com"]
        all.access.refusal = .status
        all.access.refusalDelay = .seconds(1)
        all.access.closeCodes = .policy
        all.access.expiryNoticeInterval = .seconds(5)
        all.access.expiryNoticeWindow = .seconds(30)
        all.access.expiryGrace = .seconds(2)
        all.tls.authorities = "ca.pem"
        all.tls.ownCertificate = "own.pem"
        all.tls.ownPrivateKey = "own.key"
        all.tls.serverName = "example.org"
        all.tls.skipsVerification = false
        all.listenBacklog = 16
        all.ipv6Only = true
        all.unixMode = 0o600
        all.json = completeJSON
        all.cluster = cluster
        addClient(&all)
        return all
    }

    private var cluster: Configuration.Cluster {
        var cluster = Configuration.Cluster()
        cluster.redisURL = "redis://127.0.0.1:6379/0"
        cluster.redisPrefix = "other:"
        cluster.redisAuthorities = "ca.pem"
        cluster.nodeID = "one"
        cluster.nodeLease = .seconds(5)
        cluster.brokerProbe = .seconds(2)
        cluster.brokerLinger = .seconds(1)
        cluster.maxBrokerReconnect = .seconds(3)
        cluster.maxBrokerMessage = 1 << 19
        cluster.maxBrokerOutput = 1 << 20
        cluster.maxBrokerPending = 1 << 20
        cluster.maxBrokerChannels = 1000
        cluster.maxBrokerNodes = 10
        cluster.maxBrokerPresence = 1000
        return cluster
    }

    private var completeJSON: Configuration.JSONDialect {
        var json = Configuration.JSONDialect()
        json.eventKey = "event"
        json.dataKey = "payload"
        json.roomKey = "channel"
        json.idKey = "message_id"
        json.userKey = "sender"
        json.timeKey = "timestamp"
        json.textKey = "content"
        json.errors = .data
        json.events = ["a", "b"]
        json.maxSize = 1000
        json.maxDepth = 8
        json.maxEventName = 32
        json.maxCharacters = 500
        json.errorBudget = 3
        json.typingTimeout = .seconds(3)
        json.batchInterval = .milliseconds(100)
        json.maxBatchMessages = 10
        json.maxBatchBytes = 1000
        return json
    }

    private var limits: Configuration.Limits {
        var limits = Configuration.Limits()
        limits.maxConnectionsPerUser = 3
        limits.maxConnectionsPerIP = 100
        limits.userLimitPolicy = .evictStalest
        limits.userLimitProbe = .seconds(1)
        limits.rateLimitMessages = "100/min"
        limits.rateLimitMessagesPerUser = "20/s burst 40"
        limits.rateLimitMessagesPerIP = .init(100, per: .seconds(10), burst: 200)
        limits.rateLimitBytes = "64KiB/s burst 1MiB"
        limits.rateLimitBytesPerUser = "off"
        limits.rateLimitBytesPerIP = .init(1 << 20, per: .milliseconds(100))
        limits.rateLimitControl = "10/s"
        limits.rateLimitHandshakes = "10/s"
        limits.rateLimitHandshakesPerUser = "1 / 100ms"
        limits.maxRateLimitDrops = 10
        limits.maxRateLimitEntries = 1000
        limits.trustedProxies = "10.0.0.0/8, ::1, unix"
        limits.forwardedHeader = .forwarded
        limits.proxyProtocol = true
        return limits
    }

    private func addClient(_ all: inout Configuration) {
        all.url = "ws://127.0.0.1:1/"
        all.headers = "X-A: b"
        all.subprotocols = "a,b"
        all.prepares = true
        all.proxy = "http://127.0.0.1:1"
        all.followRedirects = 1
        all.sentEvents = true
        all.jsonPing = true
        all.maxQueueSize = 16
        all.reconnectEnabled = true
        all.reconnectMaxAttempts = 5
        all.reconnectBackoffBase = .seconds(1)
        all.reconnectBackoffMax = .seconds(60)
        all.reconnectJitter = 0.1
        all.reconnectFloor = .milliseconds(500)
        all.reconnectStable = .seconds(10)
        all.reconnectPolicy = .fixed
        all.reconnectOn = "1008,4000-4099"
        all.stopOn = "503"
        all.maxQueueMessages = 10
        all.maxQueueBytes = 1000
        all.maxQueueAge = .seconds(60)
        all.queueFull = .dropOldest
        all.queueFlushRate = 100
    }

    /// The keys of a description.
    private func keys(_ json: String) -> Set<String> {
        var found: Set<String> = []
        var rest = json[...]
        while let range = rest.firstRange(of: "\"key\":\"") {
            rest = rest[range.upperBound...]
            found.insert(String(rest.prefix { $0 != "\"" }))
        }
        return found
    }
}
