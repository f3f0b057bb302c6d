import HearthBytes
import HearthHub
import HearthWire
import Testing

typealias Slot = UInt32

/// What a peer got.
struct Frame: Hashable {
    let opcode: UInt8
    let payload: [UInt8]

    init(_ opcode: Opcode, _ payload: [UInt8]) {
        self.opcode = opcode.rawValue
        self.payload = payload
    }

    static func text(_ text: String) -> Frame { Frame(.text, Array(text.utf8)) }
    static func pong(_ text: String) -> Frame { Frame(.pong, Array(text.utf8)) }

    /// As it goes over the wire.
    var bytes: [UInt8] {
        let count = payload.count
        let length: [UInt8] =
            count < 126
            ? [UInt8(count)]
            : count <= 0xFFFF
                ? [126, UInt8(count >> 8), UInt8(count & 0xFF)]
                : [127] + (0..<8).map { UInt8(truncatingIfNeeded: count >> (56 - 8 * $0)) }
        return [0x80 | opcode] + length + payload
    }
}

/// A hub with a loop's half of the contract: it writes to peers that take as many bytes as they are told to.
final class World {
    let hub = Hub(seed: (1, 2))
    /// What each peer has taken.
    private(set) var wire: [Slot: [UInt8]] = [:]
    /// How much each peer will still take; nil: everything.
    var appetite: [Slot: Int] = [:]
    /// How many pieces one write takes at most.
    var piecesMax = 64

    init(servers: Int = 1) { for server in 0..<servers { hub.addServer(server) } }

    // MARK: Connections and rooms

    func open(
        _ slots: Slot..., server: Int = 0, bytesMax: Int = 1 << 20, policy: SlowConsumerPolicy = .close
    ) {
        for slot in slots {
            hub.open(slot, server: server, bytesMax: bytesMax, policy: policy)
            hub.startMessages(slot)
            wire[slot] = []
        }
    }

    func close(_ slot: Slot) {
        while let room = hub.anyRoom(slot) { _ = hub.leave(slot, room: room) }
        hub.setUser(slot, nil)
        hub.stopMessages(slot)
        hub.close(slot)
        appetite[slot] = nil
    }

    @discardableResult
    func join(_ slots: Slot..., room: String, roomsMax: Int = 0) -> [String] {
        slots.map { slot in
            switch hub.join(slot, room: ByteString(Array(room.utf8)), roomsMax: roomsMax) {
            case .joined: "joined"
            case .alreadyThere: "already there"
            case .limitReached: "limit reached"
            }
        }
    }

    @discardableResult
    func leave(_ slot: Slot, room: String) -> Bool { find(room).map { hub.leave(slot, room: $0) } ?? false }

    func find(_ room: String, server: Int = 0) -> UInt32? {
        hub.findRoom(server: server, Array(room.utf8).span)
    }

    func members(of room: String, server: Int = 0) -> Set<Slot> {
        guard let room = find(room, server: server) else { return [] }
        return Set((0..<hub.memberCount(room)).map { hub.member(room, at: $0) })
    }

    func rooms(of slot: Slot) -> Set<String> {
        var rooms: Set<String> = []
        hub.forEachRoom(slot) {
            rooms.insert(String(decoding: hub.roomName($0).bytes, as: UTF8.self))
            return true
        }
        return rooms
    }

    func setUser(_ slot: Slot, _ name: String?) { hub.setUser(slot, name.map { ByteString(Array($0.utf8)) }) }

    func user(of slot: Slot) -> String? {
        hub.user(of: slot).map { String(decoding: hub.userName($0).bytes, as: UTF8.self) }
    }

    func connections(of user: String, server: Int = 0) -> Set<Slot> {
        guard let user = hub.findUser(server: server, Array(user.utf8).span) else { return [] }
        return Set((0..<hub.connectionCount(user: user)).map { hub.connection(user: user, at: $0) })
    }

    // MARK: Messages

    func encode(_ frame: Frame) -> Segment {
        frame.payload.withUnsafeBufferPointer { hub.encode(Opcode(rawValue: frame.opcode)!, $0) }
    }

    @discardableResult
    func send(_ frame: Frame, to slot: Slot) -> AppendResult { hub.append(encode(frame), to: slot) }

    @discardableResult
    func send(_ text: String, to slot: Slot) -> AppendResult { send(.text(text), to: slot) }

    /// A control frame.
    func sendAlways(_ frame: Frame, to slot: Slot) { hub.appendAlways(encode(frame), to: slot) }

