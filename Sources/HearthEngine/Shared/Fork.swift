// After fork() a child has none of the parent's threads, and locks may be held by threads that it does not
// have. So it starts anew: whatever was made before belongs to the parent and answers so.

internal import HearthPlatform
internal import Synchronization

package enum Fork {
    /// How many forks lie between the process that loaded the library and this one.
    package nonisolated(unsafe) private(set) static var epoch = 0
    private static let isRegistered = Atomic<Bool>(false)
    private nonisolated(unsafe) static var childHooks: [@convention(c) () -> Void] = []

    /// Must be called before the first engine is made. `hook` is called in every child.
    package static func register(_ hook: @escaping @convention(c) () -> Void) {
        if isRegistered.exchange(true, ordering: .acquiringAndReleasing) { return }
        childHooks.append(hook)
        Process.onFork {
            Fork.epoch += 1
            LoopPorts.startAnew()
            SpareRings.startAnew()
            for hook in Fork.childHooks { hook() }
        }
    }
}
