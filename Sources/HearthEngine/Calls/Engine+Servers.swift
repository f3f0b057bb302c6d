// Servers: routes, addresses, start and stop.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthWire
internal import Synchronization

extension Server {
    package func setCallback(_ callback: EventCallback?, _ context: UnsafeMutableRawPointer?) -> Status {
        guard state.load(ordering: .relaxed) == .idle else { return notIdle("the event callback is set") }
        self.callback = callback
        callbackContext = context
        return .ok
    }

    /// The number of the new route, or an error.
    package func addRoute(pattern: [UInt8], options: [UInt8]) -> Int32 {
        guard state.load(ordering: .relaxed) == .idle else { return notIdle("routes are added").rawValue }
        do throws(Route.Fault) {
            let route = try Route.parse(pattern: pattern, options: options)
            if route.dialect == .json { try events.check() }
            if access.level(of: route) != .open, access.tokens == nil {
                let status = ServerAccess.noKeysStatus ?? .invalidValue
                return engine.fail(status, ascii("option auth: ") + ServerAccess.noKeys).rawValue
            }
            return Int32(add(route))
        } catch {
            return engine.fail(error.status, error.sentence).rawValue
        }
    }

    func notIdle(_ what: StaticString) -> Status {
        engine.fail(.state, ascii(what) + ascii(" before the server is started"))
    }

    package func start() -> Status {
        guard
            state.compareExchange(expected: .idle, desired: .starting, ordering: .acquiringAndReleasing)
                .exchanged
        else {
            return engine.fail(.state, ascii("the server was started before"))
        }
        engine.noteStart()
        let addresses = configuration.list(.listen)
        if addresses.isEmpty {
            state.store(.idle, ordering: .releasing)
            return engine.fail(
                .invalidValue, ascii("the key listen is empty: set it, for example to 127.0.0.1:9000"))
        }
        var status = loadCertificates(for: addresses)
        for address in addresses where status == .ok && !address.isEqual(to: "none") {
            status = listen(address)
        }
        if status != .ok {
            engine.closeListenings(self)
            state.store(.idle, ordering: .releasing)
            return status
        }
        let begun = state.compareExchange(
            expected: .starting, desired: .started, ordering: .acquiringAndReleasing)
        guard begun.exchanged else {
            engine.closeListenings(self)
            return engine.fail(.state, ascii("the server was freed while it was being started"))
        }
        status = engine.serve(self)
        if status != .ok {
            engine.closeListenings(self)
            state.store(.idle, ordering: .releasing)
        }
        return status
    }

    /// Takes over a connected socket and what was read from it.
    package func adopt(_ descriptor: Int32, _ bytes: UnsafeBufferPointer<UInt8>) -> Status {
        if bytes.count > headLimits.maxBytes + configuration.size(.maxMessageSize) {
            return engine.fail(.tooLarge, ascii("more was read than max_header_size and max_message_size"))
        }
        let loops = engine.currentLoops
        guard isServing, !loops.isEmpty else {
            return engine.fail(.state, ascii("a socket is adopted by a started server of a running engine"))
        }
        guard let address = Socket.adopt(descriptor) else {
            return engine.fail(.invalid, ascii("the descriptor is no connected stream socket"))
        }
        if let here = loops.first(where: { $0.port.isCurrent }) {
            here.adopt(descriptor, address, self, Array(bytes))
            return .ok
        }
        let turn = adoptedCount.add(1, ordering: .relaxed).oldValue
        let isPosted = loops[turn % loops.count].port.post(
            .server(self, .adopt(descriptor: descriptor, address: address, Array(bytes))))
        return isPosted ? .ok : engine.fail(.state, ascii("the engine is ending"))
    }

    private func listen(_ given: [UInt8]) -> Status {
        let (isSealed, text) = scheme(of: given)
        guard let address = ListenAddress(text) else {
            return engine.fail(
                .address,
                ascii("\"") + given
                    + ascii("\" is not an address to listen on: write HOST:PORT, [IPv6]:PORT or unix:/path, ")
                    + ascii("after ws:// or wss:// if you like"))
        }
        let isShared = engine.configuration.integer(.threads) > 1
        guard let mode = unixMode else {
            return engine.fail(
                .invalidValue,
                ascii("unix_mode: \"") + configuration.text(of: .unixMode)
                    + ascii("\" is not an octal mode from 0 to 0777, such as 0660"))
        }
        do throws(SystemError) {
            let backlog = Int32(clamping: configuration.integer(.listenBacklog))
            let isIPv6Only = configuration.flag(.ipv6Only)
            var path: [UInt8]?
            var bound = address
            if case .unix(let name) = address { path = name }
            if isShared, case .ip(let host, _, let isIPv6) = address {
                // With SO_REUSEPORT the system would let another program's port be shared: a plain socket
                // finds that out.
                let probe = try Socket.listen(
                    address, backlog: 1, isShared: false, isIPv6Only: isIPv6Only, unixMode: mode)
                Socket.close(probe.descriptor)
                bound = .ip(host: host, port: probe.port, isIPv6: isIPv6)
            }
            let opened = try Socket.listen(
                bound, backlog: backlog, isShared: isShared, isIPv6Only: isIPv6Only, unixMode: mode)
            var shown = text
            if path == nil {
                shown = Array(text[...text.lastIndex(of: UInt8(ascii: ":"))!])
                appendDecimal(UInt64(opened.port), to: &shown)
            }
            add(
                Listening(
                    text: shown, port: opened.port, path: path, file: path.flatMap { SocketFile(path: $0) },
                    isSealed: isSealed,
                    descriptors: [opened.descriptor]))
            return .ok
        } catch {
            var sentence = ascii("cannot listen on ") + text + ascii(": ") + error.text
            if error.kind == .addressInUse, case .unix(let path) = address, !Socket.isSocket(path: path) {
                sentence += ascii("; the file there is not a socket, and stays")
            }
            switch error.kind {
            case .addressInUse: return engine.fail(.addressInUse, sentence)
            case .badAddress, .notFound: return engine.fail(.address, sentence)
            case .permission: return engine.fail(.permission, sentence)
            case .memory: return engine.fail(.memory, sentence)
            case .descriptorsExhausted, .other: return engine.fail(.system, sentence)
            }
        }
    }

