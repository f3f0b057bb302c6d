// Connections without a socket: what the host's transport brings in, and what waits for it. They live in the
// same slots and go the same ways; only the flush has another end.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import HearthWire
internal import Synchronization

extension Loop {
    // MARK: Beginning

    /// Returns the id, or an error.
    func connect(_ server: Server, _ channel: Channel, _ peer: ChannelPeer) -> Int64 {
        context.enter()
        let line = ascii("GET ") + peer.path + (peer.query.isEmpty ? [] : [UInt8(ascii: "?")] + peer.query)
        let bytes = line + ascii(" HTTP/1.1\r\nHost: channel\r\n") + peer.headers + ascii("\r\n")
        return bytes.withUnsafeBufferPointer { bytes in
            do throws(ChannelFault) {
                return Int64(bitPattern: try open(server, channel, peer, bytes).raw)
            } catch {
                return Int64(engine.fail(error.status, ascii(error.sentence)).rawValue)
            }
        }
    }

    /// For another thread that waits for the reply.
    func connect(_ server: Server, _ channel: Channel, _ peer: ChannelPeer, _ reply: Reply) {
        if reply.isLate { return }
        let result = connect(server, channel, peer)
        if reply.answer(result) || result < 0 { return }
        // Nobody knows of it.
        guard let place = place(of: ConnectionID(raw: UInt64(bitPattern: result))) else { return }
        _ = channelClosed(place, code: CloseCode.abnormal.rawValue, reason: [])
    }

    private struct ChannelFault: Error {
        let status: Status
        let sentence: StaticString

        init(_ status: Status, _ sentence: StaticString) {
            self.status = status
            self.sentence = sentence
        }
    }

    private func open(
        _ server: Server, _ channel: Channel, _ peer: ChannelPeer, _ bytes: UnsafeBufferPointer<UInt8>
    ) throws(ChannelFault) -> ConnectionID {
        if !server.isServing {
            throw ChannelFault(.state, "the server is stopping")
        }
        guard peer.path.first == UInt8(ascii: "/"), HeaderBlock.isSafe(peer.headers.span) else {
            throw ChannelFault(.invalid, "the path does not begin with /, or a header is none")
        }
        var scanned = 0
        guard
            case .complete(bytes.count) = head.parse(bytes.span, limits: server.headLimits, scanned: &scanned)
        else { throw ChannelFault(.invalid, "path, query or headers are not well formed, or too long") }
        guard let route = findRoute(server, bytes) else {
            throw ChannelFault(.notFound, "no WebSocket route has that path")
        }
        var address = PeerAddress()
        if let text = peer.address {
            guard let read = ProxiedPeer(text.span, 0..<text.count) else {
                throw ChannelFault(.invalid, "the address is none")
            }
            address = PeerAddress(read)
        }
        let place = try makeConnection(server, address, ChannelLink(channel, recipient: peer.recipient))
        setRoute(place, route)
        place.pointee.context = peer.context
        do throws(ChannelFault) {
            return try begin(place, server, peer, bytes)
        } catch {
            release(place)
            throw error
        }
    }

    private func makeConnection(
        _ server: Server, _ address: PeerAddress, _ link: ChannelLink
    ) throws(ChannelFault) -> ConnectionRef {
        if connections.count >= ConnectionID.slotCount - 1 { throw ChannelFault(.limit, "the loop is full") }
        let others = server.connectionCount.add(1, ordering: .relaxed).oldValue
        if server.connectionsMax > 0, others >= server.connectionsMax {
            server.connectionCount.subtract(1, ordering: .relaxed)
            throw ChannelFault(.limit, "max_connections is reached")
        }
        port.lock.lock()
        let slot = connections.nextIndex
        _ = connections.insert(
            Connection(
                loop: Unmanaged.passUnretained(self), id: makeID(slot: slot), slot: slot, descriptor: -1,
                endpoint: .fromOpaque(Unmanaged.passUnretained(server).toOpaque()), address: address, now: now
            ))
        hub.open(slot, server: server.number, bytesMax: server.outboxBytesMax, policy: server.policy)
        hub.setCarried(slot)
        let place = connections.place(slot)
        place.pointee.link = link
        place.pointee.interest = []
        port.lock.unlock()
        return place
    }

