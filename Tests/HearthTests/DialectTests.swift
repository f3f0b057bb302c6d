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
}
