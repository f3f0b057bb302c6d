import HearthBytes
import HearthWire
import Testing

@Suite("Percent-encoding (RFC 3986 2.1)")
struct PercentCodingTests {
    private func decoded(_ text: String) -> String? {
        var bytes: [UInt8] = [0x3E]
        let whole = utf8("<" + text + ">")
        let isDecoded = PercentCoding.decode(whole.span, 1..<(whole.count - 1), into: &bytes)
        if !isDecoded { #expect(bytes == [0x3E]) }
        return isDecoded ? string(Array(bytes.dropFirst())) : nil
    }

    @Test(
        "decodes escapes once and nothing else",
        arguments: [
            ("", ""), ("plain", "plain"), ("a%20b", "a b"), ("%2e%2E%2f", "../"), ("%2541", "%41"),
            ("a+b", "a+b"),
            ("%C3%A4", "ä"), ("%f0%9d%84%9e", "𝄞"), ("%0a", "\n"),
        ])
    func decodes(_ text: String, _ expected: String) {
        #expect(decoded(text) == expected)
    }

    @Test(
        "refuses broken escapes, NUL, and what is not UTF-8",
        arguments: [
            "%", "a%", "%4", "%g1", "%1g", "%%41", "% 41", "a%00b", "%ff", "%c3", "%ed%a0%80", "%c0%af",
        ])
    func refuses(_ text: String) {
        #expect(decoded(text) == nil)
    }
}

@Suite("Route patterns")
struct RoutePatternTests {
    private func parse(_ text: String) throws -> RoutePattern {
        try RoutePattern.parse(ByteString(utf8(text)))
    }

    /// The captures of a path; nil: it is not the route's.
    private func match(_ pattern: String, _ path: String) throws -> [String]? {
        let pattern = try parse(pattern)
        let bytes = utf8("<" + path + ">")
        var captures = [0..<99]
        guard pattern.match(bytes.span, 1..<(bytes.count - 1), captures: &captures) else { return nil }
        #expect(captures.count == pattern.names.count)
        return captures.map { bytes.string($0)! }
    }

    @Test(
        "takes the paths of a pattern",
        arguments: [
            ("/", "/", []), ("/chat", "/chat", []), ("/rooms/{room}", "/rooms/a%20b", ["a%20b"]),
            ("/{a}/x/{b_2}", "/1/x/2", ["1", "2"]), ("/files/{path*}", "/files/a/b/c", ["a/b/c"]),
            ("/files/{path*}", "/files/", [""]), ("/{all*}", "/", [""]),
            ("/{a}/{rest*}", "/x//y", ["x", "/y"]),
            ("/a/", "/a/", []), ("/caf%C3%A9", "/caf%C3%A9", []), ("/a//b", "/a//b", []),
        ] as [(String, String, [String])])
    func takesPaths(_ pattern: String, _ path: String, _ captures: [String]) throws {
        #expect(try match(pattern, path) == captures)
    }

    @Test(
        "leaves other paths alone",
        arguments: [
            ("/", ""), ("/", "/a"), ("/chat", "/chat/"), ("/chat", "/Chat"), ("/chat/", "/chat"),
            ("/chat", "/chatter"),
            ("/rooms/{room}", "/rooms/"), ("/rooms/{room}", "/rooms"), ("/rooms/{room}", "/rooms/a/b"),
            ("/rooms/{room}", "/rooms/a/"), ("/files/{path*}", "/files"), ("/a/{b}", "x/a/b"), ("/{a}", "*"),
        ])
    func leavesOtherPaths(_ pattern: String, _ path: String) throws {
        #expect(try match(pattern, path) == nil)
    }

    @Test("names its captures in order")
    func namesCaptures() throws {
        #expect(
            try parse("/{one}/{_2}/{Three*}").names == [
                ByteString("one"), ByteString("_2"), ByteString("Three"),
            ])
    }

    @Test(
        "refuses malformed patterns and says where",
        arguments: [
            ("", 0), ("chat", 0), ("/{a", 2), ("/{}", 2), ("/{*}", 2), ("/{1a}", 2), ("/{a-b}", 3),
            ("/{a}x", 4),
            ("/x{a}", 2), ("/a}", 2), ("/{a}/{a}", 6), ("/{a*}/b", 5), ("/a b", 2), ("/a?b", 2), ("/a#b", 2),
            ("/ä", 1), ("/a%2", 2), ("/a%zz", 2), ("/{a**}", 3), ("/{{a}}", 2),
        ])
    func refusesPatterns(_ pattern: String, _ position: Int) {
        do throws(RoutePatternError) {
            _ = try RoutePattern.parse(ByteString(utf8(pattern)))
            Issue.record("the pattern was taken")
        } catch {
            #expect(error.position == position && error.sentence.utf8CodeUnitCount > 0)
        }
    }
}
