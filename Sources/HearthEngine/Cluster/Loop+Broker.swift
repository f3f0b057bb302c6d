// The way to the servers of the broker: where they are, connecting, and what happens when one is lost.

internal import HearthBytes
internal import HearthCluster
internal import HearthPlatform
internal import HearthSession
internal import HearthWire
internal import Synchronization

extension Loop {
    /// Redis Cluster is asked for its slots no more often than that, in milliseconds.
    private static var findPause: UInt64 { 250 }
    /// Of its servers so many are asked.
    private static var seedsMax: Int { 32 }

    /// From the beginning.
    func reach(_ cluster: Cluster) {
        if !cluster.url.master.isEmpty { return find(cluster) }
        use(cluster, [BrokerServer(cluster, cluster.url.hosts[0])], nil)
        connect(cluster.servers[0])
    }

    private func use(_ cluster: Cluster, _ servers: [BrokerServer], _ map: SlotMap?) {
        cluster.servers = servers
        cluster.node.broker.use(servers.map { $0.broker }, map)
    }

    /// Everything ends, and nothing is tried any more.
    func abandonAll(_ cluster: Cluster) {
        for server in cluster.servers { retire(server) }
        use(cluster, [], nil)
        if let finder = cluster.finder { abandon(finder) }
        cluster.finder = nil
        cluster.findAt = 0
        cluster.findFault = .none
        cluster.isSharded = false
        cluster.node.closed(now: now)
    }

    // MARK: Finding

    /// Asks where the servers are: one after the other of those that may know.
    private func find(_ cluster: Cluster) {
        cluster.findAt = 0
        cluster.findBegan = now
        cluster.nextSeed = 0
        _ = findNext(cluster)
    }

    /// False: all of them have been asked.
    private func findNext(_ cluster: Cluster) -> Bool {
        guard let address = takeSeed(cluster) else { return false }
        let finder = BrokerServer(cluster, address, isFinder: true)
        cluster.finder = finder
        connect(finder)
        return true
    }

    /// The one that knew the last time, those that the program named, and the servers themselves.
    private func takeSeed(_ cluster: Cluster) -> RedisAddress? {
        let hosts = cluster.url.hosts
        while true {
            let index = cluster.nextSeed
            cluster.nextSeed += 1
            if index == 0 { return cluster.seed }
            let server = index - 1 - hosts.count
            if server >= (cluster.isSharded ? min(cluster.servers.count, Self.seedsMax) : 0) { return nil }
            let address = server < 0 ? hosts[index - 1] : cluster.servers[server].address
            if address != cluster.seed { return address }
        }
    }

    /// What is known of the slots is not true any more.
    func findSoon(_ cluster: Cluster) {
        if !cluster.isSharded, cluster.url.master.isEmpty { return }
        let soon = max(now, cluster.findBegan + Self.findPause)
        if cluster.findAt == 0 || soon < cluster.findAt { cluster.findAt = soon }
        context.ensureTurn()
    }

    private func endFinder(_ finder: BrokerServer) {
        abandon(finder)
        finder.cluster.finder = nil
    }

    /// The server that was asked does not tell.
    private func failFinder(_ finder: BrokerServer, _ fault: BrokerFault, _ text: [UInt8]) {
        let cluster = finder.cluster
        endFinder(finder)
        if findNext(cluster) { return }
        let delay = pause(cluster, &cluster.findReconnect, fault)
        cluster.findAt = now + delay
        if cluster.findFault != fault { logLoss(finder, fault, text, delay) }
        cluster.findFault = fault
        cluster.findText = text
        tellFault(cluster)
    }

    func takeFound(_ finder: BrokerServer, _ event: FinderEvent) {
        let cluster = finder.cluster
        switch event {
        case .nothing: return
        case .failed(let fault, let text): return failFinder(finder, fault, text)
        case .standsAlone:
            abandonAll(cluster)
            return reach(cluster)
        case .master(let address):
            found(finder)
            replace(cluster, by: address)
        case .map(let map):
            found(finder)
            use(cluster, map)
        }
        tellFault(cluster)
    }

