// What is published before the broker is reached for the first time: it waits, for as long as a lease and as
// much as may, and goes on in its order. Later nothing is kept.

package import HearthBytes

struct Waiting {
    struct Message {
        let message: NodeMessage
        let kind: ChannelKind
        let target: ByteString
        let name: ByteString
        let first: ByteString
        let second: ByteString
    }

    var messages: [Message] = []
    var bytes = 0
    private(set) var deadline: UInt64?

    var isOpen: Bool { deadline != nil }

    mutating func open(until end: UInt64) {
        deadline = end
        messages = []
        bytes = 0
    }

    mutating func close() -> [Message] {
        defer {
            messages = []
            bytes = 0
            deadline = nil
        }
        return messages
    }
}

extension ClusterNode {
    /// What one message takes besides its texts.
    private var messageCost: Int { 128 }

    /// The process begins: what is published waits until `release`.
    package func begin(now: UInt64) { waiting.open(until: now + settings.lease) }

    package var isWaiting: Bool { waiting.isOpen }

    /// The time is over.
    package func isWaitOver(now: UInt64) -> Bool { waiting.deadline.map { $0 <= now } ?? false }

    func wait(
        _ message: NodeMessage, _ kind: ChannelKind, _ target: borrowing Span<UInt8>,
        name: borrowing Span<UInt8>, first: borrowing Span<UInt8>, second: borrowing Span<UInt8>
    ) -> Published {
        let count = target.count + name.count + first.count + second.count + messageCost
        if count > settings.pendingBytesMax - waiting.bytes { return .full }
        waiting.bytes += count
        waiting.messages.append(
            Waiting.Message(
                message: message, kind: kind, target: ByteString(target), name: ByteString(name),
                first: ByteString(first), second: ByteString(second)))
        return .waits
    }

    /// What waits goes on, and nothing waits any more. Returns how it went with each.
    package func release(now: UInt64) -> [Published] {
        var results: [Published] = []
        for one in waiting.close() {
            results.append(
                publish(
                    one.message, to: one.kind, one.target.bytes.span, name: one.name.bytes.span,
                    first: one.first.bytes.span, second: one.second.bytes.span, now: now))
        }
        return results
    }
}
