import HearthBytes
import HearthWire

/// What is JSON is so in an array, twice, and with white space around it; and it is none without its last
/// byte, unless it is a number or ends with white space.
@c(LLVMFuzzerTestOneInput)
public func fuzzJSON(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let text = Array(UnsafeBufferPointer(start: start, count: count))
    let isValid = JSONText.isValid(text.span)
    if JSONText.isPing(text.span) { precondition(isValid && text.count <= 256) }
    guard isValid, let last = text.last else {
        precondition(!isValid)
        return 0
    }
    if last > 0x20, !(0x30...0x39).contains(last) {
        let cut = Array(text.dropLast())
        precondition(!JSONText.isValid(cut.span))
    }
    let comma = [UInt8(ascii: ",")]
    let array = [UInt8(ascii: "["), 0x20] + text + comma + text + [0x0A, UInt8(ascii: "]")]
    let openings = text.count { $0 == UInt8(ascii: "[") || $0 == UInt8(ascii: "{") }
    if openings < JSONText.depthMax { precondition(JSONText.isValid(array.span)) }
    precondition(!JSONText.isValid((text + comma).span))
    return 0
}
