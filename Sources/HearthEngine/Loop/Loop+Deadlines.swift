// What happens when time is up: for a connection, and for a server that is stopping.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import HearthWire
internal import Synchronization

extension Loop {
    func deadlineReached(_ slot: UInt32) {
        guard connections.contains(slot) else { return }
        let place = connections.place(slot)
        if place.pointee.phase != .open, place.pointee.phase != .released, place.pointee.deadline > now {
            // A callback for another connection that was due at the same time has moved it.
            return setDeadline(place, place.pointee.deadline)
        }
        switch place.pointee.phase {
        case .released: break
        case .open: sessionDue(place)
        case .finishing, .proxy: release(place)
        case .connecting, .tunnel, .sealing, .handshake: break
        case .request: requestOverdue(place)
        case .body: respondAndClose(place, 408, "the request took too long", "")
        case .host: answerOverdue(place)
        }
    }

    private func sessionDue(_ place: ConnectionRef) {
        if place.pointee.identity != nil {
            let id = place.pointee.id
            expiryDue(place)
            if place.pointee.id != id || place.pointee.phase != .open { return }
        }
        if place.pointee.link != nil { return carriedDue(place) }
        let slot = place.pointee.slot
        let limits = place.pointee.endpoint._withUnsafeGuaranteedRef { $0.limits }
        // What has come and was not read yet, because the host kept the loop or its events waiting, is a sign
        // of life; and a server from which nothing is read is not asked for one.
        if engine.queue.isFull || !place.pointee.holds.isEmpty || Socket.hasInput(place.pointee.descriptor) {
            place.pointee.session.noteReceived(now: now)
        }
        // Nor is a message late that waits because of the host.
        if engine.queue.isFull || !place.pointee.holds.isEmpty {
            place.pointee.session.excuseMessage(now: now)
        }
        let action = place.pointee.session.tick(
            now: now, nanoseconds: Clock.monotonicNanoseconds(), limits.pointee)
        switch action {
        case .none: break
        case .sendPing(let number):
            sendPing(place, number)
            place.pointee.compression?.releaseIdle()
        case .pingTimedOut:
            context.log(.info, "session", "the peer is gone", place, reason: "nothing came after a ping")
            place.pointee.counters.add(.staleRemoved)
            if place.pointee.isClient { client(of: place).endError = .pingTimeout }
            if stopMessages(place) {
                sendClose(place, CloseCode.internalError.rawValue, ascii("ping timeout"))
            }
            flush(slot)
            end(place, code: CloseCode.internalError.rawValue, reason: ascii("ping timeout"), flags: 0)
            return release(place)
        case .messageTimedOut:
            if place.pointee.isClient { client(of: place).endError = .protocolError }
            return fail(place, .policyViolation, "message_timeout is over")
        case .closeTimedOut:
            context.log(
                .info, "session", "the peer did not answer the close", place, reason: "close_timeout is over")
            end(place, code: CloseCode.abnormal.rawValue, reason: [], flags: 0)
            return release(place)
        }
        setDeadline(place, openDeadline(place))
    }

    private func sendPing(_ place: ConnectionRef, _ number: UInt64) {
        withUnsafeBytes(of: number.bigEndian) { payload in
            let payload = payload.assumingMemoryBound(to: UInt8.self)
            hub.appendAlways(encode(place, .ping, payload), to: place.pointee.slot)
        }
        context.ensureTurn()
    }

    /// Asks at once whether the peer is there, instead of after `ping_interval`.
    func ping(_ place: ConnectionRef) {
        let limits = place.pointee.endpoint._withUnsafeGuaranteedRef { $0.limits }
        sendPing(place, place.pointee.session.ping(now: now, nanoseconds: Clock.monotonicNanoseconds()))
        setDeadline(place, place.pointee.session.deadline(limits.pointee))
    }

    private func requestOverdue(_ place: ConnectionRef) {
        let isIdle = place.pointee.exchange?.head.isEmpty ?? true
        if !(place.pointee.exchange?.leftover.isEmpty ?? true) { return release(place) }
        if isIdle, hub.waitingBytes(place.pointee.slot) > 0 { return finish(place, lingers: false) }
        if isIdle, place.pointee.exchange != nil { return release(place) }
        let isShakingHands = place.pointee.tls?.isHandshakeComplete == false
        context.log(
            .info, isShakingHands ? "tls" : "handshake",
            isShakingHands ? "the TLS handshake took too long" : "the request took too long", place,
            reason: "handshake_timeout is over")
        if isIdle {
            place.pointee.counters.addHandshake(.status(408))
            return release(place)
        }
        place.pointee.isUpgrade = true
        respondAndClose(place, 408, "the request took too long", "")
    }

