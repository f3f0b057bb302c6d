import Hearth
import Testing

@Suite("Rooms and users", .timeLimit(.minutes(1)))
struct RoomTests {
    /// Lets everyone in, as the user that the query names.
    private func server() throws -> (Server, Record) {
        let record = Record()
        let server = try Server(listen: "127.0.0.1:0")
        try server.route("/{room}", join: .auto, accept: .ask)
        try server.onEvent { event in
            let event = event.copy()
            record.append(event)
            if case .connect(let connection, let request) = event {
                try? connection.accept(user: request.parameters["user"])
            }
        }
        try server.start()
        return (server, record)
    }

    @Test("a channel's connections are like any other")
    func channel() async throws {
        let record = Record()
        let server = try Server(listen: "127.0.0.1:0")
        try server.route("/{room}", join: .auto, relay: .others)
        try server.channel("bot")
        try server.onEvent { record.append($0.copy()) }
        try server.start()
        let client = try await Client.open(server.port, "/a")
        let bot = try server.connect(
            channel: "bot", ChannelPeer(path: "/a", recipient: "17", user: "bot"))
        #expect(try bot.recipient == "17" && bot.user == "bot")
        try await eventually("both are there") { try server.room("a").members.count == 2 }
        try bot.receive(.text("hello"))
        #expect(try await client.receive() == .text("hello"))
        try client.send("hello yourself")
        try await eventually("it is told") { record.kinds.contains("channelSend") }
        let told = record.events.compactMap { event -> (Message, [Connection], String)? in
            if case .channelSend(let message, let to, let name) = event { (message, to, name) } else { nil }
        }
        #expect(told.map(\.0) == [.text("hello yourself")] && told[0].1 == [bot] && told[0].2 == "bot")
        try bot.noteAlive()
        try bot.noteClosed(code: 1001)
        try await eventually("it has ended") { record.closings.contains { $0.code == 1001 && $0.isByPeer } }
    }

    @Test("a broadcast leaves out a connection, or all connections of a user")
    func except() async throws {
        let (server, record) = try server()
        let phone = try await Client.open(server.port, "/lobby?user=ada")
        try await eventually("the phone is open") { record.openConnections.count == 1 }
        let desk = try await Client.open(server.port, "/lobby?user=ada")
        let ben = try await Client.open(server.port, "/lobby?user=ben")
        let lobby = server.room("lobby")
        try await eventually("three members") { try lobby.members.count == 3 }
        #expect(try lobby.broadcast("1", except: .connection(record.openConnections[0])) == 2)
        #expect(try lobby.broadcast("2", except: .user("ada")) == 1)
        #expect(try lobby.broadcast(.binary([3])) == 3)
        #expect(try await phone.receive() == .binary([3]))
        #expect(try await desk.receive() == .text("1"))
        #expect(try await desk.receive() == .binary([3]))
        #expect(try await ben.receive() == .text("1"))
        #expect(try await ben.receive() == .text("2"))
        #expect(try await ben.receive() == .binary([3]))
        #expect(try server.user("ada").send("yours") == 2)
        #expect(try await phone.receive() == .text("yours"))
        #expect(try await desk.receive() == .text("yours"))
        #expect(try server.broadcast("all", except: .user("ben")) == 2)
        #expect(try server.room("nowhere").broadcast("x") == 0)
        for client in [phone, desk, ben] { try client.close(code: 1000) }
        try await server.stop()
    }

    @Test("a user joins with the first connection and leaves with the last")
    func presence() async throws {
        let (server, record) = try server()
        let first = try await Client.open(server.port, "/lobby?user=ada")
        let second = try await Client.open(server.port, "/lobby?user=ada")
        try await eventually("both have joined") { record.kinds.filter { $0 == "joined" }.count == 2 }
        #expect(try server.room("lobby").users == ["ada"])
        #expect(try server.user("ada").connections.count == 2)
        #expect(try server.userCount == 1)
        #expect(try server.connectionCount == 2)
        #expect(try server.roomCount == 1)
        #expect(try server.rooms.map(\.name) == ["lobby"])
        try first.close(code: 1000)
        try await eventually("one has left") { record.kinds.contains("left") }
        #expect(!record.kinds.contains("userLeft"))
        try second.close(code: 1000)
        try await eventually("ada has left") { record.kinds.contains("userLeft") }
        #expect(record.kinds.filter { $0 == "userJoined" }.count == 1)
        #expect(try server.rooms.isEmpty)
        #expect(record.closings.allSatisfy { $0.user == "ada" })
        try await server.stop()
    }

