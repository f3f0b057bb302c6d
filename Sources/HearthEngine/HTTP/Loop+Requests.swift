// Requests, before they become WebSockets and when they do not: from bytes to a route.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import HearthWire
internal import Synchronization

extension Loop {
    /// Bytes that a peer may send ahead while its request is with the host.
    private static var leftoverBytesMax: Int { 64 << 10 }
    /// Requests of one connection that are answered in one turn. The rest has to wait for the next.
    private static var requestsPerTurn: Int { 64 }
    /// While more than this of its answers waits for the peer to read, it gets no further answer.
    static var answerBytesMax: Int { 256 << 10 }

    func receiveHTTP(_ place: ConnectionRef, _ bytes: UnsafeBufferPointer<UInt8>) {
        guard let exchange = place.pointee.exchange else { return consume(place, bytes) }
        if place.pointee.phase == .host || !exchange.leftover.isEmpty {
            // What came before these bytes has not been handled yet, so they wait behind it.
            return keepForLater(place, exchange, bytes)
        }
        // In a body the head is that of the request, kept for the host.
        if place.pointee.phase != .request || exchange.head.isEmpty { return consume(place, bytes) }
        exchange.head.append(contentsOf: bytes)
        let all = exchange.head
        exchange.head = []
        all.withUnsafeBufferPointer { consume(place, $0) }
    }

    /// Requests that came behind one that is answered by now, and frames that came behind an opening
    /// handshake.
    func handleFollowUps() {
        afterwork.forEach(.followUp) { note in
            guard case .followUp(let id) = note, let place = place(of: id),
                let exchange = place.pointee.exchange
            else { return }
            if place.pointee.phase == .open { feedLeftover(place) }
            guard place.pointee.phase == .request else { return }
            let bytes = exchange.leftover
            exchange.leftover = []
            setInterest(place, place.pointee.interest.union(.readable))
            bytes.withUnsafeBufferPointer { consume(place, $0) }
        }
    }

    /// Handles one request after the other, as far as the bytes, the host and the peer's reading allow.
    private func consume(_ place: ConnectionRef, _ bytes: UnsafeBufferPointer<UInt8>) {
        var start = 0
        var requests = 0
        while start < bytes.count {
            let rest = UnsafeBufferPointer(rebasing: bytes[start...])
            switch place.pointee.phase {
            case .request:
                if requests == Self.requestsPerTurn
                    || hub.waitingBytes(place.pointee.slot) > Self.answerBytesMax
                {
                    return keepForLater(place, exchange(of: place), rest)
                }
                requests += 1
                guard let used = parse(place, rest) else { return }
                start += used
            case .body:
                start += receiveBody(place, rest)
            case .host, .open:
                return keepForLater(place, exchange(of: place), rest)
            case .finishing, .released, .proxy, .connecting, .tunnel, .sealing, .handshake:
                return
            }
        }
    }

    private func keepForLater(
        _ place: ConnectionRef, _ exchange: Exchange, _ bytes: UnsafeBufferPointer<UInt8>
    ) {
        exchange.leftover.append(contentsOf: bytes)
        if exchange.leftover.count >= Self.leftoverBytesMax {
            setInterest(place, place.pointee.interest.subtracting(.readable))
        }
        if place.pointee.phase == .request || place.pointee.phase == .open { goOnLater(place) }
    }

    /// What is left over is handled in the next turn, or when the peer has read its answers.
    func goOnLater(_ place: ConnectionRef) {
        if hub.isBlocked(place.pointee.slot) { return }
        afterwork.note(.followUp(place.pointee.id))
        context.ensureTurn()
    }

    func exchange(of place: ConnectionRef) -> Exchange {
        if let exchange = place.pointee.exchange { return exchange }
        let exchange = Exchange()
        place.pointee.exchange = exchange
        return exchange
    }

    func setPhaseDeadline(_ place: ConnectionRef, _ timeout: UInt64) {
        place.pointee.deadline = now + timeout
        setDeadline(place, place.pointee.deadline)
    }

    func setRoute(_ place: ConnectionRef, _ route: Int) {
        place.pointee.routeIndex.store(Int32(route), ordering: .relaxed)
    }

