import HearthWire
import Testing

private func fault(_ text: String, depthMax: Int = 32) -> JSONFault? {
    fault(utf8(text), depthMax: depthMax)
}

private func fault(_ bytes: [UInt8], depthMax: Int = 32) -> JSONFault? {
    do throws(JSONFault) {
        try JSONScanner.check(bytes.span, depthMax: depthMax)
        return nil
    } catch {
        return error
    }
}

private func decode(_ bytes: [UInt8], _ range: Range<Int>) -> [UInt8]? {
    var text: [UInt8] = []
    return JSONString.decode(bytes.span, range, into: &text) ? text : nil
}

private func equals(_ bytes: [UInt8], _ range: Range<Int>, _ text: String) -> Bool {
    JSONString.equals(bytes.span, range, utf8(text))
}

@Suite("RFC 8259 JSON")
struct JSONTests {
    static let valid = [
        "0", "-0", "10", "-1.5e+3", "1E9", "0.0", "\"\"", "true", "false", "null", "[]", "{}", " [ 1 , 2 ] ",
        "{\"a\":{\"b\":[null,{}]},\"c\":\"\"}", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00\"",
        "\"\\uD800\"",
        "\"eight by\"", "\"é€😀 and a text of more than one word\"", "\t\r\n{ \"x\" : [ ] }\n", "[[[[1]]]]",
        "\"\u{7f}\"",
    ]
    static let invalid = [
        "", " ", "01", "-", "1.", ".5", "+1", "1e", "1e+", "0x1", "NaN", "Infinity", "tru", "truee", "nul",
        "'a'",
        "\"", "\"\\x\"", "\"\\u12G4\"", "\"\\u12\"", "\"a\nb\"", "\"a long text with a \u{1} control\"",
        "[1,]", "[,1]",
        "[1 2]", "[1", "]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{1:2}", "{\"a\":1 \"b\":2}",
        "{\"a\":1]", "[1}",
        "{} {}", "1 2", "{}x", "\u{FEFF}{}", "// {}", "{\"a\":1,,\"b\":2}", "[\"a\":1]", "{\"a\"::1}",
        "\"\\\"",
    ]

    @Test("a text that the grammar allows is taken", arguments: valid)
    func takesValid(_ text: String) { #expect(fault(text) == nil) }

    @Test("a text that the grammar does not allow is refused", arguments: invalid)
    func refusesInvalid(_ text: String) { #expect(fault(text) != nil) }

    @Test("no beginning of an array, object or string is a text of its own", arguments: valid)
    func refusesEveryCut(_ text: String) {
        let bytes = utf8(text)
        guard let last = bytes.lastIndex(where: { [0x5D, 0x7D, 0x22].contains($0) }) else { return }
        for count in 0...last { #expect(fault(Array(bytes[..<count])) != nil) }
    }

    @Test("the place of a fault is the first byte with which no text can go on")
    func tellsThePlace() {
        #expect(fault("{\"a\":tru}") == .malformed(at: 8))
        #expect(fault("[1,]") == .malformed(at: 3))
        #expect(fault("{\"a\"") == .malformed(at: 4))
    }

    @Test("arrays and objects may be as deep as the limit and no deeper", arguments: [1, 2, 31, 63, 64])
    func limitsDepth(_ depth: Int) {
        for (opening, closing) in [("[", "]"), ("{\"a\":", "}")] {
            let inner = opening == "[" ? "" : "0"
            func nested(_ count: Int) -> String {
                String(repeating: opening, count: count) + inner + String(repeating: closing, count: count)
            }
            #expect(fault(nested(depth), depthMax: depth) == nil)
            #expect(fault(nested(depth + 1), depthMax: depth) == .tooDeep)
        }
        #expect(fault(String(repeating: "[", count: 1 << 20), depthMax: depth) == .tooDeep)
    }

    @Test("any byte in any place is answered, never trapped on", arguments: valid)
    func survivesEveryByte(_ text: String) {
        let bytes = utf8(text)
        for index in bytes.indices {
            for byte: UInt8 in [0, 0x1F, 0x22, 0x2C, 0x5B, 0x5C, 0x5D, 0x75, 0x7B, 0x7D, 0x80, 0xFF] {
                var changed = bytes
                changed[index] = byte
                _ = fault(changed)
                _ = try? Envelope.read(
                    changed.span, EnvelopeKeys(event: [0x61], data: [], room: []), depthMax: 4)
            }
        }
    }
}

@Suite("Strings of JSON")
struct JSONStringTests {
    private func inside(_ literal: String) -> ([UInt8], Range<Int>) {
        let bytes = utf8("\"\(literal)\"")
        return (bytes, 1..<(bytes.count - 1))
    }

    @Test("escapes and surrogate pairs become text")
    func decodes() {
        let (bytes, range) = inside("a\\u00e9\\uD83D\\uDE00\\n\\/é")
        #expect(decode(bytes, range).map(string) == "aé😀\n/é")
    }

    @Test(
        "half a surrogate pair is no text",
        arguments: ["\\uD800", "\\uDC00x", "\\uD800\\u0041", "\\uD800\\n"])
    func refusesHalves(_ literal: String) {
        let (bytes, range) = inside(literal)
        #expect(decode(bytes, range) == nil)
    }

    @Test("a name is known however it is written")
    func compares() {
        for literal in ["type", "t\\u0079pe", "\\u0074\\u0079\\u0070\\u0065"] {
            let (bytes, range) = inside(literal)
            #expect(equals(bytes, range, "type"))
            #expect(!equals(bytes, range, "typ"))
        }
    }

    @Test("characters are counted without the white space around them")
    func measures() {
        for (literal, trimmed, characters) in [
            ("", "", 0), ("  \\n\\u00a0\u{200B}\u{3000}", "", 0), (" a b ", "a b", 3), ("é€😀", "é€😀", 3),
            ("\\uD83D\\uDE00x", "\\uD83D\\uDE00x", 2), ("\\t\\\"q\\\"  ", "\\\"q\\\"", 3),
            ("a  b", "a  b", 4),
        ] {
            let (bytes, range) = inside(literal)
            let measured = JSONString.measure(bytes.span, range)
            #expect(string(Array(bytes[measured.trimmed])) == trimmed)
            #expect(measured.characters == characters)
        }
    }

    @Test("what is written reads back to itself")
    func writes() {
        let text = String((0..<0x80).map { Character(Unicode.Scalar($0)) }) + "é😀"
        var json: [UInt8] = []
        JSONString.write(utf8(text), into: &json)
        #expect(fault(json) == nil)
        #expect(decode(json, 1..<(json.count - 1)).map(string) == text)
    }
}
