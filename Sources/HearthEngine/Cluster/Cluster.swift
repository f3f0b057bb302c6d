// What makes the servers of several processes one: the node of the cluster, its broker, and what is counted.
// It lives on the first loop of its engine; other threads reach it by commands of that loop.

internal import HearthBytes
internal import HearthCluster
internal import HearthPlatform
internal import HearthSession
internal import HearthWire
internal import Synchronization

/// What a server asks of its cluster from another thread.
enum ClusterCommand {
    case publish(NodeMessageKind, ChannelKind, ByteString, OwnedMessage, except: ByteString?)
    case kick(ByteString, code: UInt16, reason: [UInt8])
    case hold(ChannelKind, ByteString)
    case release(ChannelKind, ByteString)
    /// Somebody came to a room or left it.
    case presence
    /// A connection has a user, or has it no more.
    case claim(ConnectionID, ByteString)
    case unclaim(ConnectionID)
    case ask(UInt64, QuestionSubject, ByteString, UInt64)
    /// No loop serves the server any more.
    case leave
}

enum BrokerCount: Int {
    /// Given to the broker, and confirmed by it.
    case published, confirmed
    /// The broker was away, or refused, or more waited for it than may.
    case notForwarded
    /// On their way when the connection broke: whether they arrived nobody knows.
    case unconfirmed
    case tooLarge
    case received
    /// Of other processes, sent while this one listened, that never came.
    case missed
    case duplicates
    /// What no process of the cluster has sent.
    case rejected
    /// Channels that this process needs and cannot have.
    case channelsRefused
    case connected
    /// Processes that did not renew their lease.
    case nodesLost
    /// Connections beyond max_connections_per_user, over all processes.
    case placesRefused

    static var count: Int { 13 }
}

/// What other threads see.
struct ClusterView {
    var nodes: [Node] = []
    var own = NodeCounts()
    var now: UInt64 = 0
    var channels = 0
    /// On the fault, if there is one.
    var text: [UInt8] = []
}

final class Cluster: @unchecked Sendable {
    private static var connectMilliseconds: UInt64 { 5000 }

    let url: RedisURL
    let settings: ClusterSettings
    let nodeNumber: UInt64
    let authorities: [UInt8]
    let node: ClusterNode<RedisRouter>
    var reconnectSettings = ReconnectSettings()
    let counters = Cells(count: BrokerCount.count)
    let faultCell = Atomic<UInt8>(BrokerFault.connecting.rawValue)
    private let viewLock = Lock()
    private var shared = ClusterView()

    // The first loop's alone.
    var server: Server?
    var loop: Unmanaged<Loop>?
    /// One, or in the order of the map those of a Redis Cluster.
    var servers: [BrokerServer] = []
    /// There have been so many.
    var serverCount: UInt32 = 0
    var isSharded = false
    /// It is asked where the servers are.
    var finder: BrokerServer?
    /// Who knew it the last time.
    var seed: RedisAddress
    var nextSeed = 0
    var findReconnect = ReconnectPolicy()
    /// When it is asked next, if it is to be; 0: not.
    var findAt: UInt64 = 0
    var findBegan: UInt64 = 0
    var findFault = BrokerFault.none
    var findText: [UInt8] = []
    var tls: TLSContext?
    /// 0: places of users are not counted.
    let userConnectionsMax: Int
    var claims = UserClaims()
    var leaseDue: UInt64 = 0
    /// How often its places were counted anew.
    var placesTerm = 0
    /// Messages that servers have confirmed which are used no more.
    var confirmedByFormer: UInt64 = 0
    private var viewDue: UInt64 = 0
    /// Those who wait until messages reach the other processes.
    var readyQuestions: [(number: UInt64, deadline: UInt64)] = []
    static var readyQuestionsMax: Int { 1024 }
    /// Rooms and users of this process without a channel, as there are too many.
    var channelsRefused = 0
    // Moments.
    var rejectedLogDue: UInt64 = 0
    var askAgainDue: UInt64 = 0

    var isReady: Bool { fault == .none }

    /// When the first of them has waited long enough; nil: none waits for a time.
    var readyDue: UInt64? {
        var due: UInt64 = .max
        for question in readyQuestions { due = min(due, question.deadline) }
        return due == .max ? nil : due
    }

    var nodeText: [UInt8] { ClusterNode<RedisRouter>.hexadecimal(nodeNumber) }

    /// The process as Redis counts its places.
    var placesText: [UInt8] { nodeText + ascii(":") + decimal(placesTerm) }

