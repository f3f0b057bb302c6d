// Whom a connection belongs to: the server that accepted it or the client that opened it. What the loop asks
// on the way of a message is here; the rest is in the subclasses.

internal import HearthHub
internal import HearthSession
internal import HearthWire
internal import Synchronization

package enum EndpointKind: UInt8 { case server, client }

extension Unmanaged<Endpoint> {
    var isServer: Bool { _withUnsafeGuaranteedRef { $0.kind == .server } }
}

package class Endpoint: @unchecked Sendable {
    package final let kind: EndpointKind
    /// Counted among those of its kind in the engine.
    package final let number: Int
    /// Strong, as a call from another thread may outlast the engine's end, which breaks the circle.
    package final let engine: Engine
    /// The host's name for it, which its events carry.
    package final var handle: UnsafeMutableRawPointer?
    final let limits: UnsafeMutablePointer<SessionLimits>
    private let ownsLimits: Bool
    final let headLimits: HeadLimits
    final let openTimeout: UInt64
    final let closeTimeout: UInt64
    final let outboxBytesMax: Int
    final let policy: SlowConsumerPolicy
    /// Events for its JSON connections are collected and leave as arrays. Set before it starts.
    final var batches = false
    final let compression: CompressionSettings
    final var callback: EventCallback?
    final var callbackContext: UnsafeMutableRawPointer?
    /// Instead of `callback`, with the same context, for messages, if it is there. It is set with that.
    package final var messageCallback: EventCallback?
    /// What the callback needs as long as the endpoint lives.
    package final var callbackOwner: AnyObject?

    /// A `MessageEvent` names a loop below this.
    package static var loopsMax: Int { ConnectionID.loopCount }

    /// What each loop counts: addresses, made by the loop itself when it has something to count. nil: a
    /// client's, which is counted with the others of its loop.
    private let counterAddresses: UnsafeMutablePointer<Atomic<UInt>>?

    /// `limits`: somebody else's, that outlive it.
    init(
        _ kind: EndpointKind, engine: Engine, number: Int, configuration: Configuration,
        limits shared: UnsafeMutablePointer<SessionLimits>? = nil
    ) {
        self.kind = kind
        self.engine = engine
        self.number = number
        counterAddresses = kind == .server ? .allocate(capacity: ConnectionID.loopCount) : nil
        if let counterAddresses {
            for index in 0..<ConnectionID.loopCount {
                (counterAddresses + index).initialize(to: Atomic<UInt>(0))
            }
        }
        let messageMax = configuration.size(.maxMessageSize)
        limits = shared ?? .allocate(capacity: 1)
        ownsLimits = shared == nil
        if ownsLimits { limits.initialize(to: Self.limits(configuration, role: .server)) }
        headLimits = HeadLimits(
            maxBytes: configuration.size(.maxHeaderSize), maxFields: configuration.integer(.maxHeaderFields))
        openTimeout = configuration.milliseconds(.openTimeout)
        closeTimeout = configuration.milliseconds(.closeTimeout)
        // One message of the greatest size fits into an empty outbox, frame header included.
        outboxBytesMax = min(max(configuration.size(.maxOutboxBytes), messageMax + 14), Int(Int32.max))
        policy = SlowConsumerPolicy(rawValue: UInt8(configuration.choice(.slowConsumer))) ?? .close
        compression = CompressionSettings(configuration, policy)
    }

    deinit {
        forEachCounters { $0.cells.deallocate() }
        counterAddresses?.deallocate()
        if !ownsLimits { return }
        limits.deinitialize(count: 1)
        limits.deallocate()
    }

    static func limits(_ configuration: Configuration, role: DecoderRole) -> SessionLimits {
        var limits = SessionLimits(
            decoder: DecoderLimits(
                role: role, maxMessageSize: configuration.size(.maxMessageSize),
                maxFragments: configuration.integer(.maxFragments)),
            pingInterval: configuration.milliseconds(.pingInterval),
            pingTimeout: configuration.milliseconds(.pingTimeout),
            closeTimeout: configuration.milliseconds(.closeTimeout))
        limits.messageTimeout = configuration.milliseconds(.messageTimeout)
        return limits
    }

    /// The shortest of the times that the loops watch, for the granule of their wheels.
    var shortestTimeout: UInt64 {
        var shortest = min(openTimeout, closeTimeout, limits.pointee.pingTimeout)
        if limits.pointee.messageTimeout > 0 { shortest = min(shortest, limits.pointee.messageTimeout) }
        return limits.pointee.pingInterval > 0 ? min(shortest, limits.pointee.pingInterval) : shortest
    }

    // MARK: Counters

    /// Thread: the loop's.
    final func counters(ofLoop index: Int) -> Counters {
        guard let counterAddresses else { preconditionFailure("a client is counted by its loop") }
        let known = counterAddresses[index].load(ordering: .relaxed)
        if known != 0 { return Counters(cells: Cells(known)) }
        let made = Cells(count: Counters.cellCount)
        counterAddresses[index].store(made.address, ordering: .releasing)
        return Counters(cells: made)
    }

    /// Thread: any.
    final func forEachCounters(_ body: (Counters) -> Void) {
        guard let counterAddresses else { return }
        for index in 0..<ConnectionID.loopCount {
            let address = counterAddresses[index].load(ordering: .acquiring)
            if address != 0 { body(Counters(cells: Cells(address))) }
        }
    }
}
