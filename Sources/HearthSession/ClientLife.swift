// Where a client is between its opening and its rest: what the program asks for, what becomes of attempts and
// connections, and what follows. Without socket and clock; whether another attempt is made is what
// ReconnectPolicy says.
//
//   phase       event     next        what to do
//   idle        open      starting    scheduleStart
//   idle        close     ending      scheduleRest
//   starting    open      starting    scheduleStart
//   starting    ask       preparing   askProgram
//   starting    attempt   connecting  connect
//   starting    close     ending      scheduleRest
//   preparing   prepared  connecting  connect
//   preparing   retry     waiting     awaitRetry
//   preparing   stop      gaveUp      rest
//   preparing   close     ending      scheduleRest
//   connecting  opened    open        announce
//   connecting  retry     waiting     awaitRetry
//   connecting  stop      gaveUp      rest
//   connecting  close     ending      scheduleRest
//   open        retry     waiting     awaitRetry
//   open        stop      closed      rest
//   open        close     closing     closeConnection
//   open        poke      open        ping
//   closing     stop      closed      rest
//   closing     poke      closing     ping
//   waiting     ask       preparing   askProgram
//   waiting     attempt   connecting  connect
//   waiting     poke      starting    scheduleStart
//   waiting     close     ending      scheduleRest
//   ending      open      starting    scheduleStart
//   ending      rest      closed      rest
//   closed      open      starting    scheduleStart
//   closed      close     ending      scheduleRest
//   gaveUp      open      starting    scheduleStart
//   gaveUp      close     ending      scheduleRest
//
// Every other event is ignored: the phase stays, and there is nothing to do. So the result of an attempt is
// not told while the client is `ending`, and does not open it.

package import Synchronization

/// What the program is told, with the numbers of the header.
package enum ClientState: UInt32, AtomicRepresentable, CaseIterable {
    case idle = 0, connecting, open, reconnecting, closed, gaveUp

    /// Nothing goes on, and nothing will by itself.
    package var isAtRest: Bool { self == .idle || self == .closed || self == .gaveUp }
}

package enum ClientPhase: UInt8, CaseIterable {
    /// It was never opened.
    case idle
    /// An attempt begins at the end of the turn.
    case starting
    /// The program prepares the attempt.
    case preparing
    case connecting
    case open
    /// The program closed it, and the connection has not ended yet.
    case closing
    /// The next attempt has its time.
    case waiting
    /// The program closed it without a connection: it comes to rest at the end of the turn.
    case ending
    case closed
    case gaveUp

    /// What the program is told of it.
    package var state: ClientState {
        switch self {
        case .idle: .idle
        case .starting, .preparing, .connecting: .connecting
        case .open, .closing: .open
        case .waiting: .reconnecting
        case .ending, .closed: .closed
        case .gaveUp: .gaveUp
        }
    }
}

package enum ClientEvent: UInt8, CaseIterable {
    // The program's calls.
    case open, close, poke
    /// An attempt begins, and the program is asked first.
    case ask
    /// An attempt begins.
    case attempt
    /// The program has prepared the attempt.
    case prepared
    /// The server has agreed.
    case opened
    /// The attempt or the connection is over, and another attempt follows.
    case retry
    /// The attempt or the connection is over, and none follows.
    case stop
    /// The turn ends in which it was closed.
    case rest
}

package enum ClientAction: UInt8 {
    case none
    /// At the end of the turn.
    case scheduleStart, scheduleRest
    case askProgram, connect, announce, awaitRetry, rest, closeConnection, ping
}

package struct ClientLife {
    package private(set) var phase = ClientPhase.idle

    package init() {}

    /// Returns what to do; `none`: the event was ignored.
    package mutating func receive(_ event: ClientEvent) -> ClientAction {
        let (next, action) = phase.answer(to: event)
        phase = next
        return action
    }
}

extension ClientPhase {
    package func answer(to event: ClientEvent) -> (next: ClientPhase, action: ClientAction) {
        switch (event, self) {
        case (.open, .idle), (.open, .starting), (.open, .ending), (.open, .closed), (.open, .gaveUp),
            (.poke, .waiting):
            (.starting, .scheduleStart)
        case (.close, .open): (.closing, .closeConnection)
        case (.close, .closing), (.close, .ending): (self, .none)
        case (.close, _): (.ending, .scheduleRest)
        case (.poke, .open), (.poke, .closing): (self, .ping)
        case (.ask, .starting), (.ask, .waiting): (.preparing, .askProgram)
        case (.attempt, .starting), (.attempt, .waiting): (.connecting, .connect)
        case (.prepared, .preparing): (.connecting, .connect)
        case (.opened, .connecting): (.open, .announce)
        case (.retry, .preparing), (.retry, .connecting), (.retry, .open): (.waiting, .awaitRetry)
        case (.stop, .preparing), (.stop, .connecting): (.gaveUp, .rest)
        case (.stop, .open), (.stop, .closing): (.closed, .rest)
        case (.rest, .ending): (.closed, .rest)
        default: (self, .none)
        }
    }
}