    private func begin(
        _ place: ConnectionRef, _ server: Server, _ peer: ChannelPeer,
        _ bytes: UnsafeBufferPointer<UInt8>
    ) throws(ChannelFault) -> ConnectionID {
        guard withRequestTexts(place, server, bytes) else {
            throw ChannelFault(.invalid, "the path is not well encoded")
        }
        if !takeAddressPlace(place, server) {
            throw ChannelFault(.limit, "max_connections_per_ip is reached")
        }
        var room: ByteString?
        let route = Int(place.pointee.route)
        if route >= 0 {
            do throws(HTTPFault) {
                room = try roomOfRoute(server, server.routes[route], bytes)
            } catch {
                throw ChannelFault(.invalid, "the path makes no room name")
            }
        }
        let user = peer.user.map { ByteString($0) }
        if let user {
            guard case .taken = takeUserPlace(place, server, user: user, subprotocol: nil) else {
                throw ChannelFault(.limit, "max_connections_per_user or the rate of handshakes is reached")
            }
        }
        let id = place.pointee.id
        beginSession(place, server, user: user, subprotocol: peer.subprotocol, room: room)
        return id
    }

    // MARK: In

    func receive(
        _ place: ConnectionRef, _ opcode: Opcode, _ payload: UnsafeBufferPointer<UInt8>
    ) -> Status {
        guard place.pointee.phase == .open, place.pointee.session.state == .open else { return .gone }
        let limits = place.pointee.server._withUnsafeGuaranteedRef { $0.limits }
        if payload.count > limits.pointee.decoder.maxMessageSize { return .tooLarge }
        if engine.queue.isFull { return .queueFull }
        noteAlive(place)
        deliver(place, opcode, payload)
        return .ok
    }

    func noteAlive(_ place: ConnectionRef) {
        context.enter()
        place.pointee.session.noteReceived(now: now)
        place.pointee.lastReceivedWall.store(wallMilliseconds, ordering: .relaxed)
    }

    /// The transport has taken so many bytes of messages.
    func noteSent(_ place: ConnectionRef, _ bytes: Int) {
        guard let link = place.pointee.link else { return }
        link.inHand = max(0, link.inHand - bytes)
        if link.inHand < ChannelLink.inHandMax { goOnHanding(place) }
    }

    private func goOnHanding(_ place: ConnectionRef) {
        if place.pointee.phase != .open || !hub.isStalled(place.pointee.slot) { return }
        hub.unstall(place.pointee.slot)
        context.ensureTurn()
        reportDropped(place)
    }

    /// The host's transport has ended.
    func channelClosed(_ place: ConnectionRef, code: UInt16, reason: [UInt8]) -> Status {
        guard place.pointee.phase == .open else { return .gone }
        context.enter()
        let isClean = code != CloseCode.abnormal.rawValue
        end(
            place, code: code, reason: reason,
            flags: EngineEvent.isByPeer | (isClean ? EngineEvent.isClean : 0))
        release(place)
        return .ok
    }

    // MARK: Out

    /// The flush of a connection of a channel: its frames are copied for the end of the turn, once for all
    /// whose outboxes hold the same.
    func handOver(_ place: ConnectionRef, _ link: ChannelLink) {
        let slot = place.pointee.slot
        // What is left of one that is closed as too slow is its close.
        let isForced = place.pointee.isTooSlow
        if hub.isStalled(slot), !isForced { return hub.keep(slot) }
        if engine.queue.isFull && link.channel.callback == nil || channels.bytesCount > Self.turnBytesMax {
            channels.addStalled(place.pointee.id)
            return hub.stall(slot)
        }
        if link.channel.acknowledges {
            if link.inHand >= ChannelLink.inHandMax, !isForced { return hub.stall(slot) }
            return handOverSome(place, link, isForced: isForced)
        }
        let id = place.pointee.id
        if let run = hub.sharedRun(slot) {
            if !channels.joinLastGroup(run, link.channel, id) {
                channels.beginGroup(link, place.pointee.endpoint, id, run: run)
                channels.append(hub.arena.place(of: run), run.count)
            }
        } else {
            channels.beginGroup(link, place.pointee.endpoint, id, run: nil)
            hub.forEachWaiting(slot) { bytes, count in
                channels.append(bytes, count)
                return true
            }
        }
        hub.sentAll(slot)
    }

    /// Whole frames, until enough is in the host's hands.
    private func handOverSome(
        _ place: ConnectionRef, _ link: ChannelLink, isForced: Bool
    ) {
        let slot = place.pointee.slot
        var handed = 0
        channels.beginGroup(link, place.pointee.endpoint, place.pointee.id, run: nil)
        hub.forEachWaiting(slot) { bytes, count in
            var offset = 0
            while offset < count {
                if link.inHand >= ChannelLink.inHandMax, !isForced { return false }
                let frame = WaitingFrame(at: bytes + offset)
                if !frame.opcode.isControl { link.inHand += frame.count - frame.headerCount }
                channels.append(bytes + offset, frame.count)
                offset += frame.count
                handed += frame.count
            }
            return true
        }
        if handed == hub.waitingBytes(slot) { return hub.sentAll(slot) }
        hub.sentPart(slot, count: handed)
        hub.stall(slot)
    }

