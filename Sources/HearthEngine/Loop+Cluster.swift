// The cluster's part of a turn, on the first loop of the engine: connect, receive, send, come back.

internal import HearthBytes
internal import HearthCluster
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import HearthWire
internal import Synchronization

extension Loop {
    // MARK: Begin and end

    /// The server is served from now on.
    func attendCluster(of server: Server) {
        guard let cluster = server.cluster else { return }
        isClustered = true
        if index > 0 || cluster.server != nil { return }
        cluster.server = server
        cluster.loop = Unmanaged.passUnretained(self)
        clusters.append(cluster)
        connect(cluster)
        noteQueued()
    }

    /// The server is served no more: the others are told, if that is possible at once.
    func leaveCluster(of server: Server) {
        guard let index = clusters.firstIndex(where: { $0.server === server }) else { return }
        let cluster = clusters.remove(at: index)
        cluster.node.endQuestions()
        applyEffects(cluster)
        endClaims(cluster)
        cluster.node.bidFarewell()
        flush(cluster)
        abandon(cluster)
        cluster.setFault(.connecting, [])
        cluster.server = nil
        cluster.loop = nil
        cluster.retryAt = 0
    }

    func leaveClusters() {
        while let server = clusters.first?.server { leaveCluster(of: server) }
        isClustered = false
    }

    // MARK: Connecting

    private func connect(_ cluster: Cluster) {
        cluster.retryAt = 0
        cluster.attemptDeadline = now + cluster.connectTimeout
        cluster.nextAddress = 0
        let url = cluster.url
        if url.host.isEmpty {
            guard let address = RemoteAddress(path: url.socketPath) else { return }
            cluster.addresses = [address]
            return connectNext(cluster)
        }
        if let address = Resolver.literal(url.host, port: url.port) {
            cluster.addresses = [address]
            return connectNext(cluster)
        }
        do throws(SystemError) {
            cluster.lookup = try Resolver.start(
                url.host, port: url.port, on: events, owner: Unmanaged.passUnretained(cluster).toOpaque()
            ) { owner, addresses, count, status in
                let cluster = Unmanaged<Cluster>.fromOpaque(owner).takeUnretainedValue()
                guard let loop = cluster.loop else { return }
                Loop.dispatch(loop.toOpaque()) {
                    let found = addresses?.assumingMemoryBound(to: RemoteAddress.self)
                    $0.resolved(cluster, UnsafeBufferPointer(start: found, count: count), status)
                }
            }
        } catch {
            fail(cluster, .unreachable, error.text)
        }
    }

    private func resolved(
        _ cluster: Cluster, _ addresses: UnsafeBufferPointer<RemoteAddress>, _ status: Int32
    ) {
        cluster.lookup = nil
        if addresses.isEmpty { return fail(cluster, .unreachable, Resolver.sentence(status)) }
        cluster.addresses = Array(addresses)
        connectNext(cluster)
    }

    private func connectNext(_ cluster: Cluster) {
        var text = ascii("no address")
        while cluster.nextAddress < cluster.addresses.count {
            do throws(SystemError) {
                let address = cluster.addresses[cluster.nextAddress]
                cluster.nextAddress += 1
                cluster.commands = try BrokerLink.open(cluster, to: address, isSubscriber: false, on: self)
                return
            } catch {
                text = error.text
            }
        }
        fail(cluster, .unreachable, text)
    }

    func linkReady(_ link: BrokerLink) {
        if link.phase == .closed { return }
        let cluster = link.cluster
        let wasConnecting = link.phase == .connecting
        guard let wrong = link.ready(on: self), link.phase != .closed else { return }
        if wasConnecting, !link.isSubscriber, cluster.nextAddress < cluster.addresses.count {
            link.close()
            return connectNext(cluster)
        }
        fail(cluster, wrong.fault, wrong.text)
    }

