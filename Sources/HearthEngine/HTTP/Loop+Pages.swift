// What a server says about itself over HTTP: health and metrics, whatever its routes and limits.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthWire

extension Loop {
    /// Answers a request for one of the pages. Returns whether it was one.
    func servePage(
        _ place: ConnectionRef, _ server: Server, _ bytes: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        let path = bytes[head.path]
        let isHealth = !server.healthPath.isEmpty && path.elementsEqual(server.healthPath)
        let isMetrics = !server.metricsPath.isEmpty && path.elementsEqual(server.metricsPath)
        if !isHealth && !isMetrics { return false }
        let method = Array(bytes[head.method])
        let isHead = matches(method, "HEAD")
        let exchange = exchange(of: place)
        exchange.isUpgrade = false
        exchange.isHead = isHead
        // Who is one too many, or sends what nobody reads, has this one answer.
        let hasBody = head.isChunked || (head.contentLength ?? 0) > 0
        exchange.keepsAlive = head.keepAlive && !hasBody && place.pointee.refusal == .none
        if !isHead, !matches(method, "GET") {
            respondText(place, 405, "the method is not allowed here", ascii("Allow: GET, HEAD\r\n"))
        } else if isHealth {
            let health = server.health
            respondPage(
                place, health.status == .ok ? 200 : 503, "application/json", health.json + ascii("\n"))
        } else {
            respondPage(place, 200, "text/plain; version=0.0.4; charset=utf-8", server.metrics)
        }
        return true
    }

    private func respondPage(
        _ place: ConnectionRef, _ status: Int, _ contentType: StaticString, _ body: [UInt8]
    ) {
        let fields = ascii("Cache-Control: no-store\r\n")
        body.withUnsafeBufferPointer { body in
            fields.withUnsafeBufferPointer { fields in
                writeResponse(
                    place, status, contentType: contentType, headers: fields, body: body, exchange(of: place))
            }
        }
        responseWritten(place)
    }
}
