// What a client has handed to its connection and the system has not taken yet. A message is sent when the
// system has the last byte of its frame; until then it can be taken back.

internal import HearthBytes
internal import HearthWire

/// A message whose frame waits to be written.
struct Flight {
    let id: UInt64
    let opcode: Opcode
    /// It goes back to the queue when the connection breaks.
    let keeps: Bool
    let queuedAt: UInt64
    /// Behind its frame, counted in bytes from the connection's opening.
    let end: UInt64
    /// Where the payload lies in the loop's journal; empty: in `payload`.
    var journal: Range<Int>
    var payload: [UInt8]
}

struct ClientOutgoing {
    /// Bytes that have left the outbox.
    var handedOver: UInt64 = 0
    /// Bytes that the system has. Less than `handedOver` while sealed bytes wait.
    var taken: UInt64 = 0
    private(set) var flights: [Flight] = []
    private var first = 0
    /// The last message that was sent, and the last one that the program was told of.
    private(set) var lastSent: UInt64 = 0
    var lastTold: UInt64 = 0

    init() {}

    var isEmpty: Bool { first == flights.count }

    mutating func add(_ flight: Flight) { flights.append(flight) }

    /// Forgets what the system has. Returns how many messages that were.
    mutating func settle() -> Int {
        let before = first
        while first < flights.count, flights[first].end <= taken {
            lastSent = flights[first].id
            first += 1
        }
        let count = first - before
        if first == flights.count {
            flights.removeAll(keepingCapacity: flights.capacity <= 16)
            first = 0
        } else if first > 64 {
            flights.removeFirst(first)
            first = 0
        }
        return count
    }

    /// Copies what lies in the journal, which ends with the turn.
    mutating func keep(_ journal: Journal) {
        for index in first..<flights.count where !flights[index].journal.isEmpty {
            flights[index].payload = journal.copy(flights[index].journal)
            flights[index].journal = 0..<0
        }
    }

    /// Takes back all that the system does not have, oldest first.
    mutating func takeBack(_ journal: Journal) -> [Flight] {
        keep(journal)
        let left = Array(flights[first...])
        flights = []
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
final class Journal {
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
    func endTurn() {
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
