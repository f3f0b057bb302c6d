// Redis as a broker: commands out, replies in, in the order in which they were asked for. RESP 2 on two
// connections, as every Redis from 6 on and every Valkey speaks it: one publishes, one listens.

package import HearthBytes
package import HearthWire

/// A piece of a reply; of an array how many follow.
package struct ReplyPiece {
    package enum Kind: UInt8 { case string = 1, array, integer, null, status, error, other }
    package let kind: Kind
    package let number: Int64
    package let text: [UInt8]

    package init(_ kind: Kind, number: Int64 = 0, text: [UInt8] = []) {
        self.kind = kind
        self.number = number
        self.text = text
    }
}

package enum BrokerFault: UInt8, Sendable {
    case none = 0
    case connecting, unreachable, tls, lost, authentication, tooOld, readOnly, outOfMemory, prefixInUse
    case database, sharded, refused, protocolBroken, deaf, overloaded

    /// Why a server is degraded.
    package var sentence: StaticString {
        switch self {
        case .none: ""
        case .connecting: "the broker is being connected to"
        case .unreachable: "the broker cannot be reached"
        case .tls: "the broker is not trusted, or does not speak TLS"
        case .lost: "the connection to the broker was lost"
        case .authentication: "the broker refuses the user or the password of redis_url"
        case .tooOld: "the broker is older than Redis 6"
        case .readOnly: "the broker is a replica, which cannot be written to"
        case .outOfMemory: "the broker is out of memory"
        case .prefixInUse: "a key with redis_prefix belongs to another program"
        case .database: "the broker has no database of the number in redis_url"
        case .sharded: "the broker is a Redis Cluster, which is not supported"
        case .refused: "the broker refuses a command"
        case .protocolBroken: "the broker does not speak RESP"
        case .deaf: "messages to itself do not come back from the broker"
        case .overloaded: "more waits for the broker than broker_max_output"
        }
    }

    /// Trying again soon is no use, but somebody may repair it.
    package var isLasting: Bool {
        switch self {
        case .authentication, .tooOld, .readOnly, .prefixInUse, .database, .sharded: true
        default: false
        }
    }
}

package enum BrokerEvent: Equatable {
    case nothing
    /// Messages can be published, and the subscriptions be asked for.
    case opened(ClusterSecret)
    case failed(BrokerFault, text: [UInt8])
    /// Redis did not take a message.
    case notPublished(text: [UInt8])
    /// Whether a claim, by its number, got its place.
    case claimed(UInt64, isGranted: Bool)
    /// This process did not renew its lease in time: what it counts may be gone.
    case leaseEnded
}

