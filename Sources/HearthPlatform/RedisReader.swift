// Replies of Redis as hiredis reads them: bytes in, the pieces of one reply at a time out. Nothing is
// allocated for a reply that is not greater than those before.

#if HEARTH_REDIS
    internal import CHiredis

    package final class RedisReader {
        package static var isAvailable: Bool { true }

        package enum Kind: UInt8 { case string = 1, array, integer, null, status, error, other }

        package enum Result { case complete, incomplete, broken }

        /// A piece of a reply, in the order in which they were sent: an array stands before what is in it.
        package struct Piece {
            package let kind: Kind
            let offset: Int
            let count: Int
            /// Of an array how many follow.
            package let number: Int64
        }

        /// nil: there is no memory; all that is read is broken.
        private let reader: UnsafeMutablePointer<redisReader>?
        private let owner: UnsafeMutablePointer<hearth_shim_redis_owner>
        /// More that is no whole reply is not kept.
        private let bytesMax: Int
        private var text: UnsafeMutablePointer<UInt8>
        private var capacity = 4096
        private var count = 0
        private var isComplete = false
        private var isBroken = false
        package private(set) var pieces: [Piece] = []

        /// So many pieces a reply may have.
        private static let piecesMax = 1 << 20

        package init(bytesMax: Int) {
            self.bytesMax = bytesMax
            text = .allocate(capacity: capacity)
            owner = .allocate(capacity: 1)
            owner.initialize(to: hearth_shim_redis_owner())
            reader = hearth_shim_redis_reader(owner)
            owner.pointee.owner = Unmanaged.passUnretained(self).toOpaque()
            owner.pointee.piece = { owner, kind, bytes, count, number in
                guard let owner else { return }
                Unmanaged<RedisReader>.fromOpaque(owner)._withUnsafeGuaranteedRef {
                    $0.append(Kind(rawValue: UInt8(clamping: kind)) ?? .other, bytes, count, number)
                }
            }
        }

        deinit {
            if let reader { redisReaderFree(reader) }
            owner.deallocate()
            text.deallocate()
        }

        /// Takes bytes over. False: more have come than one reply may have.
        package func feed(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Bool {
            guard let reader, !isBroken else { return false }
            if reader.pointee.len - reader.pointee.pos + count > bytesMax { return false }
            return bytes.withMemoryRebound(to: CChar.self, capacity: count) {
                redisReaderFeed(reader, $0, count) == REDIS_OK
            }
        }

        /// Reads the next reply, whose pieces are good until the next call.
        package func next() -> Result {
            if isComplete {
                isComplete = false
                pieces.removeAll(keepingCapacity: pieces.capacity <= 1024)
                count = 0
            }
            guard let reader, !isBroken else { return .broken }
            var reply: UnsafeMutableRawPointer?
            if redisReaderGetReply(reader, &reply) != REDIS_OK || isBroken { return .broken }
            isComplete = reply != nil
            return isComplete ? .complete : .incomplete
        }

        /// The bytes of a string, a status or an error.
        package func bytes(_ piece: Piece) -> UnsafeBufferPointer<UInt8> {
            UnsafeBufferPointer(start: text + piece.offset, count: piece.count)
        }

        private func append(_ kind: Kind, _ bytes: UnsafePointer<CChar>?, _ count: Int, _ number: Int64) {
            if pieces.count == Self.piecesMax {
                isBroken = true
                return
            }
            pieces.append(Piece(kind: kind, offset: self.count, count: count, number: number))
            guard let bytes, count > 0 else { return }
            if self.count + count > capacity { grow(to: self.count + count) }
            UnsafeMutableRawPointer(text + self.count).copyMemory(from: bytes, byteCount: count)
            self.count += count
        }

        private func grow(to needed: Int) {
            while capacity < needed { capacity *= 2 }
            let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
            UnsafeMutableRawPointer(larger).copyMemory(from: text, byteCount: count)
            text.deallocate()
            text = larger
        }
    }
#else
    /// Built without hiredis: servers with a redis_url are refused before they come here.
    package final class RedisReader {
        package enum Kind: UInt8 { case string = 1, array, integer, null, status, error, other }
        package enum Result { case complete, incomplete, broken }

        package struct Piece {
            package let kind: Kind
            package let number: Int64
        }

        package static var isAvailable: Bool { false }
        package let pieces: [Piece] = []

        package init(bytesMax: Int) {}

        package func feed(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Bool { false }

        package func next() -> Result { .broken }

        package func bytes(_ piece: Piece) -> UnsafeBufferPointer<UInt8> {
            UnsafeBufferPointer(start: nil, count: 0)
        }
    }
#endif
