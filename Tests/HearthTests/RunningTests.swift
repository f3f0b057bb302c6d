import Hearth
import Testing

@Suite("Running a server with a function", .timeLimit(.minutes(2)))
struct RunningTests {
    /// A server that runs until the closure has returned.
    private func with(
        _ server: Server, _ run: @escaping @Sendable (Server) async throws -> Void,
        _ body: () async throws -> Void
    ) async throws {
        let running = Task { try await run(server) }
        try await eventually("the port") { server.port != 0 }
        try await body()
        running.cancel()
        try await running.value
    }

    @Test("events of one connection are handled in order, however long each takes")
    func keepsOrder() async throws {
        let server = try Server(listen: "127.0.0.1:0")
        let active = Locked(0)
        try await with(
            server,
            { server in
                try await server.run { event in
                    guard case .message(let connection, let message) = event else { return }
                    #expect(
                        active.withLock {
                            $0 += 1; return $0
                        } == 1)
                    try await Task.sleep(for: .milliseconds(message.text == "0" ? 20 : 0))
                    active.withLock { $0 -= 1 }
                    try connection.send(message)
                }
            }
        ) {
            let client = try await Client.open(server.port, "/")
            for number in 0..<10 { try client.send("\(number)") }
            for number in 0..<10 { #expect(try await client.receive() == .text("\(number)")) }
        }
    }

    @Test("an event that is slow holds up no other connection")
    func delaysNobodyElse() async throws {
        let server = try Server(listen: "127.0.0.1:0")
        let released = AsyncStream<Void>.makeStream()
        try await with(
            server,
            { server in
                try await server.run { event in
                    guard case .message(let connection, let message) = event else { return }
                    if message.text == "wait" { for await _ in released.stream { break } }
                    try connection.send(message)
                }
            }
        ) {
            let slow = try await Client.open(server.port, "/")
            let quick = try await Client.open(server.port, "/")
            try slow.send("wait")
            for _ in 0..<3 {
                try quick.send("a")
                #expect(try await quick.receive() == .text("a"))
            }
            released.continuation.yield()
            #expect(try await slow.receive() == .text("wait"))
        }
    }

    @Test("a function that throws costs its connection, and nothing else, and the log says so")
    func survivesThrow() async throws {
        let server = try Server(listen: "127.0.0.1:0")
        let log = Locked<[String]>([])
        let record = Record()
        try server.onLog { entry in
            if entry.area == "program" { log.withLock { $0.append(entry.message) } }
        }
        try server.routeHTTP("/page")
        try server.route("/{name*}")
        try await with(
            server,
            { server in
                try await server.run { event in
                    record.append(event)
                    if case .message(let connection, let message) = event {
                        if message.text == "fail" { throw ClientFault(description: "enough") }
                        try connection.send(message)
                    }
                    if case .http = event { throw ClientFault(description: "no page") }
                }
            }
        ) {
            let one = try await Client.open(server.port, "/a")
            let other = try await Client.open(server.port, "/b")
            for text in ["fail", "never seen"] { try one.send(text) }
            #expect(try await one.receive() == .close(1011, "internal error"))
            try one.close(code: 1011)
            try other.send("still here")
            #expect(try await other.receive() == .text("still here"))
            let page = try await Client.request(
                server.port, "GET /page HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            #expect(page.head.hasPrefix("HTTP/1.1 500 "))
            try await eventually("the close") { record.closings.contains { $0.code == 1011 } }
            #expect(record.kinds.filter { $0 == "message" }.count == 2)
        }
        #expect(log.withLock { $0.count } == 2)
        #expect(log.withLock { $0.first?.contains("enough") } == true)
    }

    @Test("sending to a peer that has left ends nothing")
    func survivesLeavers() async throws {
        let server = try Server(listen: "127.0.0.1:0")
        let closed = AsyncStream<Connection>.makeStream()
        try await with(
            server,
            { server in
                try await server.run { event in
                    if case .close(let connection, _) = event { try connection.send("too late") }
                    if case .message(let connection, let message) = event { try connection.send(message) }
                }
            }
        ) {
            let leaver = try await Client.open(server.port, "/")
            try leaver.close(code: 1000)
            _ = try await leaver.receive()
            let stayer = try await Client.open(server.port, "/")
            try stayer.send("a")
            #expect(try await stayer.receive() == .text("a"))
        }
        closed.continuation.finish()
    }

    @Test("a connection that sends more than its handler takes is closed with 1013")
    func boundsWhatWaits() async throws {
        let server = try Server(listen: "127.0.0.1:0")
        let released = AsyncStream<Void>.makeStream()
        try await with(
            server,
            { server in
                try await server.run { event in
                    if case .message = event { for await _ in released.stream { break } }
                }
            }
        ) {
            let client = try await Client.open(server.port, "/")
            for _ in 0..<1100 { try client.send("x") }
            #expect(try await client.receive() == .close(1013, "too many messages wait"))
            released.continuation.finish()
        }
    }

    @Test("a session is the sequence of its messages, and its end is that of the function")
    func servesSessions() async throws {
        let server = try Server(listen: "127.0.0.1:0")
        try await with(
            server,
            { server in
                try await server.serve { session in
                    for try await message in session {
                        if message.text == "fail" { throw ClientFault(description: "enough") }
                        if message.text == "enough" { return }
                        try session.send("\(session.request.path) \(message.text ?? "")")
                    }
                }
            }
        ) {
            let clients = [
                try await Client.open(server.port, "/a"), try await Client.open(server.port, "/b"),
            ]
            for text in ["1", "2"] { for client in clients { try client.send(text) } }
            for text in ["1", "2"] {
                #expect(try await clients[0].receive() == .text("/a \(text)"))
                #expect(try await clients[1].receive() == .text("/b \(text)"))
            }
            try clients[0].send("enough")
            #expect(try await clients[0].receive() == .close(1000, ""))
            try clients[1].send("fail")
            #expect(try await clients[1].receive() == .close(1011, "internal error"))
        }
    }

    @MainActor
    private final class Counter {
        var count = 0

        func run(_ server: Server) async throws {
            try await server.run { event in
                if case .message(let connection, _) = event {
                    self.count += 1
                    try connection.send("\(self.count)")
                }
            }
        }
    }

    private actor Ledger {
        private var count = 0

        func run(_ server: Server) async throws {
            try await server.run { event in
                if case .message(let connection, _) = event {
                    self.count += 1
                    try connection.send("\(self.count)")
                }
            }
        }

        func connect(_ url: String) async throws -> Hearth.Client {
            let isFirst = count == 0
            return try await Hearth.Client.connect(url) {
                $0.reconnectEnabled = !isFirst
            } prepare: { _ in
                self.count += 1
                return nil
            }
        }
    }

    @Test("in an actor, and in a class of the main actor, the function runs there")
    func keepsIsolation() async throws {
        let counter = await Counter()
        let ledger = Ledger()
        for isMain in [true, false] {
            let server = try Server(listen: "127.0.0.1:0")
            try await with(
                server,
                { server in
                    if isMain { try await counter.run(server) } else { try await ledger.run(server) }
                }
            ) {
                let client = try await ledger.connect("ws://127.0.0.1:\(server.port)/")
                try client.send("a")
                var answers = 0
                for try await _ in client.messages {
                    answers += 1
                    break
                }
                #expect(answers == 1)
                try await client.close()
            }
        }
        #expect(await counter.count == 1)
    }
}
