// The four ways to run, and the end.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthWire
internal import Synchronization

extension Engine {
    package func start() -> Status {
        guard mode == .idle, !isEnded else { return alreadyRunning() }
        let status = makeLoops(configuration.integer(.threads), origin: .own)
        if status != .ok { return status }
        mode = .started
        hasPoller = true
        for loop in loops { loop.events.setKeepsRunning(true) }
        do throws(SystemError) {
            for loop in loops { threads.append(try LoopThread(loop)) }
        } catch {
            for loop in loops { _ = loop.port.post(.stop) }
            return fail(.system, bytes("cannot start a thread: ") + error.text)
        }
        return serveStarted()
    }

    package func run() -> Status {
        if mode == .idle, !isEnded {
            let status = makeLoops(1, origin: .own)
            if status != .ok { return status }
            mode = .run
            loops[0].events.setKeepsRunning(true)
            loops[0].port.owner.store(currentThread(), ordering: .relaxed)
            let served = serveStarted()
            if served != .ok { return served }
        } else if mode != .run {
            return alreadyRunning()
        }
        if isRunning.exchange(true, ordering: .acquiringAndReleasing) { return alreadyRunning() }
        let loop = loops[0]
        loop.port.owner.store(currentThread(), ordering: .relaxed)
        loop.events.run()
        loop.port.owner.store(0, ordering: .relaxed)
        isRunning.store(false, ordering: .releasing)
        return .ok
    }

    package func attach(_ hostLoop: UnsafeMutableRawPointer) -> Status {
        guard mode == .idle, !isEnded else { return alreadyRunning() }
        let status = makeLoops(1, origin: .hosts(hostLoop))
        if status != .ok { return status }
        mode = .attached
        loops[0].port.owner.store(currentThread(), ordering: .relaxed)
        return serveStarted()
    }

    package func drive() -> Status {
        guard mode == .idle, !isEnded else { return alreadyRunning() }
        let status = makeLoops(1, origin: .own)
        if status != .ok { return status }
        mode = .driven
        hasPoller = true
        queue.usesSignal = false
        // Referenced, so that libuv counts the timer's delay when it is asked for one.
        loops[0].events.setKeepsRunning(true)
        loops[0].port.owner.store(currentThread(), ordering: .relaxed)
        return serveStarted()
    }

    private func alreadyRunning() -> Status { fail(.state, bytes("the engine runs already")) }

    package func stop() -> Status {
        switch mode {
        case .idle: return fail(.state, bytes("the engine does not run"))
        case .started, .run:
            for loop in loops { _ = loop.port.post(.stop) }
        case .driven: break
        case .attached:
            guard loops.isEmpty || loops[0].port.isCurrent else {
                return fail(.thread, bytes("an attached engine is stopped on its loop's thread"))
            }
            retireLoops()
        }
        return .ok
    }

    /// Ends and frees everything. Afterwards the engine must not be used.
    package func end() -> Status {
        if loops.contains(where: { $0.port.isCurrent && $0.isDispatching }) {
            return fail(.thread, bytes("an engine cannot be freed from one of its callbacks"))
        }
        if mode == .attached, let loop = loops.first, !loop.port.isCurrent {
            return fail(.thread, bytes("an attached engine is freed on its loop's thread"))
        }
        if mode == .run, isRunning.load(ordering: .acquiring) {
            return fail(
                .state, bytes("hearth_engine_run has not returned: call hearth_engine_stop and wait for it"))
        }
        if mode == .started {
            for loop in loops { _ = loop.port.post(.stop) }
            for thread in threads { thread.join() }
            threads = []
        }
        retireLoops()
        for server in servers { closeListenings(server) }
        servers = []
        queue.clear()
        return .ok
    }

    private func retireLoops() {
        for loop in loops { loop.port.owner.store(currentThread(), ordering: .relaxed) }
        for loop in loops { loop.retire(servers) }
        for loop in loops {
            loop.port.owner.store(0, ordering: .relaxed)
            LoopPorts.giveBack(loop.port)
        }
        loops = []
        mode = .idle
        isEnded = true
    }

    // MARK: Events for a host that fetches them

