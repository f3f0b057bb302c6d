// One connection to a server of the broker: socket, TLS if asked for, bytes out, replies in. Everything that
// goes wrong is told to the loop, which then ends both connections to that server.

internal import HearthBytes
internal import HearthCluster
internal import HearthPlatform
internal import HearthWire

final class BrokerLink {
    enum Phase { case connecting, sealing, open, closed }

    let server: BrokerServer
    let isSubscriber: Bool
    let reader: RedisReader
    private var sieve: ReplySieve
    private(set) var phase = Phase.connecting
    private let descriptor: Int32
    unowned(unsafe) private let loop: Loop
    /// Among the sockets that the loop watches.
    let name: UInt64
    private var interest: Readiness = .writable
    private var tls: TLSStream?
    /// What the socket did not take.
    private var output: [UInt8] = []
    private var outputStart = 0

    /// Begins to connect.
    static func open(
        _ server: BrokerServer, to address: RemoteAddress, isSubscriber: Bool, on loop: Loop
    ) throws(SystemError) -> BrokerLink {
        let descriptor = try Socket.connect(address)
        loop.acceptorName = loop.acceptorName % (Acceptor.namesEnd - 1) + 1
        let name = loop.acceptorName
        do throws(SystemError) {
            try loop.events.watch(descriptor, for: .writable, name: name)
        } catch {
            Socket.close(descriptor)
            throw error
        }
        let link = BrokerLink(server, descriptor, name, isSubscriber: isSubscriber, on: loop)
        loop.clusters.add(link)
        return link
    }

    private init(
        _ server: BrokerServer, _ descriptor: Int32, _ name: UInt64, isSubscriber: Bool, on loop: Loop
    ) {
        self.server = server
        self.descriptor = descriptor
        self.name = name
        self.isSubscriber = isSubscriber
        self.loop = loop
        // A message of the greatest size, its channel, and the beginning of the next.
        let bytesMax = server.cluster.settings.messageBytesMax
        reader = RedisReader(bytesMax: bytesMax + (1 << 20))
        sieve = ReplySieve(stringBytesMax: max(bytesMax + NodeMessage.count(0, 0, 0), 64 << 10))
    }

    func close() {
        if phase == .closed { return }
        watch([])
        phase = .closed
        Socket.close(descriptor)
        loop.clusters.remove(self)
    }

    var waitingBytes: Int { output.count - outputStart + (tls?.pendingBytes ?? 0) }

    private func watch(_ wanted: Readiness) {
        if wanted == interest || phase == .closed { return }
        // Where the system refuses it, the next write or probe tries again.
        if loop.events.watch(descriptor, for: wanted, insteadOf: interest, name: name) { interest = wanted }
    }

    // MARK: Events

    /// Something is ready. Returns what is wrong.
    func ready(on loop: Loop) -> (fault: BrokerFault, text: [UInt8])? {
        if phase == .connecting {
            if let error = Socket.connectResult(descriptor) { return (.unreachable, error.text) }
            watch(.readable)
            if server.cluster.url.isSecure { return beginTLS(on: loop) }
            return opened(on: loop)
        }
        if let wrong = receive(on: loop) { return wrong }
        return flush()
    }

    private func opened(on loop: Loop) -> (fault: BrokerFault, text: [UInt8])? {
        phase = .open
        loop.linkOpened(self)
        return nil
    }

    private func beginTLS(on loop: Loop) -> (fault: BrokerFault, text: [UInt8])? {
        phase = .sealing
        let buffers = loop.tlsBuffers ?? TLSBuffers()
        loop.tlsBuffers = buffers
        let cluster = server.cluster
        do throws(TLSFault) {
            if cluster.tls == nil {
                var settings = TLSClientSettings()
                settings.authoritiesFile = cluster.authorities
                cluster.tls = try TLSContext.client(settings)
            }
            let stream = try TLSStream(
                client: cluster.tls!, host: server.address.host, resuming: nil, buffers)
            tls = stream
            stream.start()
            return flush()
        } catch {
            return (.tls, error.sentence)
        }
    }

