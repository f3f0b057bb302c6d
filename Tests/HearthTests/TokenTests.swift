#if HEARTH_JWT
    import Hearth
    import Testing

    #if canImport(Glibc)
        import Glibc
    #elseif canImport(Musl)
        import Musl
    #else
        import Darwin
    #endif

    private func wallMilliseconds() -> UInt64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return UInt64(now.tv_sec) * 1000 + UInt64(now.tv_nsec) / 1_000_000
    }

    /// Signed with HS256: ada until 2100, room 7, scopes "read write" and "read admin".
    private let writer =
        "eyJhbGciOiAiSFMyNTYifQ.eyJzdWIiOiAiYWRhIiwgImV4cCI6IDQxMDI0NDQ4MDAsICJzY29wZSI6I"
        + "CJyZWFkIHdyaXRlIiwgInJvb20iOiAiNyJ9.vvcWrVY7xS6LwURnwo5ZqOscpAFJqBZ2N9nzEPGejKA"
    private let admin =
        "eyJhbGciOiAiSFMyNTYifQ.eyJzdWIiOiAiYWRhIiwgImV4cCI6IDQxMDI0NDQ4MDAsICJzY29wZSI6I"
        + "CJyZWFkIGFkbWluIiwgInJvb20iOiAiNyJ9.TaqyIwBkx0ubt4LAP2JQOZm1y34G0bRjy5sqCZlXQi0"

    @Suite("Tokens", .timeLimit(.minutes(1)))
    struct TokenTests {
        private func tokenServer() throws -> (Server, Record) {
            try echoServer {
                $0.tokens.algorithms = ["HS256"]
                $0.tokens.secrets = ["0123456789abcdef0123456789abcdef"]
            }
        }

        @Test("a token lets in, and says who it is")
        func principal() async throws {
            let (server, record) = try tokenServer()
            try server.route(
                "/{room}", access: RouteAccess(.user, scopes: ["write"], claims: ["room": "{room}"]))
            try server.start()
            let refused = try await Client.upgrade(server.port, "/7")
            #expect(refused.head.hasPrefix("HTTP/1.1 401 "))
            let other = try await Client.upgrade(server.port, "/8?token=\(writer)")
            #expect(other.head.hasPrefix("HTTP/1.1 403 "))
            let client = try await Client.open(server.port, "/7", protocols: "bearer, \(writer)")
            #expect(client.head.contains("\r\nSec-WebSocket-Protocol: bearer\r\n"))
            try await eventually("the open event") { record.openConnections.count == 1 }
            let connection = record.openConnections[0]
            let principal = try #require(try connection.principal)
            #expect(principal.id == "ada" && principal.scopes == ["read", "write"])
            #expect(
                principal.claims.contains("\"room\":\"7\"") || principal.claims.contains("\"room\": \"7\""))
            #expect(throws: HearthError.self) { try connection.authenticate("rubbish") }
            do throws(HearthError) { try connection.authenticate(admin) } catch {
                #expect(error.code == .notAllowed)
            }
            try connection.authenticate(writer)
            try server.reloadKeys()
            try client.close(code: 1000)
            try await server.stop()
        }

        @Test("a connection may be given an end, which is told before and then comes")
        func expiry() async throws {
            let (server, record) = try echoServer { $0.access.expiryNoticeInterval = .milliseconds(100) }
            try server.start()
            let client = try await Client.open(server.port, "/")
            try await eventually("the open event") { record.openConnections.count == 1 }
            let connection = record.openConnections[0]
            try connection.setExpiry(milliseconds: 4_000_000_000_000)
            try connection.setExpiry(milliseconds: nil)
            try connection.setExpiry(milliseconds: wallMilliseconds() + 400)
            #expect(try await client.receive() == .close(4106, "the session has expired"))
            #expect(record.kinds.contains("expiring") && record.kinds.contains("expired"))
            try await server.stop()
        }

        @Test("forged and malformed tokens are refused, and a public key is no secret")
        func forged() async throws {
            let (server, _) = try tokenServer()
            try server.start()
            let parts = writer.split(separator: ".").map(String.init)
            let none = "eyJhbGciOiJub25lIn0"
            let wrong = [
                "\(none).\(parts[1]).", "\(none).\(parts[1]).\(parts[2])", "\(parts[0]).\(parts[1]).",
                "\(parts[0]).\(parts[1]).\(parts[2].dropLast(2))AA", "\(parts[0]).\(parts[1])", "x", "..",
            ]
            for token in wrong {
                let refused = try await Client.upgrade(
                    server.port, "/", fields: "Authorization: Bearer \(token)\r\n")
                #expect(refused.head.hasPrefix("HTTP/1.1 401 ") && !refused.head.contains(parts[1]))
            }
            try await server.stop()
            #expect {
                _ = try Server(listen: "127.0.0.1:0") {
                    $0.tokens.algorithms = ["HS256"]
                    $0.tokens.secrets = ["-----BEGIN PUBLIC KEY-----MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE"]
                }
            } throws: { error in
                (error as? HearthError)?.detail.contains("public keys belong in jwt_public_keys") == true
            }
        }

        @Test("a token comes by header, cookie and query, and a page is told by close code")
        func places() async throws {
            let (server, record) = try echoServer {
                $0.tokens.algorithms = ["HS256"]
                $0.tokens.secrets = ["0123456789abcdef0123456789abcdef"]
                $0.access.refusalDelay = .zero
                $0.access.closeCodes = .policy
            }
            try server.start()
            let places = [
                ("/", "Authorization: Bearer \(writer)\r\n"), ("/", "Cookie: token=\(writer)\r\n"),
                ("/?token=\(writer)", ""),
            ]
            for (number, (path, fields)) in places.enumerated() {
                let client = try await Client.upgrade(server.port, path, fields: fields)
                #expect(client.head.hasPrefix("HTTP/1.1 101 "))
                try await eventually("it is open") { record.openConnections.count == number + 1 }
                try client.close(code: 1000)
            }
            let stranger = try await Client.upgrade(
                server.port, "/?token=\(writer)", fields: "Origin: https://evil.example\r\n")
            #expect(stranger.head.hasPrefix("HTTP/1.1 403 "))
            let page = try await Client.upgrade(server.port, "/", fields: "Origin: http://127.0.0.1\r\n")
            #expect(page.head.hasPrefix("HTTP/1.1 101 "))
            #expect(try await page.receive() == .close(1008, "a token is required"))
            try page.close(code: 1008)
            try await server.stop()
        }

        @Test("a peer renews its token by an event")
        func renewing() async throws {
            let (server, _) = try tokenServer()
            try server.route("/", dialect: .json(handling: [.authenticate]))
            try server.start()
            let client = try await Client.open(server.port, "/?token=\(writer)")
            try client.send("{\"type\":\"authenticate\",\"data\":{\"token\":\"x\"}}")
            guard case .text(let error) = try await client.receive() else {
                throw ClientFault(description: "no text")
            }
            #expect(error.contains("\"code\":\"invalid_token\""))
            try client.send("{\"type\":\"authenticate\",\"data\":{\"token\":\"\(admin)\"}}")
            guard case .text(let answer) = try await client.receive() else {
                throw ClientFault(description: "no text")
            }
            #expect(answer.hasPrefix("{\"type\":\"authenticate\",\"data\":{\"seconds\":"))
            try client.close(code: 1000)
            try await server.stop()
        }
    }
#endif
