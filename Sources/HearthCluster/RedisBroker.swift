// One server of Redis: commands out, replies in, in the order in which they were asked for. RESP 2 on two
// connections, as every Redis from 6 on and every Valkey speaks it: one publishes, one listens.

internal import HearthBytes
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
    /// The secret is another one from now on.
    case secretChanged(ClusterSecret)
    case failed(BrokerFault, text: [UInt8])
    /// Redis does not let this process listen to a channel.
    case notSubscribed(BrokerFault, text: [UInt8])
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
    let prefix: [UInt8]
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
        self.prefix = prefix
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
    enum Expected: UInt8 {
        case hello, database, secretSet, secret, scriptLoaded, publish, probe, script, role
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
    /// What the script was called for, in order.
    var calls: [ScriptCall] = []
    var callsHead = 0
    var scriptName: [UInt8] = []
    /// The whole script is on its way, as Redis had forgotten it.
    var sendsScript = false
    /// The name under which this process has a lease.
    var leaseName: [UInt8] = []
    /// Why the secret could not be set.
    var setFault: (fault: BrokerFault, text: [UInt8])?
    /// What Redis refused, while the connections stay: the owner takes it.
    package var trouble: (fault: BrokerFault, text: [UInt8])?
    private var commandsReady = false
    /// On this connection the secret has been told, and is to be renewed.
    private(set) var hasSecret = false
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

    func expect(_ what: Expected) {
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
        setSecret(terms.secret ?? terms.proposal, isNew: true)
        if terms.countsPlaces {
            append("*3\r\n$6\r\nSCRIPT\r\n$4\r\nLOAD\r\n", to: &output)
            appendWord(ascii(LeaseScript.text), to: &output)
            expect(.scriptLoaded)
        }
        getSecret()
    }

    /// `isNew`: only if there is none.
    private func setSecret(_ secret: ClusterSecret, isNew: Bool) {
        append(isNew ? "*4\r\n$3\r\nSET\r\n" : "*3\r\n$3\r\nSET\r\n", to: &output)
        appendWord(terms.secretKey, to: &output)
        appendWord(secret.bytes, to: &output)
        if isNew { append("$2\r\nNX\r\n", to: &output) }
        expect(.secretSet)
    }

    private func getSecret() {
        append("*2\r\n$3\r\nGET\r\n", to: &output)
        appendWord(terms.secretKey, to: &output)
        expect(.secret)
    }

    /// As often as a lease is renewed: the server is still a master, and the secret is there.
    package func renewSecret() {
        guard isOpen, hasSecret, let secret = terms.secret else { return }
        append("*2\r\n$5\r\nHELLO\r\n$1\r\n2\r\n", to: &output)
        expect(.role)
        setSecret(secret, isNew: true)
        getSecret()
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
        sendsScript = false
        leaseName = []
        setFault = nil
        hasSecret = false
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
        case .script: return scriptReply(number)
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
        case .secret: return found(first)
        case .role:
            guard let hello = ServerHello(pieces) else { return .failed(.protocolBroken, text: []) }
            if let fault = hello.cannotCarry { return .failed(fault, text: []) }
            return .nothing
        case .publish, .probe, .script: return .failed(.protocolBroken, text: [])
        }
    }

    /// What Redis has for the secret. Of two that differ the lexically smaller one is the cluster's.
    private func found(_ reply: ReplyPiece) -> BrokerEvent {
        let refused = setFault
        setFault = nil
        if reply.kind == .null {
            // Whoever knows it goes on with it, and tells it again with the next renewal.
            let (fault, text) = refused ?? (.outOfMemory, [])
            if !hasSecret { return .failed(fault, text: text) }
            trouble = (fault, text)
            return .nothing
        }
        guard reply.kind == .string, let found = ClusterSecret(reply.text) else {
            if !hasSecret { return .failed(.prefixInUse, text: terms.secretKey) }
            trouble = (.prefixInUse, terms.secretKey)
            return .nothing
        }
        if let refused, refused.fault == .noPermission { trouble = refused }
        let known = terms.secret
        if let known, known < found, refused == nil {
            setSecret(known, isNew: false)
            getSecret()
            return .nothing
        }
        let isRenewal = hasSecret
        terms.secret = found
        commandsReady = true
        hasSecret = true
        if isRenewal { return known == found ? .nothing : .secretChanged(found) }
        return isOpen ? .opened(found) : .nothing
    }

    /// What is no message on the connection that listens.
    package func subscriberReply(_ pieces: [ReplyPiece]) -> BrokerEvent {
        guard let first = pieces.first else { return .failed(.protocolBroken, text: []) }
        let wasHello = !subscriberExpected.isEmpty
        if wasHello { subscriberExpected.removeFirst() }
        if first.kind == .error {
            if wasHello { return refusal(of: .hello, first.text) }
            if isElsewhere(first.text) { return .moved(isMessage: false) }
            let word: StaticString = isShard ? "+ssubscribe" : "+subscribe"
            return .notSubscribed(fault(in: first.text), text: explained(first.text, ascii(word)))
        }
        if !wasHello { return .nothing }
        if let refusal = refusal(of: pieces) { return refusal }
        subscriberReady = true
        return isOpen ? .opened(terms.secret) : .nothing
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
