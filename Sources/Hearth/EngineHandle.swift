// The end of an engine, and the sentence on what went wrong in it.

internal import CHearth

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

struct EngineHandle: @unchecked Sendable {
    let pointer: OpaquePointer

    func error(_ status: Int32) -> HearthError {
        let sentence = try? readText { hearth_engine_error(pointer, $0, $1) }
        return HearthError(HearthError.Code(rawValue: status), detail: sentence ?? "")
    }

    /// Frees the engine and then the handlers, which it may call until then. The last reference to a server
    /// may go away inside one of its handlers, on a thread that the engine waits for: then another thread
    /// does it.
    func free(_ target: EventTarget) {
        if hearth_engine_free(pointer) != HEARTH_ERR_THREAD.rawValue {
            target.clear()
            return
        }
        let remains = Unmanaged.passRetained(Remains(engine: self, target: target))
        #if canImport(Darwin)
            var thread: pthread_t?
            let status = pthread_create(&thread, nil, { freeRemains($0) }, remains.toOpaque())
            if status == 0, let thread { pthread_detach(thread) }
        #else
            var thread = pthread_t()
            let status = pthread_create(&thread, nil, { freeRemains($0!) }, remains.toOpaque())
            if status == 0 { pthread_detach(thread) }
        #endif
        // Without a thread the engine runs on: it has what it needs, for the remains stay.
    }
}

private final class Remains {
    let engine: EngineHandle
    let target: EventTarget

    init(engine: EngineHandle, target: EventTarget) {
        self.engine = engine
        self.target = target
    }
}

private func freeRemains(_ context: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
    let remains = Unmanaged<Remains>.fromOpaque(context).takeRetainedValue()
    hearth_engine_free(remains.engine.pointer)
    remains.target.clear()
    return nil
}

/// Milliseconds since 1970.
func wallClock() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return UInt64(time.tv_sec) * 1000 + UInt64(time.tv_nsec) / 1_000_000
}
