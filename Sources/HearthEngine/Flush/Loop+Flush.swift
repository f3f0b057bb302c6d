// Outboxes to sockets: once per turn and connection, everything that waits in one write.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import Synchronization

extension Loop {
    @_optimize(speed)
    func flushAll() {
        isFlushingAll = true
        defer { isFlushingAll = false }
        if ring != nil, hub.dirtyCount >= Self.ringSendsMin { flushByRing() }
        while let slot = hub.nextDirty() {
            prefetchNextDirty()
            flush(slot)
        }
        if pages.isUsed { pages.close() }
        hub.arena.endTurn()
        if broadcastsOfTurn > 0 { recordBroadcasts() }
        channels.endFlush()
        clients.endFlush()
    }

    /// A write leaves little in the caches; what the next needs comes back while this one goes.
    @inline(__always)
    private func prefetchNextDirty() {
        guard let next = hub.firstDirtyPlace else { return }
        Memory.prefetch(next.address)
        Connection.prefetch(connections.place(next.slot))
    }

    @_optimize(speed)
    func flush(_ slot: UInt32) {
        let place = connections.place(slot)
        if place.pointee.phase == .released { return hub.discardOutbox(slot) }
        if hub.isBlocked(slot) {
            if let link = place.pointee.link { handOver(place, link) } else { hub.keep(slot) }
        } else if place.pointee.isSealed {
            flushSealed(place)
        } else if hub.waitingBytes(slot) >= SharedPages.bytesMin, flushShared(place) {
            // Done.
        } else if let piece = hub.singlePiece(slot) {
            sent(
                place,
                Socket.send(
                    place.pointee.descriptor, piece.base!.assumingMemoryBound(to: UInt8.self), piece.count),
                piece.count)
        } else {
            flushPieces(place)
        }
        noteCounts(place)
    }

    @inline(__always)
    func noteCounts(_ place: ConnectionRef) {
        let slot = place.pointee.slot
        let sent = hub.sentCount(slot)
        place.pointee.counters.add(
            .messagesSent, sent &- place.pointee.messagesSent.load(ordering: .relaxed))
        place.pointee.messagesSent.store(sent, ordering: .relaxed)
        place.pointee.waitingBytes.store(UInt64(hub.waitingBytes(slot)), ordering: .relaxed)
        if place.pointee.isClient { clientFlushed(place) }
    }

    private func flushPieces(_ place: ConnectionRef) {
        let slot = place.pointee.slot
        while !hub.isBlocked(slot), place.pointee.phase != .released {
            let count = hub.gather(slot, into: pieces)
            if count == 0 { return }
            let batch = UnsafeMutableBufferPointer(rebasing: pieces[..<count])
            let bytes = batch.reduce(0) { $0 + $1.count }
            sent(place, Socket.send(place.pointee.descriptor, pieces: batch), bytes)
        }
    }

    /// What waits, without a copy, if many get the very same. False: it has to be sent as usual.
    func flushShared(_ place: ConnectionRef) -> Bool {
        let others = SharedPages.receiversMin - 1
        if !isFlushingAll || !pages.isUsable || !pages.isOpen && hub.dirtyCount < others { return false }
        let slot = place.pointee.slot
        let bytes = hub.waitingBytes(slot)
        let batch = UnsafeMutableBufferPointer(rebasing: pieces[..<hub.gather(slot, into: pieces)])
        if !pages.has(batch) {
            pages.end()
            // Between them may be some that had more to get in this turn.
            guard pages.isUsable, hub.countInStep(with: slot, among: 2 * others) >= others,
                pages.open(batch, bytes: bytes)
            else { return false }
        }
        guard let transfer = pages.send(to: place.pointee.descriptor) else { return false }
        sent(place, transfer, bytes)
        return true
    }

