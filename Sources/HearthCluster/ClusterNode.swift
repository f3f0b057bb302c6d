// One process of a cluster: what it listens to, what it tells the others, what it knows of them. It holds no
// socket and no clock. The owner hands in what arrived and what time it is, does what a delivery says, and
// calls `tick` when it is due.

internal import HearthBytes

package struct ClusterSettings {
    package var prefix: [UInt8] = []
    package var nodeName: [UInt8] = []
    /// Milliseconds.
    package var lease: UInt64 = 10_000
    package var probe: UInt64 = 5000
    /// How long a channel is kept that nobody here needs any more.
    package var linger: UInt64 = 5000
    package var messageBytesMax = 1 << 20
    package var channelsMax = 1 << 20
    package var nodesMax = 1024
    /// What waits for the broker when the process begins.
    package var pendingBytesMax = 1 << 20
    /// The database of Redis where the secret is.
    package var domain: UInt16 = 0
    /// Users in rooms that other processes may have told of.
    package var presenceMax = 1 << 20

    package init() {}
}

package enum Published: Equatable {
    case sent
    /// The broker cannot be reached at the moment.
    case away
    /// It goes on as soon as the broker is reached for the first time.
    case waits
    /// More waits for the broker than may.
    case full
    case tooLarge
}

/// What is to be done with a message that came.
package enum Delivery {
    case nothing
    /// To the members of a room, the connections of a user, everybody. The name lies in the channel.
    case message(NodeMessage)
    case kick(NodeMessage)
    /// The process is to say what it knows: the subject is in the opcode, the name the first text.
    case question(NodeMessage)
    case rejected(NodeMessageFault)
}

package struct ClusterCounts {
    package var received: UInt64 = 0
    package var missed: UInt64 = 0
    package var duplicates: UInt64 = 0
    package var rejected: UInt64 = 0
    package var nodesLost: UInt64 = 0
}

