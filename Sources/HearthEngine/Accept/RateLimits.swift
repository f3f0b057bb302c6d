// How much a connection, a user and an address may send. What a connection has for itself lies with it; what
// its user or its address has in common with others is in tables under short locks, and only where it is
// configured.

internal import HearthBytes
internal import HearthPlatform
internal import HearthSession
internal import Synchronization

/// A connection's own buckets, in memory of their own: from its first ping on, or from its opening on, where
/// messages are limited.
struct Limiter {
    var messages = TokenBucket()
    var bytes = TokenBucket()
    var control = TokenBucket()
    /// Off: it is there for control frames alone.
    var limitsMessages = false
    var escalation = RateEscalation()
    /// Tokens that all buckets have given already.
    var advance = RateAdvance()
    /// What its user and its address are called in the tables; 0: it has none.
    var user: UInt64 = 0
    var address: UInt64 = 0
}

/// What was exceeded, and when there is more.
struct RateExcess {
    let key: StaticString
    let milliseconds: UInt64
}

/// One rate of many peers.
final class SharedRate: @unchecked Sendable {
    private let rate: Rate
    private let key: StaticString
    private let lock = Lock()
    private var table: RateTable

    private init(_ rate: Rate, _ key: StaticString, entriesMax: Int) {
        self.rate = rate
        self.key = key
        table = RateTable(entriesMax: entriesMax)
    }

    /// nil: the key is off. No initializer, as one that fails leaves its object behind in Embedded Swift.
    static func of(_ configuration: Configuration, _ key: ConfigurationKey) -> SharedRate? {
        let entriesMax = configuration.integer(.maxRateLimitEntries)
        return configuration.rate(key).map { SharedRate($0, key.entry.name, entriesMax: entriesMax) }
    }

    func take(_ tokens: UInt64, of peer: UInt64, now: UInt64) -> RateExcess? {
        var isAhead = false
        return take(tokens, ahead: 0, &isAhead, of: peer, now: now)
    }

    /// Says whether there was as much in advance, too.
    func take(
        _ tokens: UInt64, ahead: UInt64, _ isAhead: inout Bool, of peer: UInt64, now: UInt64
    ) -> RateExcess? {
        isAhead = ahead > 0
        if peer == 0 { return nil }
        lock.lock()
        let taken = table.take(tokens, ahead: ahead, rate, key: peer, now: now)
        lock.unlock()
        isAhead = taken.isAhead
        return taken.wait == 0 ? nil : RateExcess(key: key, milliseconds: taken.wait)
    }

    /// Takes tokens that have been used already, whether or not there are as many.
    func charge(_ tokens: UInt64, to peer: UInt64, now: UInt64) {
        if peer != 0 { lock.withLock { table.charge(tokens, rate, key: peer, now: now) } }
    }

    func give(_ tokens: UInt64, to peer: UInt64) {
        if peer != 0 { lock.withLock { table.give(tokens, rate, key: peer) } }
    }
}

final class RateLimits: @unchecked Sendable {
    let dropsMax: UInt32
    /// Whether messages are limited, so that open connections have a limiter.
    let limitsMessages: Bool
    private let control: Rate?
    private let messages: Rate?
    private let bytes: Rate?
    private let messagesOfUser, messagesOfAddress, bytesOfUser, bytesOfAddress: SharedRate?
    let handshakesOfUser, handshakesOfAddress: SharedRate?
    private let seed: (UInt64, UInt64)

    /// Nil: nothing is limited.
    init?(_ configuration: Configuration) {
        dropsMax = UInt32(clamping: configuration.integer(.maxRateLimitDrops))
        control = configuration.rate(.rateLimitControl)
        messages = configuration.rate(.rateLimitMessages)
        bytes = configuration.rate(.rateLimitBytes)
        messagesOfUser = SharedRate.of(configuration, .rateLimitMessagesPerUser)
        messagesOfAddress = SharedRate.of(configuration, .rateLimitMessagesPerIP)
        bytesOfUser = SharedRate.of(configuration, .rateLimitBytesPerUser)
        bytesOfAddress = SharedRate.of(configuration, .rateLimitBytesPerIP)
        handshakesOfUser = SharedRate.of(configuration, .rateLimitHandshakesPerUser)
        handshakesOfAddress = SharedRate.of(configuration, .rateLimitHandshakes)
        seed = (Crypto.randomUInt64(), Crypto.randomUInt64())
        let isShared =
            messagesOfUser != nil || messagesOfAddress != nil || bytesOfUser != nil || bytesOfAddress != nil
        limitsMessages = messages != nil || bytes != nil || isShared
        if !limitsMessages, control == nil, handshakesOfUser == nil, handshakesOfAddress == nil { return nil }
    }

    var limitsControl: Bool { control != nil }

    func takeControl(_ limiter: inout Limiter, now: UInt64) -> RateExcess? {
        guard let control, !limiter.control.take(1, control, now: now) else { return nil }
        return RateExcess(
            key: ConfigurationKey.rateLimitControl.entry.name,
            milliseconds: limiter.control.wait(for: 1, control, now: now))
    }

