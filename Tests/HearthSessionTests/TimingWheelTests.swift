import HearthSession
import Testing

/// A wheel beside the plainest thing that does the same. What can be neither copied nor kept is no argument
/// of an expectation, so the wheel is called through here.
private final class Watch {
    let granule: UInt64
    var wheel: TimingWheel
    var due: [UInt32: UInt64] = [:]
    var now: UInt64

    init(granule: UInt64, now: UInt64) {
        self.granule = granule
        self.now = now
        wheel = TimingWheel(granuleMilliseconds: granule, now: now)
    }

    deinit { wheel.deallocate() }

    var count: Int { wheel.count }
    var next: UInt64? { wheel.nextDue() }

    func set(_ slot: UInt32, after milliseconds: UInt64) {
        wheel.set(slot, due: now + milliseconds)
        due[slot] = now + milliseconds
    }

    func remove(_ slot: UInt32) {
        wheel.remove(slot)
        due[slot] = nil
    }

    /// Lets time pass, takes out what is due, and says what is wrong with it: early, late, unknown.
    func pass(_ milliseconds: UInt64) -> [String] {
        now += milliseconds
        var expired: [UInt32] = []
        wheel.expire(now: now, into: &expired)
        var wrong: [String] = []
        for slot in expired {
            guard let moment = due.removeValue(forKey: slot) else {
                wrong.append("\(slot) was not set")
                continue
            }
            if moment > now { wrong.append("\(slot) came \(moment - now) early") }
        }
        for (slot, moment) in due where moment <= now && now - moment >= granule {
            wrong.append("\(slot) did not come by \(now - moment)")
        }
        if wheel.count != due.count { wrong.append("\(wheel.count) are counted, \(due.count) are set") }
        return wrong
    }
}

@Suite("Timing wheel")
struct TimingWheelTests {
    @Test(
        "no deadline comes early, and none more than a granule late", arguments: 1...20 as ClosedRange<UInt64>
    )
    func deadlinesAreMet(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let granule = [1, 5, 250, 1_000].randomElement(using: &random)! as UInt64
        let watch = Watch(granule: granule, now: .random(in: 0...10_000_000, using: &random))
        for _ in 0..<2_000 {
            let slot = UInt32.random(in: 0..<200, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5: watch.set(slot, after: .random(in: 0...(granule * 20), using: &random))
            case 5: watch.set(slot, after: .random(in: 0...(granule * 1_000), using: &random))
            case 6: watch.remove(slot)
            default:
                let wrong = watch.pass(.random(in: 0...(granule * 3), using: &random))
                #expect(wrong.isEmpty)
            }
        }
        let wrong = watch.pass(granule * 2_000)
        #expect(wrong.isEmpty)
        #expect(watch.count == 0)
    }

    @Test("after a long sleep everything that is due comes at once")
    func sleepIsCaughtUp() {
        let watch = Watch(granule: 10, now: 5)
        for slot in UInt32(0)..<1_000 { watch.set(slot, after: UInt64(slot) * 17) }
        let wrong = watch.pass(1_000_000)
        #expect(wrong.isEmpty)
        #expect(watch.count == 0)
        #expect(watch.next == nil)
    }

    @Test("a loop that wakes when told meets every deadline", arguments: 1...5 as ClosedRange<UInt64>)
    func nextDueIsEnough(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let watch = Watch(granule: 7, now: 123)
        for slot in UInt32(0)..<500 { watch.set(slot, after: .random(in: 0...20_000, using: &random)) }
        var turns = 0
        while let next = watch.next {
            let wrong = watch.pass(next > watch.now ? next - watch.now : 0)
            #expect(wrong.isEmpty)
            turns += 1
            if turns > 100_000 { break }
        }
        #expect(watch.count == 0)
    }

    @Test("the newest deadline of a slot is the only one")
    func deadlineIsMoved() {
        let watch = Watch(granule: 10, now: 0)
        watch.set(3, after: 100)
        watch.set(3, after: 10_000)
        #expect(watch.count == 1)
        let early = watch.pass(5_000)
        #expect(early.isEmpty)
        #expect(watch.count == 1)
        let wrong = watch.pass(5_010)
        #expect(wrong.isEmpty)
        #expect(watch.count == 0)
    }

    @Test("deadlines of different kinds with the same index are apart")
    func kindsAreApart() {
        let watch = Watch(granule: 5, now: 0)
        let one = TimingWheel.key(kind: 0, index: 7)
        let other = TimingWheel.key(kind: 15, index: 7)
        watch.set(one, after: 100)
        watch.set(other, after: 1_000_000)
        watch.remove(one)
        #expect(watch.count == 1)
        let wrong = watch.pass(1_000_005)
        #expect(wrong.isEmpty)
        #expect(watch.count == 0)
        #expect(TimingWheel.kind(of: other) == 15)
        #expect(TimingWheel.index(of: other) == 7)
    }

    @Test("a deadline at the end of time does not come, and does not wake the loop all the time")
    func distantDeadline() {
        let watch = Watch(granule: 5, now: 1_000)
        watch.set(1, after: UInt64.max - 2_000)
        let wrong = watch.pass(1 << 40)
        #expect(wrong.isEmpty)
        #expect(watch.count == 1)
        #expect(watch.next! > watch.now)
    }

    @Test("removing what is not set does nothing")
    func removingNothing() {
        let watch = Watch(granule: 10, now: 0)
        watch.remove(0)
        watch.set(1, after: 10)
        watch.remove(5_000)
        watch.remove(1)
        watch.remove(1)
        #expect(watch.count == 0)
        #expect(watch.next == nil)
    }
}

/// SplitMix64, so that a run can be repeated from its seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
