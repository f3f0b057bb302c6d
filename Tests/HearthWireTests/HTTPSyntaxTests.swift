import Testing

@testable import HearthWire

/// What is looked at eight bytes at a time is what it would be byte by byte.
@Suite("Characters of a head, by words")
struct HTTPSyntaxTests {
    private func isToken(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        HTTPSyntax.isToken(bytes.span, range)
    }

    private func skipVisible(_ bytes: [UInt8], _ from: Int, _ to: Int) -> Int {
        HTTPSyntax.skipVisible(bytes.span, from, to)
    }

    private func find(_ byte: UInt8, _ bytes: [UInt8], _ range: Range<Int>) -> Int {
        HTTPSyntax.find(byte, bytes.span, range)
    }

    private func matches(_ bytes: [UInt8], _ range: Range<Int>, _ word: StaticString) -> Bool {
        HTTPSyntax.matches(bytes.span, range, word)
    }

    private func equals(_ bytes: [UInt8], _ range: Range<Int>, _ word: StaticString) -> Bool {
        HTTPSyntax.equals(bytes.span, range, word)
    }

    /// Around `byte` letters, and hyphens between them.
    private func text(_ count: Int, with byte: UInt8, at place: Int) -> [UInt8] {
        var bytes = (0..<count).map { $0 % 5 == 4 ? UInt8(ascii: "-") : UInt8(ascii: "m") + UInt8($0 % 13) }
        if place < count { bytes[place] = byte }
        return bytes
    }

    @Test("every byte at every place of a text ends a name, or does not, as its character says")
    func findsTokens() {
        for byte in 0...UInt8.max {
            let isTaken = HTTPSyntax.isTokenCharacter(byte)
            let isVisible = byte >= 0x20 && byte < 0x7F
            for place in 0..<20 {
                let bytes = text(20, with: byte, at: place)
                #expect(isToken(bytes, 0..<20) == isTaken)
                #expect(skipVisible(bytes, 0, 20) == (isVisible ? 20 : place))
                #expect(skipVisible(bytes, place / 2, place) == place)
                #expect(isToken(bytes, place..<place) == false)
            }
        }
    }

    @Test("finds the first of a byte, among bytes that differ from it in one bit or by one")
    func findsBytes() {
        for wanted: UInt8 in [0x00, 0x01, 0x20, 0x25, 0x3A, 0x7F, 0x80, 0xFF] {
            for other in 0...UInt8.max where other != wanted {
                var bytes = [UInt8](repeating: other, count: 19)
                #expect(find(wanted, bytes, 0..<19) == 19)
                for place in stride(from: 18, through: 0, by: -1) {
                    bytes[place] = wanted
                    #expect(find(wanted, bytes, 0..<19) == place)
                    #expect(find(wanted, bytes, 0..<place) == place)
                }
            }
        }
    }

    private static let words: [StaticString] = [
        "*", "13", "host", "https:", "upgrade", "same-host", "content-type", "transfer-encoding",
        "sec-websocket-version", "redis+sentinel:",
    ]

    @Test("is a word in whatever case, and no other byte at any place", arguments: words.indices)
    func comparesWords(_ index: Int) {
        let word = Self.words[index]
        let lower = Array("\(word)".utf8)
        let upper = Array("\(word)".uppercased().utf8)
        #expect(matches(upper, 0..<upper.count, word))
        #expect(equals(lower, 0..<lower.count, word))
        #expect(!matches(lower, 1..<lower.count, word))
        for place in lower.indices {
            for byte in 0...UInt8.max {
                var bytes = lower
                bytes[place] = byte
                let isSame = byte == lower[place]
                #expect(matches(bytes, 0..<bytes.count, word) == (isSame || byte == upper[place]))
                #expect(equals(bytes, 0..<bytes.count, word) == isSame)
            }
        }
    }
}
