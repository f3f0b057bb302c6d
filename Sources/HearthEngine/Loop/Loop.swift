// One loop: a thread's connections, from accept to release. This file has what it owns and how a turn begins
// and ends; the other files named Loop+… have what happens in a turn.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import HearthWire
internal import Synchronization

final class Loop: @unchecked Sendable {
    /// What one read takes at most.
    static let inputBytes = Ingress.readBytesMax
    /// When so much was written in one turn it is flushed before the turn's end, which bounds the arena.
    static let turnBytesMax = 8 << 20
    private static let probeMilliseconds: UInt64 = 1000
    /// How often what follows from writes is done in one turn.
    private static let afterworkRounds = 4

    unowned(unsafe) let engine: Engine
    /// Which of the engine's loops.
    let index: Int
    let port: LoopPort
    let context: LoopContext
    let events: EventLoop
    let hub: Hub
    let timers: Timers
    let afterwork = Afterwork()
    let connections = Slab<Connection>()
    let ingress = Ingress()
    let input: UnsafeMutablePointer<UInt8>
    /// Of large messages that came in parts.
    var spareMemory: [UInt8] = []
    /// The name of the event that is being received.
    let eventName: UnsafeMutablePointer<UInt8>
    var identifiers: MessageIdentifiers
    let pieces: UnsafeMutableBufferPointer<Piece>
    /// Many sends at once, where the kernel has it; nil for ever after it refused. Unmanaged, as each turn
    /// would retain it.
    var ring: Unmanaged<SendRing>?
    var ownedRing: SendRing?
    /// The slots of the sends that are staged in the ring, in order.
    let stagedSlots: UnsafeMutablePointer<UInt32>
    /// Sealed bytes, for the slots that have TLS.
    let stagedPieces: UnsafeMutablePointer<Piece>
    /// For large messages to many.
    let pages = SharedPages()
    var isFlushingAll = false
    let codecs = Codecs()
    var acceptors: [UnsafeMutablePointer<Acceptor>] = []
    /// The request head read last, and buffers that are used again for each.
    var head = RequestHead()
    var captures: [Range<Int>] = []
    var foundTokens: [FoundToken] = []
    var requestTexts = RequestTexts()
    /// What `requestTexts` names.
    var requestText = TextBuffer()
    /// For what an answer to a handshake is made of.
    var answer = TextBuffer()
    var text: [UInt8] = []
    var response: [UInt8] = []
    /// What the connections with TLS share, from the first one on.
    var tlsBuffers: TLSBuffers?
    /// Servers whose certificates this loop looks after.
    var watchedServers: [Server] = []
    let clients: Clients
    /// Servers that are stopping, with the moment at which what is left is cut.
    var stoppingServers: [(server: Server, deadline: UInt64)] = []
    var drains: [Drain] = []
    let meter = LoopMeter()
    /// Broadcasts since the last flush, and when the first of them began, in monotonic nanoseconds.
    var broadcastsOfTurn: UInt64 = 0
    var broadcastsBegan: UInt64 = 0
    /// When the first of the commands that are applied at the moment was posted; 0: none is.
    var commandsPosted: UInt64 = 0
    /// A server is asked for its health: the loop looks every second how late it is.
    private var isProbing = false
    /// One for each server that has had any.
    var departures: [DepartureQueue] = []
    var isStopRequested = false
    /// Whether events without a callback are fetched by the host.
    let hasPoller: Bool
    /// How many loops the engine has.
    let loopCount: Int
    var pendingEvents = PendingEvents()
    var isEmittingPending = false
    let channels: Channels
    /// Of the acceptor made last.
    var acceptorName: UInt64 = 0
    /// Servers that are served here and have not stopped: as long as there is one, a host's loop is kept
    /// running.
    var served: [Server] = []
    /// Off: the host's loop may end in spite of what is open.
    var keepsHostRunning = true
    let clusters = Clusters()
    private var commands: [Command] = []

