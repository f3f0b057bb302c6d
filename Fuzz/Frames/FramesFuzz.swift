import HearthBytes
import HearthWire

/// The first byte chooses role and limits, the second how the rest is cut. Whatever the pieces are, the same
/// comes out of the frames; text is UTF-8, limits hold, memory follows what arrived, and nothing comes after
/// the end.
@c(LLVMFuzzerTestOneInput)
public func fuzzFrames(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    guard input.count >= 2 else { return 0 }
    let limits = DecoderLimits(
        role: input[0] & 1 == 0 ? .server : .client, maxMessageSize: input[0] & 2 == 0 ? 1 << 20 : 200,
        maxFragments: input[0] & 4 == 0 ? 1000 : 3)
    let takesCompressed = input[0] & 8 != 0
    let stream = Array(input[2...])
    let whole = decode(stream, pieceCount: { stream.count }, limits, takesCompressed)
    var state = UInt32(input[1])
    let cut = decode(
        stream,
        pieceCount: {
            state = state &* 1_103_515_245 &+ 12_345
            return Int(state >> 16 & 0x1F) + 1
        }, limits, takesCompressed)
    precondition(whole == cut)
    precondition(decode(stream, pieceCount: { 1 }, limits, takesCompressed) == whole)
    for (index, outcome) in whole.enumerated() {
        check(outcome, limits)
        precondition(!outcome.isEnd || index == whole.count - 1)
    }
    return 0
}

private struct Outcome: Equatable {
    var kind: UInt8
    var isEnd = false
    var payload: [UInt8] = []
    var code: UInt16 = 0
}

private func check(_ outcome: Outcome, _ limits: DecoderLimits) {
    switch outcome.kind {
    case Opcode.text.rawValue:
        precondition(String(validating: outcome.payload, as: UTF8.self) != nil)
        precondition(outcome.payload.count <= limits.maxMessageSize)
    case 0x41, 0x42:
        precondition(outcome.payload.count <= limits.maxMessageSize + limits.maxMessageSize / 16 + 64)
    case Opcode.binary.rawValue: precondition(outcome.payload.count <= limits.maxMessageSize)
    case Opcode.close.rawValue:
        precondition(
            outcome.payload.count <= 123 && String(validating: outcome.payload, as: UTF8.self) != nil)
        precondition(outcome.code == 0 || CloseCode(rawValue: outcome.code).isValidOnWire)
    default: precondition(outcome.payload.count <= 125)
    }
}

private func decode(
    _ stream: [UInt8], pieceCount: () -> Int, _ limits: DecoderLimits, _ takesCompressed: Bool
) -> [Outcome] {
    var decoder = MessageDecoder()
    decoder.takesCompressed = takesCompressed
    var outcomes: [Outcome] = []
    var start = 0
    while start < stream.count {
        let end = min(start + max(1, pieceCount()), stream.count)
        var bytes = Array(stream[start..<end])
        var offset = 0
        while let outcome = step(&decoder, &bytes, &offset, limits) { outcomes.append(outcome) }
        precondition(offset == bytes.count)
        precondition(decoder.heldBytes <= 2 * end + 1024)
        start = end
    }
    return outcomes
}

private func step(
    _ decoder: inout MessageDecoder, _ bytes: inout [UInt8], _ offset: inout Int, _ limits: DecoderLimits
) -> Outcome? {
    let before = offset
    var span = bytes.mutableSpan
    var spare: [UInt8] = []
    let decoded = decoder.next(&span, &offset, limits, spare: &spare)
    precondition(offset >= before && offset <= bytes.count)
    func payload(_ body: Body) -> [UInt8] {
        switch body {
        case .inPlace(let range): Array(bytes[range])
        case .assembled: decoder.withAssembled { copy($0, 0, $0.count) }
        }
    }
    switch decoded {
    case .needMore: return nil
    case .message(let opcode, let body): return Outcome(kind: opcode.rawValue, payload: payload(body))
    case .compressed(let opcode, let body):
        precondition(decoder.takesCompressed)
        return Outcome(kind: 0x40 | opcode.rawValue, payload: payload(body))
    case .ping(let body): return Outcome(kind: 9, payload: payload(body))
    case .pong(let body): return Outcome(kind: 10, payload: payload(body))
    case .close(let code, let reason):
        return Outcome(kind: 8, isEnd: true, payload: payload(reason), code: code?.rawValue ?? 0)
    case .failed(let error):
        let number = WireError.allCases.firstIndex(of: error)!
        return Outcome(kind: 0xFF, isEnd: true, code: UInt16(number))
    }
}
