import HearthBytes

/// The first byte says where the rest is cut. The validator agrees with the standard library, wherever it is
/// cut, and what it took before it refused a byte is the beginning of a text.
@c(LLVMFuzzerTestOneInput)
public func fuzzUTF8(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    guard let first = input.first else { return 0 }
    let text = Array(input.dropFirst())
    let isText = String(validating: text, as: UTF8.self) != nil
    precondition(UTF8Validator.isValid(text.span, 0, text.count) == isText)

    let cut = min(Int(first), text.count)
    var validator = UTF8Validator()
    let isTaken = validator.feed(text.span, 0, cut) && validator.feed(text.span, cut, text.count)
    precondition((isTaken && validator.isComplete) == isText)

    validator.reset()
    var taken = 0
    while taken < text.count, validator.feed(text.span, taken, taken + 1) { taken += 1 }
    precondition((taken == text.count && validator.isComplete) == isText)
    precondition(isTaken == (taken == text.count))
    precondition(canBeCompleted(Array(text[..<taken])))
    return 0
}

/// Whether some continuation of at most three bytes makes it a text.
private func canBeCompleted(_ bytes: [UInt8]) -> Bool {
    for ending: [UInt8] in [
        [], [0x80], [0x80, 0x80], [0x80, 0x80, 0x80], [0xA0, 0x80], [0x90, 0x80, 0x80],
    ] where String(validating: bytes + ending, as: UTF8.self) != nil {
        return true
    }
    return false
}
