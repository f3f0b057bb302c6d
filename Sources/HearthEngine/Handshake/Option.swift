// Options as hearth_server_route and hearth_server_channel take them: "name=value,name=value". What is not
// well formed is refused, with its place in the text.

internal import HearthBytes

/// One name with its value.
struct Option {
    let name: [UInt8]
    let value: [UInt8]

    func isNamed(_ word: StaticString) -> Bool { matches(name, word) }

    func isValue(_ word: StaticString) -> Bool { matches(value, word) }

    /// A mistake in the value, that many bytes behind its beginning.
    func fault(_ parts: [[UInt8]], at offset: Int = 0) -> Route.Fault {
        Route.Fault(
            .invalidValue, [ascii("option "), name, ascii(": ")] + parts, at: name.count + 1 + offset)
    }

    /// Which of the words, written "on, off", the value is.
    func choice(_ words: StaticString) throws(Route.Fault) -> Int {
        for (index, word) in split(ascii(words), at: UInt8(ascii: ",")).enumerated() where trim(word) == value
        {
            return index
        }
        throw isNoneOf(value, words, at: 0)
    }

    func isNoneOf(_ word: [UInt8], _ words: StaticString, at offset: Int) -> Route.Fault {
        fault([ascii("\""), word, ascii("\" is not one of "), ascii(words)], at: offset)
    }

    /// The words of a list, at least one and none of them empty.
    func words(separatedBy separator: Unicode.Scalar) throws(Route.Fault) -> [[UInt8]] {
        let words = split(value, at: UInt8(ascii: separator))
        var offset = 0
        for word in words {
            if word.isEmpty {
                throw fault(
                    [
                        ascii("an empty word; write words with "), [UInt8(ascii: separator)],
                        ascii(" between"),
                    ],
                    at: offset)
            }
            offset += word.count + 1
        }
        return words
    }

    /// For values in which a blank can only stand for a forgotten comma.
    func refuseBlanks() throws(Route.Fault) {
        if let blank = value.firstIndex(of: 0x20) {
            throw fault([ascii("a blank; options have a comma between them")], at: blank)
        }
    }
}

/// Reads a text of options from the left. After a mistake `placed` says where it is.
struct OptionReader {
    private let text: [UInt8]
    /// Where the option read last begins.
    private var start = 0
    private var end = -1
    private var names: [[UInt8]] = []

    init(_ text: [UInt8]) { self.text = text }

    /// How many were read.
    var count: Int { names.count }

    /// Nil: there are no more.
    mutating func next() throws(Route.Fault) -> Option? {
        if end == text.count || text.isEmpty { return nil }
        start = end + 1
        end = text[start...].firstIndex(of: UInt8(ascii: ",")) ?? text.count
        while start < end, text[start] == 0x20 { start += 1 }
        let option = trim(Array(text[start..<end]))
        if let control = option.firstIndex(where: { $0 < 0x20 || $0 == 0x7F }) {
            throw Route.Fault(.invalidValue, [ascii("a control character")], at: control)
        }
        guard let equals = option.firstIndex(of: UInt8(ascii: "=")), equals > 0 else {
            if option.isEmpty {
                throw Route.Fault(.invalidValue, [ascii("an option is missing between commas")])
            }
            throw Route.Fault(.invalidValue, [ascii("\""), option, ascii("\" is not name=value")])
        }
        let read = Option(name: Array(option[..<equals]), value: Array(option[(equals + 1)...]))
        if let blank = forgottenComma(read.value) {
            throw read.fault([ascii("a blank before name=; options have a comma between them")], at: blank)
        }
        if read.value.isEmpty { throw read.fault([ascii("it has no value")]) }
        if names.contains(read.name) {
            throw Route.Fault(.invalidValue, [ascii("the option "), read.name, ascii(" stands twice")])
        }
        names.append(read.name)
        return read
    }

    /// Where a blank stands before a word and an equals sign.
    private func forgottenComma(_ value: [UInt8]) -> Int? {
        guard let equals = value.firstIndex(of: UInt8(ascii: "=")) else { return nil }
        return value[..<equals].lastIndex(of: 0x20)
    }

    /// The mistake with the text and the character at which it is.
    func placed(_ fault: Route.Fault, in kind: StaticString) -> Route.Fault {
        Route.Fault(
            fault.status,
            [
                ascii(kind), ascii(" options \""), text, ascii("\", character "),
                decimal(start + fault.offset + 1), ascii(": "), fault.sentence,
            ])
    }
}
