// The header of a frame that we send (RFC 6455 5.2): always final, the length in its shortest form. Of a
// compressed message it has RSV1 (RFC 7692 6).

package enum FrameHeader {
    /// No header is longer.
    package static var bytesMax: Int { 14 }

    /// The length of a server's header.
    @inline(__always)
    package static func length(payloadCount: Int) -> Int {
        payloadCount < 126 ? 2 : payloadCount <= 0xFFFF ? 4 : 10
    }

    /// Writes a server's header to `place`, which has `length(payloadCount:)` bytes. Returns how many that
    /// were.
    @inline(__always)
    package static func write(
        opcode: Opcode, isCompressed: Bool = false, payloadCount: Int, into place: UnsafeMutablePointer<UInt8>
    ) -> Int {
        unsafe write(
            opcode: opcode, isCompressed: isCompressed, payloadCount: payloadCount, maskBit: 0, into: place)
    }

    /// Writes a client's header to `place`, which has `length(payloadCount:) + 4` bytes. Returns how many
    /// that were. `maskKey` is the key as a little-endian number, as `unmask` takes it.
    package static func write(
        opcode: Opcode, isCompressed: Bool = false, payloadCount: Int, maskKey: UInt32,
        into place: UnsafeMutablePointer<UInt8>
    ) -> Int {
        let count = unsafe write(
            opcode: opcode, isCompressed: isCompressed, payloadCount: payloadCount, maskBit: 0x80, into: place
        )
        for index in 0..<4 {
            unsafe place[count + index] = UInt8(truncatingIfNeeded: maskKey >> (8 * UInt32(index)))
        }
        return count + 4
    }

    // The caller's promise about the room at `place` covers every byte written here.
    @inline(__always)
    private static func write(
        opcode: Opcode, isCompressed: Bool, payloadCount: Int, maskBit: UInt8,
        into place: UnsafeMutablePointer<UInt8>
    ) -> Int {
        unsafe place[0] = (isCompressed ? 0xC0 : 0x80) | opcode.rawValue
        if payloadCount < 126 {
            unsafe place[1] = maskBit | UInt8(truncatingIfNeeded: payloadCount)
            return 2
        }
        if payloadCount <= 0xFFFF {
            unsafe place[1] = maskBit | 126
            unsafe place[2] = UInt8(truncatingIfNeeded: payloadCount &>> 8)
            unsafe place[3] = UInt8(truncatingIfNeeded: payloadCount)
            return 4
        }
        unsafe place[1] = maskBit | 127
        for index in 0..<8 {
            unsafe place[2 + index] = UInt8(truncatingIfNeeded: payloadCount &>> (56 &- 8 &* index))
        }
        return 10
    }
}
