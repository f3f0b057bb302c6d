// Users and lists of what a server has, in pages, over all loops.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthWire
internal import Synchronization

extension Server {
    /// Sends all connections of a user away. Returns how many, or an error.
    package func kick(user: UnsafeBufferPointer<UInt8>, code: Int32, reason: [UInt8]) -> Int64 {
        let code = code == 0 ? Int32(OwnCloseCode.kicked.rawValue) : code
        guard let wire = UInt16(exactly: code), CloseCode(rawValue: wire).mayBeSentByHost else {
            return Int64(Status.invalid.rawValue)
        }
        if reason.count > 123 { return Int64(Status.tooLarge.rawValue) }
        if cluster != nil { tellCluster(.kick(ByteString(Array(user)), code: wire, reason: reason)) }
        return kickHere(user: user, code: wire, reason: reason)
    }

    /// In this process alone.
    func kickHere(user: UnsafeBufferPointer<UInt8>, code wire: UInt16, reason: [UInt8]) -> Int64 {
        spread { loop in
            loop.kick(self, user: user.span, code: wire, reason: reason)
        } count: { loop in
            guard let found = loop.hub.findUser(server: number, user.span) else { return 0 }
            var open = 0
            for index in 0..<loop.hub.connectionCount(user: found) {
                let place = loop.connections.place(loop.hub.connection(user: found, at: index))
                if place.pointee.isOpenFlag.load(ordering: .relaxed) { open += 1 }
            }
            return open
        } elsewhere: {
            .kick(user: ByteString(Array(user)), code: wire, reason: reason)
        }
    }

    // MARK: Lists in pages

    /// A place in a list: which loop, and where in its table. As a number it is one more, for 0 is the
    /// beginning, and what the last page ends with.
    private struct Cursor {
        var loop: Int
        var index: Int

        init(_ raw: UInt64) {
            let place = raw == 0 ? 0 : raw - 1
            loop = Int(place >> 32)
            index = Int(place & 0xFFFF_FFFF)
        }

        var raw: UInt64 { (UInt64(loop) << 32 | UInt64(index)) + 1 }
    }

    /// Ids of open connections, each once, as far as `add` takes them.
    package func listConnections(_ cursor: inout UInt64, _ add: (UInt64) -> Bool) {
        walk(&cursor) { loop, index in
            while index < loop.connections.endIndex {
                if loop.connections.contains(UInt32(index)) {
                    let place = loop.connections.place(UInt32(index))
                    let isOurs =
                        place.pointee.endpoint.toOpaque() == Unmanaged.passUnretained(self).toOpaque()
                    if isOurs, place.pointee.isOpenFlag.load(ordering: .relaxed), !add(place.pointee.id.raw) {
                        return false
                    }
                }
                index += 1
            }
            return true
        }
    }

    /// Names of rooms, once for each loop that has members.
    package func listRooms(_ cursor: inout UInt64, _ add: ([UInt8]) -> Bool) {
        walk(&cursor) { loop, index in
            loop.hub.listRooms(server: number, &index) { add($0.bytes) }
        }
    }

    /// Names of users with connections, each once.
    package func listUsers(_ cursor: inout UInt64, _ add: ([UInt8]) -> Bool) {
        let start = UInt32(Cursor(cursor).index)
        let next = withPresence { $0.listUsers(from: start) { add($0.bytes) } }
        cursor = next.map { UInt64($0) + 1 } ?? 0
    }

    /// `body` goes through a loop's table from an index on, which it moves. It answers whether it came to the
    /// end.
    private func walk(_ raw: inout UInt64, _ body: (Loop, inout Int) -> Bool) {
        var cursor = Cursor(raw)
        let loops = engine.currentLoops
        while cursor.loop < loops.count {
            let loop = loops[cursor.loop]
            loop.port.lock.lock()
            let isDone = !loop.hub.knows(server: number) || body(loop, &cursor.index)
            loop.port.lock.unlock()
            if !isDone {
                raw = cursor.raw
                return
            }
            cursor.loop += 1
            cursor.index = 0
        }
        raw = 0
    }
}
