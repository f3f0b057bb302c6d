import HearthWire
import Testing

private func request(_ target: String, _ fields: String...) -> [UInt8] {
    utf8("GET \(target) HTTP/1.1\r\nHost: a\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n")
}

private func withHead<Result>(_ bytes: [UInt8], _ body: (borrowing RequestHead) -> Result) -> Result? {
    var head = RequestHead()
    var scanned = 0
    let limits = HeadLimits(maxBytes: 65536, maxFields: 100)
    guard case .complete = head.parse(bytes.span, limits: limits, scanned: &scanned) else { return nil }
    return body(head)
}

private func tokens(_ sources: TokenSources, _ bytes: [UInt8]) -> [String]? {
    withHead(bytes) { head in
        var found: [FoundToken] = []
        sources.find(head, bytes.span, into: &found)
        return found.map { "\($0.source) \(bytes.string($0.range)!)" }
    }
}

@Suite("Token sources")
struct TokenSourcesTests {
    private let all = TokenSources(
        order: [.header, .subprotocol, .cookie, .query], header: utf8("authorization"), cookie: utf8("token"),
        query: utf8("token"), subprotocol: utf8("bearer"))

    @Test("each source has its token, and they come in the order that was set")
    func order() {
        let bytes = request(
            "/?a=1&token=q.q.q", "Cookie: x=1; token=c.c.c; y=2", "Sec-WebSocket-Protocol: bearer, s.s.s",
            "Authorization: Bearer h.h.h")
        #expect(tokens(all, bytes) == ["header h.h.h", "subprotocol s.s.s", "cookie c.c.c", "query q.q.q"])
        var turned = all
        turned.order = [.query, .header]
        #expect(tokens(turned, bytes) == ["query q.q.q", "header h.h.h"])
        turned.order = []
        #expect(tokens(turned, bytes) == [])
    }

    @Test(
        "the scheme is Bearer in any case, with any spaces behind it",
        arguments: [
            ("Bearer x", ["header x"]), ("bEARER \t x", ["header x"]), ("Basic x", []), ("Bearer", []),
            ("Bearerx", []), ("x", []), ("Bearer a b", ["header a b"]),
        ])
    func schemes(_ value: String, _ expected: [String]) {
        #expect(tokens(all, request("/", "Authorization: \(value)")) == expected)
    }

    @Test("a field of another name may hold the token alone")
    func otherHeader() {
        var sources = all
        sources.header = utf8("x-token")
        #expect(tokens(sources, request("/", "X-Token: t", "Authorization: Bearer h")) == ["header t"])
        #expect(tokens(sources, request("/", "X-Token: Bearer t")) == ["header t"])
    }

    @Test(
        "the token is the subprotocol after bearer, over lists and fields",
        arguments: [
            (["bearer, t"], ["subprotocol t"]), (["chat, bearer,t , x"], ["subprotocol t"]),
            (["bearer", "t"], ["subprotocol t"]), (["bearer"], []), (["t, bearer"], []), (["Bearer, t"], []),
            (["bearer, bearer"], ["subprotocol bearer"]),
            (["bearer, a, bearer, b"], ["subprotocol a", "subprotocol b"]),
        ])
    func subprotocols(_ fields: [String], _ expected: [String]) {
        let lines = fields.map { "Sec-WebSocket-Protocol: \($0)\r\n" }.joined()
        let bytes = utf8("GET / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n")
        #expect(tokens(all, bytes) == expected)
        #expect(withHead(bytes) { all.offersToken($0, bytes.span) } == !expected.isEmpty)
    }

    @Test(
        "a query names its token exactly",
        arguments: [
            ("/?token=t", ["query t"]), ("/?token=", []), ("/?token", []), ("/?tokens=t", []),
            ("/?xtoken=t", []), ("/?a&token=t&b", ["query t"]),
            ("/?token=a&token=b", ["query a", "query b"]),
            ("/?Token=t", []), ("/?token=a%2Eb", ["query a%2Eb"]), ("/?&&token=t&", ["query t"]), ("/", []),
        ])
    func queries(_ target: String, _ expected: [String]) {
        #expect(tokens(all, request(target)) == expected)
    }

