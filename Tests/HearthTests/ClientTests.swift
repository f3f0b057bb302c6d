import Hearth
import Testing

@Suite("Client")
struct ClientTests {
    private func url(_ server: Server) -> String { "ws://127.0.0.1:\(server.port)/" }

    private func quick(_ configuration: inout Configuration) {
        configuration.reconnectFloor = .milliseconds(10)
        configuration.reconnectBackoffBase = .milliseconds(20)
        configuration.reconnectBackoffMax = .milliseconds(60)
        configuration.reconnectMaxAttempts = 0
    }

    @Test("a client sends text and binary, and gets what the server sends")
    func echoes() async throws {
        let (server, _) = try echoServer()
        try server.start()
        let client = try await Hearth.Client.connect(url(server))
        #expect(client.isConnected)
        #expect(client.url == url(server))
        try client.send("text")
        try client.send([0, 255])
        var received: [Message] = []
        for try await message in client.messages {
            received.append(message)
            if received.count == 2 { break }
        }
        #expect(received == [.text("text"), .binary([0, 255])])
        let statistics = try client.statistics()
        #expect(statistics.messagesReceived == 2 && statistics.opens == 1)
        try await client.close()
        try await server.stop()
    }

    @Test("states are a stream from connecting to closed, with code and reason")
    func tellsStates() async throws {
        let (server, _) = try echoServer()
        try server.start()
        let client = try Hearth.Client(url(server), subprotocols: [])
        let states = client.states
        try client.open()
        var names: [String] = []
        for await state in states {
            switch state {
            case .idle: names.append("idle")
            case .connecting: names.append("connecting")
            case .open:
                names.append("open")
                Task { try await client.close(code: 4000, reason: "enough") }
            case .reconnecting: names.append("reconnecting")
            case .closed(let end):
                names.append("closed")
                #expect(end.code == 4000 && end.reason == "enough" && !end.isByPeer)
            case .gaveUp: names.append("gave up")
            }
        }
        #expect(names == ["idle", "connecting", "open", "closed"])
        try await server.stop()
    }

    @Test("messages end when the server closes with 1000, and throw how it ended otherwise")
    func endsMessages() async throws {
        for (code, isError) in [(1000, false), (4505, true)] as [(UInt16, Bool)] {
            let server = try Server(listen: "127.0.0.1:0")
            try server.onEvent { event in
                if event.kind == .open { try? event.connection.close(code: code, reason: "so") }
            }
            try server.start()
            let client = try await Hearth.Client.connect(url(server))
            do {
                for try await _ in client.messages { Issue.record("there was none") }
                #expect(!isError)
            } catch let end as ClientEnd {
                #expect(isError && end.code == code && end.reason == "so" && end.isByPeer)
            }
            try await server.stop()
        }
    }

    @Test("a first attempt that fails is thrown, with the library's error")
    func throwsFirstFailure() async throws {
        do {
            _ = try await Hearth.Client.connect("ws://127.0.0.1:1/")
            Issue.record("connected")
        } catch let end as ClientEnd {
            #expect(end.error?.code == .connect)
        }
        #expect(throwsError(.invalidValue) { _ = try Hearth.Client("http://127.0.0.1/") })
        #expect(throwsError(.invalid) { _ = try Hearth.Client("ws://h", headers: [("A", "b\nC: d")]) })
    }

    @Test("what is sent while the server is away waits, and is delivered when it is back")
    func waits() async throws {
        let (first, _) = try echoServer()
        try first.start()
        let port = first.port
        let client = try await Hearth.Client.connect("ws://127.0.0.1:\(port)/", quick)
        try await first.stop()
        try await eventually("not open") { !client.isConnected }
        let number = try client.send("kept")
        #expect(client.queue == [number])
        #expect(client.queuedMessage(number) == .text("kept"))
        #expect(throwsError(.notOpen) { try client.send("now or never", keeps: false) })
        let (second, _) = try echoServer { $0.listen = "127.0.0.1:\(port)" }
        try second.start()
        for try await message in client.messages {
            #expect(message == .text("kept"))
            break
        }
        try await client.deliver("delivered")
        #expect(client.queue.isEmpty)
        try await client.close()
        try await second.stop()
    }

    @Test("what is dropped is reported with its number and the reason")
    func reportsDrops() async throws {
        let client = try Hearth.Client("ws://127.0.0.1:1/") { $0.reconnectFloor = .seconds(100) }
        let deliveries = client.deliveries
        try client.open()
        let number = try client.send("x")
        try client.clearQueue()
        var reports: [Delivery] = []
        for await delivery in deliveries {
            reports.append(delivery)
            break
        }
        #expect(reports == [.dropped(number, .cleared)])
        try await client.close()
    }