    func linkOpened(_ link: BrokerLink) {
        let cluster = link.cluster
        if link.isSubscriber { return cluster.node.broker.subscriberOpened() }
        cluster.node.broker.commandsOpened()
        do throws(SystemError) {
            let address = cluster.addresses[cluster.nextAddress - 1]
            cluster.subscriber = try BrokerLink.open(cluster, to: address, isSubscriber: true, on: self)
        } catch {
            fail(cluster, .unreachable, error.text)
        }
    }

    /// Both links end, and another attempt is made later.
    private func fail(_ cluster: Cluster, _ fault: BrokerFault, _ text: [UInt8]) {
        if cluster.server == nil { return }
        let wasLinked = cluster.node.isLinked
        abandon(cluster)
        let before = cluster.fault
        cluster.setFault(fault, text)
        let decision = cluster.reconnect.ended(
            .unreachable, now: now, random: Crypto.randomUInt64(), mayRefresh: false,
            cluster.reconnectSettings)
        var delay = cluster.reconnectSettings.max
        if case .wait(let milliseconds, _) = decision, !fault.isLasting { delay = milliseconds }
        cluster.retryAt = now + delay
        cluster.updateView(now: now)
        // Once for each change, not for each attempt.
        if wasLinked || before != fault {
            log(
                .warning, "cluster", "messages are not forwarded",
                LogFields().adding("broker", cluster.url.text).adding("reason", fault.sentence)
                    .adding("text", text).adding("retry_ms", delay))
        }
        noteQueued()
    }

    private func abandon(_ cluster: Cluster) {
        if let lookup = cluster.lookup { Resolver.cancel(lookup) }
        cluster.lookup = nil
        cluster.commands?.close()
        cluster.subscriber?.close()
        cluster.commands = nil
        cluster.subscriber = nil
        cluster.attemptDeadline = 0
        cluster.add(.unconfirmed, UInt64(cluster.node.broker.lost()))
        cluster.leaseDue = 0
        _ = cluster.claims.settle()
        cluster.node.closed(now: now)
    }

    // MARK: Replies

    /// A reply lies in the reader.
    func linkReplied(_ link: BrokerLink) {
        let cluster = link.cluster
        let pieces = link.reader.pieces
        if link.isSubscriber {
            if pieces.count == 4, pieces[0].number == 3, pieces[1].kind == .string,
                pieces[2].kind == .string, hear(link, pieces[1], pieces[2], pieces[3])
            {
                return
            }
            return take(cluster, cluster.node.broker.subscriberReply(copy(link.reader)))
        }
        if pieces.count == 1, pieces[0].kind == .integer {
            return take(cluster, cluster.node.broker.commandReply(number: pieces[0].number))
        }
        take(cluster, cluster.node.broker.commandReply(copy(link.reader)))
    }

    private func copy(_ reader: RedisReader) -> [ReplyPiece] {
        var copies: [ReplyPiece] = []
        for piece in reader.pieces {
            let kind = ReplyPiece.Kind(rawValue: piece.kind.rawValue) ?? .other
            copies.append(ReplyPiece(kind, number: piece.number, text: Array(reader.bytes(piece))))
        }
        return copies
    }

    private func take(_ cluster: Cluster, _ event: BrokerEvent) {
        switch event {
        case .nothing: break
        case .opened(let secret):
            cluster.node.opened(secret)
            renewClaims(cluster)
        case .claimed(let number, let isGranted): claimed(cluster, number, isGranted)
        case .leaseEnded: renewClaims(cluster)
        case .failed(let fault, let text): fail(cluster, fault, text)
        case .notPublished(let text):
            cluster.add(.notForwarded)
            log(
                .warning, "cluster", "Redis did not take a message",
                LogFields().adding("broker", cluster.url.text).adding("text", text))
        }
    }

