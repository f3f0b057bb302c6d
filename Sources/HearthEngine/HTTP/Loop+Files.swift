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
        let tag = entityTag(of: file)
        // RFC 9110 13.2.2: If-Match first.
        if head.value(of: "if-match", in: bytes.span) != nil,
            !isNamed(tag, by: "if-match", isWeak: false, bytes)
        {
            Socket.close(file.descriptor)
            return respondText(
                place, 412, "the file is another by now", ascii("ETag: ") + tag + ascii("\r\n"))
        }
        let isKnown = isNamed(tag, by: "if-none-match", isWeak: true, bytes)
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

    /// Two states of a file differ in it, also when both are written in one second.
    private func entityTag(of file: ServedFile) -> [UInt8] {
        var tag: [UInt8] = [UInt8(ascii: "\"")]
        for number in [file.modifiedAt, file.modifiedNanoseconds, UInt64(file.size), file.number] {
            if tag.count > 1 { tag.append(UInt8(ascii: "-")) }
            appendDecimal(number, to: &tag)
        }
        tag.append(UInt8(ascii: "\""))
        return tag
    }

    /// Whether the list of a condition has the tag, or is `*`, which any file is (RFC 9110 13.1.1, 13.1.2).
    /// Our tags have no commas.
    private func isNamed(
        _ tag: [UInt8], by name: StaticString, isWeak: Bool, _ bytes: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        var isNamed = false
        head.forEachListItem(of: name, in: bytes.span) { range in
            var item = bytes[range]
            if isWeak, item.starts(with: [UInt8(ascii: "W"), UInt8(ascii: "/")]) { item = item.dropFirst(2) }
            if item.elementsEqual(tag) || item.elementsEqual([UInt8(ascii: "*")]) { isNamed = true }
        }
        return isNamed
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
