// Events that wait for the ones before them.

internal import HearthBytes

/// An event that waits for the ones before it. It is moved and never copied.
struct PendingEvent: ~Copyable {
    let type: EventType
    let endpoint: Endpoint
    let connection: ConnectionID
    let context: UnsafeMutableRawPointer?
    let route: Int32
    var code: Int32 = 0
    var flags: UInt32 = 0
    var room: ByteString?
    var user: ByteString?
    var data: [UInt8] = []
    /// Who is told of it as well.
    var channel: Channel?
    var version: UInt64 = 0
    var path: [UInt8] = []
    var client = ClientFields()
}

/// In the order in which they were put in. Each is taken out before it is told, as its callback may put in
/// more.
struct PendingEvents: ~Copyable {
    /// What a moment with many events needed is not kept.
    private static var keptMax: Int { 64 }

    private var base: UnsafeMutablePointer<PendingEvent>
    private var capacity = 8
    private var first = 0
    private var end = 0

    init() { base = .allocate(capacity: capacity) }

    /// Afterwards it is not to be used any more.
    func deallocate() {
        (base + first).deinitialize(count: end - first)
        base.deallocate()
    }

    mutating func append(_ event: consuming PendingEvent) {
        if end == capacity { move(to: max(8, (end - first) * 2)) }
        (base + end).initialize(to: event)
        end += 1
    }

    /// nil: none is left.
    mutating func popFirst() -> PendingEvent? {
        if first == end {
            first = 0
            end = 0
            if capacity > Self.keptMax { move(to: 8) }
            return nil
        }
        first += 1
        return (base + (first - 1)).move()
    }

    private mutating func move(to capacity: Int) {
        let other = UnsafeMutablePointer<PendingEvent>.allocate(capacity: capacity)
        other.moveInitialize(from: base + first, count: end - first)
        base.deallocate()
        base = other
        self.capacity = capacity
        end -= first
        first = 0
    }
}
