// Who has how many connections, over all loops of a server: by user, with the connections in the order of
// their coming, and by address as a count. Whoever asks holds the lock of the server's places from the
// question to the answer, so that two that come at the same time do not both get the last place.

package import HearthBytes

package struct UserPlaces: ~Copyable {
    private var numbers: ByteTable
    /// By number; empty: free.
    private var connections: [[UInt64]] = []
    private var free: [UInt32] = []

    package init(seed: (UInt64, UInt64)) { numbers = ByteTable(seed: seed) }

    /// How many users have a connection.
    package var count: Int { numbers.count }

    /// The ids of the user's connections, the oldest first.
    package func connections(of user: ByteString) -> [UInt64] {
        guard let number = numbers.find(user.bytes.span) else { return [] }
        return connections[Int(number)]
    }

    package mutating func add(_ connection: UInt64, user: ByteString) {
        if let number = numbers.find(user.bytes.span) {
            connections[Int(number)].append(connection)
            return
        }
        let number = free.popLast() ?? UInt32(connections.count)
        if Int(number) == connections.count { connections.append([]) }
        connections[Int(number)] = [connection]
        numbers.insert(user, value: number)
    }

    /// Returns whether it was there.
    @discardableResult
    package mutating func remove(_ connection: UInt64, user: ByteString) -> Bool {
        guard let number = numbers.find(user.bytes.span),
            let index = connections[Int(number)].firstIndex(of: connection)
        else { return false }
        connections[Int(number)].remove(at: index)
        if connections[Int(number)].isEmpty {
            connections[Int(number)] = []
            free.append(number)
            _ = numbers.remove(user.bytes.span)
        }
        return true
    }
}

package struct AddressPlaces: ~Copyable {
    private var counts: ByteTable

    package init(seed: (UInt64, UInt64)) { counts = ByteTable(seed: seed) }

    /// How many addresses have a connection.
    package var count: Int { counts.count }

    /// Takes a place for a connection from the address; false: it has `max` already.
    package mutating func add(_ address: ByteString, max: Int) -> Bool {
        guard let count = counts.find(address.bytes.span) else {
            counts.insert(address, value: 1)
            return true
        }
        if Int(count) >= max { return false }
        _ = counts.update(address.bytes.span, value: count + 1)
        return true
    }

    package mutating func remove(_ address: ByteString) {
        guard let count = counts.find(address.bytes.span) else { return }
        if count == 1 {
            _ = counts.remove(address.bytes.span)
        } else {
            _ = counts.update(address.bytes.span, value: count - 1)
        }
    }
}
