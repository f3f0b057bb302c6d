// The Cookie field of a request (RFC 6265 5.4): name=value pairs, separated by semicolons.

package enum Cookies {
    /// Calls `body` with where the value of each cookie of that name lies, without its quotation marks, in
    /// the order in which the peer sent them. Names are compared with their case. A pair without a name or an
    /// equals sign is nobody's.
    package static func forEachValue(
        of name: [UInt8], in bytes: borrowing Span<UInt8>, _ field: Range<Int>, _ body: (Range<Int>) -> Void
    ) {
        var start = field.lowerBound
        while start < field.upperBound {
            var end = start
            while end < field.upperBound, bytes[end] != UInt8(ascii: ";") { end += 1 }
            var equals = start
            while equals < end, bytes[equals] != UInt8(ascii: "=") { equals += 1 }
            if equals < end, isName(HTTPSyntax.trim(bytes, start..<equals), bytes, name) {
                body(unquoted(HTTPSyntax.trim(bytes, (equals + 1)..<end), bytes))
            }
            start = end + 1
        }
    }

    private static func isName(
        _ range: Range<Int>, _ bytes: borrowing Span<UInt8>, _ name: [UInt8]
    ) -> Bool {
        if range.count != name.count || name.isEmpty { return false }
        for index in 0..<name.count where bytes[range.lowerBound + index] != name[index] { return false }
        return true
    }

    private static func unquoted(_ range: Range<Int>, _ bytes: borrowing Span<UInt8>) -> Range<Int> {
        let quote = UInt8(ascii: "\"")
        if range.count >= 2, bytes[range.lowerBound] == quote, bytes[range.upperBound - 1] == quote {
            return (range.lowerBound + 1)..<(range.upperBound - 1)
        }
        return range
    }
}