    init(
        engine: Engine, index: Int, of loopCount: Int, hasPoller: Bool, port: LoopPort, events: EventLoop,
        granule: UInt64
    ) {
        self.engine = engine
        self.index = index
        self.loopCount = loopCount
        self.hasPoller = hasPoller
        self.port = port
        context = LoopContext(engine: engine, events: events, afterwork: afterwork)
        self.events = events
        hub = Hub(seed: (Crypto.randomUInt64(), Crypto.randomUInt64()))
        clients = Clients(afterwork: afterwork)
        channels = Channels(afterwork: afterwork)
        timers = Timers(context: context, events: events, granule: granule)
        identifiers = MessageIdentifiers(seed: Crypto.randomUInt64())
        eventName = .allocate(capacity: Self.eventNameMax + 1)
        input = .allocate(capacity: Ingress.readBytesMax)
        pieces = .allocate(capacity: Socket.piecesMax)
        pieces.initialize(repeating: Piece(base: nil, count: 0))
        stagedSlots = .allocate(capacity: SendRing.capacity)
        stagedPieces = .allocate(capacity: SendRing.capacity)
    }

    deinit {
        input.deallocate()
        pendingEvents.deallocate()
        requestText.deallocate()
        answer.deallocate()
        eventName.deallocate()
        pieces.deallocate()
        stagedSlots.deallocate()
        stagedPieces.deallocate()
        meter.deallocate()
        if let ownedRing { SpareRings.giveBack(ownedRing) }
    }

    /// Hangs the loop into libuv and opens the port. Thread: the loop's.
    func open() throws(SystemError) {
        let owner = UnsafeMutableRawPointer(Unmanaged.passUnretained(self).toOpaque())
        try events.open(
            owner: owner,
            callbacks: EventLoopCallbacks(
                ready: { owner, sockets, count in
                    Loop.dispatch(owner) {
                        $0.ready(sockets.assumingMemoryBound(to: ReadySocket.self), count)
                    }
                },
                woken: { owner in Loop.dispatch(owner) { $0.applyCommands() } },
                timerFired: { owner in Loop.dispatch(owner) { $0.timerFired() } },
                turnEnded: { owner in Loop.dispatch(owner) { $0.endTurn() } }))
        try openRing()
    }

    /// From now on other threads can post. Commands posted before are applied in the first turn.
    func publishPort() {
        port.lock.withLock { port.loop = Unmanaged.passUnretained(self) }
    }

    func retractPort() {
        port.lock.withLock {
            port.loop = nil
            for case .server(_, .adopt(let descriptor, _, _)) in port.commands { Socket.close(descriptor) }
            for case .server(_, .connectChannel(_, _, let reply)) in port.commands {
                reply.answer(Int64(Status.state.rawValue))
            }
            port.commands.removeAll()
        }
    }

    @inline(__always)
    static func dispatch(_ owner: UnsafeMutableRawPointer, _ body: (Loop) -> Void) {
        Unmanaged<Loop>.fromOpaque(owner)._withUnsafeGuaranteedRef { loop in
            let wasDispatching = loop.context.beginDispatch()
            if !wasDispatching { loop.meter.noteTurn(began: loop.context.now) }
            body(loop)
            loop.context.endDispatch(wasDispatching)
        }
    }

    // MARK: Turns

    /// Everything that was ready has been handled: write.
    func endTurn() {
        if ingress.isWaiting { goOnWithBacklogs() }
        if afterwork.has(.followUp) { handleFollowUps() }
        if hub.hasDirty { flushAll() }
        if afterwork.hasAny(Afterwork.consequences) { runAfterwork() }
        if !clusters.isEmpty { endTurnOfClusters() }
        if Memory.isLow { relieveMemory() }
        context.forgetWallClock()
        events.turnStarted()
        if !afterwork.isEmpty { endAfterwork() }
        if ingress.isWaiting { context.requestTurn() }
        timers.arm()
        meter.endTurn()
        if isStopRequested {
            isStopRequested = false
            events.stop()
        }
    }

