import HearthBytes
import HearthCluster

func utf8(_ text: String) -> [UInt8] { Array(text.utf8) }

/// A broker in memory: it carries messages between nodes of one test, and can be cut off.
final class Exchange {
    var nodes: [ClusterNode<MemoryBroker>] = []
    var now: UInt64 = 1000
    /// What the broker loses.
    var loses: (_ channel: [UInt8]) -> Bool = { _ in false }
    /// What each node answers to questions; nil: nothing.
    var answers: LocalAnswer?
    private(set) var publishedCount = 0

    static let secret = ClusterSecret(1, 2)

    func add(lease: UInt64 = 3000, linger: UInt64 = 1000) -> ClusterNode<MemoryBroker> {
        var settings = ClusterSettings()
        settings.prefix = utf8("t:")
        settings.nodeName = utf8("node\(nodes.count)")
        settings.lease = lease
        settings.linger = linger
        settings.channelsMax = 100
        let number = UInt64(nodes.count + 1) * 1_000_003
        let node = ClusterNode(settings, MemoryBroker(), number: number, epoch: 7000, seed: (3, 4))
        nodes.append(node)
        return node
    }

    func open(_ node: ClusterNode<MemoryBroker>) {
        node.broker.isOpen = true
        node.opened(Self.secret)
        settle()
    }

    func cut(_ node: ClusterNode<MemoryBroker>) {
        node.broker = MemoryBroker()
        node.closed(now: now)
    }

    /// Carries everything that waits. Returns what was to be delivered, as "node channel: text".
    @discardableResult
    func settle() -> [String] {
        var delivered: [String] = []
        var isDone = false
        while !isDone {
            isDone = true
            for node in nodes {
                for name in node.broker.takeAsked() {
                    isDone = false
                    node.subscribed(name.span, now: now)
                }
                for (channel, bytes) in node.broker.takePublished() {
                    isDone = false
                    publishedCount += 1
                    if loses(channel) { continue }
                    for (index, other) in nodes.enumerated() where other.broker.listens(to: channel) {
                        if let text = deliver(channel, bytes, to: other) {
                            delivered.append("\(index) \(text)")
                        }
                    }
                }
            }
        }
        return delivered
    }

    func deliver(_ channel: [UInt8], _ bytes: [UInt8], to node: ClusterNode<MemoryBroker>) -> String? {
        let name = String(decoding: channel, as: UTF8.self)
        switch node.receive(channel.span, bytes.span, now: now) {
        case .nothing: return nil
        case .question(let message):
            if let answers { node.answer(message, answers, now: now) }
            return nil
        case .rejected: return "\(name) rejected"
        case .kick(let message): return "\(name) kick \(message.number)"
        case .message(let message):
            return "\(name): \(String(decoding: bytes[message.first], as: UTF8.self))"
        }
    }

    /// Lets time pass, step by step.
    @discardableResult
    func pass(_ milliseconds: UInt64) -> [String] {
        var delivered: [String] = []
        let end = now + milliseconds
        while now < end {
            now = min(end, now + 100)
            for node in nodes where node.due.map({ $0 <= now }) ?? false { node.tick(now: now) }
            delivered += settle()
        }
        return delivered
    }
}

struct MemoryBroker: Broker {
    var isOpen = false
    var output: [UInt8] = []
    /// Messages that fit before the broker is full.
    var room = Int.max
    private var channel: [UInt8] = []
    private var published: [([UInt8], [UInt8])] = []
    private var asked: [[UInt8]] = []
    private var channels = Set<ByteString>()

    mutating func beginMessage(to channel: borrowing Span<UInt8>, count: Int) -> Bool {
        if room == 0 { return false }
        room -= 1
        self.channel = ByteString(channel).bytes
        return true
    }

    mutating func endMessage() {
        published.append((channel, output))
        output = []
    }

    mutating func subscribe(_ channel: borrowing Span<UInt8>) {
        asked.append(ByteString(channel).bytes)
        channels.insert(ByteString(channel))
    }

    mutating func unsubscribe(_ channel: borrowing Span<UInt8>) { channels.remove(ByteString(channel)) }

    func listens(to channel: [UInt8]) -> Bool { channels.contains(ByteString(channel)) }

    mutating func takeAsked() -> [[UInt8]] {
        defer { asked = [] }
        return asked
    }

    mutating func takePublished() -> [([UInt8], [UInt8])] {
        defer { published = [] }
        return published
    }
}

extension ClusterNode where Carrier == MemoryBroker {
    func say(_ text: String, in room: String, now: UInt64) -> Published {
        var message = NodeMessage(.room)
        message.opcode = 1
        let bytes = utf8(text)
        return publish(
            message, to: .room, utf8(room).span, name: bytes.span.extracting(0..<0), first: bytes.span,
            second: bytes.span.extracting(0..<0), now: now)
    }
}
