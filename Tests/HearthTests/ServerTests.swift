import Hearth
import Testing

@Suite("Server", .timeLimit(.minutes(1)))
struct ServerTests {
    @Test("a handler on the loop's thread echoes text and binary with their opcodes")
    func echo() async throws {
        let (server, record) = try echoServer()
        try server.start()
        let client = try await Client.open(server.port, "/any")
        try client.send("grüße")
        #expect(try await client.receive() == .text("grüße"))
        try client.send(opcode: 2, [0, 255, 10])
        #expect(try await client.receive() == .binary([0, 255, 10]))
        try client.close(code: 1000)
        #expect(try await client.receive() == .close(1000, ""))
        try await eventually("the close event") { record.closings.count == 1 }
        let closing = try #require(record.closings.first)
        #expect(closing.code == 1000 && closing.reason == "" && closing.isClean && closing.isByPeer)
        #expect(record.kinds == ["open", "message", "message", "close"])
        try await server.stop()
    }

    @Test("an open event has path, query, headers, captures, address and what the peer offers")
    func openRequest() async throws {
        let (server, record) = try echoServer()
        let number = try server.route("/chat/{room}/{rest*}", subprotocols: ["v2", "v1"])
        try server.start()
        let client = try await Client.open(
            server.port, "/chat/gr%C3%BCn/a/b?name=Ada%20L&x=1+2&flag", protocols: "v1, v2")
        #expect(client.head.lowercased().contains("sec-websocket-protocol: v2\r\n"))
        try await eventually("the open event") { !record.events.isEmpty }
        guard case .open(_, let request, let user) = record.events[0] else {
            Issue.record("the first event is \(record.kinds)")
            return
        }
        #expect(user == nil)
        #expect(request.route == number)
        #expect(request.path == "/chat/gr%C3%BCn/a/b")
        #expect(request.query == "name=Ada%20L&x=1+2&flag")
        #expect(request.parameters["name"] == "Ada L")
        #expect(request.parameters["x"] == "1 2")
        #expect(request.parameters["flag"] == "")
        #expect(request.captures["room"] == "grün")
        #expect(request.captures["rest"] == "a/b")
        #expect(request.headers["host"] == "127.0.0.1")
        #expect(request.subprotocols == ["v1", "v2"])
        #expect(request.subprotocol == "v2")
        #expect(request.address.hasPrefix("127.0.0.1:"))
        try client.close(code: 1000)
        try await server.stop()
    }

    @Test("a route relays what members send without any handler")
    func relay() async throws {
        let server = try Server(listen: "127.0.0.1:0")
        try server.route("/rooms/{room}", join: .auto, relay: .others)
        let running = Task { try await server.run() }
        try await eventually("the port") { server.port != 0 }
        let ada = try await Client.open(server.port, "/rooms/lobby")
        let ben = try await Client.open(server.port, "/rooms/lobby")
        let eve = try await Client.open(server.port, "/rooms/other")
        try await eventually("both are members") { try server.room("lobby").members.count == 2 }
        try ada.send("hello")
        #expect(try await ben.receive() == .text("hello"))
        running.cancel()
        #expect(try await ada.receive() == .close(1001, "server shutdown"))
        #expect(try await eve.receive() == .close(1001, "server shutdown"))
        for client in [ada, ben, eve] { try client.close(code: 1001) }
        try await running.value
    }

    @Test("a peer that the host rejects gets the status, or the close code")
    func rejection() async throws {
        let server = try Server(listen: "127.0.0.1:0") { $0.closeTimeout = .milliseconds(100) }
        try server.route("/{what}", accept: .ask)
        try server.onEvent { event in
            guard case .connect(let connection, let request) = event.copy() else { return }
            switch request.captures["what"] {
            case "status": _ = try? connection.reject(code: 401, reason: "who are you")
            case "code": _ = try? connection.reject(code: 4001, reason: "bad name")
            default: _ = try? connection.accept(user: "ada")
            }
        }
        try server.start()
        #expect(try await Client.upgrade(server.port, "/status").head.hasPrefix("HTTP/1.1 401 "))
        let refused = try await Client.open(server.port, "/code")
        #expect(try await refused.receive() == .close(4001, "bad name"))
        let accepted = try await Client.open(server.port, "/fine")
        try await eventually("ada is here") { try server.user("ada").isHere }
        try server.user("ada").send("welcome")
        #expect(try await accepted.receive() == .text("welcome"))
        try accepted.close(code: 1000)
        try refused.close(code: 4001)
        try await server.stop()
    }

