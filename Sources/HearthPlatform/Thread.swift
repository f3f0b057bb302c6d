// A thread of an engine, and what the process tells about itself.

internal import CLibuv

package struct Thread: ~Copyable {
    private let handle: UnsafeMutablePointer<uv_thread_t>

    /// Runs `body(context)` on a new thread.
    package init(
        _ context: UnsafeMutableRawPointer,
        _ body: @escaping @convention(c) (UnsafeMutableRawPointer?) -> Void
    ) throws(SystemError) {
        handle = .allocate(capacity: 1)
        let status = uv_thread_create(handle, body, context)
        if status != 0 {
            handle.deallocate()
            throw SystemError(number: -status)
        }
    }

    /// Waits until it has ended.
    package consuming func join() {
        uv_thread_join(handle)
        handle.deallocate()
    }
}

package enum Process {
    /// "1.44.2", of the libuv that the process has loaded.
    package static var libuvVersion: UnsafePointer<CChar> { uv_version_string() }

    /// Whether that libuv is one this code works with: 1.x, at least 1.44, whose handles are laid out as
    /// compiled in.
    package static var isLibuvSupported: Bool {
        let version = uv_version()
        return version >> 16 == 1 && (version >> 8) & 0xFF >= 44
            && uv_handle_size(UV_POLL) == MemoryLayout<uv_poll_t>.size
            && uv_handle_size(UV_TIMER) == MemoryLayout<uv_timer_t>.size
            && uv_handle_size(UV_ASYNC) == MemoryLayout<uv_async_t>.size
    }

    /// From now on calls `prepare` before each fork of this process, then `parent` in it and `child` in the
    /// new one.
    package static func onFork(
        prepare: @escaping @convention(c) () -> Void, parent: @escaping @convention(c) () -> Void,
        child: @escaping @convention(c) () -> Void
    ) {
        _ = pthread_atfork(prepare, parent, child)
    }
}
