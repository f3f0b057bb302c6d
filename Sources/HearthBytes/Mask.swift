// The masking of client frames (RFC 6455 5.3), a word at a time.

/// Masks or unmasks `bytes[from..<to]` in place. `key` is the masking key read as a little-endian number,
/// `phase` how many bytes of the payload came before `from`; only its two lowest bits count.
@inline(__always)
package func unmask(_ bytes: inout MutableSpan<UInt8>, from: Int, to: Int, key: UInt32, phase: Int) {
    precondition(from >= 0 && from <= to && to <= bytes.count, "range beyond the bytes")
    let shift = UInt32(truncatingIfNeeded: phase & 3) &* 8
    let rotated = key &>> shift | key &<< (32 &- shift)
    let word = (UInt64(rotated) &* 0x1_0000_0001).littleEndian
    // The range was checked against the span, which keeps its memory alive until the call returns.
    unsafe bytes.withUnsafeMutableBytes { buffer in
        guard var place = buffer.baseAddress else { return }
        unsafe place += from
        var left = to &- from
        let wide = SIMD4<UInt64>(repeating: word)
        while left >= 32 {
            unsafe place.storeBytes(
                of: place.loadUnaligned(as: SIMD4<UInt64>.self) ^ wide, as: SIMD4<UInt64>.self)
            unsafe place += 32
            left &-= 32
        }
        while left >= 8 {
            unsafe place.storeBytes(of: place.loadUnaligned(as: UInt64.self) ^ word, as: UInt64.self)
            unsafe place += 8
            left &-= 8
        }
        var rest = UInt64(littleEndian: word)
        while left > 0 {
            unsafe place.storeBytes(
                of: place.load(as: UInt8.self) ^ UInt8(truncatingIfNeeded: rest), as: UInt8.self)
            unsafe place += 1
            rest &>>= 8
            left &-= 1
        }
    }
}

/// Copies the bytes masked (RFC 6455 5.3) to `place`, which has as much room. `key` as for `unmask`.
@_optimize(speed)
package func copyMasked(
    from bytes: UnsafeBufferPointer<UInt8>, to place: UnsafeMutableRawPointer, key: UInt32
) {
    guard var source = UnsafeRawPointer(bytes.baseAddress) else { return }
    let word = (UInt64(key) &* 0x1_0000_0001).littleEndian
    var target = place
    var left = bytes.count
    let wide = SIMD4<UInt64>(repeating: word)
    while left >= 32 {
        target.storeBytes(of: source.loadUnaligned(as: SIMD4<UInt64>.self) ^ wide, as: SIMD4<UInt64>.self)
        source += 32
        target += 32
        left &-= 32
    }
    while left >= 8 {
        target.storeBytes(of: source.loadUnaligned(as: UInt64.self) ^ word, as: UInt64.self)
        source += 8
        target += 8
        left &-= 8
    }
    var rest = UInt64(littleEndian: word)
    while left > 0 {
        target.storeBytes(of: source.load(as: UInt8.self) ^ UInt8(truncatingIfNeeded: rest), as: UInt8.self)
        source += 1
        target += 1
        rest &>>= 8
        left &-= 1
    }
}