    private func receive(on loop: Loop) -> (fault: BrokerFault, text: [UInt8])? {
        switch Socket.receive(descriptor, loop.input, Loop.inputBytes) {
        case .blocked: return nil
        case .failed(let error): return (.lost, error.text)
        case .bytes(0): return (.lost, ascii("Redis closed the connection"))
        case .bytes(let count):
            guard let tls, let buffers = loop.tlsBuffers else { return take(loop.input, count, loop) }
            let plain = tls.receive(loop.input, count)
            if tls.hasOutput, let wrong = flush() { return wrong }
            if phase == .sealing, tls.isHandshakeComplete {
                if let wrong = opened(on: loop) { return wrong }
                if phase == .closed { return nil }
            }
            if plain > 0, let wrong = take(buffers.plain, plain, loop) { return wrong }
            switch tls.state {
            case .failed: return (.tls, tls.fault)
            case .ended: return (.lost, ascii("Redis closed the connection"))
            case .handshaking, .established: return nil
            }
        }
    }

    private func take(
        _ bytes: UnsafePointer<UInt8>, _ count: Int, _ loop: Loop
    ) -> (fault: BrokerFault, text: [UInt8])? {
        if !feed(UnsafeBufferPointer(start: bytes, count: count)) {
            return (.protocolBroken, ascii("a reply is no RESP, or too large"))
        }
        while phase == .open {
            switch reader.next() {
            case .incomplete: return nil
            case .broken: return (.protocolBroken, [])
            case .complete: loop.linkReplied(self)
            }
        }
        return nil
    }

    /// Gives the reader what the sieve lets through.
    private func feed(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var index = 0
        while true {
            switch sieve.next(bytes.span, from: &index) {
            case .pass(let range):
                if !reader.feed(bytes.baseAddress! + range.lowerBound, range.count) { return false }
            case .insert:
                let isFed = sieve.inserted.withUnsafeBufferPointer { reader.feed($0.baseAddress!, $0.count) }
                if !isFed { return false }
            case .end: return true
            case .broken: return false
            }
        }
    }

    // MARK: Out

    /// Sends what is in `bytes`, and takes it.
    func send(_ bytes: inout [UInt8]) -> (fault: BrokerFault, text: [UInt8])? {
        if phase != .open || bytes.isEmpty { return nil }
        if outputStart == output.count {
            output.removeAll(keepingCapacity: true)
            outputStart = 0
            swap(&output, &bytes)
        } else {
            output += bytes
            bytes.removeAll(keepingCapacity: true)
        }
        return flush()
    }

    private func flush() -> (fault: BrokerFault, text: [UInt8])? {
        if phase == .closed { return nil }
        if let tls { return flush(tls) }
        while outputStart < output.count {
            let sent = output.withUnsafeBufferPointer {
                Socket.send(descriptor, $0.baseAddress! + outputStart, $0.count - outputStart)
            }
            switch sent {
            case .bytes(let count): outputStart += count
            case .blocked:
                watch([.readable, .writable])
                return nil
            case .failed(let error): return (.lost, error.text)
            }
        }
        return flushed()
    }

    private func flushed() -> (fault: BrokerFault, text: [UInt8])? {
        output.removeAll(keepingCapacity: output.capacity <= 1 << 20)
        outputStart = 0
        watch(.readable)
        return nil
    }

    private func flush(_ tls: TLSStream) -> (fault: BrokerFault, text: [UInt8])? {
        while true {
            switch tls.flush(to: descriptor) {
            case .done: break
            case .blocked:
                watch([.readable, .writable])
                return nil
            case .failed(let error): return (.lost, error.text)
            }
            if phase != .open || outputStart == output.count { return flushed(tls) }
            let count = min(output.count - outputStart, TLSBuffers.sealMax)
            let isSealed = output.withUnsafeMutableBytes {
                tls.seal(Piece(base: $0.baseAddress! + outputStart, count: count))
            }
            if !isSealed { return (.tls, tls.fault) }
            outputStart += count
        }
    }

    private func flushed(_ tls: TLSStream) -> (fault: BrokerFault, text: [UInt8])? {
        _ = tls.takeSealedBytes()
        if phase == .open { return flushed() }
        watch(.readable)
        return nil
    }
}
