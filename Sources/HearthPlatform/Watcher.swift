// One watched descriptor: uv_poll_t, held where its owner lives. It must not move while it is started or
// closing.

internal import CLibuv

package struct Readiness: OptionSet, Sendable {
    package let rawValue: Int32
    package init(rawValue: Int32) { self.rawValue = rawValue }
    package static let readable = Readiness(rawValue: Int32(UV_READABLE.rawValue))
    /// The descriptor reports an error and is not watched any more.
    package static let broken = Readiness(rawValue: 1 << 16)
    package static let writable = Readiness(rawValue: Int32(UV_WRITABLE.rawValue))
}

/// Called on the loop's thread with the owner that `open` was given.
package typealias WatcherCallback = @convention(c) (UnsafeMutableRawPointer, Int32) -> Void
/// Called once, when the loop no longer touches the watcher's memory.
package typealias WatcherClosed = @convention(c) (UnsafeMutableRawPointer) -> Void

package struct Watcher: ~Copyable {
    private var handle = uv_poll_t()
    private var callback: WatcherCallback?
    private var closed: WatcherClosed?

    package init() {}

    /// Binds the watcher at `place` to a descriptor. The descriptor becomes non-blocking.
    package static func open(
        _ place: UnsafeMutablePointer<Watcher>, on loop: EventLoop, descriptor: Int32,
        owner: UnsafeMutableRawPointer, callback: @escaping WatcherCallback, closed: @escaping WatcherClosed
    ) throws(SystemError) {
        let handle = handle(at: place)
        let status = uv_poll_init(loop.handle, handle, descriptor)
        if status != 0 { throw SystemError(number: -status) }
        handle.pointee.data = owner
        // What keeps a host's loop running is said by `setKeepsRunning` alone.
        if !loop.isOwn {
            uv_unref(UnsafeMutableRawPointer(handle).assumingMemoryBound(to: uv_handle_t.self))
        }
        place.pointee.callback = callback
        place.pointee.closed = closed
    }

    /// Watches for `interest`, instead of what was watched for before. Empty: for nothing.
    package static func watch(_ place: UnsafeMutablePointer<Watcher>, for interest: Readiness) {
        if interest.isEmpty {
            uv_poll_stop(handle(at: place))
        } else {
            uv_poll_start(handle(at: place), interest.rawValue) { handle, status, events in
                guard let handle, let owner = handle.pointee.data else { return }
                let place = Watcher.place(of: handle)
                // A failed poll (EBADF and the like) is reported as readable: the read then says what is
                // wrong.
                place.pointee.callback?(owner, status < 0 ? Readiness.broken.rawValue : events)
            }
        }
    }

    /// Stops watching for good. The descriptor may be closed at once; the memory stays in use until `closed`
    /// is called.
    package static func close(_ place: UnsafeMutablePointer<Watcher>) {
        let raw = UnsafeMutableRawPointer(handle(at: place)).assumingMemoryBound(to: uv_handle_t.self)
        if uv_is_closing(raw) != 0 { return }
        uv_close(raw) { handle in
            guard let handle, let owner = handle.pointee.data else { return }
            let place = UnsafeMutableRawPointer(handle).assumingMemoryBound(to: Watcher.self)
            place.pointee.closed?(owner)
        }
    }

    // The handle is the first stored property, so both have one address.
    private static func handle(at place: UnsafeMutablePointer<Watcher>) -> UnsafeMutablePointer<uv_poll_t> {
        UnsafeMutableRawPointer(place).assumingMemoryBound(to: uv_poll_t.self)
    }

    private static func place(of handle: UnsafeMutablePointer<uv_poll_t>) -> UnsafeMutablePointer<Watcher> {
        UnsafeMutableRawPointer(handle).assumingMemoryBound(to: Watcher.self)
    }
}
