// Tokens that a peer has in advance. Who sends many messages in a few milliseconds does so again, and asking
// several buckets for each of them costs more than the message: so they are asked once for as many as came
// the last time.

package struct RateAdvance {
    private static var messagesMax: UInt64 { 255 }
    private static var bytesMax: UInt64 { 1 << 20 }
    /// For how many milliseconds they are good.
    private static var window: UInt64 { 16 }

    /// When the buckets were asked first in this window.
    private var start: UInt64 = 0
    /// What is left.
    package private(set) var messages: UInt64 = 0
    package private(set) var bytes: UInt64 = 0
    /// What came in this window.
    private var messagesCame: UInt64 = 0
    private var bytesCame: UInt64 = 0

    package init() {}

    /// A message came; false: the buckets must be asked.
    @inline(__always)
    package mutating func spend(_ size: UInt64, now: UInt64) -> Bool {
        if messages == 0 || size > bytes || now &- start >= Self.window { return false }
        messages &-= 1
        bytes &-= size
        messagesCame &+= 1
        bytesCame &+= size
        return true
    }

    /// Nothing is left: it was given back.
    package mutating func clear() {
        messages = 0
        bytes = 0
    }

    /// The buckets are asked for a message. Returns how many are likely to follow within the window.
    package mutating func foresee(_ size: UInt64, now: UInt64) -> (messages: UInt64, bytes: UInt64) {
        // As many as the last time; and when there are more, as many again as have come.
        let isSame = now &- start < Self.window
        if now &- start >= 2 * Self.window { (messagesCame, bytesCame) = (0, 0) }
        let messages = isSame ? messagesCame : messagesCame &- min(1, messagesCame)
        let bytes = isSame ? bytesCame : bytesCame &- min(size, bytesCame)
        if isSame {
            messagesCame &+= 1
            bytesCame &+= size
        } else {
            (start, messagesCame, bytesCame) = (now, 1, size)
        }
        // Messages without bytes are too rare to foresee.
        if messages == 0 || bytes == 0 { return (0, 0) }
        return (min(messages, Self.messagesMax), min(bytes, Self.bytesMax))
    }

    package mutating func add(messages: UInt64, bytes: UInt64) {
        self.messages = messages
        self.bytes = bytes
    }
}
