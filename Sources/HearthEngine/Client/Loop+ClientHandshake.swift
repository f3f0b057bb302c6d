// A client's attempt, from the socket on: the proxy's tunnel, the request, and what the server answers.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import HearthWire
internal import Synchronization

extension Loop {
    /// RFC 9110 15.2: responses that only announce another. More of them are nobody's honest answer.
    private static var interimsMax: UInt8 { 8 }

    // MARK: Requests

    func askProxy(
        _ client: Client, _ attempt: ClientAttempt, _ place: ConnectionRef
    ) {
        guard let url = attempt.url, let proxy = client.proxy else { return }
        place.pointee.phase = .tunnel
        response.removeAll(keepingCapacity: true)
        ProxyTunnel.writeRequest(to: url, through: proxy, into: &response)
        write(place, response)
    }

    func startHandshake(
        _ client: Client, _ attempt: ClientAttempt, _ place: ConnectionRef
    ) {
        guard let url = attempt.url, url.isSecure else { return sendRequest(client, attempt, place) }
        let host = client.settings.serverName.isEmpty ? url.host : client.settings.serverName
        let buffers = tlsBuffers ?? TLSBuffers()
        tlsBuffers = buffers
        do throws(TLSFault) {
            let context = try engine.clientTLS(client.settings.tls)
            let known = client.tlsSession.flatMap { $0.host == host ? $0.session : nil }
            let stream = try TLSStream(client: context, host: host, resuming: known, buffers)
            place.pointee.phase = .sealing
            place.pointee.isSealed = true
            port.lock.withLock { place.pointee.tls = stream }
            stream.start()
            attempt.sealedHost = host
        } catch {
            return fail(client, .tlsHandshake, error.sentence, .refused)
        }
        flush(place.pointee.slot)
    }

    /// TLS has heard of the server.
    func noteAnswered(_ place: ConnectionRef) {
        client(of: place).attempt?.hasAnswered = true
    }

    /// TLS is agreed on.
    func sealed(_ place: ConnectionRef) {
        let client = client(of: place)
        guard let attempt = client.attempt, attempt.connection == place.pointee.id else {
            return release(place)
        }
        attempt.hasAnswered = false
        sendRequest(client, attempt, place)
    }

    /// TLS cannot be agreed on, or broke before the answer was whole.
    func sealingFailed(_ place: ConnectionRef, _ sentence: [UInt8]) {
        let client = client(of: place)
        guard client.attempt?.connection == place.pointee.id else { return release(place) }
        fail(client, .tlsHandshake, sentence, .refused)
    }

    func sendRequest(
        _ client: Client, _ attempt: ClientAttempt, _ place: ConnectionRef
    ) {
        guard let url = attempt.url else { return }
        place.pointee.phase = .handshake
        attempt.drawKey(Crypto.randomUInt64(), Crypto.randomUInt64())
        response.removeAll(keepingCapacity: true)
        ClientHandshake.writeRequest(url, key: attempt.key, offer(client, attempt), into: &response)
        write(place, response)
    }

    private func offer(_ client: Client, _ attempt: ClientAttempt) -> HandshakeOffer {
        var offer = HandshakeOffer(
            subprotocols: client.settings.subprotocols, extensions: [], fields: attempt.fields)
        if let settings = client.compression.deflate {
            DeflateNegotiation.writeOffer(settings, into: &offer.extensions)
        }
        return offer
    }

    // MARK: The answer

    /// Bytes of a proxy or a server that is being asked.
    func receiveAnswer(_ place: ConnectionRef, _ bytes: UnsafeBufferPointer<UInt8>) {
        let client = client(of: place)
        guard let attempt = client.attempt, attempt.connection == place.pointee.id else {
            return release(place)
        }
        attempt.hasAnswered = true
        attempt.answer.append(contentsOf: bytes)
        while client.attempt === attempt, attempt.connection == place.pointee.id {
            let head: Int
            let answer = attempt.answer
            switch clients.answerHead.parse(
                answer.span, limits: client.headLimits, scanned: &attempt.scanned)
            {
            case .needMore: return
            case .rejected(let fault):
                return fail(client, .badAnswer, ascii(fault.sentence), .refused)
            case .complete(let headCount): head = headCount
            }
            if clients.answerHead.isInterim {
                attempt.interimCount += 1
                if attempt.interimCount > Self.interimsMax {
                    return fail(client, .badAnswer, ascii("too many interim responses"), .refused)
                }
                attempt.answer.removeFirst(head)
                attempt.scanned = 0
                if attempt.answer.isEmpty { return }
                continue
            }
            if place.pointee.phase == .tunnel { return proxyAnswered(client, attempt, place, head) }
            return serverAnswered(client, attempt, place, head)
        }
    }

