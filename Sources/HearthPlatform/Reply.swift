// One answer from one thread to another that waits for it, for a bounded time.

internal import CLibuv

package final class Reply: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<uv_mutex_t> = .allocate(capacity: 1)
    private let arrived: UnsafeMutablePointer<uv_cond_t> = .allocate(capacity: 1)
    private var value: Int64?
    private var isAbandoned = false

    package init() {
        let status = uv_mutex_init(mutex) | uv_cond_init(arrived)
        precondition(status == 0, "no mutex")
    }

    deinit {
        uv_cond_destroy(arrived)
        uv_mutex_destroy(mutex)
        arrived.deallocate()
        mutex.deallocate()
    }

    /// Nobody waits for it any more.
    package var isLate: Bool {
        uv_mutex_lock(mutex)
        defer { uv_mutex_unlock(mutex) }
        return isAbandoned
    }

    /// Returns whether somebody was still waiting.
    @discardableResult
    package func answer(_ answer: Int64) -> Bool {
        uv_mutex_lock(mutex)
        defer { uv_mutex_unlock(mutex) }
        if isAbandoned { return false }
        value = answer
        uv_cond_signal(arrived)
        return true
    }

    /// The answer; nil: it did not come in time, and need not come any more.
    package func wait(milliseconds: UInt64) -> Int64? {
        let deadline = uv_hrtime() &+ milliseconds &* 1_000_000
        uv_mutex_lock(mutex)
        defer { uv_mutex_unlock(mutex) }
        while value == nil {
            let now = uv_hrtime()
            if now >= deadline { break }
            uv_cond_timedwait(arrived, mutex, deadline - now)
        }
        isAbandoned = value == nil
        return value
    }
}