    private func answerOverdue(_ place: ConnectionRef) {
        if place.pointee.exchange?.isHeldBack ?? false { return applyDecision(place) }
        if let exchange = place.pointee.exchange, let request = exchange.placeRequest {
            return lookForPlace(place, exchange, request)
        }
        // A file that the peer does not read.
        if place.pointee.exchange?.file != nil { return release(place) }
        renewID(place)
        context.log(
            .warning, "http", "the host did not answer in time", place,
            reason: "open_timeout or http_timeout is over")
        respondAndClose(place, 503, "no answer in time", "Retry-After: 1\r\n")
    }

    // MARK: Stopping a server

    func stopServer(_ server: Server, reason: [UInt8], deadline: UInt64?) {
        context.enter()
        stopListening(server)
        expireAllDepartures(of: server)
        drains.removeAll { $0.server === server }
        let due = deadline ?? now + server.shutdownTimeout
        stoppingServers.append((server, due))
        timers.setNoLater(.stopping, due: due)
        context.requestTurn()
        forEachConnection(of: server) { place in
            switch place.pointee.phase {
            case .open:
                _ = close(place, code: CloseCode.goingAway.rawValue, reason: reason)
            case .request:
                if place.pointee.exchange?.head.isEmpty ?? true { release(place) }
            case .finishing:
                // It was told all there is; only its own end is awaited.
                if hub.waitingBytes(place.pointee.slot) == 0 { release(place) }
            case .proxy: release(place)
            case .host, .body, .released, .connecting, .tunnel, .sealing, .handshake: break
            }
        }
        checkStopped(server)
    }

    /// Whether the last connection of a stopping server has gone.
    func checkStopped(_ server: Server) {
        guard let index = stoppingServers.firstIndex(where: { $0.server === server }) else { return }
        var isEmpty = true
        forEachConnection(of: server) { if $0.pointee.phase != .released { isEmpty = false } }
        if !isEmpty { return }
        stoppingServers.remove(at: index)
        noLongerServes(server)
        if server.loopsToStop.subtract(1, ordering: .acquiringAndReleasing).newValue > 0 { return }
        server.state.store(.stopped, ordering: .relaxed)
        var event = EngineEvent(
            .serverStopped, Unmanaged.passUnretained(server as Endpoint), wallMilliseconds: wallMilliseconds)
        event.code = Int32(clamping: server.cutCount.load(ordering: .relaxed))
        emit(&event)
        server.stopped.open()
    }

    func cutOverdueServers() {
        for stopping in stoppingServers where now >= stopping.deadline { cutServer(stopping.server) }
        for stopping in stoppingServers { timers.setNoLater(.stopping, due: stopping.deadline) }
    }

    /// Ends what is left at once.
    func cutServer(_ server: Server) {
        stopListening(server)
        expireAllDepartures(of: server)
        drains.removeAll { $0.server === server }
        forEachConnection(of: server) { place in
            if place.pointee.phase == .released { return }
            if place.pointee.phase == .open {
                server.cutCount.add(1, ordering: .relaxed)
                end(place, code: CloseCode.abnormal.rawValue, reason: [], flags: 0)
            }
            release(place)
        }
        checkStopped(server)
        noLongerServes(server)
    }

    private func noLongerServes(_ server: Server) {
        if served.contains(where: { $0 === server }) {
            served.removeAll { $0 === server }
            // Members on other loops are in the cluster as long as they are here.
            if server.loopsServing.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 {
                server.tellCluster(.leave)
            }
        }
        updateKeeping()
    }

    func forEachConnection(of server: Server, _ body: (ConnectionRef) -> Void) {
        let wanted = Unmanaged.passUnretained(server).toOpaque()
        for index in 0..<connections.endIndex where connections.contains(UInt32(index)) {
            let place = connections.place(UInt32(index))
            if place.pointee.endpoint.toOpaque() == wanted { body(place) }
        }
    }
}