    private func proxyAnswered(
        _ client: Client, _ attempt: ClientAttempt, _ place: ConnectionRef, _ head: Int
    ) {
        if let fault = ProxyTunnel.check(clients.answerHead) {
            var ending = ClientEnding(state: .gaveUp, httpStatus: UInt32(clients.answerHead.status))
            ending.error = fault == .authenticationRequired ? .proxyAuth : .proxy
            ending.text = ascii(
                fault == .authenticationRequired
                    ? "the proxy wants other credentials" : "the proxy did not open the tunnel")
            client.lastFailure = (ending.error, ending.httpStatus)
            return attemptFailed(client, ending, .status(clients.answerHead.status, retryAfter: nil))
        }
        if attempt.answer.count > head {
            return fail(client, .proxy, ascii("the proxy sent bytes that nobody asked for"), .refused)
        }
        attempt.answer = []
        attempt.scanned = 0
        attempt.hasAnswered = false
        startHandshake(client, attempt, place)
    }

    private func serverAnswered(
        _ client: Client, _ attempt: ClientAttempt, _ place: ConnectionRef, _ head: Int
    ) {
        var digest: (UInt64, UInt64, UInt32) = (0, 0, 0)
        let answer = attempt.answer
        let check = withUnsafeMutableBytes(of: &digest) { digest in
            let place = digest.baseAddress!.assumingMemoryBound(to: UInt8.self)
            ClientHandshake.acceptInput(key: attempt.key).withUnsafeBufferPointer {
                Crypto.sha1($0, into: place)
            }
            let expected = UnsafeBufferPointer(start: place, count: 20)
            return ClientHandshake.check(
                clients.answerHead, answer.span, digest: expected.span, offer(client, attempt))
        }
        switch check {
        case .accepted(let subprotocol):
            do throws(DeflateFault) {
                let agreed = try agreedCompression(client, answer)
                place.pointee.compression = agreed.map { Compression($0, role: .client) }
            } catch {
                return fail(client, .badExtension, ascii(error.sentence), .refused)
            }
            opened(client, attempt, place, head, subprotocol)
        case .rejected(.status(let status)):
            refused(client, attempt, status)
        case .rejected(let fault):
            fail(client, fault.status, ascii(fault.sentence), .refused)
        }
    }

    private func agreedCompression(
        _ client: Client, _ answer: [UInt8]
    ) throws(DeflateFault) -> DeflateParameters? {
        for index in 0..<clients.answerHead.fieldCount {
            let field = clients.answerHead.field(at: index)
            if !HTTPSyntax.matches(answer.span, field.name, "sec-websocket-extensions") { continue }
            let agreed = try DeflateNegotiation.readAnswer(
                answer.span, value: field.value, offered: client.compression.deflate)
            // No extension was accepted twice: this is the only one that is known.
            if let agreed { return agreed }
        }
        return nil
    }

    // MARK: It is open

    private func opened(
        _ client: Client, _ attempt: ClientAttempt, _ place: ConnectionRef, _ head: Int,
        _ subprotocol: Range<Int>?
    ) {
        guard client.life.receive(.opened) == .announce else { return release(place) }
        client.attempt = nil
        client.connection = place.pointee.id
        client.reconnect.opened(now: now)
        client.outgoing.begin()
        client.sealedHost = attempt.sealedHost
        client.lastFailure = (.ok, 0)
        place.pointee.phase = .open
        place.pointee.session = Session(now: now)
        startCompression(place)
        place.pointee.lastReceivedWall.store(wallMilliseconds, ordering: .relaxed)
        place.pointee.isOpenFlag.store(true, ordering: .relaxed)
        place.pointee.openedAtWall.store(wallMilliseconds, ordering: .relaxed)
        client.counts.opens.store(client.counts.opens.load(ordering: .relaxed) + 1, ordering: .relaxed)
        client.counts.openedAtWall.store(wallMilliseconds, ordering: .relaxed)
        if attempt.answer.count > head {
            let exchange = Exchange()
            exchange.leftover = Array(attempt.answer[head...])
            place.pointee.exchange = exchange
            goOnLater(place)
        }
        setDeadline(place, place.pointee.session.deadline(client.limits.pointee))
        setClientDeadline(client)
        hub.startMessages(place.pointee.slot)
        tellOpen(client, attempt, place, subprotocol)
        holdClient(client)
        schedule(client, .drains)
    }