    /// Something came on a channel. Returns whether it was that.
    private func hear(
        _ link: BrokerLink, _ what: RedisReader.Piece, _ channel: RedisReader.Piece,
        _ payload: RedisReader.Piece
    ) -> Bool {
        let cluster = link.cluster
        let word = link.reader.bytes(what)
        let name = link.reader.bytes(channel)
        if word.elementsEqual(ascii("message")), payload.kind == .string {
            let bytes = link.reader.bytes(payload)
            deliver(cluster, cluster.node.receive(name.span, bytes.span, now: now), name, bytes)
            applyEffects(cluster)
            return true
        }
        if word.elementsEqual(ascii("subscribe")) {
            let wasLinked = cluster.node.isLinked
            cluster.node.subscribed(name.span, now: now)
            if !wasLinked, cluster.node.isLinked { linked(cluster) }
            applyEffects(cluster)
            return true
        }
        return word.elementsEqual(ascii("unsubscribe"))
    }

    private func linked(_ cluster: Cluster) {
        cluster.attemptDeadline = 0
        cluster.reconnect.opened(now: now)
        cluster.add(.connected)
        cluster.setFault(.none, [])
        log(
            .info, "cluster", "the broker is connected",
            LogFields().adding("broker", cluster.url.text).adding("node", cluster.settings.nodeName))
    }

    private func deliver(
        _ cluster: Cluster, _ delivery: Delivery, _ channel: UnsafeBufferPointer<UInt8>,
        _ bytes: UnsafeBufferPointer<UInt8>
    ) {
        guard let server = cluster.server else { return }
        switch delivery {
        case .nothing: return
        case .question(let message):
            guard let subject = QuestionSubject(rawValue: message.opcode) else { return }
            let name = ByteString(Array(bytes[message.name]))
            cluster.node.answer(message, server.localAnswer(subject, name), now: now)
        case .rejected:
            log(
                .warning, "cluster", "a message is not from a process of the cluster",
                LogFields().adding("channel", Array(channel)))
        case .kick(let message):
            let target = UnsafeBufferPointer(rebasing: channel[(cluster.settings.prefix.count + 2)...])
            guard let code = UInt16(exactly: message.number), CloseCode(rawValue: code).mayBeSentByHost else {
                return
            }
            _ = server.kickHere(user: target, code: code, reason: Array(bytes[message.name].prefix(123)))
        case .message(let message):
            guard let opcode = Opcode(rawValue: message.opcode), opcode == .text || opcode == .binary else {
                return
            }
            let target = UnsafeBufferPointer(rebasing: channel[(cluster.settings.prefix.count + 2)...])
            var exception = Exception.nobody
            if message.flags.contains(.except) { exception.user = ByteString(Array(bytes[message.name])) }
            let raw = UnsafeBufferPointer(rebasing: bytes[message.first])
            var outgoing = Outgoing(opcode, raw)
            if message.flags.contains(.event) {
                outgoing = Outgoing(
                    event: UnsafeBufferPointer(rebasing: bytes[message.second]),
                    raw: message.flags.contains(.raw) ? raw : nil,
                    isEphemeral: message.flags.contains(.ephemeral))
            }
            switch message.kind {
            case .room: _ = server.publishHere(room: target, outgoing, exception)
            case .user: _ = server.sendHere(user: target, outgoing, exception)
            default: _ = server.broadcastHere(outgoing, exception)
            }
        }
    }

    // MARK: Out