    @Test("presence has users with their connections and data, and versions of its changes")
    func presenceOfRoom() async throws {
        let (server, record) = try server()
        let client = try await Client.open(server.port, "/lobby?user=ada")
        try await eventually("ada is in") { record.kinds.contains("userJoined") }
        try server.user("ada").setPresence(Array("away".utf8))
        try await eventually("it is told") { record.kinds.contains("presenceUpdated") }
        let presence = try server.room("lobby").presence
        #expect(presence.version == 2)
        #expect(presence.users.map(\.name) == ["ada"])
        #expect(presence.users[0].connections == record.openConnections)
        #expect(presence.users[0].data == Array("away".utf8))
        #expect(throwsError(.notFound) { try server.user("nobody").setPresence([1]) })
        try client.close(code: 1000)
        try await eventually("ada is out") { record.kinds.contains("userLeft") }
        let versions = record.events.compactMap {
            switch $0 {
            case .userJoined(_, _, let version, _), .userLeft(_, _, let version),
                .presenceUpdated(_, _, let version, _):
                version
            default: nil as UInt64?
            }
        }
        #expect(versions == [1, 2, 3])
        #expect(try server.room("lobby").presence.users.isEmpty)
        try await server.stop()
    }

    @Test("a user who is kicked is gone at once")
    func kick() async throws {
        let (server, record) = try server()
        let client = try await Client.open(server.port, "/lobby?user=ada")
        try await eventually("ada is in") { record.kinds.contains("userJoined") }
        #expect(try server.users.map(\.name) == ["ada"])
        #expect(try server.user("ada").kick(reason: "enough") == 1)
        #expect(try await client.receive() == .close(4505, "enough"))
        try await eventually("ada is out") { record.kinds.contains("userLeft") }
        #expect(try server.user("ada").kick() == 0)
        try await server.stop()
    }

    @Test("a connection joins and leaves rooms and changes its user")
    func joinAndLeave() async throws {
        let (server, record) = try server()
        let client = try await Client.open(server.port, "/lobby")
        try await eventually("it is open") { record.openConnections.count == 1 }
        let connection = record.openConnections[0]
        try connection.join("attic")
        try connection.join("attic")
        try await eventually("it is in both") { try connection.rooms.sorted() == ["attic", "lobby"] }
        try connection.setUser("ada")
        try await eventually("it is ada's") { connection.user == "ada" }
        try connection.leave("lobby")
        try await eventually("it is in one") { try connection.rooms == ["attic"] }
        try connection.setUser(nil)
        try await eventually("it is nobody's") { connection.user == nil }
        #expect(record.kinds.filter { $0 == "joined" }.count == 2)
        #expect(
            record.kinds.filter { $0 == "userJoined" }.count == record.kinds.filter { $0 == "userLeft" }.count
        )
        try client.close(code: 1000)
        try await server.stop()
    }

    @Test("metadata and statistics of a connection can be read")
    func statistics() async throws {
        let (server, record) = try server()
        let client = try await Client.open(server.port, "/lobby")
        try await eventually("it is open") { record.openConnections.count == 1 }
        let connection = record.openConnections[0]
        let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0) }
        try connection.setMetadata(bytes)
        try await eventually("they are kept") { try connection.metadata == bytes }
        try client.send("hello")
        try await eventually("it is counted") { try connection.statistics.messagesReceived == 1 }
        let statistics = try connection.statistics
        #expect(statistics.isOpen && connection.isOpen)
        #expect(statistics.rooms == 1)
        #expect(statistics.route == 0)
        #expect(statistics.latency == nil)
        #expect(statistics.openedAt > 1_600_000_000_000)
        #expect(try connection.address.hasPrefix("127.0.0.1:"))
        try client.close(code: 1000)
        try await server.stop()
    }

    @Test("a server tells what it counted and how it is")
    func counters() async throws {
        let (server, record) = try server()
        let client = try await Client.open(server.port, "/lobby")
        try await eventually("it is open") { record.openConnections.count == 1 }
        #expect(try server.statisticsJSON.contains("\"connections\":{\"open\":1,\"opened\":1,\"closed\":0}"))
        #expect(try server.metrics.contains("\nhearth_connections 1\n"))
        #expect(try server.healthJSON.hasPrefix("{\"status\":\"ok\""))
        try client.close(code: 1000)
        try await server.stop()
    }

    @Test("a list longer than the first buffer is read whole")
    func longLists() async throws {
        let (server, record) = try server()
        let client = try await Client.open(server.port, "/lobby")
        try await eventually("it is open") { record.openConnections.count == 1 }
        let names = (0..<100).map { "room-with-a-rather-long-name-\($0)" }
        for name in names { try record.openConnections[0].join(name) }
        try await eventually("it is in all") { try record.openConnections[0].rooms.count == 101 }
        #expect(Set(try record.openConnections[0].rooms) == Set(names + ["lobby"]))
        #expect(Set(try server.rooms.map(\.name)) == Set(names + ["lobby"]))
        try client.close(code: 1000)
        try await server.stop()
    }

    @Test("a name that holds a NUL is refused and not cut off")
    func nulInName() async throws {
        let (server, _) = try server()
        #expect(throwsError(.invalid) { try server.room("a\0b").broadcast("x") })
        #expect(throwsError(.invalid) { _ = try server.room("a\0b").members })
        #expect(throwsError(.invalid) { try server.user("a\0b").send("x") })
        #expect(throwsError(.invalid) { try Connection(id: 1).join("a\0b") })
        try await server.stop()
    }
}
