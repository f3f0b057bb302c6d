import Hearth
import Testing

@Suite("TLS", .timeLimit(.minutes(1)))
struct TLSTests {
    @Test("a server with a certificate speaks TLS, and renews it")
    func speaksTLS() async throws {
        let folder = try makeCertificates()
        defer { _ = runCommand("rm -r \(folder)") }
        let (server, record) = try echoServer {
            $0.tls.certificates = ["\(folder)/localhost.pem"]
            $0.tls.privateKeys = ["\(folder)/localhost.key"]
        }
        try server.start()
        #expect(server.addresses == ["wss://127.0.0.1:\(server.port)"])
        // Opens a WebSocket, and goes when its time is up.
        let request = """
            GET / HTTP/1.1\\r\\nHost: a\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n\
            Sec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n\\r\\n
            """
        _ = runCommand(
            """
            (printf '\(request)'; sleep 30) | timeout 25 openssl s_client -quiet -verify_return_error \
            -CAfile \(folder)/ca.pem -connect 127.0.0.1:\(server.port) >/dev/null 2>&1 &
            """)
        try await eventually("the open event") { !record.openConnections.isEmpty }
        let tls = try #require(try record.openConnections[0].tls)
        #expect(tls.version == "TLSv1.3")
        #expect(tls.cipher == "TLS_AES_128_GCM_SHA256")
        #expect(!tls.isResumed)
        #expect(tls.subject == nil)
        try server.reloadTLS()
        _ = runCommand("echo nothing > \(folder)/localhost.pem")
        do {
            try server.reloadTLS()
            Issue.record("a file with nothing was taken")
        } catch {
            #expect(error.code == .tls)
            #expect(error.description.contains("\(folder)/localhost.pem"))
        }
        #expect(record.openConnections[0].isOpen)
        try await server.stop()
    }

    @Test("a server without a certificate has nothing to renew, and its connections no TLS")
    func plain() async throws {
        let (server, record) = try echoServer()
        try server.start()
        #expect(throwsError(.state) { try server.reloadTLS() })
        let client = try await Client.open(server.port, "/")
        try await eventually("the open event") { !record.openConnections.isEmpty }
        #expect(try record.openConnections[0].tls == nil)
        try client.close(code: 1000)
        try await server.stop()
    }

    @Test("a client speaks TLS with a server whose authority it trusts, and with no other")
    func clients() async throws {
        let folder = try makeCertificates()
        defer { _ = runCommand("rm -r \(folder)") }
        let (server, _) = try echoServer {
            $0.tls.certificates = ["\(folder)/localhost.pem"]
            $0.tls.privateKeys = ["\(folder)/localhost.key"]
            $0.compression = true
        }
        try server.start()
        let url = "wss://localhost:\(server.port)/"
        let client = try await Hearth.Client.connect(url) {
            $0.tls.authorities = "\(folder)/ca.pem"
            $0.compression = true
            $0.compressionThreshold = 16
        }
        let text = String(repeating: "sealed ", count: 10_000)
        try client.send(text)
        for try await message in client.messages {
            #expect(message == .text(text))
            break
        }
        try await client.close()
        do {
            _ = try await Hearth.Client.connect(url)
            Issue.record("a stranger was trusted")
        } catch let end as ClientEnd {
            #expect(end.error?.code == .tlsHandshake)
        }
        try await server.stop()
    }
}
