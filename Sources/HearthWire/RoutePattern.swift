// Which paths a route takes: "/rooms/{room}/{file*}". Segments are compared as they stand, escapes and all; a
// capture takes one segment that is not empty, a capture with a star the whole rest of the path.

package import HearthBytes

package struct RoutePatternError: Error, Equatable {
    /// The index of the byte that is wrong.
    package let position: Int
    package let sentence: StaticString

    package static func == (left: RoutePatternError, right: RoutePatternError) -> Bool {
        left.position == right.position
    }
}

package struct RoutePattern {
    private enum Segment {
        case literal([UInt8])
        case capture
        case rest
    }

    /// Of the captures, in the order in which they stand.
    package private(set) var names: [ByteString] = []
    private var segments: [Segment] = []

    /// There are captures.
    package var hasCaptures: Bool { !names.isEmpty }

    package static func parse(_ text: ByteString) throws(RoutePatternError) -> RoutePattern {
        let bytes = text.bytes
        var pattern = RoutePattern()
        guard bytes.first == UInt8(ascii: "/") else {
            throw RoutePatternError(position: 0, sentence: "a pattern begins with a slash")
        }
        var start = 1
        for index in 1...bytes.count where index == bytes.count || bytes[index] == UInt8(ascii: "/") {
            let segment = try pattern.readSegment(bytes, start..<index)
            if case .rest = segment, index < bytes.count {
                throw RoutePatternError(position: index, sentence: "nothing can follow a capture with a star")
            }
            pattern.segments.append(segment)
            start = index + 1
        }
        return pattern
    }

    /// Whether the path in `range` is the route's. `captures` then has where each capture lies, in the order
    /// of `names`.
    package func match(
        _ path: borrowing Span<UInt8>, _ range: Range<Int>, captures: inout [Range<Int>]
    ) -> Bool {
        captures.removeAll(keepingCapacity: true)
        if range.isEmpty || path[range.lowerBound] != UInt8(ascii: "/") { return false }
        var start = range.lowerBound + 1
        for index in 0..<segments.count {
            // The slash before this segment was the end of the one before, or there was none.
            if start > range.upperBound { return false }
            if case .rest = segments[index] {
                captures.append(start..<range.upperBound)
                return true
            }
            var end = start
            while end < range.upperBound, path[end] != UInt8(ascii: "/") { end += 1 }
            switch segments[index] {
            case .literal(let literal):
                if !Self.equals(literal, path, start..<end) { return false }
            case .capture, .rest:
                if start == end { return false }
                captures.append(start..<end)
            }
            start = end + 1
        }
        return start > range.upperBound
    }

    // MARK: Segments

    private mutating func readSegment(
        _ bytes: [UInt8], _ range: Range<Int>
    ) throws(RoutePatternError) -> Segment {
        guard range.count > 0, bytes[range.lowerBound] == UInt8(ascii: "{") else {
            try Self.checkLiteral(bytes, range)
            return .literal(Array(bytes[range]))
        }
        guard bytes[range.upperBound - 1] == UInt8(ascii: "}") else {
            throw RoutePatternError(
                position: range.upperBound - 1, sentence: "a capture is a whole segment and ends with }")
        }
        var name = (range.lowerBound + 1)..<(range.upperBound - 1)
        let takesRest = !name.isEmpty && bytes[name.upperBound - 1] == UInt8(ascii: "*")
        if takesRest { name = name.dropLast() }
        try Self.checkName(bytes, name)
        let captured = ByteString(Array(bytes[name]))
        if names.contains(captured) {
            throw RoutePatternError(position: name.lowerBound, sentence: "two captures have the same name")
        }
        names.append(captured)
        return takesRest ? .rest : .capture
    }

    private static func checkName(_ bytes: [UInt8], _ name: Range<Int>) throws(RoutePatternError) {
        if name.isEmpty {
            throw RoutePatternError(position: name.lowerBound, sentence: "a capture needs a name")
        }
        for index in name {
            switch bytes[index] {
            case 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "_"): break
            case 0x30...0x39 where index > name.lowerBound: break
            default:
                throw RoutePatternError(
                    position: index,
                    sentence: "a capture's name has letters, digits and _, and no digit first")
            }
        }
    }

    /// RFC 3986 3.3: what a segment of a path may have.
    private static func checkLiteral(_ bytes: [UInt8], _ range: Range<Int>) throws(RoutePatternError) {
        for index in range {
            switch bytes[index] {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: break
            case UInt8(ascii: "%"):
                guard index + 2 < range.upperBound, HTTPSyntax.hexadecimalValue(bytes[index + 1]) != nil,
                    HTTPSyntax.hexadecimalValue(bytes[index + 2]) != nil
                else {
                    throw RoutePatternError(position: index, sentence: "two hexadecimal digits follow a %")
                }
            case 0x21, 0x24, 0x26...0x2E, 0x3A, 0x3B, 0x3D, 0x40, 0x5F, 0x7E: break
            case UInt8(ascii: "{"), UInt8(ascii: "}"):
                throw RoutePatternError(position: index, sentence: "a capture is a whole segment: /{name}/")
            default:
                throw RoutePatternError(
                    position: index,
                    sentence: "a path cannot have this character: write it as % and two digits")
            }
        }
    }

    private static func equals(_ literal: [UInt8], _ path: borrowing Span<UInt8>, _ range: Range<Int>) -> Bool
    {
        if literal.count != range.count { return false }
        for index in 0..<literal.count where literal[index] != path[range.lowerBound + index] { return false }
        return true
    }
}
