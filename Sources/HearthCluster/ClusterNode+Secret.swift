// The secret that the processes of a cluster share, how they come to the same one when the broker has lost
// it, and how it is seen that they have not yet.

internal import HearthBytes

/// Processes that this one does not understand, as long as they are heard.
struct Parted {
    private(set) var fault = BrokerFault.none
    private(set) var until: UInt64?

    mutating func note(_ fault: BrokerFault, until end: UInt64) {
        self.fault = fault
        until = end
    }

    /// This process stood still meanwhile.
    mutating func forgive(_ milliseconds: UInt64) {
        if let end = until { until = end + milliseconds }
    }

    /// Returns whether it is over.
    mutating func expire(_ now: UInt64) -> Bool {
        guard let end = until, end <= now else { return false }
        fault = .none
        until = nil
        return true
    }
}

struct Agreement {
    /// What others may still sign with, for a while.
    var former: ClusterSecret?
    var formerUntil: UInt64 = 0
    var nextRenewal: UInt64 = 0
    var lastRenewal: UInt64 = 0
}

extension ClusterNode {
    /// Why messages of some processes do not arrive here.
    package var partedBy: BrokerFault { parted.fault }

    /// The cluster has another secret from now on. The former one is accepted for one more lease, as others
    /// learn of the new one later.
    package func changeSecret(_ secret: ClusterSecret, now: UInt64) {
        if self.secret == secret { return }
        agreement.former = self.secret
        agreement.formerUntil = now + settings.lease
        self.secret = secret
        if !isLinked { return }
        nextBeat = now
        // What was told under the former one was refused by those who have this one.
        tellRooms(to: nil)
    }

    func renewSecret(_ now: UInt64) {
        agreement.lastRenewal = now
        agreement.nextRenewal = now + settings.lease / 3
        broker.renewSecret()
    }

    /// nil: this process knows no secret.
    func read(
        _ payload: borrowing Span<UInt8>, channel: borrowing Span<UInt8>, _ now: UInt64
    ) throws(NodeMessageFault) -> NodeMessage? {
        guard let secret else { return nil }
        do throws(NodeMessageFault) {
            return try NodeMessage.read(payload, channel: channel, domain: settings.domain, secret)
        } catch {
            guard error == .forged, let former = agreement.former, now < agreement.formerUntil else {
                throw error
            }
            return try NodeMessage.read(payload, channel: channel, domain: settings.domain, former)
        }
    }

    /// A message is not from a process that this one understands. Of a heartbeat that is told to the program:
    /// every process sends them, and others have no reason to imitate them.
    func refused(_ fault: NodeMessageFault, isBeat: Bool, _ now: UInt64) {
        counts.rejected += 1
        if fault == .forged, isLinked {
            // The secret may have changed. Foreign messages do not make the process ask more often than that.
            agreement.nextRenewal = min(
                agreement.nextRenewal, max(now, agreement.lastRenewal + settings.lease / 12))
        }
        if isBeat, fault == .forged { part(.parted, now) }
        if isBeat, fault == .version { part(.otherVersion, now) }
    }

    func part(_ fault: BrokerFault, _ now: UInt64) {
        if parted.fault != fault { hasNews = true }
        parted.note(fault, until: now + settings.lease)
    }

    /// Something on a channel was too large for a message of ours.
    package func skipped() { counts.rejected += 1 }

    /// Asks once more for what the broker has not confirmed. Returns whether there is any.
    package func subscribeAgain() -> Bool {
        var isAny = false
        forEachAsked {
            broker.subscribe($0.bytes.span)
            isAny = true
        }
        return isAny
    }
}
