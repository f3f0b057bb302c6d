// The server's side of the opening handshake (RFC 6455 4.2). Hashing is the caller's.

internal import HearthBytes

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
        _ upgrade: Upgrade, _ bytes: borrowing Span<UInt8>, into input: inout [UInt8]
    ) {
        append(bytes, upgrade.key.lowerBound, upgrade.key.upperBound, to: &input)
        append("258EAFA5-E914-47DA-95CA-C5AB0DC85B11", to: &input)
    }

    /// Appends the whole response. `digest` is the SHA-1 of the accept input, 20 bytes. `subprotocol` must be
    /// one of those offered; empty: none. `fields` is a block that `HeaderBlock.isSafe` passes.
    package static func writeResponse(
        digest: borrowing Span<UInt8>, subprotocol: [UInt8], fields: [UInt8], into response: inout [UInt8]
    ) {
        append(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n", to: &response
        )
        append("Sec-WebSocket-Accept: ", to: &response)
        Base64.encode(digest, into: &response)
        append("\r\n", to: &response)
        if !subprotocol.isEmpty {
            append("Sec-WebSocket-Protocol: ", to: &response)
            response += subprotocol
            append("\r\n", to: &response)
        }
        response += fields
        append("\r\n", to: &response)
    }

    package static func writeResponse(
        digest: borrowing Span<UInt8>, subprotocol: [UInt8], into response: inout [UInt8]
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