    @Test(
        "cookies are pairs, and a name is compared with its case",
        arguments: [
            ("token=t", ["t"]), ("a=b; token=t", ["t"]), ("token=\"t\"", ["t"]), ("token=\"", ["\""]),
            ("token=a=b", ["a=b"]), ("Token=t", []), ("token", []), ("=token", []), ("tokens=t", []),
            (" token = t ;x", ["t"]), ("token=a; token=b", ["a", "b"]), ("token=;token=b", ["b"]),
            (";;;", []), ("xtoken=t;", []),
        ])
    func cookies(_ field: String, _ expected: [String]) {
        #expect(tokens(all, request("/", "Cookie: \(field)")) == expected.map { "cookie \($0)" })
    }

    @Test("a token is three parts of base64url")
    func compact() {
        func parts(_ text: String) -> [String]? {
            let bytes = utf8(text)
            return CompactToken(bytes.span).map {
                [bytes.string($0.header)!, bytes.string($0.payload)!, bytes.string($0.signature)!]
            }
        }
        #expect(parts("eyJ9.e30.c2ln") == ["eyJ9", "e30", "c2ln"])
        #expect(parts("-_-_.AA.AAA") == ["-_-_", "AA", "AAA"])
        for bad in [
            "", ".", "..", "a.b", "eyJ9.e30", "eyJ9.e30.", ".e30.c2ln", "eyJ9..c2ln", "eyJ9.e30.c2ln.c2ln",
            "eyJ9.e30.c2ln.c2ln.c2ln", "eyJ9=.e30.c2ln", "eyJ9.e30.c2ln=", "eyJ9.e30.c2l+", "eyJ9.e30.c2l/",
            "eyJ9.e30.c2 n", "eyJ9.e3\n.c2ln", "A.e30.c2ln", "AB.e30.c2ln", "AAB.e30.c2ln", "é.e30.c2ln",
        ] { #expect(parts(bad) == nil, "\(bad)") }
    }
}

@Suite("Origins")
struct OriginRulesTests {
    private func allows(_ rules: [String], _ origin: String?, host: String = "chat.example:9000") -> Bool? {
        guard let rules = OriginRules(rules.map(utf8)) else { return nil }
        let field = origin.map { "Origin: \($0)\r\n" } ?? ""
        let bytes = utf8("GET / HTTP/1.1\r\nHost: \(host)\r\n\(field)\r\n")
        return withHead(bytes) { rules.allows($0, bytes.span, isSealed: false) }
    }

    private func allowsRequest(
        _ rules: [String], _ request: String, isSealed: Bool
    ) -> Bool? {
        guard let rules = OriginRules(rules.map(utf8)) else { return nil }
        let bytes = utf8(request)
        return withHead(bytes) { rules.allows($0, bytes.span, isSealed: isSealed) }
    }

    @Test("the host of an absolute target replaces Host")
    func absoluteTarget() {
        let request = "GET http://a.example/ HTTP/1.1\r\nHost: b.example\r\nOrigin: http://"
        #expect(allowsRequest(["same-host"], request + "a.example\r\n\r\n", isSealed: false) == true)
        #expect(allowsRequest(["same-host"], request + "b.example\r\n\r\n", isSealed: false) == false)
    }

    @Test("over TLS, a page of http is not of the same host")
    func sameHostOverTLS() {
        let request = "GET / HTTP/1.1\r\nHost: a.example:9000\r\nOrigin: "
        let plain = request + "http://a.example:9000\r\n\r\n"
        let sealed = request + "https://a.example:9000\r\n\r\n"
        #expect(allowsRequest(["same-host"], plain, isSealed: true) == false)
        #expect(allowsRequest(["same-host"], plain, isSealed: false) == true)
        #expect(allowsRequest(["same-host"], sealed, isSealed: true) == true)
    }

