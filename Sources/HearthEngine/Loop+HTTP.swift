// Requests, before they become WebSockets and when they do not: from bytes to a route, to the host, to a
// response.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import HearthWire
internal import Synchronization

extension Loop {
    /// Bytes that a peer may send ahead while its request is with the host.
    private static var leftoverBytesMax: Int { 64 << 10 }

    func receiveHTTP(_ place: UnsafeMutablePointer<Connection>, _ bytes: UnsafeBufferPointer<UInt8>) {
        switch place.pointee.phase {
        case .request:
            guard let exchange = place.pointee.exchange, !exchange.head.isEmpty else {
                return parse(place, bytes)
            }
            exchange.head.append(contentsOf: bytes)
            let all = exchange.head
            exchange.head = []
            all.withUnsafeBufferPointer { parse(place, $0) }
        case .body:
            receiveBody(place, bytes)
        case .host:
            let exchange = exchange(of: place)
            exchange.leftover.append(contentsOf: bytes)
            if exchange.leftover.count >= Self.leftoverBytesMax {
                setInterest(place, place.pointee.interest.subtracting(.readable))
            }
        case .open, .finishing, .released:
            break
        }
    }

    func exchange(of place: UnsafeMutablePointer<Connection>) -> Exchange {
        if let exchange = place.pointee.exchange { return exchange }
        let exchange = Exchange()
        place.pointee.exchange = exchange
        return exchange
    }

    // MARK: Heads

    private func parse(_ place: UnsafeMutablePointer<Connection>, _ bytes: UnsafeBufferPointer<UInt8>) {
        let server = place.pointee.server.takeUnretainedValue()
        var scanned = place.pointee.exchange?.scanned ?? 0
        switch head.parse(bytes.span, limits: server.headLimits, scanned: &scanned) {
        case .needMore:
            if bytes.isEmpty { return }
            let exchange = exchange(of: place)
            exchange.head = Array(bytes)
            exchange.scanned = scanned
            // A request that follows another has the same time as the first, from its first byte on.
            if exchange.requestCount > 0, place.pointee.deadline == 0 {
                setPhaseDeadline(place, server.handshakeTimeout)
            }
        case .rejected(let fault):
            refuse(place, fault)
        case .complete(let headCount):
            place.pointee.exchange?.scanned = 0
            requestArrived(place, server, bytes, headCount)
        }
    }

    func setPhaseDeadline(_ place: UnsafeMutablePointer<Connection>, _ timeout: UInt64) {
        place.pointee.deadline = now + timeout
        setDeadline(place, place.pointee.deadline)
    }

    private func requestArrived(
        _ place: UnsafeMutablePointer<Connection>, _ server: Server, _ bytes: UnsafeBufferPointer<UInt8>,
        _ headCount: Int
    ) {
        if place.pointee.isRefused {
            log(.warning, "server", "connection refused", place, reason: "max_connections is reached")
            return respondAndClose(place, 503, "no more connections at the moment", "Retry-After: 5\r\n")
        }
        if server.state.load(ordering: .relaxed) != .started {
            return respondAndClose(place, 503, "the server is stopping", "Retry-After: 5\r\n")
        }
        switch ServerHandshake.check(head, bytes.span) {
        case .rejected(let fault):
            refuse(place, fault)
        case .upgrade(let upgrade):
            upgradeRequested(place, server, bytes, headCount, upgrade)
        case .notUpgrade:
            plainRequested(place, server, bytes, headCount)
        }
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
        _ place: UnsafeMutablePointer<Connection>, _ server: Server, _ bytes: UnsafeBufferPointer<UInt8>,
        _ headCount: Int
    ) {
        let exchange = exchange(of: place)
        exchange.requestCount += 1
        exchange.keepsAlive = head.keepAlive
        exchange.isUpgrade = false
        let method = Array(bytes[head.method])
        exchange.isHead = matches(method, "HEAD")
        let path = Array(bytes[head.path])
        let target = findTarget(server, method: method, path: path)
        if case .route(let index) = target {
            return bodyExpected(place, server, bytes, headCount, route: index)
        }
        // A body that nobody wants is not read: after the answer the connection ends.
        if head.isChunked || (head.contentLength ?? 0) > 0 { exchange.keepsAlive = false }
        exchange.leftover = Array(bytes[headCount...])
        switch target {
        case .files: serveFile(place, server, bytes)
        case .notFound: respondText(place, 404, "nothing here", [])
        case .wrongMethod(let allowed):
            respondText(
                place, 405, "the method is not allowed here", bytes_("Allow: ") + allowed + bytes_("\r\n"))
        case .upgradeRequired:
            respondText(
                place, 426, "this is a WebSocket",
                bytes_("Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"))
        case .route: break
        }
    }

