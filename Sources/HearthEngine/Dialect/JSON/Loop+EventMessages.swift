// Messages of connections that speak JSON: what came is checked, the library's own events are handled, the
// others go to the host and to rooms.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthWire
internal import Synchronization

/// An event that has come. The bytes are good until `receiveEvent` returns.
struct ReceivedEvent {
    let bytes: UnsafeBufferPointer<UInt8>
    let envelope: Envelope
    /// Decoded, with a NUL behind it.
    let name: UnsafeBufferPointer<UInt8>

    /// As it is written; empty: none.
    var data: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(rebasing: bytes[envelope.data]) }
}

extension Loop {
    /// One error of a peer is forgiven each so many milliseconds.
    private static var forgivenessMilliseconds: UInt64 { 10_000 }
    static var eventNameMax: Int { 255 }

    func receiveEvent(_ place: ConnectionRef, _ bytes: UnsafeBufferPointer<UInt8>) {
        let server = place.pointee.server.takeUnretainedValue()
        let settings = server.events
        if bytes.count > settings.sizeMax { return answer(place, .tooLarge) }
        if bytes.isEmpty { return answer(place, .emptyMessage) }
        let envelope: Envelope
        do throws(EnvelopeFault) {
            envelope = try Envelope.read(bytes.span, settings.keys, depthMax: settings.depthMax)
        } catch {
            return answer(place, EventFault(error))
        }
        guard let name = decodeName(bytes, envelope.event, settings.nameMax) else {
            return answer(place, .unknownEvent)
        }
        let event = ReceivedEvent(bytes: bytes, envelope: envelope, name: name)
        if isEqual(name, "ping") { return sendEvent(place, ascii("pong"), isAtOnce: true) }
        if isEqual(name, "pong") { return }
        if let builtIn = BuiltIns.named(name), place.pointee.route >= 0,
            server.routes[Int(place.pointee.route)].events.builtIns.contains(builtIn)
        {
            return handle(builtIn, place, server, event)
        }
        if !settings.takes(name) { return answer(place, .unknownEvent) }
        if place.pointee.relay != .none {
            let data = event.data
            relay(place, Outgoing(event: bytes, raw: data.isEmpty ? nil : data, isEphemeral: false))
        }
        if place.pointee.emitsMessages, place.pointee.phase == .open { emit(place, event, event.data) }
    }

    /// Decodes the name into a buffer of the loop's; nil: too long, or no text that a C string can be.
    private func decodeName(
        _ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ countMax: Int
    ) -> UnsafeBufferPointer<UInt8>? {
        let isPlain = !bytes[range].contains(UInt8(ascii: "\\"))
        var count = 0
        if isPlain {
            if range.count > countMax { return nil }
            for index in range { eventName[index - range.lowerBound] = bytes[index] }
            count = range.count
        } else {
            // An escape of six bytes is one of a name's, or more.
            if range.count > countMax * 6 { return nil }
            var decoded: [UInt8] = []
            guard JSONString.decode(bytes.span, range, into: &decoded), decoded.count <= countMax,
                !decoded.contains(0)
            else { return nil }
            for index in 0..<decoded.count { eventName[index] = decoded[index] }
            count = decoded.count
        }
        eventName[count] = 0
        return UnsafeBufferPointer(start: eventName, count: count)
    }

    /// Tells the host.
    func emit(
        _ place: ConnectionRef, _ received: ReceivedEvent,
        _ data: UnsafeBufferPointer<UInt8>
    ) {
        var event = event(.message, place)
        event.opcode = UInt32(Opcode.text.rawValue)
        event.data = Borrowed(data.baseAddress, data.count)
        event.eventName = Borrowed(received.name.baseAddress, received.name.count)
        emit(&event)
    }

    // MARK: Errors

    /// Says what is wrong, as long as the budget lasts.
    func answer(_ place: ConnectionRef, _ fault: EventFault) {
        guard place.pointee.phase == .open, let speaker = place.pointee.speaker else { return }
        let settings = place.pointee.server._withUnsafeGuaranteedRef { $0.events }
        let forgiven = speaker.errors == 0 ? 0 : (now - speaker.errorsSince) / Self.forgivenessMilliseconds
        speaker.errors = max(0, speaker.errors - Int(min(forgiven, UInt64(speaker.errors))))
        speaker.errorsSince =
            speaker.errors == 0 ? now : speaker.errorsSince + forgiven * Self.forgivenessMilliseconds
        speaker.errors += 1
        if speaker.errors > settings.errorBudget {
            context.log(.info, "session", "too many invalid messages", place, reason: fault.sentence)
            _ = close(
                place, code: CloseCode.invalidPayload.rawValue, reason: ascii("too many invalid messages"))
            return
        }
        var json: [UInt8] = []
        if settings.errorsHaveData {
            _ = settings.text.begin(ascii("error"), into: &json)
            settings.text.writeError(fault, into: &json)
            _ = settings.text.end(into: &json)
        } else {
            _ = settings.text.write(ascii("error").span, data: [UInt8]().span, into: &json)
            json.removeLast()
            settings.text.writeError(fault, into: &json)
            json.append(UInt8(ascii: "}"))
        }
        json.withUnsafeBufferPointer { _ = sendFrame(place, .text, $0) }
    }

    // MARK: Sending

    /// Sends an event without data. `isAtOnce`: past the batch.
    func sendEvent(_ place: ConnectionRef, _ name: [UInt8], isAtOnce: Bool) {
        let settings = place.pointee.server._withUnsafeGuaranteedRef { $0.events }
        var json: [UInt8] = []
        _ = settings.text.write(name.span, data: [UInt8]().span, into: &json)
        json.withUnsafeBufferPointer {
            if isAtOnce {
                _ = sendFrame(place, .text, $0)
            } else {
                _ = send(place, Outgoing(event: $0, raw: nil, isEphemeral: false))
            }
        }
    }

    /// A text of a raw connection, relayed where some speak JSON: for them it is the data of a message.
    func relayText(_ place: ConnectionRef, _ payload: UnsafeBufferPointer<UInt8>) {
        let settings = place.pointee.server._withUnsafeGuaranteedRef { $0.events }
        var json: [UInt8] = []
        if settings.keys.isFlat {
            _ = settings.text.begin(ascii("message"), into: &json)
            let key = settings.stampKeys.text
            settings.text.member(key.isEmpty ? ascii("text") : key, into: &json)
            JSONString.write(payload.span, into: &json)
            _ = settings.text.end(into: &json)
        } else {
            var data: [UInt8] = []
            JSONString.write(payload.span, into: &data)
            _ = settings.text.write(ascii("message").span, data: data.span, into: &json)
        }
        json.withUnsafeBufferPointer {
            relay(place, Outgoing(event: $0, raw: payload, isEphemeral: false))
        }
    }
}

extension EventText {
    fileprivate func writeError(_ fault: EventFault, into json: inout [UInt8]) {
        member(ascii("code"), into: &json)
        JSONString.write(ascii(fault.code), into: &json)
        member(ascii("message"), into: &json)
        JSONString.write(ascii(fault.sentence), into: &json)
    }
}
