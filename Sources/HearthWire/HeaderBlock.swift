// Header fields that a program gives for its response or request: lines "Name: value", each ended by CR LF.

package enum HeaderBlock {
    /// Whether the block can go into a response as it is: well-formed, so that no value smuggles a line of
    /// its own, and without the fields that the library writes.
    package static func isSafe(_ block: borrowing Span<UInt8>) -> Bool {
        var start = 0
        while start < block.count {
            guard let line = line(block, from: start), !isOurs(block, line.name) else { return false }
            start = line.end
        }
        return true
    }

    /// The same of a client's request.
    package static func isSafeRequest(_ block: borrowing Span<UInt8>) -> Bool {
        var start = 0
        while start < block.count {
            guard let line = line(block, from: start), !isOursInRequest(block, line.name) else {
                return false
            }
            start = line.end
        }
        return true
    }

    /// Whether a block that is safe has a field of that name, which is in lower case.
    package static func contains(_ block: borrowing Span<UInt8>, _ name: StaticString) -> Bool {
        var start = 0
        while start < block.count {
            guard let line = line(block, from: start) else { return false }
            if HTTPSyntax.matches(block, line.name, name) { return true }
            start = line.end
        }
        return false
    }

    /// nil: what begins at `start` is no field.
    private static func line(
        _ block: borrowing Span<UInt8>, from start: Int
    ) -> (name: Range<Int>, end: Int)? {
        var colon = start
        while colon < block.count, HTTPSyntax.isTokenCharacter(block[colon]) { colon += 1 }
        if colon == start || colon == block.count || block[colon] != UInt8(ascii: ":") { return nil }
        var end = colon + 1
        while end < block.count, HTTPSyntax.isValueCharacter(block[end]) { end += 1 }
        if end + 1 >= block.count || block[end] != 0x0D || block[end + 1] != 0x0A { return nil }
        return (start..<colon, end + 2)
    }

    private static func isOurs(_ block: borrowing Span<UInt8>, _ name: Range<Int>) -> Bool {
        HTTPSyntax.matches(block, name, "content-length") || HTTPSyntax.matches(block, name, "connection")
            || HTTPSyntax.matches(block, name, "transfer-encoding") || HTTPSyntax.matches(block, name, "date")
    }

    private static func isOursInRequest(_ block: borrowing Span<UInt8>, _ name: Range<Int>) -> Bool {
        HTTPSyntax.matches(block, name, "content-length") || HTTPSyntax.matches(block, name, "connection")
            || HTTPSyntax.matches(block, name, "transfer-encoding")
            || HTTPSyntax.matches(block, name, "upgrade")
            || HTTPSyntax.matches(block, name, "sec-websocket-key")
            || HTTPSyntax.matches(block, name, "sec-websocket-version")
            || HTTPSyntax.matches(block, name, "sec-websocket-protocol")
            || HTTPSyntax.matches(block, name, "sec-websocket-extensions")
    }
}
