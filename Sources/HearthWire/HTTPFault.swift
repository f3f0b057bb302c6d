// What can be wrong with a request, and the status that answers it.

package enum HTTPFault: Error, Equatable, CaseIterable {
    // The head as text.
    case badCharacter
    case badLineEnd
    case badRequestLine
    case badRequestTarget
    case badFieldName
    case foldedField
    case requestLineTooLong
    case headTooLarge
    case tooManyFields
    case unsupportedVersion
    case unsupportedMethod

    // What its fields say.
    case missingHost
    case badHost
    case duplicateField
    case badContentLength
    case twoBodyLengths
    case unsupportedTransferEncoding
    case transferEncodingInHTTP10
    case unsupportedExpectation

    // Bodies.
    case badChunk
    case contentTooLarge

    // Opening handshakes (RFC 6455 4.2.1).
    case upgradeIsNotGet
    case upgradeInHTTP10
    case upgradeHasBody
    case unsupportedWebSocketVersion
    case missingWebSocketKey
    case badWebSocketKey
    case badSubprotocol

    // For the engine.
    case requestTimeout
    case forbiddenOrigin

    package var status: Int {
        switch self {
        case .badCharacter, .badLineEnd, .badRequestLine, .badRequestTarget, .badFieldName, .foldedField,
            .missingHost, .badHost, .duplicateField, .badContentLength, .twoBodyLengths,
            .transferEncodingInHTTP10, .badChunk, .upgradeInHTTP10, .upgradeHasBody, .missingWebSocketKey,
            .badWebSocketKey, .badSubprotocol:
            400
        case .forbiddenOrigin: 403
        case .upgradeIsNotGet: 405
        case .requestTimeout: 408
        case .contentTooLarge: 413
        case .requestLineTooLong: 414
        case .unsupportedExpectation: 417
        case .unsupportedWebSocketVersion: 426
        case .headTooLarge, .tooManyFields: 431
        case .unsupportedMethod, .unsupportedTransferEncoding: 501
        case .unsupportedVersion: 505
        }
    }

    /// Fields that the answer must have (RFC 9110 15.5.6, 15.5.22; RFC 6455 4.4), each ended by CR LF.
    package var fields: StaticString {
        switch self {
        case .upgradeIsNotGet: "Allow: GET\r\n"
        case .unsupportedWebSocketVersion: "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        default: ""
        }
    }

    package var sentence: StaticString {
        switch self {
        case .badCharacter: "the request has a character that none may have"
        case .badLineEnd: "a line of the request does not end with CR LF"
        case .badRequestLine: "the first line is not a request line"
        case .badRequestTarget: "the request target is malformed"
        case .badFieldName: "a header field has no valid name"
        case .foldedField: "a header field goes on in a second line"
        case .requestLineTooLong: "the request line is longer than the limit"
        case .headTooLarge: "the request head is longer than the limit"
        case .tooManyFields: "the request has more header fields than the limit"
        case .unsupportedVersion: "the HTTP version is not 1.0 or 1.1"
        case .unsupportedMethod: "the method is not supported"
        case .missingHost: "the Host field is missing"
        case .badHost: "the Host field is malformed"
        case .duplicateField: "a header field that may come once came twice"
        case .badContentLength: "the Content-Length field is malformed"
        case .twoBodyLengths: "Content-Length and Transfer-Encoding came together"
        case .unsupportedTransferEncoding: "the transfer encoding is not chunked"
        case .transferEncodingInHTTP10: "HTTP/1.0 has no Transfer-Encoding"
        case .unsupportedExpectation: "the expectation is not 100-continue"
        case .badChunk: "the chunked body is malformed"
        case .contentTooLarge: "the body is larger than the limit"
        case .upgradeIsNotGet: "an opening handshake must be a GET request"
        case .upgradeInHTTP10: "an opening handshake needs HTTP/1.1"
        case .upgradeHasBody: "an opening handshake has no body"
        case .unsupportedWebSocketVersion: "the WebSocket version is not 13"
        case .missingWebSocketKey: "the Sec-WebSocket-Key field is missing"
        case .badWebSocketKey: "the Sec-WebSocket-Key field is not 16 bytes in base64"
        case .badSubprotocol: "the Sec-WebSocket-Protocol field is malformed"
        case .requestTimeout: "the request did not come in time"
        case .forbiddenOrigin: "the origin is not allowed"
        }
    }
}
