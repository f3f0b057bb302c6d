import Hearth
import Testing

/// The ways on which a client comes to its server.
@Suite("Ways of a client", .timeLimit(.minutes(1)))
struct ClientWaysTests {
    private static let credentials = "Proxy-Authorization: Basic YW5uOnNlY3JldA==\r\n"

    private func sendAndReceive(_ text: String, _ client: Hearth.Client) async throws {
        try client.send(text)
        for try await message in client.messages {
            #expect(message == .text(text))
            return
        }
        Issue.record("the messages ended")
    }

    /// Why the first attempt failed.
    private func failure(
        of url: String, _ configure: (inout Configuration) -> Void = { _ in }
    ) async throws -> ClientEnd {
        do {
            _ = try await Hearth.Client.connect(url, headers: [("X-Secret", "1")], configure)
        } catch let end as ClientEnd {
            return end
        }
        throw ClientFault(description: "connected")
    }

    /// Answers the next connection with a redirect. Returns the request.
    private func redirect(_ listener: Listener, to location: String) async throws -> String {
        let peer = try await listener.accept()
        let request = try await peer.readRequest()
        try peer.write("HTTP/1.1 302 Found\r\nLocation: \(location)\r\nContent-Length: 0\r\n\r\n")
        return request
    }

    @Test("a proxy is shown its credentials, and carries what comes and goes")
    func goesThroughProxy() async throws {
        let (server, record) = try echoServer()
        try server.start()
        let proxy = try Listener()
        let port = server.port
        let carrying = Task { () -> String in
            let near = try await proxy.accept()
            let request = try await near.readRequest()
            let far = try Client(port: port)
            try near.write("HTTP/1.1 200 Connection established\r\n\r\n")
            try await near.exchange(with: far)
            return request
        }
        let client = try await Hearth.Client.connect("ws://127.0.0.1:\(port)/inside") {
            $0.proxy = "http://ann:secret@127.0.0.1:\(proxy.port)"
        }
        try await sendAndReceive("through", client)
        try await client.close()
        let request = try await carrying.value
        #expect(request.hasPrefix("CONNECT 127.0.0.1:\(port) HTTP/1.1\r\n"))
        #expect(request.contains(Self.credentials))
        guard case .open(_, let opening, _) = record.events[0] else {
            Issue.record("the first event is \(record.kinds)")
            return
        }
        #expect(opening.path == "/inside" && opening.headers["proxy-authorization"] == nil)
        try await server.stop()
    }

    @Test("a proxy that refuses is told from the server, and from one that wants other credentials")
    func proxyRefuses() async throws {
        for (status, code) in [
            ("407 Proxy Authentication Required", HearthError.Code.proxyAuth),
            ("502 Bad Gateway", .proxy),
        ] {
            let proxy = try Listener()
            let refusing = Task {
                let near = try await proxy.accept()
                let request = try await near.readRequest()
                try near.write("HTTP/1.1 \(status)\r\nContent-Length: 0\r\n\r\n")
                return request
            }
            let end = try await failure(of: "ws://example.test/") {
                $0.proxy = "http://127.0.0.1:\(proxy.port)"
            }
            #expect(end.error?.code == code && end.status == Int(status.prefix(3)))
            let request = try await refusing.value
            #expect(request.hasPrefix("CONNECT example.test:80 HTTP/1.1\r\n"))
            #expect(!request.contains("Proxy-Authorization"))
        }
    }

    @Test("redirects are followed as often as is allowed, without what is meant for the first server")
    func followsRedirects() async throws {
        let server = try Server(listen: "127.0.0.1:0")
        let record = Record()
        try server.onEvent { record.append($0.copy()) }
        try server.start()
        let first = try Listener()
        let address = "ws://127.0.0.1:\(server.port)/there"
        let redirecting = Task {
            [try await redirect(first, to: "/next?a=b"), try await redirect(first, to: address)]
        }
        let client = try await Hearth.Client.connect(
            "ws://ann:secret@127.0.0.1:\(first.port)/", headers: [("X-Secret", "1")]
        ) { $0.followRedirects = 2 }
        let requests = try await redirecting.value
        #expect(requests[1].hasPrefix("GET /next?a=b HTTP/1.1\r\n"))
        for request in requests {
            #expect(request.contains("X-Secret: 1\r\n"))
            #expect(request.contains("Authorization: Basic YW5uOnNlY3JldA==\r\n"))
        }
        try await eventually("the open event") { !record.events.isEmpty }
        guard case .open(_, let opening, _) = record.events[0] else {
            Issue.record("the first event is \(record.kinds)")
            return
        }
        #expect(opening.path == "/there")
        #expect(opening.headers["x-secret"] == nil && opening.headers["authorization"] == nil)
        try await client.close()
        try await server.stop()
    }

