import HearthEngine

/// The input is lines "key=value". Whatever they hold, a value that is taken reads back to itself, one that
/// is refused changes nothing and is answered with a sentence in UTF-8, and the environment agrees with
/// `set`.
@c(LLVMFuzzerTestOneInput)
public func fuzzConfiguration(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let input = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    var configuration = Configuration()
    for line in input.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: true) {
        let parts = line.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
        let name = Array(parts[0])
        let value = parts.count > 1 ? Array(parts[1]) : []
        check(&configuration, name, value)
    }
    return 0
}

private func check(_ configuration: inout Configuration, _ name: [UInt8], _ value: [UInt8]) {
    let before = ConfigurationKey.allCases.map { configuration.text(of: $0) }
    do throws(ConfigurationFault) {
        try configuration.set(name, value)
    } catch {
        precondition(String(validating: error.sentence, as: UTF8.self) != nil)
        precondition(ConfigurationKey.allCases.map { configuration.text(of: $0) } == before)
        return
    }
    guard let key = ConfigurationKey.named(name) else { preconditionFailure("a key without a name was set") }
    let text = configuration.text(of: key)
    let number = configuration.integer(key)
    let items = configuration.list(key)
    precondition(number >= 0)

    var copy = Configuration()
    let upper = name.map { (0x61...0x7A).contains($0) ? $0 - 0x20 : $0 }
    let isLoaded = try? copy.load(
        environmentEntry: Array("WS_".utf8) + upper, value: text, prefix: Array("WS_".utf8))
    precondition(isLoaded == true)
    precondition(copy.text(of: key) == text && copy.integer(key) == number && copy.list(key) == items)
}
