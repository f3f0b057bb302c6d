import Testing

@testable import HearthBytes

@Suite("UTF-8 validation")
struct UTF8ValidatorTests {
    /// How many bytes are taken before one is refused, fed in pieces of `pieceCount`; nil: none is refused.
    private func refusedAt(_ bytes: [UInt8], pieceCount: Int) -> Int? {
        var validator = UTF8Validator()
        var start = 0
        while start < bytes.count {
            let end = min(start + pieceCount, bytes.count)
            if !validator.feed(bytes.span, start, end) { return start }
            start = end
        }
        return nil
    }

    private func isWhole(_ bytes: [UInt8], cutAt cut: Int) -> Bool {
        var validator = UTF8Validator()
        return validator.feed(bytes.span, 0, cut) && validator.feed(bytes.span, cut, bytes.count)
            && validator.isComplete
    }

    static let valid: [[UInt8]] = [
        [],
        [0x00],
        [0x7F],
        [0xC2, 0x80],
        [0xDF, 0xBF],
        [0xE0, 0xA0, 0x80],
        [0xE1, 0x80, 0x80],
        [0xEC, 0xBF, 0xBF],
        [0xED, 0x80, 0x80],
        [0xED, 0x9F, 0xBF],  // U+D7FF
        [0xEE, 0x80, 0x80],  // U+E000
        [0xEF, 0xBF, 0xBD],
        [0xEF, 0xBF, 0xBE],  // U+FFFE, no character and yet valid
        [0xEF, 0xBF, 0xBF],
        [0xF0, 0x90, 0x80, 0x80],  // U+10000
        [0xF1, 0x80, 0x80, 0x80],
        [0xF3, 0xBF, 0xBF, 0xBF],
        [0xF4, 0x8F, 0xBF, 0xBF],  // U+10FFFF
        Array("κόσμε".utf8),
        Array("Hello-µ@ßöäüàá-UTF-8!!".utf8),
        Array("a long run of plain text, then ✓, then more plain text again, and 日本語 at the end".utf8),
        Array(repeating: 0x61, count: 100) + [0xC3, 0xA9] + Array(repeating: 0x62, count: 33),
    ]

    /// A text, and the index of the byte that no text can have there.
    static let invalid: [([UInt8], at: Int)] = [
        ([0x80], 0),
        ([0xBF], 0),
        ([0x61, 0x80], 1),
        ([0xC0, 0x80], 0),  // overlong forms
        ([0xC1, 0xBF], 0),
        ([0xE0, 0x80, 0x80], 1),
        ([0xE0, 0x9F, 0xBF], 1),
        ([0xF0, 0x80, 0x80, 0x80], 1),
        ([0xF0, 0x8F, 0xBF, 0xBF], 1),
        ([0xED, 0xA0, 0x80], 1),  // surrogates
        ([0xED, 0xBF, 0xBF], 1),
        ([0xED, 0xAD, 0xBF, 0xED, 0xB0, 0x80], 1),
        ([0xF4, 0x90, 0x80, 0x80], 1),  // beyond U+10FFFF
        ([0xF5, 0x80, 0x80, 0x80], 0),
        ([0xF8, 0x88, 0x80, 0x80, 0x80], 0),
        ([0xFC, 0x84, 0x80, 0x80, 0x80, 0x80], 0),
        ([0xFE], 0),
        ([0xFF], 0),
        ([0xC2, 0x41], 1),  // a character that breaks off
        ([0xE1, 0x80, 0x41], 2),
        ([0xF1, 0x80, 0x80, 0x41], 3),
        ([0xF1, 0x80, 0x80, 0xC2], 3),
        (Array("κόσμε".utf8) + [0xED, 0xA0, 0x80] + Array("edited".utf8), 11),
        (Array(repeating: 0x61, count: 77) + [0xFF] + Array(repeating: 0x61, count: 77), 77),
    ]

    @Test("takes every valid text, cut anywhere", arguments: valid)
    func takesValidText(_ text: [UInt8]) {
        #expect(isText(text))
        for cut in 0...text.count { #expect(isWhole(text, cutAt: cut)) }
    }

    @Test("refuses the first byte that no text can have there", arguments: invalid)
    func refusesTheFirstBadByte(_ text: [UInt8], position: Int) {
        #expect(!isText(text))
        #expect(refusedAt(text, pieceCount: 1) == position)
        #expect(refusedAt(text, pieceCount: text.count) == 0)
        for cut in 0...text.count { #expect(!isWhole(text, cutAt: cut)) }
    }

    @Test("refuses a text that breaks off", arguments: valid.filter { ($0.last ?? 0) >= 0x80 })
    func refusesTextThatBreaksOff(_ text: [UInt8]) {
        let cut = Array(text.dropLast())
        var validator = UTF8Validator()
        let isTaken = validator.feed(cut.span, 0, cut.count)
        #expect(isTaken)
        #expect(!validator.isComplete)
        #expect(!isText(cut))
        validator.reset()
        #expect(validator.isComplete)
    }

    @Test("agrees with the standard library on every pair and on every triple after a lead byte")
    func agreesWithStandardLibrary() {
        var disagreements = 0
        func check(_ bytes: [UInt8]) {
            let isValid = String(validating: bytes, as: UTF8.self) != nil
            if isText(bytes) != isValid { disagreements += 1 }
        }
        for first in 0...UInt8.max {
            for second in 0...UInt8.max {
                check([first, second])
                guard first >= 0xE0 else { continue }
                for third: UInt8 in [0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF] {
                    check([first, second, third])
                    check([first, second, third, 0x80])
                    check([0x61, first, second, third, 0xBF, 0x61])
                }
            }
        }
        #expect(disagreements == 0)
    }

    @Test("looks only at the range it is given")
    func looksOnlyAtItsRange() {
        let bytes: [UInt8] = [0xFF] + Array("text".utf8) + [0xFF]
        #expect(isText(bytes, 1..<5))
        #expect(!isText(bytes, 0..<5))
        #expect(!isText(bytes, 1..<6))
    }
}
