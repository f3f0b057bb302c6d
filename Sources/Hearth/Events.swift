// The events of a server, one after the other.

/// What happens in a server that has no handler. A consumer that is slow makes the engine's queue grow to
/// `max_event_queue`, and then the sockets wait: memory stays bounded. An event goes to one consumer only.
public struct Events: AsyncSequence, Sendable {
    public typealias Element = Event
    public typealias Failure = Never

    let server: Server

    public func makeAsyncIterator() -> Iterator {
        Iterator(server: server)
    }

    public struct Iterator: AsyncIteratorProtocol {
        let server: Server

        /// The next event; nil after `Event.stopped`, and in a task that was cancelled.
        public mutating func next() async -> Event? {
            await server.pump.next(untilCancelled: true)
        }

        public mutating func next(isolation actor: isolated (any Actor)?) async -> Event? {
            await server.pump.next(untilCancelled: true)
        }
    }
}
