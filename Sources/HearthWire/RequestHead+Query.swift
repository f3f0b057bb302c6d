// The query of a request: pairs of name and value with & between.

internal import HearthBytes

extension RequestHead {
    /// Where the values of the parameters of that name are, escapes as they came. `name` is as clients write
    /// it.
    package func forEachQueryValue(
        of name: [UInt8], in bytes: borrowing Span<UInt8>, _ body: (Range<Int>) -> Void
    ) {
        if name.isEmpty { return }
        var start = query.lowerBound
        while start < query.upperBound {
            var end = start
            while end < query.upperBound, bytes[end] != UInt8(ascii: "&") { end += 1 }
            let found = start..<min(end, start + name.count)
            let isPair = found.upperBound < end && bytes[found.upperBound] == UInt8(ascii: "=")
            if isPair, HTTPSyntax.equals(bytes, found, name) { body((found.upperBound + 1)..<end) }
            start = end + 1
        }
    }
}
