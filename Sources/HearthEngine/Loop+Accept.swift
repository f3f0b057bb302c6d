// New connections, and their end.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import Synchronization

/// A listening descriptor of a loop. It lives outside of the loop's object because libuv knows its watcher by
/// address.
struct Acceptor: ~Copyable {
    var watcher = Watcher()
    let loop: Unmanaged<Loop>
    let server: Server
    let descriptor: Int32
    /// Peers that come here speak TLS.
    let isSealed: Bool
    /// Accepting is paused until then, because the process is out of descriptors; 0: it is not.
    var retryAt: UInt64 = 0
    var isClosed = false
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
        updateKeeping()
        if index == 0 { attendCertificates(of: server) }
        for listening in server.listenings where index < listening.descriptors.count {
            let place = UnsafeMutablePointer<Acceptor>.allocate(capacity: 1)
            place.initialize(
                to: Acceptor(
                    loop: Unmanaged.passUnretained(self), server: server,
                    descriptor: listening.descriptors[index], isSealed: listening.isSealed))
            let watcher = withUnsafeMutablePointer(to: &place.pointee.watcher) { $0 }
            do throws(SystemError) {
                try Watcher.open(
                    watcher, on: events, descriptor: listening.descriptors[index],
                    owner: UnsafeMutableRawPointer(place),
                    callback: { owner, _ in
                        let place = owner.assumingMemoryBound(to: Acceptor.self)
                        Loop.dispatch(place.pointee.loop.toOpaque()) { $0.accept(place) }
                    },
                    closed: { owner in
                        let place = owner.assumingMemoryBound(to: Acceptor.self)
                        let loop = place.pointee.loop
                        place.deinitialize(count: 1)
                        place.deallocate()
                        Loop.dispatch(loop.toOpaque()) { $0.openAcceptors -= 1 }
                        Loop.finishRetirement(loop)
                    })
            } catch {
                log(
                    .error, "server", "cannot watch the listening socket",
                    LogFields().adding("error", error.text))
                place.deinitialize(count: 1)
                place.deallocate()
                continue
            }
            Watcher.watch(watcher, for: .readable)
            acceptors.append(place)
            openAcceptors += 1
        }
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
        if !isDispatching { events.updateTime() }
        if !server.isServing { return Socket.close(descriptor) }
        guard let place = admit(descriptor, address, server, isSealed: false), !bytes.isEmpty else { return }
        exchange(of: place).leftover = bytes
        goOnLater(place)
    }

    /// nil: it could not be, and is closed.
    private func admit(
        _ descriptor: Int32, _ address: PeerAddress, _ server: Server, isSealed: Bool
    ) -> UnsafeMutablePointer<Connection>? {
        guard let place = insert(descriptor, address, server) else { return nil }
        let limit = server.connectionsMax
        let others = server.connectionCount.add(1, ordering: .relaxed).oldValue
        // One too many is still read, so that it can be told so.
        place.pointee.isSealed = isSealed
        if limit > 0 && others >= limit {
            place.pointee.refusal = .server
        } else {
            countAddress(place, server)
        }
        Watcher.watch(watcher(of: place), for: .readable)
        place.pointee.deadline = now + server.handshakeTimeout
        setDeadline(place, place.pointee.deadline)
        return place
    }

    /// A connection for the descriptor, which is closed if there is none.
    func insert(
        _ descriptor: Int32, _ address: PeerAddress, _ endpoint: Endpoint
    ) -> UnsafeMutablePointer<Connection>? {
        if connections.count >= ConnectionID.slotCount - 1 {
            log(.error, "engine", "no connection: the loop is full", LogFields())
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
        do throws(SystemError) {
            try Watcher.open(
                watcher(of: place), on: events, descriptor: descriptor, owner: UnsafeMutableRawPointer(place),
                callback: { owner, events in
                    let place = owner.assumingMemoryBound(to: Connection.self)
                    Loop.dispatch(place.pointee.loop.toOpaque()) {
                        $0.ready(place, Readiness(rawValue: events))
                    }
                },
                closed: { owner in
                    let place = owner.assumingMemoryBound(to: Connection.self)
                    let loop = place.pointee.loop
                    Loop.dispatch(loop.toOpaque()) { $0.freeSlot(place.pointee.slot) }
                    Loop.finishRetirement(loop)
                })
        } catch {
            log(
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
        log(.error, "server", "accepting is paused", LogFields().adding("error", error.text))
        Watcher.watch(withUnsafeMutablePointer(to: &acceptor.pointee.watcher) { $0 }, for: [])
        acceptor.pointee.retryAt = now + Self.acceptRetryMilliseconds
        meter.noteAcceptPaused(true)
    }

    func resume(_ acceptor: UnsafeMutablePointer<Acceptor>) {
        acceptor.pointee.retryAt = 0
        meter.noteAcceptPaused(false)
        log(.info, "server", "accepting goes on", LogFields())
        Watcher.watch(withUnsafeMutablePointer(to: &acceptor.pointee.watcher) { $0 }, for: .readable)
    }

    /// The server accepts no more on this loop.
    func stopListening(_ server: Server) {
        var kept: [UnsafeMutablePointer<Acceptor>] = []
        for acceptor in acceptors {
            if acceptor.pointee.server === server {
                if acceptor.pointee.retryAt > 0 { meter.noteAcceptPaused(false) }
                acceptor.pointee.isClosed = true
                Watcher.close(withUnsafeMutablePointer(to: &acceptor.pointee.watcher) { $0 })
                Socket.close(acceptor.pointee.descriptor)
            } else {
                kept.append(acceptor)
            }
        }
        acceptors = kept
        watchedServers.removeAll { $0 === server }
    }

    func watcher(of place: UnsafeMutablePointer<Connection>) -> UnsafeMutablePointer<Watcher> {
        withUnsafeMutablePointer(to: &place.pointee.watcher) { $0 }
    }

    func setInterest(_ place: UnsafeMutablePointer<Connection>, _ interest: Readiness) {
        if place.pointee.interest == interest || place.pointee.phase == .released { return }
        if place.pointee.link != nil { return }
        place.pointee.interest = interest
        Watcher.watch(watcher(of: place), for: interest)
    }

    // MARK: The end

    /// Closes the socket. The host has been told before, if it was told of the connection at all.
    func release(_ place: UnsafeMutablePointer<Connection>) {
        if place.pointee.phase == .released { return }
        place.pointee.phase = .released
        let slot = place.pointee.slot
        let tls = place.pointee.tls
        if let tls {
            // Whatever the socket takes of it.
            tls.close()
            _ = tls.flush(to: place.pointee.descriptor)
        }
        port.lock.lock()
        place.pointee.id = .none
        place.pointee.tls = nil
        hub.close(slot)
        port.lock.unlock()
        wheel.remove(slot)
        eventWheel.remove(slot)
        place.pointee.exchange = nil
        stopLimiting(place)
        place.pointee.compression = nil
        if place.pointee.identity != nil { port.lock.withLock { place.pointee.identity = nil } }
        place.pointee.speaker = nil
        if place.pointee.link != nil {
            releasedCarried.append(slot)
            if !isDispatching { requestTurn() }
        } else {
            Watcher.close(watcher(of: place))
            Socket.close(place.pointee.descriptor)
        }
        for acceptor in acceptors where acceptor.pointee.retryAt > 0 { acceptor.pointee.retryAt = now }
        if place.pointee.isClient { return }
        let server = place.pointee.server.takeUnretainedValue()
        server.connectionCount.subtract(1, ordering: .relaxed)
        leaveAddressPlace(place, server)
        if !stoppingServers.isEmpty { checkStopped(server) }
    }

    private func freeSlot(_ slot: UInt32) {
        let endpoint = connections[slot].isClient ? connections[slot].endpoint : nil
        port.lock.withLock { connections.remove(slot) }
        endpoint?.release()
    }
}
