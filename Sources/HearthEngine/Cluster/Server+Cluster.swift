// What a server tells the other processes of its cluster, from any thread.

internal import HearthBytes
internal import HearthCluster
internal import HearthHub
internal import HearthPlatform
internal import HearthWire

extension Server {
    /// On the first loop at once, else by a command that keeps the order of the caller's.
    func forward(
        _ kind: NodeMessageKind, _ channel: ChannelKind, _ target: UnsafeBufferPointer<UInt8>,
        _ outgoing: Outgoing, except user: ByteString?
    ) {
        guard let cluster, let home = engine.currentLoops.first else { return }
        if home.port.isCurrent, cluster.server != nil {
            home.forward(cluster, kind, channel, target, outgoing, except: user)
            return home.context.ensureTurn()
        }
        tell(
            .publish(kind, channel, ByteString(Array(target)), OwnedMessage(outgoing), except: user), home)
    }

    func tellCluster(_ command: ClusterCommand) {
        guard let cluster, let home = engine.currentLoops.first else { return }
        if home.port.isCurrent, cluster.server != nil { return home.apply(command, self) }
        tell(command, home)
    }

    private func tell(_ command: ClusterCommand, _ home: Loop) {
        if !home.port.post(.cluster(self, command)) { cluster?.add(.notForwarded) }
    }

    /// Whether the other processes can get a payload of that size; else an error with a sentence.
    func refusal(ofBytes count: Int) -> Int64? {
        guard let cluster, count > cluster.settings.messageBytesMax else { return nil }
        return Int64(
            engine.fail(
                .tooLarge, ascii("a message to other processes has at most max_broker_message bytes")
            ).rawValue)
    }

    /// What other processes are told. A room counts once for each loop that has members.
    var counts: NodeCounts {
        var sums = CounterSums()
        forEachCounters { sums.add($0) }
        var rooms = 0
        forEachLoop { rooms += $0.hub.roomCount(server: number) }
        return NodeCounts(connections: sums.open, users: UInt64(userCount), rooms: UInt64(rooms))
    }
}

extension Loop {
    /// A member's message goes on to the other processes.
    func forward(_ place: ConnectionRef, _ outgoing: Outgoing) {
        let server = place.pointee.server.takeUnretainedValue()
        if server.cluster == nil { return }
        var rooms: [ByteString] = []
        hub.forEachRoom(place.pointee.slot) {
            rooms.append(hub.roomName($0))
            return true
        }
        for room in rooms { forward(server, room, outgoing, except: nil) }
    }

    func forward(_ server: Server, _ room: ByteString, _ outgoing: Outgoing, except user: ByteString?) {
        if server.cluster == nil { return }
        room.bytes.withUnsafeBufferPointer {
            server.forward(.room, .room, $0, outgoing, except: user)
        }
    }

    /// The room has its first member on this loop, or has lost its last.
    func noteRoom(_ server: Server, _ room: ByteString, isThere: Bool) {
        server.tellCluster(isThere ? .hold(.room, room) : .release(.room, room))
    }

    /// The user has a first connection on this loop, or has lost the last.
    func noteUser(_ server: Server, _ user: ByteString, isThere: Bool) {
        server.tellCluster(isThere ? .hold(.user, user) : .release(.user, user))
    }
}
