import Testing

@testable import HearthBytes

@Suite("Texts put together")
struct TextBufferTests {
    @Test("has what was appended, in order, however it grew")
    func appends() {
        var buffer = TextBuffer()
        defer { buffer.deallocate() }
        #expect(buffer.count == 0 && buffer.array == [])
        var expected: [UInt8] = []
        for round in 0..<40 {
            let part = (0..<round).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ round) }
            buffer.append(part)
            buffer.append(UInt8(round))
            buffer.append("static")
            buffer.append(part.span, round / 3..<round)
            buffer.append(byCount: 2) { place in
                place[0] = 1
                place[1] = 2
            }
            expected += part + [UInt8(round)] + Array("static".utf8) + part[(round / 3)...] + [1, 2]
            #expect(buffer.array == expected && buffer.count == expected.count)
        }
        buffer.truncate(to: 5)
        #expect(buffer.array == Array(expected[..<5]))
        buffer.removeAll()
        buffer.append("again")
        #expect(buffer.array == Array("again".utf8))
    }

    @Test("stays where it is while there is room")
    func reserves() {
        var buffer = TextBuffer()
        defer { buffer.deallocate() }
        buffer.append("begin")
        buffer.reserve(1000)
        let place = buffer.bytes.baseAddress
        for _ in 0..<200 { buffer.append("12345") }
        #expect(buffer.bytes.baseAddress == place && buffer.count == 1005)
    }

    @Test(
        "writes numbers in decimal digits",
        arguments: [0, 1, 9, 10, 11, 99, 100, 101, 255, 999, 1000, 65535, 1_000_000, UInt64.max])
    func writesNumbers(_ number: UInt64) {
        var buffer = TextBuffer()
        defer { buffer.deallocate() }
        buffer.append(decimal: number)
        #expect(buffer.array == Array("\(number)".utf8))
    }

    @Test("makes lower case of ASCII letters and of nothing else, at every length and place")
    func lowers() {
        let bytes = Array(0...UInt8.max)
        for count in 0...24 {
            for start in 0...(bytes.count - count) {
                let range = start..<(start + count)
                var buffer = TextBuffer()
                buffer.append("!")
                buffer.append(lowercase: bytes.span, range)
                let expected = bytes[range].map { (0x41...0x5A).contains($0) ? $0 + 0x20 : $0 }
                #expect(buffer.array == [UInt8(ascii: "!")] + expected)
                buffer.deallocate()
            }
        }
    }
}
