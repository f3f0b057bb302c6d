// Clients of a loop: which there are, what is due for them, and what the program is told.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import HearthWire
internal import Synchronization

extension Loop {
    // MARK: Duties

    /// Does something for the client at the end of this turn.
    func schedule(_ client: Client, _ duties: ClientDuties) {
        clients.schedule(client, duties)
        context.ensureTurn()
    }

    func workOffClients() {
        for client in clients.takeScheduled() {
            let duties = client.duties
            client.duties = []
            if duties.contains(.drains) { drain(client) }
            if duties.contains(.reports) { reportMessages(client) }
            if duties.contains(.ends), let ending = client.ending?.ending {
                client.ending = nil
                if client.life.receive(.rest) == .rest { becomeIdle(client, ending) }
            }
            if duties.contains(.connects), let attempt = client.attempt { proceed(client, attempt) }
            if duties.contains(.starts), !client.isFreed.load(ordering: .relaxed) { beginAttempt(client) }
        }
    }

    // MARK: Time

    func setClientDeadline(_ client: Client) {
        guard let slot = client.slot else { return }
        var due = client.attempt?.due ?? client.retryAt
        if let other = outgoingDue(client), due == 0 || other < due { due = other }
        if due == 0 { return timers.remove(.client, slot) }
        timers.set(.client, slot, due: due)
    }

    func clientDue(_ slot: UInt32) {
        guard let client = clients.at(slot) else { return }
        if let attempt = client.attempt {
            if now >= attempt.deadline {
                attemptOverdue(client, attempt)
            } else if attempt.nextAddressAt != 0, now >= attempt.nextAddressAt {
                connectNext(client, attempt)
            }
        } else if client.life.phase == .waiting, now >= client.retryAt {
            client.retryAt = 0
            beginAttempt(client)
        }
        outgoingOverdue(client)
        setClientDeadline(client)
    }

    // MARK: What the program asks for

    func openClient(_ client: Client) {
        if client.isFreed.load(ordering: .relaxed) { return }
        guard client.life.receive(.open) == .scheduleStart else { return }
        context.enter()
        clients.add(client)
        setActive(client, true)
        client.loop = self
        client.reconnect.reset()
        client.counts.attempts.store(0, ordering: .relaxed)
        client.ending = nil
        client.duties.remove(.ends)
        applyInbox(client)
        schedule(client, .starts)
    }

    func closeClient(_ client: Client, code: UInt16, reason: [UInt8]) {
        applyInbox(client)
        if client.isDeliberate { return }
        flushBatch(client)
        client.closeReason = reason
        if client.life.receive(.close) == .closeConnection {
            guard let place = place(of: client.connection) else { return }
            hold(place, false)
            drain(client)
            _ = close(place, code: code, reason: reason)
            return
        }
        // At once, as the answer to it may come in this turn.
        abandonAttempt(client)
        client.retryAt = 0
        client.ending = PlannedEnding(ClientEnding(state: .closed, code: Int32(code), text: reason))
        client.duties.remove(.starts)
        schedule(client, .ends)
    }

    /// Tries at once, instead of waiting for its time.
    func pokeClient(_ client: Client) {
        context.enter()
        switch client.life.receive(.poke) {
        case .ping:
            if let place = place(of: client.connection) { ping(place) }
        case .scheduleStart:
            client.retryAt = 0
            schedule(client, .starts)
        default: break
        }
    }

    /// The program takes no more messages, or some again.
    func holdClient(_ client: Client) {
        guard let place = place(of: client.connection), place.pointee.phase == .open else { return }
        hold(place, client.isPaused.load(ordering: .relaxed) && place.pointee.session.state == .open)
    }

    private func hold(_ place: ConnectionRef, _ isHeld: Bool) {
        if place.pointee.holds.contains(.program) == isHeld { return }
        let interest = place.pointee.interest
        if isHeld {
            place.pointee.holds.insert(.program)
            return setInterest(place, interest.subtracting(.readable))
        }
        place.pointee.holds.remove(.program)
        setInterest(place, interest.union(.readable))
        goOnLater(withBacklogOf: place)
    }

    /// The client is no more. What it still had to tell is told.
    func cutClient(_ client: Client) {
        context.enter()
        _ = client.life.receive(.close)
        applyInbox(client)
        if let place = place(of: client.connection), place.pointee.phase == .open {
            end(place, code: CloseCode.abnormal.rawValue, reason: [], flags: 0)
            release(place)
        }
        if !client.state.load(ordering: .relaxed).isAtRest || client.ending != nil {
            let ending =
                client.ending?.ending ?? ClientEnding(code: Int32(CloseCode.abnormal.rawValue))
            client.ending = nil
            becomeIdle(client, ending)
        }
        _ = client.life.receive(.rest)
        dropAll(client)
        reportMessages(client)
        client.duties = []
        client.isFreed.store(true, ordering: .relaxed)
        client.home.store(-1, ordering: .relaxed)
        if let slot = client.slot { timers.remove(.client, slot) }
        clients.remove(client)
        setActive(client, false)
        engine.forget(client)
    }

