// What carries messages between processes, as a process needs it. It is asked by calls, and what it has to
// say comes by calls of `ClusterNode`.

package protocol Broker {
    /// Messages of one process arrive in their order, also those on different channels.
    var keepsOrder: Bool { get }
    /// The server that has the channel, by a number of its own; nil: it is away at the moment.
    func place(of channel: borrowing Span<UInt8>) -> UInt32?
    /// Where the bytes of a message go between `beginMessage` and `endMessage`.
    var output: [UInt8] { get set }
    /// Only after `.sent` the message goes on.
    mutating func beginMessage(to channel: borrowing Span<UInt8>, count: Int) -> Published
    mutating func endMessage()
    mutating func subscribe(_ channel: borrowing Span<UInt8>)
    mutating func unsubscribe(_ channel: borrowing Span<UInt8>)
    /// Asks whether the secret is still there and the same, tells it again, and asks whether the server can
    /// still be written to.
    mutating func renewSecret()
}
