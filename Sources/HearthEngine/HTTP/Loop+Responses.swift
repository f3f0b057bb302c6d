// Responses to plain requests, and what comes after one.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import HearthWire
internal import Synchronization

extension Loop {
    /// The host answers.
    func respond(
        _ place: ConnectionRef, status: Int, headers: UnsafeBufferPointer<UInt8>,
        body: UnsafeBufferPointer<UInt8>
    ) -> Status {
        guard place.pointee.phase == .host, let exchange = place.pointee.exchange, !exchange.isUpgrade,
            exchange.file == nil
        else { return .state }
        context.enter()
        writeResponse(place, status, contentType: nil, headers: headers, body: body, exchange)
        responseWritten(place)
        return .ok
    }

    func writeResponse(
        _ place: ConnectionRef, _ status: Int, contentType: StaticString?,
        headers: UnsafeBufferPointer<UInt8>, body: UnsafeBufferPointer<UInt8>, _ exchange: Exchange
    ) {
        // RFC 9110 15.2, 15.3.5, 15.4.5: these have no body, and so no length. 15.3.6: 205 has none either,
        // and says so by a length of 0.
        let hasBody = status >= 200 && status != 204 && status != 205 && status != 304
        beginResponse(place, status, length: hasBody ? body.count : status == 205 ? 0 : nil, exchange)
        if let contentType {
            text += ascii("Content-Type: ")
            text += ascii(contentType)
            text += ascii("\r\n")
        }
        text.append(contentsOf: headers)
        text += ascii("\r\n")
        if hasBody, !exchange.isHead { text.append(contentsOf: body) }
        write(place, text)
        text.removeAll(keepingCapacity: text.capacity <= 64 << 10)
    }

    /// Status line and the fields that are always there, into `text`.
    func beginResponse(
        _ place: ConnectionRef, _ status: Int, length: Int?, _ exchange: Exchange
    ) {
        let isStopping = place.pointee.server._withUnsafeGuaranteedRef {
            $0.state.load(ordering: .relaxed) != .started
        }
        if isStopping { exchange.keepsAlive = false }
        if place.pointee.isUpgrade {
            place.pointee.isUpgrade = false
            place.pointee.counters.addHandshake(.status(status))
        }
        text.removeAll(keepingCapacity: true)
        ResponseHead.begin(status: status, into: &text)
        text += ascii("Date: ")
        HTTPDate.write(epochSeconds: wallMilliseconds / 1000, into: &text)
        text += ascii("\r\n")
        if let length {
            text += ascii("Content-Length: ")
            appendDecimal(UInt64(length), to: &text)
            text += ascii("\r\n")
        }
        text += exchange.keepsAlive ? ascii("Connection: keep-alive\r\n") : ascii("Connection: close\r\n")
    }

    func write(_ place: ConnectionRef, _ bytes: [UInt8]) {
        bytes.withUnsafeBufferPointer { write(place, $0) }
    }

    func write(_ place: ConnectionRef, _ bytes: UnsafeBufferPointer<UInt8>) {
        hub.appendFixed(hub.write(bytes), to: place.pointee.slot)
        context.ensureTurn()
    }

    func respondText(
        _ place: ConnectionRef, _ status: Int, _ sentence: StaticString, _ headers: [UInt8]
    ) {
        let body = ascii(sentence) + [UInt8(ascii: "\n")]
        body.withUnsafeBufferPointer { body in
            headers.withUnsafeBufferPointer { headers in
                writeResponse(
                    place, status, contentType: "text/plain; charset=utf-8", headers: headers, body: body,
                    exchange(of: place))
            }
        }
        responseWritten(place)
    }

    func respondAndClose(
        _ place: ConnectionRef, _ status: Int, _ sentence: StaticString,
        _ headers: StaticString
    ) {
        exchange(of: place).keepsAlive = false
        respondText(place, status, sentence, ascii(headers))
    }

    /// The request cannot be understood, so nothing after it can.
    func refuse(_ place: ConnectionRef, _ fault: HTTPFault) {
        context.log(.info, "http", "request refused", place, reason: fault.sentence)
        exchange(of: place).keepsAlive = false
        respondText(place, fault.status, fault.sentence, ascii(fault.fields))
    }

    /// A response is on its way (the file that belongs to it may follow): what is next on this connection?
    func responseWritten(_ place: ConnectionRef) {
        guard let exchange = place.pointee.exchange, exchange.file == nil else { return }
        let isLast = place.pointee.isInputEnded && exchange.leftover.isEmpty
        if !exchange.keepsAlive || isLast { return finish(place, lingers: !place.pointee.isInputEnded) }
        place.pointee.phase = .request
        exchange.isIdle = true
        setRoute(place, -1)
        renewID(place)
        setPhaseDeadline(place, place.pointee.server._withUnsafeGuaranteedRef { $0.keepAliveTimeout })
        if !place.pointee.isInputEnded, exchange.leftover.isEmpty {
            setInterest(place, place.pointee.interest.union(.readable))
        }
        if !exchange.leftover.isEmpty { goOnLater(place) }
    }
}
