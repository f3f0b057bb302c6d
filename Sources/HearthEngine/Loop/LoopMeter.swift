// How late a loop is, and how long broadcasts take: measured once a turn.

internal import HearthPlatform
internal import Synchronization

struct LoopMeter {
    private enum Cell: Int {
        /// Monotonic milliseconds at which the turn began that is not over; 0: the loop waits.
        case turnBegan
        case pausedAcceptors
        case lagWindow, lagOfWindow, lagOfWindowBefore
        case broadcastLatency
    }

    private static var windowMilliseconds: UInt64 { 5000 }
    private static var lagStart: Int { Cell.broadcastLatency.rawValue + Histogram.cellCount }

    private let cells = Cells(count: LoopMeter.lagStart + Histogram.cellCount)

    func deallocate() { cells.deallocate() }

    /// From the call (or its arrival from another thread) until everything is with the system.
    var broadcastLatency: Histogram {
        Histogram(cells: Cells(cells.address + UInt(Cell.broadcastLatency.rawValue * 8)))
    }

    /// How long what became ready, or due, may have waited for the loop.
    var lag: Histogram { Histogram(cells: Cells(cells.address + UInt(Self.lagStart * 8))) }

    // MARK: By the loop

    @inline(__always)
    func noteTurn(began: UInt64) {
        if cells[Cell.turnBegan.rawValue] == 0 { cells.set(Cell.turnBegan.rawValue, began) }
    }

    @inline(__always)
    func endTurn() {
        let began = cells[Cell.turnBegan.rawValue]
        if began == 0 { return }
        cells.set(Cell.turnBegan.rawValue, 0)
        recordLag(since: began, now: Clock.monotonicNanoseconds() / 1_000_000)
    }

    /// Both in monotonic milliseconds.
    @inline(__always)
    func recordLag(since: UInt64, now: UInt64) {
        let lag = now > since ? now - since : 0
        self.lag.record(nanoseconds: lag &* 1_000_000, times: 1)
        if lag > 4 { keepLag(lag, now) }
    }

    private func keepLag(_ lag: UInt64, _ now: UInt64) {
        let window = now / Self.windowMilliseconds
        let last = cells[Cell.lagWindow.rawValue]
        if last == window {
            let greatest = max(lag, cells[Cell.lagOfWindow.rawValue])
            return cells.set(Cell.lagOfWindow.rawValue, greatest)
        }
        let before = last + 1 == window ? cells[Cell.lagOfWindow.rawValue] : 0
        cells.set(Cell.lagOfWindowBefore.rawValue, before)
        cells.set(Cell.lagOfWindow.rawValue, lag)
        cells.set(Cell.lagWindow.rawValue, window)
    }

    func noteAcceptPaused(_ isPaused: Bool) {
        cells.add(Cell.pausedAcceptors.rawValue, isPaused ? 1 : UInt64.max)
    }

    // MARK: By any thread

    /// The greatest lag of the last five to ten seconds, milliseconds; a turn that is not over counts as far
    /// as it has gone.
    func recentLag(now: UInt64) -> UInt64 {
        let window = now / Self.windowMilliseconds
        let last = cells[Cell.lagWindow.rawValue]
        var lag: UInt64 = 0
        if last == window { lag = cells[Cell.lagOfWindowBefore.rawValue] }
        if last == window || last + 1 == window { lag = max(lag, cells[Cell.lagOfWindow.rawValue]) }
        let began = cells[Cell.turnBegan.rawValue]
        return began == 0 || began > now ? lag : max(lag, now - began)
    }

    var isAcceptPaused: Bool { cells[Cell.pausedAcceptors.rawValue] > 0 }
}