    @Test("an HTTP route is answered with status, fields and body")
    func http() async throws {
        let server = try Server(listen: "127.0.0.1:0")
        try server.routeHTTP("/items/{id}", methods: ["POST"])
        try server.onEvent { event in
            guard case .http(let request) = event.copy() else { return }
            let body = String(decoding: request.body, as: UTF8.self)
            let text = "\(request.method) \(request.captures["id"] ?? "") \(body)"
            try? request.respond(status: 201, headers: [("X-Kind", "test")], text: text)
        }
        try server.start()
        let answer = try await Client.request(
            server.port,
            "POST /items/7 HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc")
        #expect(answer.head.hasPrefix("HTTP/1.1 201 "))
        #expect(answer.head.lowercased().contains("x-kind: test\r\n"))
        #expect(answer.head.lowercased().contains("content-type: text/plain; charset=utf-8\r\n"))
        #expect(answer.body == "POST 7 abc")
        try await server.stop()
    }

    @Test("a header field that breaks into two lines is refused, and the request can still be answered")
    func headerInjection() async throws {
        let server = try Server(listen: "127.0.0.1:0")
        try server.routeHTTP("/")
        try server.onEvent { event in
            guard case .http(let request) = event.copy() else { return }
            #expect(
                throwsError(.invalid) {
                    try request.respond(headers: [("X-Name", "a\r\nX-Other: b")], body: [])
                })
            #expect(
                throwsError(.invalid) { try request.respond(headers: [("Connection", "close")], body: []) })
            try? request.respond(status: 404, body: [1, 2, 3])
        }
        try server.start()
        let answer = try await Client.request(
            server.port, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        #expect(answer.head.hasPrefix("HTTP/1.1 404 "))
        #expect(answer.head.lowercased().contains("content-length: 3\r\n"))
        #expect(!answer.head.lowercased().contains("x-other"))
        #expect(answer.body == "\u{1}\u{2}\u{3}")
        try await server.stop()
    }

    @Test("the log reaches its handler with structured fields")
    func log() async throws {
        let lines = Lines()
        let server = try Server(listen: "127.0.0.1:0") {
            $0.logLevel = .debug
            $0.closeTimeout = .milliseconds(100)
        }
        try server.onEvent { _ in }
        try server.onLog { lines.append($0) }
        try server.start()
        let client = try Client(port: server.port)
        try client.write("NOT HTTP AT ALL\r\n\r\n")
        #expect(try await client.receive() != .text(""))
        try await eventually("a line about the bad request") {
            lines.all.contains { $0.area == "handshake" || $0.area == "http" }
        }
        #expect(lines.all.allSatisfy { !$0.message.isEmpty })
        try await server.stop()
    }

    @Test("a peer that answers no ping is removed, one that answers has a latency")
    func heartbeat() async throws {
        let (server, record) = try echoServer {
            $0.pingInterval = .milliseconds(50)
            $0.pingTimeout = .seconds(3)
        }
        try server.start()
        let silent = try await Client.open(server.port, "/silent")
        try await eventually("it is open") { record.openConnections.count == 1 }
        let lively = try await Client.open(server.port, "/lively", answersPings: true)
        try await eventually("both are open") { record.openConnections.count == 2 }
        let answering = Task { try await lively.receive() }
        let connection = record.openConnections[1]
        try await eventually("it has a latency") { try connection.statistics.latency != nil }
        try await eventually("the silent one is removed") { record.closings.count == 1 }
        #expect(record.closings.first?.code == 1011)
        #expect(record.closings.first?.isClean == false)
        #expect(connection.isOpen)
        try connection.close(code: 1000)
        #expect(try await answering.value == .close(1000, ""))
        #expect(try await silent.receive() == .close(1011, "ping timeout"))
        try lively.close(code: 1000)
        try await server.stop()
    }

    @Test("rooms span the loops of a server with several threads")
    func threads() async throws {
        let record = Record()
        let server = try Server(listen: "127.0.0.1:0") { $0.threads = 3 }
        try server.route("/rooms/{room}", join: .auto, relay: .all)
        try server.onEvent { record.append($0.copy()) }
        try server.start()
        var clients: [Client] = []
        for _ in 0..<12 { clients.append(try await Client.open(server.port, "/rooms/lobby")) }
        try await eventually("twelve members") { try server.room("lobby").members.count == 12 }
        #expect(try server.room("lobby").broadcast("from outside") == 12)
        for client in clients { #expect(try await client.receive() == .text("from outside")) }
        try clients[0].send("from a member")
        for client in clients { #expect(try await client.receive() == .text("from a member")) }
        for client in clients { try client.close(code: 1000) }
        try await eventually("all have left") { record.closings.count == 12 }
        #expect(record.kinds.filter { $0 == "open" }.count == 12)
        #expect(record.kinds.filter { $0 == "joined" }.count == 12)
        #expect(record.kinds.filter { $0 == "left" }.count == 12)
        try await server.stop()
    }

    @Test("messages beyond the rate are reported, and end with a close")
    func limited() async throws {
        let record = Record()
        let server = try Server(listen: "127.0.0.1:0") {
            $0.limits.rateLimitMessages = .init(2, per: .seconds(3600))
            $0.limits.maxRateLimitDrops = 2
        }
        try server.onEvent { record.append($0.copy()) }
        try server.start()
        let client = try await Client.open(server.port, "/")
        for _ in 0..<5 { try client.send("hello") }
        let closing = try await client.receive()
        #expect({ if case .close(4105, _) = closing { true } else { false } }())
        let told = record.events.compactMap { event -> (String, Int)? in
            if case .limited(_, let key, let dropped) = event { (key, dropped) } else { nil }
        }
        #expect(told.map(\.0) == Array(repeating: "rate_limit_messages", count: 3))
        #expect(told.map(\.1) == [0, 1, 1])
        #expect(record.kinds.count { $0 == "message" } == 3)
    }

    @Test("messages that the policy drops are reported")
    func dropped() async throws {
        let record = Record()
        let server = try Server(listen: "127.0.0.1:0") {
            $0.slowConsumer = .dropNewest
            $0.maxMessageSize = 64 * 1024
            $0.maxOutboxBytes = 128 * 1024
            $0.closeTimeout = .milliseconds(100)
        }
        try server.onEvent { event in
            defer { record.append(event.copy()) }
            guard event.kind == .message else { return }
            // More than the outbox and the system's buffers hold.
            let payload = Message.binary(Array(repeating: 7, count: 64 * 1024))
            for _ in 0..<1000 { _ = try? event.connection.send(payload) }
        }
        try server.start()
        let client = try await Client.open(server.port, "/")
        try client.send("go")
        try await eventually("all is sent") { record.kinds.contains("message") }
        let received = Locked(0)
        let reading = Task {
            while case .binary(let payload) = try await client.receive() {
                #expect(payload.count == 64 * 1024)
                received.withLock { $0 += 1 }
            }
        }
        func dropped() -> Int {
            record.events.reduce(0) { if case .dropped(_, let count) = $1 { $0 + count } else { $0 } }
        }
        try await eventually("each is received or dropped") { received.withLock { $0 } + dropped() >= 1000 }
        #expect(dropped() > 0)
        #expect(received.withLock { $0 } + dropped() == 1000)
        try client.close(code: 1000)
        try await reading.value
        try await server.stop()
    }
}
