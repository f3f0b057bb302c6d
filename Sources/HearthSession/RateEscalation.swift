// What happens to a peer that sends more than its rate, in three steps: a warning, then messages are dropped,
// then the connection is closed. Who stays within the rate for a while is forgiven.

package enum RateVerdict: Equatable {
    /// The message goes through; the host is told.
    case warn
    /// The message is dropped. The host is told how many were since it was told last; nil: not now.
    case drop(report: UInt32?)
    /// The message is dropped, and the connection is to be closed.
    case close(report: UInt32)
}

package struct RateEscalation {
    /// The host hears of dropped messages at most so often.
    private static var reportMilliseconds: UInt64 { 1000 }
    private static var forgivenAfterMilliseconds: UInt64 { 10_000 }

    private var isWarned = false
    private var exceededAt: UInt64 = 0
    private var dropped: UInt32 = 0
    private var unreported: UInt32 = 0
    private var reportedAt: UInt64 = 0

    package init() {}

    /// Nothing was exceeded lately: there is nothing to tell and nothing to forgive.
    @inline(__always)
    package var isCalm: Bool { !isWarned }

    /// A message came for which there was no token. `dropsMax`: after so many the connection is closed; 0:
    /// never.
    package mutating func exceed(now: UInt64, dropsMax: UInt32) -> RateVerdict {
        exceededAt = now
        if !isWarned {
            isWarned = true
            return .warn
        }
        dropped &+= 1
        unreported &+= 1
        if dropsMax > 0, dropped >= dropsMax { return .close(report: takeUnreported(now)) }
        if dropped > 1, now < reportedAt + Self.reportMilliseconds { return .drop(report: nil) }
        return .drop(report: takeUnreported(now))
    }

    /// A message was within the rate. Returns how many dropped ones the host has not been told of.
    package mutating func comply(now: UInt64) -> UInt32 {
        let report = unreported > 0 ? takeUnreported(now) : 0
        if now >= exceededAt + Self.forgivenAfterMilliseconds { self = RateEscalation() }
        return report
    }

    private mutating func takeUnreported(_ now: UInt64) -> UInt32 {
        defer { unreported = 0 }
        reportedAt = now
        return unreported
    }
}
