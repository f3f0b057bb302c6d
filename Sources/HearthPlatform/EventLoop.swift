// One libuv loop and the four handles that Hearth hangs into it: a timer, a wake-up, and a prepare and a
// check handle that end each turn. It knows nothing of connections; what happens is told to one owner through
// C functions.

internal import CLibuv

/// What an owner of a loop is told, always on the loop's thread.
package struct EventLoopCallbacks {
    /// Another thread called `wake`.
    package var woken: @convention(c) (UnsafeMutableRawPointer) -> Void
    /// The timer set by `setTimer` is due.
    package var timerFired: @convention(c) (UnsafeMutableRawPointer) -> Void
    /// Everything that was ready has been told: time to flush.
    package var turnEnded: @convention(c) (UnsafeMutableRawPointer) -> Void

    package init(
        woken: @escaping @convention(c) (UnsafeMutableRawPointer) -> Void,
        timerFired: @escaping @convention(c) (UnsafeMutableRawPointer) -> Void,
        turnEnded: @escaping @convention(c) (UnsafeMutableRawPointer) -> Void
    ) {
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
    private var isFlushRequested = false

    /// Makes a loop, or takes the host's uv_loop_t.
    package init(_ origin: Origin) throws(SystemError) {
        tellsWhom = .allocate(capacity: 1)
        tellsWhom.initialize(to: LoopOwner())
        switch origin {
        case .own:
            isOwn = true
            handle = .allocate(capacity: 1)
            let status = uv_loop_init(handle)
            if status != 0 {
                handle.deallocate()
                forgetHandles()
                throw SystemError(number: -status)
            }
        case .hosts(let pointer):
            isOwn = false
            handle = pointer.assumingMemoryBound(to: uv_loop_t.self)
        }
    }

    /// Whether a loop's descriptors can be had: libuv ends the process when its first loop lacks one, and
    /// keeps some of those that a loop already has when it lacks a later one.
    package static func checkDescriptors() throws(SystemError) {
        var pipes: [(Int32, Int32)] = []
        defer {
            for ends in pipes {
                Socket.close(ends.0)
                Socket.close(ends.1)
            }
        }
        for _ in 0..<4 {
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
        // The only one that can fail comes first: if it does, libuv knows none of them.
        let status = uv_async_init(handle, wakeup) { EventLoop.owner(of: $0?.pointee.data) { $1.woken($0) } }
        if status != 0 { throw SystemError(number: -status) }
        uv_timer_init(handle, timer)
        uv_prepare_init(handle, prepare)
        uv_check_init(handle, check)
        uv_idle_init(handle, idle)
        timer.pointee.data = UnsafeMutableRawPointer(tellsWhom)
        wakeup.pointee.data = UnsafeMutableRawPointer(tellsWhom)
        prepare.pointee.data = UnsafeMutableRawPointer(tellsWhom)
        check.pointee.data = UnsafeMutableRawPointer(tellsWhom)
        idle.pointee.data = UnsafeMutableRawPointer(tellsWhom)
        // Timers run before the poll, sockets in it: one of the two handles follows either, so nothing waits.
        uv_prepare_start(prepare) { EventLoop.owner(of: $0?.pointee.data) { $1.turnEnded($0) } }
        uv_check_start(check) { EventLoop.owner(of: $0?.pointee.data) { $1.turnEnded($0) } }
        tellsWhom.pointee.open = 5
        forEachHandle { uv_unref($0) }
    }

    /// Takes the handles out. The memory that libuv needs for that lives as long as it does.
    package func close() {
        guard tellsWhom.pointee.open != 0 else { return forgetHandles() }
        tellsWhom.pointee.callbacks = nil
        forEachHandle { handle in
            uv_close(handle) { closing in
                guard let data = closing?.pointee.data else { return }
                let owner = data.assumingMemoryBound(to: LoopOwner.self)
                // All five lie in blocks made by `allocate`, which free takes by their address alone.
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

    /// Runs until `stop`. The caller keeps the loop alive with `setKeepsRunning`.
    package func run() { uv_run(handle, UV_RUN_DEFAULT) }

    /// One turn that does not block.
    package func runOnce() { uv_run(handle, UV_RUN_NOWAIT) }

    /// Ends `run` after this turn.
    package func stop() { uv_stop(handle) }

    /// Whether the wake-up keeps `run` (or the host's uv_run) from returning.
    package func setKeepsRunning(_ keeps: Bool) {
        let raw = UnsafeMutableRawPointer(wakeup).assumingMemoryBound(to: uv_handle_t.self)
        if keeps { uv_ref(raw) } else { uv_unref(raw) }
    }

    /// The descriptor behind the loop, readable when a turn is due.
    package var descriptor: Int32 { uv_backend_fd(handle) }

    /// Milliseconds until a turn is due, -1: only when the descriptor says so. Counts only what keeps the
    /// loop running (`setKeepsRunning`). 0 while libuv has a watcher that its descriptor does not show yet.
    package var timeoutMilliseconds: Int32 {
        uv_update_time(handle)
        return uv_backend_timeout(handle)
    }

    // MARK: Time and wake-ups

    /// Monotonic milliseconds, as read at the start of the turn.
    @inline(__always)
    package var now: UInt64 { uv_now(handle) }

    /// Reads the clock anew, for calls from outside a turn.
    package func updateTime() { uv_update_time(handle) }

    /// Calls `timerFired` once after a delay, instead of the call that was set before.
    package func setTimer(afterMilliseconds delay: UInt64) {
        uv_timer_start(timer, { EventLoop.owner(of: $0?.pointee.data) { $1.timerFired($0) } }, delay, 0)
    }

    package func clearTimer() { uv_timer_stop(timer) }

    /// Makes the next turn come at once: something was queued outside of a turn.
    package func requestTurn() {
        if isFlushRequested { return }
        isFlushRequested = true
        uv_idle_start(idle) { _ in }
    }

    /// The turn has come.
    package func turnStarted() {
        if !isFlushRequested { return }
        isFlushRequested = false
        uv_idle_stop(idle)
    }

    /// Calls `woken` soon. Thread: any, while the loop is open.
    package func wake() { uv_async_send(wakeup) }

    // MARK: Handles

    /// For a loop that was never opened: libuv knows none of them.
    private func forgetHandles() {
        timer.deallocate()
        wakeup.deallocate()
        prepare.deallocate()
        check.deallocate()
        idle.deallocate()
        tellsWhom.deallocate()
    }

    private func forEachHandle(_ body: (UnsafeMutablePointer<uv_handle_t>) -> Void) {
        body(UnsafeMutableRawPointer(timer).assumingMemoryBound(to: uv_handle_t.self))
        body(UnsafeMutableRawPointer(wakeup).assumingMemoryBound(to: uv_handle_t.self))
        body(UnsafeMutableRawPointer(prepare).assumingMemoryBound(to: uv_handle_t.self))
        body(UnsafeMutableRawPointer(check).assumingMemoryBound(to: uv_handle_t.self))
        body(UnsafeMutableRawPointer(idle).assumingMemoryBound(to: uv_handle_t.self))
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
