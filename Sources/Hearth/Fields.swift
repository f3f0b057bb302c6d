// Lists of names and values, in the order in which they came.

/// Header fields, captures of a route, or parameters of a query.
public struct Fields: Sendable, RandomAccessCollection {
    public typealias Element = (name: String, value: String)

    private let elements: [Element]

    init(_ elements: [Element]) {
        self.elements = elements
    }

    /// A list of the form name NUL value NUL.
    init(list: UnsafeBufferPointer<UInt8>) {
        var elements: [Element] = []
        var texts = list.split(separator: 0, omittingEmptySubsequences: false).makeIterator()
        while let name = texts.next(), let value = texts.next() {
            elements.append((String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self)))
        }
        self.elements = elements
    }

    /// The parameters of a query string, percent-decoded; "+" is a space.
    init(query: String) {
        elements = query.utf8.split(separator: UInt8(ascii: "&")).map { part in
            let pair = part.split(
                separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            return (Self.decode(pair[0]), pair.count > 1 ? Self.decode(pair[1]) : "")
        }
    }

    public var startIndex: Int { elements.startIndex }
    public var endIndex: Int { elements.endIndex }
    public subscript(position: Int) -> Element { elements[position] }

    /// The first value of that name. Names of header fields are in lower case.
    public subscript(name: String) -> String? {
        elements.first { $0.name == name }?.value
    }

    private static func decode(_ text: Substring.UTF8View) -> String {
        var bytes: [UInt8] = []
        var rest = text[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let value = hexadecimal(rest.prefix(2)) {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func hexadecimal(_ digits: Substring.UTF8View) -> UInt8? {
        guard digits.count == 2 else { return nil }
        var value: UInt8 = 0
        for digit in digits {
            guard let number = Character(Unicode.Scalar(digit)).hexDigitValue else { return nil }
            value = value << 4 | UInt8(number)
        }
        return value
    }
}
