// Who is asked before much memory is taken. What is small, and cannot be refused, comes from a reserve when
// there is nothing left (docs/decisions/0030).

package enum MemoryGate {
    /// Fetches so many bytes for the next allocation of this thread. False: they cannot be had. Set once,
    /// before anything is received.
    package nonisolated(unsafe) static var fetch: @convention(c) (Int) -> Bool = { _ in true }

    /// What is smaller is not asked for.
    package static var bytesMin: Int { 16 << 10 }

    /// Whether a frame with so many bytes may be made now, or a copy of them for another thread.
    @inline(__always)
    package static func grantsFrame(_ bytes: Int) -> Bool {
        // What is smaller lies in the chunks of the turn.
        bytes <= FrameArena.largeBytesMin || fetch(FrameArena.roundedUp(bytes + 64))
    }

    /// Whether memory of so many bytes may be taken now.
    @inline(__always)
    package static func grants(_ bytes: Int) -> Bool {
        // An array has a head of 32 bytes.
        bytes < bytesMin || fetch(bytes + 64)
    }
}
