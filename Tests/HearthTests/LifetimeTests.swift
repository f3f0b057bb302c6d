import Hearth
import Testing

@Suite("Lifetime of a server", .timeLimit(.minutes(1)))
struct LifetimeTests {
    @Test("starting twice is an error of state")
    func startTwice() async throws {
        let (server, _) = try echoServer()
        try server.start()
        #expect(throwsError(.state) { try server.start() })
        #expect(throwsError(.state) { try server.onEvent { _ in } })
        try await server.stop()
    }

    @Test("stopping what was not started is an error of state")
    func stopBeforeStart() async throws {
        let (server, _) = try echoServer()
        await #expect(throws: HearthError.self) { try await server.stop() }
    }

    @Test("stopping closes peers with 1001 and the reason")
    func stop() async throws {
        let (server, record) = try echoServer()
        try server.start()
        let client = try await Client.open(server.port, "/")
        async let stopped: Void = server.stop(reason: "back at noon")
        #expect(try await client.receive() == .close(1001, "back at noon"))
        try client.close(code: 1001)
        try await stopped
        #expect(record.kinds == ["open", "close", "stopped"])
        #expect(record.closings.first?.isClean == true)
    }

    @Test("draining says farewell, closes with a hint and ends")
    func drain() async throws {
        let (server, record) = try echoServer {
            $0.shutdownSpread = .milliseconds(50)
            $0.drainRetry = .zero
        }
        try server.start()
        let client = try await Client.open(server.port, "/")
        async let drained: Void = server.drain(farewell: .text("bye"), why: "new version")
        #expect(try await client.receive() == .text("bye"))
        #expect(try await client.receive() == .close(1001, "retry=0;why=new version"))
        try client.close(code: 1001)
        try await drained
        #expect(record.kinds == ["open", "close", "stopped"])
    }

    @Test("two tasks may stop it at the same time")
    func stopTwice() async throws {
        let (server, record) = try echoServer()
        try server.start()
        async let first: Void = server.stop()
        async let second: Void = server.stop()
        _ = try await (first, second)
        #expect(record.kinds == ["stopped"])
    }

    @Test("calls after the stop answer errors")
    func afterStop() async throws {
        let (server, record) = try echoServer()
        try server.start()
        let client = try await Client.open(server.port, "/")
        try client.close(code: 1000)
        #expect(try await client.receive() == .close(1000, ""))
        try await eventually("the close event") { record.closings.count == 1 }
        try await server.stop()
        let connection = try #require(record.openConnections.first)
        #expect(throwsError(.gone) { try connection.send("late") })
        #expect(throwsError(.gone) { try connection.join("late") })
        #expect(throwsError(.invalid) { try server.broadcast("late") })
        #expect(throwsError(.invalid) { try server.room("lobby").broadcast("late") })
        #expect(throwsError(.invalid) { _ = try server.room("lobby").members })
        #expect(!connection.isOpen)
        #expect(server.port == 0)
        #expect(server.addresses.isEmpty)
    }

    @Test("a call on a connection that has ended answers gone, in the handler too")
    func gone() async throws {
        let errors = Locked<[HearthError.Code]>([])
        let server = try Server(listen: "127.0.0.1:0")
        try server.onEvent { event in
            guard event.kind == .close else { return }
            do throws(HearthError) { try event.connection.send("too late") } catch {
                errors.withLock { $0.append(error.code) }
            }
        }
        try server.start()
        let client = try await Client.open(server.port, "/")
        try client.close(code: 1000)
        try await eventually("the close event") { errors.withLock { !$0.isEmpty } }
        #expect(errors.withLock { $0 } == [.gone])
        try await server.stop()
    }

    @Test("an address in use is named")
    func addressInUse() async throws {
        let (first, _) = try echoServer()
        try first.start()
        let address = "127.0.0.1:\(first.port)"
        #expect(first.addresses == [address])
        let second = try Server(listen: address)
        do throws(HearthError) {
            try second.start()
            Issue.record("two servers listen on \(address)")
        } catch {
            #expect(error.code == .addressInUse)
            #expect(error.name == "HEARTH_ERR_ADDRESS_IN_USE")
            #expect(error.description.contains(address))
        }
        try await first.stop()
    }

    @Test("a server that nobody keeps cuts its peers")
    func dropped() async throws {
        var server: Server? = try echoServer().0
        try server?.start()
        let client = try await Client.open(server?.port ?? 0, "/")
        server = nil
        #expect(try await client.receive() == .end)
    }

    @Test("the last reference may go away inside a handler")
    func droppedInHandler() async throws {
        let kept = Locked<Server?>(nil)
        let server = try Server(listen: "127.0.0.1:0")
        try server.onEvent { event in
            if event.kind == .message { kept.withLock { $0 = nil } }
        }
        try server.start()
        let port = server.port
        kept.withLock { $0 = server }
        try await dropAfterSend(port, consume server)
    }

    /// The reference that it takes ends before the message is sent.
    private func dropAfterSend(_ port: UInt16, _ server: consuming Server) async throws {
        _ = consume server
        let client = try await Client.open(port, "/")
        try client.send("the end")
        #expect(try await client.receive() == .end)
    }
}

/// Runs it and says whether it throws an error of that code.
func throwsError(_ code: HearthError.Code, _ body: () throws -> Void) -> Bool {
    do {
        try body()
        return false
    } catch {
        return (error as? HearthError)?.code == code
    }
}
