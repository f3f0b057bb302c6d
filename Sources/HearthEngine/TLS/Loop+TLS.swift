// Connections with TLS: what is read is unsealed and goes on as all bytes do, and what an outbox holds is
// sealed before it is written.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import HearthWire

extension Loop {
    /// Sealed bytes lie in `input`.
    func receiveSealed(_ place: ConnectionRef, _ count: Int) {
        // What comes while a connection is ending is read so that it is gone, and not looked at.
        if place.pointee.phase == .finishing || (place.pointee.tls == nil && !beginTLS(place, count)) {
            return
        }
        guard let stream = place.pointee.tls, let buffers = tlsBuffers else { return }
        let plainCount = stream.receive(input, count)
        if place.pointee.phase == .sealing { noteAnswered(place) }
        if stream.agreed == nil, stream.isHandshakeComplete {
            let details = stream.details
            port.lock.withLock { stream.agreed = details }
        }
        if stream.hasOutput {
            hub.unblock(place.pointee.slot)
            flush(place.pointee.slot)
        }
        if place.pointee.phase == .sealing, stream.isHandshakeComplete { sealed(place) }
        if plainCount > 0 { received(place, buffers.plain, plainCount) }
        // What the stream has come to is for those messages to be handled first.
        if place.pointee.phase == .released || place.pointee.holds.contains(.backlog) { return }
        checkEnd(place, stream)
    }

    /// What becomes of the connection when the peer has ended TLS, or broken it.
    func checkEnd(_ place: UnsafeMutablePointer<Connection>, _ stream: TLSStream) {
        if stream.state == .failed { return tlsFailed(place, stream.fault) }
        if stream.pendingBytes > Self.sealedBytesMax {
            return tlsFailed(place, ascii("the peer asks for answers of TLS and does not read them"))
        }
        if stream.state == .ended, !place.pointee.isInputEnded { inputEnded(place) }
    }

    /// One batch of sealed bytes, with what the records add, and answers of TLS itself.
    private static var sealedBytesMax: Int { 2 * TLSBuffers.sealMax }

