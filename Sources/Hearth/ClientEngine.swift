// The engine that all clients of the process share: one loop on one thread, however many they are. It is
// made for the first client and goes with the last.

internal import CHearth

struct ClientHandle: @unchecked Sendable {
    let pointer: OpaquePointer
}

final class ClientEngine: @unchecked Sendable {
    private static let shared = Locked<(engine: ClientEngine, users: Int)?>(nil)

    let handle: EngineHandle

    private init() throws(HearthError) {
        let made = try Configuration().withNative { (native) throws(HearthError) -> EngineHandle in
            guard let engine = hearth_engine_new(native) else {
                throw Configuration.fault(HEARTH_ERR_INVALID.rawValue, native)
            }
            return EngineHandle(pointer: engine)
        }
        let status = hearth_engine_start(made.pointer)
        if status < 0 {
            let error = made.error(status)
            hearth_engine_free(made.pointer)
            throw error
        }
        handle = made
    }

    static func acquire() throws(HearthError) -> ClientEngine {
        try shared.withLock { (shared) throws(HearthError) in
            if let (engine, users) = shared {
                shared = (engine, users + 1)
                return engine
            }
            let engine = try ClientEngine()
            shared = (engine, 1)
            return engine
        }
    }

    /// To be called once for each `acquire`, after the client was freed. Waits for the loop after the last.
    static func release() {
        let last = shared.withLock { shared -> ClientEngine? in
            guard let (engine, users) = shared else { return nil }
            shared = users == 1 ? nil : (engine, users - 1)
            return users == 1 ? engine : nil
        }
        last?.handle.free(EventTarget())
    }
}