package final class ClusterNode<Carrier: Broker> {
    package let settings: ClusterSettings
    package let number: UInt64
    package var broker: Carrier
    package var counts = ClusterCounts()
    /// Processes have come or gone, or this one has lost or found the broker.
    package var hasNews = false
    /// Of this process, for its heartbeats.
    package var own = NodeCounts()
    /// The broker has been told what to listen to, for all that is not about one room or user.
    package private(set) var isLinked = false
    /// And a message to itself has come back since.
    package private(set) var isProven = false
    /// A probe has not come back.
    package private(set) var isDeaf = false
    /// Processes whose heartbeats are refused, or that are too many; nil: none.
    var parted = Parted()
    var waiting = Waiting()
    var agreement = Agreement()
    /// What is to be done, in this order.
    var effects: [ClusterEffect] = []
    var presence: RemotePresence
    var questions: [Question] = []
    var secret: ClusterSecret?
    /// Processes that were taken for dead, and those that said farewell, the last ones.
    private var buried: [UInt64] = []
    private var departed: [UInt64] = []
    private var table: ChannelTable
    private var nodeTable: NodeTable
    private let ownChannel: UInt32
    private let allChannel: UInt32
    private let beatChannel: UInt32
    var nextBeat: UInt64 = 0
    private var nextProbe: UInt64 = 0
    private var probeSent: UInt64 = 0
    private var probeHeard: UInt64 = 0
    private var lastTick: UInt64 = 0

    /// `number` and `epoch` are never the same in two processes, or in one that begins again.
    package init(
        _ settings: ClusterSettings, _ broker: Carrier, number: UInt64, epoch: UInt64,
        seed: (UInt64, UInt64)
    ) {
        self.settings = settings
        self.broker = broker
        self.number = number
        table = ChannelTable(prefix: settings.prefix, seed: seed, epoch: epoch)
        nodeTable = NodeTable(countMax: settings.nodesMax)
        presence = RemotePresence(countMax: settings.presenceMax)
        let name = Self.hexadecimal(number)
        ownChannel = table.findOrAdd(.node, name.span, countMax: 3)!
        allChannel = table.findOrAdd(.all, name.span.extracting(0..<0), countMax: 3)!
        beatChannel = table.findOrAdd(.beat, name.span.extracting(0..<0), countMax: 3)!
        table.channels[ownChannel].holds = 1
        table.channels[allChannel].holds = 1
        table.channels[beatChannel].holds = 1
    }

    package var nodes: [Node] { nodeTable.nodes }
    package var channelCount: Int { table.count }

    package static func hexadecimal(_ number: UInt64) -> [UInt8] {
        var text: [UInt8] = []
        for index in 0..<16 {
            let digit = UInt8(truncatingIfNeeded: number >> UInt64(60 - 4 * index)) & 15
            text.append(digit < 10 ? 0x30 + digit : 0x61 + digit - 10)
        }
        return text
    }

    package func takeEffects() -> [ClusterEffect] {
        let taken = effects
        effects = []
        return taken
    }

    /// The room's channel, if it is heard.
    func listened(_ room: ByteString) -> UInt32? {
        guard isLinked, let channel = table.find(.room, room.bytes.span),
            table.channels[channel].subscription == .on
        else { return nil }
        return channel
    }

    /// The process has heard others on the channel.
    func hasHeard(_ channel: UInt32) -> Bool { !table.channels[channel].arrivals.isEmpty }

    /// A channel to be spoken to; nil: there are too many.
    func reach(_ kind: ChannelKind, _ name: borrowing Span<UInt8>, now: UInt64) -> UInt32? {
        guard let channel = table.findOrAdd(kind, name, countMax: settings.channelsMax) else { return nil }
        if table.channels[channel].holds == 0 { rest(channel, now) }
        return channel
    }

    func roomName(_ channel: UInt32) -> ByteString {
        ByteString(Array(table.channels[channel].name.bytes[table.nameStart...]))
    }

    // MARK: What the process needs

    /// A part of the process has members of the room, or a connection of the user, from now on. False: there
    /// are too many channels, and messages of other processes will not arrive.
    package func hold(_ kind: ChannelKind, _ name: borrowing Span<UInt8>) -> Bool {
        guard let channel = table.findOrAdd(kind, name, countMax: settings.channelsMax) else { return false }
        table.channels[channel].holds += 1
        if table.channels[channel].subscription == .off { subscribe(channel) }
        return true
    }

    /// False: it was not held, as there were too many channels.
    package func release(_ kind: ChannelKind, _ name: borrowing Span<UInt8>, now: UInt64) -> Bool {
        guard let channel = table.find(kind, name), table.channels[channel].holds > 0 else { return false }
        table.channels[channel].holds -= 1
        if table.channels[channel].holds == 0 { rest(channel, now) }
        return true
    }

    private func rest(_ channel: UInt32, _ now: UInt64) {
        table.channels[channel].lastUsed = now
        table.list(channel, due: now + settings.linger)
    }

    /// What the broker was asked for and has not confirmed.
    func forEachAsked(_ body: (ByteString) -> Void) {
        for index in 0..<table.channels.endIndex where table.channels.contains(UInt32(index)) {
            let channel = UInt32(index)
            if table.channels[channel].subscription == .asked { body(table.channels[channel].name) }
        }
    }

    private func subscribe(_ channel: UInt32) {
        let name = table.channels[channel].name
        guard secret != nil, let place = broker.place(of: name.bytes.span) else { return }
        table.channels[channel].subscription = .asked
        table.channels[channel].place = place
        broker.subscribe(name.bytes.span)
    }

    // MARK: What the broker says

    /// Both ways to the broker, or to one more of its servers, are open: it is told what to listen to.
    package func opened(_ secret: ClusterSecret, now: UInt64) {
        if self.secret == nil { self.secret = secret }
        changeSecret(secret, now: now)
        for channel in [allChannel, beatChannel, ownChannel]
        where table.channels[channel].subscription == .off {
            subscribe(channel)
        }
        for index in 0..<table.channels.endIndex where table.channels.contains(UInt32(index)) {
            let channel = UInt32(index)
            if table.channels[channel].holds > 0, table.channels[channel].subscription == .off {
                subscribe(channel)
            }
        }
    }

    /// The broker is gone, or servers of it are, or channels have others now. `forgetsAsked`: what was asked
    /// for and not answered is asked for again.
    package func closed(forgetsAsked: Bool = false, now: UInt64) {
        for index in 0..<table.channels.endIndex where table.channels.contains(UInt32(index)) {
            let channel = UInt32(index)
            if table.channels[channel].subscription == .off { continue }
            let name = table.channels[channel].name
            let isThere = broker.place(of: name.bytes.span) == table.channels[channel].place
            if !isThere || forgetsAsked && table.channels[channel].subscription == .asked {
                silence(channel, now)
            }
        }
    }

    /// The server listens to the channel for us no more, as another has it. Returns whether it is needed.
    package func unsubscribed(_ name: borrowing Span<UInt8>, at place: UInt32, now: UInt64) -> Bool {
        guard let channel = table.find(whole: name), table.channels[channel].subscription == .on,
            table.channels[channel].place == place
        else { return false }
        silence(channel, now)
        return true
    }

    private func silence(_ channel: UInt32, _ now: UInt64) {
        table.channels[channel].subscription = .off
        if table.channels[channel].holds == 0 { rest(channel, now) }
        if channel == ownChannel || channel == allChannel || channel == beatChannel {
            isLinked = false
            isProven = false
        }
    }

    package func subscribed(_ name: borrowing Span<UInt8>, at place: UInt32, now: UInt64) {
        guard let channel = table.find(whole: name), table.channels[channel].subscription == .asked,
            table.channels[channel].place == place
        else { return }
        table.channels[channel].subscription = .on
        if !isLinked, table.channels[ownChannel].subscription == .on,
            table.channels[allChannel].subscription == .on,
            table.channels[beatChannel].subscription == .on
        {
            link(now)
        } else if isLinked, table.channels[channel].kind == .room {
            effects.append(.tellRoom(roomName(channel), to: nil, asks: true))
        }
    }

    private func link(_ now: UInt64) {
        isLinked = true
        isProven = false
        isDeaf = false
        probeSent = 0
        probeHeard = 0
        lastTick = now
        agreement.nextRenewal = now + settings.lease / 3
        beat(now)
        nextProbe = now
        tick(now: now)
        // Of a broker with several servers others may have been there before.
        tellRooms(to: nil)
    }

    /// Everything that is known of rooms here, and the same is asked for.
    func tellRooms(to node: UInt64?) {
        for index in 0..<table.channels.endIndex where table.channels.contains(UInt32(index)) {
            let channel = UInt32(index)
            if table.channels[channel].kind == .room, table.channels[channel].subscription == .on, isLinked {
                effects.append(.tellRoom(roomName(channel), to: node, asks: true))
            }
        }
    }

    // MARK: Out

    /// Tells the other processes. What cannot be forwarded is counted by the caller; the others will know
    /// that something is missing.
    package func publish(
        _ message: NodeMessage, to kind: ChannelKind, _ target: borrowing Span<UInt8>,
        name: borrowing Span<UInt8>, first: borrowing Span<UInt8>, second: borrowing Span<UInt8>, now: UInt64
    ) -> Published {
        let count = NodeMessage.count(name.count, first.count, second.count)
        if count > settings.messageBytesMax + NodeMessage.count(0, 0, 0) { return .tooLarge }
        if waiting.isOpen { return wait(message, kind, target, name: name, first: first, second: second) }
        guard let channel = reach(kind, target, now: now) else { return .full }
        return send(message, channel, name: name, first: first, second: second, count: count)
    }

    private func send(
        _ message: NodeMessage, _ channel: UInt32, name: borrowing Span<UInt8>,
        first: borrowing Span<UInt8>, second: borrowing Span<UInt8>, count: Int
    ) -> Published {
        table.channels[channel].sequence += 1
        guard let secret else { return .away }
        let whole = table.channels[channel].name
        let begun = broker.beginMessage(to: whole.bytes.span, count: count)
        if begun != .sent { return begun }
        var message = message
        message.origin = number
        message.epoch = table.channels[channel].epoch
        message.sequence = table.channels[channel].sequence
        message.domain = settings.domain
        message.append(
            name: name, first: first, second: second, channel: whole.bytes.span, secret,
            to: &broker.output)
        broker.endMessage()
        return .sent
    }

    func sendOwn(_ message: NodeMessage, _ channel: UInt32, name: [UInt8] = [], first: [UInt8] = []) {
        _ = send(
            message, channel, name: name.span, first: first.span, second: first.span.extracting(0..<0),
            count: NodeMessage.count(name.count, first.count, 0))
    }

    func sendToAll(_ message: NodeMessage, name: [UInt8]) { sendOwn(message, allChannel, name: name) }

    private func beat(_ now: UInt64) {
        var message = NodeMessage(.heartbeat)
        message.number = settings.lease
        sendOwn(message, beatChannel, name: settings.nodeName, first: own.bytes)
        nextBeat = now + settings.lease / 3
    }

    /// The process goes: the others need not wait for its lease.
    package func bidFarewell() {
        if isLinked { sendOwn(NodeMessage(.farewell), beatChannel) }
    }

    // MARK: In

    package func receive(
        _ name: borrowing Span<UInt8>, _ payload: borrowing Span<UInt8>, now: UInt64
    ) -> Delivery {
        guard let channel = table.find(whole: name) else { return .nothing }
        let message: NodeMessage
        do throws(NodeMessageFault) {
            guard let read = try read(payload, channel: name, now) else { return .nothing }
            message = read
        } catch {
            refused(error, isBeat: table.channels[channel].kind == .beat, now)
            return .rejected(error)
        }
        if message.origin == number {
            if message.kind == .probe { probeHeard = max(probeHeard, message.number) }
            if probeHeard > 0 { isProven = isLinked }
            return .nothing
        }
        switch table.arrived(channel, message, among: nodeTable) {
        case .duplicate:
            counts.duplicates += 1
            return .nothing
        case .fresh(let missed):
            let kind = table.channels[channel].kind
            if kind != .beat && kind != .node { counts.missed += missed }
            if missed > 0, table.channels[channel].kind == .room, isLinked {
                effects.append(.tellRoom(roomName(channel), to: message.origin, asks: true))
            }
        }
        counts.received += 1
        return handle(message, payload, on: channel, now)
    }

    private func handle(
        _ message: NodeMessage, _ payload: borrowing Span<UInt8>, on channel: UInt32, _ now: UInt64
    ) -> Delivery {
        switch (message.kind, table.channels[channel].kind) {
        case (.room, .room), (.user, .user), (.everyone, .all): return .message(message)
        case (.kick, .user): return .kick(message)
        case (.question, .all): return .question(message)
        case (.answer, .node):
            receiveAnswer(message, payload)
            return .nothing
        case (.heartbeat, .beat):
            if let counts = NodeCounts(payload, message.first) {
                let name = ByteString(payload, message.name)
                departed.removeAll { $0 == message.origin }
                meet(message.origin, name, counts, lease: message.number, now)
            }
            return .nothing
        case (.farewell, .beat):
            if nodeTable.remove(message.origin) { hasNews = true }
            if departed.count >= settings.nodesMax { departed.removeFirst() }
            departed.append(message.origin)
            nodeGone(message.origin)
            return .nothing
        case (.joined, .room), (.left, .room), (.snapshot, .room), (.snapshot, .node):
            if !nodeTable.contains(message.origin) {
                // What it said before its farewell came by another server.
                if departed.contains(message.origin) { return .nothing }
                // Its beat is on the way.
                let name = ByteString(Self.hexadecimal(message.origin))
                meet(message.origin, name, NodeCounts(), lease: settings.lease, now)
            }
            if message.kind == .snapshot {
                receiveSnapshot(message, payload)
                if message.flags.contains(.again), table.channels[channel].sequence > 0 {
                    sendOwn(NodeMessage(.mark), channel)
                }
            } else {
                receivePresence(message, payload, in: roomName(channel))
            }
            return .nothing
        default: return .nothing
        }
    }

    /// A process lives.
    private func meet(
        _ origin: UInt64, _ name: ByteString, _ counts: NodeCounts, lease: UInt64, _ now: UInt64
    ) {
        guard let isNew = nodeTable.heard(origin, name, counts, lease: lease, now: now) else {
            return part(.tooManyNodes, now)
        }
        if !isNew { return }
        hasNews = true
        // It learns of this process at once, and not only with the next beat.
        nextBeat = min(nextBeat, now)
        guard let index = buried.firstIndex(of: origin) else { return }
        // What it had is forgotten here, and it does not know that.
        buried.remove(at: index)
        tellRooms(to: origin)
    }

    // MARK: Time

    package var due: UInt64? {
        var due = table.due
        if let next = questionsDue, due == nil || next < due! { due = next }
        if let end = nodeTable.due, due == nil || end < due! { due = end }
        // Often enough to notice when this process stood still.
        if !nodeTable.nodes.isEmpty {
            let next = lastTick + settings.lease / 4
            if due == nil || next < due! { due = next }
        }
        if let end = parted.until, due == nil || end < due! { due = end }
        if let end = waiting.deadline, due == nil || end < due! { due = end }
        if isLinked {
            let next = min(nextBeat, nextProbe, agreement.nextRenewal)
            if due == nil || next < due! { due = next }
        }
        return due
    }

    package func tick(now: UInt64) {
        let passed = now > lastTick ? now - lastTick : 0
        // What came meanwhile has not been read yet.
        let stoodStill = lastTick > 0 && passed > settings.lease / 2
        if stoodStill {
            nodeTable.forgive(passed)
            nextProbe = max(nextProbe, now + settings.probe)
            parted.forgive(passed)
        }
        lastTick = now
        let lost = nodeTable.expire(now: now)
        counts.nodesLost += UInt64(lost.count)
        for node in lost {
            hasNews = true
            if buried.count >= settings.nodesMax { buried.removeFirst() }
            buried.append(node.number)
            nodeGone(node.number)
        }
        expireQuestions(now: now)
        if parted.expire(now) { hasNews = true }
        while let due = table.due, due <= now { review(table.takeListed(), now) }
        guard isLinked else { return }
        if nextBeat <= now { beat(now) }
        if agreement.nextRenewal <= now { renewSecret(now) }
        if nextProbe <= now { probe(now) }
    }

    private func probe(_ now: UInt64) {
        isDeaf = probeSent != probeHeard
        nextProbe = now + settings.probe
        if isDeaf { return }
        probeSent += 1
        var message = NodeMessage(.probe)
        message.number = probeSent
        sendOwn(message, ownChannel)
    }

    /// A channel that nobody needed a while ago.
    private func review(_ channel: UInt32, _ now: UInt64) {
        if table.channels[channel].holds > 0 { return }
        let due = table.channels[channel].lastUsed + settings.linger
        if due > now { return table.list(channel, due: due) }
        let name = table.channels[channel].name
        if table.channels[channel].subscription != .off,
            broker.place(of: name.bytes.span) == table.channels[channel].place
        {
            broker.unsubscribe(name.bytes.span)
        }
        if table.channels[channel].kind == .room { roomGone(roomName(channel)) }
        table.remove(channel)
    }
}
