// Which thread is this? Loops compare it with their owner's to tell calls from home from calls from
// elsewhere.

internal import CLibuv

/// The calling thread, as a number that no other living thread has. Never 0.
@inline(__always)
package func currentThread() -> UInt {
    UInt(pthread_self())
}
