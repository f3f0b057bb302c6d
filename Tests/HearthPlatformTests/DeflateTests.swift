import HearthPlatform
import Testing

private func hex(_ text: String) -> [UInt8] { text.split(separator: " ").map { UInt8($0, radix: 16)! } }

private func inflate(_ bytes: [UInt8], _ inflater: Inflater, max: Int = 1 << 20) -> [UInt8]? {
    let output = OutputBuffer()
    let result = bytes.withUnsafeBufferPointer {
        inflater.inflate($0, into: output, bytesMax: max, budget: 1 << 30)
    }
    return result == .whole ? Array(output.bytes) : nil
}

private func result(_ bytes: [UInt8], max: Int = 1 << 20) throws -> InflateResult {
    let inflater = try #require(Inflater(windowBits: 15))
    return bytes.withUnsafeBufferPointer {
        inflater.inflate($0, into: OutputBuffer(), bytesMax: max, budget: 1 << 30)
    }
}

private func deflate(_ bytes: [UInt8], _ deflater: Deflater, mayGrow: Bool = true) -> [UInt8]? {
    let output = OutputBuffer()
    let isSmaller = bytes.withUnsafeBufferPointer {
        deflater.deflate($0, into: output, mayGrow: mayGrow)
    }
    return isSmaller ? Array(output.bytes) : nil
}