    private func found(_ finder: BrokerServer) {
        let cluster = finder.cluster
        endFinder(finder)
        cluster.findFault = .none
        if cluster.isSharded { cluster.findReconnect.opened(now: now) }
        cluster.seed = finder.address
    }

    /// Another one carries all messages from now on.
    private func replace(_ cluster: Cluster, by address: RedisAddress) {
        let server = BrokerServer(cluster, address)
        for former in cluster.servers {
            server.reconnect = former.reconnect
            if former.fault != .none { server.fault = former.fault }
            server.text = former.text
            retire(former)
        }
        if let former = cluster.servers.first {
            server.trouble = former.trouble
            server.troubleText = former.troubleText
            server.troubleUntil = former.troubleUntil
        }
        use(cluster, [server], nil)
        connect(server)
    }

    private func retire(_ server: BrokerServer) {
        abandon(server)
        server.cluster.confirmedByFormer += server.broker.confirmed
    }

    // MARK: Redis Cluster

    /// The server that was connected to is one of a Redis Cluster.
    func useShards(_ server: BrokerServer) {
        let cluster = server.cluster
        retire(server)
        use(cluster, [], nil)
        cluster.isSharded = true
        cluster.seed = server.address
        find(cluster)
    }

    /// Servers stay, come and go, and so do the channels they have.
    private func use(_ cluster: Cluster, _ map: SlotMap) {
        let wasHome = cluster.node.broker.home
        let former = cluster.servers
        var servers: [BrokerServer] = []
        for address in map.servers {
            servers.append(former.first { $0.address == address } ?? BrokerServer(cluster, address))
        }
        use(cluster, servers, map)
        for server in former where !servers.contains(where: { $0 === server }) { retire(server) }
        for (index, server) in servers.enumerated() where server.broker.isOpen {
            let channel = server.broker.probeChannel
            if map.owner(of: channel.span) != index { listenToItself(server) }
        }
        if let home = servers.first(where: { $0.isHome }), home.broker !== wasHome,
            home.commands?.phase == .open
        {
            home.broker.keepSecret()
        }
        cluster.node.closed(forgetsAsked: true, now: now)
        if let secret = cluster.node.broker.terms.secret { cluster.node.opened(secret, now: now) }
        // Those that are new.
        for server in servers where server.fault != .none && server.attemptDeadline + server.retryAt == 0 {
            connect(server)
        }
        if map.uncovered > 0 { cluster.findAt = now + cluster.reconnectSettings.max }
    }

    /// By a channel that this server has.
    func listenToItself(_ server: BrokerServer) {
        let cluster = server.cluster
        guard let map = cluster.node.broker.map,
            let index = cluster.servers.firstIndex(where: { $0 === server }),
            let name = map.name(
                cluster.settings.prefix + ascii("p:") + cluster.nodeText + ascii(":"), ownedBy: index)
        else { return }
        server.broker.listenToItself(on: name)
    }

    // MARK: Connecting

    private func connect(_ server: BrokerServer) {
        server.retryAt = 0
        server.attemptDeadline = now + server.cluster.connectTimeout
        server.nextAddress = 0
        if server.address.host.isEmpty {
            guard let address = RemoteAddress(path: server.cluster.url.socketPath) else { return }
            server.addresses = [address]
            return connectNext(server)
        }
        if let address = Resolver.literal(server.address.host, port: server.address.port) {
            server.addresses = [address]
            return connectNext(server)
        }
        do throws(SystemError) {
            server.lookup = try Resolver.start(
                server.address.host, port: server.address.port, on: events,
                owner: Unmanaged.passUnretained(server).toOpaque()
            ) { owner, addresses, count, status in
                let server = Unmanaged<BrokerServer>.fromOpaque(owner).takeUnretainedValue()
                guard let loop = server.cluster.loop else { return }
                Loop.dispatch(loop.toOpaque()) {
                    let found = addresses?.assumingMemoryBound(to: RemoteAddress.self)
                    $0.resolved(server, UnsafeBufferPointer(start: found, count: count), status)
                }
            }
        } catch {
            fail(server, .unreachable, error.text)
        }
    }

