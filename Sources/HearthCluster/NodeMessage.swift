// What processes tell each other, as bytes. A message is a head of fixed size, three texts, and a tag that
// only a member of the cluster can make: whatever else arrives on our channels is refused.
//
//    0  "HN" 1 kind      8  origin     16  epoch     24  sequence     32  number
//    4  flags, opcode   40  the sizes of the three texts, 4 bytes each    52  domain     56  the texts
//       and at the end 8 bytes of SipHash over all that, keyed by the cluster's secret and the channel
//
// Numbers are little-endian.

internal import HearthBytes

package enum NodeMessageKind: UInt8 {
    /// To the members of a room, the connections of a user, everybody: the texts are the user that is left
    /// out, the bytes, and the same for receivers that speak JSON.
    case room = 1
    case user = 2
    case everyone = 3
    /// A user is sent away: number is the code, the first text the reason.
    case kick = 4
    /// A process lives: number is its lease, the texts its name and its counts.
    case heartbeat = 5
    /// A process goes.
    case farewell = 6
    /// To itself.
    case probe = 7
    /// Users in a room on a process: all of them, or a part.
    case snapshot = 8
    /// A user came to a room on a process, or is shown with other data; and is there no more.
    case joined = 9
    case left = 10
    case question = 11
    case answer = 12
    /// Nothing but its number, by which those who were away learn what they have missed.
    case mark = 13
}

package struct NodeMessageFlags: OptionSet {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// An event, which each dialect gets in its own form.
    package static var event: NodeMessageFlags { NodeMessageFlags(rawValue: 1) }
    /// Receivers of the raw dialect get it too.
    package static var raw: NodeMessageFlags { NodeMessageFlags(rawValue: 2) }
    package static var ephemeral: NodeMessageFlags { NodeMessageFlags(rawValue: 4) }
    /// A user is left out.
    package static var except: NodeMessageFlags { NodeMessageFlags(rawValue: 8) }
    /// Of the parts of a snapshot.
    package static var first: NodeMessageFlags { NodeMessageFlags(rawValue: 16) }
    package static var last: NodeMessageFlags { NodeMessageFlags(rawValue: 32) }
    /// The sender wants to know the same of the others.
    package static var asks: NodeMessageFlags { NodeMessageFlags(rawValue: 64) }
    /// The sender has heard the channel before, and was away.
    package static var again: NodeMessageFlags { NodeMessageFlags(rawValue: 128) }
}

package enum NodeMessageFault: Error {
    /// Nothing that a process of ours sends: too short, another protocol, sizes that do not fit.
    case foreign
    /// Another version of the protocol.
    case version
    /// Right in form, but not from somebody who knows the secret, or meant for another channel.
    case forged
    /// Of another cluster, which has the same prefix in another database: channels have no databases.
    case otherDomain
}

/// The secret that the processes of a cluster share.
package struct ClusterSecret: Equatable, Sendable {
    package static var bytesCount: Int { 16 }
    let words: (UInt64, UInt64)

    package init(_ first: UInt64, _ second: UInt64) { words = (first, second) }

    /// nil: it has not 16 bytes.
    package init?(_ bytes: [UInt8]) {
        if bytes.count != Self.bytesCount { return nil }
        words = (readNumber(bytes.span, at: 0), readNumber(bytes.span, at: 8))
    }

    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        appendNumber(words.0, count: 8, to: &bytes)
        appendNumber(words.1, count: 8, to: &bytes)
        return bytes
    }

    package static func == (left: ClusterSecret, right: ClusterSecret) -> Bool { left.words == right.words }

    /// By its bytes, one after the other.
    package static func < (left: ClusterSecret, right: ClusterSecret) -> Bool {
        let (one, other) = (left.words.0.byteSwapped, right.words.0.byteSwapped)
        return one == other ? left.words.1.byteSwapped < right.words.1.byteSwapped : one < other
    }

    func seed(for channel: borrowing Span<UInt8>) -> (UInt64, UInt64) {
        (words.0 ^ SipHash.hash(channel, seed: words), words.1)
    }
}

