// Questions to all processes of a cluster. The answers come past the events, so that a program gets them
// while it takes none.

internal import CHearth

/// What the processes of a cluster know together about a room or a user (docs/scaling.md).
public struct ClusterAnswer: Hashable, Sendable {
    /// Whether all processes were asked, or this one is alone, without `redis_url`.
    public enum Scope: String, Sendable { case local, cluster }

    public let scope: Scope
    public let connections: Int
    /// Of a room its users, of a user its rooms; each once.
    public let names: [String]
    /// The processes that have answered, and those that are known and have not in time.
    public let nodes: [String]
    public let missing: [String]
    /// Empty, or why this process is degraded: then there may be processes that it does not know.
    public let reason: String
    let isReady: Bool
}

extension Server {
    /// Asks all processes who is in a room. What is known when the time is over is the answer.
    public func ask(
        room: String, within timeout: Duration = .seconds(1)
    ) async throws(HearthError) -> ClusterAnswer {
        try await ask(HEARTH_SUBJECT_ROOM.rawValue, room, timeout)
    }

    /// Asks all processes about a user: how many connections, and in which rooms.
    public func ask(
        user: String, within timeout: Duration = .seconds(1)
    ) async throws(HearthError) -> ClusterAnswer {
        try await ask(HEARTH_SUBJECT_USER.rawValue, user, timeout)
    }

    /// Waits until messages reach the other processes, at once without `redis_url`. What is published before
    /// waits too (`maxBrokerPending`). An error if the server stops first, or the task is cancelled.
    public func ready() async throws(HearthError) {
        while true {
            // In parts, so that a cancelled task does not wait for ever.
            let answer = try await ask(HEARTH_SUBJECT_READY.rawValue, "", .seconds(1))
            if answer.isReady { return }
            if Task.isCancelled {
                throw HearthError(.state, detail: "the task was cancelled: \(answer.reason)")
            }
        }
    }

    private func ask(
        _ subject: UInt32, _ name: String, _ timeout: Duration
    ) async throws(HearthError) -> ClusterAnswer {
        let milliseconds = Int32(clamping: max(1, timeout.milliseconds))
        let number = try withText(name) { hearth_server_ask(handle.pointer, subject, $0, milliseconds) }
        if number < 0 { try check(Int32(clamping: number)) }
        guard let answer = await target.answers.wait(for: Int(number)) else {
            throw HearthError(.state, detail: "the server has stopped")
        }
        return answer
    }
}

/// Answers and those who wait for them, whichever comes first.
final class Answers: Sendable {
    private struct State {
        var waiting: [Int: CheckedContinuation<ClusterAnswer?, Never>] = [:]
        var early: [Int: ClusterAnswer] = [:]
        var isOver = false
    }

    private let state = Locked(State())

    func wait(for number: Int) async -> ClusterAnswer? {
        await withCheckedContinuation { continuation in
            let (isThere, answer) = state.withLock { state -> (Bool, ClusterAnswer?) in
                if let answer = state.early.removeValue(forKey: number) { return (true, answer) }
                if state.isOver { return (true, nil) }
                state.waiting[number] = continuation
                return (false, nil)
            }
            if isThere { continuation.resume(returning: answer) }
        }
    }

    func receive(_ number: Int, _ json: UnsafeRawBufferPointer) {
        var reader = AnswerReader(json)
        guard let answer = reader.read() else { return }
        let waiting = state.withLock { state -> CheckedContinuation<ClusterAnswer?, Never>? in
            if let waiting = state.waiting.removeValue(forKey: number) { return waiting }
            state.early[number] = answer
            return nil
        }
        waiting?.resume(returning: answer)
    }

    /// No more will come.
    func end() {
        let waiting = state.withLock { state in
            state.isOver = true
            defer { state.waiting = [:] }
            return state.waiting
        }
        for continuation in waiting.values { continuation.resume(returning: nil) }
    }
}

/// Reads the object of an answer: its values are numbers, strings and lists of strings.
struct AnswerReader {
    private let bytes: UnsafeRawBufferPointer
    private var at = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    mutating func read() -> ClusterAnswer? {
        var numbers: [String: Int] = [:]
        var texts: [String: String] = [:]
        var lists: [String: [String]] = [:]
        guard take("{") else { return nil }
        repeat {
            guard let key = string(), take(":") else { return nil }
            if let text = string() {
                texts[key] = text
            } else if let list = list() {
                lists[key] = list
            } else if let number = number() {
                numbers[key] = number
            } else if take("true") || take("false") {
                numbers[key] = bytes[at - 2] == UInt8(ascii: "u") ? 1 : 0
            } else {
                return nil
            }
        } while take(",")
        guard take("}"), let scope = ClusterAnswer.Scope(rawValue: texts["scope"] ?? "") else { return nil }
        return ClusterAnswer(
            scope: scope, connections: numbers["connections"] ?? 0,
            names: lists["users"] ?? lists["rooms"] ?? [], nodes: lists["nodes"] ?? [],
            missing: lists["missing"] ?? [], reason: texts["reason"] ?? "", isReady: numbers["ready"] == 1)
    }

    private mutating func take(_ word: String) -> Bool {
        let count = word.utf8.count
        guard bytes.count - at >= count, bytes[at..<(at + count)].elementsEqual(word.utf8) else {
            return false
        }
        at += count
        return true
    }

    private mutating func take(_ mark: Unicode.Scalar) -> Bool {
        guard at < bytes.count, bytes[at] == UInt8(ascii: mark) else { return false }
        at += 1
        return true
    }

    private mutating func number() -> Int? {
        var value: Int?
        while at < bytes.count, case 0x30...0x39 = bytes[at] {
            let (product, isTooLarge) = (value ?? 0).multipliedReportingOverflow(by: 10)
            let (sum, isTooMuch) = product.addingReportingOverflow(Int(bytes[at] - 0x30))
            if isTooLarge || isTooMuch { return nil }
            value = sum
            at += 1
        }
        return value
    }

    private mutating func list() -> [String]? {
        guard take("[") else { return nil }
        var list: [String] = []
        while let text = string() {
            list.append(text)
            if !take(",") { break }
        }
        return take("]") ? list : nil
    }

    private mutating func string() -> String? {
        guard take("\"") else { return nil }
        var text: [UInt8] = []
        while at < bytes.count {
            let byte = bytes[at]
            at += 1
            if byte == UInt8(ascii: "\"") { return String(decoding: text, as: UTF8.self) }
            if byte != UInt8(ascii: "\\") {
                text.append(byte)
            } else if !unescape(into: &text) {
                return nil
            }
        }
        return nil
    }

    private mutating func unescape(into text: inout [UInt8]) -> Bool {
        guard at < bytes.count else { return false }
        let mark = bytes[at]
        at += 1
        switch Unicode.Scalar(mark) {
        case "b": text.append(0x08)
        case "f": text.append(0x0C)
        case "n": text.append(0x0A)
        case "r": text.append(0x0D)
        case "t": text.append(0x09)
        case "u":
            guard bytes.count - at >= 4 else { return false }
            let digits = String(decoding: bytes[at..<(at + 4)], as: UTF8.self)
            guard let value = UInt32(digits, radix: 16), let scalar = Unicode.Scalar(value) else {
                return false
            }
            at += 4
            text += Array(String(Character(scalar)).utf8)
        default: text.append(mark)
        }
        return true
    }
}
