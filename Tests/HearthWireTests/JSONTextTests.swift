import HearthWire
import Testing

@Suite("JSON texts (RFC 8259)")
struct JSONTextTests {
    private func isValid(_ text: String) -> Bool { JSONText.isValid(utf8(text).span) }

    private func isPing(_ text: String) -> Bool { JSONText.isPing(utf8(text).span) }

    @Test(
        "takes what is JSON",
        arguments: [
            "0", "-0", "12.50e+3", "1E9", "true", "false", "null", "\"\"", " \t\r\n\"a\" ", "[]", "{}",
            "[1, [2], {\"a\": [ ]}]", "{\"a\":1,\"a\":2}", "{ \"\" : { } }",
            "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00eF\"",
            "\"ü😀\"", "[true,false,null]",
        ])
    func takesJSON(_ text: String) { #expect(isValid(text)) }

    @Test(
        "takes nothing else",
        arguments: [
            "", " ", "a", "tru", "truer", "nul", "01", "-", "+1", "1.", ".5", "1e", "1e+", "0x1", "NaN",
            "\"", "\"a", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"a\nb\"", "'a'", "[", "]", "[1",
            "[1,]", "[,1]", "[1 2]", "[1}", "{", "}", "{]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{1:2}",
            "{\"a\" 1}", "{\"a\":1 \"b\":2}", "{\"a\"::1}", "1 2", "[] []", "{},", "[\"a\":1]", "{\"a\",1}",
            "//a\n1", "\u{feff}1",
        ])
    func refusesOthers(_ text: String) { #expect(!isValid(text)) }

    @Test("takes every cut of a text for invalid, and the whole for valid")
    func refusesCuts() {
        let text = utf8("{\"a\":[1,-2.5e3,true,{\"b\":\"\\u0041\\n\"}],\"c\":null}")
        for count in 0..<text.count {
            let cut = Array(text[..<count])
            let isValid = JSONText.isValid(cut.span)
            #expect(!isValid)
        }
        #expect(isValid(String(decoding: text, as: UTF8.self)))
    }

    @Test("bounds how deep arrays and objects stand in each other")
    func boundsDepth() {
        func nested(_ depth: Int) -> String {
            String(repeating: "[{\"a\":", count: depth / 2) + "1" + String(repeating: "}]", count: depth / 2)
        }
        #expect(isValid(nested(JSONText.depthMax)))
        #expect(!isValid(nested(JSONText.depthMax + 2)))
    }

    @Test("knows a ping that is a message, and nothing else")
    func knowsPings() {
        for text in [
            "{\"type\":\"ping\"}", " { \"at\" : 1 , \"type\" : \"ping\" } ",
            "{\"type\":\"ping\",\"x\":{\"type\":1}}",
            "{\"x\":[\"type\"],\"type\":\"ping\"}",
        ] { #expect(isPing(text), "\(text)") }
        for text in [
            "", "ping", "\"ping\"", "[\"type\",\"ping\"]", "{\"type\":\"pong\"}", "{\"type\":[\"ping\"]}",
            "{\"x\":{\"type\":\"ping\"}}", "{\"type\":\"ping\"", "{\"type\":\"ping\"}x",
            "{\"Type\":\"ping\"}",
            "{\"type\":1,\"x\":\"ping\"}", "{\"x\":\"ping\",\"ping\":\"type\"}",
            "{\"type\":\"ping\",\"type\":{}}", "{\"type\":\"ping\",\"type\":null}",
        ] { #expect(!isPing(text), "\(text)") }
        let filler = String(repeating: " ", count: 256 - 15)
        #expect(isPing("{\"type\":\"ping\"}" + filler))
        #expect(!isPing("{\"type\":\"ping\"}" + filler + " "))
    }
}
