import HearthBytes
import HearthPlatform
import HearthSession
import HearthWire
import Testing

@testable import HearthEngine

#if HEARTH_SIMULATION
    /// An event, with its bytes copied.
    struct Told: Equatable {
        var type: EventType
        var code: Int32 = 0
        var data = ""
        var user = ""
        var room = ""
        var state: UInt32 = 0
        var message: UInt64 = 0
        var delay: UInt64 = 0
    }

    /// An engine of one loop on simulated sockets and a simulated clock. What happens in it follows from the
    /// calls of the test alone.
    final class SimulatedWorld {
        let simulation: Simulation
        let engine: Engine
        private(set) var server: Server!
        private(set) var told: [Told] = []
        /// Of each connection that has opened, in order.
        private(set) var opened: [ConnectionID] = []
        /// Called for each event, inside of the callback. It must not hold the world.
        var onEvent: ((EngineEvent) -> Void)?

        /// `settings` are keys and values; `routes` patterns and options.
        init(_ settings: [(String, String)] = [], routes: [(String, String)] = [("/", "")]) throws {
            simulation = Simulation(seed: 7)
            var ofEngine = Configuration()
            try ofEngine.set(ascii("io_uring"), ascii("off"))
            try ofEngine.set(ascii("log_level"), ascii("error"))
            engine = try Engine(configuration: ofEngine)
            var ofServer = Configuration()
            try ofServer.set(ascii("listen"), ascii("127.0.0.1:1"))
            for (key, value) in settings { try ofServer.set(Array(key.utf8), Array(value.utf8)) }
            server = try #require(engine.addServer(configuration: ofServer))
            _ = server.setCallback(Self.callback, Unmanaged.passUnretained(self).toOpaque())
            for (pattern, options) in routes {
                let route = server.addRoute(pattern: Array(pattern.utf8), options: Array(options.utf8))
                try #require(route >= 0, "\(lastError)")
            }
            try #require(server.start() == .ok, "\(lastError)")
            try #require(engine.drive() == .ok, "\(lastError)")
            turn()
        }

        deinit {
            onEvent = nil
            _ = engine.end()
            simulation.end()
        }

        private static let callback: EventCallback = { context, event in
            let world = Unmanaged<SimulatedWorld>.fromOpaque(context!).takeUnretainedValue()
            world.note(event.assumingMemoryBound(to: EngineEvent.self).pointee)
        }

        private func note(_ event: EngineEvent) {
            func text(_ bytes: Borrowed) -> String { String(decoding: bytes.buffer, as: UTF8.self) }
            if event.type == .open { opened.append(ConnectionID(raw: event.connection)) }
            told.append(
                Told(
                    type: event.type, code: event.code, data: text(event.data), user: text(event.user),
                    room: text(event.room), state: event.client.state, message: event.client.message,
                    delay: event.client.delayMilliseconds))
            onEvent?(event)
        }

        var lastError: String { String(decoding: engine.lastError, as: UTF8.self) }

        var loop: Loop { engine.currentLoops[0] }

        /// Connections in the loop's table, until the end of the turn in which they were released.
        var connectionCount: Int { loop.connections.count }

        /// Of the connection in that slot; nil: it is free.
        func phase(ofSlot slot: UInt32) -> ConnectionPhase? {
            guard loop.connections.contains(slot) else { return nil }
            let phase = "\(loop.connections[slot].phase)"
            return ConnectionPhase.allCases.first { "\($0)" == phase }
        }

        // MARK: Time

        func turn() { _ = engine.turn(milliseconds: 0) }

        /// Time passes, in steps, with a turn after each.
        func pass(_ milliseconds: UInt64, step: UInt64 = 50) {
            var left = milliseconds
            while left > 0 {
                let next = min(left, step)
                simulation.pass(next)
                turn()
                left -= next
            }
        }

        func takeTold() -> [Told] {
            defer { told = [] }
            return told
        }

        // MARK: Peers

        /// A peer that has connected and not sent anything.
        func connect() -> SimulatedSocket {
            let socket = simulation.connectPeer()
            turn()
            return socket
        }

        static func request(_ path: String) -> [UInt8] {
            ascii("GET ") + Array(path.utf8)
                + ascii(" HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n")
                + ascii("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
        }

        /// A peer whose WebSocket is open.
        func open(_ path: String = "/") throws -> SimulatedSocket {
            let socket = connect()
            socket.incoming = Self.request(path)
            turn()
            let answer = String(decoding: socket.outgoing, as: UTF8.self)
            try #require(answer.hasPrefix("HTTP/1.1 101 "), "\(answer)")
            socket.outgoing = []
            return socket
        }

        // MARK: Clients

        func client(_ settings: [(String, String)]) throws -> Client {
            var configuration = Configuration()
            for (key, value) in settings { try configuration.set(Array(key.utf8), Array(value.utf8)) }
            let client = try #require(engine.addClient(configuration: configuration), "\(lastError)")
            _ = client.setCallback(Self.callback, Unmanaged.passUnretained(self).toOpaque())
            return client
        }

        /// The server that the client has asked answers 101.
        func answerUpgrade(_ socket: SimulatedSocket) throws {
            let request = String(decoding: socket.outgoing, as: UTF8.self)
            let name = "Sec-WebSocket-Key: "
            let line = try #require(request.split(separator: "\r\n").first { $0.hasPrefix(name) })
            var digest = [UInt8](repeating: 0, count: 20)
            let input = Array(line.dropFirst(name.count).utf8) + ascii("258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
            input.withUnsafeBufferPointer { input in
                digest.withUnsafeMutableBufferPointer { Crypto.sha1(input, into: $0.baseAddress!) }
            }
            var accept: [UInt8] = []
            Base64.encode(digest.span, into: &accept)
            socket.outgoing = []
            socket.incoming =
                ascii("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
                + ascii("Sec-WebSocket-Accept: ") + accept + ascii("\r\n\r\n")
        }
    }

    /// A frame of a client, masked with zeros.
    func masked(_ opcode: UInt8, _ payload: [UInt8]) -> [UInt8] {
        precondition(payload.count < 126)
        return [0x80 | opcode, 0x80 | UInt8(payload.count), 0, 0, 0, 0] + payload
    }

    /// A frame of a server.
    func plain(_ opcode: UInt8, _ payload: [UInt8]) -> [UInt8] {
        precondition(payload.count < 126)
        return [0x80 | opcode, UInt8(payload.count)] + payload
    }
#endif
