extension Configuration {
    /// All keys as a JSON array, from which bindings and documents are made. Default and bounds are texts
    /// that can be set as they are. Not NUL-terminated.
    package static func describe() -> [UInt8] {
        var json = JSONText()
        json.add("[")
        var topic = 0
        let topics = ConfigurationKey.topics
        for entry in ConfigurationKey.table {
            json.add(entry.key.rawValue == 0 ? "\n{" : ",\n{")
            json.add(member: "key", entry.name)
            json.add(",")
            json.add(member: "type", entry.type.name)
            json.add(",")
            json.add(member: "default", entry.standard)
            if !isEmpty(entry.min) {
                json.add(",")
                json.add(member: "min", entry.min)
                json.add(",")
                json.add(member: "max", entry.max)
            }
            json.addValues(of: entry.type)
            if topic + 1 < topics.count, topics[topic + 1].first == entry.key { topic += 1 }
            json.add(",")
            json.add(member: "topic", topics[topic].name)
            json.add(",")
            json.add(member: "scope", entry.scope.name)
            json.add(",")
            json.add(member: "help", entry.help)
            json.add("}")
        }
        json.add("\n]")
        return json.bytes
    }

    private static func isEmpty(_ text: StaticString) -> Bool { text.utf8CodeUnitCount == 0 }
}

extension ConfigurationType {
    /// The word for it in the description.
    var name: StaticString {
        switch self {
        case .flag: "flag"
        case .integer, .integerOrOff: "integer"
        case .size: "size"
        case .duration, .durationOrOff: "duration"
        case .choice: "choice"
        case .text: "text"
        case .list, .networks: "list"
        case .rate, .byteRate: "rate"
        case .fraction: "fraction"
        case .url, .proxy: "url"
        case .codes: "codes"
        }
    }
}

extension ConfigurationScope {
    var name: StaticString {
        switch self {
        case .engine: "engine"
        case .server: "server"
        case .client: "client"
        case .serverAndClient: "server, client"
        }
    }
}

private struct JSONText {
    private(set) var bytes: [UInt8] = []

    mutating func add(_ text: StaticString) {
        text.withUTF8Buffer { unsafe bytes.append(contentsOf: $0) }
    }

    mutating func add(member name: StaticString, _ value: StaticString) {
        add(string: name.bytes[...])
        add(":")
        add(string: value.bytes[...])
    }

    mutating func addValues(of type: ConfigurationType) {
        guard case .choice(let words) = type else { return }
        add(",\"values\":[")
        var isFirst = true
        for word in words.bytes.split(separator: UInt8(ascii: "|")) {
            if !isFirst { add(",") }
            add(string: word)
            isFirst = false
        }
        add("]")
    }

    /// Our own texts hold no control characters.
    private mutating func add(string text: ArraySlice<UInt8>) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { bytes.append(UInt8(ascii: "\\")) }
            bytes.append(byte)
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