package struct NodeMessage {
    package static var headBytes: Int { 56 }
    package static var tagBytes: Int { 8 }
    static var version: UInt8 { 1 }

    package var kind: NodeMessageKind
    package var flags: NodeMessageFlags = []
    package var opcode: UInt8 = 0
    /// The process that sent it, by the number that it took when it began.
    package var origin: UInt64 = 0
    /// Which count of the origin for this channel the sequence belongs to.
    package var epoch: UInt64 = 0
    package var sequence: UInt64 = 0
    package var number: UInt64 = 0
    /// The database of Redis where the secret is.
    package var domain: UInt16 = 0
    // Of a message that was read: where its texts lie.
    package private(set) var name = 0..<0
    package private(set) var first = 0..<0
    package private(set) var second = 0..<0

    package init(_ kind: NodeMessageKind) { self.kind = kind }

    /// The bytes of a message with texts of these sizes.
    package static func count(_ name: Int, _ first: Int, _ second: Int) -> Int {
        headBytes + name + first + second + tagBytes
    }

    package func append(
        name: borrowing Span<UInt8>, first: borrowing Span<UInt8>, second: borrowing Span<UInt8>,
        channel: borrowing Span<UInt8>, _ secret: ClusterSecret, to bytes: inout [UInt8]
    ) {
        let start = bytes.count
        bytes.append(UInt8(ascii: "H"))
        bytes.append(UInt8(ascii: "N"))
        bytes.append(Self.version)
        bytes.append(kind.rawValue)
        appendNumber(UInt64(flags.rawValue), count: 2, to: &bytes)
        appendNumber(UInt64(opcode), count: 2, to: &bytes)
        appendNumber(origin, count: 8, to: &bytes)
        appendNumber(epoch, count: 8, to: &bytes)
        appendNumber(sequence, count: 8, to: &bytes)
        appendNumber(number, count: 8, to: &bytes)
        appendNumber(UInt64(name.count), count: 4, to: &bytes)
        appendNumber(UInt64(first.count), count: 4, to: &bytes)
        appendNumber(UInt64(second.count), count: 4, to: &bytes)
        appendNumber(UInt64(domain), count: 4, to: &bytes)
        HearthBytes.append(name, 0, name.count, to: &bytes)
        HearthBytes.append(first, 0, first.count, to: &bytes)
        HearthBytes.append(second, 0, second.count, to: &bytes)
        let tag = SipHash.hash(
            bytes.span.extracting(start..<bytes.count), seed: secret.seed(for: channel))
        appendNumber(tag, count: 8, to: &bytes)
    }

    package static func read(
        _ bytes: borrowing Span<UInt8>, channel: borrowing Span<UInt8>, domain: UInt16,
        _ secret: ClusterSecret
    ) throws(NodeMessageFault) -> NodeMessage {
        let count = bytes.count
        guard count >= headBytes + tagBytes, bytes[0] == UInt8(ascii: "H"), bytes[1] == UInt8(ascii: "N")
        else { throw .foreign }
        if bytes[2] != version { throw .version }
        guard let kind = NodeMessageKind(rawValue: bytes[3]) else { throw .foreign }
        var message = NodeMessage(kind)
        message.flags = NodeMessageFlags(rawValue: UInt16(bytes[4]) | UInt16(bytes[5]) << 8)
        message.opcode = bytes[6]
        message.origin = readNumber(bytes, at: 8)
        message.epoch = readNumber(bytes, at: 16)
        message.sequence = readNumber(bytes, at: 24)
        message.number = readNumber(bytes, at: 32)
        let sizes = readNumber(bytes, at: 40)
        let nameCount = Int(sizes & 0xFFFF_FFFF)
        let firstCount = Int(sizes >> 32)
        let secondCount = Int(readNumber(bytes, at: 48) & 0xFFFF_FFFF)
        guard Self.count(nameCount, firstCount, secondCount) == count else { throw .foreign }
        if readNumber(bytes, at: 48) >> 32 != UInt64(domain) { throw .otherDomain }
        message.domain = domain
        let tag = SipHash.hash(bytes.extracting(0..<(count - tagBytes)), seed: secret.seed(for: channel))
        if tag != readNumber(bytes, at: count - tagBytes) { throw .forged }
        message.name = headBytes..<(headBytes + nameCount)
        message.first = message.name.upperBound..<(message.name.upperBound + firstCount)
        message.second = message.first.upperBound..<(message.first.upperBound + secondCount)
        return message
    }
}

func appendNumber(_ number: UInt64, count: Int, to bytes: inout [UInt8]) {
    for index in 0..<count { bytes.append(UInt8(truncatingIfNeeded: number >> UInt64(8 * index))) }
}

func readNumber(_ bytes: borrowing Span<UInt8>, at start: Int) -> UInt64 {
    var number: UInt64 = 0
    for index in 0..<8 { number |= UInt64(bytes[start + index]) << UInt64(8 * index) }
    return number
}
