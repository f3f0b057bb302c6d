/// Texts of the table beside the bytes that users write.
extension StaticString {
    var bytes: [UInt8] {
        withUTF8Buffer { unsafe Array($0) }
    }
}

extension Collection<UInt8> {
    func isEqual(to text: StaticString) -> Bool {
        text.withUTF8Buffer { unsafe $0.elementsEqual(self) }
    }
}

extension BidirectionalCollection<UInt8> {
    var withoutSpacesAround: [UInt8] {
        var rest = self[...]
        while let first = rest.first, first == 0x20 || first == 0x09 { rest = rest.dropFirst() }
        while let last = rest.last, last == 0x20 || last == 0x09 { rest = rest.dropLast() }
        return Array(rest)
    }
}
