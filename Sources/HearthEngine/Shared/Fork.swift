// After fork() a child has none of the parent's threads, and locks may be held by threads that it does not
// have. So it starts anew: what the parent had started belongs to the parent and answers so. What it had only
// made is the child's as well.

internal import HearthPlatform
internal import Synchronization

package enum Fork {
    /// How many forks lie between the process that loaded the library and this one.
    package nonisolated(unsafe) private(set) static var epoch = 0
    private static let isRegistered = Atomic<Bool>(false)
    private nonisolated(unsafe) static var hooks: Hooks?

    /// What is called around every fork: before it, and after it in the parent and in the child.
    package struct Hooks {
        let prepare: @convention(c) () -> Void
        let parent: @convention(c) () -> Void
        let child: @convention(c) () -> Void

        package init(
            prepare: @escaping @convention(c) () -> Void, parent: @escaping @convention(c) () -> Void,
            child: @escaping @convention(c) () -> Void
        ) {
            self.prepare = prepare
            self.parent = parent
            self.child = child
        }
    }

    /// Must be called before the first configuration or engine is made.
    package static func register(_ given: Hooks) {
        if isRegistered.exchange(true, ordering: .acquiringAndReleasing) { return }
        hooks = given
        Process.onFork(
            prepare: { Fork.hooks?.prepare() }, parent: { Fork.hooks?.parent() },
            child: {
                Fork.epoch += 1
                LoopPorts.startAnew()
                SpareRings.startAnew()
                Fork.hooks?.child()
            })
    }
}
