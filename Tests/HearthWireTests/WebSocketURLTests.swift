import HearthBytes
import HearthWire
import Testing

@Suite("Addresses of WebSockets (RFC 6455 3, RFC 3986)")
struct WebSocketURLTests {
    private func parse(_ text: String) throws -> WebSocketURL { try WebSocketURL.parse(utf8(text).span) }

    private func redirect(_ url: WebSocketURL, _ location: String) throws -> WebSocketURL {
        try url.redirected(to: utf8(location).span)
    }

    private func fault(_ text: String) -> URLFault? {
        do throws(URLFault) {
            _ = try WebSocketURL.parse(utf8(text).span)
            return nil
        } catch {
            return error
        }
    }

    @Test(
        "reads host, port and target",
        arguments: [
            ("ws://example.org", "example.org", 80, "/", "example.org"),
            ("wss://example.org", "example.org", 443, "/", "example.org"),
            ("WSS://Example.ORG/a/b?c=d&e", "example.org", 443, "/a/b?c=d&e", "example.org"),
            ("ws://h:8080?token=1", "h", 8080, "/?token=1", "h:8080"),
            ("ws://h:/x", "h", 80, "/x", "h"),
            ("ws://h:80/", "h", 80, "/", "h"),
            ("wss://h:80/", "h", 80, "/", "h:80"),
            ("ws://127.0.0.1:65535/%20", "127.0.0.1", 65535, "/%20", "127.0.0.1:65535"),
            ("ws://[::1]:9000/chat", "::1", 9000, "/chat", "[::1]:9000"),
            ("ws://[FE80::1%25eth0]/", "fe80::1%eth0", 80, "/", "[fe80::1]"),
            ("ws://a_b-c.d/", "a_b-c.d", 80, "/", "a_b-c.d"),
            ("ws://h/ä?ö={\"a\"}", "h", 80, "/%C3%A4?%C3%B6=%7B%22a%22%7D", "h"),
        ] as [(String, String, UInt16, String, String)])
    func readsParts(
        _ text: String, _ host: String, _ port: UInt16, _ target: String, _ field: String
    ) throws {
        let url = try parse(text)
        #expect(string(url.host) == host)
        #expect(url.port == port)
        #expect(string(url.target) == target)
        #expect(string(url.hostField) == field)
        #expect(url.isSecure == text.lowercased().hasPrefix("wss"))
        #expect(!url.isUnix && url.credentials.isEmpty)
        #expect(try parse(string(url.text)).hostField == url.hostField)
    }

    @Test("decodes user and password, and leaves them out of the text")
    func readsCredentials() throws {
        let url = try parse("ws://jane:p%40ss%3Aword@h/x")
        #expect(string(url.credentials) == "jane:p@ss:word")
        #expect(string(url.text) == "ws://h/x")
        #expect(string(try parse("ws://jane@h/").credentials) == "jane:")
        #expect(string(try parse("ws://a:b@c@h/").credentials) == "a:b@c")
        #expect(try parse("ws://h/a@b").credentials.isEmpty)
    }

    @Test("reads sockets of this machine, with and without a target")
    func readsSockets() throws {
        for scheme in ["unix:", "ws+unix:"] {
            let url = try parse(scheme + "/run/a%20b.sock:/rooms/1?x=y")
            #expect(url.isUnix && !url.isSecure)
            #expect(string(url.socketPath) == "/run/a b.sock")
            #expect(string(url.target) == "/rooms/1?x=y")
            #expect(string(url.hostField) == "localhost")
        }
        let bare = try parse("unix:relative:name.sock")
        #expect(string(bare.socketPath) == "relative:name.sock")
        #expect(string(bare.target) == "/")
        #expect(string(bare.text) == "unix:relative:name.sock")
    }

    @Test(
        "refuses what is wrong, and says where",
        arguments: [
            ("", .unknownScheme, 0), ("h", .unknownScheme, 0), ("h:80/x", .unknownScheme, 0),
            ("http://h", .unknownScheme, 0), ("ws:h", .unknownScheme, 3), ("ws:/h", .unknownScheme, 3),
            ("ws://", .missingHost, 5), ("ws:///x", .missingHost, 5), ("ws://:80", .missingHost, 5),
            ("ws://a b", .badHost, 6), ("ws://a%41", .badHost, 6), ("ws://[::1]x", .badHost, 10),
            ("ws://bücher.example", .nonASCIIHost, 6),
            ("ws://[::1", .badIPv6, 5), ("ws://[]", .badIPv6, 5), ("ws://[1::2::3]", .badIPv6, 5),
            ("ws://[fe80::1%eth0]", .badIPv6, 13), ("ws://[fe80::1%25e/]", .badIPv6, 5),
            ("ws://h:x", .badPort, 7), ("ws://h:65536", .badPort, 11), ("ws://h:0", .badPort, 7),
            ("ws://a%0Ab:c@h", .badCredentials, 5), ("ws://a%4:b@h", .brokenEscape, 6),
            ("ws://h/%", .brokenEscape, 7), ("ws://h/a%2", .brokenEscape, 8),
            ("ws://h/%zz", .brokenEscape, 7), ("ws://h/%00", .brokenEscape, 7),
            ("ws://h/a b", .unsafeCharacter, 8), ("ws://h/\r\nX: y", .unsafeCharacter, 7),
            ("ws://h/a#b", .fragment, 8), ("ws://h#b", .fragment, 6),
            ("unix:", .missingPath, 5), ("unix::/x", .missingPath, 5),
        ] as [(String, URLFault.Kind, Int)])
    func refusesFaults(_ text: String, _ kind: URLFault.Kind, _ position: Int) {
        #expect(fault(text)?.kind == kind)
        #expect(fault(text)?.position == position)
    }

