import HearthBytes
import HearthWire
import Testing

@Suite("5 Messages from frames")
struct MessageDecoderTests {
    // MARK: RFC 6455 5.7

    @Test("decodes a masked text message")
    func decodesMaskedText() {
        expectDecoded(hex("81 85 37 fa 21 3d 7f 9f 4d 51 58"), [.text("Hello")])
    }

    @Test("decodes unmasked text, whole and in fragments, as a client")
    func decodesUnmaskedTextAsClient() {
        expectDecoded(hex("81 05 48 65 6c 6c 6f"), [.text("Hello")], Limits.client)
        expectDecoded(hex("01 03 48 65 6c 80 02 6c 6f"), [.text("Hello")], Limits.client)
    }

    @Test("decodes an unmasked ping and its masked pong")
    func decodesPingAndPong() {
        expectDecoded(hex("89 05 48 65 6c 6c 6f"), [.ping(utf8("Hello"))], Limits.client)
        expectDecoded(hex("8a 85 37 fa 21 3d 7f 9f 4d 51 58"), [.pong(utf8("Hello"))])
    }

    @Test("decodes binary messages with a length of two and of eight bytes")
    func decodesLongBinary() {
        let medium = (0..<256).map { UInt8($0) }
        expectDecoded(hex("82 7E 01 00") + medium, [.binary(medium)], Limits.client)
        let large = (0..<65536).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let stream = hex("82 7F 00 00 00 00 00 01 00 00") + large
        let pieces = [[0..<stream.count], [0..<3, 3..<9, 9..<11, 11..<40000, 40000..<stream.count]]
        for pieces in pieces {
            #expect(decode(stream, pieces, Limits.client).map(\.outcome) == [.binary(large)])
        }
    }

    // MARK: Messages

    @Test(
        "decodes payloads of every length at which the header changes", arguments: [0, 1, 125, 126, 127, 300])
    func decodesEveryLength(_ count: Int) {
        let payload = (0..<count).map { UInt8($0 & 0x7F) }
        expectDecoded(
            frame(2, payload) + frame(1, payload) + frame(2, [1]),
            [.binary(payload), .message(.text, payload), .binary([1])])
    }

    @Test("decodes many messages of one read in order")
    func decodesManyMessages() {
        expectDecoded(
            text("a") + frame(2, [0xFF, 0x00]) + text("") + text("κόσμε"),
            [.text("a"), .binary([0xFF, 0]), .text(""), .text("κόσμε")])
    }

    @Test("joins fragments, empty ones too, and lets control frames come between them")
    func joinsFragments() {
        let stream =
            text("ab", isFinal: false) + frame(9, utf8("ping")) + frame(0, [], isFinal: false)
            + frame(10, []) + frame(0, utf8("cd"), isFinal: false) + frame(0, utf8("e")) + frame(2, [7])
        expectDecoded(stream, [.ping(utf8("ping")), .pong([]), .text("abcde"), .binary([7])])
    }

    @Test("a character may be cut by fragments and by reads")
    func joinsCharactersAcrossFragments() {
        let word = utf8("κόσμε日𝄞")
        var stream: [UInt8] = []
        for (index, byte) in word.enumerated() {
            stream += frame(index == 0 ? 1 : 0, [byte], isFinal: index == word.count - 1)
        }
        expectDecoded(stream, [.message(.text, word)])
    }

