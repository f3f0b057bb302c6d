// Messages to many and questions about who is there, over all loops of a server.

internal import HearthBytes
internal import HearthCluster
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import HearthWire
internal import Synchronization

extension Server {
    // MARK: Messages

    /// Each returns for how many connections the message was queued, or an error.
    package func publish(
        room: UnsafeBufferPointer<UInt8>, _ opcode: UInt32, _ payload: UnsafeBufferPointer<UInt8>,
        _ exception: Exception
    ) -> Int64 {
        withMessage(opcode, payload) { publish(room: room, $0, exception) }
    }

    func publish(
        room: UnsafeBufferPointer<UInt8>, _ outgoing: Outgoing, _ exception: Exception
    ) -> Int64 {
        if cluster == nil || exception.isHereOnly { return publishHere(room: room, outgoing, exception) }
        if let refusal = refusal(ofBytes: outgoing.bytesCount) { return refusal }
        forward(.room, .room, room, outgoing, except: exception.user)
        return publishHere(room: room, outgoing, exception)
    }

    /// In this process alone.
    func publishHere(
        room: UnsafeBufferPointer<UInt8>, _ outgoing: Outgoing, _ exception: Exception
    ) -> Int64 {
        spread { loop in
            loop.publish(self, room: room.span, outgoing, exception)
        } count: { loop in
            loop.hub.findRoom(server: number, room.span).map { loop.countMembers($0, exception) } ?? 0
        } elsewhere: {
            .publish(room: ByteString(Array(room)), OwnedMessage(outgoing), exception)
        }
    }

    /// To members on the loops of other threads.
    func postMessage(room: ByteString, _ outgoing: Outgoing, _ exception: Exception) {
        post { loop in
            loop.hub.findRoom(server: number, room.bytes.span) == nil ? 0 : 1
        } command: {
            .publish(room: room, OwnedMessage(outgoing), exception)
        }
    }

    package func broadcast(
        _ opcode: UInt32, _ payload: UnsafeBufferPointer<UInt8>, _ exception: Exception
    ) -> Int64 {
        withMessage(opcode, payload) { broadcast($0, exception) }
    }

    func broadcast(_ outgoing: Outgoing, _ exception: Exception) -> Int64 {
        if cluster == nil || exception.isHereOnly { return broadcastHere(outgoing, exception) }
        if let refusal = refusal(ofBytes: outgoing.bytesCount) { return refusal }
        forward(
            .everyone, .all, UnsafeBufferPointer(start: nil, count: 0), outgoing, except: exception.user)
        return broadcastHere(outgoing, exception)
    }

    func broadcastHere(_ outgoing: Outgoing, _ exception: Exception) -> Int64 {
        spread { loop in
            loop.broadcast(self, outgoing, exception)
        } count: { loop in
            loop.countOpen(self, exception)
        } elsewhere: {
            .broadcast(OwnedMessage(outgoing), exception)
        }
    }

    package func send(
        user: UnsafeBufferPointer<UInt8>, _ opcode: UInt32, _ payload: UnsafeBufferPointer<UInt8>,
        _ exception: Exception
    ) -> Int64 {
        withMessage(opcode, payload) { send(user: user, $0, exception) }
    }

    func send(
        user: UnsafeBufferPointer<UInt8>, _ outgoing: Outgoing, _ exception: Exception
    ) -> Int64 {
        if cluster == nil || exception.isHereOnly { return sendHere(user: user, outgoing, exception) }
        if let refusal = refusal(ofBytes: outgoing.bytesCount) { return refusal }
        forward(.user, .user, user, outgoing, except: exception.user)
        return sendHere(user: user, outgoing, exception)
    }

    func sendHere(
        user: UnsafeBufferPointer<UInt8>, _ outgoing: Outgoing, _ exception: Exception
    ) -> Int64 {
        spread { loop in
            loop.send(self, user: user.span, outgoing, exception)
        } count: { loop in
            loop.hub.findUser(server: number, user.span).map { loop.hub.connectionCount(user: $0) } ?? 0
        } elsewhere: {
            .sendToUser(ByteString(Array(user)), OwnedMessage(outgoing), exception)
        }
    }

    @inline(__always)
    private func withMessage(
        _ opcode: UInt32, _ payload: UnsafeBufferPointer<UInt8>, _ body: (Outgoing) -> Int64
    ) -> Int64 {
        guard let kind = Connections.messageOpcode(opcode, payload) else {
            return Int64(Status.invalid.rawValue)
        }
        if payload.count > Int(Int32.max) - 16 { return Int64(Status.tooLarge.rawValue) }
        if !MemoryGate.grantsFrame(payload.count) { return Int64(Status.memory.rawValue) }
        return body(Outgoing(kind, payload))
    }

    /// On this thread's loop at once, on the others by a command.
    func spread(here: (Loop) -> Int, count: (Loop) -> Int, elsewhere: () -> ServerCommand) -> Int64 {
        var total = 0
        for loop in engine.currentLoops where loop.port.isCurrent {
            if loop.context.isRetired || !loop.hub.knows(server: number) { continue }
            total += here(loop)
            loop.relieveArena()
        }
        return Int64(total + post(count: count, command: elsewhere))
    }

