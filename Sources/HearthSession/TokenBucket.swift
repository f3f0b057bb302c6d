// How much of something may come in a time. A bucket holds `burst` tokens, each message takes some, and they
// come back at an even rate. What is kept is one number, the moment at which the bucket is full again, so a
// full bucket is the same as none, and time is an argument as everywhere here.

/// So many tokens in a period, and so many at once.
package struct Rate: Equatable, Sendable {
    package let count: UInt64
    package let periodMilliseconds: UInt64
    package let burst: UInt64
    private let picosecondsPerToken: UInt64
    /// What a full bucket is worth, in nanoseconds.
    private let tolerance: UInt64

    private static var nanosecondsMax: UInt64 { 1 << 60 }

    /// `count` and `burst` at least 1, the period at most a day.
    package init(count: UInt64, periodMilliseconds: UInt64, burst: UInt64) {
        self.count = max(1, count)
        self.periodMilliseconds = min(max(1, periodMilliseconds), 86_400_000)
        self.burst = max(1, burst)
        picosecondsPerToken = max(1, self.periodMilliseconds * 1_000_000_000 / self.count)
        tolerance = Self.nanoseconds(self.burst, picosecondsPerToken)
    }

    private static func nanoseconds(_ tokens: UInt64, _ picoseconds: UInt64) -> UInt64 {
        let (product, overflow) = tokens.multipliedReportingOverflow(by: picoseconds)
        return overflow ? nanosecondsMax : min(nanosecondsMax, product / 1000)
    }

    func nanoseconds(_ tokens: UInt64) -> UInt64 { Self.nanoseconds(tokens, picosecondsPerToken) }

    /// How late the bucket may become full, seen from now, if so many tokens are still to be had.
    func latest(beforeTaking tokens: UInt64) -> UInt64 { tolerance - min(tolerance, nanoseconds(tokens)) }
}

package struct TokenBucket {
    /// Monotonic nanoseconds; in the past: it is full.
    private var fullAt: UInt64 = 0

    package init() {}

    init(fullAt: UInt64) { self.fullAt = fullAt }

    var raw: UInt64 { fullAt }

    /// Takes tokens, if there are as many. More than the burst may be taken from a full bucket: what is
    /// missing is paid back before anything else is to be had.
    @inline(__always)
    package mutating func take(_ tokens: UInt64, _ rate: Rate, now: UInt64) -> Bool {
        let moment = now &* 1_000_000
        let full = max(fullAt, moment)
        if full &- moment > rate.latest(beforeTaking: tokens) { return false }
        fullAt = full &+ rate.nanoseconds(tokens)
        return true
    }

    /// Takes tokens in advance, if there are so many that nobody misses them until they are given back.
    @inline(__always)
    package mutating func takeAhead(_ tokens: UInt64, _ rate: Rate, now: UInt64) -> Bool {
        let moment = now &* 1_000_000
        let full = max(fullAt, moment)
        if full &- moment > rate.latest(beforeTaking: tokens &* Self.plenty) { return false }
        fullAt = full &+ rate.nanoseconds(tokens)
        return true
    }

    /// Takes tokens whether or not there are as many.
    package mutating func charge(_ tokens: UInt64, _ rate: Rate, now: UInt64) {
        // A day's worth of debt at most.
        let full = max(fullAt, now &* 1_000_000) &+ min(rate.nanoseconds(tokens), Self.debtMax)
        fullAt = min(full, now &* 1_000_000 &+ Self.debtMax)
    }

    private static var debtMax: UInt64 { 86_400_000_000_000 }

    private static var plenty: UInt64 { 64 }

    /// Gives back what was taken in advance.
    package mutating func give(_ tokens: UInt64, _ rate: Rate) {
        fullAt -= min(fullAt, rate.nanoseconds(tokens))
    }

    package func isFull(now: UInt64) -> Bool { fullAt <= now &* 1_000_000 }

    /// Milliseconds until so many tokens are there, rounded up.
    package func wait(for tokens: UInt64, _ rate: Rate, now: UInt64) -> UInt64 {
        let moment = now &* 1_000_000
        let late = max(fullAt, moment) - moment
        let latest = rate.latest(beforeTaking: tokens)
        return late <= latest ? 0 : (late - latest + 999_999) / 1_000_000
    }
}

/// Buckets of many users or addresses in memory that does not grow. A full bucket needs no entry; when more
/// peers than fit are short of tokens, the one that will first have all of them again is forgotten.
package struct RateTable: ~Copyable {
    private struct Entry {
        var key: UInt64 = 0
        var fullAt: UInt64 = 0
    }

    /// An entry may stand at any place of its group.
    private static var groupCount: Int { 8 }

    private var entries: [Entry]
    private let mask: UInt64

    /// Rounded up to a power of 2.
    package init(entriesMax: Int) {
        var groups = 1
        while groups * Self.groupCount < entriesMax { groups *= 2 }
        entries = Array(repeating: Entry(), count: groups * Self.groupCount)
        mask = UInt64(groups - 1)
    }

    package var capacity: Int { entries.count }

    /// Takes tokens from the bucket of a key, which is a hash that peers cannot choose, and more in advance.
    /// `wait`: 0, or how many milliseconds it takes until the tokens are there.
    package mutating func take(
        _ tokens: UInt64, ahead: UInt64 = 0, _ rate: Rate, key: UInt64, now: UInt64
    ) -> (wait: UInt64, isAhead: Bool) {
        let start = Int(key & mask) * Self.groupCount
        var place = start
        for index in start..<(start + Self.groupCount) {
            if entries[index].key == key {
                place = index
                break
            }
            if entries[index].fullAt < entries[place].fullAt { place = index }
        }
        var bucket = TokenBucket(fullAt: entries[place].key == key ? entries[place].fullAt : 0)
        guard bucket.take(tokens, rate, now: now) else {
            return (max(1, bucket.wait(for: tokens, rate, now: now)), false)
        }
        let isAhead = ahead > 0 && bucket.takeAhead(ahead, rate, now: now)
        entries[place] = Entry(key: key, fullAt: bucket.raw)
        return (0, isAhead)
    }

    /// Takes tokens of a key that is there, whether or not there are as many.
    package mutating func charge(_ tokens: UInt64, _ rate: Rate, key: UInt64, now: UInt64) {
        let start = Int(key & mask) * Self.groupCount
        for index in start..<(start + Self.groupCount) where entries[index].key == key {
            var bucket = TokenBucket(fullAt: entries[index].fullAt)
            bucket.charge(tokens, rate, now: now)
            entries[index].fullAt = bucket.raw
        }
    }

    /// Gives back what was taken in advance.
    package mutating func give(_ tokens: UInt64, _ rate: Rate, key: UInt64) {
        let start = Int(key & mask) * Self.groupCount
        for index in start..<(start + Self.groupCount) where entries[index].key == key {
            var bucket = TokenBucket(fullAt: entries[index].fullAt)
            bucket.give(tokens, rate)
            entries[index].fullAt = bucket.raw
        }
    }
}