    /// nil: the configuration asks for none.
    static func make(_ configuration: Configuration) throws(Route.Fault) -> Cluster? {
        let text = configuration.text(of: .redisURL)
        if text.isEmpty { return nil }
        guard RedisReader.isAvailable else {
            throw Route.Fault(
                .unsupported,
                [ascii("redis_url needs a library that was built with hiredis (HEARTH_WITH_REDIS=ON)")])
        }
        let url: RedisURL
        do throws(URLFault) {
            url = try RedisURL.parse(text.span)
        } catch {
            throw Route.Fault(.invalidValue, [ascii("redis_url: "), ascii(error.sentence)])
        }
        let prefix = configuration.text(of: .redisPrefix)
        let name = configuration.text(of: .nodeID)
        if prefix.count > 128 || name.count > 128 {
            throw Route.Fault(
                .invalidValue, [ascii("redis_prefix and node_id have at most 128 bytes each")])
        }
        for byte in name where byte < 0x21 || byte > 0x7E || byte == 0x22 || byte == 0x5C {
            throw Route.Fault(
                .invalidValue, [ascii("node_id has letters, digits and marks of ASCII, no quotes")])
        }
        return Cluster(url, configuration)
    }

    private init(_ url: RedisURL, _ configuration: Configuration) {
        self.url = url
        seed = url.hosts[0]
        var settings = ClusterSettings()
        settings.prefix = configuration.text(of: .redisPrefix)
        settings.nodeName = configuration.text(of: .nodeID)
        settings.lease = configuration.milliseconds(.nodeLease)
        settings.probe = configuration.milliseconds(.brokerProbe)
        settings.linger = configuration.milliseconds(.brokerLinger)
        settings.messageBytesMax = configuration.size(.maxBrokerMessage)
        settings.channelsMax = configuration.integer(.maxBrokerChannels)
        settings.nodesMax = configuration.integer(.maxBrokerNodes)
        settings.pendingBytesMax = configuration.size(.maxBrokerPending)
        settings.domain = UInt16(clamping: url.database)
        settings.presenceMax = configuration.integer(.maxBrokerPresence)
        authorities = configuration.text(of: .redisAuthorities)
        nodeNumber = Crypto.randomUInt64()
        if settings.nodeName.isEmpty { settings.nodeName = ClusterNode<RedisRouter>.hexadecimal(nodeNumber) }
        self.settings = settings
        userConnectionsMax = configuration.integer(.maxConnectionsPerUser)
        let terms = RedisTerms(
            url, prefix: settings.prefix,
            proposal: ClusterSecret(Crypto.randomUInt64(), Crypto.randomUInt64()),
            outputBytesMax: configuration.size(.maxBrokerOutput), countsPlaces: userConnectionsMax > 0)
        // Counts of one and the same process never go back, whatever the clock does: it is read once.
        node = ClusterNode(
            settings, RedisRouter(terms), number: nodeNumber, epoch: Clock.wallMilliseconds() << 20,
            seed: (Crypto.randomUInt64(), Crypto.randomUInt64()))
        reconnectSettings.shape = .crowd
        reconnectSettings.attemptsMax = 0
        reconnectSettings.floor = 20
        reconnectSettings.base = 250
        reconnectSettings.max = max(configuration.milliseconds(.maxBrokerReconnect), 20)
        reconnectSettings.stable = 5000
    }

    deinit { counters.deallocate() }

    /// Counts the places of users, if it is there.
    var placesServer: RedisBroker? {
        guard let home = node.broker.home, home.hasPlaces else { return nil }
        return home
    }

    var connectTimeout: UInt64 { Self.connectMilliseconds }

    // MARK: For all threads

    var fault: BrokerFault { BrokerFault(rawValue: faultCell.load(ordering: .relaxed)) ?? .none }

    var view: ClusterView { viewLock.withLock { shared } }

    func add(_ count: BrokerCount, _ amount: UInt64 = 1) { counters.add(count.rawValue, amount) }

    // MARK: On the first loop

    func setFault(_ fault: BrokerFault, _ text: [UInt8]) {
        faultCell.store(fault.rawValue, ordering: .relaxed)
        viewLock.withLock { shared.text = text }
    }

    /// What the node has found out, for others to see: once in a while, and when its nodes have changed.
    func updateView(now: UInt64) {
        let counts = node.counts
        var confirmed = confirmedByFormer
        for server in servers { confirmed += server.broker.confirmed }
        counters.set(BrokerCount.received.rawValue, counts.received)
        counters.set(BrokerCount.missed.rawValue, counts.missed)
        counters.set(BrokerCount.duplicates.rawValue, counts.duplicates)
        counters.set(BrokerCount.rejected.rawValue, counts.rejected)
        counters.set(BrokerCount.nodesLost.rawValue, counts.nodesLost)
        counters.set(BrokerCount.confirmed.rawValue, confirmed)
        if now < viewDue, !node.hasNews { return }
        viewDue = now + 250
        node.hasNews = false
        viewLock.lock()
        shared.nodes = node.nodes
        shared.own = node.own
        shared.now = now
        shared.channels = node.channelCount
        viewLock.unlock()
    }
}
