// One libuv loop, the handles that Hearth hangs into it (a timer, a wake-up, and a prepare and a check handle
// that end each turn), and a set of sockets beside it. On a host's loop libuv watches the set; an own loop
// waits in the set, with libuv's descriptor among the sockets, and runs libuv only when that has something to
// do. It knows nothing of connections; what happens is told to one owner through C functions.

internal import CLibuv

/// What an owner of a loop is told, always on the loop's thread.
package struct EventLoopCallbacks {
    /// Sockets are ready: so many `ReadySocket`s, which C knows nothing of. What is told of one may be out of
    /// date after what was done for one before it.
    package var ready: @convention(c) (UnsafeMutableRawPointer, UnsafeRawPointer, Int) -> Void
    /// Another thread called `wake`.
    package var woken: @convention(c) (UnsafeMutableRawPointer) -> Void
    /// The timer set by `setTimer` is due.
    package var timerFired: @convention(c) (UnsafeMutableRawPointer) -> Void
    /// Everything that was ready has been told: time to flush.
    package var turnEnded: @convention(c) (UnsafeMutableRawPointer) -> Void

    package init(
        ready: @escaping @convention(c) (UnsafeMutableRawPointer, UnsafeRawPointer, Int) -> Void,
        woken: @escaping @convention(c) (UnsafeMutableRawPointer) -> Void,
        timerFired: @escaping @convention(c) (UnsafeMutableRawPointer) -> Void,
        turnEnded: @escaping @convention(c) (UnsafeMutableRawPointer) -> Void
    ) {
        self.ready = ready
        self.woken = woken
        self.timerFired = timerFired
        self.turnEnded = turnEnded
    }
}

/// Whom the handles tell. It outlives the EventLoop object until libuv has let go of all of them.
struct LoopOwner {
    var owner: UnsafeMutableRawPointer?
    var callbacks: EventLoopCallbacks?
    /// Handles that libuv still knows.
    var open: Int32 = 0
    /// How often the sockets have been asked who is ready.
    var round: UInt64 = 0
    let isOwn: Bool
    var sockets: Unmanaged<SocketSet>
}

