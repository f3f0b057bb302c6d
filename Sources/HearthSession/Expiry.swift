// When a connection's permission ends, and the notices before. All moments are milliseconds since 1970.

package enum ExpiryAction: Equatable {
    case none
    /// So many seconds are left, rounded up.
    case notice(seconds: Int)
    /// It is over: the host is told.
    case expired
    /// What the host was given to say a last word is over, too.
    case closing
}

package struct Expiry: Sendable {
    /// 0: never.
    package private(set) var at: UInt64 = 0
    private var next: UInt64 = 0
    /// When an expired connection is closed; 0: it has not expired.
    private var closesAt: UInt64 = 0

    package init() {}

    /// Notices come each `interval` before the end, the first at most `window` before it; 0: from now on.
    /// `interval` 0: none.
    package mutating func set(_ at: UInt64, now: UInt64, interval: UInt64, window: UInt64) {
        self.at = at
        closesAt = 0
        schedule(now: now, interval: interval, window: window, isFirst: true)
    }

    /// When `tick` is to be called; nil: never.
    package var due: UInt64? { closesAt != 0 ? closesAt : at == 0 ? nil : next }

    /// It has expired, and `tick` says at that moment that it is to be closed, unless it is set anew before.
    package mutating func close(at moment: UInt64) { closesAt = moment }

    package mutating func tick(now: UInt64, interval: UInt64, window: UInt64) -> ExpiryAction {
        if closesAt != 0 {
            if now < closesAt { return .none }
            closesAt = 0
            return .closing
        }
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
