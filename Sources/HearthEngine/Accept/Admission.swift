// Who may come in: how many connections a user and an address of a server have, over all of its loops. A
// server that limits neither has none of this.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthWire
internal import Synchronization

enum UserLimitPolicy: Int { case reject = 0, evictOldest, evictStalest }

final class Admission: @unchecked Sendable {
    /// 0: no limit.
    let userConnectionsMax: Int
    let addressConnectionsMax: Int
    let policy: UserLimitPolicy
    let probeTimeout: UInt64
    /// Held while a loop's port is asked, never the other way round.
    private let lock = Lock()
    private var users: UserPlaces
    private var addresses: AddressPlaces

    /// Nil: nothing is limited.
    init?(_ configuration: Configuration) {
        userConnectionsMax = configuration.integer(.maxConnectionsPerUser)
        addressConnectionsMax = configuration.integer(.maxConnectionsPerIP)
        policy = UserLimitPolicy(rawValue: configuration.choice(.userLimitPolicy)) ?? .reject
        probeTimeout = configuration.milliseconds(.userLimitProbe)
        users = UserPlaces(seed: (Crypto.randomUInt64(), Crypto.randomUInt64()))
        addresses = AddressPlaces(seed: (Crypto.randomUInt64(), Crypto.randomUInt64()))
        if userConnectionsMax == 0, addressConnectionsMax == 0 { return nil }
    }

    // MARK: Users

    enum Answer {
        case admitted
        /// Admitted in the place of another, which is to be closed.
        case admittedFor(ConnectionID, code: OwnCloseCode)
        /// The user has all its places. If the stalest of them does not live, it is to make room.
        case full(stalest: ConnectionID, receivedAt: UInt64)
    }

    /// Takes a place for a connection of the user.
    func enter(_ connection: ConnectionID, user: ByteString) -> Answer {
        if userConnectionsMax == 0 { return .admitted }
        lock.lock()
        defer { lock.unlock() }
        let others = users.connections(of: user)
        if others.count < userConnectionsMax {
            users.add(connection.raw, user: user)
            return .admitted
        }
        let stalest = Self.stalest(of: others)
        switch policy {
        case .reject: return .full(stalest: stalest.id, receivedAt: stalest.receivedAt)
        case .evictOldest: return replace(ConnectionID(raw: others[0]), by: connection, user, .replaced)
        case .evictStalest: return replace(stalest.id, by: connection, user, .evictedAsStale)
        }
    }

    /// Takes the place of a connection that does not live, or a free one. False: the others have all places.
    func enter(_ connection: ConnectionID, insteadOf ghost: ConnectionID, user: ByteString) -> Bool {
        lock.lock()
        defer { lock.unlock() }
        users.remove(ghost.raw, user: user)
        if users.connections(of: user).count >= userConnectionsMax { return false }
        users.add(connection.raw, user: user)
        return true
    }

    private func replace(
        _ old: ConnectionID, by new: ConnectionID, _ user: ByteString, _ code: OwnCloseCode
    ) -> Answer {
        users.remove(old.raw, user: user)
        users.add(new.raw, user: user)
        return .admittedFor(old, code: code)
    }

    /// Gives the place back. One that was evicted has none.
    func leave(_ connection: ConnectionID, user: ByteString) {
        if userConnectionsMax == 0 { return }
        lock.lock()
        users.remove(connection.raw, user: user)
        lock.unlock()
    }

    /// The one from which nothing has come for the longest time.
    private static func stalest(of connections: [UInt64]) -> (id: ConnectionID, receivedAt: UInt64) {
        var stalest = (id: ConnectionID(raw: connections[0]), receivedAt: UInt64.max)
        for raw in connections {
            let id = ConnectionID(raw: raw)
            // One that has just ended makes room soon: it is the stalest of all.
            let receivedAt = Connections.lastReceivedWall(id) ?? 0
            if receivedAt < stalest.receivedAt { stalest = (id, receivedAt) }
        }
        return stalest
    }

    // MARK: Addresses

    /// Takes a place for a connection from the address; false: it has all of them.
    func enter(_ address: IPAddress) -> Bool {
        if addressConnectionsMax == 0 { return true }
        let key = ByteString(address.counted.key)
        lock.lock()
        defer { lock.unlock() }
        return addresses.add(key, max: addressConnectionsMax)
    }

    func leave(_ address: IPAddress) {
        if addressConnectionsMax == 0 { return }
        let key = ByteString(address.counted.key)
        lock.lock()
        addresses.remove(key)
        lock.unlock()
    }
}
