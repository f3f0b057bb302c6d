// The client's side of the opening handshake (RFC 6455 4.1). Hashing and randomness are the caller's.

internal import HearthBytes

/// What a client asks for beside the address.
package struct HandshakeOffer {
    /// Tokens in the order of preference, as the field lists them; empty: none.
    package var subprotocols: [UInt8]
    /// The value of Sec-WebSocket-Extensions; empty: none.
    package var extensions: [UInt8]
    /// A block that `HeaderBlock.isSafeRequest` passes.
    package var fields: [UInt8]

    package init(subprotocols: [UInt8], extensions: [UInt8], fields: [UInt8]) {
        self.subprotocols = subprotocols
        self.extensions = extensions
        self.fields = fields
    }
}

package enum HandshakeFault: Error, Equatable {
    /// The server answered with HTTP and did not open a WebSocket.
    case status(Int)
    case switchedInHTTP10
    case missingUpgrade
    case missingConnection
    case missingAccept
    case wrongAccept
    case unofferedSubprotocol
    case severalSubprotocols
    case unofferedExtension
    case repeatedExtension

    package var sentence: StaticString {
        switch self {
        case .status: "the server answered with another status than 101"
        case .switchedInHTTP10: "the server switched protocols in HTTP/1.0"
        case .missingUpgrade: "the answer's Upgrade field is not websocket"
        case .missingConnection: "the answer's Connection field has no upgrade"
        case .missingAccept: "the answer has no Sec-WebSocket-Accept field"
        case .wrongAccept: "the answer's Sec-WebSocket-Accept field does not belong to our key"
        case .unofferedSubprotocol: "the server chose a subprotocol that was not offered"
        case .severalSubprotocols: "the server chose more than one subprotocol"
        case .unofferedExtension: "the server chose an extension that was not offered"
        case .repeatedExtension: "the server chose an extension twice"
        }
    }
}

package enum HandshakeCheck: Equatable {
    /// The subprotocol is where it lies in the response; nil: none was chosen.
    case accepted(subprotocol: Range<Int>?)
    case rejected(HandshakeFault)
}

