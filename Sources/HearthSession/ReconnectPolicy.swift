// When a client that lost its server tries again, and when it gives up. Time and randomness come in.
//
// When a server goes, all of its clients know in the same moment, and whatever they do in step they do to
// the server that comes back. A client does not know how many others there are.
//
// adaptive, the default: each delay is uniform from floor to t + 3·t²/max, at least base and at most max,
// where t is the time since the connection was lost. A short outage costs a short delay: the client is back
// within 1.3 times the outage where that is a tenth of max. At about 0.43·max the upper bound is max, and
// from there on each client tries once in max/2 on the average: 6.7 % of all in a second with a max of 30 s.
// With a window of t alone, as delays that grow with the outage are often written, 13 % would try in the
// twentieth second. Delays that are cut to the floor instead of drawn above it would make half of the
// clients come in the same moment, floor.
//
// crowd, where 6.7 % of all clients in a second are too many:
//
//   the first attempt   within floor…base: most interruptions are over at once
//   the second          anywhere in 2·base…max, every moment as likely: this takes the crowd apart
//   each one after      three times the one before, at most max, shortened by up to the jitter
//
// The second delay decides when in each period of `max` a client comes, for as long as it takes; the jitter
// alone, a tenth, would keep those together who are together. A connection that opened and did not hold is
// another moment that a crowd may share: after it the delay is drawn like the second again.

internal import HearthBytes
package import HearthWire

/// Why an attempt or a connection ended.
package enum EndCause {
    /// The program closed.
    case deliberate
    /// The connection was open. The hint is that of the close reason, in milliseconds.
    case closed(CloseCode, hint: UInt64?)
    /// The server, or a proxy, answered with HTTP.
    case status(Int, retryAfter: UInt64?)
    /// No name, no route, no answer, or none in time.
    case unreachable
    /// There was an answer, and it was wrong: no HTTP, a wrong key, a certificate that is not trusted.
    case refused
}

package enum StopReason: UInt8 {
    case deliberate
    /// `isEnabled` is off.
    case disabled
    /// The server closed normally, with 1000.
    case finished
    /// A close code after which coming back is no use.
    case code
    case status
    /// The server wants other credentials, and the program has none.
    case unauthorized
    /// `attemptsMax` is reached, or the five attempts that causes of no known class have.
    case attempts
}

package enum ReconnectDecision: Equatable {
    /// `attempt` counts from 1.
    case wait(milliseconds: UInt64, attempt: Int)
    case stop(StopReason)
}

