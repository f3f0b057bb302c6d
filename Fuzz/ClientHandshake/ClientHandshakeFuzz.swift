import HearthBytes
import HearthWire

/// The first byte chooses what is read, the second where it is cut: an address, or a response. An address
/// that is taken is taken again as it writes itself; a response is the same wherever it is cut.
@c(LLVMFuzzerTestOneInput)
public func fuzzClientHandshake(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    guard input.count >= 2 else { return 0 }
    let text = Array(input[2...])
    if input[0] & 1 == 0 {
        checkAddress(text, cut: min(Int(input[1]), text.count))
    } else {
        checkResponse(text, cut: min(Int(input[1]), text.count), narrow: input[0] & 2 != 0)
    }
    return 0
}

/// What stands before the cut is the address, what stands behind it where a redirect leads.
private func checkAddress(_ text: [UInt8], cut: Int) {
    do throws(URLFault) {
        _ = try ProxyURL.parse(text.span)
    } catch {
        precondition(error.position <= text.count)
    }
    do throws(URLFault) {
        checkURL(try WebSocketURL.parse(text.span))
    } catch {
        precondition(error.position <= text.count)
    }
    do throws(URLFault) {
        let url = try WebSocketURL.parse(Array(text[..<cut]).span)
        let other = try url.redirected(to: Array(text[cut...]).span)
        precondition(!url.isSecure || other.isSecure)
        precondition(
            other.credentials != url.credentials || url.credentials.isEmpty || other.isUnix
                || other.isSameOrigin(as: url) || text[cut...].contains(UInt8(ascii: "@")))
        checkURL(other)
    } catch {
        precondition(error.position <= text.count + WebSocketURL.bytesMax)
    }
}

private func checkURL(_ url: WebSocketURL) {
    precondition(!url.host.isEmpty && url.host.count <= 253 && url.target.first == UInt8(ascii: "/"))
    precondition(url.isUnix == !url.socketPath.isEmpty && url.socketPath.count <= 107)
    for byte in url.target + url.hostField { precondition(byte > 0x20 && byte < 0x7F) }
    precondition(!url.socketPath.contains(0))
    var request: [UInt8] = []
    let offer = HandshakeOffer(subprotocols: [], extensions: [], fields: [])
    let key = ClientHandshake.key(random: [UInt8](repeating: 7, count: 16).span)
    ClientHandshake.writeRequest(url, key: key, offer, into: &request)
    var head = RequestHead()
    var scanned = 0
    let limits = HeadLimits(maxBytes: 100_000, maxFields: 8)
    let result = head.parse(request.span, limits: limits, scanned: &scanned)
    precondition(result == .complete(headCount: request.count))
    guard case .upgrade = ServerHandshake.check(head, request.span) else { fatalError("no upgrade") }
}

private func checkResponse(_ bytes: [UInt8], cut: Int, narrow: Bool) {
    let limits = HeadLimits(maxBytes: narrow ? 100 : 8192, maxFields: narrow ? 3 : 64)
    var response = ReceivedResponse()
    var scanned = 0
    let expected = response.parse(bytes.span, limits: limits, scanned: &scanned)
    var pieces = ReceivedResponse()
    scanned = 0
    var result = pieces.parse(Array(bytes[..<cut]).span, limits: limits, scanned: &scanned)
    precondition(scanned <= cut)
    if result == .needMore { result = pieces.parse(bytes.span, limits: limits, scanned: &scanned) }
    precondition(result == expected)
    guard case .complete(let headCount) = expected else { return }
    precondition(headCount <= limits.maxBytes && headCount <= bytes.count)
    precondition(response.status >= 100 && response.status < 600 && response.reason.upperBound < headCount)
    for index in 0..<response.fieldCount {
        let field = response.field(at: index)
        precondition(HTTPSyntax.isToken(bytes.span, field.name) && field.value.upperBound <= headCount - 4)
    }
    _ = response.retryAfterMilliseconds(in: bytes.span, epochSeconds: 1_780_000_000)
    _ = ProxyTunnel.check(response)
    let offer = HandshakeOffer(
        subprotocols: Array("chat, b".utf8), extensions: Array("permessage-deflate".utf8), fields: [])
    let digest = [UInt8](repeating: 0, count: 20)
    let check = ClientHandshake.check(response, bytes.span, digest: digest.span, offer)
    if case .accepted(let subprotocol) = check, let subprotocol {
        precondition(bytes[subprotocol].elementsEqual("chat".utf8) || bytes[subprotocol] == [0x62])
    }
}
