import HearthSession
import HearthWire
import Testing

/// The same numbers in every run.
struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

@Suite("When a client comes back")
struct ReconnectPolicyTests {
    private func settings(_ change: (inout ReconnectSettings) -> Void = { _ in }) -> ReconnectSettings {
        var settings = ReconnectSettings()
        settings.attemptsMax = 0
        settings.shape = .crowd
        settings.max = 60_000
        change(&settings)
        return settings
    }

    private func codes(_ text: String) -> CodeList? { CodeList(Array(text.utf8).span) }

    /// The delays of a client that loses a connection that held, and then reaches nobody.
    private func delays(_ count: Int, seed: UInt64, _ settings: ReconnectSettings) -> [UInt64] {
        var random = SplitMix(state: seed)
        var policy = ReconnectPolicy()
        policy.opened(now: 0)
        var delays: [UInt64] = []
        for index in 0..<count {
            let cause = index == 0 ? EndCause.closed(.abnormal, hint: nil) : .unreachable
            let now = 20_000 + UInt64(index)
            let decision = policy.ended(
                cause, now: now, random: random.next(), mayRefresh: false, settings)
            if case .wait(let milliseconds, let attempt) = decision, attempt == index + 1 {
                delays.append(milliseconds)
            }
        }
        return delays
    }

    /// What comes of a cause, right after a connection that held.
    private func decide(
        _ cause: EndCause, mayRefresh: Bool = false, _ settings: ReconnectSettings? = nil
    ) -> ReconnectDecision {
        var policy = ReconnectPolicy()
        return policy.ended(
            cause, now: 0, random: 0, mayRefresh: mayRefresh, settings ?? self.settings())
    }

    private func isWait(_ decision: ReconnectDecision) -> Bool {
        if case .wait = decision { true } else { false }
    }

    // MARK: Delays

    @Test("by default waits in proportion to the time since the loss, and never gives up")
    func growsWithTheOutage() {
        let settings = ReconnectSettings()
        #expect(settings.shape == .adaptive && settings.attemptsMax == 0)
        // Time since the loss, and the longest wait then.
        let bounds: [(UInt64, UInt64)] = [
            (0, 1000), (500, 1000), (900, 1000), (1000, 1099), (3000, 3899), (6000, 9599), (10_000, 20_000),
            (13_000, 29_898), (14_000, 30_000), (30_000, 30_000), (1 << 40, 30_000),
        ]
        for (lostFor, most) in bounds {
            var random = SplitMix(state: lostFor)
            var waits: [UInt64] = []
            for _ in 0..<2000 {
                var policy = ReconnectPolicy()
                let lost = EndCause.closed(.abnormal, hint: nil)
                _ = policy.ended(lost, now: 5, random: 0, mayRefresh: false, settings)
                let decision = policy.ended(
                    .unreachable, now: 5 + lostFor, random: random.next(), mayRefresh: false, settings)
                if case .wait(let milliseconds, 2) = decision { waits.append(milliseconds) }
            }
            let (low, high) = (waits.min() ?? 0, waits.max() ?? 0)
            #expect(waits.count == 2000 && low >= 500 && high <= most, "\(lostFor): \(low) to \(high)")
            let width = most - 500
            #expect(low <= 500 + width / 50 && high >= most - width / 50, "\(lostFor): \(low) to \(high)")
        }
    }

    @Test("counts the outage from the loss of the last connection that held")
    func measuresTheOutage() {
        var policy = ReconnectPolicy()
        let settings = ReconnectSettings()
        let lost = EndCause.closed(.abnormal, hint: nil)
        func wait(_ now: UInt64) -> UInt64? {
            let decision = policy.ended(lost, now: now, random: .max - 1, mayRefresh: false, settings)
            guard case .wait(let milliseconds, _) = decision else { return nil }
            return milliseconds
        }
        var longest: UInt64 = 0
        _ = wait(0)
        // A server that accepts and closes at once.
        for second in 1...40 as ClosedRange<UInt64> {
            policy.opened(now: second * 1000)
            longest = max(longest, wait(second * 1000 + 10) ?? 0)
        }
        #expect(longest > 5000)
        policy.opened(now: 50_000)
        #expect((500...1000).contains(wait(60_000) ?? 0))
    }

    @Test("tries soon, then anywhere up to the cap, then three times as late, up to the cap")
    func growsDelays() {
        let settings = settings()
        for seed in 0..<1000 as Range<UInt64> {
            let delays = delays(8, seed: seed, settings)
            #expect(delays.count == 8)
            #expect((500...1000).contains(delays[0]))
            #expect((2000...60_000).contains(delays[1]))
            for index in 2..<8 {
                let most = min(3 * delays[index - 1], 60_000)
                #expect(delays[index] <= most && delays[index] >= most * 9 / 10)
            }
        }
    }

