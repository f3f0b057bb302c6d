import HearthBytes
import HearthWire

/// The first byte chooses the keys and the depth that is allowed. What is taken as an envelope is a JSON
/// object whose parts are JSON too; what is written from its parts is taken again, and what the server stamps
/// is there once.
@c(LLVMFuzzerTestOneInput)
public func fuzzEnvelope(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    guard let first = input.first else { return 0 }
    let bytes = Array(input.dropFirst())
    guard UTF8Validator.isValid(bytes.span, 0, bytes.count) else { return 0 }
    let isFlat = first & 1 == 1
    let depthMax = Int(first >> 1) % JSONScanner.depthLimit + 1
    let keys = EnvelopeKeys(
        event: Array("type".utf8), data: isFlat ? [] : Array("data".utf8), room: Array("room".utf8))
    guard let envelope = try? Envelope.read(bytes.span, keys, depthMax: depthMax) else { return 0 }
    precondition(isValid(bytes, depthMax: depthMax))
    let data = Array(bytes[envelope.data])
    precondition(data.isEmpty || isValid(data, depthMax: depthMax))
    var name: [UInt8] = []
    guard JSONString.decode(bytes.span, envelope.event, into: &name) else { return 0 }
    checkWritten(name, data, keys)
    checkStamped(name, bytes, envelope, keys)
    return 0
}

private func isValid(_ bytes: [UInt8], depthMax: Int) -> Bool {
    (try? JSONScanner.check(bytes.span, depthMax: depthMax)) != nil
}

private func checkWritten(_ name: [UInt8], _ data: [UInt8], _ keys: EnvelopeKeys) {
    var json: [UInt8] = []
    guard EventText(keys).write(name.span, data: data.span, into: &json) else {
        return precondition(keys.isFlat)
    }
    guard let again = try? Envelope.read(json.span, keys, depthMax: JSONScanner.depthLimit) else {
        // One level more than was read, at the limit.
        return precondition(!isValid(json, depthMax: JSONScanner.depthLimit))
    }
    precondition(JSONString.equals(json.span, again.event, name))
    precondition(keys.isFlat || Array(json[again.data]) == data)
}

private func checkStamped(_ name: [UInt8], _ bytes: [UInt8], _ envelope: Envelope, _ keys: EnvelopeKeys) {
    let stampKeys = StampKeys(
        identifier: Array("id".utf8), user: Array("user".utf8), time: Array("time".utf8),
        text: Array("text".utf8))
    var text: Range<Int>?
    if let value = Envelope.member(bytes.span, of: envelope.data, stampKeys.text),
        let inside = Envelope.string(bytes.span, value)
    {
        let measured = JSONString.measure(bytes.span, inside)
        precondition(
            measured.characters <= inside.count && inside.clamped(to: measured.trimmed) == measured.trimmed)
        text = measured.trimmed
    }
    let stamp = Stamp(room: name, user: [], identifier: [0x31], time: [0x32])
    var json: [UInt8] = []
    let range = EventText(keys).writeMessage(
        name, stamp, stampKeys, bytes.span, data: envelope.data, text: text, into: &json)
    guard isValid(json, depthMax: JSONScanner.depthLimit) else { return }
    let user = Envelope.member(json.span, of: range, stampKeys.user)
    precondition(Array(json[user!]) == Array("null".utf8))
    precondition(
        Array(json[Envelope.member(json.span, of: range, stampKeys.identifier)!]) == Array("\"1\"".utf8))
}