private func random(_ count: Int) -> [UInt8] {
    var generator = SystemRandomNumberGenerator()
    return (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
}

@Suite("RFC 7692 7.2: messages inflated")
struct InflaterTests {
    private let hello = Array("Hello".utf8)

    @Test("inflates the examples of 7.2.3")
    func inflatesExamples() throws {
        let inflater = try #require(Inflater(windowBits: 15))
        // 7.2.3.1 and, with the window kept, 7.2.3.2.
        #expect(inflate(hex("f2 48 cd c9 c9 07 00"), inflater) == hello)
        #expect(inflate(hex("f2 00 11 00 00"), inflater) == hello)
        inflater.reset()
        #expect(inflate(hex("f2 00 11 00 00"), inflater) == nil)
        inflater.reset()
        // 7.2.3.3: a block without compression. 7.2.3.4: BFINAL. 7.2.3.5: two blocks. 7.2.3.6: no bytes.
        #expect(inflate(hex("00 05 00 fa ff 48 65 6c 6c 6f 00"), inflater) == hello)
        #expect(inflate(hex("f3 48 cd c9 c9 07 00 00"), inflater) == hello)
        #expect(inflate(hex("f2 48 05 00 00 00 ff ff ca c9 c9 07 00"), inflater) == hello)
        #expect(inflate(hex("00"), inflater) == [])
        #expect(inflate([], inflater) == [])
    }

    @Test("keeps the window behind a block with BFINAL, within a message and from one to the next")
    func keepsWindowBehindFinalBlock() throws {
        let inflater = try #require(Inflater(windowBits: 15))
        #expect(inflate(hex("f3 48 cd c9 c9 07 00 f2 00 11 00 00"), inflater) == hello + hello)
        #expect(inflate(hex("f3 48 cd c9 c9 07 00"), inflater) == hello)
        #expect(inflate(hex("f2 00 11 00 00"), inflater) == hello)
    }

    @Test("refuses what is no deflated message, and what is cut off before its end")
    func refusesGarbage() throws {
        for garbage in ["ff ff ff ff", "07", "06 00", "00 05 00 00 00 48", "f2 48 cd c9 c9", "f2 48", "f2"] {
            #expect(try result(hex(garbage)) == .invalid, "\(garbage)")
        }
        let long = try #require(
            deflate([UInt8](repeating: 7, count: 5000) + random(100), Deflater(level: 6, windowBits: 15)!))
        for cut in 1..<long.count { #expect(try result(Array(long[..<cut])) == .invalid, "\(cut)") }
    }

    @Test("refuses a message that refers to a preset dictionary")
    func refusesPresetDictionary() throws {
        // "Hello" as a reference to five bytes before the beginning.
        #expect(try result(hex("f2 00 11 00 00")) == .invalid)
        #expect(try result(hex("02 13 00 00")) == .invalid)
    }

    @Test("inflates the same in parts of any size", arguments: [1, 7, 4096, 16384, 100_000])
    func inflatesInParts(_ budget: Int) throws {
        let deflater = try #require(Deflater(level: 6, windowBits: 15))
        let inflater = try #require(Inflater(windowBits: 15))
        let output = OutputBuffer()
        for bytes in [[UInt8](repeating: 65, count: 30_000), random(5000), Array("Hello".utf8)] {
            let message = try #require(deflate(bytes, deflater))
            var last = message.withUnsafeBufferPointer {
                inflater.inflate($0, into: output, bytesMax: 1 << 20, budget: budget)
            }
            var count = 0
            while last == .unfinished {
                #expect(output.count - count <= budget)
                count = output.count
                // The bytes have moved meanwhile.
                last = Array(message.suffix(inflater.messageBytesLeft)).withUnsafeBufferPointer {
                    inflater.resume($0, into: output, bytesMax: 1 << 20, budget: budget)
                }
            }
            #expect(last == .whole)
            #expect(Array(output.bytes) == bytes)
        }
    }

    @Test("holds the bound to the byte", arguments: [1, 100, 16383, 16384, 16385, 100_000])
    func holdsBound(_ count: Int) throws {
        let deflater = try #require(Deflater(level: 6, windowBits: 15))
        for bytes in [[UInt8](repeating: 65, count: count), random(count)] {
            let message = try #require(deflate(bytes, deflater))
            deflater.reset()
            let inflater = try #require(Inflater(windowBits: 15))
            #expect(inflate(message, inflater, max: count) == bytes)
            #expect(try result(message, max: count) == .whole)
            #expect(try result(message, max: count - 1) == .tooLarge)
        }
    }
}

@Suite("RFC 7692 7.2.1: messages compressed")
struct DeflaterTests {
    private let text = Array(String(repeating: "{\"type\":\"update\",\"value\":12345},", count: 40).utf8)

    @Test("comes back from every window and level, with and without what came before")
    func comesBack() throws {
        for windowBits in 9...15 {
            for level in 1...9 {
                let deflater = try #require(Deflater(level: level, windowBits: windowBits))
                let inflater = try #require(Inflater(windowBits: windowBits))
                for bytes in [text, random(3000), text, [1], text + random(70_000) + text] {
                    let message = try #require(deflate(bytes, deflater))
                    #expect(inflate(message, inflater) == bytes)
                }
                deflater.reset()
                inflater.reset()
                #expect(inflate(try #require(deflate(text, deflater)), inflater) == text)
            }
        }
    }

    @Test("makes a message smaller that repeats the one before, unless it was reset")
    func refersToEarlierMessages() throws {
        let deflater = try #require(Deflater(level: 6, windowBits: 15))
        let first = try #require(deflate(text, deflater))
        let second = try #require(deflate(text, deflater))
        deflater.reset()
        let third = try #require(deflate(text, deflater))
        #expect(first.count < text.count / 4)
        #expect(second.count < first.count)
        #expect(third == first)
    }

    @Test("makes nothing longer by more than a sixteenth and 64 bytes", arguments: 9...15)
    func growsLittle(_ windowBits: Int) throws {
        let deflater = try #require(Deflater(level: 5, windowBits: windowBits))
        for count in [1, 100, 5000, 200_000] {
            let message = try #require(deflate(random(count), deflater))
            #expect(message.count <= count + count / 16 + 64)
        }
    }

    @Test("says so where nothing gets smaller, and is as before after a reset")
    func saysWhenNothingGetsSmaller() throws {
        let deflater = try #require(Deflater(level: 6, windowBits: 15))
        let first = try #require(deflate(text, deflater, mayGrow: false))
        for bytes in [random(50), random(70_000), [1], [1, 2]] {
            deflater.reset()
            #expect(deflate(bytes, deflater, mayGrow: false) == nil)
        }
        deflater.reset()
        #expect(deflate(text, deflater, mayGrow: false) == first)
    }
}