    /// The first bytes of a connection have come. False: they are not for TLS.
    private func beginTLS(_ place: ConnectionRef, _ count: Int) -> Bool {
        // RFC 8446 5.1: TLS begins with the number of a type, which is no letter. A method begins with one.
        if (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(input[0]) {
            place.pointee.isSealed = false
            context.log(.info, "tls", "plain HTTP refused", place, reason: "this address speaks TLS")
            respondAndClose(place, 400, "this address speaks TLS: use https:// or wss://", "")
            return false
        }
        let server = place.pointee.server.takeUnretainedValue()
        let buffers = tlsBuffers ?? TLSBuffers()
        tlsBuffers = buffers
        guard let context = server.certificates.context else {
            release(place)
            return false
        }
        do throws(TLSFault) {
            let stream = try TLSStream(server: context, buffers)
            port.lock.withLock { place.pointee.tls = stream }
            return true
        } catch {
            logTLS(place, "a TLS connection cannot begin", error.sentence)
            release(place)
            return false
        }
    }

    /// The peer broke the rules of TLS, or we do not trust it. OpenSSL has said so to it by an alert.
    private func tlsFailed(_ place: ConnectionRef, _ sentence: [UInt8]) {
        let isOpened = place.pointee.tls?.isHandshakeComplete ?? false
        logTLS(place, isOpened ? "TLS broke" : "the TLS handshake failed", sentence)
        let slot = place.pointee.slot
        hub.discardOutbox(slot)
        hub.stopMessages(slot)
        switch place.pointee.phase {
        case .open:
            end(place, code: CloseCode.abnormal.rawValue, reason: [], flags: 0)
            finish(place, lingers: true)
        case .request: finish(place, lingers: true)
        case .body, .host: release(place)
        case .connecting, .tunnel, .sealing, .handshake: sealingFailed(place, sentence)
        case .finishing, .released, .proxy: break
        }
    }

    private func logTLS(
        _ place: ConnectionRef, _ message: StaticString, _ sentence: [UInt8]
    ) {
        guard context.logs(.info) else { return }
        context.log(
            .info, "tls", message,
            LogFields().adding("peer", place.pointee.address.text).adding("connection", place.pointee.id.raw)
                .adding("reason", sentence))
    }

    // MARK: Out

    /// What `flush` does, for a connection with TLS. The outbox keeps what is sealed until the system has
    /// taken all of it, so what waits is counted as without TLS.
    func flushSealed(_ place: ConnectionRef) {
        let slot = place.pointee.slot
        guard let stream = place.pointee.tls else { return hub.discardOutbox(slot) }
        while place.pointee.phase != .released {
            // An answer of TLS alone, of which the outbox knows nothing.
            let wasAnswer = stream.pendingBytes > 0 && stream.sealedBytes == 0
            guard settle(place, stream, stream.flush(to: place.pointee.descriptor)) else { return }
            if hub.waitingBytes(slot) == 0 {
                if wasAnswer, place.pointee.phase != .open { afterwork.note(.emptied(slot)) }
                return
            }
            if !seal(place, stream) { return giveUp(slot) }
        }
    }

    /// What became of sealed bytes. Returns whether more can be written.
    private func settle(
        _ place: ConnectionRef, _ stream: TLSStream, _ flushed: TLSStream.Flushed
    ) -> Bool {
        let slot = place.pointee.slot
        switch flushed {
        case .done:
            let count = min(stream.takeSealedBytes(), hub.waitingBytes(slot))
            if count > 0 { sent(place, .bytes(count), count) }
            return true
        case .blocked:
            hub.commit(slot, count: min(stream.sealedBytes, hub.waitingBytes(slot)))
            setInterest(place, place.pointee.interest.union(.writable))
        case .failed: giveUp(slot)
        }
        return false
    }

    // MARK: Many at once

    /// Seals all that waits for the connection, to be sent in one call with what waits for others. nil: it is
    /// to be flushed by itself.
    func stageSealed(_ place: ConnectionRef) -> Piece? {
        let slot = place.pointee.slot
        let waiting = hub.waitingBytes(slot)
        guard let stream = place.pointee.tls, waiting > 0, waiting <= sealMax(place),
            !stream.hasOutput, stream.state == .established, seal(place, stream)
        else { return nil }
        return stream.stage()
    }

    func sealedSent(_ place: ConnectionRef, _ piece: Piece, _ transfer: Transfer) {
        guard let stream = place.pointee.tls else { return }
        _ = settle(place, stream, stream.settle(piece, transfer))
    }

    /// So much is sealed before the system has taken it. Of a client one record, which its server has whole
    /// or not at all: so it is known which messages a connection that breaks has carried.
    private func sealMax(_ place: ConnectionRef) -> Int {
        place.pointee.isClient ? TLSBuffers.recordBytesMax : TLSBuffers.sealMax
    }

    private func seal(_ place: ConnectionRef, _ stream: TLSStream) -> Bool {
        let slot = place.pointee.slot
        var left = sealMax(place)
        if let piece = hub.singlePiece(slot), piece.count <= left { return stream.seal(piece) }
        let available = hub.gather(slot, into: pieces)
        var count = 0
        while count < available, left > 0 {
            pieces[count].count = min(pieces[count].count, left)
            left -= pieces[count].count
            count += 1
        }
        return stream.seal(UnsafeMutableBufferPointer(rebasing: pieces[..<count]))
    }

    /// TLS ends before the socket does, so that the peer can tell the end from a cut. False: that is still to
    /// be written, or cannot be any more.
    func sayGoodbye(_ place: ConnectionRef) -> Bool {
        guard let stream = place.pointee.tls else { return true }
        stream.close()
        switch stream.flush(to: place.pointee.descriptor) {
        case .done: return true
        case .blocked:
            hub.commit(place.pointee.slot, count: 0)
            setInterest(place, place.pointee.interest.union(.writable))
        case .failed: release(place)
        }
        return false
    }
}

extension Connections {
    /// What was agreed with the peer: names and values in turn; empty: there is no TLS.
    package static func tls(_ id: ConnectionID) -> [[UInt8]]? {
        var facts: [[UInt8]] = []
        let result = look(id) { _, place in
            guard let agreed = place.pointee.tls?.agreed else { return 0 }
            facts = [
                ascii("version"), agreed.versionText, ascii("cipher"), agreed.cipherText, ascii("resumed"),
                ascii(agreed.isResumed ? "yes" : "no"), ascii("subject"), agreed.subject,
            ]
            return 0
        }
        return result == 0 ? facts : nil
    }
}
