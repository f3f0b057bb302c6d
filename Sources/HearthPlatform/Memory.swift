// Memory that is needed soon, and how much of it there is.

internal import CLibuv
package import HearthBytes

#if hasFeature(Embedded)
    internal import CMemory
#endif

package enum Memory {
    /// Begins to fetch what lies there into the processor's caches, and does not wait. Any address will do.
    @inline(__always)
    package static func prefetch(_ address: UnsafeRawPointer) { hearth_shim_prefetch(address) }

    #if hasFeature(Embedded)
        /// Bytes that the library holds, in all engines of the process.
        package static var usedBytes: Int { memory_used() }
        package static var limitBytes: Int { memory_limit() }

        /// An allocation failed, or more is held than the limit, since `recover` last answered true.
        @inline(__always)
        package static var isLow: Bool { memory_is_low() != 0 }

        /// Allocations that failed on this thread, whether or not the reserve helped out.
        package static var failuresHere: Int { memory_failures_here() }

        /// From so many bytes on memory is low.
        package static func limit(toBytes bytes: Int) {
            memory_set_limit(bytes)
            MemoryGate.fetch = { memory_fetch($0) != 0 }
        }

        /// Whether the caller is the first to say that memory is low, and then the first to say that it is
        /// not.
        package static func announceLow() -> Bool { memory_announce(1) != 0 }
        package static func announceRecovered() -> Bool { memory_announce(0) != 0 }

        /// Whether there is enough again.
        package static func recover() -> Bool { memory_recover() != 0 }

        /// A block of another size; nil: there is no memory, and the old one is as it was.
        static func resize(_ block: UnsafeMutableRawPointer?, to bytes: Int) -> UnsafeMutableRawPointer? {
            memory_ask_resized(block, bytes)
        }

        /// The calling thread ends.
        package static func letGo() { memory_let_go() }

        static func take(_ bytes: Int) -> UnsafeMutableRawPointer? { memory_ask(bytes) }
        static func giveBack(_ block: UnsafeMutableRawPointer?) { memory_give_back(block) }
    #else
        // Ordinary Swift allocates by its own runtime, which ends the process when it gets no memory.
        package static var usedBytes: Int { 0 }
        package static var limitBytes: Int { 0 }
        package static var isLow: Bool { false }
        package static var failuresHere: Int { 0 }
        package static func limit(toBytes bytes: Int) {}
        package static func recover() -> Bool { true }
        package static func letGo() {}
        package static func announceLow() -> Bool { false }
        package static func announceRecovered() -> Bool { false }

        static func resize(_ block: UnsafeMutableRawPointer?, to bytes: Int) -> UnsafeMutableRawPointer? {
            realloc(block, bytes)
        }

        static func take(_ bytes: Int) -> UnsafeMutableRawPointer? { malloc(bytes) }
        static func giveBack(_ block: UnsafeMutableRawPointer?) { free(block) }
    #endif

    // MARK: What the system has

    /// The smallest of the process's limit for its address space, the limits of its control groups, and the
    /// memory of the machine.
    package static var systemBytes: Int {
        var smallest = hearth_shim_physical_bytes()
        let addresses = hearth_shim_address_bytes_max()
        if addresses > 0 { smallest = min(smallest, addresses) }
        if let group = groupBytes { smallest = min(smallest, group) }
        return smallest
    }

    /// Of /proc/self/cgroup, a line each "number:controllers:path"; version 2 has no controllers.
    private static var groupBytes: Int? {
        guard let lines = read("/proc/self/cgroup") else { return nil }
        var smallest: Int?
        for line in lines.split(separator: UInt8(ascii: "\n")) {
            let parts = line.split(
                separator: UInt8(ascii: ":"), maxSplits: 2, omittingEmptySubsequences: false)
            if parts.count < 3 { continue }
            let isNew = parts[1].isEmpty
            let isOfMemory = parts[1].split(separator: UInt8(ascii: ",")).contains {
                $0.elementsEqual(ascii("memory"))
            }
            if !isNew, !isOfMemory { continue }
            let folder = isNew ? ascii("/sys/fs/cgroup") : ascii("/sys/fs/cgroup/memory")
            let file = isNew ? ascii("/memory.max") : ascii("/memory.limit_in_bytes")
            // A group is bound by those above it. In a container its own is the root that is seen.
            var path = Array(parts[2])
            while true {
                if let bytes = number(folder + path + file) { smallest = min(smallest ?? bytes, bytes) }
                guard let slash = path.lastIndex(of: UInt8(ascii: "/")) else { break }
                path.removeSubrange(slash...)
            }
        }
        return smallest
    }

    /// nil: there is none, or "max".
    private static func number(_ path: [UInt8]) -> Int? {
        guard let text = try? SmallFile.read(path, bytesMax: 64) else { return nil }
        var value = 0
        var count = 0
        for byte in text {
            guard byte >= 0x30, byte <= 0x39, count < 18 else { break }
            value = value * 10 + Int(byte - 0x30)
            count += 1
        }
        return count == 0 ? nil : value
    }

    private static func read(_ path: StaticString) -> [UInt8]? {
        try? SmallFile.read(ascii(path), bytesMax: 64 << 10)
    }

    private static func ascii(_ text: StaticString) -> [UInt8] {
        text.withUTF8Buffer { Array($0) }
    }
}
