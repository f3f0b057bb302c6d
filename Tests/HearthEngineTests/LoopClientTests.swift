import HearthBytes
import HearthPlatform
import HearthSession
import Testing

@testable import HearthEngine

#if HEARTH_SIMULATION
    @Suite("Loop without a network: clients", .serialized)
    struct LoopClientTests {
        private static let settings = [
            ("url", "ws://127.0.0.1:9/"), ("reconnect_backoff_base", "1s"), ("reconnect_jitter", "0"),
            ("open_timeout", "8s"), ("close_timeout", "2s"), ("ping_interval", "off"),
        ]

        private func send(_ text: String, by client: Client) -> Int64 {
            Array(text.utf8).withUnsafeBufferPointer { client.send(1, $0, keeps: true) }
        }

        private func states(_ world: SimulatedWorld) -> [UInt32] {
            world.told.filter { $0.type == .clientState }.map { $0.state }
        }

        private func sent(_ world: SimulatedWorld) -> [UInt64] {
            world.told.filter { $0.type == .clientSent }.map { $0.message }
        }

        /// The payloads of text frames with masks.
        private func texts(_ bytes: [UInt8]) -> [String] {
            var texts: [String] = []
            var rest = bytes[...]
            while rest.count >= 6, let first = rest.first {
                let count = Int(rest[rest.startIndex + 1] & 0x7F)
                let mask = Array(rest.dropFirst(2).prefix(4))
                let payload = rest.dropFirst(6).prefix(count)
                if first == 0x81 {
                    texts.append(
                        String(
                            decoding: payload.enumerated().map { $0.element ^ mask[$0.offset % 4] },
                            as: UTF8.self))
                }
                rest = rest.dropFirst(6 + count)
            }
            return texts
        }

        /// Connects the socket that was made last, and answers.
        private func serve(_ world: SimulatedWorld) throws -> SimulatedSocket {
            let socket = try #require(world.simulation.dialled.last)
            socket.state = .connected
            world.turn()
            try world.answerUpgrade(socket)
            world.turn()
            return socket
        }

        @Test(
            "a message passed while offline is sent once the client is open, and told when the system has it")
        func offlineToSent() throws {
            let world = try SimulatedWorld()
            let client = try world.client(Self.settings)
            #expect(client.open() == .ok)
            world.turn()
            #expect(states(world) == [1])
            #expect(send("one", by: client) == 1)
            #expect(send("two", by: client) == 2)
            #expect(client.information.queueMessages == 2)
            world.simulation.dialled[0].state = .refused(111)
            world.turn()
            #expect(states(world) == [1, 3])
            #expect(world.simulation.dialled[0].isClosed)
            let delay = try #require(world.told.last).delay
            #expect(delay > 100)
            world.pass(delay - 50)
            #expect(world.simulation.dialled.count == 1)
            world.pass(100)
            #expect(states(world) == [1, 3, 1])
            let socket = try serve(world)
            #expect(states(world) == [1, 3, 1, 2])
            #expect(texts(socket.outgoing) == ["one", "two"])
            #expect(sent(world).last == 2)
            #expect(client.information.queueMessages == 0)
        }

        @Test("a message that the system has not taken goes back to the queue when the connection breaks")
        func unsentGoesBack() throws {
            let world = try SimulatedWorld()
            let client = try world.client(Self.settings)
            #expect(client.open() == .ok)
            world.turn()
            let first = try serve(world)
            #expect(send("one", by: client) == 1)
            world.turn()
            #expect(texts(first.outgoing) == ["one"] && sent(world) == [1])
            // Half of a frame leaves; no server has seen the message.
            first.room = 5
            #expect(send("two", by: client) == 2)
            #expect(send("three", by: client) == 3)
            world.turn()
            #expect(sent(world) == [1])
            first.isReset = true
            world.turn()
            #expect(first.isClosed)
            #expect(client.queuedMessages == [2, 3])
            world.pass(1_200)
            let second = try serve(world)
            #expect(second !== first)
            #expect(texts(second.outgoing) == ["two", "three"])
            #expect(sent(world).last == 3)
        }

        @Test("a client closes by a closing handshake, and comes to rest when the server has answered")
        func closesPolitely() throws {
            let world = try SimulatedWorld()
            let client = try world.client(Self.settings)
            #expect(client.open() == .ok)
            world.turn()
            let socket = try serve(world)
            #expect(client.close(code: 1000, reason: ascii("done")) == .ok)
            world.turn()
            #expect(states(world) == [1, 2])
            #expect(socket.outgoing.first == 0x88)
            socket.incoming = plain(8, [0x03, 0xE8])
            socket.isInputEnded = true
            world.turn()
            #expect(states(world) == [1, 2, 4])
            #expect(socket.isClosed)
            world.pass(5_000)
            #expect(world.connectionCount == 0)
            #expect(client.open() == .ok)
            world.turn()
            #expect(states(world) == [1, 2, 4, 1])
        }

        /// The phases of an attempt, with what leads to each.
        private static let attempts: [ConnectionPhase] = [.connecting, .tunnel, .handshake]

        @Test(
            "an attempt ends in every phase in every way: its socket is closed, and one reconnecting is told",
            arguments: attempts, [Ending.inputEnded, .reset, .deadline])
        func everyAttempt(phase: ConnectionPhase, ending: Ending) throws {
            let world = try SimulatedWorld()
            let proxy = phase == .tunnel ? [("proxy", "http://127.0.0.1:8/")] : []
            let client = try world.client(Self.settings + proxy)
            #expect(client.open() == .ok)
            world.turn()
            let socket = world.simulation.dialled[0]
            if phase != .connecting { socket.state = .connected }
            world.turn()
            #expect(world.phase(ofSlot: 0) == phase)
            switch ending {
            case .inputEnded, .reset:
                if phase == .connecting { socket.state = .refused(111) }
                socket.isInputEnded = ending == .inputEnded
                socket.isReset = ending == .reset
                world.turn()
            default: world.pass(8_200)
            }
            #expect(socket.isClosed)
            #expect(states(world) == [1, 3])
            #expect(world.connectionCount == 0)
        }

        @Test(
            "a client that is closed while an attempt is on its way comes to rest, and the attempt goes",
            arguments: attempts)
        func closedInAttempt(phase: ConnectionPhase) throws {
            let world = try SimulatedWorld()
            let proxy = phase == .tunnel ? [("proxy", "http://127.0.0.1:8/")] : []
            let client = try world.client(Self.settings + proxy)
            #expect(client.open() == .ok)
            world.turn()
            let socket = world.simulation.dialled[0]
            if phase != .connecting { socket.state = .connected }
            world.turn()
            #expect(client.close(code: 1000, reason: []) == .ok)
            world.turn()
            #expect(socket.isClosed)
            #expect(states(world) == [1, 4])
            world.pass(10_000)
            #expect(states(world) == [1, 4] && world.simulation.dialled.count == 1)
        }

        @Test("a client that is closed in the turn in which the server's answer comes does not open")
        func closedAsTheAnswerComes() throws {
            let world = try SimulatedWorld()
            let peer = try world.open()
            let client = try world.client(Self.settings)
            #expect(client.open() == .ok)
            world.turn()
            let socket = world.simulation.dialled[0]
            socket.state = .connected
            world.turn()
            try world.answerUpgrade(socket)
            world.onEvent = { event in
                if event.type == .message { #expect(client.close(code: 1000, reason: []) == .ok) }
            }
            // The peer's socket was made first, so it is told first.
            peer.incoming = masked(1, ascii("close the client"))
            world.turn()
            #expect(states(world) == [1, 4])
            #expect(socket.isClosed)
            world.pass(1_000)
            #expect(states(world) == [1, 4])
            #expect(world.connectionCount == 1)
        }
    }
#endif