    /// What named the connection before names it no more: the request that had the id is answered.
    func renewID(_ place: ConnectionRef) {
        port.lock.withLock { place.pointee.id = makeID(slot: place.pointee.slot) }
    }

    // MARK: Heads

    /// Returns how many bytes belong to the request; nil: it is not whole, or the connection takes no more.
    private func parse(_ place: ConnectionRef, _ bytes: UnsafeBufferPointer<UInt8>) -> Int? {
        let server = place.pointee.server.takeUnretainedValue()
        var scanned = place.pointee.exchange?.scanned ?? 0
        switch head.parse(bytes.span, limits: server.headLimits, scanned: &scanned) {
        case .needMore:
            if place.pointee.isInputEnded {
                release(place)
                return nil
            }
            let exchange = exchange(of: place)
            exchange.head = Array(bytes)
            exchange.scanned = scanned
            // A request that follows another has the same time as the first, from its first byte on.
            if exchange.isIdle {
                exchange.isIdle = false
                setPhaseDeadline(place, server.handshakeTimeout)
            }
            return nil
        case .rejected(let fault):
            refuse(place, fault)
            return nil
        case .complete(let headCount):
            place.pointee.exchange?.scanned = 0
            place.pointee.exchange?.isIdle = false
            requestArrived(place, server, UnsafeBufferPointer(rebasing: bytes[..<headCount]))
            return headCount
        }
    }

    private func requestArrived(
        _ place: ConnectionRef, _ server: Server, _ bytes: UnsafeBufferPointer<UInt8>
    ) {
        if server.hasPages, servePage(place, server, bytes) { return }
        resolvePeer(place, server, bytes)
        if place.pointee.refusal != .none { place.pointee.isUpgrade = true }
        switch place.pointee.refusal {
        case .none: break
        case .server:
            context.log(.info, "server", "connection refused", place, reason: "max_connections is reached")
            return respondAndClose(place, 503, "no more connections at the moment", "Retry-After: 5\r\n")
        case .address:
            return refuseAddress(place)
        }
        if !server.isServing {
            return respondAndClose(place, 503, "the server is stopping", "Retry-After: 5\r\n")
        }
        switch ServerHandshake.check(head, bytes.span) {
        case .rejected(let fault):
            place.pointee.isUpgrade = true
            refuse(place, fault)
        case .upgrade where server.state.load(ordering: .relaxed) == .draining: refuseDraining(place, server)
        case .upgrade(let upgrade):
            place.pointee.isUpgrade = true
            upgradeRequested(place, server, bytes, upgrade)
        case .notUpgrade: plainRequested(place, server, bytes)
        }
    }

    func refuseDraining(_ place: ConnectionRef, _ server: Server) {
        exchange(of: place).keepsAlive = false
        place.pointee.isUpgrade = true
        var fields = ascii("Retry-After: ")
        appendDecimal(max(1, (server.drainRetry + 999) / 1000), to: &fields)
        respondText(place, 503, "the server is draining", fields + ascii("\r\n"))
    }

    // MARK: Plain requests

    /// What serves a plain request.
    private enum Target {
        case route(Int)
        case files
        case notFound
        case wrongMethod(allowed: [UInt8])
        case upgradeRequired
    }

    private func plainRequested(
        _ place: ConnectionRef, _ server: Server, _ bytes: UnsafeBufferPointer<UInt8>
    ) {
        let exchange = exchange(of: place)
        exchange.keepsAlive = head.keepAlive
        exchange.isUpgrade = false
        let method = Array(bytes[head.method])
        exchange.isHead = matches(method, "HEAD")
        let target = findTarget(server, method: method, path: Array(bytes[head.path]))
        if case .route(let index) = target { return bodyExpected(place, server, bytes, route: index) }
        // A body that nobody wants is not read: after the answer the connection ends.
        if head.isChunked || (head.contentLength ?? 0) > 0 { exchange.keepsAlive = false }
        switch target {
        case .files: serveFile(place, server, bytes)
        case .notFound: respondText(place, 404, "nothing here", [])
        case .wrongMethod(let allowed):
            respondText(
                place, 405, "the method is not allowed here", ascii("Allow: ") + allowed + ascii("\r\n"))
        case .upgradeRequired:
            respondText(
                place, 426, "this is a WebSocket",
                ascii("Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"))
        case .route: break
        }
    }

