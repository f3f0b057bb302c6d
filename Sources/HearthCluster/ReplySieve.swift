// What a server of Redis sends, before it is read as replies: strings above a limit are taken out where they
// lie, and an error that says so is put in their place. The reader behind it keeps no more of a
// string than a message of ours can have, whatever others publish on our channels.

internal import HearthBytes

package struct ReplySieve {
    package enum Step: Equatable {
        /// These bytes of the input go on.
        case pass(Range<Int>)
        /// `inserted` goes on.
        case insert
        /// The input is worked off.
        case end
        /// A length that is none.
        case broken
    }

    private enum State { case head, line, string, skipped }

    /// The text of the error in the place of a string that was taken out.
    package static var mark: StaticString { "SKIPPED" }
    private static var headBytesMax: Int { 24 }

    private let stringBytesMax: Int
    private var state = State.head
    /// Bytes of the string with its end.
    private var left = 0
    /// The beginning of a head that the input broke off in.
    private var held: [UInt8] = []
    package private(set) var inserted: [UInt8] = []

    package init(stringBytesMax: Int) { self.stringBytesMax = stringBytesMax }

    /// What to do with the input from `index` on, which is moved behind it.
    package mutating func next(_ bytes: borrowing Span<UInt8>, from index: inout Int) -> Step {
        let start = index
        while index < bytes.count {
            switch state {
            case .string:
                let count = min(left, bytes.count - index)
                index += count
                left -= count
                if left == 0 { state = .head }
            case .skipped:
                if index > start { return .pass(start..<index) }
                return skip(bytes, &index)
            case .line:
                guard let end = Self.lineEnd(bytes, index) else {
                    index = bytes.count
                    break
                }
                index = end
                state = .head
            case .head:
                if held.isEmpty, bytes[index] != UInt8(ascii: "$") {
                    state = .line
                } else if let step = readHead(bytes, from: start, &index) {
                    return step
                }
            }
        }
        return index > start ? .pass(start..<index) : .end
    }

    private mutating func skip(_ bytes: borrowing Span<UInt8>, _ index: inout Int) -> Step {
        let count = min(left, bytes.count - index)
        index += count
        left -= count
        if left == 0 { state = .head }
        return next(bytes, from: &index)
    }

    /// The head of a string: $, its length, and the end of the line. nil: it goes on with what is before it.
    private mutating func readHead(
        _ bytes: borrowing Span<UInt8>, from start: Int, _ index: inout Int
    ) -> Step? {
        let end = Self.lineEnd(bytes, index)
        if end != nil, held.isEmpty { return readWhole(bytes.extracting(index..<end!), from: start, &index) }
        if index > start { return .pass(start..<index) }
        // It is cut: its parts are put together.
        HearthBytes.append(bytes, index, end ?? bytes.count, to: &held)
        index = end ?? bytes.count
        if end == nil { return held.count > Self.headBytesMax ? .broken : .end }
        let head = held
        held = []
        inserted = head
        var none = 0
        return readWhole(head.span, from: 0, &none) ?? .insert
    }

    /// A whole one, which lies at `index`.
    private mutating func readWhole(
        _ head: borrowing Span<UInt8>, from start: Int, _ index: inout Int
    ) -> Step? {
        guard let count = Self.length(head) else { return .broken }
        if count > stringBytesMax {
            if index > start { return .pass(start..<index) }
            inserted = ascii("-") + ascii(Self.mark) + ascii(" ") + decimal(UInt64(count))
            inserted += ascii(" bytes\r\n")
            state = .skipped
        } else {
            state = count < 0 ? .head : .string
        }
        left = count + 2
        index += head.count
        return state == .skipped ? .insert : nil
    }

    /// The length in a head; below 0: there is no string.
    private static func length(_ head: borrowing Span<UInt8>) -> Int? {
        if head.count > headBytesMax || head.count < 4 { return nil }
        if head[1] == UInt8(ascii: "-") { return -1 }
        var number = 0
        for index in 1..<(head.count - 2) {
            if !(0x30...0x39 ~= head[index]) || number > 1 << 50 { return nil }
            number = number * 10 + Int(head[index] - 0x30)
        }
        return number
    }

    /// Behind the end of the line that begins there.
    private static func lineEnd(_ bytes: borrowing Span<UInt8>, _ start: Int) -> Int? {
        var index = start
        while index < bytes.count {
            index += 1
            if bytes[index - 1] == UInt8(ascii: "\n") { return index }
        }
        return nil
    }
}