    @Test("a redirect that is not allowed is an error that says so")
    func refusesRedirects() async throws {
        for allowed in 0...1 {
            let listener = try Listener()
            let redirecting = Task {
                for _ in 0...allowed { _ = try await redirect(listener, to: "/again") }
            }
            let end = try await failure(of: "ws://127.0.0.1:\(listener.port)/") {
                $0.followRedirects = allowed
            }
            #expect(end.error?.code == .redirected && end.status == 302)
            try await redirecting.value
        }
    }

    @Test("a redirect from wss to ws is never followed")
    func staysSealed() async throws {
        let folder = try makeCertificates()
        defer { _ = runCommand("rm -r \(folder)") }
        let plain = try Listener()
        let port = try Listener().port
        // Answers whoever comes, and goes when its time is up.
        _ = runCommand(
            """
            (printf 'HTTP/1.1 301 Moved\\r\\nLocation: ws://127.0.0.1:\(plain.port)/\\r\\n\\r\\n'; sleep 20) |
            timeout 25 openssl s_server -quiet -accept 127.0.0.1:\(port) \
            -cert \(folder)/localhost.pem -key \(folder)/localhost.key >/dev/null 2>&1 &
            """)
        // As soon as it is there.
        var end: ClientEnd
        repeat {
            try await Task.sleep(for: .milliseconds(20))
            end = try await failure(of: "wss://localhost:\(port)/") {
                $0.tls.authorities = "\(folder)/ca.pem"
                $0.followRedirects = 5
            }
        } while end.error?.code == .connect
        #expect(end.error?.code == .redirected && end.status == 301)
        #expect("\(end)".contains("may not lead from wss to ws"))
    }

    @Test("poke makes the attempt that waits at once")
    func pokes() async throws {
        let (first, _) = try echoServer()
        try first.start()
        let port = first.port
        let client = try await Hearth.Client.connect("ws://127.0.0.1:\(port)/") {
            $0.reconnectFloor = .seconds(3600)
            $0.reconnectBackoffBase = .seconds(3600)
            $0.reconnectBackoffMax = .seconds(3600)
        }
        let states = client.states
        try await first.stop()
        for await state in states {
            guard case .reconnecting(let attempt, let delay, let end) = state else { continue }
            #expect(attempt == 1 && delay >= .seconds(3600) && end.code == 1001)
            break
        }
        let (second, _) = try echoServer { $0.listen = "127.0.0.1:\(port)" }
        try second.start()
        client.poke()
        try await sendAndReceive("back", client)
        #expect(try client.statistics().opens == 2)
        try await client.close()
        try await second.stop()
    }

    @Test("a unix address is a socket of this machine, and the path behind it the server's")
    func connectsToUnixSocket() async throws {
        let folder = try makeFolder()
        defer { _ = runCommand("rm -r \(folder)") }
        let (server, record) = try echoServer { $0.listen = "unix:\(folder)/hearth.sock" }
        try server.start()
        let url = "unix:\(folder)/hearth.sock:/inside?a=b"
        let client = try await Hearth.Client.connect(url)
        #expect(client.url == url)
        try await sendAndReceive("near", client)
        guard case .open(_, let opening, _) = record.events[0] else {
            Issue.record("the first event is \(record.kinds)")
            return
        }
        #expect(opening.path == "/inside" && opening.query == "a=b")
        try await client.close()
        try await server.stop()
        let end = try await failure(of: "unix:\(folder)/nobody.sock")
        #expect(end.error?.code == .connect)
    }
}
