import HearthBytes
import HearthWire

/// Payloads are split as they would be put together again, and what is taken as a packet has parts that lie
/// inside of it and JSON that is JSON.
@c(LLVMFuzzerTestOneInput)
public func fuzzSocketIO(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    checkPayload(input)
    guard UTF8Validator.isValid(input.span, 0, input.count) else { return 0 }
    let limits = SocketPacketLimits(attachmentsMax: 10, depthMax: 20, namespaceMax: 64)
    guard let packet = try? SocketPacket.read(input.span, limits) else { return 0 }
    precondition(packet.data.upperBound == input.count && packet.namespace.count <= 64)
    if packet.data.isEmpty { return 0 }
    let data = Array(input[packet.data])
    precondition((try? JSONScanner.check(data.span, depthMax: 20)) != nil)
    guard packet.type == .event || packet.type == .binaryEvent, !packet.event.isEmpty else { return 0 }
    var name: [UInt8] = []
    guard JSONString.decode(input.span, packet.event, into: &name) else { return 0 }
    let arguments = Array(input[packet.arguments(input.span)])
    var again: [UInt8] = []
    SocketPacket.writeHead(
        packet.type, attachments: packet.attachments, namespace: Array(input[packet.namespace]).span,
        id: packet.id, into: &again)
    SocketPacket.writeEvent(name.span, arguments: arguments.span, into: &again)
    guard let second = try? SocketPacket.read(again.span, limits) else { preconditionFailure("not readable") }
    precondition(second.id == packet.id && second.attachments == packet.attachments)
    precondition(Array(again[second.arguments(again.span)]) == arguments)
    return 0
}

private func checkPayload(_ input: [UInt8]) {
    var walk = EnginePayload(packetsMax: 64)
    var payload: [UInt8] = []
    do throws(EnginePayloadFault) {
        while let packet = try walk.nextPacket(input.span) {
            let data = Array(input[packet.data])
            if !packet.isBase64 {
                EnginePayload.append(packet.type, data.span, to: &payload)
                continue
            }
            var decoded: [UInt8] = []
            precondition(Base64.decode(data.span, 0..<data.count, into: &decoded))
            EnginePayload.append(binary: decoded.span, to: &payload)
        }
    } catch {
        return
    }
    precondition(payload == input)
}
