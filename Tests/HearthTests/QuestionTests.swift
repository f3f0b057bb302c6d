import Hearth
import Testing

@Suite("Questions to all processes", .timeLimit(.minutes(1)))
struct QuestionTests {
    private func server(
        _ configure: @escaping (inout Configuration) -> Void = { _ in }
    ) throws -> Server {
        let server = try Server(listen: "127.0.0.1:0", configure)
        try server.route("/{room}", join: .auto)
        try server.start()
        return server
    }

    @Test("are answered by the process itself without Redis, though nobody takes its events")
    func local() async throws {
        let server = try server()
        let clients = [
            try await Client.open(server.port, "/lobby"), try await Client.open(server.port, "/lobby"),
        ]
        try await eventually("both are there") { try server.room("lobby").members.count == 2 }
        try server.room("lobby").members[0].setUser("\"ann\\\n\u{1}ü€😀")
        try await eventually("there is a user") { try server.userCount == 1 }
        let room = try await server.ask(room: "lobby")
        #expect(room.scope == .local && room.connections == 2 && room.names == ["\"ann\\\n\u{1}ü€😀"])
        #expect(room.nodes.isEmpty && room.missing.isEmpty)
        let user = try await server.ask(user: "\"ann\\\n\u{1}ü€😀", within: .milliseconds(100))
        #expect(user.connections == 1 && user.names == ["lobby"])
        #expect(try await server.ask(room: "nowhere").connections == 0)
        for client in clients { try client.close(code: 1000) }
        try await server.ready()
    }

    #if HEARTH_REDIS
        @Test("about being ready wait until Redis is reached, the server stops, or the task is cancelled")
        func ready() async throws {
            let server = try server { $0.cluster.redisURL = "redis://127.0.0.1:1" }
            let cancelled = Task { try await server.ready() }
            cancelled.cancel()
            await #expect(throws: HearthError.self) { try await cancelled.value }
            let stopped = Task { try await server.ready() }
            try await Task.sleep(for: .milliseconds(50))
            try await server.stop()
            await #expect(throws: HearthError.self) { try await stopped.value }
        }

        @Test("are answered though Redis cannot be reached, and said to be about a cluster")
        func away() async throws {
            let server = try server {
                $0.cluster.redisURL = "redis://127.0.0.1:1"
                $0.cluster.nodeID = "first"
            }
            let client = try await Client.open(server.port, "/lobby")
            try await eventually("it is there") { try server.room("lobby").members.count == 1 }
            let answer = try await server.ask(room: "lobby")
            #expect(answer.scope == .cluster && answer.connections == 1)
            #expect(answer.nodes == ["first"] && answer.missing.isEmpty && !answer.reason.isEmpty)
            #expect(try server.healthJSON.contains("degraded"))
            try client.close(code: 1000)
        }
    #else
        @Test("are about this process alone where the library was built without Redis")
        func unsupported() throws {
            #expect(throws: HearthError.self) {
                _ = try server { $0.cluster.redisURL = "redis://127.0.0.1" }
            }
        }
    #endif

    @Test("about what cannot be, or to a server that does not serve, are refused")
    func refused() async throws {
        let server = try server()
        await #expect(throws: HearthError.self) { try await server.ask(room: "a", within: .seconds(61)) }
        await #expect(throws: HearthError.self) { try await server.ask(room: "a\0b") }
        let idle = try Server(listen: "127.0.0.1:0")
        await #expect(throws: HearthError.self) { try await idle.ask(user: "ann") }
    }
}
