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

    /// The next delay of a client: which it is, how many attempts it has made.
    typealias Formula = (_ client: Int, _ attempts: Int) -> UInt64

    func attemptsPerSecond(_ formula: Formula) -> [Int] {
        var seconds = [Int](repeating: 0, count: Int(end / 1000))
        // What happens in each millisecond; within one, in the order of the clients.
        var due = [[Int]](repeating: [], count: Int(end))
        var attempts = [Int](repeating: 0, count: clientCount)
        for client in 0..<clientCount { due[Int(formula(client, 0))].append(client) }
        var accepted = [Int](repeating: 0, count: seconds.count)
        for now in 0..<Int(end) {
            for client in due[now] {
                seconds[now / 1000] += 1
                attempts[client] += 1
                if now >= Int(outage), accepted[now / 1000] < capacity {
                    accepted[now / 1000] += 1
                    continue
                }
                let next = now + Int(formula(client, attempts[client]))
                if next < due.count { due[next].append(client) }
            }
        }
        return seconds
    }

    func ours() -> [Int] {
        var random = SplitMix(state: 2026)
        var policies = [ReconnectPolicy](repeating: ReconnectPolicy(), count: clientCount)
        var settings = ReconnectSettings()
        settings.attemptsMax = 0
        for client in 0..<clientCount { policies[client].opened(now: 0) }
        return attemptsPerSecond { client, attempts in
            let cause = attempts == 0 ? EndCause.closed(.abnormal, hint: nil) : .unreachable
            let decision = policies[client].ended(
                cause, now: 3_600_000, random: random.next(), mayRefresh: false, settings)
            guard case .wait(let milliseconds, _) = decision else { return .max }
            return milliseconds
        }
    }

    /// A formula that is often seen: doubling with a second of jitter, and a cap over both.
    func clipped() -> [Int] {
        var random = SplitMix(state: 2026)
        return attemptsPerSecond { _, attempts in
            min(1000 << UInt64(min(attempts, 20)) + random.next() % 1000, 30_000)
        }
    }
}

@Suite("A server that goes away for a minute, and its 10,000 clients")
struct RestartStormTests {
    @Test("after the first attempts, no second sees more than 3 % of the clients")
    func spreadsTheStorm() throws {
        let storm = Storm()
        let ours = storm.ours()
        #expect(ours[0] > 9900, "everybody tries once within the first second")
        #expect(ours[1...].max()! <= 300, "\(ours[1...].max()!)")
        // Everybody is back two caps after the server.
        #expect(ours[180...].allSatisfy { $0 == 0 })
        let clipped = storm.clipped()
        #expect(clipped[1...].max()! >= 3000, "\(clipped[1...].max()!)")
        try write("outage", ours, clipped)
    }

    @Test("nor when the server that is back accepts fewer than come")
    func spreadsAtAWeakServer() throws {
        let storm = Storm(capacity: 100, end: 400_000)
        let ours = storm.ours()
        #expect(ours[1...].max()! <= 300, "\(ours[1...].max()!)")
        #expect(ours[300...].allSatisfy { $0 == 0 })
        let clipped = storm.clipped()
        try write("capacity", ours, clipped)
    }

    /// For tools/plot_restart_storm.py.
    private func write(_ name: String, _ ours: [Int], _ clipped: [Int]) throws {
        guard let folder = getenv("HEARTH_STORM") else { return }
        let file = try #require(fopen("\(String(cString: folder))/\(name).csv", "w"))
        for second in ours.indices { fputs("\(second),\(ours[second]),\(clipped[second])\n", file) }
        fclose(file)
    }
}
