import HearthBytes
import HearthCluster
import HearthPlatform
import HearthWire

/// What arrives from the broker: as replies of Redis cut anywhere, as a message between processes, with its
/// tag and with one that fits, and as an address of Redis.
@c(LLVMFuzzerTestOneInput)
public func fuzzCluster(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    guard let first = input.first else { return 0 }
    let bytes = Array(input[1...])
    checkReplies(bytes, cut: min(Int(first), bytes.count))
    checkMessage(bytes)
    _ = try? RedisURL.parse(bytes.span)
    return 0
}

private func checkReplies(_ bytes: [UInt8], cut: Int) {
    let reader = RedisReader(bytesMax: 1 << 16)
    guard let url = try? RedisURL.parse(Array("redis://h".utf8).span),
        let sentinels = try? RedisURL.parse(Array("redis+sentinel://h/m?sentinel_password=x".utf8).span)
    else { return }
    let terms = RedisTerms(url, prefix: [], proposal: ClusterSecret(1, 2), outputBytesMax: 1 << 16)
    let brokers = [RedisBroker(terms), RedisBroker(terms, isShard: true)]
    for broker in brokers {
        broker.commandsOpened()
        broker.subscriberOpened()
        broker.listenToItself(on: Array("p".utf8))
    }
    var finders = [url, sentinels].map { RedisFinder($0, asked: url.hosts[0]) }
    for part in [bytes[..<cut], bytes[cut...]] where !part.isEmpty {
        let isTaken = Array(part).withUnsafeBufferPointer { reader.feed($0.baseAddress!, $0.count) }
        if !isTaken { return }
        while case .complete = reader.next() {
            var pieces: [ReplyPiece] = []
            for piece in reader.pieces {
                let kind = ReplyPiece.Kind(rawValue: piece.kind.rawValue) ?? .other
                pieces.append(ReplyPiece(kind, number: piece.number, text: Array(reader.bytes(piece))))
            }
            for broker in brokers {
                _ = broker.commandReply(pieces)
                _ = broker.subscriberReply(pieces)
                if pieces.count == 1, pieces[0].kind == .integer {
                    _ = broker.commandReply(number: pieces[0].number)
                }
            }
            for index in finders.indices { _ = finders[index].reply(pieces) }
            checkMap(pieces, url)
            for piece in pieces { _ = Heard(piece.text.span) }
        }
    }
}

/// Of any map each slot has at most one of its servers.
private func checkMap(_ pieces: [ReplyPiece], _ url: RedisURL) {
    guard let map = SlotMap(pieces, asked: url.hosts[0]) else { return }
    precondition(0...SlotMap.slotCount ~= map.uncovered && map.servers.count <= SlotMap.serversMax)
    for piece in pieces {
        precondition(0..<SlotMap.slotCount ~= SlotMap.slot(of: piece.text.span))
        if let owner = map.owner(of: piece.text.span) { precondition(map.servers.indices ~= owner) }
    }
}

private func checkMessage(_ bytes: [UInt8]) {
    let secret = ClusterSecret(3, 4)
    let channel = Array("ws:r:x".utf8)
    if (try? NodeMessage.read(bytes.span, channel: channel.span, domain: 0, secret)) != nil {
        preconditionFailure("a message without the secret")
    }
    var message = NodeMessage(.room)
    message.opcode = 1
    var written: [UInt8] = []
    let half = bytes.count / 2
    message.append(
        name: bytes.span.extracting(0..<half), first: bytes.span.extracting(half..<bytes.count),
        second: bytes.span, channel: channel.span, secret, to: &written)
    guard let read = try? NodeMessage.read(written.span, channel: channel.span, domain: 0, secret) else {
        preconditionFailure("what was written is not read")
    }
    precondition(Array(written[read.name]) + Array(written[read.first]) == bytes)
    precondition(Array(written[read.second]) == bytes)
    for channel in ["ws:{ws:}a:", "ws:{ws:}b:", "ws:r:x", "ws:{ws:}n:0000000000000007"] {
        receive(bytes, Array(channel.utf8), secret)
    }
}

/// The same bytes as the texts of each kind of message.
private func receive(_ bytes: [UInt8], _ channel: [UInt8], _ secret: ClusterSecret) {
    var settings = ClusterSettings()
    settings.prefix = Array("ws:".utf8)
    let node = ClusterNode(settings, Nowhere(), number: 7, epoch: 1, seed: (1, 2))
    _ = node.hold(.room, Array("x".utf8).span)
    node.opened(secret, now: 1)
    for kind in 1...13 {
        guard let kind = NodeMessageKind(rawValue: UInt8(kind)) else { return }
        var message = NodeMessage(kind)
        message.origin = 8
        message.sequence = UInt64(kind.rawValue)
        message.number = UInt64(bytes.count)
        var written: [UInt8] = []
        let half = bytes.count / 2
        message.append(
            name: bytes.span.extracting(0..<half), first: bytes.span.extracting(half..<bytes.count),
            second: bytes.span, channel: channel.span, secret, to: &written)
        _ = node.receive(channel.span, written.span, now: 1)
    }
}

private struct Nowhere: Broker {
    let keepsOrder = true
    var output: [UInt8] = []

    func place(of channel: borrowing Span<UInt8>) -> UInt32? { 0 }
    mutating func beginMessage(to channel: borrowing Span<UInt8>, count: Int) -> Published { .sent }
    mutating func endMessage() { output = [] }
    mutating func subscribe(_ channel: borrowing Span<UInt8>) {}
    mutating func unsubscribe(_ channel: borrowing Span<UInt8>) {}
    mutating func renewSecret() {}
}
