import HearthBytes
import HearthHub
import HearthWire
import Testing

/// The plainest thing that does what an outbox does: whole frames in an array.
private struct ModelPeer {
    struct Waiting {
        let bytes: [UInt8]
        let isControl: Bool

        init(_ frame: Frame) {
            bytes = frame.bytes
            isControl = frame.opcode >= 8
        }
    }

    let policy: SlowConsumerPolicy
    let bytesMax: Int
    /// All bytes that the peer must have got; those up to `checked` were compared.
    var wire: [UInt8] = []
    var checked = 0
    var waiting: [Waiting] = []
    var waitingBytes = 0
    /// How many bytes of the first frame that waits are gone.
    var begun = 0
    var isBlocked = false
    var dropped = 0
    var accepted: UInt64 = 0
    var rooms: Set<String> = []
    var user: String?

    mutating func append(_ frame: Frame) -> AppendResult {
        let new = Waiting(frame)
        if waitingBytes > 0, waitingBytes + new.bytes.count > bytesMax {
            if !isBlocked { return .flushFirst }
            switch policy {
            case .close: return .tooSlow
            case .dropNewest: return drop()
            case .dropOldest: makeRoom(bytesMax - new.bytes.count)
            case .latest: makeRoom(0)
            }
            let fixed = begun > 0 ? waiting[0].bytes.count - begun : 0
            if waitingBytes + new.bytes.count > bytesMax, waitingBytes > fixed { return drop() }
        }
        waiting.append(new)
        waitingBytes += new.bytes.count
        accepted += 1
        return .queued
    }

    mutating func appendAlways(_ frame: Frame) {
        waiting.append(Waiting(frame))
        waitingBytes += waiting.last!.bytes.count
    }

    private mutating func drop() -> AppendResult {
        dropped += 1
        return .dropped
    }

    private mutating func makeRoom(_ target: Int) {
        var index = begun > 0 ? 1 : 0
        while waitingBytes > target, index < waiting.count {
            if waiting[index].isControl {
                index += 1
            } else {
                waitingBytes -= waiting.remove(at: index).bytes.count
                dropped += 1
            }
        }
    }

    /// Takes as much as `appetite` says.
    mutating func write(_ appetite: inout Int?) {
        if isBlocked { return }
        while let first = waiting.first {
            let taken = min(first.bytes.count - begun, appetite ?? .max)
            wire += first.bytes[begun..<(begun + taken)]
            waitingBytes -= taken
            appetite = appetite.map { $0 - taken }
            begun += taken
            if begun < first.bytes.count {
                isBlocked = true
                return
            }
            waiting.removeFirst()
            begun = 0
        }
    }
}