    private func resolved(
        _ server: BrokerServer, _ addresses: UnsafeBufferPointer<RemoteAddress>, _ status: Int32
    ) {
        server.lookup = nil
        if addresses.isEmpty { return fail(server, .unreachable, Resolver.sentence(status)) }
        server.addresses = Array(addresses)
        connectNext(server)
    }

    private func connectNext(_ server: BrokerServer) {
        var text = ascii("no address")
        while server.nextAddress < server.addresses.count {
            do throws(SystemError) {
                let address = server.addresses[server.nextAddress]
                server.nextAddress += 1
                server.commands = try BrokerLink.open(server, to: address, isSubscriber: false, on: self)
                return
            } catch {
                text = error.text
            }
        }
        fail(server, .unreachable, text)
    }

    func linkReady(_ link: BrokerLink) {
        if link.phase == .closed { return }
        let server = link.server
        let wasConnecting = link.phase == .connecting
        guard let wrong = link.ready(on: self), link.phase != .closed else { return }
        if wasConnecting, !link.isSubscriber, server.nextAddress < server.addresses.count {
            link.close()
            return connectNext(server)
        }
        fail(server, wrong.fault, wrong.text)
    }

    func linkOpened(_ link: BrokerLink) {
        let server = link.server
        if server.finder != nil { return }
        if link.isSubscriber { return server.broker.subscriberOpened() }
        server.broker.commandsOpened(isHome: server.isHome)
        do throws(SystemError) {
            let address = server.addresses[server.nextAddress - 1]
            server.subscriber = try BrokerLink.open(server, to: address, isSubscriber: true, on: self)
        } catch {
            fail(server, .unreachable, error.text)
        }
    }

    /// The server carries messages both ways: one to this process itself has come back.
    func linked(_ server: BrokerServer) {
        let cluster = server.cluster
        if server.attemptDeadline == 0 { return }
        server.attemptDeadline = 0
        if server.broker.isShard { server.probeAt = now + cluster.settings.probe }
        if server.fault == .none { return }
        server.fault = .none
        server.reconnect.opened(now: now)
        if !cluster.url.master.isEmpty { cluster.findReconnect.opened(now: now) }
        cluster.add(.connected)
        context.log(
            .info, "cluster", "the broker is connected",
            LogFields().adding("broker", server.name).adding("node", cluster.settings.nodeName))
        tellFault(cluster)
    }

    // MARK: Losing

    /// Both links to the server end, and another attempt is made later.
    func fail(_ server: BrokerServer, _ fault: BrokerFault, _ text: [UInt8]) {
        let cluster = server.cluster
        if cluster.server == nil { return }
        if server.finder != nil { return failFinder(server, fault, text) }
        let before = server.fault
        abandon(server)
        server.fault = fault
        server.text = text
        let delay: UInt64
        if cluster.url.master.isEmpty {
            delay = pause(cluster, &server.reconnect, fault)
            server.retryAt = now + delay
            findSoon(cluster)
        } else {
            // Another one may be the master meanwhile.
            delay = pause(cluster, &cluster.findReconnect, fault)
            cluster.findAt = now + delay
        }
        cluster.node.closed(now: now)
        tellFault(cluster)
        // Once for each change, not for each attempt.
        if before != fault { logLoss(server, fault, text, delay) }
        context.ensureTurn()
    }

    private func pause(
        _ cluster: Cluster, _ policy: inout ReconnectPolicy, _ fault: BrokerFault
    ) -> UInt64 {
        let decision = policy.ended(
            .unreachable, now: now, random: Crypto.randomUInt64(), mayRefresh: false,
            cluster.reconnectSettings)
        if case .wait(let milliseconds, _) = decision, !fault.isLasting { return milliseconds }
        return cluster.reconnectSettings.max
    }

    private func logLoss(_ server: BrokerServer, _ fault: BrokerFault, _ text: [UInt8], _ delay: UInt64) {
        context.log(
            .warning, "cluster", "messages are not forwarded",
            LogFields().adding("broker", server.name).adding("reason", fault.sentence)
                .adding("text", text).adding("retry_ms", delay))
    }