    /// Does what follows from what was written, which may queue more. What goes on and on, as a file does
    /// that a peer reads as fast as it comes, goes on in the next turn.
    @inline(never)
    private func runAfterwork() {
        for _ in 0..<Self.afterworkRounds where afterwork.hasAny(Afterwork.consequences) {
            while afterwork.has(.broken) {
                afterwork.forEach(.broken) { note in
                    guard case .broken(let slot) = note, connections.contains(slot) else { return }
                    transportFailed(connections.place(slot))
                }
            }
            afterwork.forEach(.emptied) { note in
                guard case .emptied(let slot) = note, connections.contains(slot) else { return }
                outboxEmptied(connections.place(slot))
            }
            if afterwork.take(.channels) { tellChannels() }
            if afterwork.take(.clients) { workOffClients() }
            if afterwork.take(.log) { context.writeLogs() }
            if hub.hasDirty { flushAll() }
        }
    }

    /// Frees what has ended; what is left over is done in another turn.
    @inline(never)
    private func endAfterwork() {
        freeReleased()
        if !afterwork.isEmpty { context.requestTurn() }
    }

    /// Writes before the turn's end if much has been queued, which bounds the arena. Only where nobody holds
    /// a frame that was encoded in this turn.
    @inline(__always)
    func relieveArena() {
        if hub.arena.turnBytes > Self.turnBytesMax { flushAll() }
    }

    func applyCommands() {
        commands.removeAll(keepingCapacity: commands.capacity <= 1024)
        commandsPosted = port.takeCommands(&commands)
        for command in commands {
            apply(command)
            relieveArena()
        }
        port.commandsApplied()
        commandsPosted = 0
        commands.removeAll(keepingCapacity: commands.capacity <= 1024)
    }

    /// On a host's loop, says whether what is open keeps it running. Our own runs until it is told to stop.
    func updateKeeping() {
        if !events.isOwn {
            events.setKeepsRunning(keepsHostRunning && (!served.isEmpty || clients.activeCount > 0))
        }
    }

    // MARK: Time

    @inline(__always) var now: UInt64 { context.now }

    @inline(__always) var wallMilliseconds: UInt64 { context.wallMilliseconds }

    func setDeadline(_ place: ConnectionRef, _ due: UInt64?) {
        guard let due else { return timers.remove(.connection, place.pointee.slot) }
        timers.setConnection(place.pointee.slot, due: due)
    }

    /// From now on the loop wakes every second to see how late it is.
    func beginProbing() {
        if isProbing { return }
        isProbing = true
        timers.set(.probe, due: now + Self.probeMilliseconds)
    }

    private func timerFired() {
        if let due = timers.fire() { meter.recordLag(since: due, now: now) }
        timers.forEachExpired { kind, index in
            switch kind {
            case .connection: deadlineReached(index)
            case .departures: expireDepartures()
            case .drain: goOnDraining()
            case .dialect: eventDeadlineReached(index)
            case .client: clientDue(index)
            case .stopping: cutOverdueServers()
            case .cluster: tickClusters()
            case .certificates: watchCertificates()
            case .acceptor: resumeAcceptors()
            case .probe: timers.set(.probe, due: now + Self.probeMilliseconds)
            }
        }
    }

    // MARK: Connections

    /// The connection, if it has not ended.
    @inline(__always)
    func place(of id: ConnectionID) -> ConnectionRef? {
        guard id.raw != 0, connections.contains(id.slot) else { return nil }
        let place = connections.place(id.slot)
        return place.pointee.id == id ? place : nil
    }

    /// A new id for what lives in the slot.
    func makeID(slot: UInt32) -> ConnectionID {
        port.serial += 1
        return ConnectionID(serial: port.serial, loop: port.number, slot: slot)
    }
}
