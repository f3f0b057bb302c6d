// Many sends in one system call, by io_uring. Nothing is ever in flight: each send is tried once, without
// waiting, inside of `submit`, and when that returns the result of each is known. So memory may be used
// again and descriptors closed at once, as after send().

internal import CLibuv
internal import CUring
package import HearthBytes

package final class SendRing {
    /// How many sends one `submit` takes. With more, the kernel's thread for network work takes over more.
    package static let capacity = 256
    /// How many pieces those may have together, where they consist of several.
    private static let piecesMax = 4096

    private var ring = hearth_ring()
    private let messages: UnsafeMutablePointer<msghdr>
    private let pieces: UnsafeMutablePointer<Piece>
    private var pieceCount = 0
    /// Per staged send what became of it: bytes, or a negative errno.
    private let results: UnsafeMutablePointer<Int>
    package private(set) var count = 0
    /// The system refused the ring itself: it is not to be used again.
    package private(set) var isRefused = false

    package init() throws(SystemError) {
        messages = .allocate(capacity: Self.capacity)
        messages.initialize(repeating: msghdr(), count: Self.capacity)
        pieces = .allocate(capacity: Self.piecesMax)
        pieces.initialize(repeating: Piece(base: nil, count: 0), count: Self.piecesMax)
        results = .allocate(capacity: Self.capacity)
        results.initialize(repeating: 0, count: Self.capacity)
        let error = hearth_ring_open(&ring, UInt32(Self.capacity))
        if error != 0 { throw SystemError(number: error) }
    }

    deinit {
        hearth_ring_close(&ring)
        messages.deallocate()
        pieces.deallocate()
        results.deallocate()
    }

    @inline(__always)
    package var isFull: Bool { count == Self.capacity }

    /// Adds a send of one piece.
    @inline(__always)
    package func stage(_ descriptor: Int32, _ piece: Piece) {
        hearth_ring_send(&ring, UInt32(truncatingIfNeeded: count), descriptor, piece.base, piece.count, 0)
        results[count] = piece.count
        count += 1
    }

    /// Room for the pieces of one send; nil if there is not so much: submit first.
    package func room(for pieceCountMax: Int) -> UnsafeMutableBufferPointer<Piece>? {
        if pieceCount + pieceCountMax > Self.piecesMax { return nil }
        return UnsafeMutableBufferPointer(start: pieces + pieceCount, count: pieceCountMax)
    }

    /// Adds a send of the first pieces in what `room` gave.
    package func stage(_ descriptor: Int32, pieces taken: Int, bytes: Int) {
        messages[count].msg_iov = UnsafeMutableRawPointer(pieces + pieceCount).assumingMemoryBound(
            to: iovec.self)
        messages[count].msg_iovlen = taken
        pieceCount += taken
        hearth_ring_send(&ring, UInt32(truncatingIfNeeded: count), descriptor, messages + count, 1, 1)
        results[count] = bytes
        count += 1
    }

    /// Tries all that is staged. Afterwards `transfer(at:)` says what became of each, and what the ring did
    /// not even try has been tried by send().
    package func submit(_ sendAlone: (Int) -> Transfer) {
        let taken = Int(hearth_ring_enter(&ring, UInt32(count)))
        var index: UInt64 = 0
        var result: Int32 = 0
        while hearth_ring_reap(&ring, &index, &result) != 0 {
            if index < UInt64(count) { results[Int(index)] = Int(result) }
        }
        if taken < 0, !Self.isPassing(taken) { isRefused = true }
        for index in max(taken, 0)..<count { results[index] = Self.number(sendAlone(index)) }
        for index in 0..<max(taken, 0) where results[index] < 0 {
            // The operation itself is refused: by an old kernel, or a filter of a container.
            if Self.isRefusal(results[index]) {
                isRefused = true
                results[index] = Self.number(sendAlone(index))
            }
        }
    }

    @inline(__always)
    package func transfer(at index: Int) -> Transfer {
        let result = results[index]
        if result >= 0 { return .bytes(result) }
        return Self.isBlocked(result) ? .blocked : .failed(SystemError(number: Int32(-result)))
    }

    /// All have been looked at.
    @inline(__always)
    package func clear() {
        count = 0
        pieceCount = 0
    }

    private static func isBlocked(_ result: Int) -> Bool {
        result == -Int(EAGAIN) || result == -Int(ENOBUFS) || result == -Int(EINTR)
    }

    private static func isPassing(_ result: Int) -> Bool {
        isBlocked(result) || result == -Int(EBUSY) || result == -Int(ENOMEM)
    }

    private static func isRefusal(_ result: Int) -> Bool {
        result == -Int(EINVAL) || result == -Int(EOPNOTSUPP) || result == -Int(EPERM)
            || result == -Int(EACCES) || result == -Int(ENOSYS)
    }

    private static func number(_ transfer: Transfer) -> Int {
        switch transfer {
        case .bytes(let count): count
        case .blocked: -Int(EAGAIN)
        case .failed(let error): -Int(error.number)
        }
    }
}
