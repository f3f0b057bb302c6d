import HearthSession
import Testing

// What changes itself is no argument of an expectation, so values are called through these.
private final class Bucket {
    private var bucket = TokenBucket()
    private let rate: Rate

    init(_ rate: Rate) { self.rate = rate }

    func take(_ tokens: UInt64, now: UInt64) -> Bool { bucket.take(tokens, rate, now: now) }
    func wait(for tokens: UInt64, now: UInt64) -> UInt64 { bucket.wait(for: tokens, rate, now: now) }
    func isFull(now: UInt64) -> Bool { bucket.isFull(now: now) }
}

private final class Table {
    private var table: RateTable
    private let rate: Rate

    init(_ rate: Rate, entriesMax: Int) {
        self.rate = rate
        table = RateTable(entriesMax: entriesMax)
    }

    var capacity: Int { table.capacity }
    func take(key: UInt64, now: UInt64) -> UInt64 { table.take(1, rate, key: key, now: now).wait }
    func take(ahead: UInt64, key: UInt64, now: UInt64) -> Bool {
        table.take(1, ahead: ahead, rate, key: key, now: now).isAhead
    }
    func give(_ tokens: UInt64, key: UInt64) { table.give(tokens, rate, key: key) }
}

private final class Advance {
    private var advance = RateAdvance()

    var left: [UInt64] { [advance.messages, advance.bytes] }
    func spend(_ size: UInt64, now: UInt64) -> Bool { advance.spend(size, now: now) }
    func foresee(_ size: UInt64, now: UInt64) -> [UInt64] {
        let next = advance.foresee(size, now: now)
        return [next.messages, next.bytes]
    }
    func add(_ messages: UInt64, _ bytes: UInt64) { advance.add(messages: messages, bytes: bytes) }
}

private final class Steps {
    private var escalation = RateEscalation()

    var isCalm: Bool { escalation.isCalm }
    func exceed(now: UInt64, dropsMax: UInt32) -> RateVerdict {
        escalation.exceed(now: now, dropsMax: dropsMax)
    }
    func comply(now: UInt64) -> UInt32 { escalation.comply(now: now) }
}

@Suite("Rates")
struct RateTests {
    @Test("a bucket gives its burst at once and then one token after the other")
    func burstThenRate() {
        let rate = Rate(count: 20, periodMilliseconds: 1000, burst: 40)
        let bucket = Bucket(rate)
        let start = 5_000_000 as UInt64
        for _ in 0..<40 { #expect(bucket.take(1, now: start)) }
        #expect(!bucket.take(1, now: start))
        #expect(bucket.wait(for: 1, now: start) == 50)
        #expect(!bucket.take(1, now: start + 49))
        #expect(bucket.take(1, now: start + 50))
        #expect(!bucket.take(1, now: start + 50))
        #expect(!bucket.isFull(now: start + 2049) && bucket.isFull(now: start + 2050))
    }

    @Test("over a long time as many come through as the rate says", arguments: [1, 7, 100, 1000] as [UInt64])
    func longRun(count: UInt64) {
        let rate = Rate(count: count, periodMilliseconds: 1000, burst: 5)
        let bucket = Bucket(rate)
        var taken = 0 as UInt64
        for now in 1_000_000..<(1_100_000 as UInt64) {
            for _ in 0..<3 where bucket.take(1, now: now) { taken += 1 }
        }
        #expect(taken >= count * 100 && taken <= count * 100 + 6)
    }

    @Test("more than the burst may be taken from a full bucket, and is paid back")
    func largerThanBurst() {
        let rate = Rate(count: 1000, periodMilliseconds: 1000, burst: 2000)
        let bucket = Bucket(rate)
        #expect(bucket.take(10_000, now: 60_000))
        #expect(!bucket.take(1, now: 60_000 + 8000))
        #expect(bucket.take(1, now: 60_000 + 8001))
        #expect(!bucket.take(10_000, now: 60_000 + 10_000))
        #expect(bucket.take(10_000, now: 60_000 + 10_001))
    }

    @Test("no number makes it trap or give more than it has")
    func extremes() {
        for (count, period, burst) in [
            (1, 86_400_000, UInt64.max), (UInt64.max, 1, 1), (0, 0, 0), (1, UInt64.max, 1),
        ] as [(UInt64, UInt64, UInt64)] {
            let rate = Rate(count: count, periodMilliseconds: period, burst: burst)
            let bucket = Bucket(rate)
            for now in [0, 1, 1 << 40] as [UInt64] {
                _ = bucket.take(1, now: now)
                _ = bucket.take(UInt64.max, now: now)
                _ = bucket.wait(for: UInt64.max, now: now)
            }
        }
        let daily = Rate(count: 1, periodMilliseconds: 86_400_000, burst: 1)
        let bucket = Bucket(daily)
        #expect(bucket.take(1, now: 1) && !bucket.take(1, now: 86_400_000))
        #expect(bucket.take(1, now: 86_400_001))
    }
}

@Suite("Rates of many")
struct RateTableTests {
    @Test("each key has its own bucket")
    func apart() {
        let rate = Rate(count: 2, periodMilliseconds: 1000, burst: 2)
        let table = Table(rate, entriesMax: 64)
        for key in [11, 12, 1 << 40] as [UInt64] {
            #expect(table.take(key: key, now: 1000) == 0)
            #expect(table.take(key: key, now: 1000) == 0)
            #expect(table.take(key: key, now: 1000) == 500)
        }
        #expect(table.take(key: 11, now: 1500) == 0)
    }

