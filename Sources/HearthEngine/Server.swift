// One server of an engine: its routes, addresses and limits, shared by all loops. What changes while it runs
// is atomic or under a lock.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import HearthWire
internal import Synchronization

enum ServerState: UInt8, AtomicRepresentable { case idle, starting, started, stopping, stopped }

/// An address that the server listens on, with one descriptor per loop.
struct Listening {
    let text: [UInt8]
    let port: UInt16
    /// Path of a Unix socket, to be taken away at the end.
    let path: [UInt8]?
    var descriptors: [Int32]
}

package final class Server: @unchecked Sendable {
    package let number: Int
    /// Strong, as a call from another thread may outlast the engine's end, which breaks the circle.
    package let engine: Engine
    /// The host's name for it, which its events carry.
    package var handle: UnsafeMutableRawPointer?
    let configuration: Configuration
    let limits: UnsafeMutablePointer<SessionLimits>
    let headLimits: HeadLimits
    let bodyBytesMax: Int
    let handshakeTimeout: UInt64
    let openTimeout: UInt64
    let httpTimeout: UInt64
    let keepAliveTimeout: UInt64
    let closeTimeout: UInt64
    let shutdownTimeout: UInt64
    let connectionsMax: Int
    let roomsMax: Int
    let roomNameMax: Int
    let userNameMax: Int
    let metadataMax: Int
    let outboxBytesMax: Int
    let policy: SlowConsumerPolicy
    /// The served folder, without links; nil: none.
    let root: [UInt8]?

    private(set) var routes: [Route] = []
    private(set) var hasWebSocketRoutes = false
    var callback: EventCallback?
    var callbackContext: UnsafeMutableRawPointer?
    /// What the callback needs as long as the server lives.
    package var callbackOwner: AnyObject?
    private let listeningLock = Lock()
    private var openListenings: [Listening] = []
    /// As they are at the moment.
    var listenings: [Listening] { listeningLock.withLock { openListenings } }
    /// A loop has taken over its descriptors.
    let wasServed = Atomic<Bool>(false)
    let state = Atomic<ServerState>(.idle)
    /// Accepted and not yet released, over all loops.
    let connectionCount = Atomic<Int>(0)
    /// Loops that are not done with stopping.
    let loopsToStop = Atomic<Int>(0)
    let cutCount = Atomic<Int>(0)

    private let presenceLock = Lock()
    private var presence: Presence

    init(engine: Engine, number: Int, configuration: Configuration) throws(Route.Fault) {
        self.engine = engine
        self.number = number
        self.configuration = configuration
        let messageMax = configuration.size(.maxMessageSize)
        limits = .allocate(capacity: 1)
        limits.initialize(
            to: SessionLimits(
                decoder: DecoderLimits(
                    role: .server, maxMessageSize: messageMax,
                    maxFragments: configuration.integer(.maxFragments)),
                pingInterval: configuration.milliseconds(.pingInterval),
                pingTimeout: configuration.milliseconds(.pingTimeout),
                closeTimeout: configuration.milliseconds(.closeTimeout)))
        headLimits = HeadLimits(
            maxBytes: configuration.size(.maxHeaderSize), maxFields: configuration.integer(.maxHeaderFields))
        bodyBytesMax = configuration.size(.maxBodySize)
        handshakeTimeout = configuration.milliseconds(.handshakeTimeout)
        openTimeout = configuration.milliseconds(.openTimeout)
        httpTimeout = configuration.milliseconds(.httpTimeout)
        keepAliveTimeout = configuration.milliseconds(.keepAliveTimeout)
        closeTimeout = configuration.milliseconds(.closeTimeout)
        shutdownTimeout = configuration.milliseconds(.shutdownTimeout)
        connectionsMax = configuration.integer(.maxConnections)
        roomsMax = configuration.integer(.maxRoomsPerConnection)
        roomNameMax = configuration.integer(.maxRoomName)
        userNameMax = configuration.integer(.maxUserName)
        metadataMax = configuration.size(.maxMetadata)
        // One message of the greatest size fits into an empty outbox, frame header included.
        outboxBytesMax = min(max(configuration.size(.outboxMaxBytes), messageMax + 14), Int(Int32.max))
        policy = SlowConsumerPolicy(rawValue: UInt8(configuration.choice(.slowConsumer))) ?? .close
        presence = Presence(seed: (Crypto.randomUInt64(), Crypto.randomUInt64()))
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
    }

    deinit {
        limits.deinitialize(count: 1)
        limits.deallocate()
    }

    /// The shortest of the times that the loops watch, for the granule of their wheels.
    var shortestTimeout: UInt64 {
        var shortest = min(handshakeTimeout, openTimeout, httpTimeout, keepAliveTimeout)
        shortest = min(shortest, closeTimeout, limits.pointee.pingTimeout)
        if limits.pointee.pingInterval > 0 { shortest = min(shortest, limits.pointee.pingInterval) }
        return shortest
    }

    func add(_ route: Route) -> Int {
        routes.append(route)
        if !route.isHTTP { hasWebSocketRoutes = true }
        return routes.count - 1
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

    /// Whether this is the user's first connection in the room, over all loops.
    func presenceJoin(room: ByteString, user: ByteString) -> Bool {
        presenceLock.lock()
        defer { presenceLock.unlock() }
        return presence.join(room: room, user: user)
    }

    func presenceLeave(room: ByteString, user: ByteString) -> Bool {
        presenceLock.lock()
        defer { presenceLock.unlock() }
        return presence.leave(room: room, user: user)
    }
}
