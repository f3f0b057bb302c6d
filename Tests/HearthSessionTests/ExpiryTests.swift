import HearthSession
import Testing

@Suite("Expiry")
struct ExpiryTests {
    /// What happens at each millisecond of a life.
    private func life(
        _ at: UInt64, from: UInt64, interval: UInt64, window: UInt64
    ) -> [(UInt64, ExpiryAction)] {
        var expiry = Expiry()
        expiry.set(at, now: from, interval: interval, window: window)
        var found: [(UInt64, ExpiryAction)] = []
        for now in from...(at + 10) {
            let isDue = expiry.due.map { now >= $0 } ?? false
            let action = expiry.tick(now: now, interval: interval, window: window)
            if isDue != (action != .none) { Issue.record("due and tick differ at \(now)") }
            if action != .none { found.append((now, action)) }
        }
        return found
    }

    @Test("notices come each interval of the window, with the seconds left, and then the end once")
    func notices() {
        let found = life(100_000, from: 0, interval: 10_000, window: 30_000)
        #expect(found.map(\.0) == [70_000, 80_000, 90_000, 100_000])
        #expect(
            found.map(\.1) == [.notice(seconds: 30), .notice(seconds: 20), .notice(seconds: 10), .expired])
    }

    @Test("without a window notices begin at once, at whole intervals before the end")
    func fromTheBeginning() {
        let found = life(25_500, from: 0, interval: 10_000, window: 0)
        #expect(found.map(\.0) == [5_500, 15_500, 25_500])
        let exact = life(20_000, from: 0, interval: 10_000, window: 0)
        #expect(exact.map(\.0) == [0, 10_000, 20_000])
    }

    @Test("without an interval, or with one longer than the life, only the end comes")
    func onlyTheEnd() {
        #expect(life(5000, from: 0, interval: 0, window: 60_000).map(\.1) == [.expired])
        #expect(life(5000, from: 0, interval: 10_000, window: 60_000).map(\.1) == [.expired])
        #expect(life(50_000, from: 0, interval: 20_000, window: 10_000).map(\.1) == [.expired])
    }

    @Test("seconds are rounded up")
    func rounding() {
        let found = life(1500, from: 0, interval: 300, window: 700)
        #expect(found.map(\.1) == [.notice(seconds: 1), .notice(seconds: 1), .expired])
    }

    @Test("a late tick tells the seconds left, once, and goes on from there")
    func late() {
        var expiry = Expiry()
        expiry.set(100_000, now: 0, interval: 10_000, window: 60_000)
        #expect(expiry.due == 40_000)
        #expect(expiry.tick(now: 73_500, interval: 10_000, window: 60_000) == .notice(seconds: 27))
        #expect(expiry.due == 80_000)
        #expect(expiry.tick(now: 200_000, interval: 10_000, window: 60_000) == .expired)
        #expect(expiry.due == nil)
        #expect(expiry.tick(now: 300_000, interval: 10_000, window: 60_000) == .none)
    }

    @Test("what never expires is never due, and an end in the past is due at once")
    func never() {
        var expiry = Expiry()
        #expect(expiry.due == nil)
        expiry.set(0, now: 5, interval: 1, window: 0)
        #expect(expiry.due == nil)
        expiry.set(3, now: 5, interval: 1, window: 0)
        #expect(expiry.tick(now: 5, interval: 1, window: 0) == .expired)
    }
}
