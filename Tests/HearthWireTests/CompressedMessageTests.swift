import HearthBytes
import HearthWire
import Testing

@Suite("RFC 7692 6 and 7.2: compressed messages as frames")
struct CompressedMessageTests {
    /// "Hello", as RFC 7692 7.2.3.1 has it.
    private let hello = hex("f2 48 cd c9 c9 07 00")

    private func compressed(_ payload: [UInt8], _ opcode: UInt8 = 1, isFinal: Bool = true) -> [UInt8] {
        frame(opcode, payload, isFinal: isFinal, reserved: 4)
    }

    @Test("gives a compressed message as it came, whole and in the fragments of 7.2.3.1")
    func givesCompressedMessages() {
        expectDecoded(
            compressed(hello) + text("a") + compressed(hello, 2),
            [.compressed(.text, hello), .text("a"), .compressed(.binary, hello)], takesCompressed: true)
        expectDecoded(
            hex("41 03 f2 48 cd 80 04 c9 c9 07 00"), [.compressed(.text, hello)], Limits.client,
            takesCompressed: true)
    }

    @Test("lets plain control frames come between the fragments of a compressed message")
    func letsControlFramesBetween() {
        expectDecoded(
            compressed([0xF2], isFinal: false) + frame(9, [0xFF]) + frame(0, Array(hello[1...])) + text("a"),
            [.ping([0xFF]), .compressed(.text, hello), .text("a")], takesCompressed: true)
    }

    @Test("checks no UTF-8 before a text is inflated, and does after it in the next plain one")
    func checksNoUTF8OfCompressedText() {
        let bytes: [UInt8] = [0xFF, 0xC3]
        expectDecoded(
            compressed(bytes) + compressed(bytes, isFinal: false) + frame(0, bytes) + frame(1, bytes),
            [.compressed(.text, bytes), .compressed(.text, bytes + bytes), .failed(.invalidUTF8)],
            takesCompressed: true)
        expectDecoded(
            compressed(bytes, isFinal: false) + frame(0, bytes) + frame(1, bytes, isFinal: false),
            [.compressed(.text, bytes + bytes), .failed(.invalidUTF8)], takesCompressed: true)
    }

    @Test("refuses RSV1 on control frames, on continuations, and where no compression was agreed on")
    func refusesRSV1() {
        for opcode: UInt8 in [8, 9, 10] {
            expectDecoded(
                frame(opcode, [], reserved: 4), [.failed(.reservedBits)], takesCompressed: true)
        }
        expectDecoded(
            compressed([0], isFinal: false) + frame(0, [], reserved: 4), [.failed(.reservedBits)],
            takesCompressed: true)
        expectDecoded(
            text("a", isFinal: false) + frame(0, [], reserved: 4), [.failed(.reservedBits)],
            takesCompressed: true)
        expectDecoded(compressed(hello), [.failed(.reservedBits)])
    }

    @Test("refuses the other reserved bits all the same", arguments: [1, 2, 3, 5, 6, 7] as [UInt8])
    func refusesOtherBits(_ reserved: UInt8) {
        expectDecoded(
            frame(1, hello, reserved: reserved), [.failed(.reservedBits)], takesCompressed: true)
    }

    @Test("takes so many bytes of a compressed message as one of the greatest size can become, and no more")
    func boundsCompressedSize() {
        let limits = DecoderLimits(role: .server, maxMessageSize: 640, maxFragments: 10)
        let largest = [UInt8](repeating: 1, count: 640 + 40 + 64)
        func outcomes(_ stream: [UInt8]) -> [Outcome] {
            let halves = [0..<stream.count / 2, stream.count / 2..<stream.count]
            return decode(stream, halves, limits, takesCompressed: true).map(\.outcome)
        }
        #expect(outcomes(compressed(largest)) == [.compressed(.text, largest)])
        #expect(outcomes(compressed(largest + [1])) == [.failed(.messageTooLarge)])
        let first = compressed(Array(largest[..<700]), isFinal: false)
        #expect(outcomes(first + frame(0, Array(largest[700...]))) == [.compressed(.text, largest)])
        #expect(outcomes(first + frame(0, Array(largest[699...]))) == [.failed(.messageTooLarge)])
        #expect(outcomes(frame(2, Array(largest[..<641]))) == [.failed(.messageTooLarge)])
        #expect(
            outcomes(compressed([0]) + frame(2, Array(largest[..<641])))
                == [.compressed(.text, [0]), .failed(.messageTooLarge)])
    }

    @Test("writes RSV1 into the header of a compressed message only")
    func writesRSV1() {
        var bytes = [UInt8](repeating: 0, count: 14)
        for (isCompressed, first) in [(true, 0xC1), (false, 0x81)] as [(Bool, UInt8)] {
            let count = bytes.withUnsafeMutableBufferPointer {
                FrameHeader.write(
                    opcode: .text, isCompressed: isCompressed, payloadCount: 5, into: $0.baseAddress!)
            }
            #expect(Array(bytes[..<count]) == [first, 5])
            let maskedCount = bytes.withUnsafeMutableBufferPointer {
                FrameHeader.write(
                    opcode: .text, isCompressed: isCompressed, payloadCount: 300, maskKey: 0x0403_0201,
                    into: $0.baseAddress!)
            }
            #expect(Array(bytes[..<maskedCount]) == [first, 0xFE, 1, 44, 1, 2, 3, 4])
        }
    }
}
