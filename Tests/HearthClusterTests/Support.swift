import HearthBytes
import HearthCluster

func utf8(_ text: String) -> [UInt8] { Array(text.utf8) }

enum Fate: CaseIterable { case carried, lost, repeated, delayed }

/// A broker in memory: it carries messages between nodes of one test, does to them what it is told to, and
/// can be cut off.
final class Exchange {
    var nodes: [ClusterNode<MemoryBroker>] = []
    var now: UInt64 = 1000
    /// What the broker loses.
    var loses: (_ channel: [UInt8]) -> Bool = { _ in false }
    var fate: (_ channel: [UInt8]) -> Fate = { _ in .carried }
    private var delayed: [([UInt8], [UInt8])] = []
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
        node.opened(Self.secret, now: now)
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
                    node.subscribed(name.span, at: node.broker.place(of: name.span) ?? 0, now: now)
                }
                for (channel, bytes) in node.broker.takePublished() {
                    isDone = false
                    publishedCount += 1
                    if loses(channel) { continue }
                    switch fate(channel) {
                    case .carried: delivered += deliver(channel, bytes)
                    case .repeated: delivered += deliver(channel, bytes) + deliver(channel, bytes)
                    case .delayed: delayed.append((channel, bytes))
                    case .lost: break
                    }
                }
            }
        }
        return delivered
    }

    /// What was delayed arrives, the last first.
    func release() -> [String] {
        var delivered: [String] = []
        while let (channel, bytes) = delayed.popLast() { delivered += deliver(channel, bytes) }
        return delivered
    }

    private func deliver(_ channel: [UInt8], _ bytes: [UInt8]) -> [String] {
        var delivered: [String] = []
        for (index, node) in nodes.enumerated() where node.broker.listens(to: channel) {
            if let text = deliver(channel, bytes, to: node) { delivered.append("\(index) \(text)") }
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
    var keepsOrder = true
    /// The servers that have the channels; nil: it is away.
    var placed: (_ channel: [UInt8]) -> UInt32? = { _ in 0 }
    var output: [UInt8] = []
    var renewals = 0
    /// Messages that fit before the broker is full.
    var room = Int.max
    private var channel: [UInt8] = []
    private var published: [([UInt8], [UInt8])] = []
    private var asked: [[UInt8]] = []
    private var channels = Set<ByteString>()

    func place(of channel: borrowing Span<UInt8>) -> UInt32? {
        isOpen ? placed(ByteString(channel).bytes) : nil
    }

    mutating func beginMessage(to channel: borrowing Span<UInt8>, count: Int) -> Published {
        if place(of: channel) == nil { return .away }
        if room == 0 { return .full }
        room -= 1
        self.channel = ByteString(channel).bytes
        return .sent
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

    mutating func renewSecret() { renewals += 1 }

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
