// New connections, and their end.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import Synchronization

/// A listening descriptor of a loop. It does not move, and lives until the end of the turn in which it is
/// closed.
struct Acceptor: ~Copyable {
    let server: Server
    let descriptor: Int32
    /// Its name among the watched sockets.
    let name: UInt64
    /// Peers that come here speak TLS.
    let isSealed: Bool
    /// Accepting is paused until then, because the process is out of descriptors; 0: it is not.
    var retryAt: UInt64 = 0
    var isClosed = false

    /// Above are the names of connections: by their slots, as an id lasts for one request only.
    static var namesEnd: UInt64 { 1 << 16 }
}

extension Loop {
    /// So many connections are accepted in one turn, so that the open ones get their share.
    private static var acceptsPerTurn: Int { 128 }
    private static var acceptRetryMilliseconds: UInt64 { 250 }

    /// Watches the server's descriptors of this loop.
    func listen(_ server: Server) {
        port.lock.withLock { hub.addServer(server.number) }
        if server.hasPages { beginProbing() }
        served.append(server)
        server.loopsServing.add(1, ordering: .acquiringAndReleasing)
        updateKeeping()
        if index == 0 { attendCertificates(of: server) }
        attendCluster(of: server)
        for listening in server.listenings where index < listening.descriptors.count {
            let descriptor = listening.descriptors[index]
            acceptorName = acceptorName % (Acceptor.namesEnd - 1) + 1
            let place = UnsafeMutablePointer<Acceptor>.allocate(capacity: 1)
            place.initialize(
                to: Acceptor(
                    server: server, descriptor: descriptor, name: acceptorName, isSealed: listening.isSealed))
            acceptors.append(place)
            do throws(SystemError) {
                try events.watch(descriptor, for: .readable, name: acceptorName)
            } catch {
                // Tried again, as for a lack of descriptors.
                pause(place, error)
            }
        }
    }

    /// Sockets are ready. What was done for one may have ended another. What a thread asked for before a peer
    /// sent its bytes is done before them.
    func ready(_ sockets: UnsafePointer<ReadySocket>, _ count: Int) {
        if port.hasCommands.load(ordering: .acquiring) { applyCommands() }
        for index in 0..<count {
            let name = sockets[index].name
            if name < Acceptor.namesEnd {
                for acceptor in acceptors where acceptor.pointee.name == name { accept(acceptor) }
                if let link = clusters.link(named: name) { linkReady(link) }
            } else {
                let slot = UInt32(truncatingIfNeeded: name - Acceptor.namesEnd)
                ingress.hasOthers = index &+ 1 < count
                if connections.contains(slot) { ready(connections.place(slot), sockets[index].readiness) }
            }
        }
        ingress.hasOthers = true
    }

    private func accept(_ acceptor: UnsafeMutablePointer<Acceptor>) {
        for _ in 0..<Self.acceptsPerTurn {
            // A host's callback may have stopped the server.
            if acceptor.pointee.isClosed { return }
            switch Socket.accept(acceptor.pointee.descriptor) {
            case .none: return
            case .failed(let error): return pause(acceptor, error)
            case .connection(let descriptor, let address):
                let place = admit(
                    descriptor, address, acceptor.pointee.server, isSealed: acceptor.pointee.isSealed)
                guard let place else { continue }
                if let proxies = acceptor.pointee.server.proxies, proxies.sendHeader, proxies.trust(address) {
                    place.pointee.phase = .proxy
                }
            }
        }
    }

    /// A socket that the host accepted, with what it read from it.
    func adopt(_ descriptor: Int32, _ address: PeerAddress, _ server: Server, _ bytes: [UInt8]) {
        context.enter()
        if !server.isServing { return Socket.close(descriptor) }
        guard let place = admit(descriptor, address, server, isSealed: false), !bytes.isEmpty else { return }
        exchange(of: place).leftover = bytes
        goOnLater(place)
    }

    /// nil: it could not be, and is closed.
    private func admit(
        _ descriptor: Int32, _ address: PeerAddress, _ server: Server, isSealed: Bool
    ) -> ConnectionRef? {
        guard let place = insert(descriptor, address, server) else { return nil }
        let limit = server.connectionsMax
        let others = server.connectionCount.add(1, ordering: .relaxed).oldValue
        // One too many is still read, so that it can be told so.
        place.pointee.isSealed = isSealed
        if limit > 0 && others >= limit || Memory.isLow && !recoverMemory() {
            place.pointee.refusal = .server
        } else {
            countAddress(place, server)
        }
        place.pointee.deadline = now + server.handshakeTimeout
        setDeadline(place, place.pointee.deadline)
        return place
    }

    /// A connection for the descriptor, which is closed if there is none.
    func insert(
        _ descriptor: Int32, _ address: PeerAddress, _ endpoint: Endpoint, interest: Readiness = .readable
    ) -> ConnectionRef? {
        if connections.count >= ConnectionID.slotCount - 1 {
            context.log(.error, "engine", "no connection: the loop is full", LogFields())
            Socket.close(descriptor)
            return nil
        }
        // A client may be freed before libuv has let go of its last connection.
        let held =
            endpoint.kind == .client ? Unmanaged.passRetained(endpoint) : Unmanaged.passUnretained(endpoint)
        port.lock.lock()
        let slot = connections.nextIndex
        let inserted = connections.insert(
            Connection(
                loop: Unmanaged.passUnretained(self), id: makeID(slot: slot), slot: slot,
                descriptor: descriptor, endpoint: held, address: address,
                now: now))
        hub.open(
            slot, server: endpoint.kind == .server ? endpoint.number : 0, bytesMax: endpoint.outboxBytesMax,
            policy: endpoint.policy)
        port.lock.unlock()
        assert(inserted == slot)
        let place = connections.place(slot)
        place.pointee.interest = interest
        do throws(SystemError) {
            try events.watch(descriptor, for: interest, name: Acceptor.namesEnd + UInt64(slot))
        } catch {
            context.log(
                .error, "engine", "cannot watch a connection", LogFields().adding("error", error.text))
            Socket.close(descriptor)
            port.lock.withLock {
                hub.close(slot)
                connections.remove(slot)
            }
            if endpoint.kind == .client { held.release() }
            return nil
        }
        return place
    }

