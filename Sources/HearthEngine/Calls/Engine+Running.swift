// The four ways to run, and the end.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthWire
internal import Synchronization

extension Engine {
    package func start() -> Status {
        if isInCallback { return alreadyRunning() }
        lifecycle.lock()
        defer { lifecycle.unlock() }
        guard change(.idle, to: .started) else { return alreadyRunning() }
        let status = makeLoops(configuration.integer(.threads), origin: .own, hasPoller: true)
        if status != .ok { return couldNotBegin(status) }
        for loop in loops { loop.events.setKeepsRunning(true) }
        do throws(SystemError) {
            for loop in loops { threads.append(try LoopThread(loop)) }
        } catch {
            for loop in loops { _ = loop.port.post(.stop) }
            return fail(.system, ascii("cannot start a thread: ") + error.text)
        }
        return serveStarted()
    }

    package func run() -> Status {
        if isInCallback { return alreadyRunning() }
        lifecycle.lock()
        let status = change(.idle, to: .run) ? makeOwnLoop() : mode == .run ? .ok : alreadyRunning()
        lifecycle.unlock()
        if status != .ok { return status }
        if isRunning.exchange(true, ordering: .acquiringAndReleasing) { return alreadyRunning() }
        guard let loop = currentLoops.first else {
            isRunning.store(false, ordering: .releasing)
            return alreadyRunning()
        }
        loop.port.owner.store(currentThread(), ordering: .relaxed)
        loop.events.run()
        loop.port.owner.store(0, ordering: .relaxed)
        isRunning.store(false, ordering: .releasing)
        return .ok
    }

    private func makeOwnLoop() -> Status {
        let status = makeLoops(1, origin: .own, hasPoller: false)
        if status != .ok { return couldNotBegin(status) }
        loops[0].events.setKeepsRunning(true)
        loops[0].port.owner.store(currentThread(), ordering: .relaxed)
        return serveStarted()
    }

    package func attach(_ hostLoop: UnsafeMutableRawPointer) -> Status {
        if isInCallback { return alreadyRunning() }
        lifecycle.lock()
        defer { lifecycle.unlock() }
        guard change(.idle, to: .attached) else { return alreadyRunning() }
        let status = makeLoops(1, origin: .hosts(hostLoop), hasPoller: false)
        if status != .ok { return couldNotBegin(status) }
        loops[0].port.owner.store(currentThread(), ordering: .relaxed)
        return serveStarted()
    }

    /// Whether what is open keeps the host's loop running.
    package func keepHostRunning(_ keeps: Bool) -> Status {
        guard mode == .attached, let loop = currentLoops.first else {
            return fail(.state, ascii("only an attached engine keeps its host's loop running, or not"))
        }
        guard loop.port.isCurrent else {
            return fail(.thread, ascii("the host's loop is asked on its own thread"))
        }
        loop.keepsHostRunning = keeps
        loop.updateKeeping()
        return .ok
    }

    package func drive() -> Status {
        if isInCallback { return alreadyRunning() }
        lifecycle.lock()
        defer { lifecycle.unlock() }
        guard change(.idle, to: .driven) else { return alreadyRunning() }
        queue.usesSignal = false
        let status = makeLoops(1, origin: .own, hasPoller: true)
        if status != .ok { return couldNotBegin(status) }
        // Referenced, so that libuv counts the timer's delay when it is asked for one.
        loops[0].events.setKeepsRunning(true)
        loops[0].port.owner.store(currentThread(), ordering: .relaxed)
        return serveStarted()
    }

    /// No loop was made: another try may be.
    private func couldNotBegin(_ status: Status) -> Status {
        backToIdle()
        return status
    }

    private func alreadyRunning() -> Status { fail(.state, ascii("the engine runs already, or has ended")) }

    package func stop() -> Status {
        switch mode {
        case .idle: return fail(.state, ascii("the engine does not run"))
        case .started, .run:
            for loop in currentLoops { _ = loop.port.post(.stop) }
            queue.interrupt()
        case .driven: break
        case .attached:
            let status = mayEnd()
            if status != .ok { return status }
            lifecycle.lock()
            defer { lifecycle.unlock() }
            endLoops()
        }
        return .ok
    }

    private func mayEnd() -> Status {
        if isInCallback { return fail(.thread, ascii("an engine cannot be ended from one of its callbacks")) }
        if mode == .attached, let loop = currentLoops.first, !loop.port.isCurrent {
            return fail(.thread, ascii("an attached engine is stopped and freed on its loop's thread"))
        }
        if mode == .run, isRunning.load(ordering: .acquiring) {
            return fail(
                .state, ascii("hearth_engine_run has not returned: call hearth_engine_stop and wait for it"))
        }
        return .ok
    }

