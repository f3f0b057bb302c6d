import Testing

@testable import HearthBytes

@Suite("5.3 Masking")
struct MaskTests {
    private let key: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
    private let keyNumber: UInt32 = 0x3D21_FA37

    private func unmasked(_ bytes: [UInt8], _ range: Range<Int>, phase: Int) -> [UInt8] {
        var bytes = bytes
        var span = bytes.mutableSpan
        unmask(&span, from: range.lowerBound, to: range.upperBound, key: keyNumber, phase: phase)
        return bytes
    }

    @Test("unmasks the example of RFC 6455 5.7")
    func unmasksTheExample() {
        let masked: [UInt8] = [0x7F, 0x9F, 0x4D, 0x51, 0x58]
        #expect(unmasked(masked, 0..<5, phase: 0) == Array("Hello".utf8))
    }

    @Test("changes each byte of the range by its place in the payload and no other byte")
    func unmasksEveryRange() {
        let bytes = (0..<75).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) }
        for start in 0..<11 {
            for end in start...bytes.count {
                for phase in 0..<5 {
                    var expected = bytes
                    for index in start..<end { expected[index] ^= key[(phase + index - start) % 4] }
                    if unmasked(bytes, start..<end, phase: phase) != expected {
                        Issue.record("wrong for \(start)..<\(end), phase \(phase)")
                    }
                }
            }
        }
    }
}