    func apply(_ command: ClusterCommand, _ server: Server) {
        if case .ask(let number, let subject, let name, let timeout) = command {
            return ask(server, number, subject, name, timeout: timeout)
        }
        guard let cluster = server.cluster else { return }
        switch command {
        case .publish(let kind, let channel, let target, let message, let user):
            message.lend { outgoing in
                target.bytes.withUnsafeBufferPointer {
                    forward(cluster, kind, channel, $0, outgoing, except: user)
                }
            }
        case .kick(let user, let code, let reason):
            var message = NodeMessage(.kick)
            message.number = UInt64(code)
            note(
                cluster,
                cluster.node.publish(
                    message, to: .user, user.bytes.span, name: reason.span,
                    first: reason.span.extracting(0..<0),
                    second: reason.span.extracting(0..<0), now: now))
        case .hold(let channel, let name):
            if !cluster.node.hold(channel, name.bytes.span) { cluster.add(.channelsRefused) }
        case .release(let channel, let name): cluster.node.release(channel, name.bytes.span, now: now)
        case .presence: tellPresence(cluster, server)
        case .claim(let connection, let user): claim(cluster, connection, user)
        case .unclaim(let connection): unclaim(cluster, connection)
        case .leave: leaveCluster(of: server)
        case .ask: break
        }
        noteQueued()
    }

    /// Gives a message to the other processes.
    func forward(
        _ cluster: Cluster, _ kind: NodeMessageKind, _ channel: ChannelKind,
        _ target: UnsafeBufferPointer<UInt8>, _ outgoing: Outgoing, except user: ByteString?
    ) {
        var message = NodeMessage(kind)
        message.opcode = outgoing.opcode.rawValue
        if outgoing.isEvent { message.flags.insert(.event) }
        if outgoing.reachesRaw { message.flags.insert(.raw) }
        if outgoing.isEphemeral { message.flags.insert(.ephemeral) }
        if user != nil { message.flags.insert(.except) }
        let json =
            outgoing.isEvent ? outgoing.json : UnsafeBufferPointer<UInt8>(start: nil, count: 0)
        let left = user?.bytes ?? []
        note(
            cluster,
            cluster.node.publish(
                message, to: channel, target.span, name: left.span, first: outgoing.raw.span,
                second: json.span, now: now))
    }

    private func note(_ cluster: Cluster, _ result: Published) {
        switch result {
        case .sent: cluster.add(.published)
        case .away, .full: cluster.add(.notForwarded)
        case .tooLarge: cluster.add(.tooLarge)
        }
    }

    /// The end of a turn: what was published leaves.
    func flushClusters() {
        for index in 0..<clusters.count where index < clusters.count { flush(clusters[index]) }
    }

    private func flush(_ cluster: Cluster) {
        guard let commands = cluster.commands else { return }
        if !cluster.node.broker.output.isEmpty, let wrong = commands.send(&cluster.node.broker.output) {
            return fail(cluster, wrong.fault, wrong.text)
        }
        cluster.node.broker.waitingBytes = commands.waitingBytes
        cluster.updateView(now: now)
        guard let subscriber = cluster.subscriber else { return }
        if !cluster.node.broker.subscriberOutput.isEmpty,
            let wrong = subscriber.send(&cluster.node.broker.subscriberOutput)
        {
            fail(cluster, wrong.fault, wrong.text)
        }
    }

    // MARK: Time

    var clustersDue: UInt64? {
        var due: UInt64?
        for cluster in clusters {
            for moment in [cluster.retryAt, cluster.attemptDeadline, cluster.leaseDue, cluster.node.due ?? 0]
            where moment > 0 && (due == nil || moment < due!) {
                due = moment
            }
        }
        return due
    }

    func tickClusters() {
        for cluster in clusters {
            guard let server = cluster.server else { continue }
            if let due = cluster.node.due, due <= now {
                cluster.node.own = server.counts
                cluster.node.tick(now: now)
                applyEffects(cluster)
            }
            if cluster.leaseDue > 0, cluster.leaseDue <= now { renewLease(cluster) }
            if cluster.node.isLinked, cluster.node.isDeaf { fail(cluster, .deaf, []) }
            if cluster.attemptDeadline > 0, cluster.attemptDeadline <= now {
                fail(cluster, .unreachable, ascii("Redis did not answer in time"))
            }
            if cluster.retryAt > 0, cluster.retryAt <= now { connect(cluster) }
            cluster.updateView(now: now)
        }
    }
}