package final class EventLoop {
    package enum Origin { case own, hosts(UnsafeMutableRawPointer) }

    let handle: UnsafeMutablePointer<uv_loop_t>
    package let isOwn: Bool
    private let tellsWhom: UnsafeMutablePointer<LoopOwner>
    // Each in memory of its own, as libuv writes to them on the loop's thread and other threads wake through
    // one.
    private let timer: UnsafeMutablePointer<uv_timer_t> = .allocate(capacity: 1)
    private let wakeup: UnsafeMutablePointer<uv_async_t> = .allocate(capacity: 1)
    private let prepare: UnsafeMutablePointer<uv_prepare_t> = .allocate(capacity: 1)
    private let check: UnsafeMutablePointer<uv_check_t> = .allocate(capacity: 1)
    private let idle: UnsafeMutablePointer<uv_idle_t> = .allocate(capacity: 1)
    /// A host's loop watches the set of sockets by it.
    private let watch: UnsafeMutablePointer<uv_poll_t> = .allocate(capacity: 1)
    private let sockets: SocketSet
    /// The handles that libuv knows.
    private var known: [UnsafeMutablePointer<uv_handle_t>] = []
    private var isTurnRequested = false
    private var isStopping = false
    /// What stands for libuv among the sockets; they have other names.
    private static let ownName: UInt64 = 0

    /// Makes a loop, or takes the host's uv_loop_t.
    package static func make(_ origin: Origin) throws(SystemError) -> EventLoop {
        if case .own = origin { try checkDescriptors() }
        // Before the object: one that is given up in its init does not free what it has.
        return try EventLoop(origin, SocketSet())
    }

    private init(_ origin: Origin, _ sockets: SocketSet) throws(SystemError) {
        self.sockets = sockets
        tellsWhom = .allocate(capacity: 1)
        var isOwn = false
        if case .own = origin { isOwn = true }
        self.isOwn = isOwn
        tellsWhom.initialize(to: LoopOwner(isOwn: isOwn, sockets: .passUnretained(sockets)))
        switch origin {
        case .own:
            handle = .allocate(capacity: 1)
            let status = uv_loop_init(handle)
            if status != 0 {
                handle.deallocate()
                close()
                throw SystemError(number: -status)
            }
        case .hosts(let pointer):
            handle = pointer.assumingMemoryBound(to: uv_loop_t.self)
        }
        #if HEARTH_SIMULATION
            if Simulation.here != nil { updateTime() }
        #endif
    }

    /// Whether a loop's descriptors can be had: libuv ends the process when its first loop lacks one, and
    /// keeps some of those that a loop already has when it lacks a later one.
    private static func checkDescriptors() throws(SystemError) {
        var pipes: [(Int32, Int32)] = []
        defer {
            for ends in pipes {
                Socket.close(ends.0)
                Socket.close(ends.1)
            }
        }
        for _ in 0..<5 {
            var ends: (Int32, Int32) = (-1, -1)
            let status = withUnsafeMutableBytes(of: &ends) {
                hearth_shim_pipe($0.baseAddress!.assumingMemoryBound(to: Int32.self))
            }
            if status != 0 { throw SystemError.last }
            pipes.append(ends)
        }
    }

    /// Hangs the handles in. From now on `owner` is told what happens. Thread: the loop's.
    package func open(owner: UnsafeMutableRawPointer, callbacks: EventLoopCallbacks) throws(SystemError) {
        tellsWhom.pointee.owner = owner
        tellsWhom.pointee.callbacks = callbacks
        if isOwn { try sockets.add(uv_backend_fd(handle), .readable, name: Self.ownName) }
        try hangIn(wakeup) {
            uv_async_init($0, $1) { EventLoop.owner(of: $0?.pointee.data) { $1.woken($0) } }
        }
        try hangIn(timer) { uv_timer_init($0, $1) }
        try hangIn(prepare) { uv_prepare_init($0, $1) }
        try hangIn(check) { uv_check_init($0, $1) }
        try hangIn(idle) { uv_idle_init($0, $1) }
        // Timers run before the poll, sockets in it: one of the two handles follows either, so nothing waits.
        uv_prepare_start(prepare) {
            EventLoop.owner(of: $0?.pointee.data) { $1.turnEnded($0) }
            // The sockets of a host's loop are asked next.
            guard let block = $0?.pointee.data?.assumingMemoryBound(to: LoopOwner.self) else { return }
            if !block.pointee.isOwn { block.pointee.round += 1 }
        }
        uv_check_start(check) { EventLoop.owner(of: $0?.pointee.data) { $1.turnEnded($0) } }
        if isOwn { return }
        let descriptor = sockets.descriptor
        try hangIn(watch) { uv_poll_init($0, $1, descriptor) }
        uv_poll_start(watch, Int32(UV_READABLE.rawValue)) { watch, _, _ in
            EventLoop.owner(of: watch?.pointee.data) { owner, callbacks in
                guard let block = watch?.pointee.data?.assumingMemoryBound(to: LoopOwner.self) else { return }
                block.pointee.sockets._withUnsafeGuaranteedRef { sockets in
                    let count = sockets.wait(milliseconds: 0)
                    if count > 0 { callbacks.ready(owner, sockets.found, count) }
                }
            }
        }
    }

    /// Makes a handle known to libuv. What keeps a loop running is said by `setKeepsRunning` alone.
    private func hangIn<Handle>(
        _ place: UnsafeMutablePointer<Handle>,
        _ start: (UnsafeMutablePointer<uv_loop_t>, UnsafeMutablePointer<Handle>) -> Int32
    ) throws(SystemError) {
        let status = start(handle, place)
        if status != 0 { throw SystemError(number: -status) }
        let raw = UnsafeMutableRawPointer(place).assumingMemoryBound(to: uv_handle_t.self)
        raw.pointee.data = UnsafeMutableRawPointer(tellsWhom)
        tellsWhom.pointee.open += 1
        known.append(raw)
        uv_unref(raw)
    }

    /// Takes the handles out. The memory that libuv needs for that lives as long as it does.
    package func close() {
        tellsWhom.pointee.callbacks = nil
        for place in handles where !known.contains(place) { UnsafeMutableRawPointer(place).deallocate() }
        if known.isEmpty { return tellsWhom.deallocate() }
        for place in known {
            uv_close(place) { closing in
                guard let data = closing?.pointee.data else { return }
                let owner = data.assumingMemoryBound(to: LoopOwner.self)
                // They lie in blocks made by `allocate`, which free takes by their address alone.
                UnsafeMutableRawPointer(closing)?.deallocate()
                owner.pointee.open -= 1
                if owner.pointee.open == 0 { owner.deallocate() }
            }
        }
    }

    /// Runs an own loop until libuv has let go of everything, and frees it. A host's loop is the host's to
    /// run. A lookup of a name that the system has begun cannot be broken off: then a thread that nobody
    /// waits for does the rest.
    package func drain() {
        guard isOwn else { return }
        for _ in 0..<8 where uv_run(handle, UV_RUN_NOWAIT) != 0 {}
        if handle.pointee.active_reqs.count > 0 {
            let begun = hearth_shim_detach(
                { loop in
                    if let loop { EventLoop.finish(loop.assumingMemoryBound(to: uv_loop_t.self)) }
                    return nil
                }, UnsafeMutableRawPointer(handle))
            if begun == 0 { return }
        }
        Self.finish(handle)
    }

    private static func finish(_ handle: UnsafeMutablePointer<uv_loop_t>) {
        while uv_run(handle, UV_RUN_DEFAULT) != 0 {}
        let status = uv_loop_close(handle)
        precondition(status == 0, "a handle of the loop is still open")
        handle.deallocate()
    }

    // MARK: Running

    /// Runs an own loop until `stop`.
    package func run() {
        isStopping = false
        while !isStopping { turn(milliseconds: isTurnRequested ? 0 : uv_backend_timeout(handle)) }
    }

    /// One turn of an own loop that does not block.
    package func runOnce() { turn(milliseconds: 0) }

    /// Ends `run` after this turn.
    package func stop() { isStopping = true }

    private func turn(milliseconds: Int32) {
        #if HEARTH_SIMULATION
            if let simulation = Simulation.here { return turn(simulation) }
        #endif
        let count = sockets.wait(milliseconds: milliseconds)
        tellsWhom.pointee.round += 1
        uv_update_time(handle)
        var isDue = false
        for index in 0..<count where sockets.found[index].name == Self.ownName { isDue = true }
        guard let owner = tellsWhom.pointee.owner, let callbacks = tellsWhom.pointee.callbacks else { return }
        if count > 0 { callbacks.ready(owner, sockets.found, count) }
        // libuv's turn ends as ours does, with its prepare and its check handle.
        if isDue || uv_backend_timeout(handle) == 0 {
            uv_run(handle, UV_RUN_NOWAIT)
        } else {
            callbacks.turnEnded(owner)
        }
    }

    /// Whether the wake-up keeps libuv from calling a loop done: a host's uv_run then goes on, and the timer
    /// of an own loop counts.
    package func setKeepsRunning(_ keeps: Bool) {
        let raw = UnsafeMutableRawPointer(wakeup).assumingMemoryBound(to: uv_handle_t.self)
        if keeps { uv_ref(raw) } else { uv_unref(raw) }
    }

    /// The descriptor behind an own loop, readable when a turn is due.
    package var descriptor: Int32 { sockets.descriptor }

    /// Milliseconds until a turn is due, -1: only when the descriptor says so. Counts only what keeps the
    /// loop running (`setKeepsRunning`). 0 while libuv has a watcher that its descriptor does not show yet.
    package var timeoutMilliseconds: Int32 {
        if isTurnRequested { return 0 }
        updateTime()
        return uv_backend_timeout(handle)
    }

    #if HEARTH_SIMULATION
        /// A turn as libuv would make it: sockets, the timer, what other threads have posted.
        private func turn(_ simulation: Simulation) {
            updateTime()
            guard let owner = tellsWhom.pointee.owner, let callbacks = tellsWhom.pointee.callbacks else {
                return
            }
            simulation.ready().withUnsafeBufferPointer {
                if let base = $0.baseAddress, $0.count > 0 { callbacks.ready(owner, base, $0.count) }
            }
            let timer = UnsafeMutableRawPointer(timer).assumingMemoryBound(to: uv_handle_t.self)
            if uv_is_active(timer) != 0, uv_timer_get_due_in(self.timer) == 0 {
                clearTimer()
                callbacks.timerFired(owner)
            }
            callbacks.turnEnded(owner)
            if !simulation.isWoken { return }
            simulation.isWoken = false
            callbacks.woken(owner)
            callbacks.turnEnded(owner)
        }
    #endif

    // MARK: Sockets

    /// Watches a socket that does not block. `name` is not 0; it is what `ready` tells.
    package func watch(_ socket: Int32, for interest: Readiness, name: UInt64) throws(SystemError) {
        try sockets.add(socket, interest, name: name)
    }

    /// Watches for something else; with nothing left, not at all. False: the system refuses it.
    @discardableResult
    package func watch(
        _ socket: Int32, for interest: Readiness, insteadOf old: Readiness, name: UInt64
    ) -> Bool {
        sockets.change(socket, from: old, to: interest, name: name)
    }

    /// Counts how often the loop has asked which sockets are ready. Between two values of it every ready
    /// socket has been told.
    package var round: UInt64 { tellsWhom.pointee.round }

    /// Asks anew whether something else than this socket is ready; always true on a host's loop, which has
    /// more to do than is known here.
    package func isAnyReady(but name: UInt64) -> Bool { !isOwn || sockets.isAnyReady(but: name) }

    // MARK: Time and wake-ups

    /// Monotonic milliseconds, as read at the start of the turn.
    @inline(__always)
    package var now: UInt64 { uv_now(handle) }

    /// Reads the clock anew, for calls from outside a turn.
    package func updateTime() {
        #if HEARTH_SIMULATION
            if let simulation = Simulation.here { return handle.pointee.time = simulation.milliseconds }
        #endif
        uv_update_time(handle)
    }

    /// Calls `timerFired` once after a delay, instead of the call that was set before.
    package func setTimer(afterMilliseconds delay: UInt64) {
        uv_timer_start(timer, { EventLoop.owner(of: $0?.pointee.data) { $1.timerFired($0) } }, delay, 0)
    }

    package func clearTimer() { uv_timer_stop(timer) }

    /// Makes the next turn come at once: something was queued outside of a turn.
    package func requestTurn() {
        if isTurnRequested { return }
        isTurnRequested = true
        if !isOwn { uv_idle_start(idle) { _ in } }
    }

    /// The turn has come.
    package func turnStarted() {
        if !isTurnRequested { return }
        isTurnRequested = false
        if !isOwn { uv_idle_stop(idle) }
    }

    /// Calls `woken` soon. Thread: any, while the loop is open.
    package func wake() {
        #if HEARTH_SIMULATION
            if let simulation = Simulation.here { simulation.isWoken = true }
        #endif
        uv_async_send(wakeup)
    }

    // MARK: Handles

    private var handles: [UnsafeMutablePointer<uv_handle_t>] {
        [
            UnsafeMutableRawPointer(timer), UnsafeMutableRawPointer(wakeup), UnsafeMutableRawPointer(prepare),
            UnsafeMutableRawPointer(check), UnsafeMutableRawPointer(idle), UnsafeMutableRawPointer(watch),
        ].map { $0.assumingMemoryBound(to: uv_handle_t.self) }
    }

    @inline(__always)
    private static func owner(
        of data: UnsafeMutableRawPointer?, _ body: (UnsafeMutableRawPointer, EventLoopCallbacks) -> Void
    ) {
        guard let block = data?.assumingMemoryBound(to: LoopOwner.self),
            let callbacks = block.pointee.callbacks, let owner = block.pointee.owner
        else { return }
        body(owner, callbacks)
    }
}
