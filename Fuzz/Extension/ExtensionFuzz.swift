import HearthBytes
import HearthWire

/// The first byte chooses what both sides want, the rest is a list of extensions. A server's answer to it is
/// one that the client who could have offered it takes, and means the same to both; what a client takes keeps
/// to what it offered.
@c(LLVMFuzzerTestOneInput)
public func fuzzExtension(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    guard let choice = input.first else { return 0 }
    let settings = DeflateSettings(
        sendsTakeover: choice & 1 != 0, receivesTakeover: choice & 2 != 0,
        windowBits: 9 + Int(choice >> 4) % 7)
    let list = Array(input[1...])
    checkOffer(list, settings)
    checkAnswer(list, settings)
    _ = DeflateNegotiation.isKnownToFail(list.span, userAgent: 0..<list.count)
    return 0
}

private func checkOffer(_ list: [UInt8], _ settings: DeflateSettings) {
    let request =
        Array("GET / HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Extensions: ".utf8) + list + Array("\r\n\r\n".utf8)
    var head = RequestHead()
    var scanned = 0
    let limits = HeadLimits(maxBytes: 1 << 20, maxFields: 64)
    guard case .complete = head.parse(request.span, limits: limits, scanned: &scanned) else { return }
    var answer: [UInt8] = []
    guard let agreed = DeflateNegotiation.accept(head, request.span, settings, answer: &answer) else {
        precondition(answer.isEmpty)
        return
    }
    precondition((9...15).contains(agreed.serverWindowBits) && (8...15).contains(agreed.clientWindowBits))
    precondition(agreed.serverWindowBits <= settings.windowBits)
    precondition(settings.sendsTakeover || !agreed.serverTakesOver)
    precondition(settings.receivesTakeover || !agreed.clientTakesOver)
    let anything = DeflateSettings(sendsTakeover: true, receivesTakeover: true, windowBits: 15)
    let known = try? DeflateNegotiation.readAnswer(answer.span, value: 0..<answer.count, offered: anything)
    guard let known = known ?? nil else { preconditionFailure("a client does not take the answer") }
    precondition(known.serverTakesOver == agreed.serverTakesOver)
    precondition(known.clientTakesOver == agreed.clientTakesOver)
    precondition(known.serverWindowBits == agreed.serverWindowBits)
}

private func checkAnswer(_ list: [UInt8], _ settings: DeflateSettings) {
    do throws(DeflateFault) {
        let agreed = try DeflateNegotiation.readAnswer(list.span, value: 0..<list.count, offered: settings)
        guard let agreed else { return }
        precondition((8...15).contains(agreed.serverWindowBits))
        precondition((9...15).contains(agreed.clientWindowBits))
        precondition(agreed.clientWindowBits <= settings.windowBits)
        precondition(settings.sendsTakeover || !agreed.clientTakesOver)
    } catch {
        precondition(error.sentence.utf8CodeUnitCount > 0)
    }
}
