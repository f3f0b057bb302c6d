import HearthBytes
import HearthWire
import Testing

@Suite("5.2 Frame headers that are sent")
struct FrameHeaderTests {
    private func header(_ opcode: Opcode, _ count: Int, maskKey: UInt32? = nil) -> [UInt8] {
        var bytes = [UInt8](repeating: 0xEE, count: FrameHeader.bytesMax)
        let written = bytes.withUnsafeMutableBufferPointer { buffer in
            if let maskKey {
                FrameHeader.write(
                    opcode: opcode, payloadCount: count, maskKey: maskKey, into: buffer.baseAddress!)
            } else {
                FrameHeader.write(opcode: opcode, payloadCount: count, into: buffer.baseAddress!)
            }
        }
        #expect(bytes[written...].allSatisfy { $0 == 0xEE })
        return Array(bytes[..<written])
    }

    @Test(
        "writes the length in its shortest form",
        arguments: [
            (0, "82 00"), (125, "82 7D"), (126, "82 7E 00 7E"), (65535, "82 7E FF FF"),
            (65536, "82 7F 00 00 00 00 00 01 00 00"), (0x1_2345_6789, "82 7F 00 00 00 01 23 45 67 89"),
        ])
    func writesShortestLength(_ count: Int, _ expected: String) {
        #expect(header(.binary, count) == hex(expected))
        #expect(FrameHeader.length(payloadCount: count) == hex(expected).count)
        var masked = hex(expected)
        masked[1] |= 0x80
        #expect(header(.binary, count, maskKey: 0x3D21_FA37) == masked + hex("37 FA 21 3D"))
    }

    @Test("writes final frames that the decoder reads back", arguments: [Opcode.text, .binary, .ping, .pong])
    func writesWhatTheDecoderReads(_ opcode: Opcode) {
        let payload = utf8("payload")
        let expected: Outcome =
            switch opcode {
            case .ping: .ping(payload)
            case .pong: .pong(payload)
            default: .message(opcode, payload)
            }
        expectDecoded(header(opcode, payload.count) + payload, [expected], Limits.client)
        var masked = payload
        var span = masked.mutableSpan
        unmask(&span, from: 0, to: 7, key: 0x0102_0304, phase: 0)
        expectDecoded(header(opcode, payload.count, maskKey: 0x0102_0304) + masked, [expected], Limits.server)
    }
}