    @Test("prepare brings another token before the next attempt")
    func prepares() async throws {
        let server = try Server(listen: "127.0.0.1:0")
        try server.route("/{path*}", accept: .ask)
        let tokens = Locked<[String]>([])
        try server.onEvent { event in
            guard event.kind == .connect, case .connect(let connection, let request) = event.copy() else {
                return
            }
            let token = request.headers["x-token"] ?? ""
            tokens.withLock { $0.append(token) }
            if token == "fresh" { try? connection.accept() } else { try? connection.reject(code: 401) }
        }
        try server.start()
        let client = try Hearth.Client(
            url(server), headers: [("X-Token", "stale")], quick,
            prepare: { attempt in
                attempt.status == 401 ? Preparation(headers: [("X-Token", "fresh")]) : nil
            })
        try client.open()
        for await state in client.states where state.isOpen { break }
        // Where the machine is too busy to prepare in time, the attempt fails; the next is as the one before.
        #expect(tokens.withLock { $0.first } == "stale")
        #expect(tokens.withLock { $0.last } == "fresh")
        try await client.close()
        try await server.stop()
    }

    @Test("a prepare that throws fails the attempt at once, with its error")
    func declines() async throws {
        do {
            _ = try await Hearth.Client.connect("ws://127.0.0.1:1/") {
                $0.openTimeout = .seconds(3600)
            } prepare: { _ in
                throw ClientFault(description: "no \0token" + String(repeating: "ü", count: 1000))
            }
            Issue.record("connected")
        } catch let end as ClientEnd {
            #expect(end.error?.code == .unprepared)
            #expect("\(end)".contains("no tokenü"))
        }
        do {
            _ = try await Hearth.Client.connect("ws://127.0.0.1:1/") {
                $0.openTimeout = .seconds(3600)
            } prepare: { _ in
                Preparation(headers: [("A", "b\nC: d")])
            }
            Issue.record("connected")
        } catch let end as ClientEnd {
            #expect(end.error?.code == .unprepared)
        }
    }

    @Test("parameters are put behind the address, escaped")
    func query() async throws {
        let (server, record) = try echoServer()
        try server.start()
        let client = try await Hearth.Client.connect(
            url(server) + "?a=b", query: [("c", "d e&f"), ("g", "ü")])
        try await eventually("the open event") { !record.events.isEmpty }
        guard case .open(_, let opening, _) = record.events[0] else {
            Issue.record("the first event is \(record.kinds)")
            return
        }
        #expect(opening.query == "a=b&c=d%20e%26f&g=%C3%BC")
        #expect(opening.parameters["c"] == "d e&f" && opening.parameters["g"] == "ü")
        try await client.close()
        try await server.stop()
    }

    @Test("a receiver that is slow makes the server wait, and loses nothing")
    func backpressure() async throws {
        let server = try Server(listen: "127.0.0.1:0") { $0.maxOutboxBytes = 64 << 20 }
        try server.onEvent { event in
            guard event.kind == .open else { return }
            for number in 0..<200 {
                _ = try? event.connection.send(
                    [UInt8](repeating: UInt8(number), count: 65_536))
            }
        }
        try server.start()
        let client = try await Hearth.Client.connect(url(server)) { $0.maxQueueSize = 4 }
        try await Task.sleep(for: .milliseconds(300))
        #expect(try client.statistics().messagesReceived < 150)
        var next: UInt8 = 0
        for try await message in client.messages {
            #expect(message.bytes.first == next && message.bytes.count == 65_536)
            next += 1
            if next == 200 { break }
        }
        try await client.close()
        try await server.stop()
    }

    @Test("a client that is let go of is gone for the server")
    func endsWithTheObject() async throws {
        let (server, record) = try echoServer()
        try server.start()
        do {
            _ = try await Hearth.Client.connect(url(server))
        }
        try await eventually("closed") { record.closings.count == 1 }
        try await server.stop()
    }

    @Test("a cancelled receiver gets the end, and the next one the messages")
    func cancels() async throws {
        let (server, _) = try echoServer()
        try server.start()
        let client = try await Hearth.Client.connect(url(server))
        let task = Task { () -> Message? in
            for try await message in client.messages { return message }
            return nil
        }
        try await Task.sleep(for: .milliseconds(20))
        task.cancel()
        #expect(try await task.value == nil)
        try client.send("later")
        for try await message in client.messages {
            #expect(message == .text("later"))
            break
        }
        try await client.close()
        try await server.stop()
    }
}