    @Test("lends a message in place when it lies whole in the bytes, and takes no memory")
    func lendsInPlace() {
        var decoder = MessageDecoder()
        var bytes =
            text("first") + frame(9, [1, 2]) + frame(2, Array(repeating: 9, count: 1000)) + closeFrame(1000)
        var offset = 0
        var decoded: [Decoded] = []
        for _ in 0..<5 { decoded.append(step(&decoder, &bytes, &offset, Limits.server)) }
        #expect(
            decoded == [
                .message(.text, .inPlace(6..<11)), .ping(.inPlace(17..<19)),
                .message(.binary, .inPlace(27..<1027)),
                .close(.normal, reason: .inPlace(1035..<1035)), .needMore,
            ])
        let heldBytes = decoder.heldBytes
        #expect(heldBytes == 0)
    }

    @Test("holds memory for what has arrived, not for what is claimed")
    func holdsWhatArrived() {
        var decoder = MessageDecoder()
        let limits = DecoderLimits(role: .server, maxMessageSize: 1 << 40, maxFragments: 10)
        // 2^39 bytes are announced.
        var bytes = hex("82 FF 00 00 00 80 00 00 00 00 00 00 00 00")
        var total = 0
        for _ in 0..<50 {
            bytes += [UInt8](repeating: 1, count: 997)
            total += 997
            var offset = 0
            let decoded = step(&decoder, &bytes, &offset, limits)
            let heldBytes = decoder.heldBytes
            #expect(decoded == .needMore && heldBytes >= total && heldBytes <= 2 * total + 512)
            bytes = []
        }
    }

    @Test("frees an assembled message with the next call, and a broken one at once")
    func freesMemory() {
        var decoder = MessageDecoder()
        var whole = text("half", isFinal: false) + frame(0, utf8("half")) + text("half", isFinal: false)
        var offset = 0
        let message = step(&decoder, &whole, &offset, Limits.server)
        let heldWithMessage = decoder.heldBytes
        #expect(message == .message(.text, .assembled) && heldWithMessage > 0)
        offset = whole.count
        _ = step(&decoder, &whole, &offset, Limits.server)
        let heldAfterMessage = decoder.heldBytes
        #expect(heldAfterMessage == 0)
        var broken = text("half", isFinal: false) + frame(3, [])
        offset = 0
        let failure = step(&decoder, &broken, &offset, Limits.server)
        let heldAfterFailure = decoder.heldBytes
        #expect(failure == .failed(.unknownOpcode) && heldAfterFailure == 0)
    }

    @Test("leaves the memory of a large message to the next one, and none of its bytes")
    func sparesMemory() {
        var spare: [UInt8] = []
        for byte: UInt8 in [1, 2, 3] {
            var decoder = MessageDecoder()
            let sparedBefore = spare.capacity
            let payload = [UInt8](repeating: byte, count: 200_000)
            let stream = frame(2, payload)
            for start in stride(from: 0, to: stream.count, by: 50_000) {
                var bytes = Array(stream[start..<min(start + 50_000, stream.count)])
                var offset = 0
                let decoded = step(&decoder, &bytes, &offset, Limits.server, &spare)
                let isLast = start + 50_000 >= stream.count
                #expect(decoded == (isLast ? .message(.binary, .assembled) : .needMore))
                // The second message and the third take what the one before had.
                #expect(byte == 1 || spare.capacity < sparedBefore)
            }
            let isWhole = decoder.withAssembled { copy($0, 0, $0.count) == payload }
            #expect(isWhole)
            var nothing: [UInt8] = []
            var offset = 0
            _ = step(&decoder, &nothing, &offset, Limits.server, &spare)
            let heldBytes = decoder.heldBytes
            #expect(heldBytes == 0 && spare.isEmpty && spare.capacity >= 200_000)
            #expect(byte == 1 || spare.capacity == sparedBefore)
        }
    }

    @Test("keeps no memory of messages that are small, or larger than 4 MiB")
    func sparesWithinBounds() {
        for count in [20_000, 5 << 20] {
            var spare: [UInt8] = []
            var decoder = MessageDecoder()
            let limits = DecoderLimits(role: .server, maxMessageSize: 8 << 20, maxFragments: 10)
            var first = frame(2, [UInt8](repeating: 7, count: count))
            var last = Array(first[(first.count - 1000)...])
            first.removeLast(1000)
            var offset = 0
            _ = step(&decoder, &first, &offset, limits, &spare)
            offset = 0
            let message = step(&decoder, &last, &offset, limits, &spare)
            let next = step(&decoder, &last, &offset, limits, &spare)
            #expect(message == .message(.binary, .assembled) && next == .needMore)
            let heldBytes = decoder.heldBytes
            #expect(heldBytes == 0 && spare.capacity <= 4 << 20 && (count > 20_000 || spare.capacity == 0))
        }
    }

    @Test("is small, because every idle connection has one")
    func isSmall() {
        #expect(MemoryLayout<MessageDecoder>.size <= 64)
    }

    // MARK: Limits

    @Test(
        "takes a message of the greatest size and refuses one byte more at its header",
        arguments: [5, 125, 126, 200])
    func limitsMessageSize(_ limit: Int) {
        let limits = DecoderLimits(role: .server, maxMessageSize: limit, maxFragments: 10)
        let fits = Array(repeating: UInt8(0x61), count: limit)
        expectDecoded(frame(2, fits), [.binary(fits)], limits)
        let tooLarge = frame(2, fits + [0x61])
        expectFailing(tooLarge, .messageTooLarge, after: limit + 1 < 126 ? 2 : 4, limits)
    }

    @Test("counts the bytes of all fragments toward the greatest size")
    func limitsSumOfFragments() {
        let limits = DecoderLimits(role: .server, maxMessageSize: 5, maxFragments: 10)
        let begin = frame(2, [1, 2, 3], isFinal: false)
        expectDecoded(begin + frame(0, [4, 5]), [.binary([1, 2, 3, 4, 5])], limits)
        expectFailing(begin + frame(0, [4, 5, 6]), .messageTooLarge, after: begin.count + 2, limits)
        expectDecoded(
            begin + frame(9, [9, 9, 9]) + frame(0, []), [.ping([9, 9, 9]), .binary([1, 2, 3])], limits)
    }

    @Test("takes as many fragments as are granted and refuses one more, empty or not")
    func limitsFragments() {
        let limits = DecoderLimits(role: .server, maxMessageSize: 100, maxFragments: 3)
        let two = frame(2, [1], isFinal: false) + frame(0, [], isFinal: false)
        expectDecoded(
            two + frame(0, [2]) + two + frame(0, [3]), [.binary([1, 2]), .binary([1, 3])], limits)
        let four = two + frame(0, [2], isFinal: false) + frame(0, [])
        expectFailing(four, .tooManyFragments, after: four.count, limits)
    }

    // MARK: Violations

    @Test(
        "refuses a reserved bit at the first byte", arguments: [1, 2, 4, 7] as [UInt8],
        [1, 2, 0, 8, 9] as [UInt8])
    func refusesReservedBits(_ bits: UInt8, _ opcode: UInt8) {
        expectFailing(frame(opcode, [], reserved: bits), .reservedBits, after: 1)
    }

    @Test(
        "refuses a reserved opcode at the first byte",
        arguments: [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] as [UInt8])
    func refusesUnknownOpcodes(_ opcode: UInt8) {
        expectFailing(text("ok") + frame(opcode, [1]), .unknownOpcode, after: 9)
    }

    @Test("a server refuses an unmasked frame and a client a masked one, at the second byte")
    func refusesWrongMasking() {
        expectFailing(frame(1, [0x61], mask: nil), .unmaskedFrame, after: 2)
        expectFailing(frame(9, [], mask: nil), .unmaskedFrame, after: 2)
        expectFailing(frame(1, [0x61]), .maskedFrame, after: 2, Limits.client)
    }

    @Test("refuses control frames that are long or fragmented", arguments: [8, 9, 10] as [UInt8])
    func refusesBadControlFrames(_ opcode: UInt8) {
        expectFailing(frame(opcode, Array(repeating: 0, count: 126)), .controlTooLong, after: 2)
        expectFailing(frame(opcode, [1, 2], length: 2), .controlTooLong, after: 2)
        expectFailing(frame(opcode, [], isFinal: false), .controlFragmented, after: 1)
    }

    @Test("takes control frames of 125 bytes")
    func takesLongControlFrames() {
        let payload = Array(repeating: UInt8(0x61), count: 125)
        expectDecoded(frame(9, payload), [.ping(payload)])
        let reason = Array(payload.dropLast(2))
        expectDecoded(closeFrame(1000, reason), [.close(1000, reason)])
    }

    @Test("refuses lengths that are not in their shortest form, and lengths of 64 bits")
    func refusesBadLengths() {
        expectFailing(frame(2, Array(repeating: 0, count: 125), length: 2), .lengthNotMinimal, after: 4)
        expectFailing(frame(2, [1], length: 8), .lengthNotMinimal, after: 10)
        expectFailing(hex("82 FF 00 00 00 00 00 00 FF FF 00 00 00 00"), .lengthNotMinimal, after: 10)
        expectFailing(hex("82 FF 80 00 00 00 00 00 00 00 00 00 00 00"), .lengthOverflow, after: 3)
        expectFailing(hex("82 FF 7F FF FF FF FF FF FF FF 00 00 00 00"), .messageTooLarge, after: 10)
    }

    @Test("refuses a continuation of nothing and a message inside another")
    func refusesBadSequences() {
        expectFailing(frame(0, [1]), .unexpectedContinuation, after: 1)
        let whole = text("a")
        expectFailing(whole + frame(0, []), .unexpectedContinuation, after: whole.count + 1)
        let begun = text("a", isFinal: false)
        expectFailing(begun + text("b"), .expectedContinuation, after: begun.count + 1)
        expectFailing(begun + frame(2, [1]), .expectedContinuation, after: begun.count + 1)
        let pinged = begun + frame(9, [1])
        expectFailing(pinged + text("b"), .expectedContinuation, after: pinged.count + 1)
    }

    @Test("refuses text that is not UTF-8 at the byte that is wrong")
    func refusesBadText() {
        // 10 bytes of good text, then a surrogate; the header takes 6.
        let bad = utf8("κόσμε") + hex("ED A0 80") + utf8("edited")
        expectFailing(frame(1, bad), .invalidUTF8, after: 6 + 12)
        // Cut before, between and after the bad bytes (Autobahn 6.4).
        let first = frame(1, utf8("κόσμε") + [0xF4], isFinal: false)
        expectFailing(first + frame(0, [0x90, 0x80, 0x80]), .invalidUTF8, after: first.count + 7)
        let incomplete = frame(1, [0xC3])
        expectFailing(incomplete, .invalidUTF8, after: incomplete.count)
        let cutOff = frame(1, [0xC3], isFinal: false) + frame(0, [])
        expectFailing(cutOff, .invalidUTF8, after: cutOff.count)
    }

    @Test("does not check binary messages as text, and starts each text afresh")
    func checksOnlyText() {
        let bytes: [UInt8] = [0xFF, 0xC3]
        expectDecoded(
            frame(2, bytes, isFinal: false) + frame(0, bytes) + text("ä", isFinal: false) + frame(0, []),
            [.binary(bytes + bytes), .text("ä")])
    }

    // MARK: Close

    @Test("decodes close frames with and without a code and a reason")
    func decodesClose() {
        expectDecoded(frame(8, []), [.close(nil, [])])
        expectDecoded(closeFrame(1000), [.close(1000, [])])
        expectDecoded(closeFrame(3999, utf8("grüße")), [.close(3999, utf8("grüße"))])
        expectDecoded(text("half", isFinal: false) + closeFrame(1001), [.close(1001, [])])
    }

    @Test("skips everything that comes after a close")
    func skipsAfterClose() {
        expectDecoded(closeFrame(1000) + text("late") + frame(3, []), [.close(1000, [])])
    }

    @Test("refuses a close frame of one byte, and reasons that are not UTF-8")
    func refusesBadCloseBodies() {
        expectFailing(frame(8, [3]), .closeBodyOfOneByte, after: 7)
        expectFailing(closeFrame(1000, [0xFF]), .invalidCloseReason, after: 9)
        expectFailing(closeFrame(1000, [0xC3]), .invalidCloseReason, after: 9)
    }

    @Test(
        "takes the close codes of the registry and of the free ranges",
        arguments: [
            1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
        ])
    func takesCloseCodes(_ code: UInt16) {
        expectDecoded(closeFrame(code), [.close(code, [])])
        #expect(CloseCode(rawValue: code).mayBeSentByHost == (code != 1002))
    }

    @Test(
        "refuses close codes that must not be sent",
        arguments: [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
    func refusesCloseCodes(_ code: UInt16) {
        expectFailing(closeFrame(code), .invalidCloseCode, after: 8)
        #expect(!CloseCode(rawValue: code).mayBeSentByHost)
    }

    @Test("every error has a close code for the wire and a sentence that fits into a close frame")
    func errorsHaveCodes() {
        for error in WireError.allCases {
            #expect(error.closeCode.isValidOnWire)
            #expect((1...123).contains(error.sentence.utf8CodeUnitCount))
        }
    }
}
