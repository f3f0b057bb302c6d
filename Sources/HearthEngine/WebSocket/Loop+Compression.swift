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

    /// A compressed message has come.
    @inline(never)
    func deliverCompressed(
        _ place: ConnectionRef, _ opcode: Opcode, _ payload: UnsafeBufferPointer<UInt8>
    ) {
        guard let compression = place.pointee.compression else { return }
        let bytesMax = place.pointee.endpoint._withUnsafeGuaranteedRef {
            $0.limits.pointee.decoder.maxMessageSize
        }
        let result = codecs.inflate(payload, for: compression, bytesMax: bytesMax)
        defer { codecs.trimInflated() }
        switch result {
        case .tooLarge: return protocolFailed(place, .messageTooLarge, sendsClose: true)
        case .invalid: return protocolFailed(place, .invalidDeflate, sendsClose: true)
        case .noMemory: return memoryFailed(place, "no memory to inflate a message")
        case .whole: break
        }
        let inflated = codecs.inflatedBytes
        if opcode == .text, !UTF8Validator.isValid(inflated.span, 0, inflated.count) {
            return protocolFailed(place, .invalidUTF8, sendsClose: true)
        }
        deliver(place, opcode, inflated)
    }
}
