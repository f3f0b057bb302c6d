// The clients of one loop, by small numbers for its timers, and what they share: keys for masks, payloads of
// this turn, counters. What is done for a client is in the files Loop+Client…. Thread: the loop's.

internal import HearthBytes
internal import HearthPlatform
internal import HearthWire

final class Clients {
    private var table: [Client?] = []
    private var free: [UInt32] = []
    /// Those for which something is to be done at the end of the turn.
    private var scheduled: [Client] = []
    /// How many are connected, connect, or wait to.
    private(set) var activeCount = 0
    /// Of all clients of the loop.
    let counters = Counters(cells: Cells(count: Counters.cellCount))
    /// The answer read last by a client.
    var answerHead = ReceivedResponse()
    private let maskKeys = MaskKeys()
    private let payloads = PayloadArena()

    private let afterwork: Afterwork

    init(afterwork: Afterwork) { self.afterwork = afterwork }

    deinit { counters.cells.deallocate() }

    // MARK: Which there are

    func add(_ client: Client) {
        if client.slot != nil { return }
        let slot = free.popLast() ?? UInt32(table.count)
        if Int(slot) == table.count { table.append(client) } else { table[Int(slot)] = client }
        client.slot = slot
    }

    func remove(_ client: Client) {
        guard let slot = client.slot else { return }
        table[Int(slot)] = nil
        free.append(slot)
        client.slot = nil
    }

    func at(_ slot: UInt32) -> Client? { Int(slot) < table.count ? table[Int(slot)] : nil }

    /// Above every number that `at` knows.
    var endIndex: UInt32 { UInt32(table.count) }

    func noteActive(_ isActive: Bool) { activeCount += isActive ? 1 : -1 }

    // MARK: The end of the turn

    func schedule(_ client: Client, _ duties: ClientDuties) {
        let isScheduled = client.duties.contains(.isScheduled)
        client.duties.formUnion([duties, .isScheduled])
        if isScheduled { return }
        scheduled.append(client)
        afterwork.note(.clients)
    }

    func takeScheduled() -> [Client] {
        let taken = scheduled
        scheduled.removeAll(keepingCapacity: taken.count <= 1024)
        return taken
    }

    // MARK: Frames

    @inline(__always)
    func nextMaskKey() -> UInt32 { maskKeys.next() }

    /// Copies a payload that may have to be queued again. Returns where it is until the end of the flush.
    func storePayload(_ payload: UnsafeBufferPointer<UInt8>) -> Range<Int> { payloads.add(payload) }

    /// The flush is over: what is not sent keeps its payload by itself.
    func keepUnsent(of client: Client) { client.outgoing.keepPayloads(payloads) }

    func takeUnsent(of client: Client) -> [InFlight] { client.outgoing.takeUnsent(payloads) }

    @inline(__always)
    func endFlush() { if payloads.isUsed { payloads.clear() } }
}