package struct RedisBroker: Broker {
    private enum Expected: UInt8 { case hello, database, secretSet, secret, scriptLoaded, publish, script }

    private let url: RedisURL
    private let secretKey: [UInt8]
    /// What this process would have for the secret if there is none.
    private let proposal: ClusterSecret
    private let outputBytesMax: Int
    package var output: [UInt8] = []
    package var subscriberOutput: [UInt8] = []
    /// What is awaited, in runs of the same.
    private var expected: [(what: Expected, count: Int)] = []
    private var expectedHead = 0
    private var subscriberExpected: [Expected] = []
    /// What the script was called for, in order: the numbers of claims, or 0.
    private var calls: [UInt64] = []
    private var callsHead = 0
    private var scriptName: [UInt8] = []
    private let leasesKey: [UInt8]
    private let placesPrefix: [UInt8]
    /// Places of users are counted over all processes.
    private let countsPlaces: Bool
    private var commandsReady = false
    private var subscriberReady = false
    private var known: ClusterSecret?
    package private(set) var confirmed: UInt64 = 0
    /// Bytes that the owner has taken from `output` and could not send.
    package var waitingBytes = 0

    package init(
        _ url: RedisURL, prefix: [UInt8], proposal: ClusterSecret, outputBytesMax: Int,
        countsPlaces: Bool = false
    ) {
        self.countsPlaces = countsPlaces
        leasesKey = prefix + ascii("leases")
        placesPrefix = prefix + ascii("l:")
        self.url = url
        self.proposal = proposal
        self.outputBytesMax = outputBytesMax
        var key = prefix
        append("secret", to: &key)
        secretKey = key
    }

    package var isOpen: Bool { commandsReady && subscriberReady && known != nil }

    // MARK: Messages

    package mutating func beginMessage(to channel: borrowing Span<UInt8>, count: Int) -> Bool {
        if waitingBytes + output.count + count > outputBytesMax { return false }
        append("*3\r\n$7\r\nPUBLISH\r\n$", to: &output)
        append(decimal: channel.count, to: &output)
        append("\r\n", to: &output)
        append(channel, 0, channel.count, to: &output)
        append("\r\n$", to: &output)
        append(decimal: count, to: &output)
        append("\r\n", to: &output)
        return true
    }

    package mutating func endMessage() {
        append("\r\n", to: &output)
        expect(.publish)
    }

    package mutating func subscribe(_ channel: borrowing Span<UInt8>) {
        append("*2\r\n$9\r\nSUBSCRIBE\r\n$", to: &subscriberOutput)
        appendName(channel)
    }

    package mutating func unsubscribe(_ channel: borrowing Span<UInt8>) {
        append("*2\r\n$11\r\nUNSUBSCRIBE\r\n$", to: &subscriberOutput)
        appendName(channel)
    }

    private mutating func appendName(_ channel: borrowing Span<UInt8>) {
        append(decimal: channel.count, to: &subscriberOutput)
        append("\r\n", to: &subscriberOutput)
        append(channel, 0, channel.count, to: &subscriberOutput)
        append("\r\n", to: &subscriberOutput)
    }

    private mutating func expect(_ what: Expected) {
        if let last = expected.indices.last, last >= expectedHead, expected[last].what == what {
            expected[last].count += 1
        } else {
            expected.append((what, 1))
        }
    }

    private mutating func takeExpected() -> Expected? {
        if expectedHead == expected.count { return nil }
        let what = expected[expectedHead].what
        expected[expectedHead].count -= 1
        if expected[expectedHead].count == 0 {
            expectedHead += 1
            if expectedHead == expected.count {
                expected.removeAll(keepingCapacity: true)
                expectedHead = 0
            } else if expectedHead > 64 {
                expected.removeSubrange(0..<expectedHead)
                expectedHead = 0
            }
        }
        return what
    }

    // MARK: Places of users

    private static var renewal: UInt64 { UInt64.max }

    /// Renews the lease of a process, which what it counts stands under. Not the first time: tells if it had
    /// ended.
    package mutating func renewLease(_ node: [UInt8], _ lease: UInt64, isFirst: Bool) {
        callScript(isFirst ? 0 : Self.renewal, [leasesKey], [node, decimal(lease), ascii("renew")])
    }

    /// Takes a place of the user, if fewer than `countMax` are taken: `claimed` answers with the number.
    package mutating func claim(
        _ number: UInt64, _ user: ByteString, countMax: Int, _ node: [UInt8], _ lease: UInt64
    ) {
        callScript(
            number, [leasesKey, placesPrefix + user.bytes],
            [node, decimal(lease), ascii("claim"), decimal(UInt64(countMax))])
    }

    package mutating func leave(_ user: ByteString, _ node: [UInt8], _ lease: UInt64) {
        callScript(
            0, [leasesKey, placesPrefix + user.bytes], [node, decimal(lease), ascii("leave"), ascii("1")])
    }

    /// So many of the user's places are this process's.
    package mutating func setPlaces(_ user: ByteString, _ count: Int, _ node: [UInt8], _ lease: UInt64) {
        callScript(
            0, [leasesKey, placesPrefix + user.bytes],
            [node, decimal(lease), ascii("set"), decimal(UInt64(count))])
    }

    private mutating func callScript(_ number: UInt64, _ keys: [[UInt8]], _ arguments: [[UInt8]]) {
        if !isOpen { return }
        calls.append(number)
        expect(.script)
        let head = [ascii("EVALSHA"), scriptName, decimal(UInt64(keys.count))]
        Self.appendCommand(head + keys + arguments, to: &output)
    }

    private mutating func takeCall() -> UInt64 {
        if callsHead == calls.count { return 0 }
        let number = calls[callsHead]
        callsHead += 1
        if callsHead >= 64, callsHead * 2 >= calls.count {
            calls.removeSubrange(0..<callsHead)
            callsHead = 0
        }
        return number
    }

    // MARK: Connections

    /// The first connection stands: who we are, and what the secret is.
    package mutating func commandsOpened() {
        output = []
        waitingBytes = 0
        Self.appendHello(url, to: &output)
        expect(.hello)
        if url.database > 0 {
            var number: [UInt8] = []
            append(decimal: url.database, to: &number)
            Self.appendCommand([ascii("SELECT"), number], to: &output)
            expect(.database)
        }
        let secret = known ?? proposal
        Self.appendCommand([ascii("SET"), secretKey, secret.bytes, ascii("NX")], to: &output)
        expect(.secretSet)
        if countsPlaces {
            Self.appendCommand([ascii("SCRIPT"), ascii("LOAD"), ascii(LeaseScript.text)], to: &output)
            expect(.scriptLoaded)
        }
        Self.appendCommand([ascii("GET"), secretKey], to: &output)
        expect(.secret)
    }

    package mutating func subscriberOpened() {
        subscriberOutput = []
        Self.appendHello(url, to: &subscriberOutput)
        subscriberExpected = [.hello]
    }

    /// Either connection is gone; both are made anew. Returns how many messages were on their way: whether
    /// they were published nobody knows.
    package mutating func lost() -> Int {
        var unconfirmed = 0
        for index in expectedHead..<expected.count where expected[index].what == .publish {
            unconfirmed += expected[index].count
        }
        expected = []
        expectedHead = 0
        calls = []
        callsHead = 0
        subscriberExpected = []
        output = []
        subscriberOutput = []
        waitingBytes = 0
        commandsReady = false
        subscriberReady = false
        return unconfirmed
    }

    private static func appendHello(_ url: RedisURL, to output: inout [UInt8]) {
        var words = [ascii("HELLO"), ascii("2")]
        if !url.user.isEmpty || !url.password.isEmpty {
            words += [ascii("AUTH"), url.user.isEmpty ? ascii("default") : url.user, url.password]
        }
        words += [ascii("SETNAME"), ascii("hearth")]
        appendCommand(words, to: &output)
    }

    private static func appendCommand(_ words: [[UInt8]], to output: inout [UInt8]) {
        output.append(UInt8(ascii: "*"))
        append(decimal: words.count, to: &output)
        append("\r\n", to: &output)
        for word in words {
            output.append(UInt8(ascii: "$"))
            append(decimal: word.count, to: &output)
            append("\r\n", to: &output)
            output += word
            append("\r\n", to: &output)
        }
    }

    // MARK: Replies

    /// A reply on the first connection that is a number: nearly always that of a message.
    package mutating func commandReply(number: Int64) -> BrokerEvent {
        switch takeExpected() {
        case .publish:
            confirmed += 1
            return .nothing
        case .script:
            let call = takeCall()
            if call == Self.renewal { return number == 0 ? .leaseEnded : .nothing }
            return call == 0 ? .nothing : .claimed(call, isGranted: number != 0)
        default: return .failed(.protocolBroken, text: [])
        }
    }

    package mutating func commandReply(_ pieces: [ReplyPiece]) -> BrokerEvent {
        guard let first = pieces.first, let what = takeExpected() else {
            return .failed(.protocolBroken, text: [])
        }
        if first.kind == .error { return refusal(of: what, first.text) }
        switch what {
        case .hello:
            if let fault = Self.unfit(pieces) { return .failed(fault, text: []) }
            return .nothing
        case .database, .secretSet: return .nothing
        case .scriptLoaded:
            scriptName = first.text
            return .nothing
        case .secret:
            if first.kind == .null { return .failed(.outOfMemory, text: []) }
            guard first.kind == .string, let secret = ClusterSecret(first.text) else {
                return .failed(.prefixInUse, text: secretKey)
            }
            known = secret
            commandsReady = true
            return isOpen ? .opened(secret) : .nothing
        case .publish, .script: return .failed(.protocolBroken, text: [])
        }
    }

    /// What is no message on the connection that listens.
    package mutating func subscriberReply(_ pieces: [ReplyPiece]) -> BrokerEvent {
        guard let first = pieces.first else { return .failed(.protocolBroken, text: []) }
        let wasHello = !subscriberExpected.isEmpty
        if wasHello { subscriberExpected.removeFirst() }
        if first.kind == .error { return refusal(of: .hello, first.text) }
        if !wasHello { return .nothing }
        if let fault = Self.unfit(pieces) { return .failed(fault, text: []) }
        subscriberReady = true
        if isOpen, let known { return .opened(known) }
        return .nothing
    }

    private mutating func refusal(of what: Expected, _ text: [UInt8]) -> BrokerEvent {
        if what == .publish { return .notPublished(text: text) }
        if what == .script {
            let call = takeCall()
            // A lack of memory is no reason to refuse anybody; a script that was forgotten is loaded anew.
            if Self.begins(text, "OOM") {
                return call == 0 || call == Self.renewal ? .nothing : .claimed(call, isGranted: true)
            }
        }
        if Self.begins(text, "NOAUTH") || Self.begins(text, "WRONGPASS") || Self.begins(text, "NOPERM") {
            return .failed(.authentication, text: text)
        }
        if Self.begins(text, "READONLY") { return .failed(.readOnly, text: text) }
        if Self.begins(text, "OOM") {
            // Who has the secret already needs no memory: the next reply tells.
            return what == .secretSet ? .nothing : .failed(.outOfMemory, text: text)
        }
        if Self.begins(text, "WRONGTYPE") { return .failed(.prefixInUse, text: secretKey) }
        if what == .database { return .failed(.database, text: text) }
        if what == .hello, Self.begins(text, "ERR unknown command") { return .failed(.tooOld, text: text) }
        return .failed(.refused, text: text)
    }

    /// What the answer to HELLO tells against it: names and values by turns.
    private static func unfit(_ pieces: [ReplyPiece]) -> BrokerFault? {
        guard pieces[0].kind == .array else { return .protocolBroken }
        var index = 1
        while index + 1 < pieces.count {
            let name = pieces[index].text
            let value = pieces[index + 1]
            if equals(name, "mode"), equals(value.text, "cluster") { return .sharded }
            if equals(name, "role"), !equals(value.text, "master") { return .readOnly }
            if value.kind == .array { break }
            index += 2
        }
        return nil
    }

    private static func begins(_ text: [UInt8], _ word: StaticString) -> Bool {
        text.starts(with: ascii(word))
    }

    private static func equals(_ text: [UInt8], _ word: StaticString) -> Bool {
        text == ascii(word)
    }
}

func decimal(_ number: UInt64) -> [UInt8] {
    var text: [UInt8] = []
    append(decimal: Int(clamping: number), to: &text)
    return text
}

func ascii(_ text: StaticString) -> [UInt8] {
    var bytes: [UInt8] = []
    append(text, to: &bytes)
    return bytes
}
