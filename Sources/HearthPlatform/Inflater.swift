// Messages of permessage-deflate, inflated by zlib (RFC 7692 7.2.2).

internal import CZlib

package enum InflateResult: Equatable {
    case whole
    /// As much as was allowed at once is inflated: go on with `resume`.
    case unfinished
    /// It is larger than was allowed.
    case tooLarge
    case noMemory
    /// The bytes are no deflated message.
    case invalid
}

package final class Inflater {
    private enum Progress { case between, ended, unfinished, tooLarge, noMemory, invalid }
    /// The message itself, or the empty block that ends it and is not sent (RFC 7692 7.2.2).
    private enum Part { case message, end }

    private let stream: UnsafeMutablePointer<z_stream>
    private var part = Part.message
    /// Of the part, while it is unfinished.
    private var bytesLeft = 0

    /// nil: there is no memory. `windowBits` is 8 to 15; 8 is done with the next larger.
    package init?(windowBits: Int) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        stream.pointee.zalloc = { _, count, bytes in Memory.take(Int(count) * Int(bytes)) }
        stream.pointee.zfree = { _, block in Memory.giveBack(block) }
        // Where it fails, `deinit` frees what there is.
        if hearth_shim_inflate_init(stream, Int32(max(windowBits, 9))) != Z_OK { return nil }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Forgets the messages before.
    package func reset() { inflateReset(stream) }

    /// Inflates one message to `output`, which holds nothing else afterwards and never more than one byte
    /// beyond `bytesMax`; at most `budget` bytes now. After `tooLarge` and `invalid` only `reset` is of use.
    /// A peer that reaches behind its window is refused only where zlib has not got those bytes any more.
    package func inflate(
        _ message: UnsafeBufferPointer<UInt8>, into output: OutputBuffer, bytesMax: Int, budget: Int
    ) -> InflateResult {
        output.removeAll()
        // No compressor writes that, but it can mean one thing only.
        if message.isEmpty { return .whole }
        part = .message
        return go(on: message, output, bytesMax, budget)
    }

    /// How many bytes at the end of an unfinished message are to be given to `resume`.
    package var messageBytesLeft: Int { part == .message ? bytesLeft : 0 }

    /// Goes on with an unfinished message. `rest` is its end, `output` the same as before.
    package func resume(
        _ rest: UnsafeBufferPointer<UInt8>, into output: OutputBuffer, bytesMax: Int, budget: Int
    ) -> InflateResult {
        go(on: rest, output, bytesMax, budget)
    }

    private func go(
        on rest: UnsafeBufferPointer<UInt8>, _ output: OutputBuffer, _ bytesMax: Int, _ budget: Int
    ) -> InflateResult {
        let limit = output.count + budget
        var progress = Progress.between
        if part == .message {
            progress = feed(rest, output, bytesMax, limit)
            if progress == .between {
                part = .end
                bytesLeft = 4
            }
        }
        if part == .end {
            progress = withUnsafeBytes(of: UInt32(0xFFFF_0000).littleEndian) { block in
                let block = block.assumingMemoryBound(to: UInt8.self)
                return feed(UnsafeBufferPointer(rebasing: block[(4 - bytesLeft)...]), output, bytesMax, limit)
            }
            // Behind the empty block that ends a message a new one would begin; else the message was cut off.
            if progress == .between, stream.pointee.data_type & 0x80 == 0 { progress = .invalid }
        }
        switch progress {
        case .between, .ended: return .whole
        case .unfinished: return .unfinished
        case .tooLarge: return .tooLarge
        case .noMemory: return .noMemory
        case .invalid: return .invalid
        }
    }

    private func feed(
        _ input: UnsafeBufferPointer<UInt8>, _ output: OutputBuffer, _ bytesMax: Int, _ limit: Int
    ) -> Progress {
        stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
        stream.pointee.avail_in = UInt32(input.count)
        defer { bytesLeft = Int(stream.pointee.avail_in) }
        while true {
            let room = output.makeRoom(bytesMax: bytesMax + 1)
            if room.isEmpty { return output.count > bytesMax ? .tooLarge : .noMemory }
            let count = min(room.count, limit - output.count)
            if count <= 0 { return .unfinished }
            stream.pointee.next_out = room.baseAddress
            stream.pointee.avail_out = UInt32(count)
            let status = CZlib.inflate(stream, Z_SYNC_FLUSH)
            output.count += count - Int(stream.pointee.avail_out)
            if output.count > bytesMax { return .tooLarge }
            switch status {
            case Z_OK, Z_BUF_ERROR:
                if stream.pointee.avail_in == 0, stream.pointee.avail_out > 0 { return .between }
                if status == Z_BUF_ERROR, stream.pointee.avail_out > 0 { return .invalid }
            case Z_STREAM_END:
                // RFC 7692 7.2.3.4: a block with BFINAL is like any other. The window stays.
                inflateResetKeep(stream)
                if stream.pointee.avail_in == 0 { return .ended }
            case Z_MEM_ERROR:
                return .noMemory
            default:
                return .invalid
            }
        }
    }
}
