// A request as the host gets it: names and values in one buffer, each ended by a NUL, and where they lie in
// it.

internal import HearthBytes
internal import HearthPlatform
internal import HearthWire

struct RequestTexts {
    var method = 0..<0
    var path = 0..<0
    var query = 0..<0
    var headers = 0..<0
    var captures = 0..<0
    var address = 0..<0
    var offered = 0..<0

    /// The event's pointers are good as long as the buffer is not changed.
    func fill(_ event: inout EngineEvent, from text: UnsafeBufferPointer<UInt8>) {
        let base = text.baseAddress!
        event.method = Borrowed(base + method.lowerBound, method.count)
        event.path = Borrowed(base + path.lowerBound, path.count)
        event.query = Borrowed(base + query.lowerBound, query.count)
        event.headers = Borrowed(base + headers.lowerBound, headers.count)
        event.captures = Borrowed(base + captures.lowerBound, captures.count)
        event.address = Borrowed(base + address.lowerBound, address.count)
        event.data = Borrowed(base + offered.lowerBound, offered.count)
    }
}

extension Loop {
    /// Fills `requestText` and `requestTexts` from the head just parsed. False: a capture is not well
    /// encoded.
    @_optimize(speed)
    func withRequestTexts(
        _ place: ConnectionRef, _ server: Server, _ bytes: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        requestText.removeAll()
        requestText.reserve(bytes.count + 64)
        let secrets = secretRanges(place, server, bytes)
        requestTexts.method = put(bytes, head.method)
        requestTexts.path = put(bytes, head.path)
        requestTexts.query = put(bytes, head.query, without: secrets)
        let headersStart = requestText.count
        for index in 0..<head.fieldCount {
            let field = head.effectiveField(at: index, in: bytes.span)
            requestText.append(lowercase: bytes.span, field.name)
            requestText.append(0)
            _ = secrets.isEmpty ? put(bytes, field.value) : put(bytes, field.value, without: secrets)
        }
        requestTexts.headers = endText(from: headersStart)
        let capturesStart = requestText.count
        let route = Int(place.pointee.route)
        let isPut =
            route < 0 || server.withRoute(route) { !$0.pattern.hasCaptures || putCaptures($0.pattern, bytes) }
        if !isPut { return false }
        requestTexts.captures = endText(from: capturesStart)
        let addressStart = requestText.count
        place.pointee.address.write(into: &requestText)
        requestTexts.address = endText(from: addressStart)
        let offeredStart = requestText.count
        if head.offersSubprotocols {
            head.forEachListItem(of: "sec-websocket-protocol", in: bytes.span) { range in
                if !secrets.contains(range) { _ = put(bytes, range) }
            }
        }
        requestTexts.offered = endText(from: offeredStart)
        return true
    }

    /// False: one is not well encoded.
    private func putCaptures(_ pattern: RoutePattern, _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard pattern.match(bytes.span, head.path, captures: &captures) else { return false }
        for (index, name) in pattern.names.enumerated() {
            requestText.append(name.bytes)
            requestText.append(0)
            guard PercentCoding.decode(bytes.span, captures[index], into: &requestText) else { return false }
            requestText.append(0)
        }
        return true
    }

    func withRequestEvent(
        _ type: EventType, _ place: ConnectionRef, _ server: Server,
        _ bytes: UnsafeBufferPointer<UInt8>, _ body: (inout EngineEvent) -> Void, onBadPath: () -> Void
    ) {
        guard withRequestTexts(place, server, bytes) else { return onBadPath() }
        var event = event(type, place)
        lendTexts(to: &event, body)
    }

    /// Lends `requestText` to the event. What the host does meanwhile may need a buffer of its own, so it
    /// finds an empty one.
    func lendTexts(to event: inout EngineEvent, _ body: (inout EngineEvent) -> Void) {
        var lent = TextBuffer()
        swap(&lent, &requestText)
        requestTexts.fill(&event, from: lent.bytes)
        body(&event)
        swap(&lent, &requestText)
        lent.deallocate()
    }

    /// Puts three stars for each secret within the range.
    private func put(
        _ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, without secrets: [Range<Int>]
    ) -> Range<Int> {
        if secrets.isEmpty { return put(bytes, range) }
        let start = requestText.count
        var index = range.lowerBound
        while index < range.upperBound {
            if let secret = secrets.first(where: {
                $0.lowerBound == index && $0.upperBound <= range.upperBound
            }) {
                requestText.append("***")
                index = secret.upperBound
            } else {
                requestText.append(bytes[index])
                index += 1
            }
        }
        return endText(from: start)
    }

    @_optimize(speed)
    @inline(never)
    private func put(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> Range<Int> {
        let start = requestText.count
        requestText.append(bytes.span, range)
        return endText(from: start)
    }

    /// Puts the NUL.
    @inline(__always)
    private func endText(from start: Int) -> Range<Int> {
        requestText.append(0)
        return start..<(requestText.count &- 1)
    }
}
