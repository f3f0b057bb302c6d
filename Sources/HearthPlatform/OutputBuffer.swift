// Memory that grows as it is filled, and never beyond what its user allows.

package final class OutputBuffer {
    private static var firstBytes: Int { 16 << 10 }

    private var base: UnsafeMutablePointer<UInt8>?
    private var capacity = 0
    package internal(set) var count = 0

    package init() {}

    deinit { Memory.giveBack(base) }

    /// What is in it, until it is filled anew.
    package var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: base, count: count) }

    package func removeAll() { count = 0 }

    /// Gives the memory back if there is more of it than that.
    package func trim(toBytes bytesMax: Int) {
        if capacity <= bytesMax { return }
        Memory.giveBack(base)
        base = nil
        capacity = 0
        count = 0
    }

    /// The room behind what is in it: some, unless `bytesMax` is reached or there is no memory. Large blocks
    /// are moved by the system without being there twice.
    func makeRoom(bytesMax: Int) -> UnsafeMutableBufferPointer<UInt8> {
        if count == capacity, capacity < bytesMax {
            grow(to: min(max(Self.firstBytes, capacity * 2), bytesMax))
        }
        return UnsafeMutableBufferPointer(start: base.map { $0 + count }, count: capacity - count)
    }

    func reserve(_ bytes: Int) {
        if capacity < bytes { grow(to: bytes) }
    }

    private func grow(to bytes: Int) {
        guard let larger = Memory.resize(base, to: bytes) else { return }
        base = larger.assumingMemoryBound(to: UInt8.self)
        capacity = bytes
    }
}
