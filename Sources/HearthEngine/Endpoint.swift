// Whom a connection belongs to: the server that accepted it or the client that opened it. What the loop asks
// on the way of a message is here; the rest is in the subclasses.

internal import HearthHub
internal import HearthSession
internal import HearthWire

package enum EndpointKind: UInt8 { case server, client }

package class Endpoint: @unchecked Sendable {
    package final let kind: EndpointKind
    /// Counted among those of its kind in the engine.
    package final let number: Int
    /// Strong, as a call from another thread may outlast the engine's end, which breaks the circle.
    package final let engine: Engine
    /// The host's name for it, which its events carry.
    package final var handle: UnsafeMutableRawPointer?
    final let limits: UnsafeMutablePointer<SessionLimits>
    final let headLimits: HeadLimits
    final let openTimeout: UInt64
    final let closeTimeout: UInt64
    final let outboxBytesMax: Int
    final let policy: SlowConsumerPolicy
    final let compression: CompressionSettings
    final var callback: EventCallback?
    final var callbackContext: UnsafeMutableRawPointer?
    /// What the callback needs as long as the endpoint lives.
    package final var callbackOwner: AnyObject?

    init(_ kind: EndpointKind, engine: Engine, number: Int, configuration: Configuration) {
        self.kind = kind
        self.engine = engine
        self.number = number
        let messageMax = configuration.size(.maxMessageSize)
        limits = .allocate(capacity: 1)
        limits.initialize(
            to: SessionLimits(
                decoder: DecoderLimits(
                    role: kind == .server ? .server : .client, maxMessageSize: messageMax,
                    maxFragments: configuration.integer(.maxFragments)),
                pingInterval: configuration.milliseconds(.pingInterval),
                pingTimeout: configuration.milliseconds(.pingTimeout),
                closeTimeout: configuration.milliseconds(.closeTimeout)))
        headLimits = HeadLimits(
            maxBytes: configuration.size(.maxHeaderSize), maxFields: configuration.integer(.maxHeaderFields))
        openTimeout = configuration.milliseconds(.openTimeout)
        closeTimeout = configuration.milliseconds(.closeTimeout)
        // One message of the greatest size fits into an empty outbox, frame header included.
        outboxBytesMax = min(max(configuration.size(.outboxMaxBytes), messageMax + 14), Int(Int32.max))
        policy = SlowConsumerPolicy(rawValue: UInt8(configuration.choice(.slowConsumer))) ?? .close
        compression = CompressionSettings(configuration, policy)
    }

    deinit {
        limits.deinitialize(count: 1)
        limits.deallocate()
    }

    /// The shortest of the times that the loops watch, for the granule of their wheels.
    var shortestTimeout: UInt64 {
        let shortest = min(openTimeout, closeTimeout, limits.pointee.pingTimeout)
        return limits.pointee.pingInterval > 0 ? min(shortest, limits.pointee.pingInterval) : shortest
    }
}