    /// So many bytes came beside those that were asked for: they are paid back before more are let through.
    func charge(_ limiter: inout Limiter, _ count: UInt64, now: UInt64) {
        giveBack(&limiter)
        if let bytes { limiter.bytes.charge(count, bytes, now: now) }
        bytesOfUser?.charge(count, to: limiter.user, now: now)
        bytesOfAddress?.charge(count, to: limiter.address, now: now)
    }

    /// What a user or an address is called in the tables. Never 0.
    func name(_ bytes: [UInt8]) -> UInt64 { SipHash.hash(bytes.span, seed: seed) | 1 }

    /// A message of so many bytes came.
    @inline(__always)
    func take(_ limiter: inout Limiter, _ count: UInt64, now: UInt64) -> RateExcess? {
        limiter.advance.spend(count, now: now) ? nil : ask(&limiter, count, now: now)
    }

    /// Asks each bucket for the message, and for those that are likely to follow.
    private func ask(_ limiter: inout Limiter, _ count: UInt64, now: UInt64) -> RateExcess? {
        giveBack(&limiter)
        let next = limiter.advance.foresee(count, now: now)
        var ahead = Ahead()
        let excess = ask(&limiter, count, next, &ahead, now: now)
        if next.messages == 0 { return excess }
        if excess == nil, ahead == Ahead(true) {
            limiter.advance.add(messages: next.messages, bytes: next.bytes)
        } else {
            give(limiter: &limiter, messages: next.messages, bytes: next.bytes, ahead)
        }
        return excess
    }

    /// Which of the buckets have given in advance. Those that are not there have.
    private struct Ahead: Equatable {
        var messages, bytes, messagesOfUser, messagesOfAddress, bytesOfUser, bytesOfAddress: Bool

        init(_ all: Bool = false) {
            (messages, bytes) = (all, all)
            (messagesOfUser, messagesOfAddress, bytesOfUser, bytesOfAddress) = (all, all, all, all)
        }
    }

    private func ask(
        _ limiter: inout Limiter, _ count: UInt64, _ next: (messages: UInt64, bytes: UInt64),
        _ ahead: inout Ahead, now: UInt64
    ) -> RateExcess? {
        if let messages {
            if !limiter.messages.take(1, messages, now: now) {
                return RateExcess(
                    key: ConfigurationKey.rateLimitMessages.entry.name,
                    milliseconds: limiter.messages.wait(for: 1, messages, now: now))
            }
            ahead.messages =
                next.messages > 0 && limiter.messages.takeAhead(next.messages, messages, now: now)
        } else {
            ahead.messages = true
        }
        if let bytes {
            if !limiter.bytes.take(count, bytes, now: now) {
                return RateExcess(
                    key: ConfigurationKey.rateLimitBytes.entry.name,
                    milliseconds: limiter.bytes.wait(for: count, bytes, now: now))
            }
            ahead.bytes = next.messages > 0 && limiter.bytes.takeAhead(next.bytes, bytes, now: now)
        } else {
            ahead.bytes = true
        }
        let (user, address) = (limiter.user, limiter.address)
        if let excess = Self.ask(messagesOfUser, 1, next.messages, &ahead.messagesOfUser, user, now) {
            return excess
        }
        if let excess = Self.ask(messagesOfAddress, 1, next.messages, &ahead.messagesOfAddress, address, now)
        {
            return excess
        }
        if let excess = Self.ask(bytesOfUser, count, next.bytes, &ahead.bytesOfUser, user, now) {
            return excess
        }
        return Self.ask(bytesOfAddress, count, next.bytes, &ahead.bytesOfAddress, address, now)
    }

    private static func ask(
        _ rate: SharedRate?, _ tokens: UInt64, _ next: UInt64, _ isAhead: inout Bool, _ peer: UInt64,
        _ now: UInt64
    ) -> RateExcess? {
        guard let rate else {
            isAhead = true
            return nil
        }
        return rate.take(tokens, ahead: next, &isAhead, of: peer, now: now)
    }

    /// Gives back what the peer has in advance.
    func giveBack(_ limiter: inout Limiter) {
        let (left, bytesLeft) = (limiter.advance.messages, limiter.advance.bytes)
        if left == 0, bytesLeft == 0 { return }
        limiter.advance.clear()
        give(limiter: &limiter, messages: left, bytes: bytesLeft, Ahead(true))
    }

    private func give(limiter: inout Limiter, messages left: UInt64, bytes bytesLeft: UInt64, _ ahead: Ahead)
    {
        if let messages, ahead.messages { limiter.messages.give(left, messages) }
        if let bytes, ahead.bytes { limiter.bytes.give(bytesLeft, bytes) }
        if ahead.messagesOfUser { messagesOfUser?.give(left, to: limiter.user) }
        if ahead.messagesOfAddress { messagesOfAddress?.give(left, to: limiter.address) }
        if ahead.bytesOfUser { bytesOfUser?.give(bytesLeft, to: limiter.user) }
        if ahead.bytesOfAddress { bytesOfAddress?.give(bytesLeft, to: limiter.address) }
    }
}
