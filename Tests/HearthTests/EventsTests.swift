import Hearth
import Testing

@Suite("Events as a sequence", .timeLimit(.minutes(1)))
struct EventsTests {
    @Test("it gives open, message and close of a connection once each, and ends after stopped")
    func sequence() async throws {
        let server = try Server(listen: "127.0.0.1:0")
        try server.start()
        let port = server.port
        let peer = Task {
            let client = try await Client.open(port, "/")
            try client.send("one")
            #expect(try await client.receive() == .text("ONE"))
            try client.close(code: 1000)
            #expect(try await client.receive() == .close(1000, ""))
        }
        var kinds: [String] = []
        for await event in server.events {
            kinds.append(event.kindName)
            switch event {
            case .message(let connection, let message): try connection.send((message.text ?? "").uppercased())
            case .close: try await server.stop()
            default: break
            }
        }
        try await peer.value
        #expect(kinds == ["open", "message", "close", "stopped"])
    }

    @Test("a consumer that breaks off and comes back loses no event")
    func breakAndReturn() async throws {
        let server = try Server(listen: "127.0.0.1:0")
        try server.start()
        let client = try await Client.open(server.port, "/")
        let count = 1000
        for number in 0..<count { try client.send("\(number)") }
        var texts: [String] = []
        while texts.count < count {
            for await event in server.events {
                guard case .message(_, let message) = event, let text = message.text else { continue }
                texts.append(text)
                if texts.count % 7 == 0 || texts.count == count { break }
            }
        }
        #expect(texts == (0..<count).map { "\($0)" })
        try client.close(code: 1000)
        try await server.stop()
    }

    @Test("cancelling a consumer ends its loop and not the server")
    func cancelConsumer() async throws {
        let server = try Server(listen: "127.0.0.1:0")
        try server.route("/rooms/{room}", join: .auto, relay: .all)
        try server.start()
        let consumer = Task {
            var count = 0
            for await _ in server.events { count += 1 }
            return count
        }
        let client = try await Client.open(server.port, "/rooms/a")
        consumer.cancel()
        #expect(await consumer.value <= 2)
        try client.send("still here")
        #expect(try await client.receive() == .text("still here"))
        try client.close(code: 1000)
        try await server.stop()
    }

    @Test("a queue that nobody takes from stops the reading, and everything comes once it is taken")
    func backpressure() async throws {
        let server = try Server(listen: "127.0.0.1:0") { $0.maxEventQueue = 10 }
        try server.start()
        let client = try await Client.open(server.port, "/")
        let count = 500
        for number in 0..<count { try client.send("\(number)") }
        var texts: [String] = []
        for await event in server.events {
            guard case .message(_, let message) = event, let text = message.text else { continue }
            texts.append(text)
            if texts.count == count { break }
        }
        #expect(texts == (0..<count).map { "\($0)" })
        try client.close(code: 1000)
        try await server.stop()
    }

    @Test("stopping a server whose events nobody takes comes to an end")
    func stopWithoutConsumer() async throws {
        let server = try Server(listen: "127.0.0.1:0")
        try server.start()
        let client = try await Client.open(server.port, "/")
        async let stopped: Void = server.stop()
        #expect(try await client.receive() == .close(1001, "server shutdown"))
        try client.close(code: 1001)
        try await stopped
        var kinds: [String] = []
        for await event in server.events { kinds.append(event.kindName) }
        #expect(kinds == ["open", "close", "stopped"])
    }

    @Test("an asynchronous function gets the events of a connection in order until the task is cancelled")
    func runHandling() async throws {
        let server = try Server(listen: "127.0.0.1:0")
        let record = Record()
        let running = Task {
            try await server.run { event in
                record.append(event)
                if case .message(let connection, let message) = event {
                    try await Task.sleep(for: .milliseconds(1))
                    try connection.send(message)
                }
            }
        }
        try await eventually("the port") { server.port != 0 }
        let client = try await Client.open(server.port, "/")
        for text in ["a", "b", "c"] { try client.send(text) }
        for text in ["a", "b", "c"] { #expect(try await client.receive() == .text(text)) }
        running.cancel()
        #expect(try await client.receive() == .close(1001, "server shutdown"))
        try client.close(code: 1001)
        try await running.value
        #expect(record.kinds == ["open", "message", "message", "message", "close", "stopped"])
    }

    @Test("a peer may be let in later")
    func acceptLater() async throws {
        let server = try Server(listen: "127.0.0.1:0")
        try server.route("/{room}", join: .auto, accept: .ask)
        let running = Task {
            try await server.run { event in
                guard case .connect(let connection, let request) = event else { return }
                try await Task.sleep(for: .milliseconds(20))
                try connection.accept(user: request.parameters["user"])
            }
        }
        try await eventually("the port") { server.port != 0 }
        let client = try await Client.open(server.port, "/lobby?user=ada")
        try await eventually("ada is in the lobby") { try server.room("lobby").users == ["ada"] }
        try client.close(code: 1000)
        running.cancel()
        try await running.value
    }
}
