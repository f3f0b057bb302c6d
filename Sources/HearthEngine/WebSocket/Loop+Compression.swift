// permessage-deflate on a connection: agreed on while it opens, and messages inflated.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import HearthWire

extension Loop {
    /// Takes an offer of the request, if there is one to be taken. Returns the line of the response that says
    /// so, empty: none.
    func agreeOnCompression(
        _ place: ConnectionRef, _ server: Server, _ bytes: UnsafeBufferPointer<UInt8>
    ) -> [UInt8] {
        guard let settings = server.compression.deflate else { return [] }
        if let agent = head.value(of: "user-agent", in: bytes.span),
            DeflateNegotiation.isKnownToFail(bytes.span, userAgent: agent)
        {
            return []
        }
        var field = ascii("Sec-WebSocket-Extensions: ")
        guard let agreed = DeflateNegotiation.accept(head, bytes.span, settings, answer: &field) else {
            return []
        }
        place.pointee.compression = Compression(agreed, role: .server)
        return field + ascii("\r\n")
    }

    /// The session has just begun: it takes and sends compressed messages, if that was agreed on.
    func startCompression(_ place: ConnectionRef) {
        guard let compression = place.pointee.compression else { return }
        place.pointee.session.decoder.takesCompressed = true
        hub.setGroup(place.pointee.slot, compression.group)
    }

    /// A compressed message has come. False: it is inflated further in the connection's next turn. The rates
    /// are asked before, so that what they drop is not inflated, unless later messages refer to it.
    @inline(never)
    func deliverCompressed(
        _ place: ConnectionRef, _ opcode: Opcode, _ payload: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        guard let compression = place.pointee.compression else { return true }
        noteMessage(place)
        var isDropped = false
        if let limiter = place.pointee.limiter, !isWithinRates(place, limiter, bytes: payload.count) {
            if !compression.receivesTakeover || place.pointee.compression !== compression
                || place.pointee.session.state != .open
            {
                return true
            }
            isDropped = true
        }
        let message = CompressedMessage(
            opcode: opcode, compressedCount: payload.count, isDropped: isDropped)
        let result = codecs.inflate(
            message, payload, for: compression, bytesMax: inflatedBytesMax(place),
            budget: &ingress.inflatableBytes)
        return finishInflating(place, message, result)
    }

    /// Goes on with the message of which a part was inflated in an earlier turn, if there is one. False: it
    /// is still unfinished.
    func goOnInflating(_ place: ConnectionRef) -> Bool {
        guard let compression = place.pointee.compression, let inflation = compression.inflation
        else { return true }
        if place.pointee.session.state != .open {
            compression.inflation = nil
            return true
        }
        let result = codecs.resume(
            inflation, for: compression, bytesMax: inflatedBytesMax(place), budget: &ingress.inflatableBytes)
        return finishInflating(place, inflation.message, result)
    }

    private func inflatedBytesMax(_ place: ConnectionRef) -> Int {
        place.pointee.endpoint._withUnsafeGuaranteedRef { $0.limits.pointee.decoder.maxMessageSize }
    }

    private func finishInflating(
        _ place: ConnectionRef, _ message: CompressedMessage, _ result: InflateResult
    ) -> Bool {
        if result == .unfinished { return false }
        defer { codecs.trimInflated() }
        switch result {
        case .tooLarge: protocolFailed(place, .messageTooLarge, sendsClose: true)
        case .invalid: protocolFailed(place, .invalidDeflate, sendsClose: true)
        case .noMemory: memoryFailed(place, "no memory to inflate a message")
        case .unfinished: break
        case .whole:
            let inflated = codecs.inflatedBytes
            if message.opcode == .text, !UTF8Validator.isValid(inflated.span, 0, inflated.count) {
                protocolFailed(place, .invalidUTF8, sendsClose: true)
            } else if !message.isDropped {
                chargeInflated(place, bytes: inflated.count - message.compressedCount)
                deliverCounted(place, message.opcode, inflated)
            }
        }
        return true
    }
}
