import Testing

@testable import HearthBytes

@Suite("Base64")
struct Base64Tests {
    /// RFC 4648 10.
    static let examples = [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"), ("\u{3}\u{EF}\u{FF}", "A8Ovw78="),
    ]

    private func decode(_ text: [UInt8], _ bytes: inout [UInt8]) -> Bool {
        Base64.decode(text.span, 0..<text.count, into: &bytes)
    }

    private func count(_ text: [UInt8]) -> Int? { Base64.decodedCount(text.span, 0..<text.count) }

    @Test("encodes and decodes the examples of RFC 4648 10", arguments: examples)
    func encodesTheExamples(_ plain: String, _ encoded: String) {
        let bytes = Array(plain.utf8)
        let expected = Array(encoded.utf8)
        var text: [UInt8] = []
        Base64.encode(bytes.span, into: &text)
        #expect(text == expected)
        var decoded: [UInt8] = [1]
        let isDecoded = decode(expected, &decoded)
        #expect(isDecoded && count(expected) == bytes.count)
        #expect(decoded == [1] + bytes)
    }

    @Test("encodes every byte value back and forth")
    func encodesEveryByte() {
        let bytes = Array(0...UInt8.max)
        var text: [UInt8] = []
        var back: [UInt8] = []
        Base64.encode(bytes.span, into: &text)
        let isDecoded = decode(text, &back)
        #expect(isDecoded && back == bytes)
    }

    @Test(
        "refuses what is not base64 and appends nothing",
        arguments: [
            "Z", "Zg", "Zg=", "Zg===", "=", "====", "Z===", "Zm9v=", "Zm-v", "Zm 9", "Zg==Zg==", "Zh==",
            "Zm9=",
        ])
    func refusesWhatIsNotBase64(_ text: String) {
        let bytes = Array(text.utf8)
        var decoded: [UInt8] = [7]
        let isDecoded = decode(bytes, &decoded)
        #expect(!isDecoded && decoded == [7] && count(bytes) == nil)
    }

    @Test("takes a key that stands for 16 bytes, and none that stands for more, fewer, or nothing")
    func knowsKeys() {
        func isKey(_ text: String) -> Bool {
            let bytes = Array(("," + text + ",").utf8)
            return Base64.isKeyOf16Bytes(bytes.span, 1..<(bytes.count - 1))
        }
        #expect(isKey("dGhlIHNhbXBsZSBub25jZQ=="))
        #expect(isKey("+/+/+/+/+/+/+/+/+/+/+/=="))
        #expect(!isKey(""))
        #expect(!isKey("dGhlIHNhbXBsZSBub25jZQ"))
        #expect(!isKey("dGhlIHNhbXBsZSBub25j"))
        #expect(!isKey("dGhlIHNhbXBsZSBub25jZWQ="))
        #expect(!isKey("dGhlIHNhbXBsZSBub25jZWVl"))
        #expect(!isKey("dGhlIHNhbXBsZSBub25jZQ==dGhl"))
        #expect(!isKey("dGhl!HNhbXBsZSBub25jZQ=="))
        #expect(!isKey("dGhlIHNhbXBsZSBub25j===="))
    }
}
