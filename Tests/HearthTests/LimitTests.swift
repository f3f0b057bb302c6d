import Hearth
import Testing

@Suite("Limits and compression", .timeLimit(.minutes(1)))
struct LimitTests {
    /// Everybody is the user that the query names, and in the room of the path.
    private func server(_ configure: (inout Configuration) -> Void) throws -> (Server, Record) {
        let record = Record()
        let server = try Server(listen: "127.0.0.1:0", configure)
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

    @Test("a user has so many connections, and the oldest makes room")
    func evicting() async throws {
        let (server, record) = try server {
            $0.limits.maxConnectionsPerUser = 1
            $0.limits.userLimitPolicy = .evictOldest
        }
        let first = try await Client.open(server.port, "/a?user=ada")
        try await eventually("the first is open") { record.openConnections.count == 1 }
        let second = try await Client.open(server.port, "/a?user=ada")
        #expect(try await first.receive() == .close(4504, "replaced by a newer connection"))
        try first.close(code: 4504)
        try await eventually("the first is closed") { record.closings.count == 1 }
        #expect(try server.user("ada").connections == [record.openConnections[1]])
        try second.close(code: 1000)
        try await server.stop()
    }

    @Test("a user's connection that lives keeps its place, one that is silent gives it")
    func ghosts() async throws {
        let (server, record) = try server {
            $0.limits.maxConnectionsPerUser = 1
            $0.limits.userLimitProbe = .milliseconds(300)
            $0.access.closeCodes = .classic
        }
        let living = try await Client.open(server.port, "/a?user=ada", answersPings: true)
        async let received = living.receive()
        try await eventually("it is open") { record.openConnections.count == 1 }
        let refused = try await Client.open(server.port, "/a?user=ada")
        #expect(try await refused.receive() == .close(4008, "too many connections"))
        try server.user("ada").connections[0].close(code: 1000)
        #expect(try await received == .close(1000, ""))
        try living.close(code: 1000)
        try await eventually("it is closed") { record.closings.count == 1 }

        let ghost = try await Client.open(server.port, "/a?user=ada")
        try await eventually("it is open") { record.openConnections.count == 2 }
        let newcomer = try await Client.open(server.port, "/a?user=ada")
        try await eventually("the ghost is cut") { record.closings.last?.code == 4107 }
        try newcomer.close(code: 1000)
        _ = ghost
        try await server.stop()
    }

    @Test("an address has so many connections, and so many handshakes")
    func addresses() async throws {
        let (server, _) = try server {
            $0.limits.maxConnectionsPerIP = 2
            $0.limits.rateLimitHandshakes = "3/h"
        }
        let one = try await Client.open(server.port, "/a?user=ada")
        let two = try await Client.open(server.port, "/a?user=ben")
        let three = try await Client.upgrade(server.port, "/a?user=eve")
        #expect(three.head.hasPrefix("HTTP/1.1 429 ") && three.head.contains("\r\nRetry-After: "))
        for client in [one, two] { try client.close(code: 1000) }
        try await eventually("they are closed") { try server.connectionCount == 0 }
        let four = try await Client.upgrade(server.port, "/a?user=eve")
        #expect(four.head.hasPrefix("HTTP/1.1 101 ") || four.head.hasPrefix("HTTP/1.1 429 "))
        let five = try await Client.upgrade(server.port, "/a?user=eve")
        #expect(five.head.hasPrefix("HTTP/1.1 429 "))
        try await server.stop()
    }

    @Test("a trusted proxy names the peer, others do not")
    func proxies() async throws {
        for (trusted, expected) in [("127.0.0.0/8", "192.0.2.1:0"), ("10.0.0.0/8", "127.0.0.1")] {
            let (server, record) = try server { $0.limits.trustedProxies = trusted }
            let client = try await Client.upgrade(
                server.port, "/a?user=ada", fields: "X-Forwarded-For: 192.0.2.1\r\n")
            #expect(client.head.hasPrefix("HTTP/1.1 101 "))
            try await eventually("it is open") { record.openConnections.count == 1 }
            let addresses = record.events.compactMap { event -> String? in
                if case .open(_, let request, _) = event { request.address } else { nil }
            }
            #expect(addresses[0].hasPrefix(expected), "\(addresses)")
            try client.close(code: 1000)
            try await server.stop()
        }
    }

    @Test("who comes back within presenceGrace was never away")
    func grace() async throws {
        let (server, record) = try server { $0.presenceGrace = .seconds(3600) }
        for number in 1...3 {
            let client = try await Client.open(server.port, "/a?user=ada")
            try await eventually("it is open") { record.openConnections.count == number }
            #expect(try server.room("a").users == ["ada"])
            try client.close(code: 1000)
            try await eventually("it is closed") { record.closings.count == number }
        }
        #expect(record.kinds.count { $0 == "userJoined" } == 1 && !record.kinds.contains("userLeft"))
        try await server.stop()
    }

    @Test("messages are compressed for peers that know how, and for no others")
    func compression() async throws {
        let (server, record) = try server { $0.compression = true }
        let plain = try await Client.open(server.port, "/a?user=ada")
        let small = try await Client.upgrade(
            server.port, "/a?user=ben", fields: "Sec-WebSocket-Extensions: permessage-deflate\r\n")
        #expect(small.head.contains("permessage-deflate") && !plain.head.contains("permessage-deflate"))
        try await eventually("both are there") { record.openConnections.count == 2 }
        try await eventually("both are in the room") { try server.room("a").members.count == 2 }
        let text = String(repeating: "hearth ", count: 1000)
        #expect(try server.room("a").broadcast(.binary(Array(text.utf8))) == 2)
        #expect(try await plain.receive() == .binary(Array(text.utf8)))
        guard case .binary(let bytes) = try await small.receive() else {
            throw ClientFault(description: "no message")
        }
        #expect(bytes.count < text.utf8.count / 10)
        for client in [plain, small] { try client.close(code: 1000) }
        try await server.stop()
    }
}
