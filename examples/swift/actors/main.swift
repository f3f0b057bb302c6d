// actors-swift: a server run in a class of the main actor, in an actor, in a task at top level, and with a
// function for each connection, each with a client. It prints what the clients got, and ends.

import Hearth

/// State of the main actor: the function of the events runs there too.
@MainActor
final class Lobby {
    private var received: [String] = []

    func run(_ server: Server) async throws {
        try await server.run { event in
            guard case .message(let connection, let message) = event else { return }
            self.received.append(message.text ?? "")
            try connection.send("main actor has \(self.received.count)")
        }
    }

    func ask(_ url: String) async throws -> String? {
        let name = "lobby"
        let client = try await Client.connect(url) {
            $0.subprotocols = nil
        } prepare: { _ in
            self.received.append("prepared for \(name)")
            return nil
        }
        return try await answer(client)
    }
}

/// State of an actor.
actor Counter {
    private var count = 0

    func run(_ server: Server) async throws {
        try await server.run { event in
            guard case .message(let connection, _) = event else { return }
            self.count += 1
            try connection.send("actor has \(self.count)")
        }
    }

    func ask(_ url: String) async throws -> String? {
        let isOnce = count == 0
        return try await answer(try await Client.connect(url) { $0.reconnectEnabled = !isOnce })
    }
}

/// Sends something, and gives what comes.
func answer(_ client: Client) async throws -> String? {
    try client.send("hello")
    for try await message in client.messages {
        try await client.close()
        return message.text
    }
    return nil
}

/// Runs a server until the closure has returned.
func withServer(
    _ run: @escaping @Sendable (Server) async throws -> Void, _ body: (String) async throws -> Void
) async throws {
    let server = try Server(listen: "127.0.0.1:0")
    let running = Task { try await run(server) }
    while server.port == 0 { try await Task.sleep(for: .milliseconds(1)) }
    try await body("ws://127.0.0.1:\(server.port)/")
    running.cancel()
    try await running.value
}

let lobby = Lobby()
try await withServer({ try await lobby.run($0) }) { print(try await lobby.ask($0) ?? "") }
let counter = Counter()
try await withServer({ try await counter.run($0) }) { print(try await counter.ask($0) ?? "") }

// A task at top level, with a variable of the top level.
var greetings = 0
let server = try Server(listen: "127.0.0.1:0")
let running = Task {
    try await server.run { event in
        guard case .message(let connection, _) = event else { return }
        greetings += 1
        try connection.send("top level has \(greetings)")
    }
}
while server.port == 0 { try await Task.sleep(for: .milliseconds(1)) }
let asking = Task {
    let client = try await Client.connect("ws://127.0.0.1:\(server.port)/") {
        $0.reconnectEnabled = greetings > 0
    }
    return try await answer(client) ?? ""
}
print(try await asking.value)
running.cancel()
try await running.value

// A function of its own for each connection.
try await withServer({ server in
    try await server.serve { session in
        for try await message in session { try session.send("a session got \(message.text ?? "")") }
    }
}) { print(try await answer(try await Client.connect($0)) ?? "") }
