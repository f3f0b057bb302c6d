import HearthSession
import HearthWire
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Clients that lose their server in the same moment, on virtual time: how many attempts each second sees.
private struct Storm {
    let clientCount = 10_000
    let outage: UInt64 = 60_000
    /// Handshakes that the server finishes in a second when it is back; the others are refused.
    var capacity = Int.max
    var end: UInt64 = 240_000

    /// The next delay of a client: which it is, how many attempts it has made, when.
    typealias Formula = (_ client: Int, _ attempts: Int, _ now: UInt64) -> UInt64

    func attemptsPerSecond(_ formula: Formula) -> [Int] {
        var seconds = [Int](repeating: 0, count: Int(end / 1000))
        // What happens in each millisecond; within one, in the order of the clients.
        var due = [[Int]](repeating: [], count: Int(end))
        var attempts = [Int](repeating: 0, count: clientCount)
        for client in 0..<clientCount { due[Int(formula(client, 0, 0))].append(client) }
        var accepted = [Int](repeating: 0, count: seconds.count)
        for now in 0..<Int(end) {
            for client in due[now] {
                seconds[now / 1000] += 1
                attempts[client] += 1
                if now >= Int(outage), accepted[now / 1000] < capacity {
                    accepted[now / 1000] += 1
                    continue
                }
                let next = now + Int(formula(client, attempts[client], UInt64(now)))
                if next < due.count { due[next].append(client) }
            }
        }
        return seconds
    }

    func ours(_ shape: ReconnectShape) -> [Int] {
        var random = SplitMix(state: 2026)
        var policies = [ReconnectPolicy](repeating: ReconnectPolicy(), count: clientCount)
        var settings = ReconnectSettings()
        settings.shape = shape
        if shape == .crowd { settings.max = 60_000 }
        for client in 0..<clientCount { policies[client].opened(now: 0) }
        return attemptsPerSecond { client, attempts, now in
            let cause = attempts == 0 ? EndCause.closed(.abnormal, hint: nil) : .unreachable
            let decision = policies[client].ended(
                cause, now: 3_600_000 + now, random: random.next(), mayRefresh: false, settings)
            guard case .wait(let milliseconds, _) = decision else { return .max }
            return milliseconds
        }
    }

    /// A formula that is often seen: doubling with a second of jitter, and a cap over both.
    func clipped() -> [Int] {
        var random = SplitMix(state: 2026)
        return attemptsPerSecond { _, attempts, _ in
            min(1000 << UInt64(min(attempts, 20)) + random.next() % 1000, 30_000)
        }
    }
}

@Suite("A server that goes away for a minute, and its 10,000 clients")
struct RestartStormTests {
    @Test("40 clients are back soon after an outage of three seconds, whatever chance does")
    func shortOutage() {
        var all: [UInt64] = []
        var worstMedian: UInt64 = 0
        for seed in 0..<1000 as Range<UInt64> {
            let times = timesBack(clients: 40, outage: 3000, seed: seed)
            worstMedian = max(worstMedian, times[20])
            all += times
        }
        all.sort()
        #expect(all[all.count / 2] <= 2000 && worstMedian <= 2000, "\(all[all.count / 2]), \(worstMedian)")
        #expect(all.last! <= 8000, "\(all.last!)")
        if getenv("HEARTH_STORM") != nil {
            print("back after 3 s: median \(all[all.count / 2]) ms, worst \(worstMedian), last \(all.last!)")
        }
    }

    /// When the clients are back, in milliseconds from the moment the server accepts again, in order.
    private func timesBack(clients: Int, outage: UInt64, seed: UInt64) -> [UInt64] {
        var random = SplitMix(state: seed)
        let settings = ReconnectSettings()
        var times: [UInt64] = []
        for _ in 0..<clients {
            var policy = ReconnectPolicy()
            policy.opened(now: 0)
            var now: UInt64 = 20_000
            while now < 20_000 + outage {
                let cause = policy.attempts == 0 ? EndCause.closed(.abnormal, hint: nil) : .unreachable
                guard
                    case .wait(let milliseconds, _) = policy.ended(
                        cause, now: now, random: random.next(), mayRefresh: false, settings)
                else { break }
                now += milliseconds
            }
            times.append(now - 20_000 - outage)
        }
        return times.sorted()
    }

    @Test("with the default, no second after the twentieth sees more than 8 % of the clients")
    func growsWithTheOutage() throws {
        let ours = Storm().ours(.adaptive)
        #expect(ours[20...].max()! <= 800, "\(ours[20...].max()!)")
        // Everybody is back one cap after the server.
        #expect(ours[90...].allSatisfy { $0 == 0 })
    }

    @Test("after the first attempts of the crowd, no second sees more than 3 % of the clients")
    func spreadsTheStorm() throws {
        let storm = Storm()
        let ours = storm.ours(.crowd)
        #expect(ours[0] > 9900, "everybody tries once within the first second")
        #expect(ours[1...].max()! <= 300, "\(ours[1...].max()!)")
        // Everybody is back two caps after the server.
        #expect(ours[180...].allSatisfy { $0 == 0 })
        let clipped = storm.clipped()
        #expect(clipped[1...].max()! >= 3000, "\(clipped[1...].max()!)")
        try write("outage", storm.ours(.adaptive), ours, clipped)
    }

    @Test("nor when the server that is back accepts fewer than come")
    func spreadsAtAWeakServer() throws {
        let storm = Storm(capacity: 100, end: 400_000)
        let ours = storm.ours(.crowd)
        #expect(ours[1...].max()! <= 300, "\(ours[1...].max()!)")
        #expect(ours[300...].allSatisfy { $0 == 0 })
        let clipped = storm.clipped()
        try write("capacity", storm.ours(.adaptive), ours, clipped)
    }

    /// For tools/plot_restart_storm.py.
    private func write(_ name: String, _ columns: [Int]...) throws {
        guard let folder = getenv("HEARTH_STORM") else { return }
        let file = try #require(fopen("\(String(cString: folder))/\(name).csv", "w"))
        for second in columns[0].indices {
            fputs("\(second),\(columns.map { "\($0[second])" }.joined(separator: ","))\n", file)
        }
        fclose(file)
    }
}
