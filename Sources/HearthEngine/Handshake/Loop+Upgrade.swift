// Requests that become WebSockets: route, host's answer, opening handshake.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import HearthWire
internal import Synchronization

/// What the host said to a CONNECT event.
enum Decision {
    case none
    case accepted(user: ByteString?, subprotocol: [UInt8]?)
    case rejected(code: Int, reason: [UInt8])
}

extension Loop {
    func upgradeRequested(
        _ place: ConnectionRef, _ server: Server, _ bytes: UnsafeBufferPointer<UInt8>,
        _ upgrade: Upgrade
    ) {
        guard mayShakeHands(place, server) else { return }
        if !takeAddressPlace(place, server) { return refuseAddress(place) }
        guard let route = findRoute(server, bytes) else {
            return respondAndClose(place, 404, "no WebSocket here", "")
        }
        setRoute(place, route)
        if !server.access.origins.allows(head, bytes.span, isSealed: place.pointee.isSealed) {
            let sentence: StaticString = "pages of this origin may not connect: see allowed_origins"
            context.log(.info, "handshake", "connection refused", place, reason: sentence)
            return respondAndClose(place, 403, "pages of this origin may not connect", "")
        }
        do throws(AccessRefusal) {
            try authenticate(place, server, bytes)
        } catch {
            return refuseUpgrade(place, server, bytes, error)
        }
        if route >= 0, server.withRoute(route, { $0.asksHost }) {
            return askToConnect(place, server, bytes)
        }
        open(place, server, bytes, upgrade, user: nil, subprotocol: nil, hasPlace: false)
    }

    /// The first WebSocket route that matches; -1: the server takes every path.
    func findRoute(_ server: Server, _ bytes: UnsafeBufferPointer<UInt8>) -> Int? {
        if !server.hasWebSocketRoutes { return -1 }
        for index in 0..<server.routes.count {
            let isIt = server.withRoute(index) {
                !$0.isHTTP && $0.pattern.match(bytes.span, head.path, captures: &captures)
            }
            if isIt { return index }
        }
        return nil
    }

    // MARK: Asking the host

    private func askToConnect(
        _ place: ConnectionRef, _ server: Server, _ bytes: UnsafeBufferPointer<UInt8>
    ) {
        let exchange = exchange(of: place)
        exchange.isUpgrade = true
        exchange.head = Array(bytes)
        exchange.decision = .none
        exchange.isAsking = true
        place.pointee.phase = .host
        setPhaseDeadline(place, server.openTimeout)
        let id = place.pointee.id
        withTerminated(place.pointee.identity?.principal?.user?.bytes ?? []) { user in
            withRequestEvent(.connect, place, server, bytes) { event in
                event.user = user
                emit(&event)
            } onBadPath: {
                exchange.isAsking = false
                respondAndClose(place, 400, "the path is not well encoded", "")
            }
        }
        exchange.isAsking = false
        if place.pointee.id == id, place.pointee.phase == .host { applyDecision(place) }
    }

    /// The host's answer; inside of its CONNECT callback it is kept until that returns.
    func decide(_ place: ConnectionRef, _ decision: Decision) -> Status {
        guard place.pointee.phase == .host, let exchange = place.pointee.exchange, exchange.isUpgrade else {
            return .state
        }
        guard case .none = exchange.decision, exchange.placeRequest == nil else { return .state }
        context.enter()
        let server = place.pointee.server.takeUnretainedValue()
        if server.state.load(ordering: .relaxed) == .draining {
            refuseDraining(place, server)
            return .gone
        }
        if server.state.load(ordering: .relaxed) != .started {
            respondAndClose(place, 503, "the server is stopping", "Retry-After: 5\r\n")
            return .gone
        }
        if case .accepted(_, let subprotocol?) = decision, !isOffered(subprotocol, exchange.head, server) {
            return .invalid
        }
        exchange.decision = decision
        if !exchange.isAsking { applyDecision(place) }
        return .ok
    }

    private func isOffered(_ subprotocol: [UInt8], _ bytes: [UInt8], _ server: Server) -> Bool {
        var request = RequestHead()
        var scanned = 0
        let limits = HeadLimits(maxBytes: Int.max, maxFields: Int.max)
        guard case .complete = request.parse(bytes.span, limits: limits, scanned: &scanned) else {
            return false
        }
        // A token that is offered as one is not answered.
        var tokens: [FoundToken] = []
        server.access.sources.find(request, bytes.span, into: &tokens)
        if CompactToken(subprotocol.span) != nil,
            tokens.contains(where: { bytes[$0.range].elementsEqual(subprotocol) })
        {
            return false
        }
        var isFound = false
        request.forEachListItem(of: "sec-websocket-protocol", in: bytes.span) { range in
            if bytes[range].elementsEqual(subprotocol) { isFound = true }
        }
        return isFound
    }

