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

    /// What one user has: claims that are granted, and those that Redis has not answered.
    private struct Tally {
        var held = 0
        var open = 0
    }

    /// By their numbers: a connection may change its user before the answer for the first has come.
    private var claims: [UInt64: Claim] = [:]
    private var numbers: [UInt64: UInt64] = [:]
    private var tallies: [ByteString: Tally] = [:]
    /// Users that are to be told again, the next one last.
    private var untold: [ByteString] = []
    private var lastNumber: UInt64 = 0

    package init() {}

    package var count: Int { claims.count }

    private mutating func note(_ user: ByteString, held: Int, open: Int) {
        var tally = tallies[user] ?? Tally()
        tally.held += held
        tally.open += open
        tallies[user] = tally.held == 0 && tally.open == 0 ? nil : tally
    }

    /// A connection has a user. `isAsked`: Redis is asked; else the place is taken for granted. Returns the
    /// number of the claim, never 0.
    package mutating func add(_ connection: UInt64, _ user: ByteString, isAsked: Bool) -> UInt64 {
        lastNumber += 1
        claims[lastNumber] = Claim(connection: connection, user: user, state: isAsked ? .asked : .granted)
        numbers[connection] = lastNumber
        note(user, held: isAsked ? 0 : 1, open: isAsked ? 1 : 0)
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
        if claim.state != .granted { return nil }
        note(claim.user, held: -1, open: 0)
        return claim.user
    }

    package mutating func answer(_ number: UInt64, isGranted: Bool) -> ClaimAnswer {
        guard let claim = claims[number] else { return .nothing }
        switch claim.state {
        case .asked:
            claims[number]!.state = isGranted ? .granted : .refused
            note(claim.user, held: isGranted ? 1 : 0, open: -1)
            return isGranted ? .nothing : .refused(claim.connection)
        case .gone:
            claims[number] = nil
            note(claim.user, held: 0, open: -1)
            return isGranted ? .giveBack(claim.user) : .nothing
        case .granted, .refused: return .nothing
        }
    }

    /// The next users whose places Redis is told again, as it may have lost them: all in at most 90 calls.
    /// Those with a claim that is not answered are left for the next round.
    package mutating func takeUntold() -> [(user: ByteString, count: Int)] {
        if untold.isEmpty { untold = Array(tallies.keys) }
        let countMax = max(100, (tallies.count + 89) / 90)
        var taken: [(user: ByteString, count: Int)] = []
        while taken.count < countMax, let user = untold.popLast() {
            if let tally = tallies[user], tally.held > 0, tally.open == 0 { taken.append((user, tally.held)) }
        }
        return taken
    }

    /// No answer will come any more. Returns what this process has, user by user, to be told anew.
    package mutating func settle() -> [ByteString: Int] {
        var counts: [ByteString: Int] = [:]
        for (number, claim) in claims {
            switch claim.state {
            case .asked, .granted:
                claims[number]!.state = .granted
                counts[claim.user, default: 0] += 1
                if claim.state == .asked { note(claim.user, held: 1, open: -1) }
            case .gone:
                claims[number] = nil
                note(claim.user, held: 0, open: -1)
            case .refused: break
            }
        }
        return counts
    }
}

enum LeaseScript {
    /// KEYS: the leases, and the places of users. ARGV: this process, its lease in milliseconds, what to do,
    /// and a number for each user. -1: the lease of this process had ended, so what it counted may be gone;
    /// nothing is done. 0: there is no place for the user. Only what processes without a lease had is taken
    /// away.
    static var text: StaticString {
        """
        local t = redis.call('TIME')
        local now = t[1] * 1000 + math.floor(t[2] / 1000)
        if ARGV[3] ~= 'begin' then
            local mine = redis.call('ZSCORE', KEYS[1], ARGV[1])
            if not mine or tonumber(mine) <= now then return -1 end
        end
        redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
        redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 86400000)
        if ARGV[3] == 'leave' then
            if redis.call('HINCRBY', KEYS[2], ARGV[1], -1) <= 0 then redis.call('HDEL', KEYS[2], ARGV[1]) end
            return 1
        end
        if ARGV[3] == 'claim' then
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
            if sum >= tonumber(ARGV[4]) then return 0 end
            redis.call('HINCRBY', KEYS[2], ARGV[1], 1)
        end
        for i = 2, #KEYS do
            if ARGV[3] == 'keep' then redis.call('HSET', KEYS[i], ARGV[1], tonumber(ARGV[i + 2])) end
            redis.call('PEXPIRE', KEYS[i], 604800000)
        end
        return 1
        """
    }
}
