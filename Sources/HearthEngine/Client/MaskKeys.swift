// Keys for the frames of clients: unpredictable to whoever chooses the payloads (RFC 6455 5.3), and drawn
// many at a time.

internal import HearthPlatform

final class MaskKeys {
    private static var keysCount: Int { 1024 }

    private let keys: UnsafeMutablePointer<UInt32>
    private var used = keysCount

    init() {
        keys = .allocate(capacity: Self.keysCount)
        keys.initialize(repeating: 0, count: Self.keysCount)
    }

    deinit { keys.deallocate() }

    @inline(__always)
    func next() -> UInt32 {
        if used == Self.keysCount { fill() }
        used += 1
        return keys[used - 1]
    }

    private func fill() {
        used = 0
        let bytes = UnsafeMutableRawBufferPointer(start: keys, count: Self.keysCount * 4)
        if Crypto.fillRandom(bytes) { return }
        for index in 0..<Self.keysCount { keys[index] = UInt32(truncatingIfNeeded: Crypto.randomUInt64()) }
    }
}