    /// The descriptor to watch; nil: the engine does not run.
    package var descriptor: Int32? {
        switch mode {
        case .idle, .run, .attached: nil
        case .driven: loops[0].events.descriptor
        case .started: queue.descriptor
        }
    }

    /// Milliseconds until `turn` is due.
    package var timeoutMilliseconds: Int32 {
        guard mode == .driven, !loops.isEmpty else { return -1 }
        return queue.isEmpty ? loops[0].events.timeoutMilliseconds : 0
    }

    /// Makes events available to `queue.takeOne` or `takeAll`, waiting for the first as long as told (-1: for
    /// ever).
    package func turn(milliseconds: Int32) -> Status {
        switch mode {
        case .idle: return fail(.state, bytes("the engine does not run"))
        case .run, .attached:
            return fail(.state, bytes("a running or attached engine gives its events to callbacks"))
        case .started:
            if milliseconds != 0, queue.isEmpty { _ = queue.wait(milliseconds: milliseconds) }
        case .driven:
            guard loops[0].port.isCurrent else {
                return fail(.thread, bytes("a driven engine is polled on the thread that drives it"))
            }
            if loops[0].isDispatching {
                return fail(.state, bytes("a callback cannot run the loop that called it"))
            }
            driveTurn(milliseconds)
        }
        return .ok
    }

    private func driveTurn(_ milliseconds: Int32) {
        let events = loops[0].events
        runTurns(events)
        if milliseconds == 0 || !queue.isEmpty { return }
        let deadline = milliseconds < 0 ? UInt64.max : events.now + UInt64(milliseconds)
        while queue.isEmpty {
            let now = events.now
            if now >= deadline { return }
            let own = events.timeoutMilliseconds
            let left = deadline == UInt64.max ? -1 : Int32(clamping: deadline - now)
            let wait = own < 0 ? left : left < 0 ? own : min(own, left)
            if wait != 0 { _ = ReadinessSignal.wait(for: events.descriptor, milliseconds: wait) }
            runTurns(events)
        }
    }

    /// libuv registers new watchers only at the start of a turn, so a turn that made some is followed by
    /// another, or the
    /// descriptor would stay silent.
    private func runTurns(_ events: EventLoop) {
        for _ in 0..<4 {
            events.runOnce()
            if events.timeoutMilliseconds != 0 { return }
        }
    }

    /// Writes what was queued since the last turn.
    package func flush() -> Status {
        guard mode == .driven else { return mode == .idle ? .state : .ok }
        guard loops[0].port.isCurrent else {
            return fail(.thread, bytes("a driven engine is flushed on the thread that drives it"))
        }
        if loops[0].isDispatching { return .ok }
        Loop.dispatch(Unmanaged.passUnretained(loops[0]).toOpaque()) { $0.endTurn() }
        return .ok
    }

    /// The queue has room again.
    package func resumeReading() {
        for loop in loops {
            if loop.port.isCurrent { loop.resumeReading() } else { _ = loop.port.post(.resumeReading) }
        }
    }
}

extension Loop {
    /// Cuts everything and takes the loop out of libuv. Its memory lives until libuv has let go of the last
    /// watcher.
    /// Thread: the loop's, or any when no thread runs it.
    func retire(_ servers: [Server]) {
        let owner = UnsafeMutableRawPointer(Unmanaged.passUnretained(self).toOpaque())
        Loop.dispatch(owner) { loop in
            for server in servers {
                loop.stopListening(server)
                loop.forEachConnection(of: server) { place in
                    if place.pointee.phase == .open {
                        loop.end(place, code: CloseCode.abnormal.rawValue, reason: [], flags: 0)
                    }
                    loop.release(place)
                }
            }
        }
        retractPort()
        stoppingServers = []
        isRetired = true
        retirement = Unmanaged.passRetained(self)
        events.setKeepsRunning(false)
        finishRetirement()
        events.drain()
    }

    /// Called when a watcher is gone: after the last one the loop is.
    func finishRetirement() {
        guard isRetired, connections.count == 0, openAcceptors == 0, let held = retirement else { return }
        retirement = nil
        events.close()
        held.release()
    }
}
