// A gate that is opened once, for any number of threads that wait before it.

internal import CLibuv

package final class Gate: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<uv_mutex_t> = .allocate(capacity: 1)
    private let opened: UnsafeMutablePointer<uv_cond_t> = .allocate(capacity: 1)
    private var isOpen = false

    package init() {
        let status = uv_mutex_init(mutex) | uv_cond_init(opened)
        precondition(status == 0, "no mutex")
    }

    deinit {
        uv_cond_destroy(opened)
        uv_mutex_destroy(mutex)
        opened.deallocate()
        mutex.deallocate()
    }

    package func open() {
        uv_mutex_lock(mutex)
        isOpen = true
        uv_cond_broadcast(opened)
        uv_mutex_unlock(mutex)
    }

    /// Waits until it is open; below 0: for ever. False: the time was over before.
    package func wait(milliseconds: Int32) -> Bool {
        let deadline = uv_hrtime() &+ UInt64(max(milliseconds, 0)) &* 1_000_000
        uv_mutex_lock(mutex)
        defer { uv_mutex_unlock(mutex) }
        while !isOpen {
            if milliseconds < 0 {
                uv_cond_wait(opened, mutex)
                continue
            }
            let now = uv_hrtime()
            if now >= deadline { return false }
            uv_cond_timedwait(opened, mutex, deadline - now)
        }
        return true
    }
}
