// Where the servers are: a sentinel is asked for the one that can be written to, a server of a Redis Cluster
// for those of all slots. One connection, one question.

internal import HearthBytes
package import HearthWire

package enum FinderEvent: Equatable {
    case nothing
    case master(RedisAddress)
    case map(SlotMap)
    /// The server that is asked is none of a Redis Cluster.
    case standsAlone
    case failed(BrokerFault, text: [UInt8])
}

package struct RedisFinder {
    private enum Expected: UInt8 { case authentication, hello, master, map }

    private let asked: RedisAddress
    package var output: [UInt8] = []
    /// In order. It is not set from a literal: of enumerations those get other values in Embedded Swift 6.3.
    private var expected: [Expected] = []

    /// A connection to the server stands.
    package init(_ url: RedisURL, asked: RedisAddress) {
        self.asked = asked
        if url.master.isEmpty {
            RedisBroker.appendHello(url, to: &output)
            append("*2\r\n$7\r\nCLUSTER\r\n$5\r\nSLOTS\r\n", to: &output)
            expected.append(.hello)
            expected.append(.map)
            return
        }
        if !url.sentinelPassword.isEmpty {
            append(url.sentinelUser.isEmpty ? "*2\r\n" : "*3\r\n", to: &output)
            append("$4\r\nAUTH\r\n", to: &output)
            if !url.sentinelUser.isEmpty { appendWord(url.sentinelUser, to: &output) }
            appendWord(url.sentinelPassword, to: &output)
            expected.append(.authentication)
        }
        append("*3\r\n$8\r\nSENTINEL\r\n$23\r\nGET-MASTER-ADDR-BY-NAME\r\n", to: &output)
        appendWord(url.master, to: &output)
        expected.append(.master)
    }

    package mutating func reply(_ pieces: [ReplyPiece]) -> FinderEvent {
        guard let first = pieces.first, !expected.isEmpty else { return .failed(.protocolBroken, text: []) }
        let what = expected.removeFirst()
        if first.kind == .error { return Self.refusal(of: what, first.text) }
        switch what {
        case .authentication: return .nothing
        case .hello:
            guard let hello = ServerHello(pieces) else { return .failed(.protocolBroken, text: []) }
            if !hello.isShard { return .standsAlone }
            if let fault = hello.unfit { return .failed(fault, text: []) }
            return .nothing
        case .map:
            guard let map = SlotMap(pieces, asked: asked) else { return .failed(.protocolBroken, text: []) }
            return .map(map)
        case .master: return master(pieces)
        }
    }

    private func master(_ pieces: [ReplyPiece]) -> FinderEvent {
        if pieces[0].kind == .null { return .failed(.unknownMaster, text: []) }
        guard pieces.count == 3, pieces[0].kind == .array, pieces[1].kind == .string,
            !pieces[1].text.isEmpty, pieces[1].text.count <= 253, let port = Self.port(pieces[2].text)
        else { return .failed(.protocolBroken, text: []) }
        return .master(RedisAddress(host: pieces[1].text, port: port))
    }

    private static func port(_ text: [UInt8]) -> UInt16? {
        var number: UInt32 = 0
        if text.isEmpty || text.count > 5 { return nil }
        for byte in text {
            if !(0x30...0x39 ~= byte) { return nil }
            number = number * 10 + UInt32(byte - 0x30)
        }
        return number == 0 ? nil : UInt16(exactly: number)
    }

    private static func refusal(of what: Expected, _ text: [UInt8]) -> FinderEvent {
        if what == .authentication || RedisBroker.refusesUser(text) {
            return .failed(.authentication, text: text)
        }
        if begins(text, "NOPERM") {
            let command: StaticString =
                switch what {
                case .hello, .authentication: "+hello"
                case .map: "+cluster|slots"
                case .master: "+sentinel|get-master-addr-by-name"
                }
            return .failed(.noPermission, text: RedisBroker.lacking(ascii(command), text))
        }
        if what == .master { return .failed(.noSentinel, text: text) }
        if what == .hello, begins(text, "ERR unknown command") {
            return .failed(.tooOld, text: text)
        }
        return .failed(.refused, text: text)
    }
}

/// What a server says of itself.
struct ServerHello {
    var isShard = false
    private var isMaster = true
    private var generation = 0

    /// Names and values by turns; nil: it is no such answer.
    init?(_ pieces: [ReplyPiece]) {
        guard pieces[0].kind == .array else { return nil }
        var index = 1
        while index + 1 < pieces.count {
            let name = pieces[index].text
            let value = pieces[index + 1]
            if begins(name, "mode") { isShard = begins(value.text, "cluster") }
            if begins(name, "role") { isMaster = begins(value.text, "master") }
            if begins(name, "version") { generation = Self.generation(value.text) }
            if value.kind == .array { break }
            index += 2
        }
    }

    private static func generation(_ version: [UInt8]) -> Int {
        var number = 0
        for byte in version.prefix(4) {
            if !(0x30...0x39 ~= byte) { break }
            number = number * 10 + Int(byte - 0x30)
        }
        return number
    }

    /// Whoever asks a server of a Redis Cluster for its slots may ask a replica.
    var unfit: BrokerFault? { isShard && generation < 7 ? .sharded : nil }

    /// Messages go through masters alone.
    var cannotCarry: BrokerFault? { unfit ?? (isMaster ? nil : .readOnly) }
}