    private func tellOpen(
        _ client: Client, _ attempt: ClientAttempt, _ place: ConnectionRef,
        _ subprotocol: Range<Int>?
    ) {
        client.state.store(.open, ordering: .relaxed)
        text.removeAll(keepingCapacity: true)
        for index in 0..<clients.answerHead.fieldCount {
            let field = clients.answerHead.field(at: index)
            for byte in attempt.answer[field.name] {
                text.append(byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte)
            }
            text.append(0)
            text += attempt.answer[field.value]
            text.append(0)
        }
        let headers = text
        let chosen = subprotocol.map { Array(attempt.answer[$0]) } ?? []
        let address = place.pointee.address.text
        headers.withUnsafeBufferPointer { headers in
            chosen.withUnsafeBufferPointer { chosen in
                withTerminated(address) { address in
                    var event = EngineEvent(
                        .clientState, Unmanaged.passUnretained(client as Endpoint),
                        wallMilliseconds: wallMilliseconds)
                    event.client.state = ClientState.open.rawValue
                    event.client.attempt = UInt32(clamping: attempt.number)
                    event.data = Borrowed(chosen.baseAddress, chosen.count)
                    event.headers = Borrowed(headers.baseAddress, headers.count)
                    event.address = address
                    emit(&event)
                }
            }
        }
    }

    // MARK: It is not

    private func refused(_ client: Client, _ attempt: ClientAttempt, _ status: Int) {
        var ending = ClientEnding(state: .gaveUp, httpStatus: UInt32(status))
        ending.error = Self.error(ofStatus: status)
        ending.text = ascii("the server answered with status ")
        HearthBytes.append(decimal: status, to: &ending.text)
        if ending.error == .redirected {
            if redirect(client, attempt, &ending.text) { return }
        }
        client.lastFailure = (ending.error, ending.httpStatus)
        let answer = attempt.answer
        let retryAfter = clients.answerHead.retryAfterMilliseconds(
            in: answer.span, epochSeconds: wallMilliseconds / 1000)
        attemptFailed(client, ending, .status(status, retryAfter: retryAfter))
    }

    /// Whether the attempt goes on at another address. Else `text` is why it does not.
    private func redirect(_ client: Client, _ attempt: ClientAttempt, _ text: inout [UInt8]) -> Bool {
        guard attempt.redirects < client.settings.redirectsMax, let url = attempt.url else {
            if client.settings.redirectsMax > 0 { text += ascii(", more often than follow_redirects allows") }
            return false
        }
        let answer = attempt.answer
        guard let location = clients.answerHead.value(of: "location", in: answer.span) else {
            text += ascii(" and no Location")
            return false
        }
        do throws(URLFault) {
            let target = Array(answer[location])
            try attempt.redirect(from: url, to: target.span)
        } catch {
            text += ascii(": ") + ascii(error.sentence)
            return false
        }
        dropTransport(attempt)
        attempt.hasAnswered = false
        resolve(client, attempt)
        return true
    }

    private static func error(ofStatus status: Int) -> Status {
        switch status {
        case 301, 302, 303, 307, 308: .redirected
        case 401: .unauthorized
        case 403: .forbidden
        case 429: .tooManyRequests
        case 503: .unavailable
        case 400...599: .httpStatus
        default: .notUpgraded
        }
    }
}

extension HandshakeFault {
    fileprivate var status: Status {
        switch self {
        case .status: .httpStatus
        case .switchedInHTTP10, .missingUpgrade, .missingConnection: .badUpgrade
        case .missingAccept, .wrongAccept: .badAccept
        case .unofferedSubprotocol, .severalSubprotocols: .badSubprotocol
        case .unofferedExtension, .repeatedExtension: .badExtension
        }
    }
}
