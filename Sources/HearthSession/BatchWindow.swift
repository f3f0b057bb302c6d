// Several messages as one JSON array. The window begins with its first message and does not move: a message
// waits for the interval at most, however many follow it.

internal import HearthBytes
internal import HearthWire

package struct BatchLimits {
    /// Milliseconds.
    package var interval: UInt64
    package var messagesMax: Int
    /// Of the array as text. A single message may be larger.
    package var bytesMax: Int

    package init(interval: UInt64, messagesMax: Int, bytesMax: Int) {
        self.interval = interval
        self.messagesMax = messagesMax
        self.bytesMax = bytesMax
    }
}

package enum BatchResult {
    case taken
    /// What is in the window must go first: take it and append again.
    case full
    /// Not a text that an array can have.
    case notJSON
}

package struct BatchWindow: ~Copyable {
    package struct Message {
        package let id: UInt64
        package let payload: [UInt8]
    }

    private var messages: [Message] = []
    /// Of the array that they make.
    private var size = 0
    /// When the array is to go; nil: nothing is in the window.
    package private(set) var deadline: UInt64?

    package init() {}

    package var isEmpty: Bool { messages.isEmpty }

    package var count: Int { messages.count }

    /// Of the payloads.
    package var bytes: Int { messages.isEmpty ? 0 : size - messages.count - 1 }

    package mutating func append(
        id: UInt64, payload: [UInt8], now: UInt64, _ limits: borrowing BatchLimits
    ) -> BatchResult {
        if !JSONText.isValid(payload.span) { return .notJSON }
        let messagesMax = limits.messagesMax
        let bytesMax = limits.bytesMax
        if messages.isEmpty {
            size = 1
            deadline = now + limits.interval
        } else if messages.count >= messagesMax || payload.count + 1 > bytesMax - size {
            return .full
        }
        messages.append(Message(id: id, payload: payload))
        // A comma, or the bracket that closes.
        size += payload.count + 1
        if messages.count >= messagesMax || size >= bytesMax { deadline = now }
        return .taken
    }

    /// Empties the window: its array, and its messages for when that does not arrive.
    package mutating func takeArray() -> (payload: [UInt8], messages: [Message]) {
        var text: [UInt8] = []
        text.reserveCapacity(size)
        text.append(UInt8(ascii: "["))
        for index in 0..<messages.count {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            text += messages[index].payload
        }
        text.append(UInt8(ascii: "]"))
        let taken = messages
        messages = []
        size = 0
        deadline = nil
        return (text, taken)
    }
}
