import Hearth
import Testing

@Suite("Dialects", .timeLimit(.minutes(1)))
struct DialectTests {
    @Test("an event comes with its name and its data, and goes out in its envelope")
    func events() async throws {
        let server = try Server(listen: "127.0.0.1:0")
        try server.route("/", join: .template("hall"), dialect: .json())
        try server.onEvent { event in
            guard case .named(let connection, let name, let data) = event.copy() else { return }
            #expect(event.eventName == name)
            _ = try? connection.sendEvent("echo \(name)", data.isEmpty ? nil : data)
        }
        try server.start()
        let client = try await Client.open(server.port, "/")
        try client.send("{\"type\":\"ping\"}")
        #expect(try await client.receive() == .text("{\"type\":\"pong\"}"))
        try client.send("{\"data\":[1, 2],\"type\":\"a\"}")
        #expect(try await client.receive() == .text("{\"type\":\"echo a\",\"data\":[1, 2]}"))
        try client.send("{\"type\":\"b\"}")
        #expect(try await client.receive() == .text("{\"type\":\"echo b\"}"))
        let hall = server.room("hall")
        #expect(try hall.sendEvent("news", "{}") == 1)
        #expect(try await client.receive() == .text("{\"type\":\"news\",\"data\":{}}"))
        #expect(try server.broadcastEvent("all") == 1)
        #expect(try server.user("nobody").sendEvent("you") == 0)
        #expect(throwsError(.invalid) { try hall.sendEvent("news", "{") })
        try client.close(code: 1000)
        try await server.stop()
    }

    @Test("a route that handles messages stamps them, and refuses what is none")
    func messages() async throws {
        let server = try Server(listen: "127.0.0.1:0") { $0.json.maxCharacters = 5 }
        try server.route("/", dialect: .json(handling: [.join, .message], rooms: ["chat:*"]))
        try server.start()
        let client = try await Client.open(server.port, "/")
        try client.send("{\"type\":\"join\",\"data\":{\"room\":\"chat:1\"}}")
        #expect(try await client.receive() == .text("{\"type\":\"join\",\"data\":{\"room\":\"chat:1\"}}"))
        try client.send("{\"type\":\"message\",\"data\":{\"text\":\" hi \",\"user\":\"eve\"}}")
        guard case .text(let text) = try await client.receive() else {
            throw ClientFault(description: "no text")
        }
        #expect(text.contains("\"user\":null") && text.contains("\"text\":\"hi\"") && !text.contains("eve"))
        try client.send("{\"type\":\"message\",\"data\":\"123456\"}")
        guard case .text(let error) = try await client.receive() else {
            throw ClientFault(description: "no text")
        }
        #expect(error.contains("\"code\":\"message_too_long\""))
        try client.close(code: 1000)
        try await server.stop()
    }

    /// Everybody is the user that the query names, in the hall.
    private func hall(
        _ handling: [BuiltInEvent], _ configure: (inout Configuration) -> Void
    ) throws -> Server {
        let server = try Server(listen: "127.0.0.1:0", configure)
        try server.route("/", join: .template("hall"), accept: .ask, dialect: .json(handling: handling))
        try server.onEvent { event in
            if case .connect(let connection, let request) = event.copy() {
                try? connection.accept(user: request.parameters["user"])
            }
        }
        try server.start()
        return server
    }

    private func text(_ client: Client) async throws -> String {
        let received = try await client.receive()
        guard case .text(let text) = received else { throw ClientFault(description: "\(received)") }
        return text
    }

    @Test("errors have codes, until the budget is used up")
    func errors() async throws {
        let server = try hall([]) {
            $0.json.events = ["known"]
            $0.json.errorBudget = 2
        }
        let client = try await Client.open(server.port, "/?user=ada")
        for (wrong, code) in [("{", "invalid_json"), ("{\"type\":\"evil\"}", "unknown_event")] {
            try client.send(wrong)
            let answer = try await text(client)
            #expect(answer.contains("\"code\":\"\(code)\"") && !answer.contains("evil"))
        }
        try client.send("[]")
        #expect(try await client.receive() == .close(1007, "too many invalid messages"))
        try client.close(code: 1007)
        try await server.stop()
    }

    @Test("typing is told to the others once, and expires")
    func typing() async throws {
        let server = try hall([.typing]) { $0.json.typingTimeout = .milliseconds(200) }
        let ada = try await Client.open(server.port, "/?user=ada")
        let ben = try await Client.open(server.port, "/?user=ben")
        try await eventually("both are there") { try server.room("hall").members.count == 2 }
        for _ in 0..<3 { try ada.send("{\"type\":\"typing\"}") }
        let told = "{\"type\":\"typing\",\"data\":{\"room\":\"hall\",\"user\":\"ada\",\"typing\":"
        #expect(try await text(ben) == told + "true}}")
        #expect(try await text(ben) == told + "false}}")
        for client in [ada, ben] { try client.close(code: 1000) }
        try await server.stop()
    }

    @Test("who joins and leaves is told by events, with versions that grow by one")
    func presence() async throws {
        let server = try hall([.presence, .leave]) { _ in }
        let ada = try await Client.open(server.port, "/?user=ada")
        #expect(try await text(ada).contains("\"users\":[{\"user\":\"ada\"}]"))
        let ben = try await Client.open(server.port, "/?user=ben")
        let snapshot = try await text(ben)
        #expect(snapshot.contains("\"ada\"") && snapshot.contains("\"ben\""))
        let joined = try await text(ada)
        #expect(joined.contains("joined") && joined.contains("\"version\":2"))
        try ben.send("{\"type\":\"leave\"}")
        #expect(try await text(ben) == "{\"type\":\"leave\",\"data\":{\"room\":\"hall\"}}")
        let left = try await text(ada)
        #expect(left.contains("left") && left.contains("\"version\":3"))
        for client in [ada, ben] { try client.close(code: 1000) }
        try await server.stop()
    }

    @Test("events leave in batches")
    func batches() async throws {
        let server = try hall([]) { $0.json.batchInterval = .milliseconds(50) }
        let client = try await Client.open(server.port, "/?user=ada")
        try await eventually("it is there") { try server.room("hall").members.count == 1 }
        var received = ""
        for number in 0..<3 { _ = try server.room("hall").sendEvent("n", "\(number)") }
        while !received.contains("2") { received += try await text(client) }
        let events = (0..<3).map { "{\"type\":\"n\",\"data\":\($0)}" }
        #expect(received.hasPrefix("[" + events[0]) && received.hasSuffix(events[2] + "]"))
        try client.close(code: 1000)
        try await server.stop()
    }
}