    private func findTarget(_ server: Server, method: [UInt8], path: [UInt8]) -> Target {
        var captures: [Range<Int>] = []
        var allowed: [UInt8] = []
        var isWebSocket = false
        for (index, route) in server.routes.enumerated()
        where route.pattern.match(path.span, 0..<path.count, captures: &captures) {
            if !route.isHTTP {
                isWebSocket = true
                continue
            }
            if route.methods.contains(where: { $0 == method }) { return .route(index) }
            if matches(method, "HEAD"), route.methods.contains(where: { matches($0, "GET") }) {
                return .route(index)
            }
            for method in route.methods {
                if !allowed.isEmpty { allowed += ascii(", ") }
                allowed += method
            }
        }
        if !allowed.isEmpty { return .wrongMethod(allowed: allowed) }
        if isWebSocket { return .upgradeRequired }
        if server.root != nil {
            if matches(method, "GET") || matches(method, "HEAD") { return .files }
            return .wrongMethod(allowed: ascii("GET, HEAD"))
        }
        return .notFound
    }

    // MARK: Bodies

    private func bodyExpected(
        _ place: ConnectionRef, _ server: Server, _ bytes: UnsafeBufferPointer<UInt8>,
        route: Int
    ) {
        let exchange = exchange(of: place)
        setRoute(place, route)
        exchange.body = []
        exchange.chunked = nil
        let length = head.contentLength ?? 0
        if length > server.bodyBytesMax { return refuse(place, .contentTooLarge) }
        exchange.head = Array(bytes)
        if head.isChunked {
            exchange.chunked = ChunkedDecoder(maxBytes: server.bodyBytesMax)
        } else {
            exchange.bodyLeft = length
            if length == 0 { return askHost(place) }
        }
        // RFC 9110 10.1.1: the peer waits for this before it sends the body.
        if head.expectsContinue { write(place, ascii("HTTP/1.1 100 Continue\r\n\r\n")) }
        place.pointee.phase = .body
        setPhaseDeadline(place, server.httpTimeout)
    }

    /// Returns how many bytes belong to the body.
    private func receiveBody(
        _ place: ConnectionRef, _ bytes: UnsafeBufferPointer<UInt8>
    ) -> Int {
        let exchange = exchange(of: place)
        if !hasRoom(forBody: bytes.count, exchange) {
            respondAndClose(place, 503, "out of memory", "Retry-After: 1\r\n")
            return bytes.count
        }
        if exchange.chunked != nil {
            switch exchange.chunked!.decode(bytes.span, into: &exchange.body) {
            case .needMore: return bytes.count
            case .rejected(let fault):
                refuse(place, fault)
                return bytes.count
            case .complete(let used):
                askHost(place)
                return used
            }
        }
        let used = min(exchange.bodyLeft, bytes.count)
        exchange.body.append(contentsOf: bytes[..<used])
        exchange.bodyLeft -= used
        if exchange.bodyLeft == 0 { askHost(place) }
        return used
    }

    /// Whether the body may become so much longer.
    private func hasRoom(forBody more: Int, _ exchange: Exchange) -> Bool {
        let needed = exchange.body.count + more
        if needed <= exchange.body.capacity { return true }
        let capacity = max(needed, 2 * exchange.body.count)
        if !MemoryGate.grants(capacity) { return false }
        exchange.body.reserveCapacity(capacity)
        return true
    }

    private func askHost(_ place: ConnectionRef) {
        let server = place.pointee.server.takeUnretainedValue()
        let exchange = exchange(of: place)
        place.pointee.phase = .host
        renewID(place)
        setPhaseDeadline(place, server.httpTimeout)
        let bytes = exchange.head
        exchange.head = []
        let body = exchange.body
        exchange.body = []
        bytes.withUnsafeBufferPointer { bytes in
            var scanned = 0
            guard case .complete = head.parse(bytes.span, limits: server.headLimits, scanned: &scanned) else {
                assertionFailure("the head was read before")
                return release(place)
            }
            body.withUnsafeBufferPointer { body in
                withRequestEvent(.httpRequest, place, server, bytes) { event in
                    event.data = Borrowed(body.baseAddress, body.count)
                    emit(&event)
                } onBadPath: {
                    respondText(place, 400, "the path is not well encoded", [])
                }
            }
        }
    }
}
