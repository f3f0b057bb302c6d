// libuv's mutex behind a value that owns it. The data path takes none: it guards what other threads may look
// at.

internal import CLibuv

package final class Lock: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<uv_mutex_t>

    package init() {
        mutex = .allocate(capacity: 1)
        let status = uv_mutex_init(mutex)
        precondition(status == 0, "no mutex")
    }

    deinit {
        uv_mutex_destroy(mutex)
        mutex.deallocate()
    }

    @inline(__always)
    package func withLock<Result: ~Copyable>(_ body: () -> Result) -> Result {
        uv_mutex_lock(mutex)
        defer { uv_mutex_unlock(mutex) }
        return body()
    }

    package func lock() { uv_mutex_lock(mutex) }
    package func unlock() { uv_mutex_unlock(mutex) }
}
