// Calls that name a connection by its id. On the thread of the connection's loop they act at once; elsewhere
// they are checked against what is known and posted.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import HearthWire
internal import Synchronization

package enum Connections {
    /// `here` on the loop's own thread; else `elsewhere` under the port's lock, which may answer with a
    /// command to post.
    @inline(__always)
    static func reach(
        _ id: ConnectionID, here: (Loop, ConnectionRef) -> Int64,
        elsewhere: (Loop, ConnectionRef) -> Elsewhere
    ) -> Int64 {
        LoopPorts.withPort(id.loop) { port in
            if port.isCurrent {
                guard let loop = port.loop else { return answer(.gone) }
                return loop._withUnsafeGuaranteedRef { loop in
                    guard let place = loop.place(of: id), !place.pointee.isClient else {
                        return answer(.gone)
                    }
                    return here(loop, place)
                }
            }
            return reachFromElsewhere(id, port, elsewhere)
        }
    }

    enum Elsewhere {
        case answer(Int64)
        case post(ConnectionCommand, answer: Int64)
    }

    private static func reachFromElsewhere(
        _ id: ConnectionID, _ port: LoopPort, _ body: (Loop, ConnectionRef) -> Elsewhere
    ) -> Int64 {
        port.lock.lock()
        guard let loop = port.loop?.takeUnretainedValue(), let place = loop.place(of: id),
            !place.pointee.isClient
        else {
            port.lock.unlock()
            return answer(missing(id, port))
        }
        let result = body(loop, place)
        port.lock.unlock()
        switch result {
        case .answer(let answer): return answer
        case .post(let command, let answer):
            return port.post(.connection(id, command)) ? answer : Int64(Status.gone.rawValue)
        }
    }

    static func answer(_ status: Status) -> Int64 { Int64(status.rawValue) }

    // MARK: Messages

    @inline(__always)
    package static func send(
        _ id: ConnectionID, _ opcode: UInt32, _ payload: UnsafeBufferPointer<UInt8>
    ) -> Int64 {
        guard let kind = messageOpcode(opcode, payload) else { return answer(.invalid) }
        if payload.count > Int(Int32.max) - 16 { return answer(.tooLarge) }
        if !MemoryGate.grantsFrame(payload.count) { return answer(.memory) }
        return reach(id) { loop, place in
            let result = loop.send(place, kind, payload)
            loop.relieveArena()
            return result
        } elsewhere: { _, place in
            place.pointee.isOpenFlag.load(ordering: .relaxed)
                ? .post(.send(OwnedMessage(Outgoing(kind, payload))), answer: 1) : .answer(answer(.gone))
        }
    }

    package static func close(_ id: ConnectionID, code: Int32, reason: [UInt8]) -> Status {
        guard let code = UInt16(exactly: code), CloseCode(rawValue: code).mayBeSentByHost else {
            return .invalid
        }
        if reason.count > 123 { return .tooLarge }
        let result = reach(id) { loop, place in
            answer(loop.close(place, code: code, reason: reason))
        } elsewhere: { _, place in
            place.pointee.isOpenFlag.load(ordering: .relaxed)
                ? .post(.close(code: code, reason: reason), answer: 0) : .answer(answer(.gone))
        }
        return Status(rawValue: Int32(result)) ?? .invalid
    }

    /// The opcode, if it is one of a message and a text is UTF-8.
    @inline(__always)
    static func messageOpcode(_ opcode: UInt32, _ payload: UnsafeBufferPointer<UInt8>) -> Opcode? {
        switch opcode {
        case 1: UTF8Validator.isValid(payload.span, 0, payload.count) ? .text : nil
        case 2: .binary
        default: nil
        }
    }

    // MARK: Opening

    package static func accept(_ id: ConnectionID, user: [UInt8]?, subprotocol: [UInt8]?) -> Status {
        if let user, user.isEmpty { return .invalid }
        let name = user.map { ByteString($0) }
        let result = reach(id) { loop, place in
            if tooLong(user, place) { return answer(.tooLarge) }
            return answer(loop.decide(place, .accepted(user: name, subprotocol: subprotocol)))
        } elsewhere: { _, place in
            if tooLong(user, place) { return .answer(answer(.tooLarge)) }
            return .post(.accept(user: name, subprotocol: subprotocol), answer: 0)
        }
        return Status(rawValue: Int32(result)) ?? .invalid
    }

    /// A refusal that cannot be given (`reason` is nil if it is not UTF-8) becomes status 500: its peer does
    /// not wait for another.
    package static func reject(_ id: ConnectionID, code: Int32, reason: [UInt8]?) -> Status {
        let isStatus = code >= 400 && code <= 599
        let isCode = UInt16(exactly: code).map { CloseCode(rawValue: $0).mayBeSentByHost } ?? false
        guard let reason, isStatus || isCode else {
            let status = refuse(id, code: 500, reason: [])
            return status == .ok ? .invalid : status
        }
        return refuse(id, code: code, reason: isCode ? CloseCode.shortened(reason) : reason)
    }

    private static func refuse(_ id: ConnectionID, code: Int32, reason: [UInt8]) -> Status {
        let result = reach(id) { loop, place in
            answer(loop.decide(place, .rejected(code: Int(code), reason: reason)))
        } elsewhere: { _, _ in
            .post(.reject(code: Int(code), reason: reason), answer: 0)
        }
        return Status(rawValue: Int32(result)) ?? .invalid
    }

    package static func respond(
        _ id: ConnectionID, status: Int32, headers: UnsafeBufferPointer<UInt8>,
        body: UnsafeBufferPointer<UInt8>
    ) -> Status {
        guard status >= 200, status <= 599, HeaderBlock.isSafe(headers.span) else { return .invalid }
        if body.count > Int(Int32.max) - (64 << 10) { return .tooLarge }
        if !MemoryGate.grantsFrame(body.count) { return .memory }
        let result = reach(id) { loop, place in
            answer(loop.respond(place, status: Int(status), headers: headers, body: body))
        } elsewhere: { _, _ in
            .post(.respond(status: Int(status), headers: Array(headers), body: Array(body)), answer: 0)
        }
        return Status(rawValue: Int32(result)) ?? .invalid
    }

    // MARK: Rooms and users

    package static func join(_ id: ConnectionID, room: [UInt8]) -> Status {
        if room.isEmpty { return .invalid }
        let name = ByteString(room)
        let result = reach(id) { loop, place in
            let isLong = room.count > place.pointee.server._withUnsafeGuaranteedRef { $0.roomNameMax }
            return answer(isLong ? .tooLarge : loop.join(place, name))
        } elsewhere: { _, place in
            if room.count > place.pointee.server._withUnsafeGuaranteedRef({ $0.roomNameMax }) {
                return .answer(answer(.tooLarge))
            }
            return place.pointee.isOpenFlag.load(ordering: .relaxed)
                ? .post(.join(name), answer: 0) : .answer(answer(.gone))
        }
        return Status(rawValue: Int32(result)) ?? .invalid
    }

    package static func leave(_ id: ConnectionID, room: [UInt8]) -> Status {
        let name = ByteString(room)
        let result = reach(id) { loop, place in
            answer(loop.leave(place, name))
        } elsewhere: { _, _ in
            .post(.leave(name), answer: 0)
        }
        return Status(rawValue: Int32(result)) ?? .invalid
    }

    package static func setUser(_ id: ConnectionID, user: [UInt8]?) -> Status {
        if let user, user.isEmpty { return .invalid }
        let name = user.map { ByteString($0) }
        let result = reach(id) { loop, place in
            tooLong(user, place) ? answer(.tooLarge) : answer(loop.setUser(place, name))
        } elsewhere: { _, place in
            if tooLong(user, place) { return .answer(answer(.tooLarge)) }
            return place.pointee.isOpenFlag.load(ordering: .relaxed)
                ? .post(.setUser(name), answer: 0) : .answer(answer(.gone))
        }
        return Status(rawValue: Int32(result)) ?? .invalid
    }

    private static func tooLong(_ user: [UInt8]?, _ place: ConnectionRef) -> Bool {
        (user?.count ?? 0) > place.pointee.server._withUnsafeGuaranteedRef { $0.userNameMax }
    }

    // MARK: What is kept with a connection

    package static func setMetadata(_ id: ConnectionID, _ bytes: UnsafeBufferPointer<UInt8>) -> Status {
        let result = look(id) { _, place in
            if bytes.count > place.pointee.server._withUnsafeGuaranteedRef({ $0.metadataMax }) {
                return answer(.tooLarge)
            }
            place.pointee.metadata = Array(bytes)
            return 0
        }
        return Status(rawValue: Int32(result)) ?? .invalid
    }

    package static func setContext(_ id: ConnectionID, _ context: UnsafeMutableRawPointer?) -> Status {
        let result = reach(id) { _, place in
            place.pointee.context = context
            return 0
        } elsewhere: { _, _ in
            .answer(answer(.thread))
        }
        return Status(rawValue: Int32(result)) ?? .invalid
    }

    package static func context(_ id: ConnectionID) -> UnsafeMutableRawPointer? {
        var context: UnsafeMutableRawPointer?
        _ = reach(id) { _, place in
            context = place.pointee.context
            return 0
        } elsewhere: { _, _ in
            .answer(answer(.thread))
        }
        return context
    }

    /// Metadata, user, rooms, address: copied under the lock under which they change.
    package static func metadata(_ id: ConnectionID, _ body: ([UInt8]) -> Int64) -> Int64 {
        copied(id, body) { _, place in place.pointee.metadata }
    }

    package static func user(_ id: ConnectionID, _ body: ([UInt8]) -> Int64) -> Int64 {
        copied(id, body) { loop, place in
            loop.hub.user(of: place.pointee.slot).map { loop.hub.userName($0).bytes } ?? []
        }
    }

    package static func address(_ id: ConnectionID, _ body: ([UInt8]) -> Int64) -> Int64 {
        copied(id, body) { _, place in place.pointee.address.text }
    }

    package static func rooms(_ id: ConnectionID) -> [[UInt8]]? {
        var names: [[UInt8]] = []
        let result = look(id) { loop, place in
            loop.hub.forEachRoom(place.pointee.slot) {
                names.append(loop.hub.roomName($0).bytes)
                return true
            }
            return 0
        }
        return result == 0 ? names : nil
    }

    package static func information(_ id: ConnectionID) -> ConnectionInformation? {
        var information = ConnectionInformation()
        let result = look(id) { loop, place in
            information.route = place.pointee.route
            information.openedAtWall = place.pointee.openedAtWall.load(ordering: .relaxed)
            information.lastReceivedWall = place.pointee.lastReceivedWall.load(ordering: .relaxed)
            information.latencyMicroseconds = place.pointee.latency.load(ordering: .relaxed)
            information.messagesReceived = place.pointee.messagesReceived.load(ordering: .relaxed)
            information.messagesSent = place.pointee.messagesSent.load(ordering: .relaxed)
            information.waitingBytes = place.pointee.waitingBytes.load(ordering: .relaxed)
            if loop.port.isCurrent {
                information.messagesSent = loop.hub.sentCount(place.pointee.slot)
                information.waitingBytes = UInt64(loop.hub.waitingBytes(place.pointee.slot))
            }
            information.rooms = UInt32(loop.hub.roomsOfConnection(place.pointee.slot))
            information.isOpen = place.pointee.isOpenFlag.load(ordering: .relaxed)
            return 0
        }
        return result == 0 ? information : nil
    }

    static func copied(
        _ id: ConnectionID, _ body: ([UInt8]) -> Int64,
        _ read: (Loop, ConnectionRef) -> [UInt8]
    ) -> Int64 {
        var bytes: [UInt8] = []
        let result = look(id) { loop, place in
            bytes = read(loop, place)
            return 0
        }
        return result == 0 ? body(bytes) : result
    }

    /// Reads what other threads may look at, under the lock, on whichever thread.
    static func look(
        _ id: ConnectionID, _ body: (Loop, ConnectionRef) -> Int64
    ) -> Int64 {
        LoopPorts.withPort(id.loop) { port in
            port.lock.lock()
            defer { port.lock.unlock() }
            guard let loop = port.loop?.takeUnretainedValue(), let place = loop.place(of: id),
                !place.pointee.isClient
            else {
                return answer(missing(id, port))
            }
            return body(loop, place)
        }
    }

    /// Nil: it has ended. Thread: any that holds no port's lock.
    static func lastReceivedWall(_ id: ConnectionID) -> UInt64? {
        var wall: UInt64 = 0
        let result = look(id) { _, place in
            wall = place.pointee.lastReceivedWall.load(ordering: .relaxed)
            return 0
        }
        return result == 0 ? wall : nil
    }

    /// Has the loop of the connection do something soon.
    static func post(_ command: ConnectionCommand, to id: ConnectionID) {
        LoopPorts.withPort(id.loop) { _ = $0.post(.connection(id, command)) }
    }

    private static func missing(_ id: ConnectionID, _ port: LoopPort) -> Status {
        port.wasParents && id.raw != 0 && id.serial <= port.forkedSerial ? .forked : .gone
    }
}

package struct ConnectionInformation {
    package var route: Int32 = -1
    package var openedAtWall: UInt64 = 0
    package var lastReceivedWall: UInt64 = 0
    package var latencyMicroseconds: Int64 = -1
    package var messagesReceived: UInt64 = 0
    package var messagesSent: UInt64 = 0
    package var waitingBytes: UInt64 = 0
    package var rooms: UInt32 = 0
    package var isOpen = false
}
