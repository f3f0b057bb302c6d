// Where the fields of a head lie (RFC 9112 5).

package struct HeadField {
    private var nameStart, nameEnd, valueStart, valueEnd: UInt32

    init(name: Range<Int>, value: Range<Int>) {
        nameStart = UInt32(name.lowerBound)
        nameEnd = UInt32(name.upperBound)
        valueStart = UInt32(value.lowerBound)
        valueEnd = UInt32(value.upperBound)
    }

    /// nil: the line has no name that is a token, or white space between it and the colon (RFC 9112 5.1).
    init?(_ bytes: borrowing Span<UInt8>, line: Range<Int>) {
        let colon = HTTPSyntax.find(UInt8(ascii: ":"), bytes, line)
        if colon == line.upperBound || !HTTPSyntax.isToken(bytes, line.lowerBound..<colon) { return nil }
        self.init(
            name: line.lowerBound..<colon, value: HTTPSyntax.trim(bytes, (colon + 1)..<line.upperBound))
    }

    package var name: Range<Int> { Int(nameStart)..<Int(nameEnd) }
    package var value: Range<Int> { Int(valueStart)..<Int(valueEnd) }
}

extension Array<HeadField> {
    /// The value of the first field of that name, which is in lower case.
    func value(of name: StaticString, in bytes: borrowing Span<UInt8>) -> Range<Int>? {
        for index in 0..<count where HTTPSyntax.matches(bytes, self[index].name, name) {
            return self[index].value
        }
        return nil
    }

    /// Calls `body` with each item of the lists that all fields of that name make together (RFC 9110 5.3).
    func forEachListItem(
        of name: StaticString, in bytes: borrowing Span<UInt8>, _ body: (Range<Int>) -> Void
    ) {
        for index in 0..<count where HTTPSyntax.matches(bytes, self[index].name, name) {
            var rest = self[index].value
            while let item = HTTPSyntax.takeItem(bytes, &rest) { body(item) }
        }
    }
}