    func applyDecision(_ place: ConnectionRef) {
        guard let exchange = place.pointee.exchange else { return }
        let decision = exchange.decision
        if case .none = decision { return }
        exchange.decision = .none
        let server = place.pointee.server.takeUnretainedValue()
        switch decision {
        case .none: break
        case .rejected(let code, let reason) where code < 1000:
            exchange.keepsAlive = false
            respondPlain(place, code, reason)
        case .rejected(let code, let reason):
            reopen(
                place, server, exchange, user: nil, subprotocol: nil, rejection: (UInt16(code), reason),
                hasPlace: false)
        case .accepted(let user, let subprotocol):
            reopen(
                place, server, exchange, user: user, subprotocol: subprotocol, rejection: nil, hasPlace: false
            )
        }
    }

    private func respondPlain(_ place: ConnectionRef, _ status: Int, _ reason: [UInt8]) {
        beginResponse(place, status, length: reason.count, exchange(of: place))
        text += ascii("Content-Type: text/plain; charset=utf-8\r\n\r\n")
        text += reason
        write(place, text)
        finish(place, lingers: true)
    }

    /// Reads the kept head again and opens, or opens only to close with a code that browsers can read.
    /// `hasPlace`: the user's limit knows the connection already.
    func reopen(
        _ place: ConnectionRef, _ server: Server, _ exchange: Exchange, user: ByteString?,
        subprotocol: [UInt8]?, rejection: (code: UInt16, reason: [UInt8])?, hasPlace: Bool
    ) {
        let bytes = exchange.head
        exchange.head = []
        bytes.withUnsafeBufferPointer { bytes in
            var scanned = 0
            guard case .complete = head.parse(bytes.span, limits: server.headLimits, scanned: &scanned),
                case .upgrade(let upgrade) = ServerHandshake.check(head, bytes.span)
            else { return }
            if let rejection { return openToClose(place, server, bytes, upgrade, rejection) }
            _ = findRoute(server, bytes)
            open(place, server, bytes, upgrade, user: user, subprotocol: subprotocol, hasPlace: hasPlace)
        }
    }

    private func openToClose(
        _ place: ConnectionRef, _ server: Server, _ bytes: UnsafeBufferPointer<UInt8>,
        _ upgrade: Upgrade, _ rejection: (code: UInt16, reason: [UInt8])
    ) {
        _ = writeHandshake(place, server, bytes, upgrade, subprotocol: nil, fields: [])
        place.pointee.counters.addHandshake(.closed)
        place.pointee.session = Session(now: now)
        sendClose(place, rejection.code, rejection.reason)
        finish(place, lingers: true)
    }

    // MARK: Opening

    private func open(
        _ place: ConnectionRef, _ server: Server, _ bytes: UnsafeBufferPointer<UInt8>,
        _ upgrade: Upgrade, user: ByteString?, subprotocol: [UInt8]?, hasPlace: Bool
    ) {
        let routeIndex = Int(place.pointee.route)
        let user = user ?? place.pointee.identity?.principal?.user
        guard withRequestTexts(place, server, bytes) else {
            return respondAndClose(place, 400, "the path is not well encoded", "")
        }
        var room: ByteString?
        if routeIndex >= 0, server.withRoute(routeIndex, { $0.joins }) {
            do throws(HTTPFault) {
                room = try roomOfRoute(server, server.routes[routeIndex], bytes)
            } catch {
                return refuse(place, error)
            }
        }
        if !hasPlace, let user {
            switch takeUserPlace(place, server, user: user, subprotocol: subprotocol) {
            case .taken: break
            case .waiting(let request): return waitForPlace(place, bytes, request)
            case .refused(let code, let reason):
                return openToClose(
                    place, server, bytes, upgrade, (server.access.closeCodes.code(code), reason))
            }
        }
        if saysItComesBack(server, bytes) { place.pointee.counters.add(.reconnects) }
        let fields = agreeOnCompression(place, server, bytes)
        let chosen = writeHandshake(
            place, server, bytes, upgrade, subprotocol: subprotocol, fields: fields)
        beginSession(place, server, user: user, subprotocol: chosen, room: room)
    }

    /// By a parameter of the query that is neither empty nor 0.
    private func saysItComesBack(_ server: Server, _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        if head.query.isEmpty { return false }
        var isSaid = false
        head.forEachQueryValue(of: server.reconnectParameter, in: bytes.span) { value in
            isSaid = isSaid || !(value.isEmpty || value.count == 1 && bytes[value.lowerBound] == 0x30)
        }
        return isSaid
    }

