// What carries messages between processes, as a process needs it. It is asked by calls, and what it has to
// say comes by calls of `ClusterNode`.

package protocol Broker {
    /// Messages can be published.
    var isOpen: Bool { get }
    /// Where the bytes of a message go between `beginMessage` and `endMessage`.
    var output: [UInt8] { get set }
    /// False: it is full.
    mutating func beginMessage(to channel: borrowing Span<UInt8>, count: Int) -> Bool
    mutating func endMessage()
    mutating func subscribe(_ channel: borrowing Span<UInt8>)
    mutating func unsubscribe(_ channel: borrowing Span<UInt8>)
}
