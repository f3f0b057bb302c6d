// The slots of a Redis Cluster: which one a name belongs to, and which server has it.

internal import HearthBytes
package import HearthWire

package struct SlotMap: Equatable {
    package static var slotCount: Int { 16384 }
    /// Redis itself advises against more.
    package static var serversMax: Int { 1000 }
    private static var nobody: UInt16 { UInt16.max }

    /// Those that have slots, each once.
    package private(set) var servers: [RedisAddress] = []
    /// Of each slot the index of its server.
    private var owners = [UInt16](repeating: nobody, count: slotCount)
    /// How many slots have no server.
    package private(set) var uncovered = slotCount

    /// What CLUSTER SLOTS answers: arrays of the first slot, the last one, the server that has them and its
    /// replicas. A server that does not know its own name is the one that was `asked`. nil: it is none.
    package init?(_ pieces: [ReplyPiece], asked: RedisAddress) {
        var cursor = PieceCursor(pieces)
        guard let rangeCount = cursor.takeArray() else { return nil }
        for _ in 0..<rangeCount {
            guard let parts = cursor.takeArray(), parts >= 3, let first = cursor.takeInteger(),
                let last = cursor.takeInteger(), 0 <= first, first <= last, last < Self.slotCount,
                let address = cursor.takeServer(asked)
            else { return nil }
            for _ in 3..<parts where !cursor.skip() { return nil }
            guard let owner = number(of: address) else { return nil }
            for slot in Int(first)...Int(last) {
                if owners[slot] != Self.nobody { return nil }
                owners[slot] = owner
                uncovered -= 1
            }
        }
    }

    private mutating func number(of address: RedisAddress) -> UInt16? {
        if let index = servers.firstIndex(of: address) { return UInt16(index) }
        if servers.count == Self.serversMax { return nil }
        servers.append(address)
        return UInt16(servers.count - 1)
    }

    /// The index of the server that has the name's slot.
    package func owner(of name: borrowing Span<UInt8>) -> Int? {
        let owner = owners[Self.slot(of: name)]
        return owner == Self.nobody ? nil : Int(owner)
    }

    /// A name that begins so and belongs to a server; nil: it has too few slots to find one.
    package func name(_ beginning: [UInt8], ownedBy server: Int) -> [UInt8]? {
        for number in 0..<(16 * Self.slotCount) {
            var name = beginning
            append(decimal: number, to: &name)
            if owner(of: name.span) == server { return name }
        }
        return nil
    }

    /// Of the part in the first braces, if there is something in them, else of the whole name.
    package static func slot(of name: borrowing Span<UInt8>) -> Int {
        var start = 0
        while start < name.count, name[start] != UInt8(ascii: "{") { start += 1 }
        var end = start + 1
        while end < name.count, name[end] != UInt8(ascii: "}") { end += 1 }
        if end >= name.count || end == start + 1 { return checksum(name, 0..<name.count) % slotCount }
        return checksum(name, (start + 1)..<end) % slotCount
    }

    /// CRC-16 with the polynomial 0x1021, from the high bit on.
    private static func checksum(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>) -> Int {
        var sum: UInt16 = 0
        for index in range {
            var high = sum >> 8 ^ UInt16(bytes[index])
            high ^= high >> 4
            sum = sum << 8 ^ high << 12 ^ high << 5 ^ high
        }
        return Int(sum)
    }
}

/// Reads the pieces of a reply in their order: an array stands before what is in it.
struct PieceCursor {
    private let pieces: [ReplyPiece]
    private var index = 0

    init(_ pieces: [ReplyPiece]) { self.pieces = pieces }

    mutating func take(_ kind: ReplyPiece.Kind) -> ReplyPiece? {
        if index == pieces.count || pieces[index].kind != kind { return nil }
        index += 1
        return pieces[index - 1]
    }

    mutating func takeInteger() -> Int64? { take(.integer)?.number }

    /// How many are in it. Each of them is a piece at least.
    mutating func takeArray() -> Int? {
        guard let count = take(.array)?.number, 0...Int64(pieces.count - index) ~= count else { return nil }
        return Int(count)
    }

    /// Passes over one value, with all that is in it.
    mutating func skip() -> Bool {
        var left = 1
        while left > 0 {
            if index == pieces.count { return false }
            left -= 1
            if pieces[index].kind == .array {
                // Each of what is in it is a piece.
                let count = pieces[index].number
                if count < 0 || count > Int64(pieces.count) { return false }
                left += Int(count)
            }
            index += 1
        }
        return true
    }

    /// The host, its port, and more.
    mutating func takeServer(_ asked: RedisAddress) -> RedisAddress? {
        guard let parts = takeArray(), parts >= 2 else { return nil }
        var host = asked.host
        if let text = take(.string)?.text {
            if text.count > 253 { return nil }
            // Redis 7 says so of a name that it was not told.
            if !text.isEmpty, text != [UInt8(ascii: "?")] { host = text }
        } else if take(.null) == nil {
            return nil
        }
        guard let number = takeInteger(), let port = UInt16(exactly: number), port > 0 else { return nil }
        for _ in 2..<parts where !skip() { return nil }
        return RedisAddress(host: host, port: port)
    }
}
