// Who is in the rooms of this process on other processes, as they told: each entry under the lease of the
// process that told it.

package import HearthBytes

/// A user in a room, as one process tells another.
package struct PresenceRecord: Equatable {
    package let user: ByteString
    package let data: [UInt8]
    /// Wall clock, milliseconds.
    package let joinedAt: UInt64

    package init(user: ByteString, data: [UInt8], joinedAt: UInt64) {
        self.user = user
        self.data = data
        self.joinedAt = joinedAt
    }

    var bytesCount: Int { 16 + user.count + data.count }

    static func append(_ record: PresenceRecord, to bytes: inout [UInt8]) {
        appendNumber(UInt64(record.user.count), count: 4, to: &bytes)
        appendNumber(UInt64(record.data.count), count: 4, to: &bytes)
        appendNumber(record.joinedAt, count: 8, to: &bytes)
        bytes += record.user.bytes
        bytes += record.data
    }

    /// nil: it is not a list of records.
    static func readAll(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>) -> [PresenceRecord]? {
        var records: [PresenceRecord] = []
        var index = range.lowerBound
        while index < range.upperBound {
            if range.upperBound - index < 16 { return nil }
            let sizes = readNumber(bytes, at: index)
            let joinedAt = readNumber(bytes, at: index + 8)
            let userCount = Int(sizes & 0xFFFF_FFFF)
            let dataCount = Int(sizes >> 32)
            index += 16
            if userCount == 0 || range.upperBound - index < userCount + dataCount { return nil }
            let user = ByteString(bytes, index..<(index + userCount))
            let data = HearthBytes.copy(bytes, index + userCount, index + userCount + dataCount)
            records.append(PresenceRecord(user: user, data: data, joinedAt: joinedAt))
            index += userCount + dataCount
        }
        return records
    }
}

/// What the owner of a node is to do about presence.
package enum ClusterEffect {
    /// A user is in a room on one process more, or is shown with other data there.
    case joined(room: ByteString, PresenceRecord, isNew: Bool)
    /// A user is in a room on one process less.
    case left(room: ByteString, user: ByteString)
    /// Others are to know who is in the room here, all that listen or one process, and to answer the same.
    case tellRoom(ByteString, to: UInt64?, asks: Bool)
    /// All have answered, or the time is over.
    case answered(ClusterAnswer)
}

struct RemotePresence {
    private typealias Users = [ByteString: [UInt8]]

    /// By process and room.
    private var nodes: [UInt64: [ByteString: Users]] = [:]
    /// Users that a snapshot in several parts has named so far.
    private var named: [UInt64: [ByteString: Set<ByteString>]] = [:]
    private let countMax: Int
    private(set) var count = 0

    init(countMax: Int) { self.countMax = countMax }

    /// Returns whether it is new; nil: nothing has changed, or there are too many.
    mutating func join(_ node: UInt64, _ room: ByteString, _ record: PresenceRecord) -> Bool? {
        if let data = nodes[node]?[room]?[record.user] {
            if data == record.data { return nil }
            nodes[node]![room]![record.user] = record.data
            return false
        }
        if count >= countMax { return nil }
        count += 1
        nodes[node, default: [:]][room, default: [:]][record.user] = record.data
        return true
    }

    /// Returns whether it was there.
    mutating func leave(_ node: UInt64, _ room: ByteString, _ user: ByteString) -> Bool {
        guard nodes[node]?[room]?[user] != nil else { return false }
        nodes[node]![room]![user] = nil
        count -= 1
        if nodes[node]![room]!.isEmpty { nodes[node]![room] = nil }
        if nodes[node]!.isEmpty { nodes[node] = nil }
        return true
    }

    /// A part of all that a process has in a room. Returns who is not there any more, after the last part.
    mutating func name(
        _ node: UInt64, _ room: ByteString, _ users: [PresenceRecord], isFirst: Bool, isLast: Bool
    ) -> [ByteString] {
        if isFirst { named[node, default: [:]][room] = [] }
        for record in users { _ = named[node]?[room]?.insert(record.user) }
        guard isLast, let all = named[node]?[room] else { return [] }
        named[node]![room] = nil
        if named[node]!.isEmpty { named[node] = nil }
        var gone: [ByteString] = []
        for (user, _) in nodes[node]?[room] ?? [:] where !all.contains(user) { gone.append(user) }
        return gone
    }

    /// A process is gone. Returns who was where.
    mutating func remove(_ node: UInt64) -> [(room: ByteString, user: ByteString)] {
        var gone: [(room: ByteString, user: ByteString)] = []
        for (room, users) in nodes[node] ?? [:] { for (user, _) in users { gone.append((room, user)) } }
        nodes[node] = nil
        named[node] = nil
        count -= gone.count
        return gone
    }

    /// A room is nobody's business here any more. Returns who was in it, once for each process.
    mutating func remove(room: ByteString, among origins: [UInt64]) -> [ByteString] {
        var gone: [ByteString] = []
        for node in origins {
            for (user, _) in nodes[node]?[room] ?? [:] { gone.append(user) }
            nodes[node]?[room] = nil
            named[node]?[room] = nil
            if nodes[node]?.isEmpty ?? false { nodes[node] = nil }
        }
        count -= gone.count
        return gone
    }

    /// Processes that have told of somebody.
    var origins: [UInt64] { Array(nodes.keys) }
}