    /// To the loops of other threads on which `count`, which looks at one under its lock, finds somebody, and
    /// to those that have commands before them: one of these may bring somebody. All get the same bytes,
    /// copied once. Returns how many were found.
    @discardableResult
    func post(count: (Loop) -> Int, command makeCommand: () -> ServerCommand) -> Int {
        var made: ServerCommand?
        var total = 0
        for loop in engine.currentLoops where !loop.port.isCurrent {
            loop.port.lock.lock()
            let found = loop.hub.knows(server: number) ? count(loop) : 0
            let isBehind = loop.port.isBehind
            loop.port.lock.unlock()
            if found == 0, !isBehind { continue }
            let command = made ?? makeCommand()
            made = command
            // The posting takes the lock by itself.
            if loop.port.post(.server(self, command)) { total += found }
        }
        return total
    }

    // MARK: Questions

    package var openConnectionCount: Int64 { sum { $0.countOpen(self, .nobody) } }

    package var userCount: Int64 { Int64(withPresence { $0.connectedCount }) }

    package var roomCount: Int64 {
        engine.currentLoops.count == 1 ? sum { $0.hub.roomCount(server: number) } : Int64(roomNames().count)
    }

    package func roomNames() -> [[UInt8]] {
        unique { loop, add in loop.hub.forEachRoomName(server: number) { add($0) } }
    }

    package func userNames() -> [[UInt8]] {
        unique { loop, add in loop.hub.forEachUserName(server: number) { add($0) } }
    }

    package func users(inRoom room: UnsafeBufferPointer<UInt8>) -> [[UInt8]] {
        unique { loop, add in
            guard let found = loop.hub.findRoom(server: number, room.span) else { return }
            for index in 0..<loop.hub.memberCount(found) {
                if let user = loop.hub.user(of: loop.hub.member(found, at: index)) {
                    add(loop.hub.userName(user))
                }
            }
        }
    }

    package func openConnections() -> [UInt64] {
        collect { loop, add in
            loop.forEachConnection(of: self) {
                if $0.pointee.isOpenFlag.load(ordering: .relaxed) { add($0.pointee.id.raw) }
            }
        }
    }

    package func members(ofRoom room: UnsafeBufferPointer<UInt8>) -> [UInt64] {
        collect { loop, add in
            guard let found = loop.hub.findRoom(server: number, room.span) else { return }
            for index in 0..<loop.hub.memberCount(found) {
                add(loop.connections.place(loop.hub.member(found, at: index)).pointee.id.raw)
            }
        }
    }

    package func connections(ofUser user: UnsafeBufferPointer<UInt8>) -> [UInt64] {
        collect { loop, add in
            guard let found = loop.hub.findUser(server: number, user.span) else { return }
            for index in 0..<loop.hub.connectionCount(user: found) {
                add(loop.connections.place(loop.hub.connection(user: found, at: index)).pointee.id.raw)
            }
        }
    }

    // MARK: Over all loops, each under its lock

    func forEachLoop(_ body: (Loop) -> Void) {
        for loop in engine.currentLoops {
            loop.port.lock.lock()
            if loop.hub.knows(server: number) { body(loop) }
            loop.port.lock.unlock()
        }
    }

    private func sum(_ body: (Loop) -> Int) -> Int64 {
        var total = 0
        forEachLoop { total += body($0) }
        return Int64(total)
    }

    private func collect(_ body: (Loop, (UInt64) -> Void) -> Void) -> [UInt64] {
        var ids: [UInt64] = []
        forEachLoop { body($0) { ids.append($0) } }
        return ids
    }

    private func unique(_ body: (Loop, (ByteString) -> Void) -> Void) -> [[UInt8]] {
        var seen = Set<ByteString>()
        var names: [[UInt8]] = []
        forEachLoop { body($0) { if seen.insert($0).inserted { names.append($0.bytes) } } }
        return names
    }
}

extension Loop {
    /// Members of a room that the exception does not leave out.
    func countMembers(_ room: UInt32, _ exception: Exception) -> Int {
        var count = 0
        for index in 0..<hub.memberCount(room) {
            let slot = hub.member(room, at: index)
            // Of the others' connections nothing is read: their loop is at work on them.
            let leftOut = exception.connection
            if leftOut.raw != 0, leftOut.slot == slot, connections.place(slot).pointee.id == leftOut {
                continue
            }
            if let user = exception.user, let other = hub.user(of: slot), hub.userName(other) == user {
                continue
            }
            count += 1
        }
        return count
    }

    func countOpen(_ server: Server, _ exception: Exception) -> Int {
        var count = 0
        forEachConnection(of: server) { place in
            guard place.pointee.isOpenFlag.load(ordering: .relaxed), place.pointee.id != exception.connection
            else { return }
            if let user = exception.user, let other = hub.user(of: place.pointee.slot),
                hub.userName(other) == user
            {
                return
            }
            count += 1
        }
        return count
    }
}
