// When a connection's permission ends, and the notices before. All moments are milliseconds since 1970.

package enum ExpiryAction: Equatable {
    case none
    /// So many seconds are left, rounded up.
    case notice(seconds: Int)
    case expired
}

package struct Expiry: Sendable {
    /// 0: never.
    package private(set) var at: UInt64 = 0
    private var next: UInt64 = 0

    package init() {}

    /// Notices come each `interval` before the end, the first at most `window` before it; 0: from now on.
    /// `interval` 0: none.
    package mutating func set(_ at: UInt64, now: UInt64, interval: UInt64, window: UInt64) {
        self.at = at
        schedule(now: now, interval: interval, window: window, isFirst: true)
    }

    /// When `tick` is to be called; nil: never.
    package var due: UInt64? { at == 0 ? nil : next }

    package mutating func tick(now: UInt64, interval: UInt64, window: UInt64) -> ExpiryAction {
        if at == 0 || now < next { return .none }
        if now >= at {
            at = 0
            return .expired
        }
        let seconds = Int((at - now + 999) / 1000)
        schedule(now: now, interval: interval, window: window, isFirst: false)
        return .notice(seconds: seconds)
    }

    /// A whole number of intervals are left at each notice. Those that were missed are not made up for.
    private mutating func schedule(now: UInt64, interval: UInt64, window: UInt64, isFirst: Bool) {
        next = at
        if at == 0 || interval == 0 || at <= now { return }
        var left = (at - now) / interval
        if !isFirst, (at - now) % interval == 0 { left -= 1 }
        if window > 0 { left = min(left, window / interval) }
        next = at - left * interval
    }
}