    // MARK: Telling

    /// At the end of a turn: the host gets what was handed over, and what the library closed has ended.
    func tellChannels() {
        let taken = channels.takeBatch()
        for group in taken.groups { tell(group, taken) }
        if !engine.queue.isFull { goOnHanding() }
    }

    /// The host has fetched its events.
    func goOnHanding() {
        for id in channels.takeStalled() { if let place = place(of: id) { goOnHanding(place) } }
    }

    private func tell(_ group: ChannelBatch.Group, _ taken: ChannelBatch) {
        taken.bytes.withUnsafeBufferPointer { bytes in
            var offset = group.bytes.lowerBound
            while offset < group.bytes.upperBound {
                let start = bytes.baseAddress! + offset
                let frame = WaitingFrame(at: start)
                offset += frame.count
                let payload = UnsafeBufferPointer(
                    start: start + frame.headerCount, count: frame.count - frame.headerCount)
                switch frame.opcode {
                case .text, .binary: tell(group, taken, frame.opcode, payload)
                case .close: for index in group.ids { closeCarried(taken.ids[index]) }
                case .continuation, .ping, .pong: break
                }
            }
        }
    }

    private func tell(
        _ group: ChannelBatch.Group, _ taken: ChannelBatch, _ opcode: Opcode,
        _ payload: UnsafeBufferPointer<UInt8>
    ) {
        // What ended since has had its CLOSE, which is its last event.
        let living = taken.ids[group.ids].filter { raw in
            place(of: ConnectionID(raw: raw)).map { $0.pointee.phase == .open } ?? false
        }
        guard let first = living.first, let place = place(of: ConnectionID(raw: first)) else { return }
        living.withUnsafeBytes { ids in
            var event = event(.channelSend, place)
            event.opcode = UInt32(opcode.rawValue)
            event.data = Borrowed(payload.baseAddress, payload.count)
            event.headers = Borrowed(ids.baseAddress!.assumingMemoryBound(to: UInt8.self), ids.count)
            withTerminated(group.link.channel.name.bytes) { name in
                event.path = name
                emit(&event, to: group.link.channel)
            }
        }
    }

    func emit(_ event: inout EngineEvent, to channel: Channel) {
        guard let callback = channel.callback else { return emit(&event) }
        context.callbackDepth += 1
        withUnsafePointer(to: &event) { callback(channel.callbackContext, UnsafeRawPointer($0)) }
        context.callbackDepth -= 1
    }

    /// All that was sent before the close has been told.
    private func closeCarried(_ raw: UInt64) {
        guard let place = place(of: ConnectionID(raw: raw)), place.pointee.phase == .open else { return }
        endCarried(place, flags: EngineEvent.isClean)
    }

    private func endCarried(_ place: ConnectionRef, flags: UInt32) {
        let closing = place.pointee.link?.closing
        end(
            place, code: closing?.code ?? CloseCode.abnormal.rawValue, reason: closing?.reason ?? [],
            flags: flags)
        release(place)
    }

    // MARK: Time

    /// When the connection is to be looked at again; nil: never.
    func sessionDeadline(_ place: ConnectionRef) -> UInt64? {
        let limits = place.pointee.endpoint._withUnsafeGuaranteedRef { $0.limits }
        guard let link = place.pointee.link, place.pointee.session.state == .open else {
            return place.pointee.session.deadline(limits.pointee)
        }
        if !link.channel.hasLiveness || limits.pointee.pingInterval == 0 { return nil }
        return place.pointee.session.lastReceivedAt + limits.pointee.pingInterval + limits.pointee.pingTimeout
    }

    func carriedDue(_ place: ConnectionRef) {
        let due = sessionDeadline(place) ?? UInt64.max
        if due > now { return setDeadline(place, openDeadline(place)) }
        if place.pointee.session.state == .closing {
            context.log(
                .info, "session", "the host did not take what was sent", place,
                reason: "close_timeout is over")
            return endCarried(place, flags: 0)
        }
        place.pointee.counters.add(.staleRemoved)
        context.log(.info, "session", "the peer is gone", place, reason: "nothing came over its channel")
        place.pointee.link?.closing = (CloseCode.internalError.rawValue, ascii("ping timeout"))
        endCarried(place, flags: 0)
    }
}
