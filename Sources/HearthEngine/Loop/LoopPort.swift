// How the rest of the process reaches a loop. Ports are made once and never freed, so that an id or a call
// that comes too late finds a port without a loop instead of freed memory.

internal import HearthPlatform
internal import Synchronization

/// One of the places in the process's table of loops.
final class LoopPort: @unchecked Sendable {
    let number: Int
    /// The thread that runs the loop; 0: none at the moment.
    let owner = Atomic<UInt>(0)
    /// Guards `loop`, `commands`, and what other threads may look at in the loop (see Hub).
    let lock = Lock()
    var loop: Unmanaged<Loop>?
    var commands: [Command] = []
    /// Whether there are any, for the loop to look at without the lock.
    let hasCommands = Atomic<Bool>(false)
    /// Whether the loop has taken some that it has not all applied.
    private let isApplying = Atomic<Bool>(false)
    /// When the first of them was posted, in monotonic nanoseconds.
    private var postedAt: UInt64 = 0
    /// Outlives the loops that use the port one after the other.
    var serial: UInt64 = 0
    /// Serial numbers up to this one belong to the process that this one was forked from.
    let forkedSerial: UInt64
    /// That process, or one before it, had a loop here.
    let wasParents: Bool
    fileprivate var isTaken = false

    fileprivate init(number: Int, forkedSerial: UInt64, wasParents: Bool) {
        self.number = number
        self.forkedSerial = forkedSerial
        self.wasParents = wasParents
        serial = forkedSerial
    }

    @inline(__always)
    var isCurrent: Bool { owner.load(ordering: .relaxed) == currentThread() }

    /// Queues a command; the loop applies it soon, in order. False: there is no loop.
    func post(_ command: consuming Command) -> Bool {
        lock.lock()
        defer { lock.unlock() }
        guard let loop else { return false }
        commands.append(command)
        if commands.count == 1 {
            hasCommands.store(true, ordering: .releasing)
            postedAt = Clock.monotonicNanoseconds()
            loop._withUnsafeGuaranteedRef { $0.events.wake() }
        }
        return true
    }

    /// Returns when the first of them was posted, in monotonic nanoseconds. The loop calls `commandsApplied`
    /// when it is done with them.
    func takeCommands(_ taken: inout [Command]) -> UInt64 {
        lock.lock()
        defer { lock.unlock() }
        hasCommands.store(false, ordering: .relaxed)
        isApplying.store(true, ordering: .relaxed)
        swap(&taken, &commands)
        return postedAt
    }

    func commandsApplied() { isApplying.store(false, ordering: .releasing) }

    /// Under the lock: whether there are commands that may change what is found in the loop now.
    var isBehind: Bool { !commands.isEmpty || isApplying.load(ordering: .acquiring) }
}

/// All ports of the process.
enum LoopPorts {
    /// Guards `isTaken`.
    private nonisolated(unsafe) static var lock = Lock()
    private nonisolated(unsafe) static var ports = makePorts(after: nil)

    private static func makePorts(
        after parents: UnsafeMutablePointer<Unmanaged<LoopPort>>?
    ) -> UnsafeMutablePointer<Unmanaged<LoopPort>> {
        let ports = UnsafeMutablePointer<Unmanaged<LoopPort>>.allocate(capacity: ConnectionID.loopCount)
        for number in 0..<ConnectionID.loopCount {
            // The parent goes on counting, so its child keeps well away from what it may give out meanwhile.
            let parent = parents.map { $0[number].takeUnretainedValue() }
            let wasParents =
                parent.map { $0.wasParents || $0.isTaken || $0.serial > $0.forkedSerial } ?? false
            let port = LoopPort(
                number: number, forkedSerial: parent.map { $0.serial + 1 << 24 } ?? 0, wasParents: wasParents)
            (ports + number).initialize(to: Unmanaged.passRetained(port))
        }
        return ports
    }

    /// In a child: the parent's ports are left alone, locks and all.
    static func startAnew() {
        // A thread of the parent may hold the old one, and a lock that is held cannot be destroyed.
        _ = Unmanaged.passRetained(lock)
        lock = Lock()
        ports = makePorts(after: ports)
    }

    /// Without counting references: ports are never freed.
    @inline(__always)
    static func withPort<Result>(_ number: Int, _ body: (LoopPort) -> Result) -> Result {
        ports[number]._withUnsafeGuaranteedRef(body)
    }

    /// A port that no loop uses; nil: all are taken.
    static func take() -> LoopPort? {
        lock.withLock {
            for number in 0..<ConnectionID.loopCount {
                let port = ports[number].takeUnretainedValue()
                if !port.isTaken {
                    port.isTaken = true
                    return port
                }
            }
            return nil
        }
    }

    static func giveBack(_ port: LoopPort) { lock.withLock { port.isTaken = false } }
}