    /// The connection is open from now on. `text` has what the request said.
    func beginSession(
        _ place: ConnectionRef, _ server: Server, user: ByteString?,
        subprotocol chosen: [UInt8], room: ByteString?
    ) {
        let slot = place.pointee.slot
        let routeIndex = Int(place.pointee.route)
        place.pointee.counters.addHandshake(.accepted)
        place.pointee.counters.add(.opened)
        place.pointee.phase = .open
        place.pointee.session = Session(now: now)
        startCompression(place)
        place.pointee.deadline = 0
        place.pointee.openedAtWall.store(wallMilliseconds, ordering: .relaxed)
        place.pointee.lastReceivedWall.store(wallMilliseconds, ordering: .relaxed)
        place.pointee.isOpenFlag.store(true, ordering: .relaxed)
        if routeIndex >= 0 {
            server.withRoute(routeIndex) { route in
                place.pointee.relay = route.relay
                place.pointee.emitsMessages = route.emitsMessages
                setDialect(place, server, route.dialect)
            }
        }
        // Bytes behind the head belong to the frame parser. The host's OPEN comes first, so they are kept
        // meanwhile.
        if place.pointee.exchange?.leftover.isEmpty ?? true {
            place.pointee.exchange = nil
        } else {
            goOnLater(place)
        }
        if let expiresAt = place.pointee.identity?.principal?.expiresAt { _ = setExpiry(place, expiresAt) }
        setDeadline(place, openDeadline(place))
        setInterest(place, place.pointee.interest.union(.readable))
        hub.startMessages(slot)
        startLimiting(place, server, user: user)
        let id = place.pointee.id
        if let user { assignUser(place, user) }
        logOpen(place, user)
        withTerminated(user?.bytes ?? []) { userText in
            var event = event(.open, place)
            if place.pointee.link != nil { event.flags = EngineEvent.isOfChannel }
            event.user = userText
            lendTexts(to: &event) { event in
                chosen.withUnsafeBufferPointer {
                    event.data = Borrowed($0.baseAddress, $0.count)
                    emit(&event)
                }
            }
        }
        if place.pointee.id != id || place.pointee.phase != .open { return }
        if let room { _ = join(place, room) }
    }

    /// The compression was agreed on before.
    private func setDialect(
        _ place: ConnectionRef, _ server: Server, _ dialect: Dialect
    ) {
        if dialect == .raw { return }
        let slot = place.pointee.slot
        place.pointee.dialect = dialect
        place.pointee.speaker = Speaker()
        hub.setGroup(slot, server.batches ? .individual : hub.group(of: slot).of(dialect))
    }

    /// `fields` are lines of the response. Returns the subprotocol chosen, empty: none.
    private func writeHandshake(
        _ place: ConnectionRef, _ server: Server, _ bytes: UnsafeBufferPointer<UInt8>,
        _ upgrade: Upgrade, subprotocol: [UInt8]?, fields: [UInt8]
    ) -> [UInt8] {
        var digest: (UInt64, UInt64, UInt32) = (0, 0, 0)
        answer.removeAll()
        ServerHandshake.writeAcceptInput(upgrade, bytes.span, into: &answer)
        withUnsafeMutableBytes(of: &digest) {
            Crypto.sha1(answer.bytes, into: $0.baseAddress!.assumingMemoryBound(to: UInt8.self))
        }
        var chosen = subprotocol ?? []
        let routeIndex = Int(place.pointee.route)
        if subprotocol == nil, head.offersSubprotocols, routeIndex >= 0 {
            chosen = chooseSubprotocol(server.routes[routeIndex].subprotocols, bytes)
        }
        if chosen.isEmpty, head.offersSubprotocols {
            let sources = server.tokenSources(ofRoute: place.pointee.route)
            if sources.offersToken(head, bytes.span) { chosen = sources.subprotocol }
        }
        answer.removeAll()
        withUnsafeBytes(of: &digest) { digest in
            let digest = UnsafeBufferPointer(
                start: digest.baseAddress!.assumingMemoryBound(to: UInt8.self), count: 20)
            ServerHandshake.writeResponse(
                digest: digest.span, subprotocol: chosen, fields: fields, into: &answer)
        }
        write(place, answer.bytes)
        return chosen
    }

    /// The first of ours that the peer offered; empty: none.
    private func chooseSubprotocol(_ ours: [[UInt8]], _ bytes: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        for candidate in ours {
            var isOffered = false
            head.forEachListItem(of: "sec-websocket-protocol", in: bytes.span) { range in
                if bytes[range].elementsEqual(candidate) { isOffered = true }
            }
            if isOffered { return candidate }
        }
        return []
    }

    // MARK: Rooms of routes

    func roomOfRoute(
        _ server: Server, _ route: Route, _ bytes: UnsafeBufferPointer<UInt8>
    ) throws(HTTPFault) -> ByteString? {
        answer.removeAll()
        if route.joinsPath {
            guard PercentCoding.decode(bytes.span, head.path, into: &answer) else { throw .badRequestTarget }
        } else if let parts = route.room {
            for part in parts {
                switch part {
                case .text(let text): answer.append(text)
                case .capture(let index):
                    guard PercentCoding.decode(bytes.span, captures[index], into: &answer) else {
                        throw .badRequestTarget
                    }
                }
            }
        } else {
            return nil
        }
        if answer.count == 0 || answer.count > server.roomNameMax { throw .badRequestTarget }
        return ByteString(answer.array)
    }
}
