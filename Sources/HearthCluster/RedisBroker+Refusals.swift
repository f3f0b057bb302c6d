// What an error of Redis means: the connections end, or they stay and something does not work.

internal import HearthBytes

extension RedisBroker {
    /// Another server of the Redis Cluster has the slot, or none has it at the moment.
    func isElsewhere(_ text: [UInt8]) -> Bool {
        isShard
            && (begins(text, "MOVED") || begins(text, "CLUSTERDOWN") || begins(text, "ASK ")
                || begins(text, "TRYAGAIN"))
    }

    static func refusesUser(_ text: [UInt8]) -> Bool {
        begins(text, "NOAUTH") || begins(text, "WRONGPASS")
    }

    func fault(in text: [UInt8]) -> BrokerFault {
        if Self.refusesUser(text) { return .authentication }
        if begins(text, "NOPERM") || contains(text, "ACL failure in script")
            || contains(text, "user executing the script")
        {
            return .noPermission
        }
        if begins(text, "READONLY") { return .readOnly }
        if begins(text, "OOM") { return .outOfMemory }
        if begins(text, "WRONGTYPE") { return .prefixInUse }
        return .refused
    }

    /// The rule of Redis' access lists that the user lacks, and what Redis said.
    func explained(_ text: [UInt8], _ command: [UInt8]) -> [UInt8] {
        if fault(in: text) != .noPermission { return text }
        var rule = command
        let isScript = contains(text, "script")
        if isScript { rule = ascii("a command of the script") }
        if isScript || !contains(text, "' command") {
            if contains(text, "channel") { rule = ascii("&") + terms.prefix + ascii("*") }
            if contains(text, " key") { rule = ascii("~") + terms.prefix + ascii("*") }
        }
        return Self.lacking(rule, text)
    }

    static func lacking(_ rule: [UInt8], _ text: [UInt8]) -> [UInt8] { rule + ascii(" is missing: ") + text }

    private func command(_ what: Expected) -> [UInt8] {
        switch what {
        case .hello, .role: ascii("+hello")
        case .database: ascii("+select")
        case .secretSet: ascii("+set")
        case .secret: ascii("+get")
        case .scriptLoaded: ascii("+script|load")
        case .publish, .probe: isShard ? ascii("+spublish") : ascii("+publish")
        case .script: sendsScript ? ascii("+eval") : ascii("+evalsha")
        }
    }

    func refusal(of what: Expected, _ text: [UInt8]) -> BrokerEvent {
        if isElsewhere(text) {
            // Claims that are not answered are settled when places can be claimed again.
            if what == .script { _ = takeCall() }
            if what == .publish || what == .probe || what == .script {
                return .moved(isMessage: what == .publish)
            }
            return .failed(.moved, text: text)
        }
        let fault = fault(in: text)
        let explained = explained(text, command(what))
        switch what {
        case .publish:
            trouble = (fault, explained)
            return .notPublished(text: explained)
        case .probe:
            trouble = (fault, explained)
            return .nothing
        case .script: return scriptRefused(fault, text, explained)
        case .secretSet:
            if fault == .readOnly || fault == .prefixInUse { break }
            if fault == .noPermission && !hasSecret { break }
            // Whoever has the secret already needs no memory: the next reply tells.
            setFault = (fault, explained)
            return .nothing
        case .secret where hasSecret && fault != .authentication:
            // Without it nothing is known of the secret of others.
            setFault = nil
            trouble = (fault, explained)
            return .nothing
        case .role where fault == .noPermission || fault == .refused:
            trouble = (fault, explained)
            return .nothing
        default: break
        }
        if fault == .prefixInUse { return .failed(fault, text: terms.secretKey) }
        if what == .database, fault == .refused { return .failed(.database, text: text) }
        if what == .hello, begins(text, "ERR unknown command") { return .failed(.tooOld, text: text) }
        if what == .secret, begins(text, ReplySieve.mark) {
            return .failed(.prefixInUse, text: terms.secretKey)
        }
        return .failed(fault, text: explained)
    }
}

func contains(_ text: [UInt8], _ words: StaticString) -> Bool {
    let count = words.utf8CodeUnitCount
    if text.count < count { return false }
    for start in 0...(text.count - count) {
        var index = 0
        // A static text lives as long as the program.
        while index < count, unsafe words.utf8Start[index] == text[start + index] { index += 1 }
        if index == count { return true }
    }
    return false
}
