// JSON (RFC 8259), checked and measured where it lies: no tree is built and nothing is allocated. The bytes
// are UTF-8 that was checked before, so a string ends at a quotation mark and nothing else needs to be looked
// at.

internal import HearthBytes

package enum JSONFault: Error, Equatable {
    /// No JSON text can go on with the byte at this place, or it ends there too early.
    case malformed(at: Int)
    /// More arrays and objects inside of each other than allowed.
    case tooDeep
}

package enum JSONScanner {
    /// Arrays and objects that may be inside of each other, at the most that can be asked for.
    package static var depthLimit: Int { 64 }

    /// Throws unless the bytes are one value with nothing but white space around it.
    package static func check(_ bytes: borrowing Span<UInt8>, depthMax: Int) throws(JSONFault) {
        var index = 0
        skipSpace(bytes, &index)
        try skipValue(bytes, &index, depth: 0, depthMax: depthMax)
        try expectEnd(bytes, index)
    }

    /// Throws unless only white space is left.
    static func expectEnd(_ bytes: borrowing Span<UInt8>, _ index: Int) throws(JSONFault) {
        var index = index
        skipSpace(bytes, &index)
        if index < bytes.count { throw .malformed(at: index) }
    }

    @inline(__always)
    package static func skipSpace(_ bytes: borrowing Span<UInt8>, _ index: inout Int) {
        while index < bytes.count {
            switch bytes[index] {
            case 0x20, 0x0A, 0x0D, 0x09: index &+= 1
            default: return
            }
        }
    }

    /// Moves the index from the first byte of a value behind its last. `depth`: arrays and objects around it.
    package static func skipValue(
        _ bytes: borrowing Span<UInt8>, _ index: inout Int, depth: Int, depthMax: Int
    ) throws(JSONFault) {
        // One bit for each array (0) or object (1) that is open, the innermost last.
        var open: UInt64 = 0
        var count = 0
        let countMax = min(depthMax, depthLimit) - depth
        while true {
            let byte = index < bytes.count ? bytes[index] : 0
            if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
                if count >= countMax { throw .tooDeep }
                let isObject = byte == UInt8(ascii: "{")
                index &+= 1
                skipSpace(bytes, &index)
                if index < bytes.count, bytes[index] == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
                    index &+= 1
                } else {
                    open = open << 1 | (isObject ? 1 : 0)
                    count &+= 1
                    if isObject { try skipName(bytes, &index) }
                    continue
                }
            } else {
                try skipScalar(bytes, &index, byte)
            }
            if try !skipEnds(bytes, &index, &open, &count) { return }
        }
    }

    /// Behind a value: closes what ends here, up to the comma behind which another value comes. False: the
    /// outermost value has ended.
    @inline(__always)
    private static func skipEnds(
        _ bytes: borrowing Span<UInt8>, _ index: inout Int, _ open: inout UInt64, _ count: inout Int
    ) throws(JSONFault) -> Bool {
        while count > 0 {
            skipSpace(bytes, &index)
            guard index < bytes.count else { throw .malformed(at: index) }
            let byte = bytes[index]
            let isObject = open & 1 == 1
            if byte == UInt8(ascii: ",") {
                index &+= 1
                skipSpace(bytes, &index)
                if isObject { try skipName(bytes, &index) }
                return true
            }
            guard byte == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
                throw .malformed(at: index)
            }
            index &+= 1
            open >>= 1
            count &-= 1
        }
        return false
    }

    /// The name of a member with its colon and the white space around that.
    @inline(__always)
    static func skipName(_ bytes: borrowing Span<UInt8>, _ index: inout Int) throws(JSONFault) {
        guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") else { throw .malformed(at: index) }
        try skipString(bytes, &index)
        skipSpace(bytes, &index)
        guard index < bytes.count, bytes[index] == UInt8(ascii: ":") else { throw .malformed(at: index) }
        index &+= 1
        skipSpace(bytes, &index)
    }

    // MARK: Values without parts

    @inline(__always)
    private static func skipScalar(
        _ bytes: borrowing Span<UInt8>, _ index: inout Int, _ first: UInt8
    ) throws(JSONFault) {
        switch first {
        case UInt8(ascii: "\""): try skipString(bytes, &index)
        case UInt8(ascii: "-"), 0x30...0x39: try skipNumber(bytes, &index)
        case UInt8(ascii: "t"): try skipWord("true", bytes, &index)
        case UInt8(ascii: "f"): try skipWord("false", bytes, &index)
        case UInt8(ascii: "n"): try skipWord("null", bytes, &index)
        default: throw .malformed(at: min(index, bytes.count))
        }
    }

    private static func skipWord(
        _ word: StaticString, _ bytes: borrowing Span<UInt8>, _ index: inout Int
    ) throws(JSONFault) {
        for offset in 0..<word.utf8CodeUnitCount {
            // The offset is below the length of the word.
            let expected = unsafe word.utf8Start[offset]
            guard index < bytes.count, bytes[index] == expected else { throw .malformed(at: index) }
            index &+= 1
        }
    }

    /// RFC 8259 6: no leading zeros, digits on both sides of the point.
    private static func skipNumber(_ bytes: borrowing Span<UInt8>, _ index: inout Int) throws(JSONFault) {
        if bytes[index] == UInt8(ascii: "-") { index &+= 1 }
        if index < bytes.count, bytes[index] == UInt8(ascii: "0") {
            index &+= 1
        } else {
            try skipDigits(bytes, &index)
        }
        if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
            index &+= 1
            try skipDigits(bytes, &index)
        }
        if index < bytes.count, bytes[index] | 0x20 == UInt8(ascii: "e") {
            index &+= 1
            if index < bytes.count, bytes[index] == UInt8(ascii: "+") || bytes[index] == UInt8(ascii: "-") {
                index &+= 1
            }
            try skipDigits(bytes, &index)
        }
    }

    /// At least one.
    private static func skipDigits(_ bytes: borrowing Span<UInt8>, _ index: inout Int) throws(JSONFault) {
        let start = index
        while index < bytes.count, (0x30...0x39).contains(bytes[index]) { index &+= 1 }
        if index == start { throw .malformed(at: index) }
    }

    // MARK: Strings

    /// Moves the index from the opening quotation mark behind the closing one.
    package static func skipString(
        _ bytes: borrowing Span<UInt8>, _ index: inout Int
    ) throws(JSONFault) {
        index &+= 1
        while true {
            skipPlain(bytes, &index)
            guard index < bytes.count else { throw .malformed(at: index) }
            switch bytes[index] {
            case UInt8(ascii: "\""):
                index &+= 1
                return
            case UInt8(ascii: "\\"): try skipEscape(bytes, &index)
            default: throw .malformed(at: index)
            }
        }
    }

    private static func skipEscape(_ bytes: borrowing Span<UInt8>, _ index: inout Int) throws(JSONFault) {
        index &+= 1
        guard index < bytes.count else { throw .malformed(at: index) }
        switch bytes[index] {
        case 0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74: index &+= 1
        case UInt8(ascii: "u"):
            index &+= 1
            for _ in 0..<4 {
                guard index < bytes.count, hexadecimal(bytes[index]) != nil else {
                    throw .malformed(at: index)
                }
                index &+= 1
            }
        default: throw .malformed(at: index)
        }
    }

    static func hexadecimal(_ byte: UInt8) -> UInt32? {
        switch byte {
        case 0x30...0x39: UInt32(byte - 0x30)
        case 0x41...0x46: UInt32(byte - 0x37)
        case 0x61...0x66: UInt32(byte - 0x57)
        default: nil
        }
    }

    /// To the first byte that means something inside of a string: a quotation mark, a backslash, or a control
    /// character, which may not be there.
    @inline(__always)
    private static func skipPlain(_ bytes: borrowing Span<UInt8>, _ index: inout Int) {
        let raw = unsafe bytes.bytes
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        while index &+ 8 <= bytes.count {
            // The load ends at the end of the bytes or before.
            let word = unsafe raw.unsafeLoadUnaligned(fromUncheckedByteOffset: index, as: UInt64.self)
            let quote = word ^ (ones &* 0x22)
            let escape = word ^ (ones &* 0x5C)
            let found =
                (quote &- ones) & ~quote | (escape &- ones) & ~escape | (word &- ones &* 0x20) & ~word
            if found & highs != 0 { break }
            index &+= 8
        }
        while index < bytes.count {
            let byte = bytes[index]
            if byte == 0x22 || byte == 0x5C || byte < 0x20 { return }
            index &+= 1
        }
    }
}

