// What the host holds for an engine, a server or a configuration: a pointer that points nowhere. It is a
// number with a tag, looked up in a table, so one that was freed, or never given out, is found to be so
// instead of being followed.

internal import HearthEngine
internal import HearthPlatform
internal import Synchronization

enum HandleKind: UInt { case configuration = 1, engine = 2, server = 3, client = 4 }

final class HandleTable: @unchecked Sendable {
    nonisolated(unsafe) private(set) static var shared = HandleTable()

    private struct Entry {
        var object: AnyObject?
        var kind: HandleKind
        var generation: UInt
        var epoch: Int
    }

    private let lock = Lock()
    private var entries: [Entry] = []
    private var free: [Int] = []

    /// Holds the table still while the process forks, so that the child does not get it half changed.
    static var forkHooks: Fork.Hooks {
        Fork.Hooks(
            prepare: { HandleTable.shared.lock.lock() }, parent: { HandleTable.shared.lock.unlock() },
            child: { HandleTable.startAnew() })
    }

    /// In a forked child: the handles are kept, those of what is the parent's to say so. The lock is new.
    private static func startAnew() {
        let fresh = HandleTable()
        fresh.entries = shared.entries
        fresh.free = shared.free
        // Held since before the fork: a lock that is held cannot be destroyed.
        shared.lock.unlock()
        shared = fresh
    }

    /// generation | index (20 bits) | kind (3 bits) | 1
    func insert(_ object: AnyObject, _ kind: HandleKind) -> OpaquePointer? {
        lock.lock()
        defer { lock.unlock() }
        var index = entries.count
        if let reused = free.popLast() {
            index = reused
            entries[index].object = object
            entries[index].kind = kind
            entries[index].epoch = Fork.epoch
        } else {
            if index >= 1 << 20 { return nil }
            entries.append(Entry(object: object, kind: kind, generation: 1, epoch: Fork.epoch))
        }
        return OpaquePointer(
            bitPattern: entries[index].generation << 24 | UInt(index) << 4 | kind.rawValue << 1 | 1)
    }

    enum Found {
        case object(AnyObject)
        case nothing
        /// Made before the process forked.
        case parents
    }

    func find(_ handle: OpaquePointer?, _ kind: HandleKind) -> Found {
        lock.lock()
        defer { lock.unlock() }
        guard let index = index(of: handle, kind), let object = entries[index].object else { return .nothing }
        return belongsHere(index) ? .object(object) : .parents
    }

    /// Whether the object at an index is this process's. A configuration always is; what goes with an engine
    /// is until something of the engine is started. Under the lock.
    private func belongsHere(_ index: Int) -> Bool {
        if entries[index].epoch == Fork.epoch { return true }
        guard let object = entries[index].object else { return false }
        let isOurs =
            switch entries[index].kind {
            case .configuration: true
            case .engine: unsafeDowncast(object, to: EngineHandle.self).engine.belongsHere()
            case .server: unsafeDowncast(object, to: Server.self).engine.belongsHere()
            case .client: unsafeDowncast(object, to: Client.self).engine.belongsHere()
            }
        if isOurs { entries[index].epoch = Fork.epoch }
        return isOurs
    }

    /// The handle is good no more. The object, if it was.
    func remove(_ handle: OpaquePointer?, _ kind: HandleKind) -> AnyObject? {
        lock.lock()
        defer { lock.unlock() }
        guard let index = index(of: handle, kind), let object = entries[index].object, belongsHere(index)
        else { return nil }
        entries[index].object = nil
        entries[index].generation += 1
        free.append(index)
        return object
    }

    /// Takes the object out while it is being freed, so that one caller frees it. `putBack` undoes that,
    /// `discard` ends it.
    func take(_ handle: OpaquePointer?, _ kind: HandleKind) -> Found {
        lock.lock()
        defer { lock.unlock() }
        guard let index = index(of: handle, kind), let object = entries[index].object else { return .nothing }
        if !belongsHere(index) { return .parents }
        entries[index].object = nil
        return .object(object)
    }