    /// Ends and frees everything. Afterwards the engine must not be used.
    package func end() -> Status {
        var status = mayEnd()
        if status != .ok { return status }
        lifecycle.lock()
        defer { lifecycle.unlock() }
        // Meanwhile another thread may have begun to run it.
        status = mayEnd()
        if status != .ok { return status }
        if mode == .started {
            for loop in currentLoops { _ = loop.port.post(.stop) }
            for thread in threads { thread.join() }
            threads = []
        }
        queue.interrupt()
        endLoops()
        return .ok
    }

    private func endLoops() {
        let (loops, servers) = takeAll()
        for loop in loops { loop.port.owner.store(currentThread(), ordering: .relaxed) }
        // All connections of all loops end first: the host is told, and what it sends then finds every loop
        // in order.
        for loop in loops { loop.cutAll(servers) }
        for loop in loops { loop.retractPort() }
        for loop in loops { loop.retire() }
        for loop in loops {
            loop.port.owner.store(0, ordering: .relaxed)
            LoopPorts.giveBack(loop.port)
        }
        for server in servers {
            closeListenings(server)
            server.stopped.open()
        }
        forget()
        queue.clear()
    }

    // MARK: Events for a host that fetches them

    /// The descriptor to watch; nil: the engine does not run.
    package var descriptor: Int32? {
        switch mode {
        case .idle, .run, .attached: nil
        case .driven: currentLoops.first?.events.descriptor
        case .started: queue.descriptor
        }
    }

    /// Milliseconds until `turn` is due.
    package var timeoutMilliseconds: Int32 {
        guard mode == .driven, let loop = currentLoops.first else { return -1 }
        return queue.isEmpty ? loop.events.timeoutMilliseconds : 0
    }

    /// Makes events available to `queue.takeOne` or `takeAll`, waiting for the first as long as told (-1: for
    /// ever).
    package func turn(milliseconds: Int32) -> Status {
        switch mode {
        case .idle: return fail(.state, ascii("the engine does not run"))
        case .run, .attached:
            return fail(.state, ascii("a running or attached engine gives its events to callbacks"))
        case .started where currentLoops.contains { $0.port.isCurrent }:
            return fail(.thread, ascii("a loop's thread cannot wait for its own events"))
        case .started:
            if milliseconds != 0, queue.isEmpty { _ = queue.wait(milliseconds: milliseconds) }
        case .driven:
            guard let loop = currentLoops.first, loop.port.isCurrent else {
                return fail(.thread, ascii("a driven engine is polled on the thread that drives it"))
            }
            if loop.context.callbackDepth > 0 || loop.context.isDispatching {
                return fail(.state, ascii("a callback cannot run the loop that called it"))
            }
            driveTurn(loop.events, milliseconds)
        }
        return .ok
    }

    private func driveTurn(_ events: EventLoop, _ milliseconds: Int32) {
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
    /// another, or the descriptor would stay silent.
    private func runTurns(_ events: EventLoop) {
        for _ in 0..<4 {
            events.runOnce()
            if events.timeoutMilliseconds != 0 { return }
        }
    }

    /// Writes what was queued since the last turn.
    package func flush() -> Status {
        guard mode == .driven else { return mode == .idle ? .state : .ok }
        guard let loop = currentLoops.first, loop.port.isCurrent else {
            return fail(.thread, ascii("a driven engine is flushed on the thread that drives it"))
        }
        if loop.context.isDispatching || loop.context.callbackDepth > 0 { return .ok }
        Loop.dispatch(Unmanaged.passUnretained(loop).toOpaque()) { $0.endTurn() }
        return .ok
    }

    /// The queue has room again.
    package func resumeReading() {
        for loop in currentLoops {
            if loop.port.isCurrent { loop.resumeReading() } else { _ = loop.port.post(.resumeReading) }
        }
    }
}

extension Loop {
    /// Ends every connection and every listener. Thread: the loop's, or any when no thread runs it.
    func cutAll(_ servers: [Server]) {
        Loop.dispatch(UnsafeMutableRawPointer(Unmanaged.passUnretained(self).toOpaque())) { loop in
            loop.events.updateTime()
            for server in servers {
                loop.stopListening(server)
                loop.forEachConnection(of: server) { place in
                    if place.pointee.phase == .open {
                        loop.end(place, code: CloseCode.abnormal.rawValue, reason: [], flags: 0)
                    }
                    loop.release(place)
                }
                loop.expireAllDepartures(of: server)
            }
            loop.cutClients()
            loop.leaveClusters()
            loop.context.writeLogs()
        }
        stoppingServers = []
        for server in served { server.loopsServing.subtract(1, ordering: .acquiringAndReleasing) }
        served = []
        drains = []
    }

    /// Takes the loop out of libuv.
    func retire() {
        freeReleased()
        context.isRetired = true
        events.setKeepsRunning(false)
        events.close()
        events.drain()
    }
}
