// Messages of permessage-deflate, inflated by zlib (RFC 7692 7.2.2).

internal import CZlib

package enum InflateResult: Equatable {
    case whole
    /// It is larger than was allowed.
    case tooLarge
    case noMemory
    /// The bytes are no deflated message.
    case invalid
}

package final class Inflater {
    private enum Progress { case between, ended, tooLarge, noMemory, invalid }

    private let stream: UnsafeMutablePointer<z_stream>

    /// nil: there is no memory. `windowBits` is 8 to 15; 8 is done with the next larger.
    package init?(windowBits: Int) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
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
    /// beyond `bytesMax`. After anything but `whole` only `reset` is of use. A peer that reaches behind its
    /// window is refused only where zlib has not got those bytes any more.
    package func inflate(
        _ message: UnsafeBufferPointer<UInt8>, into output: OutputBuffer, bytesMax: Int
    ) -> InflateResult {
        output.removeAll()
        // No compressor writes that, but it can mean one thing only.
        if message.isEmpty { return .whole }
        var progress = feed(message, output, bytesMax)
        if progress == .between {
            progress = withUnsafeBytes(of: UInt32(0xFFFF_0000).littleEndian) {
                feed($0.assumingMemoryBound(to: UInt8.self), output, bytesMax)
            }
            // Behind the empty block that ends a message a new one would begin; else the message was cut off.
            if progress == .between, stream.pointee.data_type & 0x80 == 0 { progress = .invalid }
        }
        switch progress {
        case .between, .ended: return .whole
        case .tooLarge: return .tooLarge
        case .noMemory: return .noMemory
        case .invalid: return .invalid
        }
    }

    private func feed(
        _ input: UnsafeBufferPointer<UInt8>, _ output: OutputBuffer, _ bytesMax: Int
    ) -> Progress {
        stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
        stream.pointee.avail_in = UInt32(input.count)
        while true {
            let room = output.makeRoom(bytesMax: bytesMax + 1)
            if room.isEmpty { return output.count > bytesMax ? .tooLarge : .noMemory }
            stream.pointee.next_out = room.baseAddress
            stream.pointee.avail_out = UInt32(room.count)
            let status = CZlib.inflate(stream, Z_SYNC_FLUSH)
            output.count += room.count - Int(stream.pointee.avail_out)
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