package struct ReconnectPolicy {
    /// Of causes that neither say "later" nor "never".
    package static var unclearAttemptsMax: Int { 5 }
    /// A server may send away for so long, in milliseconds.
    package static var hintMax: UInt64 { 24 * 3600 * 1000 }

    /// Made since a connection held.
    package private(set) var attempts = 0
    private var unclear = 0
    private var openedAt: UInt64?
    /// When the last connection that held was lost, or the first attempt failed.
    private var lostAt: UInt64?
    /// Before the last attempt, without what a server asked for; 0: there was none.
    private var lastDelay: UInt64 = 0

    package init() {}

    package mutating func opened(now: UInt64) { openedAt = now }

    /// The program opens the client anew: nothing of before counts.
    package mutating func reset() { self = ReconnectPolicy() }

    /// `mayRefresh`: the program is asked before each attempt and may bring other credentials.
    package mutating func ended(
        _ cause: EndCause, now: UInt64, random: UInt64, mayRefresh: Bool,
        _ settings: borrowing ReconnectSettings
    ) -> ReconnectDecision {
        let wasOpen = openedAt != nil
        if let openedAt, now >= openedAt + settings.stable { self = ReconnectPolicy() }
        openedAt = nil
        let lostFor = now - min(now, lostAt ?? now)
        lostAt = lostAt ?? now
        switch Self.reaction(to: cause, mayRefresh: mayRefresh, settings) {
        case .stop(let reason): return .stop(reason)
        case .retry: unclear = 0
        case .retryUnclear:
            if unclear == Self.unclearAttemptsMax { return .stop(.attempts) }
            unclear += 1
        }
        if settings.attemptsMax > 0, attempts >= settings.attemptsMax { return .stop(.attempts) }
        let own: UInt64
        switch settings.shape {
        case .adaptive: own = Self.adaptiveDelay(lostFor: lostFor, random, settings)
        case .crowd: own = crowdDelay(isSpread: attempts == 1 || wasOpen && attempts > 1, random, settings)
        case .fixed: own = Self.shortened(settings.base, random, settings)
        }
        attempts += 1
        lastDelay = own
        let delay = Self.delay(own, asked: cause, random, settings)
        return .wait(milliseconds: max(delay, settings.floor), attempt: attempts)
    }

    /// The hint that a close reason carries: "retry=MS;why=TEXT".
    package static func hint(in reason: borrowing Span<UInt8>) -> UInt64? {
        var start = 0
        for index in 0...reason.count where index == reason.count || reason[index] == UInt8(ascii: ";") {
            if let hint = readHint(reason, start..<index) { return hint }
            start = index + 1
        }
        return nil
    }

    // MARK: Delays

    private static func adaptiveDelay(
        lostFor: UInt64, _ random: UInt64, _ settings: borrowing ReconnectSettings
    ) -> UInt64 {
        var most = settings.max
        if lostFor < settings.max {
            // In 1,024ths, so that no product overflows.
            let share = 3 * 1024 * lostFor / settings.max
            most = min(settings.max, max(settings.base, lostFor + lostFor * share / 1024))
        }
        return uniform(min(settings.floor, most), most, random)
    }

    private func crowdDelay(
        isSpread: Bool, _ random: UInt64, _ settings: borrowing ReconnectSettings
    ) -> UInt64 {
        if attempts == 0 {
            let most = min(settings.base, settings.max)
            return Self.uniform(min(settings.floor, most), most, random)
        }
        if isSpread { return Self.uniform(min(2 * settings.base, settings.max / 2), settings.max, random) }
        return Self.shortened(min(3 * lastDelay, settings.max), random, settings)
    }

    /// What a server asks for wins. A close frame is for one client, which the server has drawn a delay for;
    /// Retry-After is the same for all of them, so they part here.
    private static func delay(
        _ own: UInt64, asked cause: EndCause, _ random: UInt64, _ settings: borrowing ReconnectSettings
    ) -> UInt64 {
        switch cause {
        case .closed(_, let hint?): return min(hint, hintMax)
        case .status(_, let retryAfter?):
            let least = min(retryAfter, hintMax)
            return uniform(least, least + min(max(least, settings.base), settings.max), random)
        default: return own
        }
    }

    private static func shortened(
        _ delay: UInt64, _ random: UInt64, _ settings: borrowing ReconnectSettings
    ) -> UInt64 {
        uniform(delay - delay * min(settings.jitterPermille, 1000) / 1000, delay, random)
    }

    private static func uniform(_ least: UInt64, _ most: UInt64, _ random: UInt64) -> UInt64 {
        least + random % (most - least + 1)
    }

    // MARK: Classes

    private enum Reaction {
        case retry
        case retryUnclear
        case stop(StopReason)
    }

    private static func reaction(
        to cause: EndCause, mayRefresh: Bool, _ settings: borrowing ReconnectSettings
    ) -> Reaction {
        if case .deliberate = cause { return .stop(.deliberate) }
        if !settings.isEnabled { return .stop(.disabled) }
        switch cause {
        case .deliberate: return .stop(.deliberate)
        case .unreachable: return .retry
        case .refused: return .retryUnclear
        case .closed(let code, let hint):
            let number = Int(code.rawValue)
            if settings.stopOn.contains(number) { return .stop(.code) }
            if settings.reconnectOn.contains(number) || hint != nil { return .retry }
            return reaction(toCode: code)
        case .status(let status, let retryAfter):
            if settings.stopOn.contains(status) { return .stop(.status) }
            if settings.reconnectOn.contains(status) || retryAfter != nil && status != 401 && status != 403 {
                return .retry
            }
            return reaction(toStatus: status, mayRefresh)
        }
    }

    /// docs/topics/client.md has the table.
    private static func reaction(toCode code: CloseCode) -> Reaction {
        switch code.rawValue {
        case 1000: .stop(.finished)
        case 1001, 1005, 1006, 1011...1015, 4100...4499: .retry
        case 1002, 1003, 1007...1010, 4500...4999: .stop(.code)
        default: .retryUnclear
        }
    }

    private static func reaction(toStatus status: Int, _ mayRefresh: Bool) -> Reaction {
        switch status {
        case 401, 403, 407: mayRefresh ? .retryUnclear : .stop(.unauthorized)
        // Between two versions of a service, its proxy knows nothing of it.
        case 404: .retryUnclear
        case 408, 425, 429: .retry
        case 400..<500, 501, 505: .stop(.status)
        case 500..<600: .retry
        // A redirect that is not followed, or a page: perhaps that of a hotel's network.
        default: .retryUnclear
        }
    }

    private static func readHint(_ reason: borrowing Span<UInt8>, _ part: Range<Int>) -> UInt64? {
        var index = part.lowerBound
        while index < part.upperBound, reason[index] == 0x20 { index += 1 }
        let name: StaticString = "retry="
        let digits = index + name.utf8CodeUnitCount
        guard digits < part.upperBound, part.upperBound - digits <= 12,
            HTTPSyntax.matches(reason, index..<digits, name)
        else { return nil }
        var number: UInt64 = 0
        for place in digits..<part.upperBound {
            guard reason[place] >= 0x30, reason[place] <= 0x39 else { return nil }
            number = number * 10 + UInt64(reason[place] - 0x30)
        }
        return number
    }
}
