// What a peer can do wrong in an open WebSocket, and the close code that answers it.

package enum WireError: Error, Equatable, CaseIterable {
    case reservedBits
    case unknownOpcode
    case unmaskedFrame
    case maskedFrame
    case controlTooLong
    case controlFragmented
    case lengthNotMinimal
    case lengthOverflow
    case messageTooLarge
    case tooManyFragments
    case unexpectedContinuation
    case expectedContinuation
    case invalidUTF8
    case invalidDeflate
    case closeBodyOfOneByte
    case invalidCloseCode
    case invalidCloseReason
    /// Not the peer's fault.
    case noMemory

    package var closeCode: CloseCode {
        switch self {
        case .invalidUTF8, .invalidDeflate, .invalidCloseReason: .invalidPayload
        case .messageTooLarge: .messageTooBig
        case .noMemory: .tryAgainLater
        case .tooManyFragments: .policyViolation
        case .reservedBits, .unknownOpcode, .unmaskedFrame, .maskedFrame, .controlTooLong, .controlFragmented,
            .lengthNotMinimal, .lengthOverflow, .unexpectedContinuation, .expectedContinuation,
            .closeBodyOfOneByte, .invalidCloseCode:
            .protocolError
        }
    }

    /// For the log and the reason of the close frame: at most 123 bytes.
    package var sentence: StaticString {
        switch self {
        case .reservedBits: "a reserved bit is set where no extension has a use for it"
        case .unknownOpcode: "the opcode is reserved"
        case .unmaskedFrame: "a client's frame is not masked"
        case .maskedFrame: "a server's frame is masked"
        case .controlTooLong: "a control frame is longer than 125 bytes"
        case .controlFragmented: "a control frame is fragmented"
        case .lengthNotMinimal: "the payload length is not in its shortest form"
        case .lengthOverflow: "the payload length is beyond 63 bits"
        case .messageTooLarge: "the message is larger than the limit"
        case .tooManyFragments: "the message has more fragments than the limit"
        case .unexpectedContinuation: "a continuation frame without a message to continue"
        case .expectedContinuation: "a new message inside a fragmented one"
        case .invalidUTF8: "a text message is not UTF-8"
        case .invalidDeflate: "a compressed message is not well compressed"
        case .closeBodyOfOneByte: "a close frame has a body of one byte"
        case .invalidCloseCode: "a close frame has a code that must not be sent"
        case .noMemory: "there is no memory for the message"
        case .invalidCloseReason: "the reason of a close frame is not UTF-8"
        }
    }
}
