// Places of users, counted over all processes: max_connections_per_user for the whole cluster. While Redis is
// away each process counts its own, as it does besides.

internal import HearthBytes
internal import HearthCluster
internal import HearthPlatform

extension Loop {
    /// A connection has another user, or its first, or none any more.
    func noteClaim(
        _ place: ConnectionRef, _ server: Server, from old: ByteString?,
        to user: ByteString?
    ) {
        guard let cluster = server.cluster, cluster.userConnectionsMax > 0 else { return }
        if old != nil { server.tellCluster(.unclaim(place.pointee.id)) }
        if let user { server.tellCluster(.claim(place.pointee.id, user)) }
    }

    func claim(_ cluster: Cluster, _ connection: ConnectionID, _ user: ByteString) {
        let home = cluster.placesServer
        let number = cluster.claims.add(connection.raw, user, isAsked: home != nil)
        home?.claim(
            number, user, countMax: cluster.userConnectionsMax, cluster.placesText, cluster.settings.lease)
    }

    func unclaim(_ cluster: Cluster, _ connection: ConnectionID) {
        guard let user = cluster.claims.remove(connection.raw) else { return }
        cluster.placesServer?.leave(user, cluster.placesText, cluster.settings.lease)
    }

    func claimed(_ cluster: Cluster, _ number: UInt64, _ isGranted: Bool) {
        switch cluster.claims.answer(number, isGranted: isGranted) {
        case .nothing: break
        case .giveBack(let user):
            cluster.placesServer?.leave(user, cluster.placesText, cluster.settings.lease)
        case .refused(let connection):
            cluster.add(.placesRefused)
            let id = ConnectionID(raw: connection)
            Connections.post(.refuseQuota, to: id)
        }
    }

    /// Redis may have lost everything, or this process its lease, or Redis was not told who has gone. So the
    /// process counts under another name, and what stood under the last one is over.
    func renewClaims(_ cluster: Cluster) {
        if cluster.userConnectionsMax == 0 { return }
        endClaims(cluster)
        cluster.placesTerm += 1
        cluster.placesServer?.beginLease(cluster.placesText, cluster.settings.lease)
        cluster.leaseDue = now + cluster.settings.lease / 3
        let counts = cluster.claims.settle().map { (user: $0.key, count: $0.value) }
        cluster.placesServer?.keepPlaces(counts, cluster.placesText, cluster.settings.lease)
    }

    /// All places of this process are free.
    func endClaims(_ cluster: Cluster) {
        if cluster.placesTerm > 0 { cluster.placesServer?.beginLease(cluster.placesText, 0) }
    }

    /// And Redis is told again of some users, as it may have lost what it knew of them.
    func renewLease(_ cluster: Cluster) {
        cluster.placesServer?.renewLease(cluster.placesText, cluster.settings.lease)
        cluster.placesServer?.keepPlaces(
            cluster.claims.takeUntold(), cluster.placesText, cluster.settings.lease)
        cluster.leaseDue = now + cluster.settings.lease / 3
    }
}
