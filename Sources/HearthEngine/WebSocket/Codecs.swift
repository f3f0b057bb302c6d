// The compressors that the connections of a loop share, and the memory that all of them work in.

internal import HearthPlatform

final class Codecs {
    /// Of the memory for one message so much is kept for the next.
    private static var keptBytes: Int { 256 << 10 }

    private var deflaters: [Deflater?] = []
    private var inflater: Inflater?
    private var inflated = OutputBuffer()
    private let deflated = OutputBuffer()

    /// Compresses a message that refers to no other. nil: it does not get smaller. The answer is good until
    /// the next call.
    func compress(
        _ payload: UnsafeBufferPointer<UInt8>, level: Int, windowBits: Int
    ) -> UnsafeBufferPointer<UInt8>? {
        let index = level * 16 + windowBits
        while deflaters.count <= index { deflaters.append(nil) }
        if deflaters[index] == nil { deflaters[index] = Deflater(level: level, windowBits: windowBits) }
        guard let deflater = deflaters[index] else { return nil }
        deflater.reset()
        return deflater.deflate(payload, into: deflated, mayGrow: false) ? deflated.bytes : nil
    }

    /// Compresses a message with a connection's own compressor. What it answers must be sent, for later
    /// messages refer to it.
    func compress(
        _ payload: UnsafeBufferPointer<UInt8>, level: Int, for compression: Compression
    ) -> UnsafeBufferPointer<UInt8>? {
        if compression.deflater == nil {
            compression.deflater = Deflater(level: level, windowBits: compression.sentWindowBits)
        }
        compression.wasUsed = true
        guard let deflater = compression.deflater else { return nil }
        if deflater.deflate(payload, into: deflated, mayGrow: true) { return deflated.bytes }
        deflater.reset()
        return nil
    }

    /// Inflates a message, to at most `budget` bytes now, of which what is used is taken away;
    /// `inflatedBytes` then lends it. If it is unfinished the connection keeps what `resume` goes on with.
    func inflate(
        _ message: CompressedMessage, _ payload: UnsafeBufferPointer<UInt8>, for compression: Compression,
        bytesMax: Int, budget: inout Int
    ) -> InflateResult {
        guard let inflater = inflater(for: compression) else { return .noMemory }
        if !compression.receivesTakeover { inflater.reset() }
        let result = inflater.inflate(payload, into: inflated, bytesMax: bytesMax, budget: budget)
        budget -= inflated.count
        if result == .unfinished {
            let rest = UnsafeBufferPointer(rebasing: payload.suffix(inflater.messageBytesLeft))
            compression.inflation = Inflation(message, rest: Array(rest), inflater, inflated)
            inflated = OutputBuffer()
            if !compression.receivesTakeover { self.inflater = nil }
        }
        return result
    }

    private func inflater(for compression: Compression) -> Inflater? {
        if compression.receivesTakeover {
            if compression.inflater == nil {
                compression.inflater = Inflater(windowBits: compression.receivedWindowBits)
            }
            return compression.inflater
        }
        if inflater == nil { inflater = Inflater(windowBits: 15) }
        return inflater
    }

    /// Goes on with an unfinished message.
    func resume(
        _ inflation: Inflation, for compression: Compression, bytesMax: Int, budget: inout Int
    ) -> InflateResult {
        let countBefore = inflation.output.count
        let result = inflation.rest[inflation.offset...].withUnsafeBufferPointer {
            inflation.inflater.resume($0, into: inflation.output, bytesMax: bytesMax, budget: budget)
        }
        budget -= inflation.output.count - countBefore
        if result == .unfinished {
            inflation.offset = inflation.rest.count - inflation.inflater.messageBytesLeft
            return result
        }
        compression.inflation = nil
        inflated = inflation.output
        if !compression.receivesTakeover, inflater == nil { inflater = inflation.inflater }
        return result
    }

    var inflatedBytes: UnsafeBufferPointer<UInt8> { inflated.bytes }

    /// Nobody needs the inflated message any longer: it has been delivered, to everybody.
    func trimInflated() { inflated.trim(toBytes: Self.keptBytes) }

    /// Gives back what no message needs at the moment.
    func trim() {
        inflated.trim(toBytes: 0)
        deflated.trim(toBytes: 0)
    }

    /// The same for what was compressed last. A message that was inflated may still be on its way meanwhile.
    func trimDeflated() { deflated.trim(toBytes: Self.keptBytes) }
}
