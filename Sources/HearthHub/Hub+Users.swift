// Users and their connections on this loop.

package import HearthBytes

extension Hub {
    package func userCount(server: Int) -> Int { names[server].users.count }

    package func findUser(server: Int, _ name: borrowing Span<UInt8>) -> UInt32? {
        names[server].users.find(name, in: users)
    }

    /// The user of the connection, or nil.
    package func user(of slot: UInt32) -> UInt32? {
        let user = members[Int(slot)].user
        return user == Outbox.none ? nil : user
    }

    package func userName(_ user: UInt32) -> ByteString { users[user].name }

    package func connectionCount(user: UInt32) -> Int { users[user].slots.count }

    package func connection(user: UInt32, at index: Int) -> UInt32 { users[user].slots[index] }

    package func forEachUserName(server: Int, _ body: (ByteString) -> Void) {
        for index in 0..<users.endIndex where users.contains(UInt32(index)) {
            if users[UInt32(index)].server == UInt16(server) { body(users[UInt32(index)].name) }
        }
    }

    /// Says whose connection it is; nil: nobody's. Structure.
    package func setUser(_ slot: UInt32, _ name: ByteString?) {
        let server = Int(members[Int(slot)].server)
        let old = members[Int(slot)].user
        if old != Outbox.none {
            if let index = users[old].slots.firstIndex(of: slot) {
                users[old].slots.swapAt(index, users[old].slots.count - 1)
                users[old].slots.removeLast()
            }
            if users[old].slots.isEmpty {
                names[server].users.remove(old, in: users)
                users.remove(old)
            }
            members[Int(slot)].user = Outbox.none
        }
        guard let name else { return }
        var user = names[server].users.find(name.bytes.span, in: users)
        if user == nil {
            let hash = names[server].users.hash(name.bytes.span)
            let made = users.insert(User(name: name, hash: hash, server: UInt16(server)))
            names[server].users.insert(made, in: users)
            user = made
        }
        users[user!].slots.append(slot)
        members[Int(slot)].user = user!
    }
}
