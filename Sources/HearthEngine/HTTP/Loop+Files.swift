// Files of the served folder: enough for a page and what belongs to it.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthWire
internal import Synchronization

extension Loop {
    /// Read from a file at a time; the next part is read when this one has been written.
    private static var filePieceBytes: Int { 256 << 10 }

    func serveFile(
        _ place: ConnectionRef, _ server: Server, _ bytes: UnsafeBufferPointer<UInt8>
    ) {
        guard let root = server.root else { return respondText(place, 404, "nothing here", []) }
        var path: [UInt8] = []
        guard PercentCoding.decode(bytes.span, head.path, into: &path), path.first == UInt8(ascii: "/") else {
            return respondText(place, 400, "the path is not well encoded", [])
        }
        // Names that begin with a dot are not for others, and ".." is one of them.
        for segment in split(path, at: UInt8(ascii: "/")) where segment.first == UInt8(ascii: ".") {
            return respondText(place, 404, "nothing here", [])
        }
        if path.last == UInt8(ascii: "/") { path += ascii("index.html") }
        let file: ServedFile
        do throws(ServedFile.Failure) {
            file = try ServedFile.open(root: root, path: path)
        } catch {
            switch error {
            case .notFound: return respondText(place, 404, "nothing here", [])
            case .forbidden: return respondText(place, 403, "this file may not be read", [])
            case .descriptorsExhausted: return respondText(place, 503, "too busy at the moment", [])
            }
        }
        sendFile(place, file, path, bytes)
    }

    private func sendFile(
        _ place: ConnectionRef, _ file: ServedFile, _ path: [UInt8],
        _ bytes: UnsafeBufferPointer<UInt8>
    ) {
        let exchange = exchange(of: place)
        let tag =
            [UInt8(ascii: "\"")] + decimal(Int(file.modifiedAt)) + [UInt8(ascii: "-")] + decimal(file.size)
            + [UInt8(ascii: "\"")]
        var isKnown = false
        if let range = head.value(of: "if-none-match", in: bytes.span) {
            isKnown = bytes[range].elementsEqual(tag)
        }
        beginResponse(place, isKnown ? 304 : 200, length: isKnown ? nil : file.size, exchange)
        text += ascii("ETag: ") + tag
        text += ascii(
            "\r\nCache-Control: no-cache\r\nX-Content-Type-Options: nosniff\r\nLast-Modified: ")
        HTTPDate.write(epochSeconds: file.modifiedAt, into: &text)
        text += ascii("\r\nContent-Type: ")
        text += ascii(contentType(of: path))
        text += ascii("\r\n\r\n")
        write(place, text)
        if isKnown || exchange.isHead || file.size == 0 {
            Socket.close(file.descriptor)
            return responseWritten(place)
        }
        exchange.file = file
        exchange.fileOffset = 0
        // The answer can take as long as the peer needs to read it, part by part.
        let server = place.pointee.server.takeUnretainedValue()
        place.pointee.phase = .host
        exchange.isUpgrade = false
        setPhaseDeadline(place, server.httpTimeout)
        sendMoreOfFile(place)
    }

    /// Queues the next part. Called when the one before it is written.
    func sendMoreOfFile(_ place: ConnectionRef) {
        guard let exchange = place.pointee.exchange, let file = exchange.file else { return }
        let wanted = min(Self.filePieceBytes, file.size - exchange.fileOffset)
        var (segment, target) = hub.arena.reserve(wanted)
        let count = max(
            0, ServedFile.read(file.descriptor, into: target, count: wanted, offset: exchange.fileOffset))
        if count < wanted { hub.arena.shrink(&segment, by: wanted - count) }
        if count > 0 { hub.appendFixed(segment, to: place.pointee.slot) }
        exchange.fileOffset += count
        setPhaseDeadline(place, place.pointee.server._withUnsafeGuaranteedRef { $0.httpTimeout })
        context.ensureTurn()
        if exchange.fileOffset < file.size, count > 0 { return }
        exchange.closeFile()
        // A file that became shorter meanwhile: the length that was promised cannot be kept.
        if exchange.fileOffset < file.size { exchange.keepsAlive = false }
        responseWritten(place)
    }

    private func contentType(of path: [UInt8]) -> StaticString {
        let dot = path.lastIndex(of: UInt8(ascii: ".")) ?? path.count - 1
        let ending = path[(dot + 1)...].map { $0 &- 0x41 < 26 ? $0 | 0x20 : $0 }
        for (name, type) in Self.contentTypes where matches(ending, name) { return type }
        return "application/octet-stream"
    }

    private static var contentTypes: [(StaticString, StaticString)] {
        [
            ("html", "text/html; charset=utf-8"), ("css", "text/css; charset=utf-8"),
            ("js", "text/javascript; charset=utf-8"), ("mjs", "text/javascript; charset=utf-8"),
            ("json", "application/json"), ("map", "application/json"), ("txt", "text/plain; charset=utf-8"),
            ("md", "text/markdown; charset=utf-8"), ("svg", "image/svg+xml"), ("png", "image/png"),
            ("jpg", "image/jpeg"), ("jpeg", "image/jpeg"), ("gif", "image/gif"), ("webp", "image/webp"),
            ("avif", "image/avif"), ("ico", "image/x-icon"), ("woff2", "font/woff2"), ("woff", "font/woff"),
            ("wasm", "application/wasm"), ("mp3", "audio/mpeg"), ("mp4", "video/mp4"), ("webm", "video/webm"),
            ("pdf", "application/pdf"), ("xml", "application/xml"),
            ("webmanifest", "application/manifest+json"),
        ]
    }
}
