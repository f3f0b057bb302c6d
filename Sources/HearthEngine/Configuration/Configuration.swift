import HearthBytes
import HearthSession
import HearthWire

/// The settings of an engine and its servers: every key has a value at any time, its default or what was set.
/// Values are read and checked when they are set, so that whoever uses them meets no error.
package struct Configuration {
    /// What was set, as it was written, without the spaces around it.
    private(set) var texts: [[UInt8]]
    private var values: [ConfigurationValue]

    package init() {
        texts = []
        values = []
        for entry in ConfigurationKey.table {
            let text = entry.standard.bytes
            texts.append(text)
            values.append((try? ConfigurationValue.parse(text, as: entry)) ?? .number(0))
        }
    }

    package mutating func set(_ name: [UInt8], _ value: [UInt8]) throws(ConfigurationFault) {
        guard let key = ConfigurationKey.named(name) else { throw .unknownKey(name) }
        try set(key, value)
    }

    package mutating func set(_ key: ConfigurationKey, _ value: [UInt8]) throws(ConfigurationFault) {
        let entry = key.entry
        do throws(ValueFault) {
            guard value.count <= ConfigurationValue.textBytesMax else { throw .tooLong }
            guard UTF8Validator.isValid(value.span, 0, value.count), !value.contains(0) else {
                throw .notText
            }
            let text = value.withoutSpacesAround
            values[key.rawValue] = try ConfigurationValue.parse(text, as: entry)
            texts[key.rawValue] = text
        } catch {
            throw .invalidValue(entry, value, error)
        }
    }

    /// Takes one entry of the environment. True if its name is the prefix and a key in upper case. A key
    /// with its words in another order is an error; other names are left alone.
    package mutating func load(
        environmentEntry name: [UInt8], value: [UInt8], prefix: [UInt8]
    ) throws(ConfigurationFault) -> Bool {
        guard name.count > prefix.count, name.starts(with: prefix) else { return false }
        let rest = name[prefix.count...]
        guard !rest.contains(where: { (0x61...0x7A).contains($0) }) else { return false }
        let lowered = rest.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
        let key = ConfigurationKey.named(lowered)
        guard key != nil || ConfigurationFault.isReordered(lowered) else { return false }
        do throws(ConfigurationFault) {
            guard let key else { throw .unknownKey(lowered) }
            try set(key, value)
        } catch {
            throw error.inVariable(name)
        }
        return true
    }

    /// Whether the texts of all keys but some are these.
    func isEqual(to others: [[UInt8]], but left: [ConfigurationKey]) -> Bool {
        for index in 0..<texts.count where texts[index] != others[index] {
            if !left.contains(where: { $0.rawValue == index }) { return false }
        }
        return true
    }

    package func text(of key: ConfigurationKey) -> [UInt8] { texts[key.rawValue] }

    package func flag(_ key: ConfigurationKey) -> Bool { number(key) != 0 }

    package func integer(_ key: ConfigurationKey) -> Int { number(key) }

    /// Bytes.
    package func size(_ key: ConfigurationKey) -> Int { number(key) }

    package func milliseconds(_ key: ConfigurationKey) -> UInt64 { UInt64(number(key)) }

    /// The place of the word among those that are allowed, from 0.
    package func choice(_ key: ConfigurationKey) -> Int { number(key) }

    package func list(_ key: ConfigurationKey) -> [[UInt8]] {
        switch values[key.rawValue] {
        case .items(let items): items
        case .number, .rate: []
        }
    }

    private func number(_ key: ConfigurationKey) -> Int {
        switch values[key.rawValue] {
        case .number(let number): number
        case .items, .rate: 0
        }
    }

    /// Nil: off.
    func rate(_ key: ConfigurationKey) -> Rate? {
        switch values[key.rawValue] {
        case .rate(let rate): rate
        case .items, .number: nil
        }
    }

    /// The networks of a list of them; the word unix is not one.
    func networks(_ key: ConfigurationKey) -> [Network] { list(key).compactMap { Network($0.span) } }
}
