// The other processes of the cluster, each as long as its lease runs. A process tells how long that is with
// every heartbeat; what it did not renew is over.

package import HearthBytes

package struct NodeCounts: Equatable, Sendable {
    package var connections: UInt64 = 0
    package var users: UInt64 = 0
    package var rooms: UInt64 = 0

    package init() {}

    package init(connections: UInt64, users: UInt64, rooms: UInt64) {
        self.connections = connections
        self.users = users
        self.rooms = rooms
    }

    package mutating func add(_ other: NodeCounts) {
        connections &+= other.connections
        users &+= other.users
        rooms &+= other.rooms
    }

    static var bytesCount: Int { 24 }

    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        appendNumber(connections, count: 8, to: &bytes)
        appendNumber(users, count: 8, to: &bytes)
        appendNumber(rooms, count: 8, to: &bytes)
        return bytes
    }

    init?(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>) {
        if range.count != Self.bytesCount { return nil }
        connections = readNumber(bytes, at: range.lowerBound)
        users = readNumber(bytes, at: range.lowerBound + 8)
        rooms = readNumber(bytes, at: range.lowerBound + 16)
    }
}

package struct Node: Sendable {
    package let number: UInt64
    package var name: ByteString
    package var counts: NodeCounts
    package var heardAt: UInt64
    package var lease: UInt64
}

struct NodeTable {
    /// What a heartbeat may promise.
    static var leaseMax: UInt64 { 24 * 3600 * 1000 }

    private(set) var nodes: [Node] = []
    let countMax: Int

    init(countMax: Int) { self.countMax = countMax }

    /// Returns whether it is new; nil: there are too many.
    mutating func heard(
        _ number: UInt64, _ name: ByteString, _ counts: NodeCounts, lease: UInt64, now: UInt64
    ) -> Bool? {
        let lease = min(lease, Self.leaseMax)
        if let index = nodes.firstIndex(where: { $0.number == number }) {
            nodes[index].name = name
            nodes[index].counts = counts
            nodes[index].heardAt = now
            nodes[index].lease = lease
            return false
        }
        if nodes.count >= countMax { return nil }
        nodes.append(Node(number: number, name: name, counts: counts, heardAt: now, lease: lease))
        return true
    }

    func contains(_ number: UInt64) -> Bool { nodes.contains { $0.number == number } }

    /// Returns whether it was there.
    mutating func remove(_ number: UInt64) -> Bool {
        guard let index = nodes.firstIndex(where: { $0.number == number }) else { return false }
        nodes.remove(at: index)
        return true
    }

    var due: UInt64? {
        var due: UInt64?
        for node in nodes {
            let end = node.heardAt + node.lease
            if due == nil || end < due! { due = end }
        }
        return due
    }

    /// Takes out those whose lease is over.
    mutating func expire(now: UInt64) -> [Node] {
        let over = nodes.filter { $0.heardAt + $0.lease <= now }
        if !over.isEmpty { nodes.removeAll { $0.heardAt + $0.lease <= now } }
        return over
    }

    /// This process itself stood still for a while: the others are not to blame.
    mutating func forgive(_ milliseconds: UInt64) {
        for index in 0..<nodes.count { nodes[index].heardAt += milliseconds }
    }
}