    /// No descriptor is left: stop asking for a while, or the loop would spin.
    private func pause(_ acceptor: UnsafeMutablePointer<Acceptor>, _ error: SystemError) {
        context.log(.error, "server", "accepting is paused", LogFields().adding("error", error.text))
        watch(acceptor, for: [], insteadOf: .readable)
        acceptor.pointee.retryAt = now + Self.acceptRetryMilliseconds
        timers.setNoLater(.acceptor, due: acceptor.pointee.retryAt)
        meter.noteAcceptPaused(true)
    }

    /// Sockets whose pause is over accept again.
    func resumeAcceptors() {
        for acceptor in acceptors where acceptor.pointee.retryAt > 0 {
            if now >= acceptor.pointee.retryAt {
                resume(acceptor)
            } else {
                timers.setNoLater(.acceptor, due: acceptor.pointee.retryAt)
            }
        }
    }

    private func resume(_ acceptor: UnsafeMutablePointer<Acceptor>) {
        acceptor.pointee.retryAt = 0
        meter.noteAcceptPaused(false)
        context.log(.info, "server", "accepting goes on", LogFields())
        if !watch(acceptor, for: .readable, insteadOf: []) { pause(acceptor, SystemError.last) }
    }

    @discardableResult
    private func watch(
        _ acceptor: UnsafeMutablePointer<Acceptor>, for interest: Readiness, insteadOf old: Readiness
    ) -> Bool {
        events.watch(
            acceptor.pointee.descriptor, for: interest, insteadOf: old, name: acceptor.pointee.name)
    }

    /// The server accepts no more on this loop.
    func stopListening(_ server: Server) {
        var kept: [UnsafeMutablePointer<Acceptor>] = []
        for acceptor in acceptors {
            if acceptor.pointee.server === server {
                let isPaused = acceptor.pointee.retryAt > 0
                if isPaused { meter.noteAcceptPaused(false) }
                acceptor.pointee.isClosed = true
                watch(acceptor, for: [], insteadOf: isPaused ? [] : .readable)
                Socket.close(acceptor.pointee.descriptor)
                afterwork.note(.closeListener(acceptor))
                context.ensureTurn()
            } else {
                kept.append(acceptor)
            }
        }
        acceptors = kept
        watchedServers.removeAll { $0 === server }
    }

    func setInterest(_ place: ConnectionRef, _ interest: Readiness) {
        if place.pointee.interest == interest || place.pointee.phase == .released { return }
        if place.pointee.link != nil { return }
        let isWatched = events.watch(
            place.pointee.descriptor, for: interest, insteadOf: place.pointee.interest,
            name: Acceptor.namesEnd + UInt64(place.pointee.slot))
        // What is not told of its socket would wait for ever.
        if !isWatched, !interest.isEmpty { afterwork.note(.broken(place.pointee.slot)) }
        place.pointee.interest = interest
    }

    // MARK: The end

    /// Closes the socket. The host has been told before, if it was told of the connection at all.
    func release(_ place: ConnectionRef) {
        if place.pointee.phase == .released { return }
        let slot = place.pointee.slot
        let tls = place.pointee.tls
        if let tls {
            // Whatever the socket takes of it.
            tls.close()
            _ = tls.flush(to: place.pointee.descriptor)
        }
        if place.pointee.link == nil {
            // Whoever forked, or gave us a copy, may keep the socket open, and the set would go on telling.
            setInterest(place, [])
            Socket.close(place.pointee.descriptor)
        }
        dropBacklog(place)
        place.pointee.phase = .released
        port.lock.lock()
        place.pointee.id = .none
        place.pointee.tls = nil
        hub.close(slot)
        port.lock.unlock()
        timers.remove(.connection, slot)
        timers.remove(.dialect, slot)
        place.pointee.exchange = nil
        stopLimiting(place)
        place.pointee.compression = nil
        if place.pointee.identity != nil { port.lock.withLock { place.pointee.identity = nil } }
        place.pointee.speaker = nil
        afterwork.note(.release(slot))
        context.ensureTurn()
        for acceptor in acceptors where acceptor.pointee.retryAt > 0 {
            acceptor.pointee.retryAt = now
            timers.setNoLater(.acceptor, due: now)
        }
        if place.pointee.isClient { return }
        let server = place.pointee.server.takeUnretainedValue()
        server.connectionCount.subtract(1, ordering: .relaxed)
        leaveAddressPlace(place, server)
        if !stoppingServers.isEmpty { checkStopped(server) }
    }

    /// At the end of a turn nobody is at work any more on what was closed in it.
    func freeReleased() {
        if afterwork.has(.release) {
            var endpoints: [Unmanaged<Endpoint>] = []
            port.lock.withLock {
                afterwork.forEach(.release) { note in
                    guard case .release(let slot) = note else { return }
                    if connections[slot].isClient { endpoints.append(connections[slot].endpoint) }
                    connections.remove(slot)
                }
            }
            for endpoint in endpoints { endpoint.release() }
        }
        afterwork.forEach(.closeListener) { note in
            guard case .closeListener(let acceptor) = note else { return }
            acceptor.deinitialize(count: 1)
            acceptor.deallocate()
        }
    }
}
