// Header fields that a program gives for its response: lines "Name: value", each ended by CR LF.

package enum HeaderBlock {
    /// Whether the block can go into a response as it is: well-formed, so that no value smuggles a line of
    /// its own, and without the fields that the library writes.
    package static func isSafe(_ block: borrowing Span<UInt8>) -> Bool {
        var start = 0
        while start < block.count {
            var colon = start
            while colon < block.count, HTTPSyntax.isTokenCharacter(block[colon]) { colon += 1 }
            if colon == start || colon == block.count || block[colon] != UInt8(ascii: ":") { return false }
            if isOurs(block, start..<colon) { return false }
            var end = colon + 1
            while end < block.count, HTTPSyntax.isValueCharacter(block[end]) { end += 1 }
            if end + 1 >= block.count || block[end] != 0x0D || block[end + 1] != 0x0A { return false }
            start = end + 2
        }
        return true
    }

    private static func isOurs(_ block: borrowing Span<UInt8>, _ name: Range<Int>) -> Bool {
        HTTPSyntax.matches(block, name, "content-length") || HTTPSyntax.matches(block, name, "connection")
            || HTTPSyntax.matches(block, name, "transfer-encoding") || HTTPSyntax.matches(block, name, "date")
    }
}
