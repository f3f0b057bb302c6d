// What is counted. One loop writes, any thread reads: to count costs a load, an addition and a store, and no
// locked instruction.

internal import HearthWire
internal import Synchronization

/// What a loop counts for one endpoint.
enum Count: Int {
    case opened, closed
    case messagesReceived, bytesReceived, messagesSent, bytesSent
    /// To rooms and servers, once on each loop that has receivers.
    case broadcasts
    /// By a policy for slow consumers.
    case messagesDropped
    case slowConsumersClosed
    /// Peers that sent nothing after a ping.
    case staleRemoved
    /// Of peers that sent more than their rates.
    case messagesLimited
    /// Opened by a client that said it came back.
    case reconnects

    static var count: Int { 12 }
}

/// How a request for a WebSocket was answered.
enum HandshakeResult {
    case accepted
    /// Accepted to be closed with a code.
    case closed
    case status(Int)

    static var count: Int { 13 }

    var index: Int {
        switch self {
        case .accepted: return 0
        case .closed: return 1
        case .status(let status):
            for index in 2..<Self.count - 1 where Self.status(at: index) == status { return index }
            return Self.count - 1
        }
    }

    /// Of the results that have one.
    static func status(at index: Int) -> Int {
        switch index {
        case 2: 400
        case 3: 401
        case 4: 403
        case 5: 404
        case 6: 408
        case 7: 421
        case 8: 426
        case 9: 429
        case 10: 500
        case 11: 503
        default: 0
        }
    }

    static func label(at index: Int) -> [UInt8] {
        switch index {
        case 0: ascii("accepted")
        case 1: ascii("closed")
        case count - 1: ascii("other")
        default: decimal(status(at: index))
        }
    }
}

/// Close codes in a table: peers may send thousands of them.
enum CloseCount {
    static var count: Int { 39 }

    static func index(of code: Int) -> Int {
        switch code {
        case 1000..<1016: code - 1000
        case 4100..<4110: code - 4100 + 16
        case 4500..<4510: code - 4500 + 26
        case 3000..<4000: 36
        case 4000..<5000: 37
        default: 38
        }
    }

    static func label(at index: Int) -> [UInt8] {
        switch index {
        case 0..<16: decimal(1000 + index)
        case 16..<26: decimal(4100 + index - 16)
        case 26..<36: decimal(4500 + index - 26)
        case 36: ascii("3xxx")
        case 37: ascii("4xxx")
        default: ascii("other")
        }
    }
}

/// Numbers that one thread writes.
struct Cells {
    let cells: UnsafeMutablePointer<Atomic<UInt64>>

    init(count: Int) {
        // Lines of their own, as another thread's may lie beside them.
        let bytes = (count * 8 + 63) & ~63
        cells = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
            .bindMemory(to: Atomic<UInt64>.self, capacity: count)
        for index in 0..<count { (cells + index).initialize(to: Atomic<UInt64>(0)) }
    }

    init(_ address: UInt) { cells = UnsafeMutablePointer(bitPattern: address)! }

    var address: UInt { UInt(bitPattern: cells) }

    func deallocate() { UnsafeMutableRawPointer(cells).deallocate() }

    @inline(__always)
    subscript(_ index: Int) -> UInt64 { cells[index].load(ordering: .relaxed) }

    @inline(__always)
    func add(_ index: Int, _ amount: UInt64) {
        cells[index].store(cells[index].load(ordering: .relaxed) &+ amount, ordering: .relaxed)
    }

    @inline(__always)
    func set(_ index: Int, _ value: UInt64) { cells[index].store(value, ordering: .relaxed) }
}

/// What one loop counts for one endpoint.
struct Counters {
    static var cellCount: Int { Count.count + HandshakeResult.count + CloseCount.count }

    let cells: Cells

    @inline(__always)
    func add(_ count: Count, _ amount: UInt64 = 1) { cells.add(count.rawValue, amount) }

    func addHandshake(_ result: HandshakeResult) { cells.add(Count.count + result.index, 1) }

    func addClose(_ code: Int) {
        cells.add(Count.closed.rawValue, 1)
        cells.add(Count.count + HandshakeResult.count + CloseCount.index(of: code), 1)
    }
}

/// The sum of what all loops have counted for an endpoint.
struct CounterSums {
    private var sums = [UInt64](repeating: 0, count: Counters.cellCount)

    mutating func add(_ counters: Counters) {
        for index in 0..<sums.count { sums[index] &+= counters.cells[index] }
    }

    subscript(_ count: Count) -> UInt64 { sums[count.rawValue] }

    func handshakes(at index: Int) -> UInt64 { sums[Count.count + index] }

    func closes(at index: Int) -> UInt64 { sums[Count.count + HandshakeResult.count + index] }

    /// Of two numbers that are read one after the other the second may be ahead.
    var open: UInt64 { self[.opened] > self[.closed] ? self[.opened] - self[.closed] : 0 }
}

/// How often a time was how long: a bucket for each doubling of 16 microseconds.
struct Histogram {
    static var bucketCount: Int { 22 }
    static var cellCount: Int { bucketCount + 1 }

    /// The cells of the buckets, of which the last has no bound, and one for the sum.
    let cells: Cells

    /// Upper bound of a bucket but the last, in microseconds.
    static func bound(_ index: Int) -> UInt64 { 16 << UInt64(index) }

    @inline(__always)
    func record(nanoseconds: UInt64, times: UInt64) {
        let sixteenths = nanoseconds / 16_000
        let index = min(64 - sixteenths.leadingZeroBitCount, Self.bucketCount - 1)
        cells.add(index, times)
        cells.add(Self.bucketCount, nanoseconds &* times)
    }
}

/// Buckets of several loops together.
struct HistogramSum {
    private(set) var buckets = [UInt64](repeating: 0, count: Histogram.bucketCount)
    private(set) var nanoseconds: UInt64 = 0

    mutating func add(_ histogram: Histogram) {
        for index in 0..<buckets.count { buckets[index] &+= histogram.cells[index] }
        nanoseconds &+= histogram.cells[Histogram.bucketCount]
    }

    var count: UInt64 { buckets.reduce(0, &+) }

    /// Microseconds below which so many of a thousand were, taken as evenly spread within a bucket.
    func quantile(_ perMille: UInt64) -> UInt64 {
        let total = count
        if total == 0 { return 0 }
        let wanted = max(1, (total * perMille + 999) / 1000)
        var below: UInt64 = 0
        for index in 0..<buckets.count {
            if below + buckets[index] >= wanted {
                let lower = index == 0 ? 0 : Histogram.bound(index - 1)
                let width = index == buckets.count - 1 ? 0 : Histogram.bound(index) - lower
                return lower + width * (wanted - below) / buckets[index]
            }
            below += buckets[index]
        }
        return Histogram.bound(buckets.count - 2)
    }
}
