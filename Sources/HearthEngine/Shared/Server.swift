// One server of an engine: its routes, addresses and limits, shared by all loops. What changes while it runs
// is atomic or under a lock.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import HearthWire
internal import Synchronization

enum ServerState: UInt8, AtomicRepresentable { case idle, starting, started, draining, stopping, stopped }

/// An address that the server listens on, with one descriptor per loop.
struct Listening {
    let text: [UInt8]
    let port: UInt16
    /// Of a Unix socket.
    let path: [UInt8]?
    /// Of a Unix socket, to be taken away at the end.
    let file: SocketFile?
    /// TLS is spoken here.
    let isSealed: Bool
    var descriptors: [Int32]
}

package final class Server: Endpoint, @unchecked Sendable {
    let configuration: Configuration
    let bodyBytesMax: Int
    let handshakeTimeout: UInt64
    let httpTimeout: UInt64
    let keepAliveTimeout: UInt64
    let shutdownTimeout: UInt64
    /// Over how long the closes of a drain are spread.
    let shutdownSpread: UInt64
    let drainCloseCode: UInt16
    /// After how long, at least, those who are sent away may come back.
    let drainRetry: UInt64
    let connectionsMax: Int
    let events: EventSettings
    /// One of the routes has the json dialect.
    private(set) var speaksJSON = false
    /// One of the routes tells members who comes and goes.
    private(set) var tellsPresence = false
    let roomsMax: Int
    let roomNameMax: Int
    let userNameMax: Int
    let metadataMax: Int
    /// Paths of the pages about itself; empty: none.
    let healthPath: [UInt8]
    let metricsPath: [UInt8]
    let hasPages: Bool
    /// Empty: none.
    let reconnectParameter: [UInt8]
    let healthLagMax: UInt64
    /// The served folder, without links; nil: none.
    let root: [UInt8]?
    /// Nil where nothing of the kind is limited.
    let admission: Admission?
    let rates: RateLimits?
    let proxies: TrustedProxies?

    let access: ServerAccess

    /// The servers of other processes that this one works with; nil: none.
    let cluster: Cluster?
    private(set) var routes: [Route] = []
    private(set) var hasWebSocketRoutes = false
    var channels: [Channel] = []
    private let listeningLock = Lock()
    private var openListenings: [Listening] = []
    /// As they are at the moment.
    var listenings: [Listening] { listeningLock.withLock { openListenings } }
    /// A loop has taken over its descriptors.
    let wasServed = Atomic<Bool>(false)
    let state = Atomic<ServerState>(.idle)
    /// Accepted and not yet released, over all loops.
    let connectionCount = Atomic<Int>(0)
    /// Loops that still have open connections of a draining server.
    let loopsToDrain = Atomic<Int>(0)
    /// Loops that are not done with stopping.
    let loopsToStop = Atomic<Int>(0)
    let loopsServing = Atomic<Int>(0)
    /// Open once the server has stopped and the host was told, or it was freed.
    let stopped = Gate()
    /// Gets the answers to questions, if there is one.
    var answerCallback: EventCallback?
    var answerContext: UnsafeMutableRawPointer?
    package var answerOwner: AnyObject?
    let cutCount = Atomic<Int>(0)
    let lastQuestion = Atomic<Int>(0)
    /// Sockets taken over from the host, to give each loop its share.
    let adoptedCount = Atomic<Int>(0)

    /// How long a user stays in a room after the last connection was lost, milliseconds.
    let presenceGrace: UInt64
    let presenceGraceUsersMax: Int
    /// What new connections with TLS begin with.
    let certificates: ServerCertificates

    private let presenceLock = Lock()
    private var presence: Presence

    init(engine: Engine, number: Int, configuration: Configuration) throws(Route.Fault) {
        self.configuration = configuration
        certificates = ServerCertificates(configuration)
        bodyBytesMax = configuration.size(.maxBodySize)
        handshakeTimeout = configuration.milliseconds(.handshakeTimeout)
        httpTimeout = configuration.milliseconds(.httpTimeout)
        keepAliveTimeout = configuration.milliseconds(.keepAliveTimeout)
        shutdownTimeout = configuration.milliseconds(.shutdownTimeout)
        // The last ones need time to answer before all are cut.
        shutdownSpread = min(configuration.milliseconds(.shutdownSpread), shutdownTimeout / 4 * 3)
        let restarts = configuration.choice(.drainCloseCode) == 1
        drainCloseCode = (restarts ? CloseCode.serviceRestart : .goingAway).rawValue
        drainRetry = configuration.milliseconds(.drainRetry)
        connectionsMax = configuration.integer(.maxConnections)
        events = EventSettings(configuration)
        roomsMax = configuration.integer(.maxRoomsPerConnection)
        roomNameMax = configuration.integer(.maxRoomName)
        userNameMax = configuration.integer(.maxUserName)
        metadataMax = configuration.size(.maxMetadata)
        presenceGrace = configuration.milliseconds(.presenceGrace)
        presenceGraceUsersMax = configuration.integer(.maxPresenceGraceUsers)
        presence = Presence(
            seed: (Crypto.randomUInt64(), Crypto.randomUInt64()), departingMax: presenceGraceUsersMax)
        admission = Admission(configuration)
        rates = RateLimits(configuration)
        proxies = try TrustedProxies(configuration)
        cluster = try Cluster.make(configuration)
        presence.hasCluster = cluster != nil
        healthPath = try Self.path(configuration, .healthPath)
        metricsPath = try Self.path(configuration, .metricsPath)
        hasPages = !healthPath.isEmpty || !metricsPath.isEmpty
        reconnectParameter = configuration.text(of: .reconnectParameter)
        healthLagMax = configuration.milliseconds(.maxHealthLag)
        access = try ServerAccess(configuration)
        let rootText = configuration.text(of: .serverRoot)
        if rootText.isEmpty {
            root = nil
        } else {
            root = ServedFile.resolve(rootText)
            if root == nil || !ServedFile.isFolder(root!) {
                throw Route.Fault(
                    .notFound, [ascii("server_root \""), rootText, ascii("\" is not a folder")])
            }
        }
        super.init(.server, engine: engine, number: number, configuration: configuration)
    }

    private static func path(
        _ configuration: Configuration, _ key: ConfigurationKey
    ) throws(Route.Fault) -> [UInt8] {
        let path = configuration.text(of: key)
        if path.isEmpty || path[0] == UInt8(ascii: "/") { return path }
        throw Route.Fault(
            .invalidValue,
            [ascii(key.entry.name), ascii(" \""), path, ascii("\" is no path: it begins with /")])
    }

    override var shortestTimeout: UInt64 {
        var shortest = min(super.shortestTimeout, handshakeTimeout, httpTimeout, keepAliveTimeout)
        if access.noticeInterval > 0 { shortest = min(shortest, access.noticeInterval) }
        return shortest
    }

    func add(_ route: Route) -> Int {
        routes.append(route)
        if !route.isHTTP { hasWebSocketRoutes = true }
        if route.dialect == .json {
            speaksJSON = true
            batches = events.batchInterval > 0
        }
        if route.events.builtIns.contains(.presence) { tellsPresence = true }
        return routes.count - 1
    }

    /// Lends a route without counting a reference: they stay as long as the server.
    @inline(__always)
    func withRoute<Result>(_ index: Int, _ body: (Route) -> Result) -> Result {
        Unmanaged.passUnretained(routes[index])._withUnsafeGuaranteedRef(body)
    }

    /// Whether it answers requests: from its start to its stop.
    var isServing: Bool {
        let state = state.load(ordering: .relaxed)
        return state == .started || state == .draining
    }

    // MARK: Addresses

    func add(_ listening: Listening) { listeningLock.withLock { openListenings.append(listening) } }

    func add(descriptor: Int32, at index: Int) {
        listeningLock.lock()
        defer { listeningLock.unlock() }
        // The server was freed meanwhile.
        if index >= openListenings.count { return Socket.close(descriptor) }
        openListenings[index].descriptors.append(descriptor)
    }

    /// Hands them to the one who closes them, once.
    func takeListenings() -> [Listening] {
        listeningLock.lock()
        defer { listeningLock.unlock() }
        let taken = openListenings
        openListenings = []
        return taken
    }

    // MARK: Presence

    /// Calls `body` with the presence, which all loops share.
    func withPresence<Result>(_ body: (inout Presence) -> Result) -> Result {
        presenceLock.lock()
        defer { presenceLock.unlock() }
        return body(&presence)
    }
}
