// Who is in rooms on other processes: what they told is told here, and what happens here is told to them.

internal import HearthBytes
internal import HearthCluster
internal import HearthHub
internal import HearthPlatform

extension Loop {
    /// What happened in this process, in its order.
    func tellPresence(_ cluster: Cluster, _ server: Server) {
        let news = server.withPresence { $0.takeNews() }
        for one in news {
            let record = PresenceRecord(user: one.user, data: one.data, joinedAt: one.joinedAt)
            cluster.node.tellPresence(one.room, one.user, one.isHere ? record : nil)
        }
    }

    /// What other processes told.
    func applyEffects(_ cluster: Cluster) {
        let effects = cluster.node.takeEffects()
        if effects.isEmpty { return }
        guard let server = cluster.server else { return }
        emittingAfter {
            for effect in effects {
                switch effect {
                case .joined(let room, let record, isNew: true):
                    let change = server.withPresence {
                        $0.joinElsewhere(
                            room: room, user: record.user, data: record.data, at: record.joinedAt)
                    }
                    if let change { tell(.userJoined, server, change, isFromElsewhere: true) }
                case .joined(_, let record, isNew: false):
                    var found: [PresenceChange]?
                    server.withPresence {
                        found = $0.setData(record.user.bytes.span, record.data, isFromElsewhere: true)
                    }
                    for change in found ?? [] {
                        tell(.presenceUpdated, server, change, isFromElsewhere: true)
                    }
                case .left(let room, let user):
                    var found: PresenceChange?
                    server.withPresence {
                        found = $0.leaveElsewhere(room: room.bytes.span, user: user.bytes.span)
                    }
                    if let found { tell(.userLeft, server, found, isFromElsewhere: true) }
                case .tellRoom(let room, let node, let asks): tellRoom(cluster, server, room, node, asks)
                case .answered(let answer): tellAnswer(server, answer)
                }
            }
        }
        // Who was waited for here and came back there is not here any more.
        tellPresence(cluster, server)
        context.ensureTurn()
    }

    private func tellRoom(
        _ cluster: Cluster, _ server: Server, _ room: ByteString, _ node: UInt64?, _ asks: Bool
    ) {
        // What happened before the snapshot is told before it.
        tellPresence(cluster, server)
        var users: [PresenceRecord] = []
        server.withPresence {
            for one in $0.told(room: room.bytes.span) {
                users.append(PresenceRecord(user: one.user, data: one.data, joinedAt: one.joinedAt))
            }
        }
        cluster.node.tellSnapshot(room, users, to: node, asks: asks, now: now)
    }

    /// Somebody came to a room or left it here.
    func notePresence(_ server: Server) {
        if clusters.isUsed { server.tellCluster(.presence) }
    }
}
