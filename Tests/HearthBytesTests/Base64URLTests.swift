import Testing

@testable import HearthBytes

@Suite("Base64 for URLs")
struct Base64URLTests {
    private func decoded(_ text: String) -> [UInt8]? {
        let bytes = Array(text.utf8)
        var result: [UInt8] = []
        return Base64URL.decode(bytes.span, 0..<bytes.count, into: &result) ? result : nil
    }

    @Test("what is encoded is decoded to the same, at every length")
    func roundTrip() {
        for count in 1...67 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 251) }
            var text: [UInt8] = []
            Base64URL.encode(bytes.span, into: &text)
            #expect(!text.contains(where: { "+/=".utf8.contains($0) }))
            #expect(decoded(String(decoding: text, as: UTF8.self)) == bytes)
        }
        #expect(decoded("-_-_") == [0xFB, 0xFF, 0xBF])
    }

    @Test("padding, the other alphabet, loose bits and broken lengths are refused")
    func refused() {
        for text in ["", "A", "AAAAA", "Zg==", "Zm8=", "+AAA", "/AAA", "AB", "AAB", "A A", "AA\n", "é"] {
            #expect(decoded(text) == nil, "\(text)")
        }
    }
}