    @Test("a host with characters that no host has matches no pattern")
    func noHosts() {
        for host in [
            #"evil.example\.good.example"#, "evil.example%2f.good.example", "a?.good.example",
            "a b.good.example",
        ] {
            #expect(allows(["https://*.good.example"], "https://" + host) == false, "\(host)")
        }
        #expect(allows(["https://*.good.example"], "https://a.good.example") == true)
    }

    @Test("who sends no origin is no browser")
    func none() {
        #expect(allows(["same-host"], nil) == true)
        #expect(allows(["https://a.example"], nil) == true)
    }

    @Test("the same host is the same name and port, whatever the case")
    func sameHost() {
        #expect(allows(["same-host"], "http://chat.example:9000") == true)
        #expect(allows(["same-host"], "HTTP://CHAT.Example:9000") == true)
        #expect(allows(["same-host"], "http://chat.example") == false)
        #expect(allows(["same-host"], "http://chat.example:9001") == false)
        #expect(allows(["same-host"], "http://evil-chat.example:9000") == false)
        #expect(allows(["same-host"], "https://chat.example", host: "chat.example") == true)
        #expect(allows(["same-host"], "http://chat.example:80", host: "chat.example") == true)
        #expect(allows(["same-host"], "https://chat.example:443", host: "chat.example") == true)
        #expect(allows(["same-host"], "https://chat.example:80", host: "chat.example") == false)
        #expect(allows(["same-host"], "http://[::1]:9000", host: "[::1]:9000") == true)
        #expect(allows(["same-host"], "http://[::2]:9000", host: "[::1]:9000") == false)
        #expect(allows(["same-host"], "null") == false)
        #expect(allows(["same-host"], "") == false)
    }

    @Test("patterns name scheme, host and port")
    func patterns() {
        let rules = ["https://app.example", "http://*.dev.example:*", "plain.example", "null", "app://local"]
        for good in [
            "https://app.example", "https://app.example:443", "http://a.dev.example:5173",
            "http://a.b.dev.example", "http://plain.example", "https://plain.example", "null", "app://local",
        ] { #expect(allows(rules, good) == true, "\(good)") }
        for bad in [
            "http://app.example", "https://app.example:8443", "https://app.example.evil",
            "https://evil/app.example", "https://x@app.example", "http://dev.example", "http://.dev.example",
            "https://a.dev.example", "http://xdev.example", "app://other", "ftp://plain.example",
            "https://app.example/", "https://app.example:", "https://app.example:443443", "https:app.example",
        ] { #expect(allows(rules, bad) == false, "\(bad)") }
        #expect(allows(["*"], "https://anything") == true)
        #expect(allows([], "https://anything") == false)
    }

    @Test("what is no pattern is refused")
    func badPatterns() {
        for bad in ["://x", "https://", "https://a/", "a b", "https://*.", "https://a:b", "*.", "x@y"] {
            #expect(allows([bad], nil) == nil, "\(bad)")
        }
    }
}

@Suite("Own close codes")
struct OwnCloseCodeTests {
    @Test("all are codes that may be sent, in every profile")
    func valid() {
        for code in OwnCloseCode.allCases {
            for profile in [CloseCodeProfile.own, .classic, .policy] {
                #expect(CloseCode(rawValue: profile.code(code)).mayBeSentByHost)
            }
            #expect((4100...4999).contains(CloseCodeProfile.own.code(code)))
        }
    }

    @Test("profiles give the codes that clients expect")
    func profiles() {
        #expect(CloseCodeProfile.classic.code(.unauthenticated) == 4001)
        #expect(CloseCodeProfile.classic.code(.invalidToken) == 4003)
        #expect(CloseCodeProfile.classic.code(.tooManyConnections) == 4008)
        #expect(CloseCodeProfile.policy.code(.forbidden) == 1008)
        #expect(CloseCodeProfile.policy.code(.slowConsumer) == 4102)
    }
}
