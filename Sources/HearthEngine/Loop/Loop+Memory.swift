// What a loop does when memory is low (docs/decisions/0030): nobody new, spare memory goes back, and the
// connections that hold most are closed.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import HearthWire

extension Loop {
    /// Who holds less is not closed for it.
    private static var hoardBytesMin: Int { 4 << 10 }

    /// Gives back what is spare, and closes connections until a quarter of the limit is free.
    @inline(never)
    func relieveMemory() {
        if Memory.announceLow() {
            context.log(
                .warning, "engine", "memory is low",
                LogFields().adding("used", UInt64(Memory.usedBytes))
                    .adding("max_memory", UInt64(Memory.limitBytes)))
        }
        spareMemory = []
        hub.trim()
        codecs.trim()
        if recoverMemory() { return }
        var excess = excessBytes
        for _ in 0..<4 where excess > 0 {
            let largest = largestHoard
            if largest < Self.hoardBytesMin { break }
            for index in 0..<connections.endIndex where excess > 0 && connections.contains(UInt32(index)) {
                let place = connections.place(UInt32(index))
                let held = heldBytes(place)
                if held < max(largest / 2, Self.hoardBytesMin) { continue }
                excess -= held
                giveUpHoard(place)
            }
        }
    }

    /// True: memory is not low any more.
    func recoverMemory() -> Bool {
        if !Memory.recover() { return false }
        if Memory.announceRecovered() {
            context.log(
                .info, "engine", "there is memory again",
                LogFields().adding("used", UInt64(Memory.usedBytes)))
        }
        return true
    }

    /// This loop's share of what is held beyond three quarters of the limit. Where it is the system that
    /// refuses, below the limit, an eighth of what is held.
    private var excessBytes: Int {
        let used = Memory.usedBytes
        let limit = Memory.limitBytes
        let excess = limit > 0 ? used - limit / 4 * 3 : 0
        return (excess > 0 ? excess : used / 8) / loopCount + 1
    }

    private var largestHoard: Int {
        var largest = 0
        for index in 0..<connections.endIndex where connections.contains(UInt32(index)) {
            largest = max(largest, heldBytes(connections.place(UInt32(index))))
        }
        return largest
    }

    /// What is freed when the connection is closed: its message in progress, its request, its outbox.
    private func heldBytes(_ place: ConnectionRef) -> Int {
        switch place.pointee.phase {
        case .released, .finishing: return 0
        case .open where place.pointee.session.state != .open: return 0
        default: break
        }
        let exchange = place.pointee.exchange
        let request = exchange.map { $0.head.capacity + $0.leftover.capacity + $0.body.capacity } ?? 0
        return place.pointee.session.decoder.heldBytes + hub.waitingBytes(place.pointee.slot) + request
    }

    private func giveUpHoard(_ place: ConnectionRef) {
        switch place.pointee.phase {
        case .open:
            place.pointee.session.dropMessage()
            hub.dropOldest(place.pointee.slot, untilBytes: 0)
            fail(place, .tryAgainLater, "out of memory")
        case .request, .body:
            place.pointee.exchange?.body = []
            respondAndClose(place, 503, "out of memory", "Retry-After: 1\r\n")
        default: release(place)
        }
    }
}
