// Events that wait for a host that fetches them. Loops append records at one end, the host takes whole
// batches at the other. When more waits than the limits allow the loops stop reading, so the queue is bounded
// by its limits and what one turn of each loop may add.

internal import HearthPlatform
internal import Synchronization

package final class EventQueue: @unchecked Sendable {
    /// Bytes before the strings of a record; the layout is that of hearth_engine_poll_packed.
    package static var recordHeaderBytes: Int { 64 }
    /// A bit of a record's flags: its last 8 bytes are the connection's context.
    package static var hasContext: UInt16 { 0x8000 }

    private let lock = Lock()
    private var signal: ReadinessSignal
    private let countMax: Int
    private let bytesMax: Int
    private var filling: [UInt8] = []
    private var fillingCount = 0
    /// What the last `refill` lent, until the next: it counts toward the limits as a whole.
    private var lentCountMax = 0
    private var lentBytesMax = 0
    // The taker's own.
    private var lent: [UInt8] = []
    private var lentOffset = 0
    private var lentCount = 0
    /// Off where the host does not wait for the descriptor. Set before the first event.
    var usesSignal = true
    private var isRaised = false
    private var isInterrupted = false
    private let isFullFlag = Atomic<Bool>(false)

    init(countMax: Int, bytesMax: Int) throws(SystemError) {
        signal = try ReadinessSignal()
        self.countMax = countMax
        self.bytesMax = bytesMax
    }

    package var descriptor: Int32 { signal.descriptor }

    /// In a forked child: the parent goes on with the descriptor that both have.
    func renewSignal() throws(SystemError) { signal = try ReadinessSignal() }

    /// Whether the loops should stop reading from their sockets.
    @inline(__always)
    var isFull: Bool { isFullFlag.load(ordering: .relaxed) }

    /// Appends a copy of an event. Thread: any loop's.
    func append(_ event: EngineEvent) {
        lock.lock()
        write(event)
        fillingCount += 1
        if fillingCount + lentCountMax >= countMax || filling.count + lentBytesMax >= bytesMax {
            isFullFlag.store(true, ordering: .relaxed)
        }
        raise()
        lock.unlock()
    }

    /// Thread: the taker's.
    package var isEmpty: Bool { lentCount == 0 && lock.withLock { fillingCount == 0 } }

    /// Lends all records that wait, until the next call of this or `takeOne`. Returns how many, and whether
    /// the loops may read again.
    package func takeAll(_ body: (UnsafeBufferPointer<UInt8>, Int) -> Void) -> (count: Int, mayRead: Bool) {
        let mayRead = refill()
        let count = lentCount
        let start = lentOffset
        lentCount = 0
        lentOffset = lent.count
        lowerIfEmpty()
        lent.withUnsafeBufferPointer { body(UnsafeBufferPointer(rebasing: $0[start...]), count) }
        return (count, mayRead)
    }

    /// Raised as long as something waits, lent and not taken included. Under the lock.
    private func raise() {
        if isRaised || !usesSignal { return }
        isRaised = true
        signal.raise()
    }

    private func lowerIfEmpty() {
        lock.lock()
        defer { lock.unlock() }
        if !isRaised || isInterrupted || fillingCount > 0 { return }
        isRaised = false
        signal.lower()
    }

    /// Wakes who waits now or later: no more events will come.
    func interrupt() {
        lock.lock()
        isInterrupted = true
        raise()
        lock.unlock()
    }

    /// Whether `takeOne` has something without `refill`.
    package var hasLent: Bool { lentCount > 0 }

    /// Lends the next record; nil: none waits.
    package func takeOne<Result>(_ body: (UnsafePointer<UInt8>) -> Result) -> Result? {
        guard lentCount > 0 else { return nil }
        let start = lentOffset
        return lent.withUnsafeBufferPointer { bytes in
            let record = bytes.baseAddress! + start
            let size = Int(UnsafeRawPointer(record).loadUnaligned(as: UInt32.self))
            lentOffset += size
            lentCount -= 1
            if lentCount == 0 { lowerIfEmpty() }
            return body(record)
        }
    }

    /// Makes what waits available to `takeOne`, if everything before it was taken.
    /// Returns whether the queue was full and now is not: the loops may read again.
    package func refill() -> Bool {
        if lentCount > 0 { return false }
        lock.lock()
        defer { lock.unlock() }
        lent.removeAll(keepingCapacity: lent.capacity <= 1 << 20)
        lentOffset = 0
        swap(&lent, &filling)
        lentCount = fillingCount
        lentCountMax = lentCount
        lentBytesMax = lent.count
        fillingCount = 0
        let wasFull = isFullFlag.load(ordering: .relaxed)
        if wasFull { isFullFlag.store(false, ordering: .relaxed) }
        return wasFull
    }

    /// Drops what waits.
    func clear() {
        lock.lock()
        filling.removeAll()
        fillingCount = 0
        isFullFlag.store(false, ordering: .relaxed)
        lock.unlock()
    }

    /// Waits for an event; false: none came. -1: for ever.
    package func wait(milliseconds: Int32) -> Bool {
        ReadinessSignal.wait(for: signal.descriptor, milliseconds: milliseconds)
    }

    // MARK: Records

    private func write(_ event: EngineEvent) {
        let isOfClient = event.endpoint._withUnsafeGuaranteedRef { $0.kind == .client }
        let hasInfo =
            event.type == .connect || event.type == .open || event.type == .httpRequest
            || event.type == .clientState
        let hasVersion = event.type.isPresence
        let info =
            hasInfo
            ? 20 + event.method.count + event.query.count + event.address.count + event.headers.count
                + event.captures.count : hasVersion ? 8 : event.type == .channelSend ? event.headers.count : 0
        let strings =
            event.data.count + event.room.count + event.user.count + event.path.count + info
            + event.eventName.count
        let contextBytes = event.context == nil ? 0 : 8
        let size = (Self.recordHeaderBytes + strings + contextBytes + 7) & ~7
        let start = filling.count
        put(UInt32(size))
        put(UInt16(event.type.rawValue))
        put(UInt16(truncatingIfNeeded: event.flags) | (event.context == nil ? 0 : Self.hasContext))
        let number = event.endpoint._withUnsafeGuaranteedRef { UInt32($0.number) }
        if isOfClient {
            putFields(ofClient: event)
        } else {
            put(event.connection)
            put(number)
            put(UInt32(bitPattern: event.code))
            put(event.opcode)
            put(UInt32(bitPattern: event.route))
        }
        put(UInt32(event.data.count))
        put(UInt32(event.room.count))
        put(UInt32(event.user.count))
        put(UInt32(event.path.count))
        put(UInt32(info))
        put(UInt32(event.eventName.count))
        put(event.wallMilliseconds)
        put(event.data)
        put(event.room)
        put(event.user)
        put(event.path)
        if event.type == .channelSend { put(event.headers) }
        if hasInfo {
            put(UInt32(event.method.count))
            put(UInt32(event.query.count))
            put(UInt32(event.address.count))
            put(UInt32(event.headers.count))
            put(UInt32(event.captures.count))
            put(event.method)
            put(event.query)
            put(event.address)
            put(event.headers)
            put(event.captures)
        }
        if hasVersion { put(event.version) }
        put(event.eventName)
        while filling.count < start + size - contextBytes { filling.append(0) }
        if let context = event.context { put(UInt64(UInt(bitPattern: context))) }
    }

    /// A client's events have other things to say in these places: see hearth_engine_poll_packed.
    private func putFields(ofClient event: EngineEvent) {
        let fields = event.client
        let delay = min(fields.delayMilliseconds, UInt64(UInt32.max))
        let isState = event.type == .clientState || event.type == .clientPrepare
        put(isState ? UInt64(fields.attempt) << 32 | delay : fields.message)
        put(1 << 31 | event.endpoint._withUnsafeGuaranteedRef { UInt32($0.number) })
        put(UInt32(bitPattern: event.code))
        put(isState ? fields.state | fields.httpStatus << 16 : event.opcode)
        put(UInt32(bitPattern: isState ? fields.error : -1))
    }

    private func put(_ bytes: Borrowed) {
        if bytes.count > 0 { filling.append(contentsOf: bytes.buffer) }
    }

    private func put<Value: FixedWidthInteger>(_ value: Value) {
        withUnsafeBytes(of: value.littleEndian) { filling.append(contentsOf: $0) }
    }
}