package enum ClientHandshake {
    /// The Sec-WebSocket-Key of 16 random bytes.
    package static func key(random: borrowing Span<UInt8>) -> [UInt8] {
        precondition(random.count == 16, "RFC 6455 4.1: the nonce has 16 bytes")
        var key: [UInt8] = []
        Base64.encode(random, into: &key)
        return key
    }

    /// What the caller hashes with SHA-1.
    package static func acceptInput(key: [UInt8]) -> [UInt8] {
        var input = key
        append("258EAFA5-E914-47DA-95CA-C5AB0DC85B11", to: &input)
        return input
    }

    /// Appends the whole request. Fields of the program win over what the URL says.
    package static func writeRequest(
        _ url: WebSocketURL, key: [UInt8], _ offer: borrowing HandshakeOffer, into request: inout [UInt8]
    ) {
        append("GET ", to: &request)
        request += url.target
        append(" HTTP/1.1\r\n", to: &request)
        if !HeaderBlock.contains(offer.fields.span, "host") {
            append("Host: ", to: &request)
            request += url.hostField
            append("\r\n", to: &request)
        }
        append("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ", to: &request)
        request += key
        append("\r\nSec-WebSocket-Version: 13\r\n", to: &request)
        if !offer.subprotocols.isEmpty {
            append("Sec-WebSocket-Protocol: ", to: &request)
            request += offer.subprotocols
            append("\r\n", to: &request)
        }
        if !offer.extensions.isEmpty {
            append("Sec-WebSocket-Extensions: ", to: &request)
            request += offer.extensions
            append("\r\n", to: &request)
        }
        if !url.credentials.isEmpty, !HeaderBlock.contains(offer.fields.span, "authorization") {
            append("Authorization: Basic ", to: &request)
            Base64.encode(url.credentials.span, into: &request)
            append("\r\n", to: &request)
        }
        request += offer.fields
        append("\r\n", to: &request)
    }

    /// Whether the response opens the WebSocket that was asked for. `digest` is the SHA-1 of `acceptInput`.
    /// What the extensions say of their parameters is for those who speak them.
    package static func check(
        _ response: borrowing ReceivedResponse, _ bytes: borrowing Span<UInt8>,
        digest: borrowing Span<UInt8>, _ offer: borrowing HandshakeOffer
    ) -> HandshakeCheck {
        if response.status != 101 { return .rejected(.status(response.status)) }
        if response.isHTTP10 { return .rejected(.switchedInHTTP10) }
        guard let upgrade = response.value(of: "upgrade", in: bytes),
            HTTPSyntax.matches(bytes, upgrade, "websocket")
        else { return .rejected(.missingUpgrade) }
        var isConnectionUpgrade = false
        response.forEachListItem(of: "connection", in: bytes) {
            if HTTPSyntax.matches(bytes, $0, "upgrade") { isConnectionUpgrade = true }
        }
        if !isConnectionUpgrade { return .rejected(.missingConnection) }
        guard let accept = response.value(of: "sec-websocket-accept", in: bytes) else {
            return .rejected(.missingAccept)
        }
        var expected: [UInt8] = []
        Base64.encode(digest, into: &expected)
        if !equals(bytes, accept, expected.span, 0..<expected.count) { return .rejected(.wrongAccept) }
        if let fault = checkExtensions(response, bytes, offer) { return .rejected(fault) }
        return checkSubprotocol(response, bytes, offer)
    }

    /// RFC 6455 4.1: what was not asked for fails the connection.
    private static func checkSubprotocol(
        _ response: borrowing ReceivedResponse, _ bytes: borrowing Span<UInt8>,
        _ offer: borrowing HandshakeOffer
    ) -> HandshakeCheck {
        var chosen: Range<Int>?
        for index in 0..<response.fieldCount {
            let field = response.field(at: index)
            if !HTTPSyntax.matches(bytes, field.name, "sec-websocket-protocol") { continue }
            if chosen != nil { return .rejected(.severalSubprotocols) }
            chosen = field.value
        }
        guard let chosen else { return .accepted(subprotocol: nil) }
        var rest = 0..<offer.subprotocols.count
        while let offered = HTTPSyntax.takeItem(offer.subprotocols.span, &rest) {
            if equals(bytes, chosen, offer.subprotocols.span, offered) {
                return .accepted(subprotocol: chosen)
            }
        }
        for index in chosen where bytes[index] == UInt8(ascii: ",") {
            return .rejected(.severalSubprotocols)
        }
        return .rejected(.unofferedSubprotocol)
    }

    private static func checkExtensions(
        _ response: borrowing ReceivedResponse, _ bytes: borrowing Span<UInt8>,
        _ offer: borrowing HandshakeOffer
    ) -> HandshakeFault? {
        var names: [Range<Int>] = []
        var fault: HandshakeFault?
        response.forEachListItem(of: "sec-websocket-extensions", in: bytes) { item in
            let name = extensionName(bytes, item)
            for earlier in names where equals(bytes, name, bytes, earlier) { fault = .repeatedExtension }
            names.append(name)
            var isOffered = false
            var rest = 0..<offer.extensions.count
            while let offered = HTTPSyntax.takeItem(offer.extensions.span, &rest) {
                let offeredName = extensionName(offer.extensions.span, offered)
                if equals(bytes, name, offer.extensions.span, offeredName) { isOffered = true }
            }
            if !isOffered { fault = .unofferedExtension }
        }
        return fault
    }

    /// Without the parameters.
    private static func extensionName(_ bytes: borrowing Span<UInt8>, _ item: Range<Int>) -> Range<Int> {
        var end = item.lowerBound
        while end < item.upperBound, bytes[end] != UInt8(ascii: ";") { end += 1 }
        return HTTPSyntax.trim(bytes, item.lowerBound..<end)
    }

    private static func equals(
        _ left: borrowing Span<UInt8>, _ leftRange: Range<Int>, _ right: borrowing Span<UInt8>,
        _ rightRange: Range<Int>
    ) -> Bool {
        if leftRange.count != rightRange.count { return false }
        for index in 0..<leftRange.count
        where left[leftRange.lowerBound + index] != right[rightRange.lowerBound + index] {
            return false
        }
        return true
    }
}
