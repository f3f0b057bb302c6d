// Connections that have more to be handled than one turn allows go on in the next, after the others.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import HearthWire
internal import Synchronization

extension Loop {
    /// The connection has used up its budget. Whether it goes on at once, as nothing else waits and another
    /// turn would serve nobody. What is inflated always takes its turns.
    @inline(never)
    func goesOn(_ place: ConnectionRef) -> Bool {
        if ingress.hasOthers || ingress.inflatableBytes <= 0 || engine.queue.isFull { return false }
        if place.pointee.holds.contains(.program) || port.hasCommands.load(ordering: .relaxed) {
            return false
        }
        return !events.isAnyReady(but: Acceptor.namesEnd + UInt64(place.pointee.slot))
    }

    /// Keeps what one turn has left of the bytes just read.
    @inline(never)
    func keep(_ place: ConnectionRef, _ bytes: UnsafePointer<UInt8>, _ count: Int) {
        ingress.add(place.pointee.slot, round: events.round, bytes, count)
        place.pointee.holds.insert(.backlog)
        context.ensureTurn()
    }

    /// The turn of those that have waited for it since another.
    func goOnWithBacklogs() {
        let backlogs = ingress.takeQueue()
        for (index, backlog) in backlogs.enumerated() {
            if backlog.round == events.round {
                ingress.wait(backlog, round: backlog.round)
            } else if ingress.backlog(of: backlog.slot) === backlog {
                ingress.hasOthers = index > 0 || backlogs.count > 1
                goOn(connections.place(backlog.slot), backlog)
                relieveArena()
            }
        }
        ingress.hasOthers = true
    }

    private func goOn(_ place: ConnectionRef, _ backlog: Backlog) {
        if place.pointee.phase != .open { return backlogEnded(place, backlog) }
        if place.pointee.holds.contains(.program) || engine.queue.isFull {
            setInterest(place, place.pointee.interest.subtracting(.readable))
            if !place.pointee.holds.contains(.program) { ingress.pause(place.pointee.id) }
            return
        }
        let id = place.pointee.id
        ingress.inflatableBytes = Ingress.inflatedBytesPerTurn
        let isInflated = goOnInflating(place)
        if place.pointee.id != id { return }
        let left = isInflated ? feed(place, backlog.bytes, backlog.bytesLeft) : backlog.bytesLeft
        if place.pointee.id != id { return }
        if left < 0 { return backlogEnded(place, backlog) }
        backlog.keep(last: left)
        ingress.wait(backlog, round: events.round)
    }

    /// The backlog is worked off, or of no use any more: what came of the transport meanwhile follows.
    private func backlogEnded(_ place: ConnectionRef, _ backlog: Backlog) {
        dropBacklog(place)
        if backlog.isBroken { return transportFailed(place) }
        if let stream = place.pointee.tls { checkEnd(place, stream) }
        if place.pointee.phase == .released || place.pointee.isInputEnded { return }
        if !place.pointee.holds.contains(.program) {
            setInterest(place, place.pointee.interest.union(.readable))
        }
    }

    /// A held connection may be read again: it goes on with what has been read.
    func goOnLater(withBacklogOf place: ConnectionRef) {
        guard place.pointee.holds.contains(.backlog), let backlog = ingress.backlog(of: place.pointee.slot)
        else { return }
        ingress.wait(backlog, round: backlog.round)
        context.ensureTurn()
    }

    func dropBacklog(_ place: ConnectionRef) {
        if !place.pointee.holds.contains(.backlog) { return }
        place.pointee.holds.remove(.backlog)
        place.pointee.compression?.inflation = nil
        ingress.remove(place.pointee.slot)
    }
}
