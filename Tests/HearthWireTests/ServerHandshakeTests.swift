import HearthBytes
import HearthWire
import Testing

@Suite("4.2 The server's opening handshake")
struct ServerHandshakeTests {
    private enum Outcome: Equatable {
        case notUpgrade
        case upgrade(acceptInput: String)
        case rejected(HTTPFault)
    }

    private let fields = [
        "Host": "server.example.com", "Upgrade": "websocket", "Connection": "Upgrade",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13",
    ]

    /// What becomes of the example of RFC 6455 1.2 with fields changed, or taken out with nil.
    private func check(_ changes: [String: String?] = [:], line: String = "GET /chat HTTP/1.1") -> Outcome {
        var fields = fields
        for (name, value) in changes { fields[name] = value }
        let bytes = utf8(line + "\r\n" + fields.map { "\($0): \($1)\r\n" }.sorted().joined() + "\r\n")
        var head = RequestHead()
        var scanned = 0
        let limits = HeadLimits(maxBytes: 8192, maxFields: 64)
        if case .rejected(let fault) = head.parse(bytes.span, limits: limits, scanned: &scanned) {
            return .rejected(fault)
        }
        switch ServerHandshake.check(head, bytes.span) {
        case .notUpgrade: return .notUpgrade
        case .upgrade(let upgrade):
            var input = TextBuffer()
            defer { input.deallocate() }
            ServerHandshake.writeAcceptInput(upgrade, bytes.span, into: &input)
            return .upgrade(acceptInput: string(input.array))
        case .rejected(let fault): return .rejected(fault)
        }
    }

    private let accepted = Outcome.upgrade(
        acceptInput: "dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11")

    @Test("accepts the example of RFC 6455 1.2, and what browsers make of it")
    func acceptsTheExample() {
        #expect(check() == accepted)
        #expect(check(["Connection": "keep-alive, Upgrade"]) == accepted)
        #expect(check(["Connection": "UPGRADE", "Upgrade": "WebSocket"]) == accepted)
        #expect(check(["Upgrade": "h2c, websocket"]) == accepted)
        #expect(check(["Sec-WebSocket-Protocol": "chat, superchat"]) == accepted)
        #expect(check(["Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"]) == accepted)
        #expect(check(["Content-Length": "0"]) == accepted)
    }

    @Test("leaves requests that are no upgrade to a WebSocket alone")
    func leavesOthersAlone() {
        #expect(check(["Upgrade": nil]) == .notUpgrade)
        #expect(check(["Upgrade": "h2c"]) == .notUpgrade)
        #expect(check(["Connection": nil]) == .notUpgrade)
        #expect(check(["Connection": "keep-alive"]) == .notUpgrade)
        #expect(check(["Connection": "Upgraded"]) == .notUpgrade)
    }

    @Test("refuses what is wrong in an upgrade with the status that RFC 6455 4.2 names")
    func refusesWrongUpgrades() {
        #expect(check(line: "POST /chat HTTP/1.1") == .rejected(.upgradeIsNotGet))
        #expect(check(line: "GET /chat HTTP/1.0") == .rejected(.upgradeInHTTP10))
        #expect(check(["Host": nil]) == .rejected(.missingHost))
        #expect(check(["Content-Length": "1"]) == .rejected(.upgradeHasBody))
        #expect(check(["Transfer-Encoding": "chunked"]) == .rejected(.upgradeHasBody))
        #expect(check(["Sec-WebSocket-Version": nil]) == .rejected(.unsupportedWebSocketVersion))
        #expect(check(["Sec-WebSocket-Version": "8"]) == .rejected(.unsupportedWebSocketVersion))
        #expect(check(["Sec-WebSocket-Version": "13, 8"]) == .rejected(.unsupportedWebSocketVersion))
        #expect(check(["Sec-WebSocket-Key": nil]) == .rejected(.missingWebSocketKey))
        #expect(check(["Sec-WebSocket-Key": "c2hvcnQ="]) == .rejected(.badWebSocketKey))
        #expect(check(["Sec-WebSocket-Protocol": "a, \"c\""]) == .rejected(.badSubprotocol))
        #expect(check(["Sec-WebSocket-Protocol": "a, b c"]) == .rejected(.badSubprotocol))
    }

    @Test("tells a client of another version which one is spoken")
    func namesItsVersion() {
        let fault = HTTPFault.unsupportedWebSocketVersion
        #expect(fault.status == 426)
        #expect("\(fault.fields)" == "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n")
        let fields = "\(fault.fields)"
        #expect(isSafeBlock(fields) == true)
    }

    @Test("writes the response of the example of RFC 6455 1.2")
    func writesTheResponse() {
        let digest = hex("b3 7a 4f 2c c0 62 4f 16 90 f6 46 06 cf 38 59 45 b2 be c4 ea")
        var response = TextBuffer()
        defer { response.deallocate() }
        ServerHandshake.writeResponse(
            digest: digest.span, subprotocol: utf8("chat"), fields: utf8("Set-Cookie: a=b\r\n"),
            into: &response)
        #expect(
            string(response.array)
                == "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n"
                + "Set-Cookie: a=b\r\n\r\n")
        response.removeAll()
        ServerHandshake.writeResponse(digest: digest.span, subprotocol: [], into: &response)
        #expect(string(response.array).hasSuffix("kYGzzhZRbK+xOo=\r\n\r\n"))
    }
}

func isSafeBlock(_ text: String) -> Bool { HeaderBlock.isSafe(utf8(text).span) }
