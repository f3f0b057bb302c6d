import HearthBytes
import HearthWire

/// A position that is read is written as it came, so that no two texts name the same one.
@c(LLVMFuzzerTestOneInput)
public func fuzzPositions(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    guard let position = RoomPosition(input.span, 0..<input.count) else { return 0 }
    var text: [UInt8] = []
    position.write(into: &text)
    precondition(text == input && text.count <= RoomPosition.countMax)
    return 0
}
