// What a client has handed to its connection and the system has not taken yet. A message is sent when the
// system has the last byte of its frame; until then it can be taken back.

internal import HearthBytes
internal import HearthWire

/// A message whose frame waits to be written.
struct InFlight {
    let id: UInt64
    let opcode: Opcode
    /// It goes back to the queue when the connection breaks.
    let keeps: Bool
    let queuedAt: UInt64
    /// Behind its frame, counted in bytes from the connection's opening.
    let end: UInt64
    /// Where the payload lies in the arena of the loop's clients; empty: in `payload`.
    var stored: Range<Int>
    var payload: [UInt8]
}

struct ClientOutgoing {
    /// Bytes that have left the outbox.
    var handedOver: UInt64 = 0
    /// Bytes that the system has. Less than `handedOver` while sealed bytes wait.
    var taken: UInt64 = 0
    private(set) var inFlight: [InFlight] = []
    private var first = 0
    /// The last message that was sent, and the last one that the program was told of.
    private(set) var lastSent: UInt64 = 0
    var lastTold: UInt64 = 0

    init() {}

    var isEmpty: Bool { first == inFlight.count }

    mutating func add(_ message: InFlight) { inFlight.append(message) }

    /// Forgets what the system has. Returns how many messages that were.
    mutating func retireSent() -> Int {
        let before = first
        while first < inFlight.count, inFlight[first].end <= taken {
            lastSent = inFlight[first].id
            first += 1
        }
        let count = first - before
        if first == inFlight.count {
            inFlight.removeAll(keepingCapacity: inFlight.capacity <= 16)
            first = 0
        } else if first > 64 {
            inFlight.removeFirst(first)
            first = 0
        }
        return count
    }

    /// Copies what lies in the arena, which is cleared with each flush.
    mutating func keepPayloads(_ payloads: PayloadArena) {
        for index in first..<inFlight.count where !inFlight[index].stored.isEmpty {
            inFlight[index].payload = payloads.copy(inFlight[index].stored)
            inFlight[index].stored = 0..<0
        }
    }

    /// Takes back all that the system does not have, oldest first.
    mutating func takeUnsent(_ payloads: PayloadArena) -> [InFlight] {
        keepPayloads(payloads)
        let left = Array(inFlight[first...])
        inFlight = []
        first = 0
        return left
    }

    /// A new connection.
    mutating func begin() {
        handedOver = 0
        taken = 0
    }
}

/// The payloads of this turn's messages, one behind the other, in memory that is used again in the next.
final class PayloadArena {
    private static var spareBytesMax: Int { 1 << 20 }

    private var bytes: UnsafeMutablePointer<UInt8>
    private var capacity = 4096
    private var count = 0

    init() { bytes = .allocate(capacity: capacity) }

    deinit { bytes.deallocate() }

    /// Where the copy lies.
    func add(_ payload: UnsafeBufferPointer<UInt8>) -> Range<Int> {
        guard let base = payload.baseAddress, payload.count > 0 else { return 0..<0 }
        if count + payload.count > capacity { grow(count + payload.count) }
        UnsafeMutableRawPointer(bytes + count).copyMemory(from: base, byteCount: payload.count)
        count += payload.count
        return count - payload.count..<count
    }

    func copy(_ range: Range<Int>) -> [UInt8] {
        Array(UnsafeBufferPointer(start: bytes + range.lowerBound, count: range.count))
    }

    @inline(__always) var isUsed: Bool { count > 0 }

    /// Nobody needs the copies any more.
    func clear() {
        count = 0
        if capacity <= Self.spareBytesMax { return }
        bytes.deallocate()
        capacity = 4096
        bytes = .allocate(capacity: capacity)
    }

    private func grow(_ needed: Int) {
        let larger = max(needed, 2 * capacity)
        let place = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
        UnsafeMutableRawPointer(place).copyMemory(from: bytes, byteCount: count)
        bytes.deallocate()
        bytes = place
        capacity = larger
    }
}
