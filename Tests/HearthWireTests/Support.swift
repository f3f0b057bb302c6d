import HearthBytes
import HearthWire
import Testing

/// The bytes of a text in hexadecimal, spaces ignored.
func hex(_ text: String) -> [UInt8] {
    let digits = text.filter { !$0.isWhitespace }
    return stride(from: 0, to: digits.count, by: 2).map { offset in
        let start = digits.index(digits.startIndex, offsetBy: offset)
        return UInt8(digits[start..<digits.index(start, offsetBy: 2)], radix: 16)!
    }
}

func utf8(_ text: String) -> [UInt8] { Array(text.utf8) }

func string(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

extension Array<UInt8> {
    func string(_ range: Range<Int>?) -> String? { range.map { String(decoding: self[$0], as: UTF8.self) } }
}

/// Every way to take `count` bytes that the tests try: whole, in two pieces cut anywhere, byte by byte.
func everyCut(_ count: Int, _ body: ([Range<Int>]) throws -> Void) rethrows {
    try body([0..<count])
    for cut in 0...count { try body([0..<cut, cut..<count]) }
    try body((0..<count).map { $0..<($0 + 1) })
}

// MARK: Frames

/// What came out of the decoder, with payloads copied.
enum Outcome: Equatable {
    case message(Opcode, [UInt8])
    case compressed(Opcode, [UInt8])
    case ping([UInt8])
    case pong([UInt8])
    case close(UInt16?, [UInt8])
    case failed(WireError)

    static func text(_ text: String) -> Outcome { .message(.text, utf8(text)) }
    static func binary(_ bytes: [UInt8]) -> Outcome { .message(.binary, bytes) }
}

/// A frame as a client writes it. `length`: form of the length field in bytes after the second, nil: the
/// shortest.
func frame(
    _ opcode: UInt8, _ payload: [UInt8], isFinal: Bool = true, reserved: UInt8 = 0,
    mask: [UInt8]? = [0x37, 0xFA, 0x21, 0x3D], length: Int? = nil
) -> [UInt8] {
    let lengthCount = length ?? (payload.count < 126 ? 0 : payload.count < 65536 ? 2 : 8)
    let short = lengthCount == 0 ? UInt8(payload.count) : lengthCount == 2 ? 126 : 127
    var bytes = [(isFinal ? 0x80 : 0) | reserved << 4 | opcode, (mask == nil ? 0 : 0x80) | short]
    for index in 0..<lengthCount {
        bytes.append(UInt8(truncatingIfNeeded: payload.count >> (8 * (lengthCount - 1 - index))))
    }
    bytes += mask ?? []
    for (index, byte) in payload.enumerated() { bytes.append(byte ^ (mask?[index % 4] ?? 0)) }
    return bytes
}

func text(_ text: String, isFinal: Bool = true) -> [UInt8] { frame(1, utf8(text), isFinal: isFinal) }

func closeFrame(_ code: UInt16, _ reason: [UInt8] = []) -> [UInt8] {
    frame(8, [UInt8(code >> 8), UInt8(code & 0xFF)] + reason)
}

struct Limits {
    static let server = DecoderLimits(role: .server, maxMessageSize: 1 << 20, maxFragments: 1000)
    static let client = DecoderLimits(role: .client, maxMessageSize: 1 << 20, maxFragments: 1000)
}

/// One call of the decoder, with nothing to spare.
func step(
    _ decoder: inout MessageDecoder, _ bytes: inout [UInt8], _ offset: inout Int, _ limits: DecoderLimits
) -> Decoded {
    var spare: [UInt8] = []
    return step(&decoder, &bytes, &offset, limits, &spare)
}

func step(
    _ decoder: inout MessageDecoder, _ bytes: inout [UInt8], _ offset: inout Int, _ limits: DecoderLimits,
    _ spare: inout [UInt8]
) -> Decoded {
    var span = bytes.mutableSpan
    return decoder.next(&span, &offset, limits, spare: &spare)
}

/// Feeds the pieces of `stream` and notes what comes out, and after how many bytes.
func decode(
    _ stream: [UInt8], _ pieces: [Range<Int>], _ limits: DecoderLimits, takesCompressed: Bool = false
) -> [(outcome: Outcome, after: Int)] {
    var decoder = MessageDecoder()
    decoder.takesCompressed = takesCompressed
    var outcomes: [(Outcome, Int)] = []
    for piece in pieces {
        var bytes = Array(stream[piece])
        var offset = 0
        feeding: while true {
            let decoded = step(&decoder, &bytes, &offset, limits)
            func payload(_ body: Body) -> [UInt8] {
                switch body {
                case .inPlace(let range): Array(bytes[range])
                case .assembled: decoder.withAssembled { copy($0, 0, $0.count) }
                }
            }
            switch decoded {
            case .needMore: break feeding
            case .message(let opcode, let body):
                outcomes.append((.message(opcode, payload(body)), piece.upperBound))
            case .compressed(let opcode, let body):
                outcomes.append((.compressed(opcode, payload(body)), piece.upperBound))
            case .ping(let body): outcomes.append((.ping(payload(body)), piece.upperBound))
            case .pong(let body): outcomes.append((.pong(payload(body)), piece.upperBound))
            case .close(let code, let reason):
                outcomes.append((.close(code?.rawValue, payload(reason)), piece.upperBound))
            case .failed(let error): outcomes.append((.failed(error), piece.upperBound))
            }
        }
        if offset != bytes.count { Issue.record("the decoder left bytes of \(piece)") }
    }
    return outcomes
}

/// Expects the same outcomes whatever the pieces are.
func expectDecoded(
    _ stream: [UInt8], _ expected: [Outcome], _ limits: DecoderLimits = Limits.server,
    takesCompressed: Bool = false, sourceLocation: SourceLocation = #_sourceLocation
) {
    var wrong: [[Outcome]] = []
    everyCut(stream.count) { pieces in
        let outcomes = decode(stream, pieces, limits, takesCompressed: takesCompressed).map(\.outcome)
        if outcomes != expected { wrong.append(outcomes) }
    }
    #expect(wrong.isEmpty, sourceLocation: sourceLocation)
}

/// Expects the stream to fail, as the last thing that comes out, and not later than at its byte number
/// `after`.
func expectFailing(
    _ stream: [UInt8], _ error: WireError, after: Int, _ limits: DecoderLimits = Limits.server,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    let bytewise = decode(stream, (0..<stream.count).map { $0..<($0 + 1) }, limits)
    #expect(bytewise.last?.outcome == .failed(error), sourceLocation: sourceLocation)
    #expect(bytewise.last?.after == after, sourceLocation: sourceLocation)
    expectDecoded(stream, bytewise.map(\.outcome), limits, sourceLocation: sourceLocation)
}
