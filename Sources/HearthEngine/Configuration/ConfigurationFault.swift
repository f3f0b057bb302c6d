import HearthBytes
internal import HearthWire

/// Why a setting was refused, with a sentence for the person who wrote it.
package struct ConfigurationFault: Error {
    package enum Kind: Sendable {
        case unknownKey
        case invalidValue
    }

    package let kind: Kind
    /// UTF-8, whatever bytes were given.
    package let sentence: [UInt8]

    static func unknownKey(_ name: [UInt8]) -> ConfigurationFault {
        var sentence = Sentence()
        sentence.add("unknown key ")
        sentence.quote(name)
        if let nearest = keyOfWords(name) ?? nearestKey(to: name) {
            sentence.add(": did you mean \"")
            sentence.add(nearest.entry.name)
            sentence.add("\"?")
        }
        return ConfigurationFault(kind: .unknownKey, sentence: sentence.bytes)
    }

    /// Whether `name` is a key with its words in another order.
    static func isReordered(_ name: [UInt8]) -> Bool {
        guard let key = keyOfWords(name) else { return false }
        return key.entry.name.bytes.count == name.count
    }

    /// `rule` completes the sentence that begins with the key and the value.
    static func invalidValue(_ entry: ConfigurationEntry, _ value: [UInt8], _ rule: ValueFault) -> Self {
        var sentence = Sentence()
        sentence.add(entry.name)
        sentence.add(": ")
        sentence.quote(value)
        switch rule {
        case .tooLong: sentence.add(" … is longer than 64 KiB")
        case .notText: sentence.add(" is not UTF-8 without NUL")
        case .notFlag: sentence.add(" is not one of on, off, true, false, yes, no, 1, 0")
        case .notInteger: sentence.add(" is not a whole number")
        case .notSize:
            sentence.add(" is not a size: write bytes, or a number with KiB, MiB, GiB, KB, MB or GB")
        case .notDuration:
            sentence.add(" is not a duration: write seconds, or a number with ms, s, min, h or d")
        case .notFraction: sentence.add(" is not a number")
        case .notCodes:
            sentence.add(
                " is not a list of close codes (1000-4999) and HTTP statuses (100-599), as in 1008,4000-4099")
        case .notURL(let fault):
            sentence.add(", byte ")
            sentence.add(decimal: fault.position)
            sentence.add(": ")
            sentence.add(fault.sentence)
        case .emptyItem: sentence.add(" has an empty item")
        case .notNetworks:
            sentence.add(" is not a list of addresses, networks like 10.0.0.0/8, or the word unix")
        case .notRate:
            sentence.add(" is not a rate: write 100/min, 20/s burst 40, 64KiB/s, or off")
        case .notChoice(let words):
            sentence.add(" is not one of ")
            sentence.addWords(words)
        case .outOfRange:
            sentence.add(" is out of range: it must be from ")
            sentence.add(entry.min)
            sentence.add(" to ")
            sentence.add(entry.max)
        }
        return ConfigurationFault(kind: .invalidValue, sentence: sentence.bytes)
    }

    /// The same fault of a value that came from the environment.
    func inVariable(_ name: [UInt8]) -> ConfigurationFault {
        ConfigurationFault(kind: kind, sentence: name + [0x3A, 0x20] + sentence)
    }
}

/// What is wrong with the text of a value.
enum ValueFault: Error {
    case tooLong
    case notText
    case notFlag
    case notInteger
    case notSize
    case notDuration
    case emptyItem
    case notNetworks
    case notRate
    case notFraction
    case notCodes
    case notURL(URLFault)
    case notChoice(StaticString)
    case outOfRange
}

/// The key that has all words of `name`, in whatever order, and the fewest others; nil if none has.
private func keyOfWords(_ name: [UInt8]) -> ConfigurationKey? {
    guard name.count <= 64 else { return nil }
    let words = name.split(separator: UInt8(ascii: "_"))
    guard words.count > 1 else { return nil }
    var found: ConfigurationKey?
    var fewest = Int.max
    for entry in ConfigurationKey.table {
        let others = entry.name.bytes.split(separator: UInt8(ascii: "_"))
        if others.count < fewest, words.allSatisfy({ others.contains($0) }) {
            found = entry.key
            fewest = others.count
        }
    }
    return found
}

/// The key that differs least from `name`, nil if none is near enough to be meant.
private func nearestKey(to name: [UInt8]) -> ConfigurationKey? {
    guard name.count <= 64 else { return nil }
    let lowered = name.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
    var nearest: ConfigurationKey?
    var smallest = max(2, name.count / 3) + 1
    for entry in ConfigurationKey.table {
        let distance = editDistance(lowered, entry.name.bytes)
        if distance < smallest {
            smallest = distance
            nearest = entry.key
        }
    }
    return nearest
}

/// How many bytes must be inserted, removed or replaced to make one of the other (Levenshtein).
private func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var row = Array(0...right.count)
    for (i, byte) in left.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for j in 0..<right.count {
            let replaced = diagonal + (byte == right[j] ? 0 : 1)
            diagonal = row[j + 1]
            row[j + 1] = min(replaced, diagonal + 1, row[j] + 1)
        }
    }
    return row[right.count]
}

/// Text that is put together for a person to read.
private struct Sentence {
    private(set) var bytes: [UInt8] = []

    mutating func add(_ text: StaticString) {
        text.withUTF8Buffer { unsafe bytes.append(contentsOf: $0) }
    }

    mutating func add(decimal value: Int) { append(decimal: value, to: &bytes) }

    /// "a|b|c" as "a, b, c".
    mutating func addWords(_ words: StaticString) {
        for byte in words.bytes {
            if byte == UInt8(ascii: "|") {
                add(", ")
            } else {
                bytes.append(byte)
            }
        }
    }

    /// Given bytes in quotation marks: at most 64 of them, with what is not printable ASCII as \xNN unless
    /// all of them are UTF-8 without control characters.
    mutating func quote(_ given: [UInt8]) {
        let shown = Array(given.prefix(64))
        let isText =
            UTF8Validator.isValid(shown.span, 0, shown.count) && !shown.contains { $0 < 0x20 || $0 == 0x7F }
        bytes.append(UInt8(ascii: "\""))
        for byte in shown {
            if isText || (0x20..<0x7F).contains(byte) {
                bytes.append(byte)
            } else {
                add("\\x")
                for digit in [byte >> 4, byte & 15] {
                    bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
                }
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