    @discardableResult
    func publish(_ text: String, room: String, except slot: Slot? = nil, exceptUser: String? = nil) -> Int {
        publish(.text(text), room: room, except: slot, exceptUser: exceptUser)
    }

    @discardableResult
    func publish(_ frame: Frame, room: String, except slot: Slot? = nil, exceptUser: String? = nil) -> Int {
        guard let room = find(room) else { return 0 }
        let user = exceptUser.flatMap { hub.findUser(server: 0, Array($0.utf8).span) }
        return hub.publish(encode(frame), room: room, exceptSlot: slot, exceptUser: user)
    }

    // MARK: Writing

    /// Writes as much as the peers take, and ends the turn. What was not copied in time is overwritten.
    func endTurn() {
        while let slot = hub.nextDirty() { flush(slot) }
        hub.arena.endTurn()
        for _ in 0..<2 { overwrite(hub.arena) }
        hub.arena.endTurn()
    }

    func flush(_ slot: Slot) {
        if hub.isBlocked(slot) { return hub.keep(slot) }
        if let piece = hub.singlePiece(slot) { return write([piece], to: slot) }
        while !hub.isBlocked(slot) {
            let pieces = pieces(slot)
            if pieces.isEmpty { return }
            write(pieces, to: slot)
        }
    }

    /// What waits, as it would be given to the system.
    func pieces(_ slot: Slot) -> [Piece] {
        var pieces = [Piece](repeating: Piece(base: nil, count: 0), count: piecesMax)
        let count = pieces.withUnsafeMutableBufferPointer { hub.gather(slot, into: $0) }
        return Array(pieces[..<count])
    }

    private func write(_ pieces: [Piece], to slot: Slot) {
        let count = pieces.reduce(0) { $0 + $1.count }
        let taken = min(count, appetite[slot] ?? .max)
        var left = taken
        for piece in pieces {
            wire[slot]!.append(
                contentsOf: UnsafeRawBufferPointer(start: piece.base, count: min(left, piece.count)))
            left -= min(left, piece.count)
        }
        if let appetite = appetite[slot] { self.appetite[slot] = appetite - taken }
        if taken == hub.waitingBytes(slot) { return hub.sentAll(slot) }
        hub.sentPart(slot, count: taken)
        if taken == count { hub.unblock(slot) }
    }

    /// The peer takes `count` more bytes, or everything, and the system says that it can be written to.
    func feed(_ slot: Slot, _ count: Int? = nil) {
        appetite[slot] = count
        hub.unblock(slot)
        flush(slot)
    }

    /// The frames that the peer has got, whole ones; `rest`: the bytes of one that is not whole.
    func received(_ slot: Slot) -> (frames: [Frame], rest: Int) { parse(wire[slot] ?? []) }
}

private let junk = [UInt8](repeating: 0xEE, count: FrameArena.largeBytesMin)

/// Takes memory of an arena and fills it with what nobody wrote.
func overwrite(_ arena: FrameArena) {
    let (_, place) = arena.reserve(junk.count)
    junk.withUnsafeBufferPointer { place.update(from: $0.baseAddress!, count: $0.count) }
}

/// Reads a server's frames.
func parse(_ bytes: [UInt8]) -> (frames: [Frame], rest: Int) {
    var frames: [Frame] = []
    var index = 0
    while index + 2 <= bytes.count {
        let short = Int(bytes[index + 1])
        let lengthCount = short < 126 ? 0 : short == 126 ? 2 : 8
        let start = index + 2 + lengthCount
        guard start <= bytes.count, let opcode = Opcode(rawValue: bytes[index] & 0x0F),
            bytes[index] & 0xF0 == 0x80
        else { break }
        let count = lengthCount == 0 ? short : bytes[(index + 2)..<start].reduce(0) { $0 << 8 | Int($1) }
        if start + count > bytes.count { break }
        frames.append(Frame(opcode, Array(bytes[start..<(start + count)])))
        index = start + count
    }
    return (frames, bytes.count - index)
}

/// Expects the peer to have got these frames and nothing else.
func expectReceived(
    _ world: World, _ slot: Slot, _ frames: [Frame], sourceLocation: SourceLocation = #_sourceLocation
) {
    let received = world.received(slot)
    #expect(received.frames == frames, sourceLocation: sourceLocation)
    #expect(received.rest == 0, sourceLocation: sourceLocation)
}

/// SplitMix64, so that a run can be repeated from its seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