    private func abandon(_ server: BrokerServer) {
        let cluster = server.cluster
        let isHome = server.finder == nil && server.isHome
        if let lookup = server.lookup { Resolver.cancel(lookup) }
        server.lookup = nil
        server.commands?.close()
        server.subscriber?.close()
        server.commands = nil
        server.subscriber = nil
        server.attemptDeadline = 0
        server.retryAt = 0
        server.probeAt = 0
        cluster.add(.unconfirmed, UInt64(server.broker.lost()))
        if !isHome { return }
        cluster.leaseDue = 0
        _ = cluster.claims.settle()
    }

    // MARK: What is told

    /// The broker is as well as the least of its servers.
    func tellFault(_ cluster: Cluster) {
        var fault = cluster.findFault
        var text = cluster.findText
        if let server = cluster.servers.first(where: { $0.fault != .none }) {
            fault = server.fault
            text = cluster.isSharded ? server.name + ascii(" ") + server.text : server.text
        } else if fault == .none {
            text = []
            if let map = cluster.node.broker.map, map.uncovered > 0 {
                fault = .uncovered
            } else if !cluster.node.isProven {
                fault = .connecting
            }
        }
        // What a server refuses says more than that nothing comes back, or tells of what works in part.
        if fault == .none || fault == .deaf || fault == .connecting,
            let server = cluster.servers.first(where: { $0.troubleUntil > 0 })
        {
            fault = server.trouble
            text = server.troubleText
        }
        if fault == .none { fault = cluster.node.partedBy }
        if fault == .none, cluster.channelsRefused > 0 { fault = .tooManyChannels }
        cluster.setFault(fault, fault == .none ? [] : text)
        cluster.updateView(now: now)
        if cluster.isReady { becomeReady(cluster) }
    }

    /// Something does not work, and the connections stay: degraded until it was not seen for a lease.
    func noteTrouble(_ server: BrokerServer, _ fault: BrokerFault, _ text: [UInt8]) {
        if server.trouble != fault || server.troubleUntil == 0 {
            context.log(
                .warning, "cluster", "the broker refuses a command",
                LogFields().adding("broker", server.name).adding("reason", fault.sentence)
                    .adding("text", text))
        }
        server.trouble = fault
        server.troubleText = text
        server.troubleUntil = now + server.cluster.settings.lease
        tellFault(server.cluster)
        context.ensureTurn()
    }

    // MARK: Time

    func tickServers(_ cluster: Cluster) {
        for server in cluster.servers {
            if server.troubleUntil > 0, server.troubleUntil <= now {
                server.troubleUntil = 0
                tellFault(cluster)
            }
            if server.isHome, cluster.node.isLinked, cluster.node.isDeaf { fail(server, .deaf, []) }
            if server.probeAt > 0, server.probeAt <= now { probe(server) }
            if server.attemptDeadline > 0, server.attemptDeadline <= now {
                fail(server, .unreachable, ascii("Redis did not answer in time"))
            }
            if server.retryAt > 0, server.retryAt <= now { retry(server) }
        }
        if let finder = cluster.finder, finder.attemptDeadline <= now {
            fail(finder, .unreachable, ascii("Redis did not answer in time"))
        }
        if cluster.finder == nil, cluster.findAt > 0, cluster.findAt <= now { find(cluster) }
    }

    private func retry(_ server: BrokerServer) {
        let cluster = server.cluster
        if cluster.isSharded || cluster.url.hosts.count == 1 { return connect(server) }
        cluster.nextSeed = (cluster.nextSeed + 1) % cluster.url.hosts.count
        replace(cluster, by: cluster.url.hosts[cluster.nextSeed])
    }

    private func probe(_ server: BrokerServer) {
        let pause = server.cluster.settings.probe
        // What came while this process stood still has not been read yet.
        let stoodStill = now - server.probeAt > pause / 2
        server.probeAt = now + pause
        if !stoodStill, !server.broker.probe() { fail(server, .deaf, []) }
    }
}
