import HearthBytes
import HearthPlatform
import HearthSession
import Testing

@testable import HearthEngine

#if HEARTH_SIMULATION
    /// All orders of the numbers below `count`.
    private func orders(_ count: Int) -> [[Int]] {
        if count == 0 { return [[]] }
        return orders(count - 1).flatMap { rest in
            (0...rest.count).map { Array(rest[..<$0]) + [count - 1] + Array(rest[$0...]) }
        }
    }

    @Suite("Loop without a network: after the sockets", .serialized)
    struct LoopAfterworkTests {
        private static let requestToStay = "GET /page HTTP/1.1\r\nHost: h\r\n\r\n"
        private static let requestToGo = "GET /page HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

        /// A world in which five things can leave work for the end of the turn.
        private final class Scene {
            let world: SimulatedWorld
            let driver: SimulatedSocket
            let doomed: SimulatedSocket
            let asker: SimulatedSocket
            let pipeliner: SimulatedSocket
            let client: Client
            let outgoing: SimulatedSocket
            private var requests: [ConnectionID] = []

            init() throws {
                world = try SimulatedWorld(routes: [("/", ""), ("/page", "http=GET")])
                driver = try world.open()
                doomed = try world.open()
                asker = world.connect()
                pipeliner = world.connect()
                client = try world.client([("url", "ws://127.0.0.1:9/")])
                try #require(client.open() == .ok)
                world.turn()
                outgoing = try #require(world.simulation.dialled.first)
                outgoing.state = .connected
                world.turn()
                try world.answerUpgrade(outgoing)
                world.turn()
                var ids: [ConnectionID] = []
                world.onEvent = {
                    if $0.type == .httpRequest { ids.append(ConnectionID(raw: $0.connection)) }
                }
                asker.incoming = Array(LoopAfterworkTests.requestToGo.utf8)
                world.turn()
                pipeliner.incoming = Array(
                    (LoopAfterworkTests.requestToStay + LoopAfterworkTests.requestToStay).utf8)
                world.turn()
                try #require(ids.count == 2)
                requests = ids
                _ = world.takeTold()
            }

            func leave(_ work: Int) {
                let text = ascii("hello")
                text.withUnsafeBufferPointer { text in
                    switch work {
                    case 0:
                        doomed.isReset = true
                        #expect(Connections.send(world.opened[1], 1, text) > 0)
                    case 1, 2:
                        let status = Connections.respond(
                            requests[work - 1], status: 200,
                            headers: UnsafeBufferPointer(start: nil, count: 0),
                            body: text)
                        #expect(status == .ok)
                    case 3: #expect(client.send(1, text, keeps: true) == 1)
                    default: #expect(Connections.close(world.opened[0], code: 1000, reason: []) == .ok)
                    }
                }
            }
        }

        @Test("whatever order a turn leaves its work in, all of it is done, once")
        func everyOrder() throws {
            for order in orders(5) {
                let scene = try Scene()
                let world = scene.world
                world.onEvent = { [unowned scene] event in
                    if event.type == .message { for work in order { scene.leave(work) } }
                }
                scene.driver.incoming = masked(1, ascii("go"))
                world.turn()
                world.turn()
                #expect(scene.doomed.isClosed, "\(order)")
                #expect(scene.asker.hasShutDown && scene.asker.outgoing.count > 0, "\(order)")
                #expect(scene.pipeliner.outgoing.count > 0, "\(order)")
                #expect(scene.driver.outgoing.first == 0x88, "\(order)")
                #expect(scene.outgoing.outgoing.count == 11, "\(order)")
                let told = world.takeTold()
                #expect(told.count { $0.type == .message } == 1, "\(order)")
                #expect(told.filter { $0.type == .close }.map { $0.code } == [1006], "\(order)")
                #expect(told.count { $0.type == .httpRequest } == 1, "\(order)")
                #expect(told.filter { $0.type == .clientSent }.map { $0.message } == [1], "\(order)")
                world.onEvent = nil
            }
        }

        @Test("a slot that is released in a turn is used again in the next, not before")
        func slotsAreFreeAfterTheTurn() throws {
            let world = try SimulatedWorld()
            let first = try world.open()
            let second = try world.open()
            #expect(world.connectionCount == 2)
            first.isReset = true
            second.isReset = true
            var counts: [Int] = []
            world.onEvent = { [unowned world] event in
                if event.type == .close { counts.append(world.connectionCount) }
            }
            world.turn()
            #expect(counts == [2, 2])
            #expect(world.connectionCount == 0)
            let old = world.opened
            let third = try world.open()
            #expect(!third.isClosed)
            #expect(!old.contains(world.opened[2]))
            #expect(old.contains { $0.slot == world.opened[2].slot })
            #expect(Connections.close(old[0], code: 1000, reason: []) == .gone)
        }
    }

    @Suite("Loop without a network: presence", .serialized)
    struct LoopPresenceTests {
        /// A world whose peers are all the user Ann, and join the room "hall".
        private func world(grace: String) throws -> SimulatedWorld {
            let world = try SimulatedWorld([("presence_grace", grace)], routes: [("/", "accept=ask")])
            world.onEvent = { event in
                let id = ConnectionID(raw: event.connection)
                if event.type == .connect {
                    #expect(Connections.accept(id, user: ascii("ann"), subprotocol: nil) == .ok)
                } else if event.type == .open {
                    #expect(Connections.join(id, room: ascii("hall")) == .ok)
                }
            }
            return world
        }

        private func changes(_ world: SimulatedWorld) -> [EventType] {
            world.told.filter { $0.type == .userJoined || $0.type == .userLeft }.map { $0.type }
        }

        @Test("a user whose last connection is lost leaves after presence_grace")
        func leavesAfterGrace() throws {
            let world = try world(grace: "5s")
            let socket = try world.open()
            #expect(changes(world) == [.userJoined])
            socket.isReset = true
            world.turn()
            world.pass(4_500)
            #expect(changes(world) == [.userJoined])
            world.pass(1_000)
            #expect(changes(world) == [.userJoined, .userLeft])
            world.pass(20_000)
            #expect(changes(world).count == 2)
        }

        @Test("a user who reconnects in time triggers no leave and no join, and has the whole grace again")
        func reconnectsInTime() throws {
            let world = try world(grace: "5s")
            for _ in 0..<3 {
                let socket = try world.open()
                world.pass(1_000)
                socket.isReset = true
                world.turn()
                world.pass(4_500)
                #expect(changes(world) == [.userJoined])
            }
            world.pass(1_000)
            #expect(changes(world) == [.userJoined, .userLeft])
        }

        @Test("leaving the room as a decision is told at once")
        func leavesAtOnce() throws {
            let world = try world(grace: "5s")
            let socket = try world.open()
            #expect(Connections.leave(world.opened[0], room: ascii("hall")) == .ok)
            world.turn()
            #expect(changes(world) == [.userJoined, .userLeft])
            #expect(!socket.isClosed)
        }

        @Test("without grace a loss is told at once")
        func leavesWithoutGrace() throws {
            let world = try world(grace: "off")
            let socket = try world.open()
            socket.isReset = true
            world.turn()
            #expect(changes(world) == [.userJoined, .userLeft])
            #expect(world.told.last?.type == .close)
        }
    }
#endif
