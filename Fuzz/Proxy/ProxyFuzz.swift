import HearthBytes
import HearthWire

/// The first byte says where the header is cut. A header that is whole stays what it is however many bytes
/// follow, every beginning of it asks for more, and its address is one. The same bytes are read as a network,
/// as an address, and as the value of both forwarding fields.
@c(LLVMFuzzerTestOneInput)
public func fuzzProxy(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    guard let first = input.first else { return 0 }
    let bytes = Array(input[1...])
    checkHeader(bytes, cut: min(Int(first), bytes.count))
    checkAddress(bytes)
    checkForwarded(bytes)
    return 0
}

private func checkHeader(_ bytes: [UInt8], cut: Int) {
    let result = ProxyHeader.parse(bytes.span)
    let beginning = ProxyHeader.parse(Array(bytes[..<cut]).span)
    switch result {
    case .complete(let count, _):
        precondition(count > 14 && count <= bytes.count && count <= 4096)
        precondition(cut >= count ? beginning == result : beginning == .needMore)
    case .needMore:
        precondition(bytes.count < 4096 && beginning == .needMore)
    case .rejected:
        // Refused as it is, but what is there first may still look like a header.
        if case .complete = beginning { preconditionFailure("what follows a header changes it") }
    }
}

private func checkAddress(_ bytes: [UInt8]) {
    if let address = IPAddress(bytes.span, 0..<bytes.count) {
        precondition(address.key.count == (address.isIPv6 ? 17 : 9))
        precondition(address.counted.counted == address.counted)
    }
    if let network = Network(bytes.span) {
        precondition(network.prefix <= (network.address.isIPv6 ? 128 : 32))
        precondition(network.contains(network.address))
    }
}

private func checkForwarded(_ bytes: [UInt8]) {
    let value = bytes.filter { HTTPSyntax.isValueCharacter($0) }
    let text = Array("GET / HTTP/1.1\r\nForwarded: ".utf8) + value + Array("\r\nX-Forwarded-For: ".utf8)
    let request = text + value + Array("\r\n\r\n".utf8)
    var head = RequestHead()
    var scanned = 0
    let limits = HeadLimits(maxBytes: 1 << 20, maxFields: 10)
    guard case .complete = head.parse(request.span, limits: limits, scanned: &scanned) else { return }
    let hop = ProxiedPeer(address: IPAddress(ipv4: 1), port: 1)
    for field in [ForwardedField.forwarded, .xForwardedFor] {
        _ = head.forwardedPeer(in: request.span, field, trusted: [], hop: hop)
    }
}