    @Test("it does not grow, and what is full again makes room for others")
    func bounded() {
        let rate = Rate(count: 1, periodMilliseconds: 1000, burst: 1)
        let table = Table(rate, entriesMax: 100)
        let capacity = table.capacity
        #expect(capacity >= 100 && capacity < 400)
        for key in 1...(10_000 as UInt64) {
            let refused = table.take(key: key &* 0x9E37_79B9_7F4A_7C15, now: 1000)
            #expect(refused == 0)
        }
        #expect(table.capacity == capacity)
        // Of the last ones most are still remembered.
        var remembered = 0
        for key in 9_990...(10_000 as UInt64) {
            if table.take(key: key &* 0x9E37_79B9_7F4A_7C15, now: 1000) > 0 { remembered += 1 }
        }
        #expect(remembered > 0)
    }
}

@Suite("Tokens in advance")
struct RateAdvanceTests {
    @Test("as many are foreseen as came in the last window, and as many again if there are more")
    func foreseen() {
        let advance = Advance()
        #expect(advance.foresee(10, now: 1000) == [0, 0])
        #expect(advance.foresee(10, now: 1001) == [1, 10])
        advance.add(1, 10)
        #expect(advance.spend(10, now: 1015) && !advance.spend(10, now: 1015))
        #expect(advance.foresee(10, now: 1015) == [3, 30])
        // Four came.
        #expect(advance.foresee(10, now: 1016) == [3, 30])
        advance.add(3, 30)
        for _ in 0..<3 { #expect(advance.spend(10, now: 1031)) }
        #expect(!advance.spend(10, now: 1031))
        #expect(advance.foresee(40, now: 1032) == [0, 0])
        #expect(advance.foresee(0, now: 1048) == [0, 0])
        // What came long ago says nothing.
        for _ in 0..<9 { _ = advance.foresee(10, now: 2000) }
        #expect(advance.foresee(10, now: 2032) == [0, 0])
    }

    @Test("what was given for one window is not good in another, nor for more bytes")
    func spent() {
        let advance = Advance()
        _ = advance.foresee(5, now: 70)
        advance.add(2, 10)
        #expect(!advance.spend(11, now: 70) && !advance.spend(5, now: 86))
        #expect(advance.spend(10, now: 85) && !advance.spend(1, now: 85))
        #expect(advance.left == [1, 0])
    }

    @Test("only a bucket with plenty gives in advance, and what comes back can be taken again")
    func plenty() {
        let small = Table(Rate(count: 100, periodMilliseconds: 60_000, burst: 100), entriesMax: 64)
        #expect(!small.take(ahead: 2, key: 5, now: 1000))
        for _ in 0..<99 { #expect(small.take(key: 5, now: 1000) == 0) }
        #expect(small.take(key: 5, now: 1000) > 0)
        let large = Table(Rate(count: 1000, periodMilliseconds: 3_600_000, burst: 1000), entriesMax: 64)
        #expect(large.take(ahead: 15, key: 5, now: 1000))
        large.give(15, key: 5)
        large.give(15, key: 6)
        for _ in 0..<999 { #expect(large.take(key: 5, now: 1000) == 0) }
        #expect(large.take(key: 5, now: 1000) > 0)
    }
}

@Suite("Escalation")
struct RateEscalationTests {
    @Test("first a warning, then dropping, then the end")
    func threeSteps() {
        let escalation = Steps()
        #expect(escalation.isCalm)
        #expect(escalation.exceed(now: 1, dropsMax: 3) == .warn)
        #expect(escalation.exceed(now: 1, dropsMax: 3) == .drop(report: 1))
        #expect(escalation.exceed(now: 1, dropsMax: 3) == .drop(report: nil))
        #expect(escalation.exceed(now: 2, dropsMax: 3) == .close(report: 2))
    }

    @Test("drops are told once a second, and none is left untold")
    func reports() {
        let escalation = Steps()
        _ = escalation.exceed(now: 0, dropsMax: 0)
        var told = 0 as UInt32
        var times = 0
        for now in 0..<(5000 as UInt64) {
            if case .drop(let report?) = escalation.exceed(now: now, dropsMax: 0) {
                told += report
                times += 1
            }
        }
        #expect(times == 5)
        told += escalation.comply(now: 5000)
        #expect(told == 5000)
        #expect(escalation.comply(now: 5001) == 0)
    }

    @Test("ten seconds within the rate are forgiven, less are not")
    func forgiven() {
        let escalation = Steps()
        _ = escalation.exceed(now: 0, dropsMax: 2)
        _ = escalation.exceed(now: 5, dropsMax: 2)
        _ = escalation.comply(now: 10_004)
        #expect(escalation.exceed(now: 10_005, dropsMax: 2) == .close(report: 1))
        _ = escalation.comply(now: 20_005)
        #expect(escalation.isCalm)
        #expect(escalation.exceed(now: 20_006, dropsMax: 2) == .warn)
    }
}
