// Messages compressed for permessage-deflate by zlib (RFC 7692 7.2.1).

internal import CZlib

package final class Deflater {
    /// What ends each message and is not sent.
    private static var tailBytes: Int { 4 }

    private let stream: UnsafeMutablePointer<z_stream>

    /// nil: there is no memory. `windowBits` is 9 to 15.
    package init?(level: Int, windowBits: Int) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        stream.pointee.zalloc = { _, count, bytes in Memory.take(Int(count) * Int(bytes)) }
        stream.pointee.zfree = { _, block in Memory.giveBack(block) }
        // Beyond 6 it takes more memory and makes nothing of the usual length smaller.
        let memoryLevel = min(max(windowBits - 7, 2), 6)
        // Where it fails, `deinit` frees what there is.
        let status = hearth_shim_deflate_init(stream, Int32(level), Int32(windowBits), Int32(memoryLevel))
        if status != Z_OK { return nil }
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
    }

    /// Forgets the messages before.
    package func reset() { deflateReset(stream) }

    /// Compresses one message, which is not empty, to `output`, which holds nothing else afterwards. False:
    /// it did not get smaller than itself, or there is no memory; only `reset` is of use then. With
    /// `mayGrow` the former is no reason to fail.
    package func deflate(
        _ message: UnsafeBufferPointer<UInt8>, into output: OutputBuffer, mayGrow: Bool
    ) -> Bool {
        output.removeAll()
        let bound = Int(deflateBound(stream, UInt(message.count))) + 16
        output.reserve(mayGrow ? bound : message.count + Self.tailBytes)
        let room = output.makeRoom(bytesMax: Int.max)
        let roomCount = mayGrow ? room.count : min(room.count, message.count + Self.tailBytes)
        stream.pointee.next_in = UnsafeMutablePointer(mutating: message.baseAddress)
        stream.pointee.avail_in = UInt32(message.count)
        stream.pointee.next_out = room.baseAddress
        stream.pointee.avail_out = UInt32(roomCount)
        let status = CZlib.deflate(stream, Z_SYNC_FLUSH)
        // Where room is left the flush is complete.
        guard status == Z_OK, stream.pointee.avail_out > 0 else { return false }
        output.count = roomCount - Int(stream.pointee.avail_out) - Self.tailBytes
        return true
    }
}
