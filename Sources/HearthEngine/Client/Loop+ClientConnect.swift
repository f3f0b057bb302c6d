// A client's attempt, up to the socket: the program is asked, the name is looked up, and its addresses are
// tried one after the other and side by side (RFC 8305).

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import HearthWire
internal import Synchronization

extension Loop {
    /// RFC 8305 5: so long an address has before the next is tried beside it.
    private static var addressDelayMilliseconds: UInt64 { 250 }

    // MARK: Begin and end of an attempt

    func beginAttempt(_ client: Client) {
        let asks = client.settings.asksBefore
        if client.life.receive(asks ? .ask : .attempt) == .none { return }
        client.retryAt = 0
        let attempt = ClientAttempt(number: client.reconnect.attempts, deadline: now + client.openTimeout)
        client.attempt = attempt
        setClientDeadline(client)
        reportState(client, .connecting, ClientEnding(), attempt: attempt.number, delay: 0)
        if client.attempt !== attempt { return }
        if !asks { return proceed(client, attempt) }
        var event = PendingEvent(
            type: .clientPrepare, endpoint: client, connection: .none, context: nil, route: -1)
        event.client.attempt = UInt32(clamping: attempt.number)
        event.client.error = client.lastFailure.error.rawValue
        event.client.httpStatus = client.lastFailure.httpStatus
        event.path = client.lock.withLock { client.urlText }
        emitInOrder(event)
    }

    /// The program has answered CLIENT_PREPARE.
    func proceedClient(_ client: Client) {
        guard client.life.receive(.prepared) == .connect else { return }
        context.enter()
        schedule(client, .connects)
    }

    /// The program has no use for the attempt.
    func declineClient(_ client: Client, reason: [UInt8]) {
        guard client.life.phase == .preparing, let attempt = client.attempt else { return }
        attempt.declined = reason.isEmpty ? ascii("the program declined the attempt") : reason
        proceedClient(client)
    }

    func proceed(_ client: Client, _ attempt: ClientAttempt) {
        if let reason = attempt.declined { return fail(client, .unprepared, reason, .unreachable) }
        let (text, fields) = client.lock.withLock { (client.urlText, client.fields) }
        do throws(URLFault) {
            try attempt.begin(url: text, fields: fields)
        } catch {
            return fail(client, .url, ascii(error.sentence), .refused)
        }
        resolve(client, attempt)
    }

    /// Closes and cancels what belongs to the attempt.
    func abandonAttempt(_ client: Client) {
        guard let attempt = client.attempt else { return }
        client.attempt = nil
        dropTransport(attempt)
        setClientDeadline(client)
    }

    /// For an attempt that ends, or goes on elsewhere.
    func dropTransport(_ attempt: ClientAttempt) {
        if let lookup = attempt.lookup { Resolver.cancel(lookup) }
        attempt.lookup = nil
        attempt.nextAddressAt = 0
        releaseCandidates(attempt)
        if let place = place(of: attempt.connection) { release(place) }
        attempt.connection = .none
        attempt.answer = []
        attempt.scanned = 0
        attempt.interimCount = 0
    }

    private func releaseCandidates(_ attempt: ClientAttempt) {
        while let id = attempt.candidates.takeLast() { if let place = place(of: id) { release(place) } }
    }

    func fail(_ client: Client, _ error: Status, _ text: [UInt8], _ cause: EndCause) {
        var ending = ClientEnding(state: .gaveUp)
        ending.error = error
        ending.text = text
        client.lastFailure = (error, 0)
        attemptFailed(client, ending, cause)
    }

    func attemptOverdue(_ client: Client, _ attempt: ClientAttempt) {
        if client.life.phase == .preparing {
            return fail(client, .unprepared, ascii("the program did not answer CLIENT_PREPARE"), .unreachable)
        }
        if attempt.connection == .none {
            let text: StaticString =
                attempt.lookup != nil
                ? "the name of the server was not resolved in time" : "no address answered in time"
            return fail(client, .connectTimeout, ascii(text), .unreachable)
        }
        if attempt.hasAnswered {
            return fail(client, .slowAnswer, ascii("the answer was not whole in time"), .unreachable)
        }
        fail(client, .noAnswer, ascii("the server did not answer in time"), .unreachable)
    }

