// The flush of a turn with many writes: one system call for all of them. The results are known when it
// returns, so everything else is as after send().

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform

extension Loop {
    /// Fewer sends are made one by one.
    static var ringSendsMin: Int { 4 }
    /// What lies in more pieces is sent by itself.
    private static var ringPiecesMax: Int { 64 }

    /// Takes a ring if the configuration allows it. `on`: fails without.
    func openRing() throws(SystemError) {
        let choice = engine.configuration.choice(.ioUring)
        if choice == 2 { return }
        do throws(SystemError) {
            let taken = try SpareRings.take()
            ownedRing = taken
            if taken.isRefused { throw SystemError.refused }
            ring = Unmanaged.passUnretained(taken)
        } catch {
            if choice == 1 { throw error }
            context.log(
                .debug, "engine", "no io_uring: each connection is written by a call of its own",
                LogFields().adding("error", error.text))
        }
    }

    /// Returns whether the ring can be used again.
    @_optimize(speed)
    private func flush(by ring: SendRing) -> Bool {
        while !ring.isRefused, let slot = hub.nextDirty() {
            if ring.isFull { submit(ring) }
            stage(slot, in: ring)
        }
        submit(ring)
        return !ring.isRefused
    }

    func flushByRing() {
        guard let ring, !ring._withUnsafeGuaranteedRef({ flush(by: $0) }) else { return }
        self.ring = nil
        context.log(
            .warning, "engine", "io_uring is refused: each connection is written by a call of its own",
            LogFields())
    }

    @inline(__always)
    private func stage(_ slot: UInt32, in ring: SendRing) {
        let place = connections.place(slot)
        if place.pointee.phase == .released || hub.isBlocked(slot) { return flush(slot) }
        if place.pointee.isSealed { return stageSealed(place, in: ring) }
        if hub.waitingBytes(slot) >= SharedPages.bytesMin, flushShared(place) { return noteCounts(place) }
        if let piece = hub.singlePiece(slot) {
            stagedSlots[ring.count] = slot
            ring.stage(place.pointee.descriptor, piece)
        } else {
            stagePieces(place, in: ring)
        }
    }

    private func stageSealed(_ place: ConnectionRef, in ring: SendRing) {
        let slot = place.pointee.slot
        guard let buffers = tlsBuffers else { return flush(slot) }
        if !buffers.hasRoom(forStaging: hub.waitingBytes(slot)) { submit(ring) }
        guard let piece = stageSealed(place) else { return flush(slot) }
        stagedSlots[ring.count] = slot
        stagedPieces[ring.count] = piece
        ring.stage(place.pointee.descriptor, piece)
    }

    private func stagePieces(_ place: ConnectionRef, in ring: SendRing) {
        let slot = place.pointee.slot
        if ring.room(for: Self.ringPiecesMax) == nil { submit(ring) }
        guard let room = ring.room(for: Self.ringPiecesMax) else { return flush(slot) }
        let count = hub.gather(slot, into: room)
        var bytes = 0
        for index in 0..<count { bytes += room[index].count }
        if count == 0 || bytes < hub.waitingBytes(slot) { return flush(slot) }
        stagedSlots[ring.count] = slot
        ring.stage(place.pointee.descriptor, pieces: count, bytes: bytes)
    }

    @_optimize(speed)
    private func submit(_ ring: SendRing) {
        if ring.count == 0 { return }
        ring.submit { index in
            let slot = self.stagedSlots[index]
            let place = self.connections.place(slot)
            var count = 1
            if place.pointee.isSealed {
                self.pieces[0] = self.stagedPieces[index]
            } else {
                count = self.hub.gather(slot, into: self.pieces)
            }
            return Socket.send(
                place.pointee.descriptor, pieces: UnsafeMutableBufferPointer(rebasing: self.pieces[..<count]))
        }
        for index in 0..<ring.count {
            let slot = stagedSlots[index]
            let place = connections.place(slot)
            if place.pointee.isSealed {
                sealedSent(place, stagedPieces[index], ring.transfer(at: index))
            } else {
                sent(place, ring.transfer(at: index), hub.waitingBytes(slot))
            }
            noteCounts(place)
        }
        ring.clear()
        tlsBuffers?.clearStaged()
    }
}
