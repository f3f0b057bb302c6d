// Whether a text is JSON (RFC 8259), and nothing about what it means: messages that go into one array, and
// pings that are messages, need no more. The text is UTF-8 by other means.

package enum JSONText {
    /// Arrays and objects in each other; what is deeper is not taken for JSON.
    package static var depthMax: Int { 64 }

    package static func isValid(_ text: borrowing Span<UInt8>) -> Bool {
        var scanner = JSONScanner()
        while true {
            switch scanner.next(text) {
            case .end: return true
            case .invalid: return false
            default: break
            }
        }
    }

    /// Whether the text is an object with a member "type" that is "ping": what servers without control frames
    /// send and want answered. Not looked for in texts beyond 256 bytes.
    package static func isPing(_ text: borrowing Span<UInt8>) -> Bool {
        if text.count > 256 { return false }
        var scanner = JSONScanner()
        var isType = false
        var isPing = false
        while true {
            switch scanner.next(text) {
            case .end: return isPing
            case .invalid: return false
            case .key(let range):
                isType = scanner.depth == 1 && HTTPSyntax.equals(text, range, "\"type\"")
            case .string(let range):
                if isType, scanner.depth == 1 { isPing = HTTPSyntax.equals(text, range, "\"ping\"") }
                isType = false
            case .open, .other:
                if isType { isPing = false }
                isType = false
            case .close: break
            }
        }
    }

    package static var pong: StaticString { "{\"type\":\"pong\"}" }
}

/// Takes a text apart, one piece with each call.
struct JSONScanner {
    enum Piece: Equatable {
        /// With its quotation marks.
        case key(Range<Int>)
        case string(Range<Int>)
        /// A number, true, false or null.
        case other
        case open
        case close
        case end
        case invalid
    }

    private enum Awaited {
        case value, valueOrClose, key, keyOrClose, commaOrClose
    }

    private(set) var depth = 0
    private var index = 0
    private var awaited = Awaited.value
    /// Of each depth a bit: set for an object.
    private var objects: UInt64 = 0

    mutating func next(_ text: borrowing Span<UInt8>) -> Piece {
        skipSpace(text)
        if awaited == .commaOrClose {
            if depth == 0 { return index == text.count ? .end : .invalid }
            if index < text.count, text[index] == UInt8(ascii: ",") {
                index += 1
                skipSpace(text)
                awaited = isInObject ? .key : .value
            }
        }
        guard index < text.count else { return .invalid }
        switch text[index] {
        case UInt8(ascii: "}"), UInt8(ascii: "]"): return close(isObject: text[index] == UInt8(ascii: "}"))
        case UInt8(ascii: "\""): return takeString(text)
        default: break
        }
        guard awaited == .value || awaited == .valueOrClose else { return .invalid }
        switch text[index] {
        case UInt8(ascii: "{"): return open(isObject: true)
        case UInt8(ascii: "["): return open(isObject: false)
        case UInt8(ascii: "t"): return takeWord(text, "true")
        case UInt8(ascii: "f"): return takeWord(text, "false")
        case UInt8(ascii: "n"): return takeWord(text, "null")
        default: return takeNumber(text)
        }
    }

    private var isInObject: Bool { objects >> UInt64(depth - 1) & 1 == 1 }

    private mutating func skipSpace(_ text: borrowing Span<UInt8>) {
        while index < text.count {
            switch text[index] {
            case 0x20, 0x09, 0x0A, 0x0D: index += 1
            default: return
            }
        }
    }

    private mutating func open(isObject: Bool) -> Piece {
        if depth == JSONText.depthMax { return .invalid }
        let bit = UInt64(1) << UInt64(depth)
        objects = isObject ? objects | bit : objects & ~bit
        depth += 1
        index += 1
        awaited = isObject ? .keyOrClose : .valueOrClose
        return .open
    }

    private mutating func close(isObject: Bool) -> Piece {
        let mayClose = awaited == .commaOrClose || awaited == (isObject ? .keyOrClose : .valueOrClose)
        guard depth > 0, isInObject == isObject, mayClose else { return .invalid }
        depth -= 1
        index += 1
        awaited = .commaOrClose
        return .close
    }

    private mutating func takeString(_ text: borrowing Span<UInt8>) -> Piece {
        let start = index
        index += 1
        while index < text.count, text[index] != UInt8(ascii: "\"") {
            if text[index] < 0x20 { return .invalid }
            if text[index] == UInt8(ascii: "\\") {
                index += 1
                if !skipEscape(text) { return .invalid }
            } else {
                index += 1
            }
        }
        if index == text.count { return .invalid }
        index += 1
        let range = start..<index
        switch awaited {
        case .key, .keyOrClose:
            skipSpace(text)
            guard index < text.count, text[index] == UInt8(ascii: ":") else { return .invalid }
            index += 1
            awaited = .value
            return .key(range)
        case .value, .valueOrClose:
            awaited = .commaOrClose
            return .string(range)
        case .commaOrClose: return .invalid
        }
    }

    /// `index` is behind the backslash.
    private mutating func skipEscape(_ text: borrowing Span<UInt8>) -> Bool {
        guard index < text.count else { return false }
        switch text[index] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            index += 1
            return true
        case UInt8(ascii: "u"):
            guard index + 4 < text.count else { return false }
            for place in (index + 1)...(index + 4) where HTTPSyntax.hexadecimalValue(text[place]) == nil {
                return false
            }
            index += 5
            return true
        default: return false
        }
    }

    private mutating func takeWord(_ text: borrowing Span<UInt8>, _ word: StaticString) -> Piece {
        let end = index + word.utf8CodeUnitCount
        guard end <= text.count, HTTPSyntax.equals(text, index..<end, word) else { return .invalid }
        index = end
        awaited = .commaOrClose
        return .other
    }

    /// RFC 8259 6.
    private mutating func takeNumber(_ text: borrowing Span<UInt8>) -> Piece {
        if text[index] == UInt8(ascii: "-") { index += 1 }
        let start = index
        guard skipDigits(text) else { return .invalid }
        if text[start] == UInt8(ascii: "0"), index > start + 1 { return .invalid }
        if index < text.count, text[index] == UInt8(ascii: ".") {
            index += 1
            guard skipDigits(text) else { return .invalid }
        }
        if index < text.count, text[index] | 0x20 == UInt8(ascii: "e") {
            index += 1
            if index < text.count, text[index] == UInt8(ascii: "+") || text[index] == UInt8(ascii: "-") {
                index += 1
            }
            guard skipDigits(text) else { return .invalid }
        }
        awaited = .commaOrClose
        return .other
    }

    private mutating func skipDigits(_ text: borrowing Span<UInt8>) -> Bool {
        let start = index
        while index < text.count, HTTPSyntax.isDigit(text[index]) { index += 1 }
        return index > start
    }
}
