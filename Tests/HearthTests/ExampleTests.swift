import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

@Suite("Example programs", .timeLimit(.minutes(2)))
struct ExampleTests {
    @Test("hello relays what a member sends to the others of the room")
    func hello() async throws {
        let port = try freePort()
        let program = try Program("hello-swift", ["127.0.0.1:\(port)"])
        let ada = try await connect(port, "/rooms/lobby")
        let ben = try await connect(port, "/rooms/lobby")
        try ada.send("from ada")
        #expect(try await ben.receive() == .text("from ada"))
        try ben.send("from ben")
        #expect(try await ada.receive() == .text("from ben"))
        #expect(try await program.end(with: SIGTERM) == -SIGTERM)
    }

    @Test("the host echoes with the opcode, relays to all, takes keys and ends at SIGTERM")
    func host() async throws {
        let port = try freePort()
        let program = try Program("host-swift", ["\(port)", "max_message_size=100"])
        let echo = try await connect(port, "/echo")
        try echo.send("text")
        #expect(try await echo.receive() == .text("text"))
        try echo.send(opcode: 2, [1, 2, 3])
        #expect(try await echo.receive() == .binary([1, 2, 3]))
        let ada = try await connect(port, "/room/a")
        let ben = try await connect(port, "/room/a")
        try ada.send("to all")
        #expect(try await ada.receive() == .text("to all"))
        #expect(try await ben.receive() == .text("to all"))
        try echo.send(opcode: 2, Array(repeating: 0, count: 101))
        guard case .close(1009, _) = try await echo.receive() else {
            Issue.record("a message over the limit was taken")
            return
        }
        #expect(try await program.end(with: SIGTERM) == 0)
    }

    @Test("a server runs in an actor, on the main actor, at top level, and for each connection")
    func actors() async throws {
        let program = try Program("actors-swift", [])
        var lines: [String] = []
        for _ in 0..<4 { lines.append(try await program.line()) }
        #expect(
            lines == ["main actor has 2", "actor has 1", "top level has 1", "a session got hello"])
        #expect(try await program.end(with: 0) == 0)
    }

    @Test("the host says why it does not start")
    func hostFails() async throws {
        #expect(try await Program("host-swift", ["0", "colour=blue"]).end(with: 0) == 1)
        #expect(try await Program("host-swift", []).end(with: 0) == 2)
    }

    @Test("the chat welcomes, gives unique names, tells who is here and passes on what is said")
    func chat() async throws {
        let program = try Program("chat-swift", ["0"])
        let line = try await program.line()
        let port = try #require(UInt16(line.split(separator: ":").last?.dropLast() ?? ""))
        let ada = try await connect(port, "/chat/lobby?name=Ada&visit=visit-of-ada")
        try await expect(ada, "welcome", ["\"room\":\"lobby\"", "\"name\":\"Ada\"", "\"users\":[\"Ada\"]"])
        let other = try await connect(port, "/chat/lobby?name=Ada&visit=visit-of-another")
        try await expect(other, "welcome", ["\"name\":\"Ada 2\""])
        try await expect(ada, "joined", ["\"name\":\"Ada 2\"", "\"Ada\"", "\"Ada 2\""])
        try await expect(other, "rooms", ["{\"name\":\"lobby\",\"count\":2}"])
        try ada.send("message:k1:say \"hi\"\n")
        try await expect(
            other, "message", ["\"key\":\"k1\"", "\"name\":\"Ada\"", "\"text\":\"say \\\"hi\\\"\\u000a\""])
        try await expect(ada, "message", ["\"id\":1", "\"key\":\"k1\""])
        try other.send("typing:on")
        try await expect(ada, "typing", ["\"name\":\"Ada 2\"", "\"on\":true"])
        try ada.send("ping:17")
        try await expect(ada, "pong", ["\"n\":17"])
        try ada.send("message:k2: \t")
        try await expect(ada, "error", ["\"code\":\"empty\"", "\"key\":\"k2\""])
        try ada.send("message:k3:" + String(repeating: "x", count: 501))
        try await expect(ada, "error", ["\"code\":\"too_long\"", "\"key\":\"k3\""])
        try ada.send(opcode: 2, [1])
        try await expect(ada, "error", ["\"code\":\"not_understood\""])
        try other.close(code: 1000)
        try await expect(ada, "left", ["\"name\":\"Ada 2\"", "\"users\":[\"Ada\"]"])
        try ada.close(code: 1000)
        #expect(try await program.end(with: SIGTERM) == 0)
    }

    @Test("the chat refuses bad rooms, names and visits with codes of their own, and serves its page")
    func chatRefuses() async throws {
        let program = try Program("chat-swift", ["0"])
        let line = try await program.line()
        let port = try #require(UInt16(line.split(separator: ":").last?.dropLast() ?? ""))
        let cases = [
            ("/chat/Lobby?name=Ada&visit=12345678", 4002), ("/chat/lobby?name=&visit=12345678", 4001),
            ("/chat/lobby?name=%20Ada&visit=12345678", 4001), ("/chat/lobby?name=Ada&visit=short", 4003),
        ]
        for (path, code) in cases {
            let client = try await connect(port, path)
            guard case .close(code, _) = try await client.receive() else {
                Issue.record("\(path) was not refused with \(code)")
                continue
            }
        }
        let page = try await Client.request(port, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        #expect(page.head.hasPrefix("HTTP/1.1 200 "))
        #expect(page.body.lowercased().contains("<html"))
        #expect(try await program.end(with: SIGINT) == 0)
    }

    /// Waits until the program listens.
    private func connect(_ port: UInt16, _ path: String) async throws -> Client {
        try await eventually("port \(port) takes a connection") { (try? Client(port: port)) != nil }
        return try await Client.open(port, path)
    }

    /// The next object of that type has all these parts; objects of other types before it are passed over.
    private func expect(
        _ client: Client, _ type: String, _ parts: [String], sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        while case .text(let text) = try await client.receive() {
            guard text.hasPrefix("{\"type\":\"\(type)\"") else { continue }
            // The counts of the rooms change with each join: the last one counts.
            if type == "rooms" && !parts.allSatisfy(text.contains) { continue }
            for part in parts { #expect(text.contains(part), sourceLocation: sourceLocation) }
            return
        }
        Issue.record("no \(type) came", sourceLocation: sourceLocation)
    }
}
