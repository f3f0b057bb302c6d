import HearthBytes
import HearthSession
import HearthWire
import Testing

/// The bytes of a text in hexadecimal, spaces ignored.
func hex(_ text: String) -> [UInt8] {
    let digits = Array(text.utf8.filter { $0 != UInt8(ascii: " ") })
    return stride(from: 0, to: digits.count, by: 2).map {
        UInt8(String(decoding: digits[$0...($0 + 1)], as: UTF8.self), radix: 16)!
    }
}

/// A frame as a client writes it, masked with 01020304.
func frame(_ opcode: UInt8, _ payload: [UInt8], isFinal: Bool = true) -> [UInt8] {
    precondition(payload.count < 126)
    let mask: [UInt8] = [1, 2, 3, 4]
    return [(isFinal ? 0x80 : 0) | opcode, 0x80 | UInt8(payload.count)] + mask
        + payload.enumerated().map { $0.element ^ mask[$0.offset % 4] }
}

func text(_ text: String, isFinal: Bool = true) -> [UInt8] { frame(1, Array(text.utf8), isFinal: isFinal) }

func pong(_ number: UInt64) -> [UInt8] { frame(10, bigEndian(number)) }

func close(_ code: UInt16, _ reason: String = "") -> [UInt8] {
    frame(8, [UInt8(code >> 8), UInt8(code & 0xFF)] + Array(reason.utf8))
}

func bigEndian(_ number: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) }
}

/// What came out of a session, with payloads copied.
enum Outcome: Equatable {
    case message(Opcode, [UInt8])
    case compressed(Opcode, [UInt8])
    case ping([UInt8])
    case pong
    case closeReceived(UInt16?, [UInt8])
    case closeAnswered(UInt16?)
    case failed(WireError, isFirst: Bool)
}

/// A session on virtual time: pings every 20 s of silence, 10 s for the answer, 5 s for a close.
final class World {
    static let interval: UInt64 = 20_000
    static let timeout: UInt64 = 10_000
    static let closeTimeout: UInt64 = 5_000
    static let start: UInt64 = 1_000

    var session: Session
    var limits: SessionLimits
    var now: UInt64
    private var spare: [UInt8] = []

    init(pingInterval: UInt64 = interval) {
        session = Session(now: Self.start)
        now = Self.start
        limits = SessionLimits(
            decoder: DecoderLimits(role: .server, maxMessageSize: 1 << 16, maxFragments: 100),
            pingInterval: pingInterval, pingTimeout: Self.timeout, closeTimeout: Self.closeTimeout)
    }

    var state: SessionState { session.state }
    var deadline: UInt64? { session.deadline(limits) }
    /// Of the last ping that was answered, microseconds; -1: none yet.
    var latency: Int64 = -1

    /// The bytes arrive in one piece.
    @discardableResult
    func receive(_ bytes: [UInt8]) -> [Outcome] { receive(bytes, [0..<bytes.count]) }

    /// The bytes arrive in these pieces. A pong is recorded at once.
    @discardableResult
    func receive(_ stream: [UInt8], _ pieces: [Range<Int>]) -> [Outcome] {
        var outcomes: [Outcome] = []
        for piece in pieces {
            var bytes = Array(stream[piece])
            var offset = 0
            session.noteReceived(now: now)
            while let outcome = next(&bytes, &offset) { outcomes.append(outcome) }
        }
        return outcomes
    }

    private func next(_ bytes: inout [UInt8], _ offset: inout Int) -> Outcome? {
        var span = bytes.mutableSpan
        let event = session.receive(&span, &offset, limits, spare: &spare)
        switch event {
        case .needMore: return nil
        case .message(let opcode, let body): return .message(opcode, payload(body, bytes))
        case .pingReceived(let body): return .ping(payload(body, bytes))
        case .compressed(let opcode, let body): return .compressed(opcode, payload(body, bytes))
        case .pongReceived:
            latency = session.recordPong(nanoseconds: now * 1_000_000)
            return .pong
        case .pongUnasked, .skipped: return next(&bytes, &offset)
        case .closeReceived(let code, let reason):
            return .closeReceived(code?.rawValue, payload(reason, bytes))
        case .closeAnswered(let code): return .closeAnswered(code?.rawValue)
        case .failed(let error, let isFirst): return .failed(error, isFirst: isFirst)
        }
    }

    private func payload(_ body: Body, _ bytes: [UInt8]) -> [UInt8] {
        switch body {
        case .inPlace(let range): Array(bytes[range])
        case .assembled: session.decoder.withAssembled { copy($0, 0, $0.count) }
        }
    }

    func close() -> Bool { session.close(now: now) }

    func end() { session.end() }

    /// Time passes, and nothing is due before it has.
    func pass(_ milliseconds: UInt64) { now += milliseconds }

    func tick() -> TickAction { session.tick(now: now, nanoseconds: now * 1_000_000, limits) }

    /// Time passes until the session wants to be called; what it then does.
    func tickWhenDue() -> TickAction {
        guard let deadline else { return .none }
        now = max(now, deadline)
        return tick()
    }
}