    @Test("refuses what is too long, and takes what just is not")
    func limitsLengths() throws {
        let path = String(repeating: "a", count: WebSocketURL.bytesMax - 7)
        #expect(try parse("ws://h/" + path).target.count == path.utf8.count + 1)
        #expect(fault("ws://h/a" + path)?.kind == .tooLong)
        #expect(try parse("ws://" + String(repeating: "a", count: 253)).host.count == 253)
        #expect(fault("ws://" + String(repeating: "a", count: 254))?.kind == .hostTooLong)
        #expect(try parse("unix:/" + String(repeating: "a", count: 106)).socketPath.count == 107)
        #expect(fault("unix:/" + String(repeating: "a", count: 107))?.kind == .socketPathTooLong)
    }

    @Test("has a sentence for every fault")
    func hasSentences() {
        for kind in URLFault.Kind.allCases {
            #expect(URLFault(kind, at: 0).sentence.utf8CodeUnitCount > 10)
        }
    }

    @Test(
        "takes the addresses that RFC 4291 2.2 has, and no others",
        arguments: [
            ("::", true), ("::1", true), ("1::", true), ("1:2:3:4:5:6:7:8", true), ("1:2:3:4:5:6:7::", true),
            ("2001:db8::8:800:200C:417A", true), ("::ffff:1.2.3.4", true), ("64:ff9b::255.255.255.255", true),
            ("1:2:3:4:5:6:1.2.3.4", true),
            (":", false), (":::", false), ("1:", false), (":1", false), ("1:2:3:4:5:6:7", false),
            ("1:2:3:4:5:6:7:8:9", false), ("1::2:3:4:5:6:7:8", false), ("12345::", false), ("::g", false),
            ("::1.2.3", false), ("::1.2.3.256", false), ("::1.2.3.4:1", false), ("1.2.3.4", false),
            ("1:2:3:4:5:6:7:1.2.3.4", false), ("::1.2.3.4.5", false),
        ])
    func readsIPv6(_ text: String, _ isGood: Bool) {
        #expect((fault("ws://[\(text)]/") == nil) == isGood)
    }

    // MARK: Redirects

    @Test(
        "follows a redirect as RFC 3986 5.2 resolves it",
        arguments: [
            ("wss://b.example:9/y?z", "wss://b.example:9/y?z"),
            ("https://b.example/y#f", "wss://b.example/y"),
            ("//b.example/y", "wss://b.example/y"), ("/y", "wss://a.example/y"),
            ("y", "wss://a.example/d/y"), ("../y?q", "wss://a.example/y?q"),
            ("./", "wss://a.example/d/"), ("../../..", "wss://a.example/"),
            ("?n=1", "wss://a.example/d/x?n=1"),
            ("", "wss://a.example/d/x?o=1"), ("/a/./b/../c", "wss://a.example/a/c"),
        ])
    func resolvesRedirects(_ location: String, _ expected: String) throws {
        let url = try parse("wss://a.example/d/x?o=1")
        #expect(string(try redirect(url, location).text) == expected)
    }

    @Test("does not follow a redirect out of TLS, off a socket, or to another protocol")
    func refusesRedirects() throws {
        func fault(_ url: String, _ location: String) throws -> URLFault.Kind? {
            let url = try parse(url)
            do throws(URLFault) {
                _ = try url.redirected(to: utf8(location).span)
                return nil
            } catch {
                return error.kind
            }
        }
        #expect(try fault("wss://a/", "ws://a/") == .insecureRedirect)
        #expect(try fault("wss://a/", "HTTP://a/") == .insecureRedirect)
        #expect(try fault("ws://a/", "http://b/") == nil)
        #expect(try fault("unix:/s", "ws://a/") == .redirectLeavesSocket)
        #expect(try fault("unix:/s", "/other") == nil)
        #expect(try fault("ws://a/", "ftp://a/") == .unknownScheme)
        #expect(try fault("ws://a/", "/a b") == .unsafeCharacter)
    }

    @Test("keeps user and password within the same origin alone")
    func keepsCredentials() throws {
        let url = try parse("wss://u:p@a.example/x")
        #expect(string(try redirect(url, "/y").credentials) == "u:p")
        #expect(string(try redirect(url, "wss://a.example/y").credentials) == "u:p")
        #expect(try redirect(url, "wss://a.example:444/y").credentials.isEmpty)
        #expect(try redirect(url, "wss://b.example/y").credentials.isEmpty)
        #expect(string(try redirect(url, "wss://v:q@b.example/").credentials) == "v:q")
    }
}
