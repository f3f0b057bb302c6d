// SipHash-1-3: a keyed hash whose collisions a peer cannot make without the key.

package struct SipHash {
    private var v0, v1, v2, v3: UInt64

    package static func hash(_ bytes: borrowing Span<UInt8>, seed: (UInt64, UInt64)) -> UInt64 {
        var state = SipHash(
            v0: seed.0 ^ 0x736f_6d65_7073_6575, v1: seed.1 ^ 0x646f_7261_6e64_6f6d,
            v2: seed.0 ^ 0x6c79_6765_6e65_7261, v3: seed.1 ^ 0x7465_6462_7974_6573)
        let raw = unsafe bytes.bytes
        let count = bytes.count
        var index = 0
        while index &+ 8 <= count {
            // Ends at `count` or before.
            let word = unsafe raw.unsafeLoadUnaligned(fromUncheckedByteOffset: index, as: UInt64.self)
            state.absorb(UInt64(littleEndian: word))
            index &+= 8
        }
        var last = UInt64(truncatingIfNeeded: count) << 56
        var shift: UInt64 = 0
        while index < count {
            last |= UInt64(bytes[index]) &<< shift
            shift &+= 8
            index &+= 1
        }
        state.absorb(last)
        state.v2 ^= 0xFF
        for _ in 0..<3 { state.mix() }
        return state.v0 ^ state.v1 ^ state.v2 ^ state.v3
    }

    private mutating func absorb(_ word: UInt64) {
        v3 ^= word
        mix()
        v0 ^= word
    }

    private mutating func mix() {
        v0 = v0 &+ v1
        v1 = Self.rotate(v1, 13) ^ v0
        v0 = Self.rotate(v0, 32)
        v2 = v2 &+ v3
        v3 = Self.rotate(v3, 16) ^ v2
        v0 = v0 &+ v3
        v3 = Self.rotate(v3, 21) ^ v0
        v2 = v2 &+ v1
        v1 = Self.rotate(v1, 17) ^ v2
        v2 = Self.rotate(v2, 32)
    }

    @inline(__always)
    private static func rotate(_ value: UInt64, _ count: UInt64) -> UInt64 {
        value &<< count | value &>> (64 &- count)
    }
}
