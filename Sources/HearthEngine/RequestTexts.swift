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
    func fill(_ event: inout EngineEvent, from text: [UInt8]) {
        text.withUnsafeBufferPointer { text in
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
}

extension Loop {
    /// Fills `text` and `requestTexts` from the head just parsed. False: a capture is not well encoded.
    @_optimize(speed)
    func withRequestTexts(
        _ place: UnsafeMutablePointer<Connection>, _ server: Server, _ bytes: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        text.removeAll(keepingCapacity: true)
        let secrets = secretRanges(place, server, bytes)
        requestTexts.method = put(bytes, head.method)
        requestTexts.path = put(bytes, head.path)
        requestTexts.query = put(bytes, head.query, without: secrets)
        let headersStart = text.count
        for index in 0..<head.fieldCount {
            let field = head.field(at: index)
            let name = put(bytes, field.name)
            for index in name where text[index] &- 0x41 < 26 { text[index] |= 0x20 }
            _ = put(bytes, field.value, without: secrets)
        }
        requestTexts.headers = headersStart..<text.count
        text.append(0)
        let capturesStart = text.count
        if place.pointee.route >= 0 {
            let route = server.routes[Int(place.pointee.route)]
            guard route.pattern.match(bytes.span, head.path, captures: &captures) else { return false }
            for (index, name) in route.pattern.names.enumerated() {
                text.append(contentsOf: name.bytes)
                text.append(0)
                guard PercentCoding.decode(bytes.span, captures[index], into: &text) else { return false }
                text.append(0)
            }
        }
        requestTexts.captures = capturesStart..<text.count
        text.append(0)
        let addressStart = text.count
        place.pointee.address.write(into: &text)
        requestTexts.address = addressStart..<text.count
        text.append(0)
        let offeredStart = text.count
        if head.offersSubprotocols {
            head.forEachListItem(of: "sec-websocket-protocol", in: bytes.span) { range in
                if !secrets.contains(range) { _ = put(bytes, range) }
            }
        }
        requestTexts.offered = offeredStart..<text.count
        text.append(0)
        return true
    }

    func withRequestEvent(
        _ type: EventType, _ place: UnsafeMutablePointer<Connection>, _ server: Server,
        _ bytes: UnsafeBufferPointer<UInt8>, _ body: (inout EngineEvent) -> Void, onBadPath: () -> Void
    ) {
        guard withRequestTexts(place, server, bytes) else { return onBadPath() }
        var event = event(type, place)
        lendTexts(to: &event, body)
    }

    /// Lends `text` to the event. What the host does meanwhile may need a buffer of its own, so it finds an
    /// empty one.
    func lendTexts(to event: inout EngineEvent, _ body: (inout EngineEvent) -> Void) {
        let lent = text
        text = []
        requestTexts.fill(&event, from: lent)
        body(&event)
        text = lent
    }

    /// Puts three stars for each secret within the range.
    private func put(
        _ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, without secrets: [Range<Int>]
    ) -> Range<Int> {
        if secrets.isEmpty { return put(bytes, range) }
        let start = text.count
        var index = range.lowerBound
        while index < range.upperBound {
            if let secret = secrets.first(where: {
                $0.lowerBound == index && $0.upperBound <= range.upperBound
            }) {
                text += ascii("***")
                index = secret.upperBound
            } else {
                text.append(bytes[index])
                index += 1
            }
        }
        text.append(0)
        return start..<(text.count - 1)
    }

    @_optimize(speed)
    private func put(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> Range<Int> {
        let start = text.count
        text.append(contentsOf: UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: bytes[range])))
        text.append(0)
        return start..<(text.count - 1)
    }
}