    @Test("spreads clients over the whole cap, however long the server is away")
    func spreadsAtTheCap() {
        let settings = settings()
        // In which sixth of a minute each of 6,000 clients makes its attempt 3, 10 and 50.
        for number in [3, 10, 50] {
            var sixths = [Int](repeating: 0, count: 6)
            for seed in 0..<6000 as Range<UInt64> {
                let at = delays(number, seed: seed, settings).reduce(0, +)
                sixths[Int(at % 60_000 / 10_000)] += 1
            }
            #expect(sixths.allSatisfy { $0 > 200 && $0 < 1800 }, "\(number): \(sixths)")
        }
    }

    @Test("keeps the floor, whatever else is set or asked for")
    func keepsTheFloor() {
        let fast = settings {
            $0.base = 10; $0.max = 20; $0.floor = 700
        }
        #expect(delays(5, seed: 1, fast) == [700, 700, 700, 700, 700])
        #expect(
            decide(.closed(.tryAgainLater, hint: 0), settings { $0.floor = 700 })
                == .wait(milliseconds: 700, attempt: 1))
    }

    @Test("takes settings of any size without a crash")
    func survivesSettings() {
        var random = SplitMix(state: 4)
        let values: [UInt64] = [0, 1, 999, 1000, 60_000, 1 << 40]
        for base in values {
            for max in values {
                for floor in values {
                    let wild = settings {
                        $0.base = base
                        $0.max = max
                        $0.floor = floor
                        $0.jitterPermille = random.next() % 2000
                        $0.shape = ReconnectShape(rawValue: Int(random.next() % 3)) ?? .fixed
                    }
                    #expect(delays(6, seed: random.next(), wild).allSatisfy { $0 >= floor })
                }
            }
        }
    }

    @Test("waits the same each time if it is told to, but for the jitter")
    func fixesDelays() {
        let fixed = settings {
            $0.shape = .fixed; $0.base = 3000
        }
        let all = (0..<100 as Range<UInt64>).flatMap { delays(6, seed: $0, fixed) }
        #expect(all.allSatisfy { (2700...3000).contains($0) })
        #expect(Set(all).count > 100)
    }

    // MARK: Counting

    @Test("gives up after the greatest number of attempts, and never with 0")
    func countsAttempts() {
        var policy = ReconnectPolicy()
        let five = settings { $0.attemptsMax = 5 }
        for attempt in 1...5 {
            let decision = policy.ended(.unreachable, now: 0, random: 7, mayRefresh: false, five)
            #expect(isWait(decision) && policy.attempts == attempt)
        }
        #expect(
            policy.ended(.unreachable, now: 0, random: 7, mayRefresh: false, five) == .stop(.attempts))
        policy.reset()
        #expect(isWait(policy.ended(.unreachable, now: 0, random: 7, mayRefresh: false, five)))
        #expect(delays(1000, seed: 1, settings()).count == 1000)
    }

    @Test("begins to count anew only after a connection that held")
    func resetsWhenStable() {
        let five = settings { $0.attemptsMax = 5 }
        var policy = ReconnectPolicy()
        var now: UInt64 = 0
        // A server that accepts and closes at once does not make the client spin.
        for _ in 1...5 {
            policy.opened(now: now)
            now += 9999
            let lost = EndCause.closed(.abnormal, hint: nil)
            #expect(isWait(policy.ended(lost, now: now, random: 3, mayRefresh: false, five)))
        }
        #expect(policy.attempts == 5)
        policy.opened(now: now)
        now += 10_000
        let decision = policy.ended(
            .closed(.abnormal, hint: nil), now: now, random: 0, mayRefresh: false, five)
        #expect(decision == .wait(milliseconds: 500, attempt: 1))
    }

    @Test("draws over the whole cap again after a connection that did not hold")
    func spreadsAfterShortOpening() {
        let settings = settings()
        var delays: [UInt64] = []
        for seed in 0..<1000 as Range<UInt64> {
            var random = SplitMix(state: seed)
            var policy = ReconnectPolicy()
            for _ in 0..<10 {
                _ = policy.ended(
                    .unreachable, now: 0, random: random.next(), mayRefresh: false, settings)
            }
            policy.opened(now: 0)
            let decision = policy.ended(
                .closed(.goingAway, hint: nil), now: 5000, random: random.next(), mayRefresh: false,
                settings)
            if case .wait(let milliseconds, 11) = decision { delays.append(milliseconds) }
        }
        #expect(delays.count == 1000)
        #expect(delays.filter { $0 < 20_000 }.count > 200)
        #expect(delays.filter { $0 > 40_000 }.count > 200)
    }

    // MARK: Causes

    @Test("knows after which close codes coming back is of use")
    func classesCodes() {
        for code in [1001, 1005, 1006, 1011, 1012, 1013, 1014, 1015, 4100, 4102, 4499] as [UInt16] {
            #expect(isWait(decide(.closed(CloseCode(rawValue: code), hint: nil))), "\(code)")
        }
        #expect(decide(.closed(.normal, hint: nil)) == .stop(.finished))
        for code in [1002, 1003, 1007, 1008, 1009, 1010, 4500, 4505, 4999] as [UInt16] {
            #expect(decide(.closed(CloseCode(rawValue: code), hint: nil)) == .stop(.code), "\(code)")
        }
    }

    @Test("tries five times after a code that is in no class, even if it may try for ever")
    func boundsUnclearCauses() {
        for cause in [
            EndCause.closed(CloseCode(rawValue: 4001), hint: nil),
            .closed(CloseCode(rawValue: 3000), hint: nil),
            .refused, .status(200, retryAfter: nil), .status(302, retryAfter: nil),
            .status(404, retryAfter: nil),
        ] {
            var policy = ReconnectPolicy()
            for _ in 1...5 {
                #expect(
                    isWait(policy.ended(cause, now: 0, random: 1, mayRefresh: false, settings())))
            }
            #expect(
                policy.ended(cause, now: 0, random: 1, mayRefresh: false, settings()) == .stop(.attempts))
        }
    }

    @Test("knows what HTTP statuses mean")
    func classesStatuses() {
        for status in [408, 425, 429, 500, 502, 503, 504, 599] {
            #expect(isWait(decide(.status(status, retryAfter: nil))), "\(status)")
        }
        for status in [400, 405, 410, 426, 431, 451, 501, 505] {
            #expect(decide(.status(status, retryAfter: nil)) == .stop(.status), "\(status)")
        }
        for status in [401, 403, 407] {
            #expect(decide(.status(status, retryAfter: nil)) == .stop(.unauthorized))
            #expect(isWait(decide(.status(status, retryAfter: nil), mayRefresh: true)))
        }
    }

    @Test("lets the program decide otherwise")
    func takesLists() throws {
        var list = settings()
        list.reconnectOn = try #require(codes("1008,4500-4510, 400"))
        list.stopOn = try #require(codes("1006,503,4505"))
        #expect(isWait(decide(.closed(.policyViolation, hint: nil), list)))
        #expect(isWait(decide(.closed(CloseCode(rawValue: 4510), hint: nil), list)))
        #expect(decide(.closed(CloseCode(rawValue: 4511), hint: nil), list) == .stop(.code))
        #expect(decide(.closed(CloseCode(rawValue: 4505), hint: nil), list) == .stop(.code))
        #expect(isWait(decide(.status(400, retryAfter: nil), list)))
        #expect(decide(.closed(.abnormal, hint: 5), list) == .stop(.code))
        #expect(decide(.status(503, retryAfter: 5), list) == .stop(.status))
    }

    @Test("never comes back after a close of the program, nor when it is switched off")
    func stopsDeliberately() {
        #expect(decide(.deliberate) == .stop(.deliberate))
        let off = settings { $0.isEnabled = false }
        #expect(decide(.deliberate, off) == .stop(.deliberate))
        #expect(decide(.unreachable, off) == .stop(.disabled))
        #expect(decide(.closed(.tryAgainLater, hint: 5), off) == .stop(.disabled))
    }

    @Test(
        "refuses lists that are none",
        arguments: [
            ",", "1000,", "99", "600", "999", "5000", "a", "1000-", "4000-3000", "-1", "1000 1001", "10000",
        ])
    func refusesLists(_ text: String) { #expect(codes(text) == nil) }

    // MARK: Hints

    @Test("waits as long as the server's close reason says")
    func followsHints() {
        func hint(_ reason: String) -> UInt64? { ReconnectPolicy.hint(in: Array(reason.utf8).span) }
        #expect(hint("retry=1500;why=deploy") == 1500)
        #expect(hint("why=deploy; retry=0") == 0)
        #expect(hint("Retry=7") == 7)
        for reason in [
            "", "retry=", "retry=x", "retry=1x", "retry=-1", "later", "noretry=5", "retry=1234567890123",
        ] {
            #expect(hint(reason) == nil, "\(reason)")
        }
        let day = ReconnectPolicy.hintMax
        #expect(
            decide(.closed(.serviceRestart, hint: 12_345)) == .wait(milliseconds: 12_345, attempt: 1))
        #expect(decide(.closed(.policyViolation, hint: 9000)) == .wait(milliseconds: 9000, attempt: 1))
        #expect(decide(.closed(.goingAway, hint: .max)) == .wait(milliseconds: day, attempt: 1))
    }

    @Test("waits at least as long as Retry-After says, and not all clients equally long")
    func followsRetryAfter() {
        var random = SplitMix(state: 1)
        var all: [UInt64] = []
        for _ in 0..<1000 {
            var policy = ReconnectPolicy()
            let decision = policy.ended(
                .status(503, retryAfter: 30_000), now: 0, random: random.next(), mayRefresh: false,
                settings())
            if case .wait(let milliseconds, 1) = decision { all.append(milliseconds) }
        }
        #expect(all.count == 1000 && all.allSatisfy { (30_000...60_000).contains($0) })
        #expect(all.filter { $0 < 40_000 }.count > 200 && all.filter { $0 > 50_000 }.count > 200)
        #expect(isWait(decide(.status(429, retryAfter: .max))))
    }
}
