// What came from the sockets of one loop and is not handled yet: a connection is served in turns, and what
// exceeds its budget for one turn waits here, in order, for the next. The socket is not read meanwhile.

internal import HearthPlatform

/// Bytes of one connection that wait for its next turn. They may be none: a message is still being inflated.
final class Backlog {
    let slot: UInt32
    /// The turn in which its budget was used up.
    fileprivate(set) var round: UInt64
    fileprivate var isQueued = true
    /// The socket cannot be written any more; what was read before is still handled.
    var isBroken = false
    private let base: UnsafeMutablePointer<UInt8>
    fileprivate let count: Int
    private var offset = 0

    fileprivate init(slot: UInt32, round: UInt64, _ bytes: UnsafePointer<UInt8>, _ count: Int) {
        self.slot = slot
        self.round = round
        self.count = count
        base = .allocate(capacity: count)
        UnsafeMutableRawPointer(base).copyMemory(from: bytes, byteCount: count)
    }

    deinit { base.deallocate() }

    var bytes: UnsafeMutablePointer<UInt8> { base + offset }
    var bytesLeft: Int { count - offset }

    /// Only so many bytes at the end are left.
    func keep(last bytesLeft: Int) { offset = count - bytesLeft }
}

final class Ingress {
    /// The budget of one connection for one turn: messages, pings and pongs together.
    static let framesPerTurn = 64
    /// Bytes that its compressed messages may be inflated to.
    static let inflatedBytesPerTurn = 256 << 10
    /// While more than this waits in the loop, one read takes `readBytesMin`.
    private static let backlogBytesMax = 8 << 20
    private static let readBytesMin = 16 << 10
    /// What one read takes otherwise.
    static let readBytesMax = 256 << 10

    /// What one read takes at the moment.
    private(set) var readBytes = Ingress.readBytesMax
    /// What is left of the budget of the connection that is being served.
    var inflatableBytes = 0
    /// Other connections are known to wait for this turn.
    var hasOthers = true
    /// Of each slot; made with the first of them.
    private var backlogs: [Backlog?] = []
    /// Whose turn comes next.
    private var queue: [Backlog] = []
    private var backlogBytes = 0
    /// Connections that are not read because the host does not fetch its events.
    private var paused: [ConnectionID] = []

    @inline(__always) var isWaiting: Bool { !queue.isEmpty }

    func backlog(of slot: UInt32) -> Backlog? { Int(slot) < backlogs.count ? backlogs[Int(slot)] : nil }

    /// Keeps a copy of the bytes until the connection's next turn.
    func add(_ slot: UInt32, round: UInt64, _ bytes: UnsafePointer<UInt8>, _ count: Int) {
        while backlogs.count <= Int(slot) { backlogs.append(nil) }
        let backlog = Backlog(slot: slot, round: round, bytes, count)
        backlogs[Int(slot)] = backlog
        queue.append(backlog)
        note(count)
    }

    /// The same connection has used up another budget, or can go on after it was held.
    func wait(_ backlog: Backlog, round: UInt64) {
        backlog.round = round
        if backlog.isQueued { return }
        backlog.isQueued = true
        queue.append(backlog)
    }

    func remove(_ slot: UInt32) {
        guard let backlog = backlog(of: slot) else { return }
        backlogs[Int(slot)] = nil
        note(-backlog.count)
    }

    /// It is not read until the host fetches its events.
    func pause(_ connection: ConnectionID) { paused.append(connection) }

    func takePaused() -> [ConnectionID] {
        let taken = paused
        paused.removeAll()
        return taken
    }

    /// Takes out those that wait, in order.
    func takeQueue() -> [Backlog] {
        let taken = queue
        queue = []
        for backlog in taken { backlog.isQueued = false }
        return taken
    }

    private func note(_ bytes: Int) {
        backlogBytes += bytes
        readBytes = backlogBytes > Self.backlogBytesMax ? Self.readBytesMin : Self.readBytesMax
    }
}