/// A hub and its model, to which the same is done.
private final class Simulation {
    let world = World()
    var random: SeededGenerator
    var peers: [Slot: ModelPeer] = [:]
    var appetites: [Slot: Int] = [:]
    var messages = 0
    var closed = 0
    var dropped = 0
    var delivered = 0
    let slots = Array(Slot(0)..<24)
    let rooms = (0..<8).map { "room \($0)" }
    let users = (0..<6).map { "user \($0)" }

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        world.piecesMax = [1, 2, 5, 64].randomElement(using: &random)!
    }

    private func any(_ names: [String]) -> String { names.randomElement(using: &random)! }

    /// No two messages are the same.
    private func message() -> Frame {
        messages += 1
        let size = [0, 10, 20, 50, 100, 110, 120, 200, 500, 1_000, 5_000, 33_000].randomElement(
            using: &random)!
        let number = Array("\(messages)".utf8)
        return Frame(
            .binary, number + Array(repeating: UInt8(truncatingIfNeeded: messages), count: size) + number)
    }

    func step() throws {
        let slot = slots.randomElement(using: &random)!
        guard peers[slot] != nil else { return open(slot) }
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<12: join(slot)
        case 12..<17: try leave(slot)
        case 17..<20: setUser(slot)
        case 20..<40: try send(slot)
        case 40..<60: try publish(slot)
        case 60..<66: ping(slot)
        case 66..<76: stall(slot)
        case 76..<88: feed(slot)
        case 88..<90: try close(slot)
        default: try endTurn()
        }
    }

    // MARK: Steps

    private func open(_ slot: Slot) {
        let policy = [SlowConsumerPolicy.close, .dropOldest, .dropNewest, .latest].randomElement(
            using: &random)!
        let bytesMax = [300, 5_000, 100_000].randomElement(using: &random)!
        peers[slot] = ModelPeer(policy: policy, bytesMax: bytesMax)
        world.open(slot, bytesMax: bytesMax, policy: policy)
    }

    private func join(_ slot: Slot) {
        let room = any(rooms)
        world.join(slot, room: room)
        peers[slot]!.rooms.insert(room)
    }

    private func leave(_ slot: Slot) throws {
        let room = any(rooms)
        try #require(world.leave(slot, room: room) == (peers[slot]!.rooms.remove(room) != nil))
    }

    private func setUser(_ slot: Slot) {
        let user = Bool.random(using: &random) ? any(users) : nil
        world.setUser(slot, user)
        peers[slot]!.user = user
    }

    private func send(_ slot: Slot) throws {
        let frame = message()
        let segment = world.encode(frame)
        let result = world.hub.append(segment, to: slot)
        try #require(result == peers[slot]!.append(frame))
        if result == .flushFirst || result == .tooSlow { try retry(slot, frame, segment) }
    }

    private func ping(_ slot: Slot) {
        let frame = Frame.pong("\(messages)")
        world.sendAlways(frame, to: slot)
        peers[slot]!.appendAlways(frame)
    }

    private func publish(_ sender: Slot) throws {
        let room = any(rooms)
        let frame = message()
        let except = Bool.random(using: &random) ? sender : nil
        let exceptUser = Int.random(in: 0..<4, using: &random) == 0 ? any(users) : nil
        let members = slots.filter { peers[$0]?.rooms.contains(room) ?? false }
        try #require(world.members(of: room) == Set(members))
        var expected = 0
        var full: [Slot] = []
        for member in members
        where member != except && (exceptUser == nil || peers[member]!.user != exceptUser) {
            switch peers[member]!.append(frame) {
            case .queued: expected += 1
            case .flushFirst, .tooSlow: full.append(member)
            case .dropped, .closed: break
            }
        }
        guard let number = world.find(room) else { return }
        let user = exceptUser.flatMap { world.hub.findUser(server: 0, Array($0.utf8).span) }
        let segment = world.encode(frame)
        try #require(
            world.hub.publish(segment, room: number, exceptSlot: except, exceptUser: user) == expected)
        try #require(Set(world.hub.overflowing) == Set(full))
        let overflowing = world.hub.overflowing
        world.hub.overflowing.removeAll()
        for member in overflowing { try retry(member, frame, segment) }
    }

    /// What a loop does for an outbox that was full.
    private func retry(_ slot: Slot, _ frame: Frame, _ segment: Segment) throws {
        peers[slot]!.write(&appetites[slot])
        world.flush(slot)
        let result = world.hub.append(segment, to: slot)
        try #require(result == peers[slot]!.append(frame))
        try #require(result != .flushFirst)
        if result == .tooSlow { try close(slot) }
    }

    private func stall(_ slot: Slot) {
        let appetite = Int.random(in: 0..<400, using: &random)
        world.appetite[slot] = appetite
        appetites[slot] = appetite
    }

    /// The peer reads, or a part.
    private func feed(_ slot: Slot) {
        let appetite = Bool.random(using: &random) ? nil : Int.random(in: 0..<20_000, using: &random)
        appetites[slot] = appetite
        peers[slot]!.isBlocked = false
        peers[slot]!.write(&appetites[slot])
        world.feed(slot, appetite)
    }

    private func endTurn() throws {
        for slot in slots where peers[slot] != nil { peers[slot]!.write(&appetites[slot]) }
        world.endTurn()
        for slot in slots where peers[slot] != nil { try check(slot) }
    }

    private func close(_ slot: Slot) throws {
        try check(slot)
        closed += 1
        dropped += peers[slot]!.dropped
        delivered += parse(world.wire[slot]!).frames.count
        world.close(slot)
        peers[slot] = nil
        appetites[slot] = nil
    }

    // MARK: Truth

    private func check(_ slot: Slot) throws {
        let peer = peers[slot]!
        try #require(world.wire[slot]!.count == peer.wire.count)
        let isWireRight = world.wire[slot]![peer.checked...] == peer.wire[peer.checked...]
        try #require(isWireRight)
        peers[slot]!.checked = peer.wire.count
        try #require(world.hub.waitingBytes(slot) == peer.waitingBytes)
        try #require(world.hub.sentCount(slot) == peer.accepted)
        try #require(world.hub.isBlocked(slot) == peer.isBlocked)
    }

    /// Everybody reads everything.
    func drain() throws {
        for slot in slots where peers[slot] != nil {
            appetites[slot] = nil
            peers[slot]!.isBlocked = false
            peers[slot]!.write(&appetites[slot])
            world.feed(slot)
        }
        try endTurn()
        for slot in slots where peers[slot] != nil {
            try #require(world.hub.waitingBytes(slot) == 0)
            try #require(world.hub.takeDropped(slot) == peers[slot]!.dropped)
            let received = world.received(slot)
            let messages = received.frames.filter { $0.opcode == Opcode.binary.rawValue }
            try #require(received.rest == 0)
            try #require(Set(messages).count == messages.count)
        }
    }
}

@Suite("Simulation")
struct SimulationTests {
    @Test(
        "each member gets each message once and in order, or the policy counts it",
        arguments: 1...12 as ClosedRange<UInt64>)
    func hubIsTheModel(seed: UInt64) throws {
        let simulation = Simulation(seed: seed)
        for _ in 0..<3_000 { try simulation.step() }
        try simulation.drain()
        // The run met what it is for.
        #expect(simulation.messages > 1_000)
        #expect(simulation.closed > 10)
        #expect(simulation.delivered > 100)
        #expect(simulation.dropped > 0)
    }
}
