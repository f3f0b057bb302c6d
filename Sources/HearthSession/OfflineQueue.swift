// What a client was given to send while it had no connection, and what came back from one that broke before
// the kernel had all of it. In the order of the calls; bounded in count, bytes and age; whatever leaves it
// unsent is reported with a reason.

package import HearthWire

package struct QueueLimits {
    package var messagesMax: Int
    /// Of all payloads together.
    package var bytesMax: Int
    /// Milliseconds; 0: a message waits for as long as it takes.
    package var ageMax: UInt64
    /// When it is full, make room at the front instead of refusing.
    package var dropsOldest: Bool
    /// Messages that leave in a second; 0: as many as the socket takes.
    package var ratePerSecond: Int

    package init(
        messagesMax: Int, bytesMax: Int, ageMax: UInt64, dropsOldest: Bool, ratePerSecond: Int
    ) {
        self.messagesMax = messagesMax
        self.bytesMax = bytesMax
        self.ageMax = ageMax
        self.dropsOldest = dropsOldest
        self.ratePerSecond = ratePerSecond
    }
}

/// Numbers as in the header.
package enum DropReason: UInt8 {
    case count = 1
    case bytes = 2
    case age = 3
    case cleared = 4
    /// The client ended.
    case closed = 5
    /// The connection broke, and the message was not to outlive it.
    case lost = 6
}

package struct QueuedMessage {
    package let id: UInt64
    package let opcode: Opcode
    /// Outlives the connection that it was meant for.
    package let keeps: Bool
    /// Monotonic milliseconds.
    package let queuedAt: UInt64
    package let payload: [UInt8]

    package init(id: UInt64, opcode: Opcode, keeps: Bool, queuedAt: UInt64, payload: [UInt8]) {
        self.id = id
        self.opcode = opcode
        self.keeps = keeps
        self.queuedAt = queuedAt
        self.payload = payload
    }

    fileprivate static var none: QueuedMessage {
        QueuedMessage(id: 0, opcode: .text, keeps: false, queuedAt: 0, payload: [])
    }
}

package struct QueueDrop: Equatable {
    package let id: UInt64
    package let reason: DropReason

    package init(id: UInt64, reason: DropReason) {
        self.id = id
        self.reason = reason
    }
}

package struct OfflineQueue: ~Copyable {
    private var messages: [QueuedMessage] = []
    /// Places before this index are free.
    private var head = 0
    package private(set) var bytes = 0
    private var nextMicroseconds: UInt64 = 0
    private var drops: [QueueDrop] = []
    private var firstDrop = 0

    package init() {}

    package var count: Int { messages.count - head }

    package var isEmpty: Bool { messages.count == head }

    /// From the oldest on.
    package func message(at index: Int) -> QueuedMessage {
        precondition(index >= 0 && index < count, "an index of the queue")
        return messages[head + index]
    }

    // MARK: In

    /// False: the queue is full and nothing was taken, or the message alone is more than the queue may hold.
    package mutating func append(
        id: UInt64, opcode: Opcode, payload: [UInt8], keeps: Bool, now: UInt64,
        _ limits: borrowing QueueLimits
    ) -> Bool {
        let messagesMax = limits.messagesMax
        let bytesMax = limits.bytesMax
        if messagesMax == 0 || payload.count > bytesMax { return false }
        if count >= messagesMax || payload.count > bytesMax - bytes {
            if !limits.dropsOldest { return false }
            while count >= messagesMax { dropFirst(.count) }
            while payload.count > bytesMax - bytes { dropFirst(.bytes) }
        }
        messages.append(
            QueuedMessage(id: id, opcode: opcode, keeps: keeps, queuedAt: now, payload: payload))
        bytes += payload.count
        return true
    }

    /// A message that the queue had, or would have had, before all that it has now. It was counted when it
    /// was sent: no limit refuses it.
    package mutating func prepend(
        id: UInt64, opcode: Opcode, payload: [UInt8], keeps: Bool, queuedAt: UInt64
    ) {
        if head == 0 {
            // As much room again, so that each message is moved a bounded number of times.
            head = max(8, messages.count)
            messages.insert(contentsOf: repeatElement(QueuedMessage.none, count: head), at: 0)
        }
        head -= 1
        messages[head] = QueuedMessage(
            id: id, opcode: opcode, keeps: keeps, queuedAt: queuedAt, payload: payload)
        bytes += payload.count
    }

    // MARK: Out

    /// Takes the oldest, if the rate lets it go now.
    package mutating func next(now: UInt64, _ limits: borrowing QueueLimits) -> QueuedMessage? {
        guard let time = nextAllowed(now: now), time <= now else { return nil }
        if limits.ratePerSecond > 0 {
            let cost = 1_000_000 / UInt64(limits.ratePerSecond)
            // Up to a millisecond behind: that much is lost where the time is rounded.
            nextMicroseconds = max(nextMicroseconds + 1000, now * 1000) - 1000 + max(1, cost)
        }
        return takeFirst()
    }

    /// When `next` has something; nil: nothing is in the queue.
    package func nextAllowed(now: UInt64) -> UInt64? {
        isEmpty ? nil : max(now, (nextMicroseconds + 999) / 1000)
    }

    // MARK: Gone

    /// When `expire` has something to do; nil: never.
    package func deadline(_ limits: borrowing QueueLimits) -> UInt64? {
        if limits.ageMax == 0 || isEmpty { return nil }
        return messages[head].queuedAt + limits.ageMax
    }

    package mutating func expire(now: UInt64, _ limits: borrowing QueueLimits) {
        while let deadline = deadline(limits), deadline <= now { dropFirst(.age) }
    }

    package mutating func clear(_ reason: DropReason) {
        while !isEmpty { dropFirst(reason) }
    }

    /// The connection broke: what was not to outlive it goes.
    package mutating func dropUnkept() {
        var kept = head
        for index in head..<messages.count {
            let message = messages[index]
            if message.keeps {
                messages[kept] = message
                kept += 1
            } else {
                bytes -= message.payload.count
                drops.append(QueueDrop(id: message.id, reason: .lost))
            }
        }
        messages.removeSubrange(kept...)
    }

    /// A message that never came into the queue, to be reported with the others.
    package mutating func note(_ drop: QueueDrop) { drops.append(drop) }

    /// The next message that was dropped and is not yet reported.
    package mutating func takeDrop() -> QueueDrop? {
        if firstDrop == drops.count {
            if !drops.isEmpty { drops = [] }
            firstDrop = 0
            return nil
        }
        firstDrop += 1
        return drops[firstDrop - 1]
    }

    private mutating func dropFirst(_ reason: DropReason) {
        drops.append(QueueDrop(id: takeFirst().id, reason: reason))
    }

    private mutating func takeFirst() -> QueuedMessage {
        let message = messages[head]
        messages[head] = QueuedMessage.none
        head += 1
        bytes -= message.payload.count
        if head == messages.count {
            messages = []
            head = 0
        } else if head > 32, head > messages.count / 2 {
            messages.removeSubrange(0..<head)
            head = 0
        }
        return message
    }
}