/// One member of an object: its name between the quotation marks, and its value.
package struct JSONMember {
    package let name: Range<Int>
    package let value: Range<Int>
}

/// Walks the members of an object in order, checking on the way.
package struct JSONMembers {
    package private(set) var index: Int
    private let depth: Int
    private let depthMax: Int
    private var isFirst = true

    /// `start` is the place of the opening brace, `depth` how many arrays and objects are around it.
    package init(at start: Int, depth: Int, depthMax: Int) {
        index = start + 1
        self.depth = depth
        self.depthMax = depthMax
    }

    /// The next member; nil: the object has ended, and `index` is behind it.
    package mutating func next(_ bytes: borrowing Span<UInt8>) throws(JSONFault) -> JSONMember? {
        if depth >= min(depthMax, JSONScanner.depthLimit) { throw .tooDeep }
        JSONScanner.skipSpace(bytes, &index)
        guard index < bytes.count else { throw .malformed(at: index) }
        if bytes[index] == UInt8(ascii: "}") {
            index += 1
            return nil
        }
        if !isFirst {
            guard bytes[index] == UInt8(ascii: ",") else { throw .malformed(at: index) }
            index += 1
            JSONScanner.skipSpace(bytes, &index)
        }
        isFirst = false
        let nameStart = index + 1
        guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") else { throw .malformed(at: index) }
        try JSONScanner.skipString(bytes, &index)
        let name = nameStart..<(index - 1)
        JSONScanner.skipSpace(bytes, &index)
        guard index < bytes.count, bytes[index] == UInt8(ascii: ":") else { throw .malformed(at: index) }
        index += 1
        JSONScanner.skipSpace(bytes, &index)
        let start = index
        try JSONScanner.skipValue(bytes, &index, depth: depth + 1, depthMax: depthMax)
        return JSONMember(name: name, value: start..<index)
    }
}
