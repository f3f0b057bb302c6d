// Everything on a loop that waits for a moment: one wheel, one timer of libuv. A room sets what it waits for
// by the kind of the deadline and a number of its own; when the moment comes, the loop calls the room.
// Thread: the loop's. Times are monotonic milliseconds; a deadline is met up to one granule late.

internal import HearthPlatform
internal import HearthSession

final class Timers {
    /// In the order in which what is due at the same time is handled.
    enum Kind: UInt8 {
        /// By slot: what ends the connection's phase.
        case connection = 0
        /// The first user who waits to be gone from a room.
        case departures
        /// The next step of the server that drains first.
        case drain
        /// By slot: batches of the json dialect, users who stop typing.
        case dialect
        /// By the client's number on the loop.
        case client
        /// The first stopping server that is cut.
        case stopping
        case cluster
        case certificates
        /// The first listening socket that accepts again.
        case acceptor
        /// The loop looks how late it is.
        case probe
    }

    private static let granuleMilliseconds: UInt64 = 5

    private let context: LoopContext
    private let events: EventLoop
    private var wheel: TimingWheel
    /// Deadlines of connections are rounded up to a multiple of it, so that they come together.
    private let connectionGranule: UInt64
    /// What the timer of libuv is set to.
    private var armed: UInt64?
    private var expired: [UInt32] = []
    /// Which kinds `expired` has.
    private var expiredKinds: UInt16 = 0

    /// `granule`: by how much a connection's deadline may be met late.
    init(context: LoopContext, events: EventLoop, granule: UInt64) {
        self.context = context
        self.events = events
        connectionGranule = max(1, granule / Self.granuleMilliseconds) * Self.granuleMilliseconds
        wheel = TimingWheel(granuleMilliseconds: Self.granuleMilliseconds, now: context.now)
    }

    deinit { wheel.deallocate() }

    // MARK: Deadlines

    /// Sets or moves a deadline. `index`: below 2^28; nothing for what there is once.
    func set(_ kind: Kind, _ index: UInt32 = 0, due: UInt64) {
        wheel.set(TimingWheel.key(kind: kind.rawValue, index: index), due: due)
        context.ensureTurn()
    }

    /// Sets the deadline, or moves it forward if it comes later.
    func setNoLater(_ kind: Kind, due: UInt64) {
        let key = TimingWheel.key(kind: kind.rawValue, index: 0)
        if let known = wheel.due(key), known <= due { return }
        wheel.set(key, due: due)
        context.ensureTurn()
    }

    /// The deadline of a connection's phase.
    func setConnection(_ slot: UInt32, due: UInt64) {
        let rest = due % connectionGranule
        let rounded = due.addingReportingOverflow(rest == 0 ? 0 : connectionGranule - rest)
        wheel.set(
            TimingWheel.key(kind: Kind.connection.rawValue, index: slot),
            due: rounded.overflow ? due : rounded.partialValue)
    }

    func remove(_ kind: Kind, _ index: UInt32 = 0) {
        wheel.remove(TimingWheel.key(kind: kind.rawValue, index: index))
    }

    // MARK: By the loop

    /// The end of a turn: sets the timer of libuv for the next deadline, if it is not set for it already.
    @inline(__always)
    func arm() {
        let due = wheel.nextDue()
        if due != armed { rearm(due) }
    }

    @inline(never)
    private func rearm(_ due: UInt64?) {
        armed = due
        guard let due else { return events.clearTimer() }
        events.setTimer(afterMilliseconds: due > context.now ? due - context.now : 0)
    }

    /// The timer of libuv has fired: takes out what is due. Returns when that should have been.
    func fire() -> UInt64? {
        let due = armed
        armed = nil
        expired.removeAll(keepingCapacity: expired.capacity <= 1024)
        expiredKinds = 0
        wheel.expire(now: context.now, into: &expired)
        for key in expired { expiredKinds |= 1 << UInt16(TimingWheel.kind(of: key)) }
        return due
    }

    /// Calls `body` for all that `fire` took out, kind by kind. It may set and remove deadlines.
    func forEachExpired(_ body: (Kind, UInt32) -> Void) {
        while expiredKinds != 0 {
            let number = UInt8(expiredKinds.trailingZeroBitCount)
            expiredKinds &= expiredKinds - 1
            guard let kind = Kind(rawValue: number) else { continue }
            for index in 0..<expired.count where TimingWheel.kind(of: expired[index]) == number {
                body(kind, TimingWheel.index(of: expired[index]))
            }
        }
    }
}
