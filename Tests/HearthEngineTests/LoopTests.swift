import HearthBytes
import HearthPlatform
import HearthSession
import Testing

@testable import HearthEngine

#if HEARTH_SIMULATION
    /// How a connection ends from outside.
    enum Ending: CaseIterable {
        case inputEnded, reset, deadline, serverStops, serverCut, engineEnds
    }

    @Suite("Loop without a network: connections", .serialized)
    struct LoopConnectionTests {
        private static let phases: [ConnectionPhase] = [.proxy, .request, .body, .host, .open, .finishing]

        /// A connection of a server in that phase.
        private func connection(
            in phase: ConnectionPhase
        ) throws -> (world: SimulatedWorld, socket: SimulatedSocket) {
            var settings = [("handshake_timeout", "2s"), ("ping_interval", "5s"), ("ping_timeout", "5s")]
            if phase == .proxy { settings += [("proxy_protocol", "on"), ("trusted_proxies", "127.0.0.0/8")] }
            let world = try SimulatedWorld(
                settings, routes: [("/", ""), ("/asked", "accept=ask"), ("/form", "http=POST")])
            let socket = world.connect()
            switch phase {
            case .body:
                socket.incoming = ascii("POST /form HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab")
            case .host: socket.incoming = SimulatedWorld.request("/asked")
            case .open, .finishing: socket.incoming = SimulatedWorld.request("/")
            default: break
            }
            world.turn()
            if phase == .finishing {
                // Its close is answered by one that the socket does not take.
                socket.room = 0
                socket.incoming = masked(8, [0x03, 0xE8])
                world.turn()
            }
            #expect(world.phase(ofSlot: 0) == phase)
            return (world, socket)
        }

        @Test(
            "every ending in every phase closes the socket and frees the slot, and an open one is told once",
            arguments: phases, Ending.allCases)
        func everyEnd(phase: ConnectionPhase, ending: Ending) throws {
            let (world, socket) = try connection(in: phase)
            let before = world.told.count { $0.type == .close }
            switch ending {
            case .inputEnded: socket.isInputEnded = true
            case .reset: socket.isReset = true
            case .deadline: break
            case .serverStops: #expect(world.server.stop(reason: []) == .ok)
            case .serverCut: #expect(world.server.cut() == .ok)
            case .engineEnds: #expect(world.engine.end() == .ok)
            }
            if ending != .engineEnds {
                world.turn()
                // The longest time that anything here has: http_timeout and shutdown_timeout.
                world.pass(41_000, step: 250)
                #expect(world.connectionCount == 0)
            }
            #expect(socket.isClosed)
            let closes = world.told.count { $0.type == .close }
            let opens = world.told.count { $0.type == .open }
            #expect(closes == opens)
            #expect(before == (phase == .finishing ? 1 : 0))
            if ending == .serverStops { #expect(world.told.last?.type == .serverStopped) }
            #expect(
                world.told.count { $0.type == .serverStopped } == (ending == .serverStops ? 1 : 0))
        }

        @Test("a flush that is taken byte by byte arrives whole, and in order")
        func flushTakenInPart() throws {
            let world = try SimulatedWorld()
            let socket = try world.open()
            socket.room = 0
            var expected: [UInt8] = []
            for number in 0..<5 {
                let payload = Array("message \(number)".utf8)
                let sent = payload.withUnsafeBufferPointer { Connections.send(world.opened[0], 1, $0) }
                #expect(sent > 0)
                expected += plain(1, payload)
            }
            world.turn()
            #expect(socket.outgoing.isEmpty)
            for count in 1...expected.count {
                #expect(socket.interest.contains(.writable), "after \(count - 1) bytes")
                socket.room = 1
                world.turn()
                #expect(socket.outgoing.count == count)
            }
            #expect(socket.outgoing == expected)
            socket.room = Int.max
            world.turn()
            #expect(!socket.interest.contains(.writable))
        }

        @Test("what is queued in a turn is written once at its end")
        func oneWriteForATurn() throws {
            let world = try SimulatedWorld()
            let socket = try world.open()
            let before = socket.sendCount
            world.onEvent = { [unowned world] event in
                guard event.type == .message else { return }
                let id = ConnectionID(raw: event.connection)
                for _ in 0..<3 { _ = Connections.send(id, 1, event.data.buffer) }
            }
            socket.incoming = masked(1, ascii("a")) + masked(1, ascii("b"))
            world.turn()
            #expect(socket.sendCount == before + 1)
            #expect(socket.outgoing.count == 6 * 3)
        }

        @Test("a write that fails ends the connection at the end of the turn, not inside of the call")
        func failedWriteEndsLater() throws {
            let world = try SimulatedWorld()
            let socket = try world.open()
            var toldInside = -1
            world.onEvent = { [unowned world] event in
                guard event.type == .message else { return }
                socket.isReset = true
                let id = ConnectionID(raw: event.connection)
                #expect(Connections.send(id, 1, event.data.buffer) > 0)
                _ = world.engine.flush()
                toldInside = world.told.count { $0.type == .close }
            }
            socket.incoming = masked(1, ascii("a"))
            world.turn()
            #expect(toldInside == 0)
            #expect(world.told.last?.type == .close)
            #expect(world.told.last?.code == 1006)
            #expect(socket.isClosed && world.connectionCount == 0)
        }
    }

    @Suite("Loop without a network: timers", .serialized)
    struct LoopTimerTests {
        @Test("a silent peer is pinged after ping_interval, and cut ping_timeout later")
        func silentPeer() throws {
            let world = try SimulatedWorld([("ping_interval", "5s"), ("ping_timeout", "3s")])
            let socket = try world.open()
            world.pass(4_000)
            #expect(socket.outgoing.isEmpty)
            world.pass(1_500)
            #expect(socket.outgoing.first == 0x89)
            #expect(!socket.isClosed)
            world.pass(3_500)
            #expect(socket.isClosed)
            #expect(world.told.last == Told(type: .close, code: 1011, data: "ping timeout"))
        }

        @Test("an answered ping keeps a connection as long as it is answered")
        func answeredPing() throws {
            let world = try SimulatedWorld([("ping_interval", "5s"), ("ping_timeout", "3s")])
            let socket = try world.open()
            for _ in 0..<20 {
                world.pass(1_000)
                if socket.outgoing.first == 0x89 {
                    socket.incoming = masked(10, Array(socket.outgoing[2..<10]))
                }
                socket.outgoing = []
            }
            #expect(!socket.isClosed)
            #expect(Connections.information(world.opened[0]) != nil)
        }

        @Test("requests have handshake_timeout, and the earliest of many timers is first")
        func manyDeadlines() throws {
            let world = try SimulatedWorld([("handshake_timeout", "3s")])
            var sockets: [SimulatedSocket] = []
            for _ in 0..<10 {
                sockets.append(world.connect())
                world.pass(200)
            }
            for socket in sockets { #expect(!socket.isClosed) }
            var closed: [Int] = []
            for _ in 0..<40 {
                world.pass(100)
                for (index, socket) in sockets.enumerated() where socket.isClosed && !closed.contains(index) {
                    closed.append(index)
                }
            }
            #expect(closed == Array(0..<10))
        }

        @Test("a client's retry, a connection's ping and a server's stop have each its own time")
        func kindsOfTimers() throws {
            let world = try SimulatedWorld([
                ("ping_interval", "4s"), ("ping_timeout", "20s"), ("shutdown_timeout", "6s"),
                ("close_timeout", "20s"),
            ])
            let peer = try world.open()
            let client = try world.client([
                ("url", "ws://127.0.0.1:9/"), ("reconnect_backoff_base", "2s"), ("reconnect_jitter", "0"),
            ])
            #expect(client.open() == .ok)
            world.turn()
            world.simulation.dialled[0].state = .refused(111)
            world.pass(2_500)
            #expect(world.simulation.dialled.count == 2)
            #expect(peer.outgoing.isEmpty)
            world.pass(2_000)
            #expect(peer.outgoing.first == 0x89)
            #expect(world.server.stop(reason: []) == .ok)
            world.pass(5_500)
            #expect(!peer.isClosed)
            world.pass(1_000)
            #expect(peer.isClosed)
        }
    }
#endif
