// The cluster's part of a turn, on the first loop of the engine: connect, receive, send, reconnect.

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
        clusters.noteUse()
        if index > 0 || cluster.server != nil { return }
        cluster.server = server
        cluster.loop = Unmanaged.passUnretained(self)
        clusters.add(cluster)
        cluster.node.begin(now: now)
        reach(cluster)
        context.ensureTurn()
    }

    /// The server is served no more: the others are told, if that is possible at once.
    func leaveCluster(of server: Server) {
        guard let cluster = clusters.remove(of: server) else { return }
        cluster.node.endQuestions()
        applyEffects(cluster)
        release(cluster)
        endReadyQuestions(cluster, until: .max)
        endClaims(cluster)
        cluster.node.bidFarewell()
        flush(cluster)
        abandonAll(cluster)
        cluster.setFault(.connecting, [])
        cluster.server = nil
        cluster.loop = nil
    }

    func leaveClusters() {
        while let server = clusters.attended.first?.server { leaveCluster(of: server) }
        clusters.endUse()
    }

    // MARK: Replies

    /// A reply lies in the reader.
    func linkReplied(_ link: BrokerLink) {
        let server = link.server
        let pieces = link.reader.pieces
        if link.isSubscriber {
            if pieces.count == 4, pieces[0].number == 3, pieces[1].kind == .string,
                pieces[2].kind == .string, hear(link, pieces[1], pieces[2], pieces[3])
            {
                return
            }
            return take(server, server.broker.subscriberReply(copy(link.reader)))
        }
        if server.finder != nil { return takeFound(server, server.finder!.reply(copy(link.reader))) }
        if pieces.count == 1, pieces[0].kind == .integer {
            return take(server, server.broker.commandReply(number: pieces[0].number))
        }
        take(server, server.broker.commandReply(copy(link.reader)))
    }

    private func copy(_ reader: RedisReader) -> [ReplyPiece] {
        var copies: [ReplyPiece] = []
        for piece in reader.pieces {
            let kind = ReplyPiece.Kind(rawValue: piece.kind.rawValue) ?? .other
            copies.append(ReplyPiece(kind, number: piece.number, text: Array(reader.bytes(piece))))
        }
        return copies
    }

    private func take(_ server: BrokerServer, _ event: BrokerEvent) {
        let cluster = server.cluster
        if let trouble = server.broker.trouble {
            server.broker.trouble = nil
            noteTrouble(server, trouble.fault, trouble.text)
        }
        switch event {
        case .nothing: break
        case .opened(let secret):
            if server.broker.isShard { listenToItself(server) }
            if let secret { cluster.node.opened(secret, now: now) }
            if server.isHome, server.broker.hasPlaces { renewClaims(cluster) }
            applyEffects(cluster)
        case .secretChanged(let secret):
            context.log(
                .warning, "cluster", "the cluster has another secret",
                LogFields().adding("broker", server.name).adding("node", cluster.settings.nodeName))
            cluster.node.changeSecret(secret, now: now)
            applyEffects(cluster)
        case .notSubscribed(let fault, let text):
            if server.fault == .none { noteTrouble(server, fault, text) } else { fail(server, fault, text) }
        case .isShard: useShards(server)
        case .claimed(let number, let isGranted): claimed(cluster, number, isGranted)
        case .leaseEnded: renewClaims(cluster)
        case .failed(let fault, let text): fail(server, fault, text)
        case .moved(let isMessage):
            if isMessage { cluster.add(.notForwarded) }
            findSoon(cluster)
        case .notPublished: cluster.add(.notForwarded)
        }
    }

    /// Something came on a channel. Returns whether it was that.
    private func hear(
        _ link: BrokerLink, _ what: RedisReader.Piece, _ channel: RedisReader.Piece,
        _ payload: RedisReader.Piece
    ) -> Bool {
        let server = link.server
        let cluster = server.cluster
        let name = link.reader.bytes(channel)
        guard let heard = Heard(link.reader.bytes(what).span) else { return false }
        let isProbe = name.elementsEqual(server.broker.probeChannel)
        switch heard {
        case .message:
            if payload.kind == .error {
                skip(cluster, name, link.reader.bytes(payload))
                return true
            }
            if payload.kind != .string { return false }
            let bytes = link.reader.bytes(payload)
            if isProbe {
                server.broker.heardItself(bytes.span)
                linked(server)
                return true
            }
            let wasProven = cluster.node.isProven
            deliver(cluster, cluster.node.receive(name.span, bytes.span, now: now), name, bytes)
            if !wasProven, cluster.node.isProven {
                if !server.broker.isShard { linked(server) }
                tellFault(cluster)
            }
        case .subscribed:
            cluster.node.subscribed(name.span, at: server.broker.number, now: now)
            if isProbe, server.fault != .none { _ = server.broker.probe() }
        case .unsubscribed:
            if cluster.node.unsubscribed(name.span, at: server.broker.number, now: now) || isProbe {
                findSoon(cluster)
            }
        }
        applyEffects(cluster)
        return true
    }

    /// Once in a lease: others than processes of ours may send as much as they like.
    private func mayLogRejected(_ cluster: Cluster) -> Bool {
        if now < cluster.rejectedLogDue { return false }
        cluster.rejectedLogDue = now + cluster.settings.lease
        return true
    }

    /// Something on a channel was larger than a message of ours may be.
    private func skip(
        _ cluster: Cluster, _ channel: UnsafeBufferPointer<UInt8>, _ text: UnsafeBufferPointer<UInt8>
    ) {
        cluster.node.skipped()
        if mayLogRejected(cluster) {
            context.log(
                .warning, "cluster", "a message beyond max_broker_message was passed over",
                LogFields().adding("channel", Array(channel)).adding("text", Array(text)))
        }
    }

    private func deliver(
        _ cluster: Cluster, _ delivery: Delivery, _ channel: UnsafeBufferPointer<UInt8>,
        _ bytes: UnsafeBufferPointer<UInt8>
    ) {
        guard let server = cluster.server else { return }
        switch delivery {
        case .nothing: return
        case .question(let message):
            guard let subject = QuestionSubject(rawValue: message.opcode), subject != .ready else { return }
            let name = ByteString(Array(bytes[message.name]))
            cluster.node.answer(message, server.localAnswer(subject, name), now: now)
        case .rejected:
            if mayLogRejected(cluster) {
                context.log(
                    .warning, "cluster", "a message is not from a process of the cluster",
                    LogFields().adding("channel", Array(channel)))
            }
            if cluster.node.partedBy != .none, cluster.fault == .none { tellFault(cluster) }
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
            if !cluster.node.hold(channel, name.bytes.span) {
                cluster.add(.channelsRefused)
                cluster.channelsRefused += 1
                tellFault(cluster)
            }
        case .release(let channel, let name):
            if !cluster.node.release(channel, name.bytes.span, now: now), cluster.channelsRefused > 0 {
                cluster.channelsRefused -= 1
                tellFault(cluster)
            }
        case .presence: tellPresence(cluster, server)
        case .claim(let connection, let user): claim(cluster, connection, user)
        case .unclaim(let connection): unclaim(cluster, connection)
        case .leave: leaveCluster(of: server)
        case .ask: break
        }
        context.ensureTurn()
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

    func note(_ cluster: Cluster, _ result: Published) {
        switch result {
        case .waits: break
        case .sent: cluster.add(.published)
        case .away, .full: cluster.add(.notForwarded)
        case .tooLarge: cluster.add(.tooLarge)
        }
    }

    /// The end of a turn: what was published leaves, and the next deadline is set.
    func endTurnOfClusters() {
        for index in 0..<clusters.count where index < clusters.count {
            flush(clusters.attended[index])
        }
        if let due = clustersDue { timers.set(.cluster, due: due) } else { timers.remove(.cluster) }
    }

    private func flush(_ cluster: Cluster) {
        for server in cluster.servers {
            if let wrong = flush(server) { fail(server, wrong.fault, wrong.text) }
        }
        if let finder = cluster.finder, let wrong = finder.commands?.send(&finder.finder!.output) {
            fail(finder, wrong.fault, wrong.text)
        }
        cluster.updateView(now: now)
    }

    private func flush(_ server: BrokerServer) -> (fault: BrokerFault, text: [UInt8])? {
        guard let commands = server.commands else { return nil }
        let broker = server.broker
        if !broker.output.isEmpty, let wrong = commands.send(&broker.output) { return wrong }
        broker.waitingBytes = commands.waitingBytes
        if broker.subscriberOutput.isEmpty { return nil }
        return server.subscriber?.send(&broker.subscriberOutput)
    }

    // MARK: Time

    private var clustersDue: UInt64? {
        var due: UInt64?
        func note(_ moment: UInt64) {
            if moment > 0, due == nil || moment < due! { due = moment }
        }
        for cluster in clusters.attended {
            note(cluster.leaseDue)
            note(cluster.node.due ?? 0)
            note(cluster.readyDue ?? 0)
            note(cluster.finder?.attemptDeadline ?? cluster.findAt)
            for server in cluster.servers {
                note(server.retryAt)
                note(server.attemptDeadline)
                note(server.probeAt)
                note(server.troubleUntil)
            }
        }
        return due
    }

    func tickClusters() {
        for cluster in clusters.attended {
            guard let server = cluster.server else { continue }
            if let due = cluster.node.due, due <= now {
                cluster.node.own = server.counts
                cluster.node.tick(now: now)
                applyEffects(cluster)
                if cluster.node.isWaitOver(now: now) { release(cluster) }
                if cluster.node.hasNews { tellFault(cluster) }
                if cluster.servers.contains(where: { $0.troubleUntil > 0 }) { askAgain(cluster) }
            }
            if let due = cluster.readyDue, due <= now { endReadyQuestions(cluster, until: now) }
            if cluster.leaseDue > 0, cluster.leaseDue <= now { renewLease(cluster) }
            tickServers(cluster)
            cluster.updateView(now: now)
        }
    }

    // MARK: When messages reach the others

    /// Messages go both ways.
    func becomeReady(_ cluster: Cluster) {
        release(cluster)
        endReadyQuestions(cluster, until: .max)
    }

    /// What was published since the beginning goes on, or is counted as not forwarded.
    func release(_ cluster: Cluster) {
        if !cluster.node.isWaiting { return }
        for result in cluster.node.release(now: now) { note(cluster, result) }
        context.ensureTurn()
    }

    /// A program asks to be told when messages reach the other processes. `timeout` 0: however long it takes.
    func askReady(_ server: Server, _ number: UInt64, timeout: UInt64) {
        guard let cluster = server.cluster, cluster.server != nil else {
            return tellReady(server, number, isReady: true, ascii("local"), reason: "")
        }
        if cluster.isReady {
            return tellReady(server, number, isReady: true, ascii("cluster"), reason: "")
        }
        if cluster.readyQuestions.count >= Cluster.readyQuestionsMax {
            return tellReady(server, number, isReady: false, ascii("cluster"), reason: cluster.fault.sentence)
        }
        cluster.readyQuestions.append((number, timeout == 0 ? .max : now + timeout))
    }

    /// Answers those whose time is over, or all.
    func endReadyQuestions(_ cluster: Cluster, until end: UInt64) {
        guard let server = cluster.server, !cluster.readyQuestions.isEmpty else { return }
        let over = cluster.readyQuestions.filter { $0.deadline <= end }
        cluster.readyQuestions.removeAll { $0.deadline <= end }
        for question in over {
            tellReady(
                server, question.number, isReady: cluster.isReady, ascii("cluster"),
                reason: cluster.fault.sentence)
        }
    }

    /// Rooms and users whose channels the broker has not confirmed are asked for once more.
    func askAgain(_ cluster: Cluster) {
        if now < cluster.askAgainDue { return }
        cluster.askAgainDue = now + cluster.settings.lease / 3
        if cluster.node.subscribeAgain() { context.ensureTurn() }
    }
}
