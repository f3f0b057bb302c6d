// The server's side of the opening handshake (RFC 6455 4.2). Hashing is the caller's.

package import HearthBytes

/// A handshake that may be accepted.
package struct Upgrade {
    /// Where the Sec-WebSocket-Key lies in the request.
    package let key: Range<Int>
}

package enum UpgradeCheck {
    case notUpgrade
    case upgrade(Upgrade)
    case rejected(HTTPFault)
}

package enum ServerHandshake {
    /// Whether the request opens a WebSocket, and rightly.
    package static func check(_ head: borrowing RequestHead, _ bytes: borrowing Span<UInt8>) -> UpgradeCheck {
        guard head.isUpgrade else { return .notUpgrade }
        if head.isHTTP10 { return .rejected(.upgradeInHTTP10) }
        if head.knownMethod != .get { return .rejected(.upgradeIsNotGet) }
        if head.isChunked || (head.contentLength ?? 0) > 0 { return .rejected(.upgradeHasBody) }
        guard let version = head.webSocketVersion, HTTPSyntax.equals(bytes, version, "13") else {
            return .rejected(.unsupportedWebSocketVersion)
        }
        guard let key = head.webSocketKey else { return .rejected(.missingWebSocketKey) }
        if !Base64.isKeyOf16Bytes(bytes, key) { return .rejected(.badWebSocketKey) }
        return offersTokens(head, bytes) ? .upgrade(Upgrade(key: key)) : .rejected(.badSubprotocol)
    }

    /// What the caller hashes with SHA-1: the key and the GUID of RFC 6455 1.3.
    package static func writeAcceptInput(
        _ upgrade: Upgrade, _ bytes: borrowing Span<UInt8>, into input: inout TextBuffer
    ) {
        input.append(bytes, upgrade.key)
        input.append("258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
    }

    /// Appends the whole response. `digest` is the SHA-1 of the accept input, 20 bytes. `subprotocol` must be
    /// one of those offered; empty: none. `fields` is a block that `HeaderBlock.isSafe` passes.
    package static func writeResponse(
        digest: borrowing Span<UInt8>, subprotocol: [UInt8], fields: [UInt8], into response: inout TextBuffer
    ) {
        response.append(switching)
        unsafe response.append(byCount: Base64.encodedCount(digest.count)) { place in
            unsafe Base64.encode(digest, to: place)
        }
        response.append("\r\n")
        if !subprotocol.isEmpty {
            response.append("Sec-WebSocket-Protocol: ")
            response.append(subprotocol)
            response.append("\r\n")
        }
        response.append(fields)
        response.append("\r\n")
    }

    private static var switching: StaticString {
        """
        HTTP/1.1 101 Switching Protocols\r
        Upgrade: websocket\r
        Connection: Upgrade\r
        Sec-WebSocket-Accept:\u{20}
        """
    }

    package static func writeResponse(
        digest: borrowing Span<UInt8>, subprotocol: [UInt8], into response: inout TextBuffer
    ) {
        writeResponse(digest: digest, subprotocol: subprotocol, fields: [], into: &response)
    }

    /// RFC 6455 4.1: the subprotocols offered are tokens.
    private static func offersTokens(_ head: borrowing RequestHead, _ bytes: borrowing Span<UInt8>) -> Bool {
        if !head.offersSubprotocols { return true }
        for index in 0..<head.fieldCount {
            let field = head.field(at: index)
            if !HTTPSyntax.matches(bytes, field.name, "sec-websocket-protocol") { continue }
            var rest = field.value
            while let item = HTTPSyntax.takeItem(bytes, &rest) {
                if !HTTPSyntax.isToken(bytes, item) { return false }
            }
        }
        return true
    }
}