    @inline(__always)
    func sent(_ place: ConnectionRef, _ transfer: Transfer, _ count: Int) {
        let slot = place.pointee.slot
        if case .bytes(let sent) = transfer { place.pointee.counters.add(.bytesSent, UInt64(sent)) }
        if place.pointee.isClient { noteTaken(place, transfer) }
        switch transfer {
        case .bytes(let sent) where sent == count && count == hub.waitingBytes(slot):
            hub.sentAll(slot)
            if place.pointee.phase != .open { afterwork.note(.emptied(slot)) }
        case .bytes(let sent) where sent == count:
            // More pieces than one write takes: the rest follows at once.
            hub.sentPart(slot, count: sent)
            hub.unblock(slot)
        case .bytes(let sent):
            hub.sentPart(slot, count: sent)
            setInterest(place, place.pointee.interest.union(.writable))
        case .blocked:
            hub.sentPart(slot, count: 0)
            setInterest(place, place.pointee.interest.union(.writable))
        case .failed: giveUp(slot)
        }
    }

    /// Nothing can be written any more. The end of the turn draws the conclusion.
    func giveUp(_ slot: UInt32) {
        hub.discardOutbox(slot)
        hub.stopMessages(slot)
        afterwork.note(.broken(slot))
    }

    func writable(_ place: ConnectionRef) {
        if place.pointee.phase == .released { return }
        if place.pointee.phase == .connecting { return connectionDecided(place) }
        setInterest(place, place.pointee.interest.subtracting(.writable))
        hub.unblock(place.pointee.slot)
        extendDeadline(place)
        flush(place.pointee.slot)
        if place.pointee.phase == .released || hub.isBlocked(place.pointee.slot) { return }
        reportDropped(place)
    }

    /// A response that the peer reads slowly has its time again with each part that it takes.
    private func extendDeadline(_ place: ConnectionRef) {
        switch place.pointee.phase {
        case .finishing:
            setPhaseDeadline(place, place.pointee.endpoint._withUnsafeGuaranteedRef { $0.closeTimeout })
        case .request:
            setPhaseDeadline(place, place.pointee.server._withUnsafeGuaranteedRef { $0.keepAliveTimeout })
        case .host, .body, .open, .released, .proxy, .connecting, .tunnel, .sealing, .handshake: break
        }
    }

    /// Everything is written and the connection is not an open WebSocket: what comes next?
    func outboxEmptied(_ place: ConnectionRef) {
        if hub.waitingBytes(place.pointee.slot) > 0 { return }
        if place.pointee.exchange?.file != nil { return sendMoreOfFile(place) }
        if place.pointee.phase == .request, let exchange = place.pointee.exchange, !exchange.leftover.isEmpty
        {
            return goOnLater(place)
        }
        guard place.pointee.phase == .finishing else { return }
        finishTransport(place)
    }

    /// Writes are done: let the peer see the end, and, where it may still be sending, read until it has seen
    /// it.
    func finishTransport(_ place: ConnectionRef) {
        let isStopping =
            !place.pointee.isClient && place.pointee.server._withUnsafeGuaranteedRef { !$0.isServing }
        if !place.pointee.lingers || place.pointee.isInputEnded || isStopping { return release(place) }
        if place.pointee.tls != nil, !sayGoodbye(place) { return }
        place.pointee.lingers = false
        Socket.shutdownSending(place.pointee.descriptor)
        // inputEnded releases; the deadline of the phase does if the peer never ends.
        setInterest(place, .readable)
        place.pointee.lingers = true
    }

    /// Messages that the policy has dropped since it was last asked, counted.
    func takeDropped(_ place: ConnectionRef) -> Int {
        let count = hub.takeDropped(place.pointee.slot)
        place.pointee.counters.add(.messagesDropped, UInt64(count))
        return count
    }

    /// Tells the host how many messages the policy has dropped.
    func reportDropped(_ place: ConnectionRef) {
        let count = takeDropped(place)
        if count == 0 || place.pointee.phase != .open { return }
        var event = event(.dropped, place)
        event.code = Int32(clamping: count)
        emit(&event)
    }
}
