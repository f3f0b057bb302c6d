// An engine: its loops, its servers, and the four ways to run. Only the calls that start and end things come
// through here with a lock; the data path goes from ids to loops directly (Engine+Connections).

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import Synchronization

package final class Engine: @unchecked Sendable {
    enum Mode: UInt8, AtomicRepresentable { case idle, started, run, attached, driven }

    let configuration: Configuration
    package let queue: EventQueue
    var log = Log()
    /// Under the lock where other threads than the one that starts and ends the engine read it.
    fileprivate(set) var loops: [Loop] = []
    fileprivate(set) var servers: [Server] = []
    /// Those that were not freed, by number. Under the lock.
    var clients: [Int: Client] = [:]
    /// Of the client made last: the next one is likely to have the same. Under the lock.
    private var lastClientSettings: ClientSettings?
    /// What each guards is small, and clients are many.
    let clientLocks: [Lock] = (0..<16).map { _ in Lock() }
    /// By what they were made of. Under the lock.
    var clientContexts: [ByteString: TLSContext] = [:]
    private let modeCell = Atomic<Mode>(.idle)
    var mode: Mode { modeCell.load(ordering: .relaxed) }
    /// The process that the engine belongs to, as a count of forks: the one that made it, until something is
    /// started.
    private var epoch = Fork.epoch
    private let hasStarted = Atomic<Bool>(false)
    /// It ran and was ended: an attached engine that was stopped.
    var isEnded = false
    var threads: [LoopThread] = []
    /// What the log callback needs as long as the engine lives.
    package var logOwner: AnyObject?
    /// A thread is inside of `run`.
    let isRunning = Atomic<Bool>(false)
    let lock = Lock()
    /// Held while loops are made and while they are ended, so that neither sees the other half done. A
    /// callback never waits for it: what it may not do is refused before.
    let lifecycle = Lock()
    private var serverCount = 0
    /// Of servers that were freed without having been started: nothing knows them.
    private var freeServerNumbers: [Int] = []
    private var clientCount = 0
    private var errorSentence: [UInt8] = []

    /// Throws a sentence that says what the system refused.
    package init(configuration: Configuration) throws(SystemRefusal) {
        guard Process.isLibuvSupported else {
            throw SystemRefusal(sentence: ascii("the loaded libuv is not a 1.x of at least 1.44"))
        }
        guard Crypto.isLibraryVersionSupported else {
            throw SystemRefusal(sentence: ascii("the loaded OpenSSL is not version 3"))
        }
        self.configuration = configuration
        let memoryMax = configuration.size(.maxMemory)
        if memoryMax > 0 || Memory.limitBytes == 0 {
            Memory.limit(toBytes: memoryMax > 0 ? memoryMax : Memory.systemBytes / 4)
        }
        do throws(SystemError) {
            queue = try EventQueue(
                countMax: configuration.integer(.maxEventQueue),
                bytesMax: configuration.size(.maxEventQueueBytes))
        } catch {
            throw SystemRefusal(sentence: ascii("no pipe for the event queue: ") + error.text)
        }
        log.levelMin = LogLevel(rawValue: configuration.choice(.logLevel)) ?? .info
    }

    package struct SystemRefusal: Error {
        package let sentence: [UInt8]
    }

    /// From here on the engine, its servers and its clients are of this process alone.
    func noteStart() { hasStarted.store(true, ordering: .relaxed) }

    /// Whether the engine may be used in this process. One that was made before a fork, and had nothing
    /// started, becomes the child's. Thread: one at a time.
    package func belongsHere() -> Bool {
        if epoch == Fork.epoch { return true }
        if hasStarted.load(ordering: .relaxed) { return false }
        do throws(SystemError) { try queue.renewSignal() } catch { return false }
        epoch = Fork.epoch
        return true
    }

    // MARK: Servers

    /// Numbers of servers have 16 bits where members of rooms keep them.
    private static let serversMax = 65_535

    private func takeServerNumber() -> Int? {
        lock.withLock {
            if let number = freeServerNumbers.popLast() { return number }
            if serverCount == Self.serversMax { return nil }
            serverCount += 1
            return serverCount - 1
        }
    }

    package func addServer(configuration: Configuration) -> Server? {
        guard let number = takeServerNumber() else {
            fail(.limit, ascii("an engine has at most 65535 servers in its life"))
            return nil
        }
        do throws(Route.Fault) {
            let server = try Server(engine: self, number: number, configuration: configuration)
            lock.withLock { servers.append(server) }
            return server
        } catch {
            lock.withLock { freeServerNumbers.append(number) }
            fail(error.status, error.sentence)
            return nil
        }
    }

    /// The server was never started.
    func forget(_ server: Server) {
        lock.withLock {
            servers.removeAll { $0 === server }
            freeServerNumbers.append(server.number)
        }
    }

    /// Clients count from 1.
    func takeClientNumber() -> Int {
        lock.withLock {
            clientCount += 1
            return clientCount
        }
    }

    func clientSettings(_ configuration: Configuration) throws(ClientFault) -> ClientSettings {
        let last = lock.withLock { lastClientSettings }
        if let last, last.isMade(of: configuration) { return last }
        let made = try ClientSettings(configuration)
        lock.withLock { lastClientSettings = made }
        return made
    }

    package func setLog(_ callback: LogCallback?, _ context: UnsafeMutableRawPointer?) -> Status {
        guard mode == .idle else {
            return fail(.state, ascii("the log callback is set before the engine is started"))
        }
        log.callback = callback
        log.context = context
        return .ok
    }

    // MARK: Errors

    @discardableResult
    func fail(_ status: Status, _ sentence: [UInt8]) -> Status {
        lock.withLock { errorSentence = sentence }
        return status
    }

    /// The sentence on the last error.
    package var lastError: [UInt8] { lock.withLock { errorSentence } }

    // MARK: Loops

    /// The loops, for a thread that neither starts nor ends the engine.
    var currentLoops: [Loop] { lock.withLock { loops } }

    private var currentServers: [Server] { lock.withLock { servers } }

    /// Whether one of the callbacks of this engine is on the caller's stack.
    var isInCallback: Bool { currentLoops.contains { $0.port.isCurrent && $0.context.callbackDepth > 0 } }

    /// Takes the step from one mode to another, if no other thread took one before. Returns whether it was
    /// taken.
    func change(_ from: Mode, to: Mode) -> Bool {
        noteStart()
        lock.lock()
        defer { lock.unlock() }
        if mode != from || isEnded { return false }
        modeCell.store(to, ordering: .relaxed)
        return true
    }

    func backToIdle() { modeCell.store(.idle, ordering: .relaxed) }

    /// The engine is over: its loops and servers are handed to the one who ends them. Empty: somebody else
    /// did.
    func takeAll() -> (loops: [Loop], servers: [Server]) {
        lock.lock()
        defer { lock.unlock() }
        let taken = (loops, servers)
        isEnded = true
        modeCell.store(.idle, ordering: .relaxed)
        return taken
    }

    func forget() {
        lock.lock()
        loops = []
        servers = []
        clients = [:]
        lock.unlock()
    }

    /// Makes the loops and hangs them into libuv.
    func makeLoops(_ count: Int, origin: EventLoop.Origin, hasPoller: Bool) -> Status {
        var granule: UInt64 = 250
        for server in currentServers { granule = min(granule, max(5, server.shortestTimeout / 16)) }
        var made: [Loop] = []
        for index in 0..<count {
            guard let port = LoopPorts.take() else {
                abandon(made)
                return fail(.limit, ascii("256 loops run in this process, which is the most"))
            }
            do throws(SystemError) {
                // Before the object: one that is given up in its init does not free what it has.
                let events = try EventLoop.make(origin)
                let loop = Loop(
                    engine: self, index: index, of: count, hasPoller: hasPoller, port: port, events: events,
                    granule: granule)
                made.append(loop)
                try loop.open()
            } catch {
                if made.last?.port !== port { LoopPorts.giveBack(port) }
                abandon(made)
                return fail(.system, ascii("cannot make a loop: ") + error.text)
            }
        }
        for loop in made {
            for server in currentServers { loop.port.lock.withLock { loop.hub.addServer(server.number) } }
        }
        lock.withLock { loops = made }
        for loop in made { loop.publishPort() }
        return .ok
    }

    private func abandon(_ made: [Loop]) {
        for loop in made {
            loop.events.close()
            loop.events.drain()
            LoopPorts.giveBack(loop.port)
        }
    }

    /// Servers that were started before the engine begin to be served.
    func serveStarted() -> Status {
        for server in currentServers where server.state.load(ordering: .relaxed) == .started {
            let status = serve(server)
            if status != .ok { return status }
        }
        openWantedClients()
        return .ok
    }

    /// Hands a started server to the loops, once: its own start and the engine's may come at the same time.
    func serve(_ server: Server) -> Status {
        let loops = currentLoops
        if loops.isEmpty || server.wasServed.exchange(true, ordering: .acquiringAndReleasing) { return .ok }
        let status = openRemaining(server)
        if status != .ok {
            server.wasServed.store(false, ordering: .releasing)
            return status
        }
        for loop in loops { startListening(server, on: loop) }
        return .ok
    }

    private func startListening(_ server: Server, on loop: Loop) {
        if loop.port.isCurrent {
            loop.listen(server)
        } else {
            _ = loop.port.post(.server(server, .startListening))
        }
    }
}

/// A thread that runs one loop, held until it is joined.
final class LoopThread {
    private var thread: Thread?

    init(_ loop: Loop) throws(SystemError) {
        let held = Unmanaged.passRetained(loop)
        do throws(SystemError) {
            thread = try Thread(held.toOpaque()) { context in
                guard let context else { return }
                let loop = Unmanaged<Loop>.fromOpaque(context).takeRetainedValue()
                loop.port.owner.store(currentThread(), ordering: .relaxed)
                loop.events.run()
                loop.port.owner.store(0, ordering: .relaxed)
                Memory.letGo()
            }
        } catch {
            held.release()
            throw error
        }
    }

    func join() {
        if let taken = thread.take() { taken.join() }
    }
}
