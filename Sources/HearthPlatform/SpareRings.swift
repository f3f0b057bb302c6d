// Rings that no loop uses at the moment. A ring is never closed: when one is, the kernel interrupts the
// thread that made it, in whatever system call of the host's it may then wait, with EINTR. So the next loop
// takes it over, and the process has as many as it ever had loops at a time.

package enum SpareRings {
    nonisolated(unsafe) private static var lock = Lock()
    nonisolated(unsafe) private static var rings: [SendRing] = []

    /// A ring that was given back, or a new one. One that the kernel has refused is given out again as it
    /// is: what it refused once it refuses for good.
    package static func take() throws(SystemError) -> SendRing {
        if let ring = lock.withLock({ rings.popLast() }) { return ring }
        return try SendRing()
    }

    package static func giveBack(_ ring: SendRing) {
        ring.clear()
        lock.withLock { rings.append(ring) }
    }

    /// In a forked child: the parent's rings are not in its memory.
    package static func startAnew() {
        // A thread of the parent may hold the old one, and a lock that is held cannot be destroyed.
        _ = Unmanaged.passRetained(lock)
        lock = Lock()
        // Not released: that would unmap what the child does not have.
        for ring in rings { _ = Unmanaged.passRetained(ring) }
        rings = []
    }
}