    private func bytes_(_ text: StaticString) -> [UInt8] { HearthEngine.bytes(text) }

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
                if !allowed.isEmpty { allowed += bytes_(", ") }
                allowed += method
            }
        }
        if !allowed.isEmpty { return .wrongMethod(allowed: allowed) }
        if isWebSocket { return .upgradeRequired }
        if server.root != nil {
            if matches(method, "GET") || matches(method, "HEAD") { return .files }
            return .wrongMethod(allowed: bytes_("GET, HEAD"))
        }
        return .notFound
    }

    // MARK: Bodies

    private func bodyExpected(
        _ place: UnsafeMutablePointer<Connection>, _ server: Server, _ bytes: UnsafeBufferPointer<UInt8>,
        _ headCount: Int, route: Int
    ) {
        let exchange = exchange(of: place)
        place.pointee.route = Int32(route)
        exchange.body = []
        exchange.chunked = nil
        let length = head.contentLength ?? 0
        if length > server.bodyBytesMax { return refuse(place, .contentTooLarge) }
        let rest = UnsafeBufferPointer(rebasing: bytes[headCount...])
        exchange.head = Array(bytes[..<headCount])
        exchange.headCount = headCount
        if head.isChunked {
            exchange.chunked = ChunkedDecoder(maxBytes: server.bodyBytesMax)
        } else {
            exchange.bodyLeft = length
        }
        if !rest.isEmpty || (length == 0 && !head.isChunked) {
            place.pointee.phase = .body
            return receiveBody(place, rest)
        }
        if head.expectsContinue {
            // RFC 9110 10.1.1: the peer waits for this before it sends the body.
            let go: StaticString = "HTTP/1.1 100 Continue\r\n\r\n"
            write(place, HearthEngine.bytes(go))
        }
        place.pointee.phase = .body
        setPhaseDeadline(place, server.httpTimeout)
    }

    private func receiveBody(_ place: UnsafeMutablePointer<Connection>, _ bytes: UnsafeBufferPointer<UInt8>) {
        let exchange = exchange(of: place)
        var used = 0
        if exchange.chunked != nil {
            switch exchange.chunked!.decode(bytes.span, into: &exchange.body) {
            case .needMore: return
            case .rejected(let fault): return refuse(place, fault)
            case .complete(let count): used = count
            }
        } else {
            used = min(exchange.bodyLeft, bytes.count)
            exchange.body.append(contentsOf: bytes[..<used])
            exchange.bodyLeft -= used
            if exchange.bodyLeft > 0 { return }
        }
        exchange.leftover = Array(bytes[used...])
        askHost(place)
    }

    private func askHost(_ place: UnsafeMutablePointer<Connection>) {
        let server = place.pointee.server.takeUnretainedValue()
        let exchange = exchange(of: place)
        place.pointee.phase = .host
        port.lock.withLock { place.pointee.id = makeID(slot: place.pointee.slot) }
        setPhaseDeadline(place, server.httpTimeout)
        let bytes = exchange.head
        exchange.head = []
        let body = exchange.body
        exchange.body = []
        var scanned = 0
        bytes.withUnsafeBufferPointer { bytes in
            guard case .complete = head.parse(bytes.span, limits: server.headLimits, scanned: &scanned) else {
                return
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

    // MARK: Responses

    /// The host answers.
    func respond(
        _ place: UnsafeMutablePointer<Connection>, status: Int, headers: UnsafeBufferPointer<UInt8>,
        body: UnsafeBufferPointer<UInt8>
    ) -> Status {
        guard place.pointee.phase == .host, let exchange = place.pointee.exchange, !exchange.isUpgrade else {
            return .state
        }
        if !isDispatching { events.updateTime() }
        writeResponse(place, status, contentType: nil, headers: headers, body: body, exchange)
        responseWritten(place)
        return .ok
    }

    private func writeResponse(
        _ place: UnsafeMutablePointer<Connection>, _ status: Int, contentType: StaticString?,
        headers: UnsafeBufferPointer<UInt8>, body: UnsafeBufferPointer<UInt8>, _ exchange: Exchange
    ) {
        text.removeAll(keepingCapacity: true)
        let hasBody = status >= 200 && status != 204 && status != 304
        beginResponse(status, length: hasBody ? body.count : nil, keepsAlive: exchange.keepsAlive)
        if let contentType {
            text += HearthEngine.bytes("Content-Type: ")
            text += HearthEngine.bytes(contentType)
            text += HearthEngine.bytes("\r\n")
        }
        text.append(contentsOf: headers)
        text += HearthEngine.bytes("\r\n")
        if hasBody, !exchange.isHead { text.append(contentsOf: body) }
        write(place, text)
        text.removeAll(keepingCapacity: text.capacity <= 64 << 10)
    }

    /// Status line and the fields that are always there, into `text`.
    func beginResponse(_ status: Int, length: Int?, keepsAlive: Bool) {
        ResponseHead.begin(status: status, into: &text)
        text += HearthEngine.bytes("Date: ")
        HTTPDate.write(epochSeconds: wallMilliseconds / 1000, into: &text)
        text += HearthEngine.bytes("\r\n")
        if let length {
            text += HearthEngine.bytes("Content-Length: ")
            appendDecimal(UInt64(length), to: &text)
            text += HearthEngine.bytes("\r\n")
        }
        text +=
            keepsAlive
            ? HearthEngine.bytes("Connection: keep-alive\r\n") : HearthEngine.bytes("Connection: close\r\n")
    }

    func write(_ place: UnsafeMutablePointer<Connection>, _ bytes: [UInt8]) {
        bytes.withUnsafeBufferPointer { hub.appendFixed(hub.write($0), to: place.pointee.slot) }
        noteQueued()
    }

    func respondText(
        _ place: UnsafeMutablePointer<Connection>, _ status: Int, _ sentence: StaticString, _ headers: [UInt8]
    ) {
        let body = HearthEngine.bytes(sentence) + [UInt8(ascii: "\n")]
        body.withUnsafeBufferPointer { body in
            headers.withUnsafeBufferPointer { headers in
                writeResponse(
                    place, status, contentType: "text/plain; charset=utf-8", headers: headers, body: body,
                    exchange(of: place))
            }
        }
        responseWritten(place)
    }

    func respondAndClose(
        _ place: UnsafeMutablePointer<Connection>, _ status: Int, _ sentence: StaticString,
        _ headers: StaticString
    ) {
        exchange(of: place).keepsAlive = false
        respondText(place, status, sentence, HearthEngine.bytes(headers))
    }

    /// The request cannot be understood, so nothing after it can.
    func refuse(_ place: UnsafeMutablePointer<Connection>, _ fault: HTTPFault) {
        log(.warning, "http", "request refused", place, reason: fault.sentence)
        exchange(of: place).keepsAlive = false
        respondText(place, fault.status, fault.sentence, HearthEngine.bytes(fault.fields))
    }

    /// A response is on its way (the file that belongs to it may follow): what is next on this connection?
    func responseWritten(_ place: UnsafeMutablePointer<Connection>) {
        guard let exchange = place.pointee.exchange, exchange.file == nil else { return }
        if !exchange.keepsAlive || place.pointee.isInputEnded { return finish(place, lingers: true) }
        place.pointee.phase = .request
        place.pointee.route = -1
        place.pointee.deadline = 0
        let server = place.pointee.server.takeUnretainedValue()
        setDeadline(place, now + server.keepAliveTimeout)
        setInterest(place, place.pointee.interest.union(.readable))
        if !exchange.leftover.isEmpty {
            followUps.append(place.pointee.id)
            noteQueued()
        }
    }

    /// Requests that came behind one that is answered now.
    func handleFollowUps() {
        while !followUps.isEmpty {
            let ids = followUps
            followUps.removeAll()
            for id in ids {
                guard let place = place(of: id) else { continue }
                if place.pointee.phase == .open { feedLeftover(place) }
                guard place.pointee.phase == .request, let exchange = place.pointee.exchange else { continue }
                let bytes = exchange.leftover
                exchange.leftover = []
                bytes.withUnsafeBufferPointer { receiveHTTP(place, $0) }
            }
        }
    }
}