    func putBack(_ handle: OpaquePointer?, _ kind: HandleKind, _ object: AnyObject) {
        lock.lock()
        defer { lock.unlock() }
        if let index = index(of: handle, kind) { entries[index].object = object }
    }

    func discard(_ handle: OpaquePointer?, _ kind: HandleKind) {
        lock.lock()
        defer { lock.unlock() }
        if let index = index(of: handle, kind), entries[index].object == nil {
            // The generation moves on at once, so that the handle is not found again.
            entries[index].generation += 1
            free.append(index)
        }
    }

    private func index(of handle: OpaquePointer?, _ kind: HandleKind) -> Int? {
        let raw = UInt(bitPattern: handle)
        let index = Int(raw >> 4 & 0xFFFFF)
        guard raw & 1 == 1, raw >> 1 & 0x7 == kind.rawValue, index < entries.count,
            entries[index].generation == raw >> 24, entries[index].kind == kind
        else { return nil }
        return index
    }
}

/// Makes an object and its handle. What the reserve had to help out for is given back: nil.
func made(_ kind: HandleKind, _ make: () -> OpaquePointer?) -> OpaquePointer? {
    let failures = Memory.failuresHere
    guard let handle = make() else { return nil }
    if Memory.failuresHere == failures { return handle }
    _ = HandleTable.shared.remove(handle, kind)
    return nil
}

/// A configuration that a host is filling in, and why its last call failed.
final class ConfigurationHandle {
    var configuration = Configuration()
    var lastError: [UInt8] = []
}

/// An engine and the configuration and server handles that go with it.
final class EngineHandle {
    let engine: Engine
    private let lock = Lock()
    private var serverHandles: [OpaquePointer?] = []
    /// By number.
    var servers: [OpaquePointer?] { lock.withLock { serverHandles } }
    /// A thread is in hearth_engine_poll: a second one is refused.
    private let isPolling = Atomic<Bool>(false)
    /// Events taken by hearth_engine_poll, with the NULs that the header promises.
    var texts: [UInt8] = []
    /// Those of their CHANNEL_SEND events.
    var connections: [UInt64] = []

    init(_ engine: Engine) { self.engine = engine }

    /// Whether the caller is the one that polls now.
    func beginPolling() -> Bool { !isPolling.exchange(true, ordering: .acquiring) }

    func endPolling() { isPolling.store(false, ordering: .releasing) }

    func add(_ server: OpaquePointer, number: Int) {
        lock.withLock {
            while serverHandles.count <= number { serverHandles.append(nil) }
            serverHandles[number] = server
        }
    }
}

/// Calls `body` with the object behind a handle, or answers why there is none.
func withConfiguration(_ handle: OpaquePointer?, _ body: (ConfigurationHandle) -> Int64) -> Int64 {
    switch HandleTable.shared.find(handle, .configuration) {
    case .object(let object): body(unsafeDowncast(object, to: ConfigurationHandle.self))
    case .nothing: Int64(Status.invalid.rawValue)
    case .parents: Int64(Status.forked.rawValue)
    }
}

func withEngine(_ handle: OpaquePointer?, _ body: (EngineHandle) -> Int64) -> Int64 {
    switch HandleTable.shared.find(handle, .engine) {
    case .object(let object): body(unsafeDowncast(object, to: EngineHandle.self))
    case .nothing: Int64(Status.invalid.rawValue)
    case .parents: Int64(Status.forked.rawValue)
    }
}

func withServer(_ handle: OpaquePointer?, _ body: (Server) -> Int64) -> Int64 {
    switch HandleTable.shared.find(handle, .server) {
    case .object(let object): body(unsafeDowncast(object, to: Server.self))
    case .nothing: Int64(Status.invalid.rawValue)
    case .parents: Int64(Status.forked.rawValue)
    }
}

func withClient(_ handle: OpaquePointer?, _ body: (Client) -> Int64) -> Int64 {
    switch HandleTable.shared.find(handle, .client) {
    case .object(let object): body(unsafeDowncast(object, to: Client.self))
    case .nothing: Int64(Status.invalid.rawValue)
    case .parents: Int64(Status.forked.rawValue)
    }
}
