import HearthPlatform

/// The first byte chooses window and bound, the second where the rest is cut in two messages. Whatever they
/// are, what comes out keeps to the bound, a larger bound changes nothing about what was whole, and after a
/// reset nothing is left of what was before. The same bytes, compressed, come back.
@c(LLVMFuzzerTestOneInput)
public func fuzzInflate(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    guard input.count >= 2 else { return 0 }
    let windowBits = 8 + Int(input[0] & 7)
    let bytesMax = input[0] & 8 == 0 ? 1 << 16 : 100
    let bytes = Array(input[2...])
    let cut = min(Int(input[1]), bytes.count)
    let messages = [Array(bytes[..<cut]), Array(bytes[cut...])]
    guard let inflater = Inflater(windowBits: windowBits) else { return 0 }
    let outcomes = messages.map { inflate($0, inflater, bytesMax) }
    inflater.reset()
    precondition(inflate(messages[0], inflater, bytesMax) == outcomes[0])
    if case .whole(let content) = outcomes[0] {
        inflater.reset()
        precondition(inflate(messages[0], inflater, 1 << 20) == .whole(content))
        precondition(inflate(messages[0], Inflater(windowBits: 15)!, content.count) == .whole(content))
    }
    checkRoundTrip(messages, level: 1 + Int(input[0] >> 4) % 9, windowBits: max(windowBits, 9))
    return 0
}

private enum Outcome: Equatable {
    case whole([UInt8])
    case failed(InflateResult)
}

/// Each time to a new output: whether zlib refuses what reaches behind the window depends on how much of the
/// output it still has in its room for that.
private func inflate(_ message: [UInt8], _ inflater: Inflater, _ bytesMax: Int) -> Outcome {
    let output = OutputBuffer()
    // The first byte of a message says in how large parts it is inflated.
    let budget = 1 << Int((message.first ?? 0) & 31)
    var result = message.withUnsafeBufferPointer {
        inflater.inflate($0, into: output, bytesMax: bytesMax, budget: budget)
    }
    while result == .unfinished {
        result = Array(message.suffix(inflater.messageBytesLeft)).withUnsafeBufferPointer {
            inflater.resume($0, into: output, bytesMax: bytesMax, budget: budget)
        }
    }
    precondition(output.bytes.count <= bytesMax + 1)
    if result != .whole { return .failed(result) }
    precondition(output.bytes.count <= bytesMax)
    return .whole(Array(output.bytes))
}

private func checkRoundTrip(_ messages: [[UInt8]], level: Int, windowBits: Int) {
    guard let deflater = Deflater(level: level, windowBits: windowBits),
        let inflater = Inflater(windowBits: windowBits)
    else { return }
    let compressed = OutputBuffer()
    for message in messages + messages where !message.isEmpty {
        let isDone = message.withUnsafeBufferPointer {
            deflater.deflate($0, into: compressed, mayGrow: true)
        }
        precondition(isDone)
        let bytes = Array(compressed.bytes)
        precondition(inflate(bytes, inflater, message.count) == .whole(message))
    }
}
