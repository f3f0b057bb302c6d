// One server of Redis: commands out, replies in, in the order in which they were asked for. RESP 2 on two
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

package enum BrokerEvent: Equatable {
    case nothing
    /// Messages can be published, and the subscriptions be asked for. A server of a Redis Cluster may not
    /// know the secret.
    case opened(ClusterSecret?)
    case failed(BrokerFault, text: [UInt8])
    /// The server is one of a Redis Cluster.
    case isShard
    /// Redis did not take a message.
    case notPublished(text: [UInt8])
    /// What was asked of this server of a Redis Cluster is for another to do; a message of ours, or else.
    case moved(isMessage: Bool)
    /// Whether a claim, by its number, got its place.
    case claimed(UInt64, isGranted: Bool)
    /// This process did not renew its lease in time: what it counts may be gone.
    case leaseEnded
}

/// What is the same for all servers of a broker. The names of what is not about one room or user have the
/// prefix in braces: in a Redis Cluster all of it is in one place.
package final class RedisTerms {
    let url: RedisURL
    let secretKey: [UInt8]
    let leasesKey: [UInt8]
    let placesPrefix: [UInt8]
    /// What this process would have for the secret if there is none.
    let proposal: ClusterSecret
    let outputBytesMax: Int
    /// Places of users are counted over all processes.
    let countsPlaces: Bool
    package internal(set) var secret: ClusterSecret?

    package init(
        _ url: RedisURL, prefix: [UInt8], proposal: ClusterSecret, outputBytesMax: Int,
        countsPlaces: Bool = false
    ) {
        self.url = url
        let common = commonPrefix(prefix)
        secretKey = common + ascii("secret")
        leasesKey = common + ascii("leases")
        placesPrefix = common + ascii("l:")
        self.proposal = proposal
        self.outputBytesMax = outputBytesMax
        self.countsPlaces = countsPlaces
    }
}

