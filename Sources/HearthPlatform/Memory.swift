// Memory that is needed soon.

internal import CLibuv

package enum Memory {
    /// Begins to fetch what lies there into the processor's caches, and does not wait. Any address will do.
    @inline(__always)
    package static func prefetch(_ address: UnsafeRawPointer) { hearth_shim_prefetch(address) }
}
