// The channels of a process: which ones it listens to, because there are members or connections here, what it
// has sent to each, and what it has heard on each. Names are looked up without making a copy.

internal import HearthBytes

package enum ChannelKind: UInt8 {
    /// Of a room, of a user.
    case room = 0x72
    case user = 0x75
    /// One process, by its number.
    case node = 0x6E
    /// All processes: messages to everybody, and heartbeats.
    case all = 0x61
    case beat = 0x62
}

struct Channel {
    enum Subscription: UInt8 { case off, asked, on }

    let name: ByteString
    let kind: ChannelKind
    /// How many parts of the process (loops) need it.
    var holds = 0
    var subscription = Subscription.off
    /// The server of the broker where it was asked for.
    var place: UInt32 = 0
    /// It stands in the list of those that are looked at when their time has come.
    var isListed = false
    var lastUsed: UInt64 = 0
    let epoch: UInt64
    var sequence: UInt64 = 0
    /// What came last from each origin.
    var arrivals: [Arrival] = []
}

struct Arrival {
    let origin: UInt64
    var epoch: UInt64
    var sequence: UInt64
}

/// What the number of a message says about those before it.
package enum Arrived: Equatable {
    /// So many did not arrive.
    case fresh(missed: UInt64)
    case duplicate
}

/// What names begin with that are not of one room or user: the prefix, and again in braces, which a Redis
/// Cluster takes the slot of.
package func commonPrefix(_ prefix: [UInt8]) -> [UInt8] {
    prefix + ascii("{") + (prefix.isEmpty ? ascii("hearth") : prefix) + ascii("}")
}

struct ChannelTable: ~Copyable {
    private let prefix: [UInt8]
    private let commonPrefix: [UInt8]
    private var numbers: ByteTable
    let channels = Slab<Channel>()
    /// Those that may be given up, in the order of their times.
    private var listed: [(channel: UInt32, due: UInt64)] = []
    private var listedHead = 0
    private var scratch: [UInt8] = []
    private var nextEpoch: UInt64

    init(prefix: [UInt8], seed: (UInt64, UInt64), epoch: UInt64) {
        self.prefix = prefix
        commonPrefix = HearthCluster.commonPrefix(prefix)
        numbers = ByteTable(seed: seed)
        nextEpoch = epoch
    }

    var count: Int { channels.count }

    // MARK: Names

    /// The whole name is the prefix, a letter, a colon, and the name of the room or user.
    private mutating func write(_ kind: ChannelKind, _ name: borrowing Span<UInt8>) {
        scratch.removeAll(keepingCapacity: true)
        scratch += kind == .room || kind == .user ? prefix : commonPrefix
        scratch.append(kind.rawValue)
        scratch.append(UInt8(ascii: ":"))
        append(name, 0, name.count, to: &scratch)
    }

    /// Where the name of the room or user begins in a channel's.
    var nameStart: Int { prefix.count + 2 }

    mutating func find(_ kind: ChannelKind, _ name: borrowing Span<UInt8>) -> UInt32? {
        write(kind, name)
        return numbers.find(scratch.span)
    }

    func find(whole name: borrowing Span<UInt8>) -> UInt32? { numbers.find(name) }

    /// nil: there are `countMax`.
    mutating func findOrAdd(
        _ kind: ChannelKind, _ name: borrowing Span<UInt8>, countMax: Int
    ) -> UInt32? {
        if let found = find(kind, name) { return found }
        if channels.count >= countMax { return nil }
        let whole = ByteString(scratch)
        nextEpoch += 1
        let channel = channels.insert(Channel(name: whole, kind: kind, epoch: nextEpoch))
        numbers.insert(whole, value: channel)
        return channel
    }

    mutating func remove(_ channel: UInt32) {
        let name = channels[channel].name
        _ = numbers.remove(name.bytes.span)
        channels.remove(channel)
    }

    // MARK: Time

    /// The channel is looked at again at `due`; times must not go back.
    mutating func list(_ channel: UInt32, due: UInt64) {
        if channels[channel].isListed { return }
        channels[channel].isListed = true
        if listedHead >= 64, listedHead * 2 >= listed.count {
            listed.removeSubrange(0..<listedHead)
            listedHead = 0
        }
        listed.append((channel, due))
    }

    var due: UInt64? { listedHead == listed.count ? nil : listed[listedHead].due }

    mutating func takeListed() -> UInt32 {
        let channel = listed[listedHead].channel
        listedHead += 1
        channels[channel].isListed = false
        return channel
    }

    // MARK: Order

    /// Notes the number of a message that came on the channel.
    mutating func arrived(_ channel: UInt32, _ message: NodeMessage, among nodes: NodeTable) -> Arrived {
        for index in 0..<channels[channel].arrivals.count {
            let last = channels[channel].arrivals[index]
            if last.origin != message.origin { continue }
            if message.epoch == last.epoch {
                if message.sequence <= last.sequence { return .duplicate }
                channels[channel].arrivals[index].sequence = message.sequence
                return .fresh(missed: message.sequence - last.sequence - 1)
            }
            // The origin has forgotten the channel meanwhile and counts anew.
            if message.epoch < last.epoch { return .duplicate }
            channels[channel].arrivals[index].epoch = message.epoch
            channels[channel].arrivals[index].sequence = message.sequence
            return .fresh(missed: message.sequence - 1)
        }
        // Of those that are gone for good nothing will come.
        if channels[channel].arrivals.count >= 2 * nodes.nodes.count + 4 {
            channels[channel].arrivals.removeAll { !nodes.contains($0.origin) }
        }
        channels[channel].arrivals.append(
            Arrival(origin: message.origin, epoch: message.epoch, sequence: message.sequence))
        // What was sent before this process listened was not meant for it.
        return .fresh(missed: 0)
    }
}