    /// `unix_mode`; nil: it is no mode.
    private var unixMode: UInt32? {
        let digits = configuration.text(of: .unixMode)
        if digits.isEmpty || digits.count > 5 { return nil }
        var mode: UInt32 = 0
        for digit in digits {
            guard digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "7") else { return nil }
            mode = mode << 3 | UInt32(digit - UInt8(ascii: "0"))
        }
        return mode <= 0o777 ? mode : nil
    }

    /// The port of the first TCP address; 0: there is none.
    package var port: Int32 {
        for listening in listenings where listening.path == nil { return Int32(listening.port) }
        return 0
    }

    package func address(at index: Int) -> [UInt8]? {
        let listenings = listenings
        guard index < listenings.count else { return nil }
        return listenings[index].isSealed ? ascii("wss://") + listenings[index].text : listenings[index].text
    }

    /// Stops politely.
    package func stop(reason: [UInt8]) -> Status {
        if reason.count > 123 { return engine.fail(.tooLarge, ascii("a close reason has at most 123 bytes")) }
        guard beginToStop(from: .started) || beginToStop(from: .draining) else {
            return engine.fail(.state, ascii("the server is not started, or stopped already"))
        }
        if engine.currentLoops.isEmpty {
            engine.closeListenings(self)
            state.store(.stopped, ordering: .relaxed)
            stopped.open()
            return .ok
        }
        stopLoops(reason: reason, deadline: nil)
        return .ok
    }

    /// Waits until the server has stopped. Returns 1, or 0 if the time was over before, or an error. Thread:
    /// any but that of a loop of the engine, which the stop needs.
    package func waitUntilStopped(milliseconds: Int32) -> Int64 {
        if engine.currentLoops.contains(where: { $0.port.isCurrent }) {
            return Int64(
                engine.fail(.thread, ascii("the thread of a loop cannot wait for a stop, which needs it"))
                    .rawValue)
        }
        let state = state.load(ordering: .acquiring)
        if state == .idle || state == .starting {
            return Int64(engine.fail(.state, ascii("the server was not started")).rawValue)
        }
        return stopped.wait(milliseconds: milliseconds) ? 1 : 0
    }

    private func beginToStop(from: ServerState) -> Bool {
        state.compareExchange(expected: from, desired: .stopping, ordering: .acquiringAndReleasing).exchanged
    }

    /// deadline: when what is left is cut; nil: `shutdown_timeout` from now.
    func stopLoops(reason: [UInt8], deadline: UInt64?) {
        loopsToStop.store(engine.currentLoops.count, ordering: .releasing)
        for listening in listenings { listening.file?.remove() }
        for loop in engine.currentLoops {
            if loop.port.isCurrent {
                loop.stopServer(self, reason: reason, deadline: deadline)
            } else {
                _ = loop.port.post(.server(self, .stop(reason: reason, deadline: deadline)))
            }
        }
    }

    /// Cuts all connections. The number stays taken.
    package func cut() -> Status {
        let before = state.exchange(.stopped, ordering: .acquiringAndReleasing)
        stopped.open()
        if before == .idle {
            engine.forget(self)
            return .ok
        }
        if engine.currentLoops.isEmpty {
            engine.closeListenings(self)
            return .ok
        }
        if before == .started || before == .draining {
            loopsToStop.store(engine.currentLoops.count, ordering: .releasing)
            for listening in listenings { listening.file?.remove() }
        }
        for loop in engine.currentLoops {
            if loop.port.isCurrent {
                loop.cutServer(self)
            } else {
                _ = loop.port.post(.server(self, .cut))
            }
        }
        return .ok
    }
}

extension Engine {
    /// One listening descriptor for each loop: the first was opened when the server was started.
    func openRemaining(_ server: Server) -> Status {
        for (index, listening) in server.listenings.enumerated() {
            for _ in listening.descriptors.count..<max(loops.count, listening.descriptors.count) {
                do throws(SystemError) {
                    if listening.path != nil {
                        // A Unix socket has one queue: the loops share its descriptor.
                        server.add(descriptor: try Socket.duplicate(listening.descriptors[0]), at: index)
                    } else if let address = ListenAddress(listening.text) {
                        let opened = try Socket.listen(
                            address, backlog: Int32(clamping: server.configuration.integer(.listenBacklog)),
                            isShared: true, isIPv6Only: server.configuration.flag(.ipv6Only), unixMode: 0)
                        server.add(descriptor: opened.descriptor, at: index)
                    }
                } catch {
                    return fail(
                        .system, ascii("cannot listen on ") + listening.text + ascii(": ") + error.text)
                }
            }
        }
        return .ok
    }

    /// For a server that no loop serves: closes its descriptors. Else its loops have closed them.
    func closeListenings(_ server: Server) {
        let state = server.state.load(ordering: .relaxed)
        for listening in server.takeListenings() {
            if !server.wasServed.load(ordering: .acquiring) {
                for descriptor in listening.descriptors { Socket.close(descriptor) }
            }
            if state != .stopped || !server.wasServed.load(ordering: .acquiring) { listening.file?.remove() }
        }
    }
}
