// A system without a kernel, for tests of the engine: sockets in memory, a clock that stands until it is
// moved, and random numbers from a seed. It exists in debug builds of the package alone (HEARTH_SIMULATION).
// There Socket, SocketSet, EventLoop, Clock and Crypto ask it first: for descriptors from `firstDescriptor`
// on, and for the rest on the thread that made it. Thread: that one. At most one at a time.

#if HEARTH_SIMULATION
    internal import CLibuv
    internal import HearthBytes

    package final class Simulation {
        /// No system gives so large a number to a descriptor.
        static let firstDescriptor: Int32 = 1 << 24
        private nonisolated(unsafe) static var current: Simulation?

        private let thread = currentThread()
        /// The monotonic clock.
        package private(set) var milliseconds: UInt64 = 1_000_000
        /// What the wall clock is ahead of the other.
        private let wallAhead: UInt64 = 1_700_000_000_000
        private var randomState: UInt64
        private var sockets: [SimulatedSocket] = []
        /// A loop was woken by `wake`.
        var isWoken = false

        package init(seed: UInt64) {
            randomState = seed
            precondition(Self.current == nil, "there is another simulation")
            Self.current = self
        }

        /// The system is the real one again.
        package func end() { Self.current = nil }

        /// The simulation, if the calling thread is the one that made it.
        static var here: Simulation? {
            guard let current, current.thread == currentThread() else { return nil }
            return current
        }

        static func socket(_ descriptor: Int32) -> SimulatedSocket? {
            if descriptor < firstDescriptor { return nil }
            return here?.sockets[Int(descriptor - firstDescriptor)]
        }

        // MARK: Time and chance

        package func pass(_ milliseconds: UInt64) { self.milliseconds += milliseconds }

        var wallMilliseconds: UInt64 { wallAhead + milliseconds }
        var nanoseconds: UInt64 { milliseconds * 1_000_000 }

        /// SplitMix64.
        func random() -> UInt64 {
            randomState &+= 0x9E37_79B9_7F4A_7C15
            var value = randomState
            value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
            return value ^ value >> 31
        }

        // MARK: Sockets

        func makeSocket(_ state: SimulatedSocket.State) -> SimulatedSocket {
            let socket = SimulatedSocket(Self.firstDescriptor + Int32(sockets.count), state)
            sockets.append(socket)
            return socket
        }

        /// What listens, the last one first.
        package var listener: SimulatedSocket? { sockets.last { $0.state == .listening && !$0.isClosed } }

        /// Sockets that were made by `connect`, in order.
        package var dialled: [SimulatedSocket] { sockets.filter { $0.isDialled } }

        package var openCount: Int { sockets.count { !$0.isClosed } }

        /// A peer has connected to the listener: its socket is accepted in the next turn.
        package func connectPeer() -> SimulatedSocket {
            let socket = makeSocket(.connected)
            guard let listener else { preconditionFailure("nothing listens") }
            listener.backlog.append(socket)
            return socket
        }

        /// What the set of sockets would tell, in the order in which the sockets were made.
        func ready() -> [ReadySocket] {
            sockets.compactMap { socket in
                let readiness = socket.readiness
                return readiness.isEmpty ? nil : ReadySocket(name: socket.name, readiness: readiness)
            }
        }
    }

    /// One end of a connection, or a listener. The fields are the peer's side: a test writes and reads them.
    package final class SimulatedSocket {
        package enum State: Equatable {
            case listening, connecting, connected
            /// With the error's number.
            case refused(Int32)
        }

        package let descriptor: Int32
        package var state: State
        /// Sent by the peer and not read yet.
        package var incoming: [UInt8] = []
        /// The peer sends no more.
        package var isInputEnded = false
        /// The peer has reset the connection.
        package var isReset = false
        /// Written by the engine.
        package var outgoing: [UInt8] = []
        /// So many bytes are taken before the socket is full.
        package var room = Int.max
        /// Calls of send that took something.
        package private(set) var sendCount = 0
        package private(set) var isClosed = false
        package private(set) var hasShutDown = false
        package internal(set) var interest: Readiness = []
        fileprivate(set) var name: UInt64 = 0
        fileprivate(set) var isDialled = false
        fileprivate var backlog: [SimulatedSocket] = []

        init(_ descriptor: Int32, _ state: State) {
            self.descriptor = descriptor
            self.state = state
        }

        fileprivate var readiness: Readiness {
            if isClosed || interest.isEmpty { return [] }
            var found: Readiness = []
            switch state {
            case .listening: if !backlog.isEmpty { found = .readable }
            case .connecting: break
            case .refused: return .broken
            case .connected:
                if isReset { return .broken }
                if !incoming.isEmpty || isInputEnded { found.insert(.readable) }
                if room > 0 { found.insert(.writable) }
            }
            return found.intersection(interest)
        }

        func watch(_ interest: Readiness, name: UInt64) {
            self.interest = interest
            self.name = name
        }

        // MARK: The calls of Socket

        static func dial() -> Int32? {
            guard let simulation = Simulation.here else { return nil }
            let socket = simulation.makeSocket(.connecting)
            socket.isDialled = true
            return socket.descriptor
        }

        static func listen() -> Int32? { Simulation.here?.makeSocket(.listening).descriptor }

        var connectError: SystemError? {
            if case .refused(let number) = state { return SystemError(number: number) }
            return nil
        }

        func accept() -> Accepted {
            if backlog.isEmpty { return .none }
            var address = PeerAddress()
            address.family = .ipv4
            address.bytes.0 = UInt64(UInt32(0x7F00_0001).bigEndian)
            address.port = 50_000
            return .connection(backlog.removeFirst().descriptor, address)
        }

        func receive(_ place: UnsafeMutablePointer<UInt8>, _ count: Int, takes: Bool) -> Transfer {
            if !incoming.isEmpty {
                let taken = min(count, incoming.count)
                for index in 0..<taken { place[index] = incoming[index] }
                if takes { incoming.removeFirst(taken) }
                return .bytes(taken)
            }
            if isReset { return .failed(SystemError(number: ECONNRESET)) }
            return isInputEnded ? .bytes(0) : .blocked
        }

        func send(_ bytes: UnsafeBufferPointer<UInt8>) -> Transfer {
            precondition(!isClosed, "written after the close")
            if isReset { return .failed(SystemError(number: ECONNRESET)) }
            if hasShutDown { return .failed(SystemError(number: EPIPE)) }
            if room == 0 { return .blocked }
            let taken = min(room, bytes.count)
            outgoing.append(contentsOf: bytes[..<taken])
            room -= room == Int.max ? 0 : taken
            sendCount += 1
            return .bytes(taken)
        }

        func send(_ pieces: UnsafeMutableBufferPointer<Piece>) -> Transfer {
            var all: [UInt8] = []
            for piece in pieces {
                let start = piece.base?.assumingMemoryBound(to: UInt8.self)
                all.append(contentsOf: UnsafeBufferPointer(start: start, count: piece.count))
            }
            return all.withUnsafeBufferPointer { send($0) }
        }

        func shutDown() { hasShutDown = true }

        func close() {
            precondition(!isClosed, "closed twice")
            isClosed = true
            interest = []
        }
    }
#endif
