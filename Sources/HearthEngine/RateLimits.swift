// How much a connection, a user and an address may send. What a connection has for itself lies with it; what
// its user or its address has in common with others is in tables under short locks, and only where it is
// configured.

internal import HearthBytes
internal import HearthPlatform
internal import HearthSession
internal import Synchronization

/// A connection's own buckets, in memory of their own: most servers have none.
struct Limiter {
    var messages = TokenBucket()
    var bytes = TokenBucket()
    var escalation = RateEscalation()
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

    init?(_ configuration: Configuration, _ key: ConfigurationKey) {
        guard let rate = configuration.rate(key) else { return nil }
        self.rate = rate
        self.key = key.entry.name
        table = RateTable(entriesMax: configuration.integer(.rateLimitEntriesMax))
    }

    func take(_ tokens: UInt64, of peer: UInt64, now: UInt64) -> RateExcess? {
        if peer == 0 { return nil }
        lock.lock()
        let milliseconds = table.take(tokens, rate, key: peer, now: now)
        lock.unlock()
        return milliseconds == 0 ? nil : RateExcess(key: key, milliseconds: milliseconds)
    }
}

final class RateLimits: @unchecked Sendable {
    let dropsMax: UInt32
    /// Whether messages are limited, so that open connections have a limiter.
    let limitsMessages: Bool
    private let messages: Rate?
    private let bytes: Rate?
    private let messagesOfUser, messagesOfAddress, bytesOfUser, bytesOfAddress: SharedRate?
    let handshakesOfUser, handshakesOfAddress: SharedRate?
    private let seed: (UInt64, UInt64)

    /// Nil: nothing is limited.
    init?(_ configuration: Configuration) {
        dropsMax = UInt32(clamping: configuration.integer(.rateLimitDropsMax))
        messages = configuration.rate(.rateLimitMessages)
        bytes = configuration.rate(.rateLimitBytes)
        messagesOfUser = SharedRate(configuration, .rateLimitMessagesPerUser)
        messagesOfAddress = SharedRate(configuration, .rateLimitMessagesPerIP)
        bytesOfUser = SharedRate(configuration, .rateLimitBytesPerUser)
        bytesOfAddress = SharedRate(configuration, .rateLimitBytesPerIP)
        handshakesOfUser = SharedRate(configuration, .rateLimitHandshakesPerUser)
        handshakesOfAddress = SharedRate(configuration, .rateLimitHandshakes)
        seed = (Crypto.randomUInt64(), Crypto.randomUInt64())
        let isShared =
            messagesOfUser != nil || messagesOfAddress != nil || bytesOfUser != nil || bytesOfAddress != nil
        limitsMessages = messages != nil || bytes != nil || isShared
        if !limitsMessages, handshakesOfUser == nil, handshakesOfAddress == nil { return nil }
    }

    /// What a user or an address is called in the tables. Never 0.
    func name(_ bytes: [UInt8]) -> UInt64 { SipHash.hash(bytes.span, seed: seed) | 1 }

    /// A message of so many bytes came.
    func take(_ limiter: inout Limiter, _ count: UInt64, now: UInt64) -> RateExcess? {
        if let messages, !limiter.messages.take(1, messages, now: now) {
            return RateExcess(
                key: ConfigurationKey.rateLimitMessages.entry.name,
                milliseconds: limiter.messages.wait(for: 1, messages, now: now))
        }
        if let bytes, !limiter.bytes.take(count, bytes, now: now) {
            return RateExcess(
                key: ConfigurationKey.rateLimitBytes.entry.name,
                milliseconds: limiter.bytes.wait(for: count, bytes, now: now))
        }
        if let excess = messagesOfUser?.take(1, of: limiter.user, now: now) { return excess }
        if let excess = messagesOfAddress?.take(1, of: limiter.address, now: now) { return excess }
        if let excess = bytesOfUser?.take(count, of: limiter.user, now: now) { return excess }
        return bytesOfAddress?.take(count, of: limiter.address, now: now)
    }
}