    /// The end of the loop.
    func cutClients() {
        for slot in 0..<clients.endIndex { if let client = clients.at(slot) { cutClient(client) } }
        for index in 0..<connections.endIndex where connections.contains(UInt32(index)) {
            let place = connections.place(UInt32(index))
            if place.pointee.isClient { release(place) }
        }
    }

    // MARK: What becomes of it

    /// An attempt failed.
    func attemptFailed(_ client: Client, _ ending: ClientEnding, _ cause: EndCause) {
        abandonAttempt(client)
        context.log(
            .info, "client", "an attempt to connect failed",
            LogFields().adding("client", UInt64(client.number)).adding("reason", ending.text))
        decideReconnect(client, ending, cause)
    }

    /// An open connection ended.
    func connectionEnded(
        _ client: Client, _ place: ConnectionRef, code: UInt16, reason: [UInt8],
        flags: UInt32
    ) {
        client.connection = .none
        if !client.sealedHost.isEmpty, let session = place.pointee.tls?.session, session.isResumable {
            client.tlsSession = (client.sealedHost, session)
        }
        reportMessages(client)
        var ending = ClientEnding(code: Int32(code), error: client.endError, flags: flags, text: reason)
        client.endError = .ok
        if client.isDeliberate, reason.isEmpty { ending.text = client.closeReason }
        if ending.error == .ok, flags & EngineEvent.isClean == 0, !client.isDeliberate {
            ending.error = .lost
        }
        let hint = ReconnectPolicy.hint(in: reason.span)
        let cause: EndCause =
            client.isDeliberate ? .deliberate : .closed(CloseCode(rawValue: code), hint: hint)
        decideReconnect(client, ending, cause)
    }

    /// `end` of a client's connection.
    func endOfClient(
        _ place: ConnectionRef, code: UInt16, reason: [UInt8], flags: UInt32
    ) {
        let client = client(of: place)
        _ = requeueUnsent(place)
        if client.connection == place.pointee.id {
            connectionEnded(client, place, code: code, reason: reason, flags: flags)
        }
    }

    private func decideReconnect(_ client: Client, _ ending: ClientEnding, _ cause: EndCause) {
        let decision = client.reconnect.ended(
            cause, now: now, random: Crypto.randomUInt64(), mayRefresh: client.settings.asksBefore,
            client.settings.reconnect)
        client.counts.attempts.store(UInt32(clamping: client.reconnect.attempts), ordering: .relaxed)
        switch decision {
        case .wait(let milliseconds, let attempt):
            guard client.life.receive(.retry) == .awaitRetry else { return }
            client.retryAt = now + milliseconds
            setClientDeadline(client)
            reportState(client, .reconnecting, ending, attempt: attempt, delay: milliseconds)
        case .stop:
            guard client.life.receive(.stop) == .rest else { return }
            var ending = ending
            ending.state = client.life.phase.state
            becomeIdle(client, ending)
        }
    }

    /// Whether the client keeps a host's loop running.
    private func setActive(_ client: Client, _ isActive: Bool) {
        if client.isActive == isActive { return }
        client.isActive = isActive
        clients.noteActive(isActive)
        updateKeeping()
    }

    /// Nothing goes on any more, until it is opened anew.
    private func becomeIdle(_ client: Client, _ ending: ClientEnding) {
        setActive(client, false)
        abandonAttempt(client)
        client.retryAt = 0
        dropAll(client)
        reportMessages(client)
        setClientDeadline(client)
        reportState(client, ending.state, ending, attempt: 0, delay: 0)
    }

    // MARK: Events

    func reportState(
        _ client: Client, _ state: ClientState, _ ending: ClientEnding, attempt: Int, delay: UInt64
    ) {
        client.state.store(state, ordering: .relaxed)
        var event = PendingEvent(
            type: .clientState, endpoint: client, connection: .none, context: nil, route: -1)
        event.code = ending.code
        event.flags = ending.flags
        event.data = ending.text
        event.client.state = state.rawValue
        event.client.attempt = UInt32(clamping: attempt)
        event.client.delayMilliseconds = delay
        event.client.error = ending.error.rawValue
        event.client.httpStatus = ending.httpStatus
        emitInOrder(event)
    }

    /// Which messages were dropped, and which were sent.
    func reportMessages(_ client: Client) {
        while let drop = client.lock.withLock({ client.queue.takeDrop() }) {
            client.counts.dropped.increase()
            var event = PendingEvent(
                type: .clientDropped, endpoint: client, connection: .none, context: nil, route: -1)
            event.code = Int32(drop.reason.rawValue)
            event.client.message = drop.id
            emitInOrder(event)
        }
        let last = client.outgoing.lastSent
        if last <= client.outgoing.lastTold { return }
        client.outgoing.lastTold = last
        if !client.settings.tellsSent { return }
        var event = PendingEvent(
            type: .clientSent, endpoint: client, connection: .none, context: nil, route: -1)
        event.client.message = last
        emitInOrder(event)
    }

    private func dropAll(_ client: Client) {
        flushBatch(client)
        client.lock.withLock { client.queue.clear(.closed) }
    }
}
