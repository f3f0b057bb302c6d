// Places of users over all processes: each connection of a user claims one, and Redis counts them under the
// leases of the processes. A connection is let in at once and sent away if its claim is refused.

package import HearthBytes

package enum ClaimAnswer: Equatable {
    case nothing
    /// The connection is one too many.
    case refused(UInt64)
    /// It went while the answer was on its way: the place is given back.
    case giveBack(ByteString)
}

package struct UserClaims {
    private enum State: UInt8 { case asked, gone, granted, refused }

    private struct Claim {
        let connection: UInt64
        let user: ByteString
        var state: State
    }

    /// By their numbers: a connection may change its user before the answer for the first has come.
    private var claims: [UInt64: Claim] = [:]
    private var numbers: [UInt64: UInt64] = [:]
    private var lastNumber: UInt64 = 0

    package init() {}

    package var count: Int { claims.count }

    /// A connection has a user. `isAsked`: Redis is asked; else the place is taken for granted. Returns the
    /// number of the claim, never 0.
    package mutating func add(_ connection: UInt64, _ user: ByteString, isAsked: Bool) -> UInt64 {
        lastNumber += 1
        claims[lastNumber] = Claim(connection: connection, user: user, state: isAsked ? .asked : .granted)
        numbers[connection] = lastNumber
        return lastNumber
    }

    /// A connection has its user no more. Returns whose place is given back, if it had one.
    package mutating func remove(_ connection: UInt64) -> ByteString? {
        guard let number = numbers.removeValue(forKey: connection), let claim = claims[number] else {
            return nil
        }
        if claim.state == .asked {
            claims[number]!.state = .gone
            return nil
        }
        claims[number] = nil
        return claim.state == .granted ? claim.user : nil
    }

    package mutating func answer(_ number: UInt64, isGranted: Bool) -> ClaimAnswer {
        guard let claim = claims[number] else { return .nothing }
        switch claim.state {
        case .asked:
            claims[number]!.state = isGranted ? .granted : .refused
            return isGranted ? .nothing : .refused(claim.connection)
        case .gone:
            claims[number] = nil
            return isGranted ? .giveBack(claim.user) : .nothing
        case .granted, .refused: return .nothing
        }
    }

    /// No answer will come any more. Returns what this process has, user by user, to be told anew.
    package mutating func settle() -> [ByteString: Int] {
        var counts: [ByteString: Int] = [:]
        for (number, claim) in claims {
            switch claim.state {
            case .asked, .granted:
                claims[number]!.state = .granted
                counts[claim.user, default: 0] += 1
            case .gone: claims[number] = nil
            case .refused: break
            }
        }
        return counts
    }
}

enum LeaseScript {
    /// KEYS: the leases, and the places of a user. ARGV: this process, its lease in milliseconds, what to do,
    /// a number. Without a user only the lease is renewed: the answer is 0 if it had ended; a lease of 0 ends
    /// it. Else 0 stands for a place that there is not. Only what processes without a lease had is taken
    /// away.
    static var text: StaticString {
        """
        local t = redis.call('TIME')
        local now = t[1] * 1000 + math.floor(t[2] / 1000)
        local old = redis.call('ZSCORE', KEYS[1], ARGV[1])
        redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
        redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 86400000)
        if ARGV[3] == 'renew' then
            if old and tonumber(old) > now then return 1 end
            return 0
        end
        local number = tonumber(ARGV[4])
        if ARGV[3] == 'leave' then
            if redis.call('HINCRBY', KEYS[2], ARGV[1], -1) <= 0 then redis.call('HDEL', KEYS[2], ARGV[1]) end
            return 1
        end
        if ARGV[3] == 'set' then
            redis.call('HSET', KEYS[2], ARGV[1], number)
        else
            local sum = 0
            local all = redis.call('HGETALL', KEYS[2])
            for i = 1, #all, 2 do
                local lease = redis.call('ZSCORE', KEYS[1], all[i])
                if lease and tonumber(lease) > now then
                    sum = sum + all[i + 1]
                else
                    redis.call('HDEL', KEYS[2], all[i])
                end
            end
            if sum >= number then return 0 end
            redis.call('HINCRBY', KEYS[2], ARGV[1], 1)
        end
        redis.call('PEXPIRE', KEYS[2], 604800000)
        return 1
        """
    }
}
