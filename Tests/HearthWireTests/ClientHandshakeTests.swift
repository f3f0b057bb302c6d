import HearthBytes
import HearthWire
import Testing

@Suite("4.1 The client's opening handshake")
struct ClientHandshakeTests {
    private let digest = hex("b3 7a 4f 2c c0 62 4f 16 90 f6 46 06 cf 38 59 45 b2 be c4 ea")

    private func offer(
        subprotocols: String = "", extensions: String = "", fields: String = ""
    ) -> HandshakeOffer {
        HandshakeOffer(
            subprotocols: utf8(subprotocols), extensions: utf8(extensions), fields: utf8(fields))
    }

    private func request(_ url: String, _ offer: HandshakeOffer) throws -> String {
        var request: [UInt8] = []
        let key = ClientHandshake.key(random: utf8("the sample nonce").span)
        ClientHandshake.writeRequest(
            try WebSocketURL.parse(utf8(url).span), key: key, offer, into: &request)
        return string(request)
    }

    // MARK: The request

    @Test("writes the request of RFC 6455 1.2")
    func writesTheExample() throws {
        let fields = offer(subprotocols: "chat, superchat", fields: "Origin: http://example.com\r\n")
        #expect(
            try request("ws://server.example.com/chat", fields)
                == "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n"
                + "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat, superchat\r\n"
                + "Origin: http://example.com\r\n\r\n")
        let input = ClientHandshake.acceptInput(key: utf8("dGhlIHNhbXBsZSBub25jZQ=="))
        #expect(string(input) == "dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
    }

    @Test("sends user and password of the address, unless the program gives its own")
    func sendsCredentials() throws {
        let url = "ws://Aladdin:open%20sesame@h/"
        #expect(
            try request(url, offer()).contains("\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"))
        let own = try request(url, offer(fields: "authorization: Bearer x\r\nhost: other\r\n"))
        #expect(!own.contains("Basic") && own.contains("authorization: Bearer x\r\n"))
        #expect(!own.contains("Host: h") && own.contains("host: other\r\n"))
    }

    @Test("what it writes is accepted by the server's side")
    func meetsTheServer() throws {
        let text = utf8(
            try request("wss://h:1/a?b", offer(subprotocols: "a, b", extensions: "permessage-deflate")))
        var head = RequestHead()
        var scanned = 0
        let limits = HeadLimits(maxBytes: 8192, maxFields: 64)
        let result = head.parse(text.span, limits: limits, scanned: &scanned)
        #expect(result == .complete(headCount: text.count))
        guard case .upgrade(let upgrade) = ServerHandshake.check(head, text.span) else {
            Issue.record("no upgrade")
            return
        }
        var input = TextBuffer()
        defer { input.deallocate() }
        ServerHandshake.writeAcceptInput(upgrade, text.span, into: &input)
        #expect(input.array == ClientHandshake.acceptInput(key: utf8("dGhlIHNhbXBsZSBub25jZQ==")))
    }

    @Test(
        "takes no fields that smuggle a line or say what the handshake says",
        arguments: [
            "A: b", "A: b\r\n\r\n", "A: b\nC: d\r\n", "A b\r\n", ": b\r\n", "A: b\r\n c\r\n",
            "Connection: close\r\n", "upgrade: h2c\r\n", "Sec-WebSocket-Key: x\r\n",
            "Sec-WebSocket-Version: 8\r\n", "Sec-WebSocket-Protocol: a\r\n",
            "Sec-WebSocket-Extensions: a\r\n", "Content-Length: 1\r\n", "Transfer-Encoding: chunked\r\n",
        ])
    func refusesUnsafeFields(_ block: String) { #expect(!isSafeRequest(block)) }

    @Test("takes the fields that programs send", arguments: ["", "Host: a\r\nCookie: b=c\r\nDate: x\r\n"])
    func takesSafeFields(_ block: String) { #expect(isSafeRequest(block)) }

    @Test("takes lists of different tokens as subprotocols")
    func checksSubprotocols() {
        for list in ["", "a", "a, b", "a,b,,c", "v1.chat"] {
            #expect(isTokenList(list))
        }
        for list in ["a b", "a, a", "a;b", "\u{e4}", "a\r\nB: c"] {
            #expect(!isTokenList(list))
        }
    }

    // MARK: The response

    private let good = [
        "Upgrade": "websocket", "Connection": "Upgrade",
        "Sec-WebSocket-Accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    ]

    private enum Outcome: Equatable {
        case accepted(subprotocol: String?)
        case rejected(HandshakeFault)
    }

    private func check(
        _ changes: [String: String?] = [:], line: String = "HTTP/1.1 101 Switching Protocols",
        more: String = "", _ offer: HandshakeOffer? = nil
    ) -> Outcome {
        var fields = good
        for (name, value) in changes { fields[name] = value }
        let head = line + "\r\n" + fields.map { "\($0): \($1)\r\n" }.sorted().joined() + more + "\r\n"
        let bytes = utf8(head)
        var response = ReceivedResponse()
        var scanned = 0
        let limits = HeadLimits(maxBytes: 8192, maxFields: 64)
        _ = response.parse(bytes.span, limits: limits, scanned: &scanned)
        switch ClientHandshake.check(response, bytes.span, digest: digest.span, offer ?? self.offer()) {
        case .accepted(let subprotocol): return .accepted(subprotocol: bytes.string(subprotocol))
        case .rejected(let fault): return .rejected(fault)
        }
    }

    @Test("accepts the answer of RFC 6455 1.2, and what servers make of it")
    func acceptsTheExample() {
        #expect(check() == .accepted(subprotocol: nil))
        #expect(
            check(["Upgrade": "WebSocket", "Connection": "keep-alive, upgrade"])
                == .accepted(subprotocol: nil))
        let chat = offer(subprotocols: "chat, superchat")
        #expect(
            check(["Sec-WebSocket-Protocol": "superchat"], chat) == .accepted(subprotocol: "superchat"))
        #expect(check(chat) == .accepted(subprotocol: nil))
        let deflate = offer(extensions: "permessage-deflate; client_max_window_bits")
        #expect(
            check(["Sec-WebSocket-Extensions": "permessage-deflate; server_max_window_bits=10"], deflate)
                == .accepted(subprotocol: nil))
    }

    private func check(_ offer: HandshakeOffer) -> Outcome { check([:], offer) }

    @Test("refuses each thing that is wrong, by its name")
    func refusesFaults() {
        #expect(check(line: "HTTP/1.1 200 OK") == .rejected(.status(200)))
        #expect(check(line: "HTTP/1.1 401 No") == .rejected(.status(401)))
        #expect(check(line: "HTTP/1.0 101 Switching") == .rejected(.switchedInHTTP10))
        #expect(check(["Upgrade": nil]) == .rejected(.missingUpgrade))
        #expect(check(["Upgrade": "h2c"]) == .rejected(.missingUpgrade))
        #expect(check(["Connection": nil]) == .rejected(.missingConnection))
        #expect(check(["Connection": "close"]) == .rejected(.missingConnection))
        #expect(check(["Sec-WebSocket-Accept": nil]) == .rejected(.missingAccept))
        #expect(
            check(["Sec-WebSocket-Accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOO="]) == .rejected(.wrongAccept))
        #expect(check(["Sec-WebSocket-Accept": ""]) == .rejected(.wrongAccept))
        #expect(check(["Sec-WebSocket-Protocol": "chat"]) == .rejected(.unofferedSubprotocol))
        let chat = offer(subprotocols: "chat, superchat")
        #expect(check(["Sec-WebSocket-Protocol": "Chat"], chat) == .rejected(.unofferedSubprotocol))
        #expect(check(["Sec-WebSocket-Protocol": ""], chat) == .rejected(.unofferedSubprotocol))
        #expect(check(["Sec-WebSocket-Protocol": "chat, superchat"], chat) == .rejected(.severalSubprotocols))
        let two = "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: superchat\r\n"
        #expect(check(more: two, chat) == .rejected(.severalSubprotocols))
        #expect(check(["Sec-WebSocket-Extensions": "x-a"]) == .rejected(.unofferedExtension))
        let deflate = offer(extensions: "permessage-deflate")
        #expect(
            check(["Sec-WebSocket-Extensions": "permessage-deflate, permessage-deflate;a"], deflate)
                == .rejected(.repeatedExtension))
    }

    // MARK: Proxies

    @Test("asks a proxy for a tunnel, with its user and password")
    func asksProxies() throws {
        let proxy = try ProxyURL.parse(utf8("http://u:p@proxy.example:3128/").span)
        var request: [UInt8] = []
        let url = try WebSocketURL.parse(utf8("wss://[2001:db8::1]/x").span)
        ProxyTunnel.writeRequest(to: url, through: proxy, into: &request)
        #expect(
            string(request)
                == "CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n"
                + "Proxy-Authorization: Basic dTpw\r\n\r\n")
        #expect(string(proxy.host) == "proxy.example" && proxy.port == 3128)
        let bare = try ProxyURL.parse(utf8("http://proxy").span)
        request = []
        ProxyTunnel.writeRequest(to: url, through: bare, into: &request)
        #expect(bare.port == 80 && !string(request).contains("Proxy-Authorization"))
    }

    @Test("knows what a proxy answers")
    func checksProxies() {
        func check(_ status: Int) -> ProxyFault? {
            var response = ReceivedResponse()
            var scanned = 0
            let limits = HeadLimits(maxBytes: 100, maxFields: 1)
            _ = response.parse(
                utf8("HTTP/1.0 \(status) x\r\n\r\n").span, limits: limits, scanned: &scanned)
            return ProxyTunnel.check(response)
        }
        #expect(check(200) == nil)
        #expect(check(299) == nil)
        #expect(check(407) == .authenticationRequired)
        #expect(check(403) == .refused(status: 403))
        #expect(check(301) == .refused(status: 301))
    }

    @Test(
        "refuses addresses that are no proxy's",
        arguments: [
            ("proxy:3128", .proxyScheme, 0), ("https://proxy", .proxyScheme, 0),
            ("socks5://proxy", .proxyScheme, 0), ("http://proxy/x", .proxyHasPath, 12),
            ("http://proxy?x", .proxyHasPath, 12), ("http://", .missingHost, 7),
            ("http://proxy:x", .badPort, 13),
        ] as [(String, URLFault.Kind, Int)])
    func refusesProxies(_ text: String, _ kind: URLFault.Kind, _ position: Int) {
        do throws(URLFault) {
            _ = try ProxyURL.parse(utf8(text).span)
            Issue.record("taken")
        } catch {
            #expect(error.kind == kind && error.position == position)
        }
    }
}

private func isSafeRequest(_ block: String) -> Bool { HeaderBlock.isSafeRequest(utf8(block).span) }

private func isTokenList(_ list: String) -> Bool { HTTPSyntax.isTokenList(utf8(list).span) }