    // MARK: Names

    func resolve(_ client: Client, _ attempt: ClientAttempt) {
        guard let url = attempt.url else { return }
        if url.isUnix {
            guard let address = RemoteAddress(path: url.socketPath) else {
                return fail(client, .url, ascii("the path of the socket is too long"), .refused)
            }
            attempt.setAddress(address)
            return connectNext(client, attempt)
        }
        var host = url.host
        var port = url.port
        if let proxy = client.proxy {
            host = proxy.host
            port = proxy.port
        }
        if let address = Resolver.literal(host, port: port) {
            attempt.setAddress(address)
            return connectNext(client, attempt)
        }
        do throws(SystemError) {
            attempt.lookup = try Resolver.start(
                host, port: port, on: events, owner: Unmanaged.passUnretained(client).toOpaque()
            ) { owner, addresses, count, status in
                let client = Unmanaged<Client>.fromOpaque(owner).takeUnretainedValue()
                guard let loop = client.loop else { return }
                Loop.dispatch(Unmanaged.passUnretained(loop).toOpaque()) {
                    let found = addresses?.assumingMemoryBound(to: RemoteAddress.self)
                    $0.resolved(client, UnsafeBufferPointer(start: found, count: count), status)
                }
            }
        } catch {
            fail(client, .resolve, error.text, .unreachable)
        }
    }

    private func resolved(
        _ client: Client, _ addresses: UnsafeBufferPointer<RemoteAddress>, _ status: Int32
    ) {
        guard let attempt = client.attempt, attempt.lookup != nil else { return }
        attempt.lookup = nil
        if addresses.isEmpty {
            return fail(client, .resolve, Resolver.sentence(status), .unreachable)
        }
        attempt.setAddresses(addresses)
        connectNext(client, attempt)
        setClientDeadline(client)
    }

    // MARK: Addresses

    /// Begins with the next address that a socket can be made for.
    func connectNext(_ client: Client, _ attempt: ClientAttempt) {
        attempt.nextAddressAt = 0
        while let address = attempt.takeAddress() {
            do throws(SystemError) {
                let descriptor = try Socket.connect(address)
                guard let place = insert(descriptor, address.peer, client, interest: .writable) else {
                    continue
                }
                place.pointee.phase = .connecting
                attempt.candidates.add(place.pointee.id)
                if attempt.hasAddresses {
                    attempt.nextAddressAt = now + Self.addressDelayMilliseconds
                }
                return setClientDeadline(client)
            } catch {
                attempt.systemError = error
            }
        }
        if !attempt.candidates.isEmpty { return setClientDeadline(client) }
        let text = attempt.systemError?.text ?? ascii("no socket")
        fail(client, .connect, text, .unreachable)
    }

    /// It is decided whether the socket is connected.
    func connectionDecided(_ place: ConnectionRef) {
        let client = client(of: place)
        guard let attempt = client.attempt else { return release(place) }
        let id = place.pointee.id
        attempt.candidates.remove(id)
        if let error = Socket.connectResult(place.pointee.descriptor) {
            attempt.systemError = error
            release(place)
            return connectNext(client, attempt)
        }
        releaseCandidates(attempt)
        attempt.nextAddressAt = 0
        attempt.connection = id
        setInterest(place, .readable)
        if client.settings.proxy.isEmpty || attempt.url?.isUnix == true {
            startHandshake(client, attempt, place)
        } else {
            askProxy(client, attempt, place)
        }
        setClientDeadline(client)
    }

    /// The transport of an attempt ended, or broke.
    func attemptLost(_ place: ConnectionRef) {
        if place.pointee.phase == .connecting { return connectionDecided(place) }
        let client = client(of: place)
        guard client.attempt?.connection == place.pointee.id else { return release(place) }
        fail(
            client, .earlyClose, ascii("the server closed the connection before its answer was whole"),
            .unreachable)
    }

    @inline(__always)
    func client(of place: ConnectionRef) -> Client {
        Unmanaged<Client>.fromOpaque(place.pointee.endpoint.toOpaque()).takeUnretainedValue()
    }
}
