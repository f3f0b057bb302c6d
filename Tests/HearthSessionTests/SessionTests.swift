import HearthBytes
import HearthSession
import HearthWire
import Testing

@Suite("Session")
struct SessionTests {
    // MARK: The table of Session.swift

    private enum Step: CaseIterable {
        case message, ping, close, violation, hostCloses, silentForInterval, silentForTimeout,
            silentForCloseTimeout
    }

    /// What a step comes to: what the session asks for, and where it is then.
    private struct Row: Equatable {
        var outcomes: [Outcome] = []
        var action = TickAction.none
        var sendsClose = false
        var next: SessionState
    }

    /// The rows of the table, for each state in the order of `Step`.
    private static let table: [SessionState: [Row]] = [
        .open: [
            Row(outcomes: [.message(.text, Array("hi".utf8))], next: .open),
            Row(outcomes: [.ping(Array("x".utf8))], next: .open),
            Row(outcomes: [.closeReceived(1001, [])], next: .ended),
            Row(outcomes: [.failed(.unknownOpcode, isFirst: true)], next: .ended),
            Row(sendsClose: true, next: .closing),
            Row(action: .sendPing(1), next: .open),
            Row(action: .pingTimedOut, next: .ended),
            Row(action: .none, next: .open),
        ],
        .closing: [
            Row(next: .closing),
            Row(next: .closing),
            Row(outcomes: [.closeAnswered(1001)], next: .ended),
            Row(outcomes: [.failed(.unknownOpcode, isFirst: false)], next: .ended),
            Row(sendsClose: false, next: .closing),
            Row(action: .closeTimedOut, next: .ended),
            Row(action: .closeTimedOut, next: .ended),
            Row(action: .closeTimedOut, next: .ended),
        ],
        .ended: Step.allCases.map { _ in Row(next: .ended) },
    ]

    private func world(in state: SessionState) -> World {
        let world = World()
        switch state {
        case .open: break
        case .closing: _ = world.close()
        case .ended: world.end()
        }
        return world
    }

    private func row(_ step: Step, in state: SessionState) -> Row {
        let world = world(in: state)
        var row = Row(next: state)
        switch step {
        case .message: row.outcomes = world.receive(text("hi"))
        case .ping: row.outcomes = world.receive(frame(9, Array("x".utf8)))
        case .close: row.outcomes = world.receive(close(1001))
        case .violation: row.outcomes = world.receive(frame(3, []))
        case .hostCloses: row.sendsClose = world.close()
        case .silentForInterval:
            world.pass(World.interval)
            row.action = world.tick()
        case .silentForTimeout:
            world.pass(World.interval)
            let first = world.tick()
            world.pass(World.timeout)
            let second = world.tick()
            row.action = second == .none ? first : second
        case .silentForCloseTimeout:
            world.pass(World.closeTimeout)
            row.action = world.tick()
        }
        row.next = world.state
        return row
    }

    @Test(
        "every state answers every event as the table says", arguments: [SessionState.open, .closing, .ended])
    func tableHolds(state: SessionState) throws {
        let rows = try #require(Self.table[state])
        for (step, expected) in zip(Step.allCases, rows) {
            #expect(row(step, in: state) == expected, "\(step) in \(state)")
        }
    }

    // MARK: What comes in

    @Test("the same comes out however the bytes are cut")
    func everyCutIsTheSame() {
        let stream =
            text("one") + frame(1, Array("tw".utf8), isFinal: false) + frame(9, Array("beat".utf8))
            + frame(0, Array("o".utf8)) + frame(2, [0, 255]) + frame(10, [7]) + close(1000, "bye")
        let expected: [Outcome] = [
            .message(.text, Array("one".utf8)), .ping(Array("beat".utf8)), .message(.text, Array("two".utf8)),
            .message(.binary, [0, 255]), .closeReceived(1000, Array("bye".utf8)),
        ]
        for cut in 0...stream.count {
            let world = World()
            #expect(world.receive(stream, [0..<cut, cut..<stream.count]) == expected, "cut at \(cut)")
        }
        let world = World()
        #expect(world.receive(stream, (0..<stream.count).map { $0..<($0 + 1) }) == expected)
    }

    @Test("nothing after the peer's close is delivered")
    func nothingFollowsClose() {
        let world = World()
        #expect(world.receive(close(1000) + text("late") + close(1001)) == [.closeReceived(1000, [])])
        #expect(world.receive(text("later")).isEmpty)
    }

    @Test("nothing after a violation is delivered, and only the first is answered")
    func nothingFollowsViolation() {
        let world = World()
        #expect(world.receive(frame(1, [0xFF]) + text("late")) == [.failed(.invalidUTF8, isFirst: true)])
        #expect(world.receive(text("later") + frame(3, [])).isEmpty)
    }

    @Test("compressed messages are given while open, and skipped between our close and the peer's")
    func compressedMessagesFollowTheState() {
        let world = World()
        world.session.decoder.takesCompressed = true
        #expect(world.receive(frame(0x41, [0xFF])) == [.compressed(.text, [0xFF])])
        #expect(world.close())
        #expect(world.receive(frame(0x41, [0xFF]) + close(1000)) == [.closeAnswered(1000)])
    }

    @Test("messages between our close and the peer's are skipped")
    func closingSkipsMessages() {
        let world = World()
        #expect(world.close())
        #expect(world.receive(text("late") + frame(9, []) + close(1000)) == [.closeAnswered(1000)])
        #expect(world.state == .ended)
    }

    @Test("a close without a code is told without one")
    func closeWithoutCode() {
        let world = World()
        #expect(world.receive(frame(8, [])) == [.closeReceived(nil, [])])
    }

    @Test("the host closes once: the second time sends nothing, after the peer's neither")
    func hostClosesOnce() {
        let world = World()
        #expect(world.close())
        #expect(!world.close())
        let other = World()
        other.receive(close(1000))
        #expect(!other.close())
    }
}