package final class RedisBroker {
    private enum Expected: UInt8 {
        case hello, database, secretSet, secret, scriptLoaded, publish, probe, script
    }

    let terms: RedisTerms
    /// It is told from all others by that.
    package let number: UInt32
    /// Of a Redis Cluster.
    package let isShard: Bool
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
    private var commandsReady = false
    private var subscriberReady = false
    package private(set) var confirmed: UInt64 = 0
    /// Bytes that the owner has taken from `output` and could not send.
    package var waitingBytes = 0
    /// Where this process talks to itself; empty: the owner sees to that.
    package private(set) var probeChannel: [UInt8] = []
    private var probeSent: UInt64 = 0
    private var probeHeard: UInt64 = 0

    package init(_ terms: RedisTerms, number: UInt32 = 0, isShard: Bool = false) {
        self.terms = terms
        self.number = number
        self.isShard = isShard
    }

    package var isOpen: Bool { commandsReady && subscriberReady }

    /// Places of users can be claimed.
    package var hasPlaces: Bool { isOpen && !scriptName.isEmpty }

    // MARK: Messages

    /// False: it is full.
    package func beginMessage(to channel: borrowing Span<UInt8>, count: Int) -> Bool {
        if waitingBytes + output.count + count > terms.outputBytesMax { return false }
        append(isShard ? "*3\r\n$8\r\nSPUBLISH\r\n$" : "*3\r\n$7\r\nPUBLISH\r\n$", to: &output)
        append(decimal: channel.count, to: &output)
        append("\r\n", to: &output)
        append(channel, 0, channel.count, to: &output)
        append("\r\n$", to: &output)
        append(decimal: count, to: &output)
        append("\r\n", to: &output)
        return true
    }

    package func endMessage() {
        append("\r\n", to: &output)
        expect(.publish)
    }

    package func subscribe(_ channel: borrowing Span<UInt8>) {
        let words: StaticString = isShard ? "*2\r\n$10\r\nSSUBSCRIBE\r\n$" : "*2\r\n$9\r\nSUBSCRIBE\r\n$"
        append(words, to: &subscriberOutput)
        appendName(channel)
    }

    package func unsubscribe(_ channel: borrowing Span<UInt8>) {
        let words: StaticString =
            isShard ? "*2\r\n$12\r\nSUNSUBSCRIBE\r\n$" : "*2\r\n$11\r\nUNSUBSCRIBE\r\n$"
        append(words, to: &subscriberOutput)
        appendName(channel)
    }

    private func appendName(_ channel: borrowing Span<UInt8>) {
        append(decimal: channel.count, to: &subscriberOutput)
        append("\r\n", to: &subscriberOutput)
        append(channel, 0, channel.count, to: &subscriberOutput)
        append("\r\n", to: &subscriberOutput)
    }

    private func expect(_ what: Expected) {
        if let last = expected.indices.last, last >= expectedHead, expected[last].what == what {
            expected[last].count += 1
        } else {
            expected.append((what, 1))
        }
    }

    private func takeExpected() -> Expected? {
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

    // MARK: A probe of its own

    /// The channel is one of this server's.
    package func listenToItself(on channel: [UInt8]) {
        probeChannel = channel
        probeSent = 0
        probeHeard = 0
        if isOpen { subscribe(channel.span) }
    }

    /// Sends itself a message. False: the last one has not come back.
    package func probe() -> Bool {
        if probeSent != probeHeard { return false }
        probeSent += 1
        let text = decimal(probeSent)
        let channel = probeChannel
        if !beginMessage(to: channel.span, count: text.count) { return true }
        output += text
        append("\r\n", to: &output)
        expect(.probe)
        return true
    }

    package func heardItself(_ payload: borrowing Span<UInt8>) {
        if ByteString(payload).bytes == decimal(probeSent) { probeHeard = probeSent }
    }

    // MARK: Places of users

    private static var renewal: UInt64 { UInt64.max }

    /// Renews the lease of a process, which what it counts stands under. Not the first time: tells if it had
    /// ended.
    package func renewLease(_ node: [UInt8], _ lease: UInt64, isFirst: Bool) {
        callScript(isFirst ? 0 : Self.renewal, "renew", nil, 0, node, lease)
    }

    /// Takes a place of the user, if fewer than `countMax` are taken: `claimed` answers with the number.
    package func claim(
        _ number: UInt64, _ user: ByteString, countMax: Int, _ node: [UInt8], _ lease: UInt64
    ) {
        callScript(number, "claim", user, countMax, node, lease)
    }

    package func leave(_ user: ByteString, _ node: [UInt8], _ lease: UInt64) {
        callScript(0, "leave", user, 1, node, lease)
    }

    /// So many of the user's places are this process's.
    package func setPlaces(_ user: ByteString, _ count: Int, _ node: [UInt8], _ lease: UInt64) {
        callScript(0, "set", user, count, node, lease)
    }

    private func callScript(
        _ number: UInt64, _ what: StaticString, _ user: ByteString?, _ count: Int, _ node: [UInt8],
        _ lease: UInt64
    ) {
        if !hasPlaces { return }
        calls.append(number)
        expect(.script)
        append(user == nil ? "*7\r\n$7\r\nEVALSHA\r\n" : "*9\r\n$7\r\nEVALSHA\r\n", to: &output)
        appendWord(scriptName, to: &output)
        append(user == nil ? "$1\r\n1\r\n" : "$1\r\n2\r\n", to: &output)
        appendWord(terms.leasesKey, to: &output)
        if let user { appendWord(terms.placesPrefix + user.bytes, to: &output) }
        appendWord(node, to: &output)
        appendWord(decimal(lease), to: &output)
        appendWord(ascii(what), to: &output)
        if user != nil { appendWord(decimal(UInt64(count)), to: &output) }
    }

    private func takeCall() -> UInt64 {
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
    package func commandsOpened(isHome: Bool = true) {
        output = []
        waitingBytes = 0
        Self.appendHello(terms.url, to: &output)
        expect(.hello)
        if terms.url.database > 0 {
            append("*2\r\n$6\r\nSELECT\r\n", to: &output)
            appendWord(decimal(UInt64(terms.url.database)), to: &output)
            expect(.database)
        }
        if isHome { keepSecret() }
    }

    /// The server is the one that has what is not about one room or user.
    package func keepSecret() {
        append("*4\r\n$3\r\nSET\r\n", to: &output)
        appendWord(terms.secretKey, to: &output)
        appendWord((terms.secret ?? terms.proposal).bytes, to: &output)
        append("$2\r\nNX\r\n", to: &output)
        expect(.secretSet)
        if terms.countsPlaces {
            append("*3\r\n$6\r\nSCRIPT\r\n$4\r\nLOAD\r\n", to: &output)
            appendWord(ascii(LeaseScript.text), to: &output)
            expect(.scriptLoaded)
        }
        append("*2\r\n$3\r\nGET\r\n", to: &output)
        appendWord(terms.secretKey, to: &output)
        expect(.secret)
    }

    package func subscriberOpened() {
        subscriberOutput = []
        Self.appendHello(terms.url, to: &subscriberOutput)
        subscriberExpected = [.hello]
    }

    /// Either connection is gone; both are made anew. Returns how many messages were on their way: whether
    /// they were published nobody knows.
    package func lost() -> Int {
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
        scriptName = []
        probeSent = 0
        probeHeard = 0
        return unconfirmed
    }

    static func appendHello(_ url: RedisURL, to output: inout [UInt8]) {
        let hasUser = !url.user.isEmpty || !url.password.isEmpty
        append(hasUser ? "*7\r\n$5\r\nHELLO\r\n$1\r\n2\r\n" : "*4\r\n$5\r\nHELLO\r\n$1\r\n2\r\n", to: &output)
        if hasUser {
            append("$4\r\nAUTH\r\n", to: &output)
            appendWord(url.user.isEmpty ? ascii("default") : url.user, to: &output)
            appendWord(url.password, to: &output)
        }
        append("$7\r\nSETNAME\r\n$6\r\nhearth\r\n", to: &output)
    }

    // MARK: Replies

    /// A reply on the first connection that is a number: nearly always that of a message.
    package func commandReply(number: Int64) -> BrokerEvent {
        switch takeExpected() {
        case .publish:
            confirmed += 1
            return .nothing
        case .probe: return .nothing
        case .script:
            let call = takeCall()
            if call == Self.renewal { return number == 0 ? .leaseEnded : .nothing }
            return call == 0 ? .nothing : .claimed(call, isGranted: number != 0)
        default: return .failed(.protocolBroken, text: [])
        }
    }

    package func commandReply(_ pieces: [ReplyPiece]) -> BrokerEvent {
        guard let first = pieces.first, let what = takeExpected() else {
            return .failed(.protocolBroken, text: [])
        }
        if first.kind == .error { return refusal(of: what, first.text) }
        switch what {
        case .hello:
            if let refusal = refusal(of: pieces) { return refusal }
            if !isShard { return .nothing }
            commandsReady = true
            return isOpen ? .opened(terms.secret) : .nothing
        case .database, .secretSet: return .nothing
        case .scriptLoaded:
            scriptName = first.text
            return .nothing
        case .secret:
            if first.kind == .null { return .failed(.outOfMemory, text: []) }
            guard first.kind == .string, let secret = ClusterSecret(first.text) else {
                return .failed(.prefixInUse, text: terms.secretKey)
            }
            terms.secret = secret
            commandsReady = true
            return isOpen ? .opened(secret) : .nothing
        case .publish, .probe, .script: return .failed(.protocolBroken, text: [])
        }
    }

    /// What is no message on the connection that listens.
    package func subscriberReply(_ pieces: [ReplyPiece]) -> BrokerEvent {
        guard let first = pieces.first else { return .failed(.protocolBroken, text: []) }
        let wasHello = !subscriberExpected.isEmpty
        if wasHello { subscriberExpected.removeFirst() }
        if first.kind == .error {
            if !wasHello, isElsewhere(first.text) { return .moved(isMessage: false) }
            return refusal(of: .hello, first.text)
        }
        if !wasHello { return .nothing }
        if let refusal = refusal(of: pieces) { return refusal }
        subscriberReady = true
        return isOpen ? .opened(terms.secret) : .nothing
    }

    /// Another server of the Redis Cluster has the slot, or none has it at the moment.
    private func isElsewhere(_ text: [UInt8]) -> Bool {
        isShard
            && (begins(text, "MOVED") || begins(text, "CLUSTERDOWN") || begins(text, "ASK ")
                || begins(text, "TRYAGAIN"))
    }

    static func refusesUser(_ text: [UInt8]) -> Bool {
        begins(text, "NOAUTH") || begins(text, "WRONGPASS") || begins(text, "NOPERM")
    }

    private func refusal(of what: Expected, _ text: [UInt8]) -> BrokerEvent {
        if isElsewhere(text) {
            // Claims that are not answered are settled when places can be claimed again.
            if what == .script { _ = takeCall() }
            if what == .publish || what == .probe || what == .script {
                return .moved(isMessage: what == .publish)
            }
            return .failed(.moved, text: text)
        }
        if what == .publish { return .notPublished(text: text) }
        if what == .script {
            let call = takeCall()
            // A lack of memory is no reason to refuse anybody; a script that was forgotten is loaded anew.
            if begins(text, "OOM") {
                return call == 0 || call == Self.renewal ? .nothing : .claimed(call, isGranted: true)
            }
        }
        if Self.refusesUser(text) { return .failed(.authentication, text: text) }
        if begins(text, "READONLY") { return .failed(.readOnly, text: text) }
        if begins(text, "OOM") {
            // Who has the secret already needs no memory: the next reply tells.
            return what == .secretSet ? .nothing : .failed(.outOfMemory, text: text)
        }
        if begins(text, "WRONGTYPE") { return .failed(.prefixInUse, text: terms.secretKey) }
        if what == .database { return .failed(.database, text: text) }
        if what == .hello, begins(text, "ERR unknown command") { return .failed(.tooOld, text: text) }
        return .failed(.refused, text: text)
    }

    /// What the answer to HELLO tells against it.
    private func refusal(of pieces: [ReplyPiece]) -> BrokerEvent? {
        guard let hello = ServerHello(pieces) else { return .failed(.protocolBroken, text: []) }
        if let fault = hello.cannotCarry { return .failed(fault, text: []) }
        if hello.isShard, terms.url.database > 0 { return .failed(.database, text: []) }
        return hello.isShard && !isShard ? .isShard : nil
    }

}

func begins(_ text: [UInt8], _ word: StaticString) -> Bool {
    if text.count < word.utf8CodeUnitCount { return false }
    // A static text lives as long as the program.
    for index in 0..<word.utf8CodeUnitCount where unsafe word.utf8Start[index] != text[index] { return false }
    return true
}

/// One word of a command.
@inline(never)
func appendWord(_ word: [UInt8], to output: inout [UInt8]) {
    append("$", to: &output)
    append(decimal: word.count, to: &output)
    append("\r\n", to: &output)
    output += word
    append("\r\n", to: &output)
}

func decimal(_ number: UInt64) -> [UInt8] {
    var text: [UInt8] = []
    append(decimal: Int(clamping: number), to: &text)
    return text
}

@inline(never)
func ascii(_ text: StaticString) -> [UInt8] {
    var bytes: [UInt8] = []
    append(text, to: &bytes)
    return bytes
}
